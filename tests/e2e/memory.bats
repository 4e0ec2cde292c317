#!/usr/bin/env bats
# kgent memory as its users see it, and that a request goes on whatever is wrong with the memory.
# One condition a line: of a list joined by && only the last one could fail a test.
bats_require_minimum_version 1.5.0

setup() {
	: "${KGENT:?the program to test}"
	cd "$BATS_TEST_TMPDIR"
	unset KGENT_MEMORY NO_COLOR
	export XDG_DATA_HOME=$BATS_TEST_TMPDIR/data
	DB=$XDG_DATA_HOME/kgent/memory.db
	PROFILE=$(profile)
}

profile() { # of a kernel that every machine can answer for, without privileges
	local dir=$BATS_FILE_TMPDIR/profile
	if [ ! -d "$dir" ]; then
		mkdir "$dir"
		tar -xJf "$KGENT_TESTS/profiles/debian-6.1-amd64.tar.xz" -C "$dir"
	fi
	echo "$dir"
}
ask() { "$KGENT" -n --profile "$PROFILE" "$@"; }
json() { python3 -c '
import json, sys
lines = [json.loads(line) for line in sys.stdin.read().splitlines()]
last = lines[-1]
print(eval(sys.argv[1], {"lines": lines, "last": last}))' "$1"; }

# ---------------------------------------------------------------- learning

@test "a request is kept, once it is answered, and found again" {
	ask "count system calls by process" >program.bt 2>/dev/null
	[ "$(stat -c %a "$DB")" = 600 ]
	run --separate-stderr "$KGENT" memory list --source run --json
	[ "$status" = 0 ]
	[ "$(json 'len(last["pairs"])' <<<"$output")" = 1 ]
	[ "$(json 'last["pairs"][0]["request"]' <<<"$output")" = "count system calls by process" ]
	[ "$(json 'last["pairs"][0]["engine"]' <<<"$output")" = builtin ]
	[ "$(json 'last["pairs"][0]["kernel"][:3]' <<<"$output")" = 6.1 ]
	[ "$(json 'last["pairs"][0]["program"]' <<<"$output")" = "$(cat program.bt)" ]
	ask "count system calls by process" >/dev/null 2>&1
	[ "$("$KGENT" memory list --source run --json | json 'last["pairs"][0]["count"]')" = 2 ]
	[ "$("$KGENT" memory search "count the system calls of each process" --source run --json | json 'len(last["pairs"])')" = 1 ]
}

@test "a request is not kept with --no-memory, with KGENT_MEMORY=off, and when it was refused" {
	ask --no-memory "count system calls by process" >/dev/null 2>&1
	KGENT_MEMORY=off ask "count system calls by process" >/dev/null 2>&1
	run -3 ask "count the dreams of penguins"
	[ ! -e "$DB" ]
	KGENT_MEMORY=$PWD/elsewhere.db ask "count system calls by process" >/dev/null 2>&1
	[ ! -e "$DB" ]
	[ -e elsewhere.db ]
}

@test "what one process only was asked for does not become an example" {
	ask --pid $$ "count system calls by process" >/dev/null 2>&1
	[ ! -e "$DB" ]
}

# ---------------------------------------------------------------- looking at it

@test "the shipped examples are there at once" {
	run --separate-stderr "$KGENT" memory search "who deletes files"
	[ "$status" = 0 ]
	[[ ${lines[0]} == *ID*REQUEST* ]]
	[[ $output == *"who deletes files, and which?"* ]]
	[ "$("$KGENT" memory stats --json | json 'last["stats"]["corpus"] >= 80')" = True ]
	[ "$("$KGENT" memory stats --json | json 'last["stats"]["vectors"] == last["stats"]["wordings"]')" = True ]
	run --separate-stderr "$KGENT" memory search "tcp retransmits" --failed --limit 1
	[[ $output == *"why: "* ]]
	run --separate-stderr "$KGENT" memory search "tcp retransmits" --good --json
	[ "$(json 'all(p["reason"] is None for p in last["pairs"])' <<<"$output")" = True ]
}

@test "one pair is shown with its program and what it came to" {
	ask "count system calls by process" >/dev/null 2>&1
	id=$("$KGENT" memory list --source run --json | json 'last["pairs"][0]["id"]')
	run --separate-stderr "$KGENT" memory show "$id"
	[ "$status" = 0 ]
	[[ $output == *"request   count system calls by process"* ]]
	[[ $output == *"outcome   not loaded on 6.1"* ]]
	[[ $output == *"tracepoint:raw_syscalls:sys_enter"* ]]
}

@test "text of the memory can't reach the terminal raw" {
	printf '[{"request":"evil \\u001b[31m \\u009b \\u202e request\\u0007","bpf":"x \\u001b]0;title\\u0007","reason":"why \\u001b[2J","verdict":"rejected"}]' >evil.json
	"$KGENT" memory import evil.json 2>/dev/null
	"$KGENT" memory list --source import --programs >out
	"$KGENT" memory search "evil request" --source import --programs >>out
	"$KGENT" memory show "$("$KGENT" memory list --source import --json | json 'last["pairs"][0]["id"]')" >>out
	[ "$(grep -c 'x1b' out)" -ge 6 ]
	run grep -P '[\x00-\x08\x0b-\x1f\x7f]' out
	[ "$status" = 1 ]
}

# ---------------------------------------------------------------- forgetting

@test "a pair is forgotten; a shipped one comes back with recall only" {
	id=$("$KGENT" memory search "who deletes files" --limit 1 --json | json 'last["pairs"][0]["id"]')
	"$KGENT" memory forget "$id"
	run -2 --separate-stderr "$KGENT" memory show "$id"
	[[ $stderr == *"there is no pair $id"* ]]
	[ "$("$KGENT" memory stats --json | json 'last["stats"]["forgotten"]')" = 1 ]
	"$KGENT" memory recall
	[ "$("$KGENT" memory stats --json | json 'last["stats"]["forgotten"]')" = 0 ]
	[ "$("$KGENT" memory search "who deletes files" --limit 1 --json | json 'last["pairs"][0]["name"]')" = deletes ]
}

@test "everything is forgotten only when that is confirmed" {
	echo '{"request":"a","bpf":"x"}' | "$KGENT" memory import - 2>/dev/null
	run -2 --separate-stderr "$KGENT" memory forget --all
	[[ $stderr == *"--yes"* ]]
	"$KGENT" memory forget --all --source import --yes
	[ "$("$KGENT" memory stats --json | json 'last["stats"]["import"]')" = 0 ]
	[ "$("$KGENT" memory stats --json | json 'last["stats"]["corpus"] > 0')" = True ]
	"$KGENT" memory forget --all --yes
	[ "$("$KGENT" memory stats --json | json 'last["stats"]["pairs"]')" = 0 ]
}

# ---------------------------------------------------------------- import and export

@test "an import takes what is good, and names what is not" {
	printf '[{"request":"a","bpf":"x"},\n{"request":"b"},\n5,\n{"request":"c","bpf":"y"}]' >ken.json
	run --separate-stderr "$KGENT" memory import ken.json
	[ "$status" = 0 ]
	[[ $stderr == *"skipped record 2 (line 2): it has no program"* ]]
	[[ $stderr == *"skipped record 3 (line 3): it is no object"* ]]
	[[ $stderr == *"2 pairs are new, 0 were known, 2 bad records were skipped"* ]]
	[ "$("$KGENT" memory import ken.json --json 2>/dev/null | json 'last["imported"]["known"]')" = 2 ]
	echo 'request,bpf' >table.csv
	run -2 --separate-stderr "$KGENT" memory import table.csv
	[[ $stderr == *"this is no JSON"* ]]
	run -2 --separate-stderr "$KGENT" memory import nowhere.json
	echo '[{"request":"a"}]' >none.json
	run -2 --separate-stderr "$KGENT" memory import none.json
}

@test "what is exported comes back the same in another memory" {
	printf '[{"request":"a \\u001b","bpf":"x\\n","also":["b"]}]' | "$KGENT" memory import - 2>/dev/null
	ask "count system calls by process" >/dev/null 2>&1
	"$KGENT" memory export >one.jsonl
	[ "$(wc -l <one.jsonl)" = 2 ]
	KGENT_MEMORY=$PWD/other.db "$KGENT" memory import one.jsonl 2>/dev/null
	KGENT_MEMORY=$PWD/other.db "$KGENT" memory export >two.jsonl
	cmp one.jsonl two.jsonl
	"$KGENT" memory export -o file.jsonl
	cmp one.jsonl file.jsonl
	run -2 "$KGENT" memory export -o file.jsonl
	"$KGENT" memory export -o file.jsonl --force --corpus
	[ "$(wc -l <file.jsonl)" -gt 80 ]
	run -1 sh -c '"$KGENT" memory export --corpus >/dev/full'
}

# ---------------------------------------------------------------- what goes wrong

@test "a damaged memory is moved aside, said, and the request goes on" {
	mkdir -p "$XDG_DATA_HOME/kgent"
	echo "not a memory any more" >"$DB"
	run --separate-stderr ask "count system calls by process"
	[ "$status" = 0 ]
	[[ $output == *raw_syscalls* ]]
	[[ $stderr == *"the memory was damaged: it was moved to "* ]]
	[ "$(cat "$DB".damaged-*)" = "not a memory any more" ]
	[ "$("$KGENT" memory list --source run --json | json 'len(last["pairs"])')" = 1 ]
}

@test "a memory of a newer kgent is left alone, and the request goes on" {
	"$KGENT" memory stats >/dev/null
	python3 -c '
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(60)
    f.write((99).to_bytes(4, "big"))' "$DB"
	before=$(sha256sum "$DB")
	run --separate-stderr ask "count system calls by process"
	[ "$status" = 0 ]
	[[ $stderr == *"was written by a newer kgent"* ]]
	run -6 --separate-stderr "$KGENT" memory list
	[[ $stderr == *"this one was not touched"* ]]
	[ "$before" = "$(sha256sum "$DB")" ]
	[ "$(ls "$XDG_DATA_HOME/kgent")" = memory.db ]
}

@test "somebody else's file is left alone" {
	echo "my notes" >notes.txt
	run -6 --separate-stderr env KGENT_MEMORY="$PWD/notes.txt" "$KGENT" memory list
	[[ $stderr == *"is no memory of kgent"* ]]
	[ "$(cat notes.txt)" = "my notes" ]
	run -6 env KGENT_MEMORY="$PWD" "$KGENT" memory list
	run -6 env KGENT_MEMORY=/dev/null "$KGENT" memory list
	run -2 --separate-stderr env KGENT_MEMORY=off "$KGENT" memory list
	[[ $stderr == *"switched off"* ]]
}

@test "a full disk costs the new pair only" {
	[ "$(id -u)" = 0 ] || skip "needs root to mount a small file system"
	unshare -m true 2>/dev/null || skip "no mount namespace can be made here"
	mkdir -p "$XDG_DATA_HOME/kgent"
	cat >inside <<-'END'
	set -e
	mount -t tmpfs -o size=1600k none "$XDG_DATA_HOME/kgent"
	"$KGENT" memory stats >/dev/null
	echo '{"request":"before","bpf":"x"}' | "$KGENT" memory import - 2>/dev/null
	dd if=/dev/zero of="$XDG_DATA_HOME/kgent/fill" bs=4k 2>/dev/null || true
	"$KGENT" -n --profile "$PROFILE" "count system calls by process" >program 2>said
	grep -q "this request is not kept in memory" said
	grep -q "make room on the disk" said
	rm "$XDG_DATA_HOME/kgent/fill"
	"$KGENT" memory stats --json >stats
	"$KGENT" -n --profile "$PROFILE" "count system calls by process" >/dev/null 2>&1
	"$KGENT" memory stats --json >later
	END
	KGENT=$KGENT PROFILE=$PROFILE unshare -m sh inside
	grep -q raw_syscalls program
	[ "$(json 'last["stats"]["import"], last["stats"]["run"]' <stats)" = "(1, 0)" ]
	[ "$(json 'last["stats"]["import"], last["stats"]["run"]' <later)" = "(1, 1)" ]
	[ "$(json 'last["notes"]' <stats)" = "[]" ]
}

@test "two at once lose nothing" {
	for who in 1 2 3 4; do
		for i in $(seq 100); do echo "{\"request\":\"request $i of $who\",\"bpf\":\"x\"}"; done >"$who.jsonl"
	done
	for who in 1 2 3 4; do "$KGENT" memory import "$who.jsonl" 2>"said.$who" & done
	wait
	cat said.*
	[ "$("$KGENT" memory stats --json | json 'last["stats"]["import"]')" = 400 ]
}

# ---------------------------------------------------------------- usage

@test "what makes no sense is told" {
	for words in "" "dance" "list more" "show" "show x" "show 0" "show 1 2" "search" "search a --limit 0" "list --limit -1" "list --source moon" \
		"list --good --failed" "forget" "forget one" "import" "import a b" "export x" "stats x" "recall x" "forget --all 5"; do
		# shellcheck disable=SC2086
		run -2 --separate-stderr "$KGENT" memory $words
		[ -z "$output" ]
		[[ $stderr == kgent:* ]]
	done
	run -2 --separate-stderr "$KGENT" memory leaks of nginx
	[[ $stderr == *"put in quotes"* ]]
	run "$KGENT" help memory
	[[ $output == *"recall"* ]]
}
