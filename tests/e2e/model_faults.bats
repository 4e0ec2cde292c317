#!/usr/bin/env bats
# Servers that fail, keys that must not leak, configurations that make no sense.
bats_require_minimum_version 1.5.0
load model

setup() { model_setup; }
teardown() { model_teardown; }

model() { run --separate-stderr timeout 60 "$KGENT" --engine model --base-url "$U" --model fake -n "$@"; }
config() { printf '[kgent]\n%s\n' "$@" >home/.config/kgent/config.ini; chmod 600 home/.config/kgent/config.ini; }
TEXT='"text": "```\ntracepoint:syscalls:sys_enter_openat { @opens[comm] = count(); }\n```"'

# answers FAULT...: with each of these the answer comes through
answers() {
	local fault
	for fault in "$@"; do
		serve "[{$TEXT, \"fault\": \"$fault\"}]"
		model --json "$ASK"
		echo "$fault: $status $stderr"
		[[ $(last 'r["program"]') == *"@opens[comm]"* ]]
	done
}
# fails MESSAGE ELEMENT [REQUESTS]: the request ends with that message, after so many requests, and no other provider is asked
fails() {
	serve "[$2]"
	model "$ASK"
	echo "$2: $status $stderr"
	[ "$status" = 6 ]
	[[ $stderr == *"$1"* ]]
	[ "$(asked 'len(requests)')" = "${3:-1}" ]
}

# ---------------------------------------------------------------- streams

@test "openai: one value, reasoning, unknown fields, CRLF, no [DONE], parts, slow" {
	answers nostream reasoning odd crlf nodone array slow
}

@test "anthropic: one value, reasoning, unknown events, CRLF" {
	for fault in nostream reasoning odd crlf; do
		serve "[{$TEXT, \"fault\": \"$fault\"}]"
		run --separate-stderr timeout 60 "$KGENT" --engine model --provider anthropic --base-url "$U/v1/" --model fake -n --json "$ASK"
		echo "$fault: $status $stderr"
		[[ $(last 'r["program"]') == *"@opens[comm]"* ]]
	done
}

@test "a stream that ends too early is an error that says so" {
	fails "the answer was cut off" "{$TEXT, \"fault\": \"cut\"}"
	fails "the answer was cut off" "{$TEXT, \"fault\": \"broken\"}"
	for fault in cut nodone; do
		serve "[{$TEXT, \"fault\": \"$fault\"}]"
		run --separate-stderr timeout 60 "$KGENT" --engine model --provider anthropic --base-url "$U" --model fake -n "$ASK"
		[ "$status" = 6 ]
		[[ $stderr == *"the answer was cut off"* ]]
	done
}

@test "what is not of the protocol, empty, or reports an error" {
	fails "is not JSON of the openai protocol" '{"fault": "json"}'
	fails "is not JSON of the openai protocol" '{"fault": "html"}'
	fails "answered with nothing" '{"fault": "empty"}'
	fails "too much at once" "{$TEXT, \"fault\": \"error\"}"
}

@test "endless and huge answers are bounded" {
	fails "longer than 1024 KiB" '{"fault": "endless"}'
	fails "longer than 1024 KiB" '{"fault": "huge"}'
}

@test "a silent server is given up" {
	serve "[{$TEXT, \"fault\": \"silent\", \"seconds\": 30}]"
	config "timeout = 1s"
	model "$ASK"
	[ "$status" = 6 ]
	[[ $stderr == *"was silent for 1 s"* ]]
	# one that is never silent for long, and does not come to an end within ten times that
	config "timeout = 2s"
	serve "[{\"text\": \"$(printf 'and so on %.0s' $(seq 60))\", \"fault\": \"slow\", \"seconds\": 0.4}]"
	model "$ASK"
	[ "$status" = 6 ]
	[[ $stderr == *"did not come to an end"* ]]
}

# ---------------------------------------------------------------- statuses

@test "429 with Retry-After in seconds and as a date is tried again; the answer comes" {
	for after in 1 "$(TZ=GMT LC_ALL=C date -d '+1 second' '+%a, %d %b %Y %H:%M:%S GMT')"; do
		serve "[{\"fault\": \"status\", \"status\": 429, \"headers\": {\"Retry-After\": \"$after\"}}, {$TEXT}]"
		model --json "$ASK"
		[[ $(last 'r["program"]') == *"@opens[comm]"* ]]
		[ "$(last 'r["model"]["requests"]')" = 2 ]
		rm -rf cache/kgent/answers
	done
}

@test "5xx and a dropped connection are tried again" {
	serve "[{\"fault\": \"status\", \"status\": 503}, {\"fault\": \"drop\"}, {$TEXT}]"
	model --json "$ASK"
	[[ $(last 'r["program"]') == *"@opens[comm]"* ]]
	[ "$(last 'r["model"]["requests"]')" = 3 ]
}

@test "a Retry-After beyond all patience is said and not waited for" {
	fails "try again in 3600 s" '{"fault": "status", "status": 429, "headers": {"Retry-After": "3600"}}'
}

@test "a used up quota is final, in each of its forms" {
	fails "quota or credit used up" '{"fault": "status", "status": 429, "body": {"error": {"message": "You exceeded your current quota", "type": "insufficient_quota", "code": "insufficient_quota"}}}'
	fails "quota or credit used up" '{"fault": "status", "status": 402, "body": {"error": {"message": "Insufficient Balance"}}}'
	fails "quota or credit used up" '{"fault": "status", "status": 400, "body": {"type": "error", "error": {"type": "invalid_request_error", "message": "Your credit balance is too low to access the API"}}}'
}

@test "401, 403, 404, 400, context too long, redirects: final, with what to do" {
	fails "wants a key" '{"fault": "status", "status": 401}'
	fails "refuses access (HTTP 403)" '{"fault": "status", "status": 403}'
	fails "does not know the model fake" '{"fault": "status", "status": 404}'
	fails "so it is" '{"fault": "status", "status": 400}'
	fails "the question is too long" '{"fault": "status", "status": 400, "body": {"error": {"code": "context_length_exceeded", "message": "too many tokens"}}}'
	fails "which is not followed" '{"fault": "redirect", "to": "http://127.0.0.1:1/v1/chat/completions"}'
	fails "HTTP 418" '{"fault": "status", "status": 418, "body": "I am a teapot, and no JSON"}'
}

@test "a request is adapted to what a server takes" {
	answers adapt
	[ "$(asked '[sorted(set(r["body"]) & {"max_tokens", "max_completion_tokens", "temperature", "stream_options"}) for r in requests][-1]')" = "['max_completion_tokens']" ]
}

@test "no server, no host, no such command, a command that fails, hangs, or floods" {
	run --separate-stderr timeout 60 "$KGENT" --engine model --base-url http://127.0.0.1:9/v1 --model x -n "$ASK"
	[ "$status" = 6 ]
	[[ $stderr == *"no server answers there"* ]]
	run --separate-stderr timeout 60 "$KGENT" --engine model --provider "command:/nonexistent/x" -n "$ASK"
	[ "$status" = 6 ]
	[[ $stderr == *"there is no program /nonexistent/x"* ]]
	run --separate-stderr timeout 60 "$KGENT" --engine model --provider "command:sh -c 'echo no luck today >&2; exit 3'" -n "$ASK"
	[ "$status" = 6 ]
	[[ $stderr == *"ended with exit code 3"*"no luck today"* ]]
	config "timeout = 1s"
	run --separate-stderr timeout 30 "$KGENT" --engine model --provider "command:sh -c 'sleep 1234567 & sleep 1234567'" -n "$ASK"
	[ "$status" = 6 ]
	[[ $stderr == *"did not end within 1 s"* ]]
	sleep 0.2
	[ -z "$(pgrep -f 'sleep 1234567')" ]
	run --separate-stderr timeout 30 "$KGENT" --engine model --provider "command:yes" -n "$ASK"
	[ "$status" = 6 ]
	[[ $stderr == *"longer than 1024 KiB"* ]]
}

@test "Ctrl-C cancels a request at once, and the command's processes with it" {
	serve "[{$TEXT, \"fault\": \"silent\", \"seconds\": 30}]"
	for provider in "--base-url $U --model fake" "--provider command:$PWD/slow"; do
		printf '#!/bin/sh\nsleep 7654321 &\necho >slow-began\nsleep 7654321\n' >slow
		chmod +x slow
		# shellcheck disable=SC2086
		"$KGENT" --engine model $provider -n "$ASK" >out 2>err 3>&- &
		pid=$!
		began=slow-began # what tells that the request is on its way
		case $provider in --base-url*) began=$LOG ;; esac
		for _ in $(seq 200); do
			[ ! -s "$began" ] || break
			sleep 0.05
		done
		begin=$(date +%s%N)
		kill -INT $pid
		code=0
		wait $pid || code=$?
		took=$((($(date +%s%N) - begin) / 1000000))
		cat err
		[ "$code" = 130 ]
		[ $took -lt 1500 ]
		grep -q cancelled err
		[ -z "$(pgrep -f 'sleep 7654321')" ]
	done
}

# ---------------------------------------------------------------- no silent fall-back

@test "a configured provider that fails is not replaced by another one" {
	serve "[{$TEXT}]"
	other=$U otherlog=$LOG
	serve '[{"fault": "status", "status": 401}]'
	OLLAMA_HOST=$other OPENAI_API_KEY=sk-x OPENAI_BASE_URL=$other/v1 KGENT_LOOPBACK_PORTS=${other##*:} model "$ASK"
	[ "$status" = 6 ]
	[ ! -s "$otherlog" ]
}

@test "the providers' own variables, in their order" {
	serve "[{$TEXT}]"
	ANTHROPIC_API_KEY=sk-a-123 ANTHROPIC_BASE_URL=$U KGENT_MODEL=m run --separate-stderr timeout 60 "$KGENT" --engine model --fresh -n "$ASK"
	OPENAI_API_KEY=sk-o-123 OPENAI_BASE_URL=$U/v1 KGENT_MODEL=m run --separate-stderr timeout 60 "$KGENT" --engine model --fresh -n "$ASK"
	OLLAMA_HOST=127.0.0.1:$P KGENT_MODEL=m run --separate-stderr timeout 60 "$KGENT" --engine model --fresh -n "$ASK"
	OLLAMA_HOST=0.0.0.0:$P run --separate-stderr timeout 60 "$KGENT" --engine model -n --fresh "$ASK"
	[ "$(asked '[r["path"] for r in requests]')" = "['/v1/messages', '/v1/chat/completions', '/v1/chat/completions', '/v1/chat/completions']" ]
	[ "$(asked '[r["headers"].get("x-api-key") or r["headers"].get("Authorization") for r in requests]')" = "['sk-a-123', 'Bearer sk-o-123', None, None]" ]
	[ "$(asked 'requests[3]["body"]["model"]')" = fake ]
}

# ---------------------------------------------------------------- keys

KEY=sk-very-secret-0123456789

@test "a key goes to its own address only, and is nowhere to be seen" {
	serve "[{$TEXT}]" --key "$KEY"
	config "base-url = $U" "model = fake" "api-key = $KEY"
	run --separate-stderr timeout 60 "$KGENT" --engine model --json --explain -n "$ASK"
	[[ $(last 'r["program"]') == *"@opens[comm]"* ]]
	[[ "$output$stderr" != *"$KEY"* ]]
	# another address on the command line does not get it
	serve "[{$TEXT}]"
	run --separate-stderr timeout 60 "$KGENT" --engine model --base-url "$U" --model fake --json -n "$ASK"
	[ "$(asked '"Authorization" in requests[0]["headers"]')" = False ]
	[[ $(last '" ".join(r["notes"])') == *"is not sent to $U"* ]]
	# nor does one of the environment
	KGENT_BASE_URL=$U KGENT_MODEL=fake run --separate-stderr timeout 60 "$KGENT" --engine model --fresh -n "$ASK"
	[ "$(asked '"Authorization" in requests[1]["headers"]')" = False ]
	# a key of the environment belongs to the address that stands beside it, not to one of an option
	KGENT_API_KEY=$KEY KGENT_BASE_URL=http://127.0.0.1:9 run --separate-stderr timeout 60 "$KGENT" --engine model --base-url "$U" --model fake --fresh -n "$ASK"
	[ "$(asked '"Authorization" in requests[2]["headers"]')" = False ]
	OPENAI_API_KEY=$KEY run --separate-stderr timeout 60 "$KGENT" --engine model --base-url "$U" --model fake --fresh -n "$ASK"
	[ "$(asked '"Authorization" in requests[3]["headers"]')" = False ]
	run grep -rl "$KEY" cache/kgent/answers home/.local
	[ -z "$output" ]
	run --separate-stderr "$KGENT" config show
	[[ $output == *"set, for "* ]]
	[[ "$output$stderr" != *"$KEY"* ]]
	run --separate-stderr "$KGENT" doctor
	[[ "$output$stderr" != *"$KEY"* ]]
}

@test "a server that sends the key back in its error does not get it shown" {
	serve "[{$TEXT}]" --key another
	config "base-url = $U" "model = fake" "api-key = $KEY"
	run --separate-stderr timeout 60 "$KGENT" --engine model --json -n "$ASK"
	[ "$status" = 6 ]
	[[ $stderr == *"(the key)"* ]]
	[[ "$output$stderr" != *"$KEY"* ]]
}

@test "a command gets neither kgent's key nor arguments with it" {
	printf '#!/bin/sh\nenv >environment\necho nothing\n' >dump
	chmod +x dump
	KGENT_API_KEY=$KEY KGENT_PROVIDER="command:$PWD/dump" run --separate-stderr timeout 60 "$KGENT" --engine model --trials 1 -n "$ASK"
	[ -s environment ]
	run grep "$KEY" environment
	[ -z "$output" ]
}

@test "a file with a key that others can read is refused; without a key it is not" {
	config "base-url = http://127.0.0.1:9" "api-key = $KEY"
	chmod 644 home/.config/kgent/config.ini
	run --separate-stderr "$KGENT" config show
	[ "$status" = 6 ]
	[[ $stderr == *"chmod 600"* ]]
	[[ "$output$stderr" != *"$KEY"* ]]
	config "model = x"
	chmod 644 home/.config/kgent/config.ini
	run --separate-stderr "$KGENT" config show
	[ "$status" = 0 ]
}

# ---------------------------------------------------------------- configuration

@test "config show: each value and where it came from; option before environment before file" {
	config "base-url = http://127.0.0.1:1" "model = from-file" "trials = 5"
	KGENT_TRIALS=4 run --separate-stderr "$KGENT" --json config show
	[ "$(last '{s["name"]: (s["value"], s["from"]) for s in r["settings"]}["trials"]')" = "('4', 'KGENT_TRIALS')" ]
	[[ $(last '{s["name"]: (s["value"], s["from"]) for s in r["settings"]}["model"]') == *"'from-file'"*config.ini* ]]
	[ "$(last '{s["name"]: (s["value"], s["from"]) for s in r["settings"]}["engine"]')" = "('auto', 'default')" ]
	serve '[{"text": "nothing"}]'
	KGENT_TRIALS=4 model --trials 2 "$ASK"
	[ "$(asked 'len(requests)')" = 2 ]
	# a model of another address is not taken for this one: the server's only one is
	run --separate-stderr timeout 60 "$KGENT" --engine model --base-url "$U" --trials 1 -n "$ASK"
	[ "$(asked 'requests[-1]["body"]["model"]')" = fake ]
}

@test "configurations that make no sense are refused with what to do" {
	bad() {
		run --separate-stderr "$KGENT" "${@:2}" -n "$ASK"
		echo "$status $stderr"
		[ "$status" = 2 ] || [ "$status" = 6 ]
		[[ $stderr == *"$1"* ]]
		[ -z "$output" ]
	}
	bad "there is no provider \"chatgpt\"" --engine model --provider chatgpt
	bad "there is no program behind it" --engine model --provider command:
	bad "is no address such as" --engine model --base-url ftp://x/
	bad "is no address such as" --engine model --base-url 127.0.0.1:11434
	bad "may not hold a user or a password" --engine model --base-url http://a:b@127.0.0.1/
	[[ $stderr != *a:b* ]]
	bad "from 1 to 20" --trials 0
	bad "is not a number" --trials many
	bad "is not a number" --max-cost free
	bad "is not auto, builtin or model" --engine gpt
	config "modle = x"
	bad "there is no setting \"modle\""
	config "[more]" "x = 1"
	bad "there is no section [more]"
	echo "model = x" >home/.config/kgent/config.ini
	bad "is not of the form"
	printf '[kgent]\nmodel = \xff\n' >home/.config/kgent/config.ini
	bad "config.ini"
	mkdir -p home/.config/kgent/config.ini.d
	rm home/.config/kgent/config.ini
	mkdir home/.config/kgent/config.ini
	bad "it is not a file"
}

@test "a user's own template replaces the shipped one, and a broken one is an error with its line" {
	serve "[{$TEXT}]"
	mkdir -p home/.config/kgent/prompts
	printf '## mine\n[[system]]\nBe brief.\n[[user]]\nDo this: {{question}} {{#attempts}}({{attempts}}){{/attempts}}\n' >home/.config/kgent/prompts/write.txt
	model "$ASK"
	[ "$(asked 'requests[0]["body"]["messages"][0]["content"]')" = "Be brief." ]
	[ "$(asked 'requests[0]["body"]["messages"][1]["content"]')" = "Do this: $ASK" ]
	printf '[[system]]\nx\n[[user]]\ny\n{{nothing}}\n' >home/.config/kgent/prompts/write.txt
	model "$ASK"
	[ "$status" = 6 ]
	[[ $stderr == *"write.txt:5: there is no value {{nothing}}"* ]]
}

@test "the brief fits into a small window" {
	serve "[{$TEXT}]"
	for context in 3000 4096 32768; do
		config "context = $context"
		model --fresh "$ASK"
		[ "$(asked "sum(len(m['content']) for m in requests[-1]['body']['messages']) / 3 + requests[-1]['body']['max_tokens'] <= $context + 10")" = True ]
	done
	[ "$(asked 'len(requests[0]["body"]["messages"][1]["content"]) < len(requests[2]["body"]["messages"][1]["content"])')" = True ]
	config "context = 1024"
	model --fresh "$ASK"
	[ "$status" = 6 ]
	[[ $stderr == *"set context"* ]]
}
