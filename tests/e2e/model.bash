# Shared by the tests of models: a fake server on the loopback address, an environment of its own, and JSON.
# Nothing here reaches out of the machine: the proxies that would are set to a closed port.

model_setup() {
	: "${KGENT:?the program to test}"
	HERE=$BATS_TEST_DIRNAME
	# the profile's cache is shared, or each test would make it anew
	PROFILES=${XDG_CACHE_HOME:-$HOME/.cache}/kgent/profiles
	cd "$BATS_TEST_TMPDIR"
	mkdir -p home/.config/kgent cache/kgent
	[ ! -d "$PROFILES" ] || ln -sfn "$PROFILES" cache/kgent/profiles
	export HOME=$PWD/home XDG_CACHE_HOME=$PWD/cache XDG_CONFIG_HOME=$PWD/home/.config XDG_DATA_HOME=$PWD/home/.local/share
	export http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 KGENT_LOOPBACK_PORTS=none
	unset NO_COLOR KGENT_BPFTRACE KGENT_MEMORY no_proxy ANTHROPIC_API_KEY ANTHROPIC_BASE_URL OPENAI_API_KEY OPENAI_BASE_URL OLLAMA_HOST \
		KGENT_ENGINE KGENT_NO_MODEL KGENT_PROVIDER KGENT_BASE_URL KGENT_MODEL KGENT_API_KEY KGENT_TRIALS KGENT_MAX_TOKENS KGENT_MAX_COST
	# a sentence that the builtin engine refuses
	ASK="count file opens by container image"
	GOOD='```\ntracepoint:syscalls:sys_enter_openat { @opens[comm] = count(); }\ninterval:s:1 { exit(); }\n```'
}

model_teardown() {
	local pid
	for pid in $SERVERS; do kill "$pid" 2>/dev/null || true; done
}

# serve SCRIPT [OPTION...]: start a server that answers with this JSON script; sets U (its address), P (its port), LOG
serve() {
	local n=$RANDOM$RANDOM
	printf '%s\n' "$1" >"script.$n"
	shift
	LOG=$PWD/log.$n
	: >"$LOG"
	python3 "$HERE/fake_model.py" --ready "ready.$n" --script "script.$n" --log "$LOG" "$@" >"server.$n" 2>&1 3>&- &
	SERVERS="$SERVERS $!"
	for _ in $(seq 200); do [ -e "ready.$n" ] && break; sleep 0.05; done
	P=$(cat "ready.$n")
	U=http://127.0.0.1:$P
}
# asked EXPRESSION: a Python expression over requests, the list of what the server was asked (POSTs)
asked() { python3 -c '
import json, sys
requests = [entry for entry in map(json.loads, open(sys.argv[1])) if entry["method"] == "POST"]
every = [entry for entry in map(json.loads, open(sys.argv[1]))]
print(eval(sys.argv[2]))' "$LOG" "$1"; }
# last EXPRESSION: over the last line of $output, a JSON object called r
last() { printf '%s' "$output" | python3 -c '
import json, sys
r = json.loads(sys.stdin.read().splitlines()[-1])
print(eval(sys.argv[1]))' "$1"; }

needs_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }
needs_tracepoints() {
	[ "$(id -u)" = 0 ] || [ -r /sys/kernel/tracing/events ] || skip "the kernel's tracepoints can be read by root only"
}
needs_live() {
	needs_root
	echo 'tracepoint:syscalls:sys_enter_openat { @opens[comm] = count(); }' >live.bt
	"$KGENT" check live.bt >/dev/null 2>&1 || skip "no BPF program can be loaded on this machine"
}
