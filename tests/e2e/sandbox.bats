#!/usr/bin/env bats
# Other kernels, as their users see them: kgent kernel, and --kernel of the other commands. Everything runs as an ordinary user; kernels are
# fetched once and kept in $KGENT_TEST_CACHE. One condition a line: of a list joined by && only the last one could fail a test.
bats_require_minimum_version 1.5.0

as_user() { # as nobody where this is root, with a home of its own
	local user=()
	[ "$(id -u)" != 0 ] || user=(setpriv --reuid=65534 --regid=65534 --clear-groups --)
	${EXEC:-} env HOME="$KGENT_TEST_CACHE" XDG_CACHE_HOME="${CACHE:-$KGENT_TEST_CACHE}" XDG_CONFIG_HOME="$KGENT_TEST_CACHE/config" "${user[@]}" "$@"
}
kgent() { as_user "$KGENT" "$@"; }
kgent_exec() { EXEC=exec as_user "$KGENT" "$@"; } # in the background $! is kgent itself
wait_machine() { # of the kgent with this process id
	for _ in $(seq 1200); do
		machine=$(pgrep -P "$1" qemu || true)
		[ -z "$machine" ] || return 0
		kill -0 "$1" || return 1
		sleep 0.05
	done
	return 1
}

setup_file() {
	: "${KGENT:?the program to test}" "${KGENT_TEST_CACHE:?where kernels are kept}"
	mkdir -p "$KGENT_TEST_CACHE"
	[ "$(id -u)" != 0 ] || chown 65534:65534 "$KGENT_TEST_CACHE"
	export WHY_NOT=
	for version in 6.1 6.12; do
		[ -d "$KGENT_TEST_CACHE/kgent/kernels/$version" ] || kgent kernel add "$version" --name "$version" >&2 ||
			WHY_NOT="no kernel $version can be had here"
	done
}

setup() {
	cd "$BATS_TEST_TMPDIR"
	chmod 755 . .. ../.. 2>/dev/null || true
	cat >conn.bt <<-'END'
	kprobe:tcp_connect
	{
		printf("%s\n", comm);
	}
	END
	cat >refused.bt <<-'END'
	interval:s:1 { exit(); }
	kfunc:vfs_read
	{
		if (args->count > 10) { @ = *(uint64 *)((uint64)args->file + args->count); }
	}
	END
	cat >new.bt <<-'END'
	kprobe:folio_add_anon_rmap_ptes { @ = count(); }
	END
}

teardown() {
	! mountpoint -q small || umount small
}

needs_kernels() { [ -z "$WHY_NOT" ] || skip "$WHY_NOT"; }
json() { python3 -c '
import json, sys
last = json.loads(sys.stdin.read().splitlines()[-1])
print(eval(sys.argv[1], {"last": last}))' "$1"; }
all_gone() { # within some seconds
	for _ in $(seq 100); do
		kill -0 "$@" 2>/dev/null || return 0
		sleep 0.05
	done
	return 1
}
parts_left() { find "$1" -name '.part-*' 2>/dev/null; }

# ---------------------------------------------------------------- kgent kernel

@test "kernel list and show tell what there is" {
	needs_kernels
	run --separate-stderr kgent kernel list
	[ "$status" = 0 ]
	[[ ${lines[0]} == 6.1\ * ]]
	[[ ${lines[1]} == 6.12\ * ]]
	run --separate-stderr kgent kernel show 6.12
	[ "$status" = 0 ]
	[[ $output == *"release      6.12"* ]]
	[[ $output == *functions* ]]
	[[ $output != *missing* ]]
	run --separate-stderr kgent kernel list --json
	[ "$(json 'last["type"], [k["name"] for k in last["kernels"]], last["exit"]' <<<"$output")" = "('kernels', ['6.1', '6.12'], 0)" ]
}

@test "the profile of a booted kernel has its functions, tracepoints, configuration and modules" {
	needs_kernels
	for version in 6.1 6.12; do
		dir=$KGENT_TEST_CACHE/kgent/kernels/$version/profile
		[ "$(grep -c '^@ ' "$dir/formats")" -gt 2000 ]
		[ "$(wc -l <"$dir/functions")" -gt 40000 ]
		grep -q '^CONFIG_KPROBES=y' "$dir/config"
		grep -q '^tcp_connect$' "$dir/functions"
		grep -q '^@ xfs:' "$dir/formats"
		[ -s "$dir/btf.xfs" ]
		[ -s "$dir/btf" ]
	done
}

@test "what can't be added is said, with what to do, and leaves nothing" {
	needs_kernels
	run --separate-stderr kgent kernel add
	[ "$status" = 2 ]
	run --separate-stderr kgent kernel add 99.1
	[ "$status" != 0 ]
	[[ $stderr == *"have no kernel 99.1"* ]]
	run --separate-stderr kgent kernel add no-such-package-at-all
	[ "$status" != 0 ]
	[[ $stderr == *"Unable to locate package"* ]]
	run --separate-stderr kgent kernel add "$PWD/conn.bt"
	[ "$status" != 0 ]
	[[ $stderr == *"neither a kernel image"* ]]
	run --separate-stderr kgent kernel add ./no-such.deb
	[ "$status" != 0 ]
	[[ $stderr == *"there is no file"* ]]
	run --separate-stderr kgent kernel add 6.1 --name ../evil
	[ "$status" = 2 ]
	run --separate-stderr kgent kernel add 6.1 --name 6.1
	[ "$status" = 2 ]
	[[ $stderr == *"--force"* ]]
	run --separate-stderr kgent kernel frobnicate
	[ "$status" = 2 ]
	run --separate-stderr kgent kernel add --rm -rf
	[ "$status" = 2 ]
	[ -z "$(parts_left "$KGENT_TEST_CACHE")" ]
}

@test "an add that is killed leaves nothing half, and no machine" {
	needs_kernels
	kgent_exec kernel add 6.1 --name half 2>log 3>&- &
	pid=$!
	for _ in $(seq 600); do
		! grep -q booting log || break
		sleep 0.05
	done
	wait_machine "$pid"
	kill -KILL "$pid"
	wait "$pid" || true
	all_gone "$machine"
	run --separate-stderr kgent kernel list
	[[ $output != *half* ]]
	run --separate-stderr kgent kernel add 99.1 # any further one clears up
	[ -z "$(parts_left "$KGENT_TEST_CACHE/kgent/kernels")" ]
}

@test "a full disk is said, and nothing is left on it" {
	needs_kernels
	[ "$(id -u)" = 0 ] || skip "needs root, to make a small disk"
	mkdir small
	mount -t tmpfs -o size=20m,mode=1777 none small || skip "no file system can be mounted"
	CACHE=$PWD/small run --separate-stderr kgent kernel add 6.1
	left=$(find small -type f | wc -l)
	umount small
	[ "$status" != 0 ]
	[ -n "$stderr" ]
	[ "$left" = 0 ]
}

@test "without room for a saved state, kernels are booted each time" {
	needs_kernels
	[ "$(id -u)" = 0 ] || skip "needs root, to make a small disk"
	mkdir small
	mount -t tmpfs -o size=600m,mode=1777 none small || skip "no file system can be mounted"
	mkdir -p small/kgent/kernels/6.12
	tar -C "$KGENT_TEST_CACHE/kgent/kernels/6.12" --exclude='state-*' -cf - . | tar -C small/kgent/kernels/6.12 -xf -
	chown -R 65534:65534 small
	CACHE=$PWD/small run --separate-stderr kgent check conn.bt --kernel 6.12
	umount small
	[ "$status" = 0 ]
	[[ $stderr == *"not enough room for a saved state"* ]]
	[[ $output == *"verdict: loaded"* ]]
}

@test "kernel remove takes a kernel away with all that belongs to it" {
	needs_kernels
	mkdir -p home/kgent/kernels
	cp -a --sparse=always "$KGENT_TEST_CACHE/kgent/kernels/6.1" home/kgent/kernels/gone
	[ "$(id -u)" != 0 ] || chown -R 65534:65534 home
	CACHE=$PWD/home run --separate-stderr kgent kernel remove go
	[ "$status" != 0 ]
	CACHE=$PWD/home run --separate-stderr kgent kernel remove gone
	[ "$status" = 0 ]
	[ ! -e home/kgent/kernels/gone ]
	CACHE=$PWD/home run --separate-stderr kgent kernel remove gone
	[ "$status" != 0 ]
	[[ $stderr == *"there is no kernel"* ]]
}

# ---------------------------------------------------------------- --kernel

@test "a kprobe program loads on both kernels, without a privilege" {
	needs_kernels
	run --separate-stderr kgent check conn.bt --kernel 6.1 --kernel 6.12
	[ "$status" = 0 ]
	[[ ${lines[0]} == conn.bt ]]
	[[ ${lines[1]} == *6.1\ *loads* ]]
	[[ ${lines[2]} == *6.12\ *loads* ]]
}

@test "a refusal has the reason, the instruction and the source line" {
	needs_kernels
	run --separate-stderr kgent check refused.bt --kernel 6.1 --kernel 6.12
	[ "$status" = 4 ]
	[[ $output == *refused*"line 2"*vfs_read*"at instruction"* ]]
	[[ $output == *"2 | kfunc:vfs_read"* ]]
}

@test "an attach point that one kernel lacks is told for that one" {
	needs_kernels
	run --separate-stderr kgent check new.bt --kernel 6.1 --kernel 6.12
	[ "$status" = 4 ]
	[[ ${lines[1]} == *6.1\ *"not there"* ]]
	[[ $output == *6.12\ *loads* ]]
}

@test "a kernel that is not what it is called answers nothing" {
	needs_kernels
	mkdir -p home/kgent/kernels
	cp -a --sparse=always "$KGENT_TEST_CACHE/kgent/kernels/6.12" home/kgent/kernels/other
	sed -i "s/\"release\": *\"[^\"]*\"/\"release\": \"$(uname -r)\"/" home/kgent/kernels/other/meta.json
	[ "$(id -u)" != 0 ] || chown -R 65534:65534 home
	CACHE=$PWD/home run --separate-stderr kgent check conn.bt --kernel other
	[ "$status" = 6 ]
	[[ $output == *"is kept as Linux $(uname -r), but Linux 6.12"* ]]
	[[ $output == *"verdict: not loaded"* ]]
	# nor for the running kernel, which an ordinary user may not ask
	CACHE=$PWD/home run --separate-stderr kgent check conn.bt
	[[ $output != *"verdict: loaded"* ]]
}

@test "check for kernels in JSON" {
	needs_kernels
	run --separate-stderr kgent check new.bt --kernel 6.1 --kernel 6.12 --json
	[ "$status" = 4 ]
	[ "$(json 'last["type"], last["exit"], [(k["kernel"], k["verdict"]) for k in last["kernels"]]' <<<"$output")" = \
		"('check', 4, [('6.1', 'rejected'), ('6.12', 'loaded')])" ]
	run --separate-stderr kgent check conn.bt --kernel 6.12 --json
	[ "$status" = 0 ]
	[ "$(json 'last["type"], last["kernel"], last["verdict"]' <<<"$output")" = "('result', '6.12', 'loaded')" ]
}

@test "check --no-load with a kernel reads its profile only" {
	needs_kernels
	run --separate-stderr kgent check conn.bt --kernel 6.1 --no-load
	[ "$status" = 0 ]
	[[ $output == *"verdict: not loaded"* ]]
}

@test "a sentence for another kernel is checked there and not run" {
	needs_kernels
	run --separate-stderr kgent "count tcp connections by process" --kernel 6.12 --yes
	[ "$status" = 0 ]
	[ -z "$output" ]
	[[ $stderr == *"verdict: proved"* ]] # with that kernel's types, and its verifier
	[[ $stderr == *"nothing was run"* ]]
}

@test "probes and explain take a kernel" {
	needs_kernels
	run --separate-stderr kgent probes kprobe:folio_add_anon_rmap_ptes --kernel 6.12
	[ "$status" = 0 ]
	run --separate-stderr kgent probes kprobe:folio_add_anon_rmap_ptes --kernel 6.1
	[ "$status" != 0 ]
	run --separate-stderr kgent explain conn.bt --kernel 6.1
	[ "$status" = 0 ]
	[[ $output == *"struct sock *"* ]]
}

@test "wrong uses of --kernel are usage errors or say what there is" {
	needs_kernels
	run --separate-stderr kgent check conn.bt --kernel 9.9
	[ "$status" != 0 ]
	[[ $stderr == *"there is no kernel \"9.9\""* ]]
	[[ $stderr == *"6.1, 6.12"* ]]
	run --separate-stderr kgent check conn.bt --kernel 6.1 --kernel 6.1
	[ "$status" = 2 ]
	run --separate-stderr kgent check conn.bt --kernel 6.1 --profile /
	[ "$status" = 2 ]
	run --separate-stderr kgent "count system calls" --kernel 6.1 --pid 1
	[ "$status" = 2 ]
	run --separate-stderr kgent check conn.bt --kernel
	[ "$status" = 2 ]
}

@test "a check that is killed takes its machine with it" {
	needs_kernels
	kgent_exec check conn.bt --kernel 6.12 >/dev/null 2>&1 3>&- &
	pid=$!
	wait_machine "$pid"
	kill -KILL "$pid"
	wait "$pid" || true
	all_gone "$machine"
}

@test "doctor tells of virtual machines" {
	needs_kernels
	run --separate-stderr kgent doctor
	[[ $output == *"virtual machines"*"QEMU, busybox and bpftrace are there"* ]]
	[[ $output == *"6.1, 6.12"* ]]
}
