#!/usr/bin/env bats
# What kgent says about a program and its contract: wrong variants, assertions of the program itself, the annotated view, losses, Ctrl-C, and comparing two programs.
# One condition a line: of a list joined by && only the last one could fail a test.
bats_require_minimum_version 1.5.0

setup() {
	: "${KGENT:?the program to test}"
	cd "$BATS_TEST_TMPDIR"
	unset NO_COLOR KGENT_BPFTRACE
	cat >sum.bt <<-'END'
	tracepoint:syscalls:sys_exit_read /args->ret > 0/ { @[comm] = sum(args->ret); }
	END
	cat >sum.yaml <<-'END'
	for: bytes read by process
	on: [tracepoint:syscalls:sys_exit_read]
	only if: args.ret > 0
	by: [comm]
	sum: args.ret
	END
	"$KGENT" check sum.bt --no-load >/dev/null 2>&1 || skip "bpftrace can't compile here"
}

json() { python3 -c '
import json, sys
last = json.loads(sys.stdin.read().splitlines()[-1])
print(eval(sys.argv[1], {"last": last}))' "$1"; }

# ---------------------------------------------------------------- wrong variants

@test "--mutate: a good contract refutes the wrong variants of a program that it proves" {
	run --separate-stderr "$KGENT" check sum.bt --contract sum.yaml --no-load --mutate --json
	[ "$status" = 0 ]
	[ "$(json 'last["proof"]["result"]' <<<"$output")" = proved ]
	[ "$(json 'last["mutants"]["wrong"] >= 8' <<<"$output")" = True ]
	[ "$(json 'last["mutants"]["refuted"] == last["mutants"]["wrong"]' <<<"$output")" = True ]
	[ "$(json 'all(v["by"] for v in last["mutants"]["variants"] if v["result"] == "refuted")' <<<"$output")" = True ]
	[ "$(json '[v["by"] for v in last["mutants"]["variants"] if v["what"] == "by pid instead of comm"]' <<<"$output")" = "[['by comm']]" ]
}

@test "--mutate: a contract that asks for nothing proves nothing, and that is no success" {
	cat >empty.yaml <<-'END'
	for: anything at all
	on: [interval:s:1]
	END
	cat >count.bt <<-'END'
	interval:s:1 { @ = count(); @n[1] = 2; }
	END
	run --separate-stderr "$KGENT" check count.bt --contract empty.yaml --no-load --mutate --json
	echo "$output"
	[ "$status" = 4 ]
	[ "$(json 'last["mutants"]["wrong"] > 0' <<<"$output")" = True ]
	[ "$(json 'last["mutants"]["refuted"]' <<<"$output")" = 0 ]
	[ "$(json '[c["result"] for c in last["checks"] if c["name"] == "proof"]' <<<"$output")" = "['not checked']" ]
	[[ $(json '[c["detail"] for c in last["checks"] if c["name"] == "proof"]' <<<"$output") == *"refutes none of"*"it proves nothing"* ]]
}

@test "--mutate: what survives is told with what it shows instead" {
	cat >weak.yaml <<-'END'
	for: reads by process
	on: [tracepoint:syscalls:sys_exit_read]
	only if: args.ret > 0
	by: [comm]
	END
	cat >count.bt <<-'END'
	tracepoint:syscalls:sys_exit_read /args->ret > 0/ { @[comm] = count(); }
	END
	run --separate-stderr "$KGENT" check count.bt --contract weak.yaml --no-load --mutate
	echo "$output"
	[[ $output == *'survives  line 1: sum(2) for count()  it shows @["cat"]: 2 instead of @["cat"]: 1'* ]]
	[[ $output == *"refuted"*"not by comm"* ]]
}

@test "--mutate needs a contract" {
	run --separate-stderr "$KGENT" check sum.bt --mutate
	[ "$status" = 2 ]
	[[ $stderr == *--contract* ]]
}

# ---------------------------------------------------------------- assertions of the program itself

@test "assert() is proved or refuted with a replayed counterexample, and never reaches bpftrace" {
	cat >a.bt <<-'END'
	tracepoint:syscalls:sys_exit_read {
	  assume(args->ret > 0);
	  assert(args->ret != 0);
	  assert(args->ret < 4096);
	  @[comm] = sum(args->ret);
	}
	END
	run --separate-stderr "$KGENT" check a.bt --no-load --json
	[ "$status" = 4 ]
	[ "$(json '[(r["kind"], r["what"], r["result"], r["program"]["line"]) for r in last["proof"]["obligations"]]' <<<"$output")" = \
		"[('assert', 'args->ret != 0', 'proved', 3), ('assert', 'args->ret < 4096', 'refuted', 4)]" ]
	[ "$(json 'last["proof"]["obligations"][1]["counterexamples"][0]["replayed"]' <<<"$output")" = True ]
	[ "$(json '[c["result"] for c in last["checks"] if c["name"] == "build"]' <<<"$output")" = "['passed']" ]
}

@test "what a program assumes does not weaken its contract" {
	cat >a.bt <<-'END'
	tracepoint:syscalls:sys_exit_read { assume(args->ret > 0); @[comm] = sum(args->ret); }
	END
	run --separate-stderr "$KGENT" check a.bt --contract sum.yaml --no-load --json
	[ "$status" = 4 ]
	[ "$(json 'last["proof"]["result"]' <<<"$output")" = refuted ]
}

@test "an assertion that nothing reaches, or that stands behind an impossible assumption, is not called proved" {
	cat >a.bt <<-'END'
	tracepoint:syscalls:sys_exit_read { if (0) { assert(pid == 1); } @ = count(); }
	END
	run --separate-stderr "$KGENT" check a.bt --no-load --json
	[ "$status" = 4 ]
	[ "$(json '[r["result"] for r in last["proof"]["obligations"]]' <<<"$output")" = "['unknown']" ]
	[[ $output == *"the compiler has removed it"* ]]
	cat >b.bt <<-'END'
	tracepoint:syscalls:sys_exit_read { assume(pid < 1 && pid > 5); assert(pid == 1); @ = count(); }
	END
	run --separate-stderr "$KGENT" check b.bt --no-load --json
	[ "$status" = 4 ]
	[[ $output == *"nothing satisfies what is assumed before it"* ]]
	[[ $output == *"assume(pid < 1 && pid > 5) in line 1: nothing satisfies it"* ]]
}

@test "assertions in C: proved, refuted, never reached" {
	command -v clang >/dev/null || skip "clang is not installed"
	cat >a.c <<-'END'
	#include <linux/bpf.h>
	#include <bpf/bpf_helpers.h>
	#include <kgent/bpf_assert.h>
	char LICENSE[] SEC("license") = "GPL";
	SEC("tracepoint/sched/sched_process_exec")
	int on_exec(void *ctx)
	{
	 __u32 pid = bpf_get_current_pid_tgid() >> 32;
	 kg_assert(pid != 3);
	 kg_assume(pid > 5);
	 kg_assert(pid != 3);
	 kg_assert(pid < 1000);
	 if (pid == 4)
	  kg_assert(pid == 7);
	 return 0;
	}
	END
	clang -target bpf -I"$BATS_TEST_DIRNAME/../../include" -I"/usr/include/$(uname -m)-linux-gnu" -O2 -g -c a.c -o a.o || skip "clang does not compile for bpf here"
	run --separate-stderr "$KGENT" check a.o --json
	echo "$output"
	[ "$status" = 4 ]
	[ "$(json '[(r["what"], r["result"]) for r in last["proof"]["obligations"]]' <<<"$output")" = \
		"[('line 9 of on_exec', 'refuted'), ('line 11 of on_exec', 'proved'), ('line 12 of on_exec', 'refuted'), ('line 14 of on_exec', 'unknown')]" ]
	[ "$(json 'last["proof"]["obligations"][2]["counterexamples"][0]["replayed"]' <<<"$output")" = True ]
}

@test "names of maps that are kgent's own, and assert() as a value, are refused" {
	run --separate-stderr "$KGENT" check --no-load - <<<'BEGIN { @__kg_assert_1 = 1; }'
	[ "$status" = 4 ]
	[[ $output == *"kgent's own"* ]]
	run --separate-stderr "$KGENT" check --no-load - <<<'BEGIN { $x = assume(1); }'
	[ "$status" = 4 ]
	[[ $output == *"statement of a probe"* ]]
}

# ---------------------------------------------------------------- the annotated view

@test "--annotate shows assumptions and assertions below their lines" {
	sed 's/sum(args->ret)/sum(args->ret + 1)/' sum.bt >wrong.bt
	run --separate-stderr "$KGENT" check wrong.bt --contract sum.yaml --no-load --annotate
	[ "$status" = 4 ]
	[[ $output == *"    1 | tracepoint:"*"assert refuted  sum of args.ret by comm"*"by way of  "*"line 1: the predicate holds, since args->ret > 0 is true"*"the program shows"*"asked for"* ]]
	[[ $output == *"assert proved  by comm  (contract)"* ]]
	[[ $output != *$'\033'* ]]
}

@test "--html writes a page of its own, with all text escaped" {
	cat >x.bt <<-'END'
	tracepoint:syscalls:sys_exit_read /args->ret > 0/ { @[comm] = sum(args->ret); /* <script>alert(1)</script> & */ }
	END
	run --separate-stderr "$KGENT" check x.bt --contract sum.yaml --no-load --html page.html
	[ "$status" = 0 ]
	grep -q '&lt;script&gt;alert(1)&lt;/script&gt; &amp;' page.html
	run grep -c '<script' page.html
	[ "$output" = 0 ]
	grep -q 'prefers-color-scheme: dark' page.html
	run grep -Ec 'src=|href=|url\(' page.html
	[ "$output" = 0 ]
}

@test "--html marks the lines that a counterexample decides in" {
	printf 'tracepoint:syscalls:sys_exit_read\n/args->ret > -5/\n{\n\t@[comm] = sum(args->ret);\n}\n' >wrong.bt
	run --separate-stderr "$KGENT" check wrong.bt --contract sum.yaml --no-load --html page.html
	[ "$status" = 4 ]
	grep -q '<div class="line way"><span class="no">2</span>' page.html
	run grep -c 'class="line way"' page.html
	[ "$output" = 1 ]
}

# ---------------------------------------------------------------- losses, bounds, Ctrl-C

@test "what can be lost without a trace stands in the proof, with what removes it" {
	run --separate-stderr "$KGENT" check sum.bt --contract sum.yaml --no-load --json
	[ "$(json 'last["proof"]["losses"][0]["what"]' <<<"$output")" = "new keys of @ (by comm) when it holds 4096 entries" ]
	[ "$(json 'last["proof"]["losses"][0]["program"]["line"]' <<<"$output")" = 1 ]
	[[ $(json 'last["proof"]["losses"][0]["mend"]' <<<"$output") == *BPFTRACE_MAP_KEYS_MAX* ]]
}

@test "a proof that was interrupted tells what is known, and is no success" {
	{ # very many paths
		echo 'tracepoint:syscalls:sys_enter_read {'
		for bit in 1 2 4 8 16 32 64 128 256 512 1024 2048 4096 8192 16384 32768 65536 131072; do echo "if (args->count & $bit) { @a = $bit; }"; done
		echo '@n[comm] = count(); }'
	} >slow.bt
	cat >slow.yaml <<-'END'
	for: reads by process
	on: [tracepoint:syscalls:sys_enter_read]
	by: [comm]
	count: true
	END
	set +e
	cat >interrupt.py <<-'END'
	import os, signal, subprocess, sys, time
	# the proof runs in a child of its own, with the parent's name; others have it for a moment, before they execute something
	p = subprocess.Popen(sys.argv[1:], stdout=open("out.json", "w"))
	name = os.path.basename(sys.argv[1])[:15]  # as in /proc/PID/comm, once it is executed
	def provers():
	    ps = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(p.pid)], stdout=subprocess.PIPE, text=True).stdout
	    return {line.split()[0] for line in ps.splitlines() if line.split()[1:] == [name]}
	before, until = set(), time.time() + 60
	while p.poll() is None and time.time() < until:
	    now = provers()
	    if before & now:
	        break
	    before = now
	    time.sleep(0.2)
	p.send_signal(signal.SIGINT)
	sys.exit(p.wait())
	END
	python3 interrupt.py "$KGENT" check slow.bt --contract slow.yaml --no-load --json --bound time=300 --bound paths=1000000
	status=$?
	set -e
	cat out.json
	[ "$status" = 4 ]
	[ "$(json 'last["proof"].get("limit")' <out.json)" = "it was interrupted" ]
	[ "$(json 'last["proof"]["result"]' <out.json)" = unknown ]
}

# ---------------------------------------------------------------- diff

@test "diff: bad input is told from a difference" {
	run --separate-stderr "$KGENT" diff sum.bt
	[ "$status" = 2 ]
	run --separate-stderr "$KGENT" diff sum.bt sum.bt sum.bt
	[ "$status" = 2 ]
	run --separate-stderr "$KGENT" diff - -
	[ "$status" = 2 ]
	run --separate-stderr "$KGENT" diff sum.bt missing.bt
	[ "$status" = 2 ]
	[[ $stderr == *missing.bt* ]]
	run --separate-stderr "$KGENT" diff sum.bt - <<<'tracepoint:x { prin'
	[ "$status" = 4 ]
	[[ $stderr == *"does not parse"* ]]
	run --separate-stderr "$KGENT" diff sum.bt - <<<'BEGIN { system("id"); }'
	[ "$status" = 5 ]
	run --separate-stderr "$KGENT" diff sum.bt - <<<'BEGIN { @__kg_assert_1 = 1; }'
	[ "$status" = 4 ]
}

@test "diff: for people, with the names of the files" {
	sed 's/> 0/>= 0/' sum.bt >other.bt
	run --separate-stderr "$KGENT" diff sum.bt other.bt
	[ "$status" = 4 ]
	[[ $output == different* ]]
	[[ $output == *"args->ret = 0"* ]]
	[[ $output == *"sum.bt shows"*nothing* ]]
	[[ $output == *"other.bt shows"*"@["* ]]
	run --separate-stderr "$KGENT" diff sum.bt sum.bt
	[ "$status" = 0 ]
	[ "$output" = same ]
}

# ---------------------------------------------------------------- contracts of sentences

@test "contract: a sentence's contract is YAML or JSON, reads again, and is what check --prompt asks" {
	"$KGENT" contract count mkdirs by process >mkdir.yaml
	[ "$(head -1 mkdir.yaml)" = "for: count mkdirs by process" ]
	grep -q "tracepoint:syscalls:sys_exit_mkdirat" mkdir.yaml
	"$KGENT" contract "count mkdirs by process" --json | python3 -c 'import json, sys; assert json.load(sys.stdin)["for"] == "count mkdirs by process"'
	echo 'tracepoint:syscalls:sys_enter_mkdir, tracepoint:syscalls:sys_enter_mkdirat { @n[comm] = count(); }' >right.bt
	echo 'tracepoint:syscalls:sys_enter_mkdir, tracepoint:syscalls:sys_enter_mkdirat { @n[pid] = count(); }' >wrong.bt
	"$KGENT" check right.bt --contract mkdir.yaml --no-load >/dev/null
	"$KGENT" check right.bt --prompt "count mkdirs by process" --no-load >/dev/null
	run "$KGENT" check wrong.bt --contract mkdir.yaml --no-load
	[ "$status" -eq 4 ]
	run "$KGENT" check wrong.bt --prompt "count mkdirs by process" --no-load
	[ "$status" -eq 4 ]
	[[ $output == *"process is not what it is grouped by"* ]]
}

@test "contract: a sentence that is not understood has none, and the words are named" {
	run "$KGENT" contract "count mkdirs by container image"
	[ "$status" -eq 3 ]
	[[ $output == *'words not understood: "by container image"'* ]]
	[[ $output == *"docs/contracts.md"* ]]
	run "$KGENT" check sum.bt --prompt "count mkdirs by container image" --no-load
	[ "$status" -eq 3 ]
	run "$KGENT" check sum.bt --prompt "count mkdirs" --contract sum.yaml
	[ "$status" -eq 2 ]
	[[ $output == *"exclude each other"* ]]
	run "$KGENT" contract
	[ "$status" -eq 2 ]
	[[ $output == *"the sentence is empty"* ]]
}
