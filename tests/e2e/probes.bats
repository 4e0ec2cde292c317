#!/usr/bin/env bats
# kgent probes and kgent doctor as their users see them: on a profile of a kernel with kprobes, and on this machine.
bats_require_minimum_version 1.5.0

setup() {
	: "${KGENT:?the program to test}"
	HERE=$BATS_TEST_DIRNAME
	cd "$BATS_TEST_TMPDIR"
	unset NO_COLOR KGENT_BPFTRACE ANTHROPIC_API_KEY OPENAI_API_KEY OLLAMA_HOST
}

profile() { # a kernel with kprobes, whatever runs here
	command -v xz >/dev/null || skip "xz is not installed"
	mkdir -p p
	tar -xJf "$HERE/../profiles/debian-6.12-amd64.tar.xz" -C p
}
json() { python3 -c '
import json, sys
o = json.loads(sys.stdin.read())
print(eval(sys.argv[1], {"o": o}))' "$1"; }

@test "probes finds attach points by words, with their arguments" {
	profile
	run --separate-stderr "$KGENT" probes --profile p tcp retransmit
	[ "$status" = 0 ]
	[[ $output == *"tracepoint:tcp:tcp_retransmit_skb"* ]]
	[[ $output == *"struct sock *sk, struct sk_buff *skb, int segs"* ]]
}

@test "probes says what was meant by a wrong name" {
	profile
	run --separate-stderr "$KGENT" probes --profile p kprobe:tcp_conect
	[ "$status" = 6 ]
	[ -z "$output" ]
	[[ $stderr == *"there is no kprobe:tcp_conect"* ]]
	[[ $stderr == *"did you mean kprobe:tcp_connect?"* ]]
}

@test "probes looks one up: usable, and its fields with their types" {
	profile
	run --separate-stderr "$KGENT" probes --profile p tracepoint:sock:inet_sock_set_state
	[ "$status" = 0 ]
	[[ $output == *"can be used"* ]]
	[[ $output == *"args->sport"*"__u16 sport"* ]]
	[[ $output == *"args->saddr_v6"*"__u8 saddr_v6[16]"* ]]
	run --separate-stderr "$KGENT" probes --profile p fexit:vfs_read
	[ "$status" = 0 ]
	[[ $output == *"retval"*"ssize_t"* ]]
}

@test "probes says why a function can't be traced" {
	profile
	run --separate-stderr "$KGENT" probes --profile p kprobe:do_syscall_64
	[ "$status" = 6 ]
	[[ $output == *"not in the kernel's list of traceable functions"* ]]
}

@test "probes takes patterns, and a limit" {
	profile
	run --separate-stderr "$KGENT" probes --profile p 'tracepoint:syscalls:sys_enter_open*'
	[ "$status" = 0 ]
	[ "${lines[0]}" = tracepoint:syscalls:sys_enter_open ]
	run --separate-stderr "$KGENT" probes --profile p 'kprobe:tcp_*' -n 3
	[ "$status" = 0 ]
	[ "${#lines[@]}" = 3 ]
	[[ $stderr == *"--limit 0"* ]]
	run --separate-stderr "$KGENT" probes --profile p 'kprobe:tcp_*' -n 0
	[ "${#lines[@]}" -gt 100 ]
	run --separate-stderr "$KGENT" probes --profile p 'kprobe:no_such_*'
	[ "$status" = 6 ]
}

@test "probes --json is one object" {
	profile
	run --separate-stderr "$KGENT" probes --profile p --json kprobe:tcp_connect
	[ "$status" = 0 ]
	[ "$(json 'o["type"], o["exit"], o["probes"][0]["usable"], o["probes"][0]["fields"][0]["type"]' <<<"$output")" = "('probes', 0, 'yes', 'struct sock *')" ]
	run --separate-stderr "$KGENT" probes --profile p --json kprobe:tcp_conect
	[ "$status" = 6 ]
	[ "$(json 'o["probes"], o["problem"]["hint"], o["exit"]' <<<"$output")" = "([], 'did you mean kprobe:tcp_connect?', 6)" ]
}

@test "probes: command lines that make no sense" {
	for args in "" "--limit x kprobe:y" "--limit -1 y" "--nonsense" "kprobe:"; do
		# shellcheck disable=SC2086
		run --separate-stderr "$KGENT" probes $args
		[ "$status" = 2 ] || { echo "$args: $status"; false; }
		[ -z "$output" ]
		[ -n "$stderr" ]
	done
	run --separate-stderr "$KGENT" probes --profile /nonexistent tcp
	[ "$status" = 6 ]
}

@test "probes makes control characters harmless" {
	mkdir evil
	printf '{"format": 1, "release": "1\\u001b[31m", "arch": "x"}' >evil/meta.json
	printf 'good\n\033[31mred\n' >evil/functions
	run --separate-stderr "$KGENT" probes --profile evil $'kprobe:x\033[2J'
	[[ "$output$stderr" != *$'\033'* ]]
	run --separate-stderr "$KGENT" probes --profile evil 'kprobe:*'
	[[ "$output$stderr" != *$'\033'* ]]
}

@test "probes tells the same of the running kernel as bpftrace does" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	command -v bpftrace >/dev/null || skip "bpftrace is not installed"
	bpftrace -l 'tracepoint:sched:*' 2>/dev/null | sort >theirs
	[ -s theirs ] || skip "bpftrace lists no tracepoints"
	"$KGENT" probes 'tracepoint:sched:*' -n 0 | grep '^tracepoint' | sort >ours
	diff theirs ours
}

@test "doctor: what is missing has a cost, and the exit code says whether kgent can work" {
	run --separate-stderr "$KGENT" doctor --json
	[ "$(json 'o["type"], o["exit"] == '"$status"', o["can_work"] == (o["exit"] == 0)' <<<"$output")" = "('doctor', True, True)" ]
	[ "$(json '[f["name"] for f in o["findings"] if f["state"] in ("missing", "limited") and not f["cost"]]' <<<"$output")" = "[]" ]
	run --separate-stderr "$KGENT" doctor
	[[ $output == *"kernel"*"privileges"*"tools"* ]]
	run --separate-stderr "$KGENT" doctor nonsense
	[ "$status" = 2 ]
}

@test "doctor for an ordinary user names what is missing and how to get it" {
	[ "$(id -u)" = 0 ] || skip "needs root, to become somebody else"
	mkdir -p home && chmod 777 home
	chmod 755 "$BATS_TEST_TMPDIR"
	run --separate-stderr env HOME="$PWD/home" setpriv --reuid=65534 --regid=65534 --clear-groups -- "$KGENT" doctor
	[ "$status" = 6 ]
	[[ $output == *"CAP_BPF"* ]]
	[[ $output == *"sudo kgent"* ]]
}

@test "doctor shows no key" {
	run --separate-stderr env OPENAI_API_KEY=sk-very-secret "$KGENT" doctor
	[[ $output == *OPENAI_API_KEY* ]]
	[[ "$output$stderr" != *sk-very-secret* ]]
}
