# bash completion for kgent
_kgent() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} word command=ask i
	local commands="ask check contract diff explain disasm probes trial kernel doctor memory config help"
	local common="--json --quiet --help --version"
	local ask="--for --pid --command --yes --dry-run --output --force --explain --allow --no-memory --kernel --profile --trial --engine --no-model --provider --base-url --model --trials --samples --max-tokens --max-cost --offline --fresh --summarize"

	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case " $commands " in *" $word "*) command=$word && break ;; esac
	done
	case $prev in
	--contract | --html) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
	--bound) mapfile -t COMPREPLY < <(compgen -S = -W "time question paths steps unroll memory mutants mutants-time" -- "$cur") && return ;;
	-o | --output) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
	--kernel) mapfile -t COMPREPLY < <(compgen -W "$(kgent kernel list 2>/dev/null | cut -d' ' -f1)" -- "$cur") && return ;;
	--profile | --modules-dir) mapfile -t COMPREPLY < <(compgen -d -- "$cur") && return ;;
	-p | --pid) mapfile -t COMPREPLY < <(compgen -W "$(cd /proc && echo [0-9]*)" -- "$cur") && return ;;
	-c | --command) mapfile -t COMPREPLY < <(compgen -c -- "$cur") && return ;;
	--engine) mapfile -t COMPREPLY < <(compgen -W "auto builtin model" -- "$cur") && return ;;
	--provider) mapfile -t COMPREPLY < <(compgen -W "openai anthropic command:" -- "$cur") && return ;;
	--source) mapfile -t COMPREPLY < <(compgen -W "corpus run import" -- "$cur") && return ;;
	--trial) mapfile -t COMPREPLY < <(compgen -W "auto always never" -- "$cur") && return ;;
	-s | --stimulus) mapfile -t COMPREPLY < <(compgen -W "$(kgent trial --list 2>/dev/null | sed -n 's/^  \([a-z0-9-]*\).*/\1/p')" -- "$cur"; compgen -f -- "$cur") && return ;;
	--expect) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
	--for) mapfile -t COMPREPLY < <(compgen -W "5s 10s 30s 1min" -- "$cur") && return ;;
	esac
	case $command in
	ask) mapfile -t COMPREPLY < <(compgen -W "$commands $ask $common" -- "$cur") ;;
	check) mapfile -t COMPREPLY < <(compgen -W "--allow --annotate --bound --contract --html --kernel --mutate --no-load --profile --prompt $common" -- "$cur"; compgen -f -- "$cur") ;;
	contract) mapfile -t COMPREPLY < <(compgen -W "--kernel --profile $common" -- "$cur") ;;
	diff) mapfile -t COMPREPLY < <(compgen -W "--allow --bound --profile $common" -- "$cur"; compgen -f -- "$cur") ;;
	disasm) mapfile -t COMPREPLY < <(compgen -W "--profile $common" -- "$cur"; compgen -f -- "$cur") ;;
	probes) mapfile -t COMPREPLY < <(compgen -W "--kernel --limit --profile $common" -- "$cur") ;;
	explain) mapfile -t COMPREPLY < <(compgen -W "--kernel --profile --model $common" -- "$cur"; compgen -f -- "$cur") ;;
	config) mapfile -t COMPREPLY < <(compgen -W "show $common" -- "$cur") ;;
	kernel) mapfile -t COMPREPLY < <(compgen -W "add list show remove share --name --module --modules-dir --force $common" -- "$cur"; compgen -f -- "$cur") ;;
	memory) mapfile -t COMPREPLY < <(compgen -W "list show search forget recall import export stats --limit --good --failed --kernel \
		--source --programs --corpus --output --force --all --yes $common" -- "$cur"; compgen -f -- "$cur") ;;
	trial) mapfile -t COMPREPLY < <(compgen -W "--stimulus --kernel --for --expect --allow --list $common" -- "$cur"; compgen -f -- "$cur") ;;
	doctor) mapfile -t COMPREPLY < <(compgen -W "--refresh $common" -- "$cur") ;;
	help) mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur") ;;
	*) mapfile -t COMPREPLY < <(compgen -W "$common" -- "$cur") ;;
	esac
}
complete -o filenames -F _kgent kgent
