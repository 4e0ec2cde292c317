# kgent trial as its users see it.

setup() {
	cd "$BATS_TEST_TMPDIR"
	export XDG_CACHE_HOME="$BATS_TEST_TMPDIR/cache" NO_COLOR=1
	printf 'tracepoint:syscalls:sys_enter_openat { @opens[comm] = count(); }\n' >opens.bt
	printf 'tracepoint:syscalls:sys_enter_openat, tracepoint:syscalls:sys_exit_openat { @opens[comm] = count(); }\n' >twice.bt
	printf 'stimulus: open --count 12\nexpect:\n  - {row: [$comm], is: $open.count}\n' >opens.yaml
}

needs_root() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ -d /sys/kernel/tracing/events ] || skip "needs tracefs"
	command -v bpftrace >/dev/null || skip "needs bpftrace"
}

@test "trial: the stimuli are listed" {
	run "$KGENT" trial --list
	[ "$status" -eq 0 ]
	[[ $output == *tcp-connect* ]]
}

@test "trial: the list is JSON, too" {
	"$KGENT" trial --list --json | python3 -c 'import json, sys; assert any(s["name"] == "open" for s in json.load(sys.stdin))'
}

@test "trial: a right program shows what happened" {
	needs_root
	run "$KGENT" trial opens.bt --expect opens.yaml
	[ "$status" -eq 0 ]
	[[ $output == *"trial: as expected"* ]]
	[[ $output =~ "seen      a row with kgs"[0-9]+": 12" ]]
}

@test "trial: a program that counts twice is found out" {
	needs_root
	run "$KGENT" trial twice.bt --expect opens.yaml
	[ "$status" -eq 4 ]
	[[ $output == *"trial: not as expected"* ]]
	[[ $output =~ "too much  a row with kgs"[0-9]+": 12" ]]
	[[ $output =~ "[kgs"[0-9]+"] 24" ]]
}

@test "trial: an expectation that the output misses is not seen" {
	needs_root
	printf 'stimulus: open --count 12\nexpect:\n  - {row: [$comm, $pid], is: 12}\n' >both.yaml
	run "$KGENT" trial opens.bt --expect both.yaml
	[ "$status" -eq 4 ]
	[[ $output =~ "not seen  a row with kgs"[0-9]+", "[0-9]+": 12" ]]
}

@test "trial: options of the stimulus stand behind --" {
	needs_root
	run "$KGENT" trial opens.bt --stimulus open --json -- --count 7 --comm other
	[ "$status" -eq 0 ]
	echo "$output" | tail -1 | python3 -c 'import json, sys
o = json.load(sys.stdin)
assert o["type"] == "trial" and o["truth"]["open"]["count"] == 7 and o["truth"]["comm"] == "other" and o["judgement"] == "nothing was expected", o'
}

@test "trial: a script is a stimulus, its last JSON object the truth" {
	needs_root
	printf 'echo begin\n"$KGENT_STIMULUS" open --count 3 --comm one >/dev/null\necho "{\\"n\\":3}"\n' >both.sh
	printf 'expect:\n  - {row: [one], is: $n}\n' >n.yaml
	run "$KGENT" trial opens.bt -s ./both.sh --expect n.yaml
	[ "$status" -eq 0 ]
}

@test "trial: a stimulus that can't be had here says so, and is no judgement" {
	needs_root
	run "$KGENT" trial opens.bt -s "open --dir /no/such/dir" --expect opens.yaml
	[ "$status" -eq 6 ]
	[[ $output == *"no stimulus: can't make a directory"* ]]
}

@test "trial: what makes no events is no trial" {
	needs_root
	run "$KGENT" trial opens.bt -s "open --help"
	[ "$status" -eq 6 ]
	[[ $output == *"it made no events"* ]]
	printf 'exit 5\n' >bad.sh
	run "$KGENT" trial opens.bt -s ./bad.sh
	[ "$status" -eq 6 ]
	[[ $output == *"the stimulus ended with exit code 5"* ]]
}

@test "trial: an unknown stimulus is a mistake of the command line" {
	needs_root
	run "$KGENT" trial opens.bt -s nonsense
	[ "$status" -eq 2 ]
	[[ $output == *'there is no stimulus "nonsense"'* ]]
}

@test "trial: an expectation about what the stimulus does not tell is an error" {
	needs_root
	printf 'stimulus: open\nexpect:\n  - {row: [$comm], is: $opens.count}\n' >bad.yaml
	run "$KGENT" trial opens.bt --expect bad.yaml
	[ "$status" -ne 0 ]
	[[ $output == *'line 3: the stimulus told no "opens.count"'* ]]
}

@test "trial: a mistake in the expectations is told with its line, before anything runs" {
	printf 'stimulus: open\nexpect:\n  - {rwo: [a]}\n' >bad.yaml
	run "$KGENT" trial opens.bt --expect bad.yaml
	[ "$status" -ne 0 ]
	[[ $output == *"bad.yaml:3: an expectation has no key 'rwo'; did you mean 'row'?"* ]]
}

@test "trial: a program that changes the system is not tried" {
	printf 'BEGIN { system("touch %s/ran"); }\n' "$PWD" >system.bt
	run "$KGENT" trial system.bt -s open
	[ "$status" -eq 5 ]
	[ ! -e ran ]
}

@test "trial: a program that is none is not tried" {
	printf 'tracepoint:nonsense {\n' >bad.bt
	run "$KGENT" trial bad.bt -s open
	[ "$status" -eq 4 ]
	[[ $output == *"it was not tried: a check failed"* ]]
}

@test "trial: without a stimulus, a file or with words too many it says what is missing" {
	run "$KGENT" trial
	[ "$status" -eq 2 ]
	run "$KGENT" trial opens.bt
	[ "$status" -eq 2 ]
	[[ $output == *"what makes the events?"* ]]
	run "$KGENT" trial opens.bt more --expect opens.yaml
	[ "$status" -eq 2 ]
	run "$KGENT" trial missing.bt -s open
	[ "$status" -eq 2 ]
	run "$KGENT" trial opens.bt -s 'open "'
	[ "$status" -eq 2 ]
	run "$KGENT" trial opens.bt -s ./no-script
	[ "$status" -eq 2 ]
	run "$KGENT" trial opens.bt -s open --for soon
	[ "$status" -eq 2 ]
}

@test "trial: a kernel that is not there is a clear error" {
	run "$KGENT" trial opens.bt -s open --kernel 9.99
	[ "$status" -eq 6 ]
	[[ $output == *9.99* ]]
}

@test "trial: ask takes auto, always and never" {
	run "$KGENT" "count file opens by process" -n --trial sometimes
	[ "$status" -eq 2 ]
	[[ $output == *"it is auto, always or never"* ]]
	run "$KGENT" "count file opens by process" -n --trial never
	[[ $output == *"not checked  trial            not asked for"* ]]
}

@test "trial: a request is tried against its own expectations, and that is a row of its verdict" {
	needs_root
	run "$KGENT" "count file opens by process" -n --trial always
	[ "$status" -eq 0 ]
	[[ $output == *"verdict: proved"* ]]
	[[ $output == *"passed       trial"* ]]
}

@test "trial: where nothing follows from the request, it says why" {
	needs_root
	run "$KGENT" "top 3 processes by file opens" -n --trial always
	[[ $output == *"verdict: proved"* ]]
	[[ $output == *"it need not be among the top 3"* ]]
}

@test "trial: an interrupted trial ends, and leaves nothing behind" {
	needs_root
	"$KGENT" trial opens.bt -s "spin --ms 20000" --for 60s >out 2>&1 &
	pid=$!
	sleep 3
	kill -INT $pid
	wait $pid || true
	sleep 1
	run pgrep -x kgent-stimulus
	[ "$status" -ne 0 ]
}

@test "trial: a program that shows something else than was asked for is refuted, and not run" {
	needs_root
	cp -r "$KGENT_DATA" data
	sed -i '/^name: file-open$/,/^ways:/s/count: \$open.count/count: ($open.count + 1)/' data/events/files.yaml
	KGENT_DATA="$PWD/data" run "$KGENT" "count file opens by process" --yes --for 1s --trial always
	[ "$status" -eq 4 ]
	[[ $output == *"verdict: refuted"* ]]
	[[ $output =~ "failed       trial            expected a row with kgs"[0-9]+": 21; it showed: [kgs"[0-9]+"] 20" ]]
	[[ $output == *"the stimulus was: kgent-stimulus open"* ]]
	[[ $output == *"nothing was run"* ]]
}

@test "trial: the JSON of a request has its trial" {
	needs_root
	"$KGENT" "count file opens by process" -n --trial always --json | tail -1 | python3 -c 'import json, sys
o = json.load(sys.stdin)
assert o["verdict"] == "proved" and o["trial"]["end"] == "ran" and o["trial"]["truth"]["open"]["count"] == 20, o
assert [f["outcome"] for f in o["trial"]["findings"]] == ["seen"], o'
}
