# fish completion for kgent
set -l commands ask check explain probes kernel doctor memory config help
complete -c kgent -f
complete -c kgent -n "not __fish_seen_subcommand_from $commands" -a ask -d 'Answer a question about this machine'
complete -c kgent -n "not __fish_seen_subcommand_from $commands" -a check -d 'Make all checks on a bpftrace program'
complete -c kgent -n "not __fish_seen_subcommand_from $commands" -a explain -d 'Tell what a bpftrace program does'
complete -c kgent -n "not __fish_seen_subcommand_from $commands" -a probes -d 'Find attach points'
complete -c kgent -n "not __fish_seen_subcommand_from $commands" -a kernel -d 'Kernels for virtual machines'
complete -c kgent -n "not __fish_seen_subcommand_from $commands" -a doctor -d 'Tell what works on this machine'
complete -c kgent -n "not __fish_seen_subcommand_from $commands" -a config -d 'Tell each setting and where it came from'
complete -c kgent -n "not __fish_seen_subcommand_from $commands" -a memory -d 'Look at what was learned'
complete -c kgent -n "not __fish_seen_subcommand_from $commands" -a help -d 'Show help'
complete -c kgent -n "__fish_seen_subcommand_from help" -a "$commands"
complete -c kgent -n "__fish_seen_subcommand_from check explain" -F

complete -c kgent -l json -d 'Answer in JSON'
complete -c kgent -s q -l quiet -d 'Say only what was asked for, and errors'
complete -c kgent -s h -l help -d 'Show help'
complete -c kgent -s V -l version -d 'Show the version'

set -l actions list show search forget recall import export stats
complete -c kgent -n "__fish_seen_subcommand_from memory; and not __fish_seen_subcommand_from $actions" -a "$actions"
complete -c kgent -n "__fish_seen_subcommand_from import" -F
complete -c kgent -n "__fish_seen_subcommand_from memory" -s n -l limit -x -d 'Show at most so many'
complete -c kgent -n "__fish_seen_subcommand_from memory" -l good -d 'Only pairs fit as examples'
complete -c kgent -n "__fish_seen_subcommand_from memory" -l failed -d 'Only pairs that failed'
complete -c kgent -n "__fish_seen_subcommand_from memory" -l kernel -x -d 'Only what was seen on this kernel'
complete -c kgent -n "__fish_seen_subcommand_from memory" -l source -x -a 'corpus run import' -d 'Only pairs from there'
complete -c kgent -n "__fish_seen_subcommand_from memory" -l programs -d 'Show the programs'
complete -c kgent -n "__fish_seen_subcommand_from export" -l corpus -d 'The shipped pairs, too'
complete -c kgent -n "__fish_seen_subcommand_from export" -s o -l output -r -d 'Write to a file'
complete -c kgent -n "__fish_seen_subcommand_from export" -l force -d 'Replace a file'
complete -c kgent -n "__fish_seen_subcommand_from forget" -l all -d 'Forget all pairs'
complete -c kgent -n "__fish_seen_subcommand_from forget" -s y -l yes -d 'Without a question'

set -l asking "not __fish_seen_subcommand_from check explain probes kernel doctor memory help config"
complete -c kgent -n $asking -l for -x -a '5s 10s 30s 1min' -d 'How long to observe'
complete -c kgent -n $asking -s p -l pid -x -a '(__fish_complete_pids)' -d 'Observe this process only'
complete -c kgent -n $asking -s c -l command -x -a '(__fish_complete_command)' -d 'Start and observe this command'
complete -c kgent -n $asking -s y -l yes -d 'Run without a question'
complete -c kgent -n $asking -s n -l dry-run -d 'Show and check the program, do not run it'
complete -c kgent -n $asking -s o -l output -r -d 'Write the program to a file'
complete -c kgent -n $asking -l force -d 'Let -o replace a file'
complete -c kgent -n $asking -l explain -d 'Show how the sentence was understood'
complete -c kgent -n $asking -l engine -x -a 'auto builtin model' -d 'Who writes the program'
complete -c kgent -n $asking -l no-model -d 'Never ask a model'
complete -c kgent -n $asking -l provider -x -a 'openai anthropic command:' -d 'Whose protocol'
complete -c kgent -n $asking -l base-url -x -d 'The address of the model server'
complete -c kgent -n $asking -l model -x -d 'The model'
complete -c kgent -n $asking -l trials -x -d 'How many programs the model may try'
complete -c kgent -n $asking -l samples -x -d 'Answers asked for in a round'
complete -c kgent -n $asking -l max-tokens -x -d 'At most so many tokens for this question'
complete -c kgent -n $asking -l max-cost -x -d 'At most so many dollars for this question'
complete -c kgent -n $asking -l offline -d 'Answer from the cache only'
complete -c kgent -n $asking -l fresh -d 'Do not use the cache'
complete -c kgent -n $asking -l summarize -d 'Let the model sum up what was found'
complete -c kgent -n "__fish_seen_subcommand_from explain" -l model -d 'Let a model explain it, too'
complete -c kgent -n "__fish_seen_subcommand_from config" -a show
complete -c kgent -n "not __fish_seen_subcommand_from explain probes kernel doctor memory config help" -l allow -x -d 'Allow the program this'
complete -c kgent -n "__fish_seen_subcommand_from check" -l no-load -d 'Load nothing into the kernel'
complete -c kgent -n "not __fish_seen_subcommand_from kernel doctor memory config help" -l profile -x -a '(__fish_complete_directories)' -d 'Kernel profile'
complete -c kgent -n $asking -l no-memory -d 'Do not keep this request'
complete -c kgent -n "not __fish_seen_subcommand_from kernel doctor memory config help" -l kernel -x -a "(kgent kernel list 2>/dev/null | string split -f1 ' ')" -d 'Kernel for a virtual machine'
complete -c kgent -n "__fish_seen_subcommand_from kernel" -a 'add list show remove'
complete -c kgent -n "__fish_seen_subcommand_from kernel" -F
complete -c kgent -n "__fish_seen_subcommand_from kernel" -l name -x -d 'Call it so'
complete -c kgent -n "__fish_seen_subcommand_from kernel" -l module -x -d 'Load this module as well'
complete -c kgent -n "__fish_seen_subcommand_from kernel" -l modules-dir -x -a '(__fish_complete_directories)' -d 'Modules of a kernel image'
complete -c kgent -n "__fish_seen_subcommand_from kernel" -l force -d 'Replace a kernel of that name'
complete -c kgent -n "__fish_seen_subcommand_from probes" -s n -l limit -x -d 'Show at most so many'
complete -c kgent -n "__fish_seen_subcommand_from doctor" -l refresh -d 'Read the kernel anew'
