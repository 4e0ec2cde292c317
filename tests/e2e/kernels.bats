#!/usr/bin/env bats
# Contracts for another kernel than the running one, and proofs without root: what bpftrace compiles for a profile, and that nothing of the running
# kernel gets into it. The profiles are those of tests/profiles; a kernel of `kgent kernel list` is a folder with a profile, so that nothing is booted here.
# One condition a line: of a list joined by && only the last one could fail a test.
bats_require_minimum_version 1.5.0

OLD=6.1.0-56-cloud-amd64
NEW=6.12.117+deb12-cloud-amd64

setup_file() {
	PROFILES=$BATS_FILE_TMPDIR/profiles
	export PROFILES
	for v in 6.1 6.12; do
		mkdir -p "$PROFILES/$v"
		tar -xJf "$BATS_TEST_DIRNAME/../profiles/debian-$v-amd64.tar.xz" -C "$PROFILES/$v"
	done
	chmod -R a+rX "$BATS_FILE_TMPDIR"
}

setup() {
	: "${KGENT:?the program to test}"
	cd "$BATS_TEST_TMPDIR"
	chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR" "$BATS_FILE_TMPDIR"
	unset NO_COLOR KGENT_BPFTRACE
	mkdir -p home/cache/kgent/kernels
	export XDG_CACHE_HOME=$PWD/home/cache KGENT_SHARED=$PWD/shared
	command -v bpftrace >/dev/null || skip "bpftrace is not installed"
	unshare -Urm true 2>/dev/null || skip "user namespaces with mounts of their own can't be made here"
	cat >drops.bt <<-'END'
	tracepoint:skb:kfree_skb { @[args->reason] = count(); }
	END
	cat >drops.yaml <<-'END'
	for: dropped packets by reason
	on: [tracepoint:skb:kfree_skb]
	by: [args.reason]
	count: true
	END
}

# the kernels of `kgent kernel list`, with images that can't be booted
add_kernels() {
	local pair
	for pair in "$OLD 6.1" "$NEW 6.12"; do
		mkdir -p "home/cache/kgent/kernels/${pair% *}"
		echo "{\"release\": \"${pair% *}\"}" >"home/cache/kgent/kernels/${pair% *}/meta.json"
		ln -s "$PROFILES/${pair#* }" "home/cache/kgent/kernels/${pair% *}/profile"
	done
}

unprivileged() { # as nobody, with a home of its own
	local user=()
	if [ "$(id -u)" = 0 ]; then
		chown -R 65534:65534 home
		user=(setpriv --reuid=65534 --regid=65534 --clear-groups --)
	fi
	env HOME="$PWD/home" "${user[@]}" "$@"
}

row() { awk -v name="$1" 'index($0, name) == 16 { sub(/^  /, ""); print substr($0, 1, 11) }' <<<"$output" | sed 's/ *$//'; }
json() { python3 -c '
import json, sys
last = json.loads(sys.stdin.read().splitlines()[-1])
print(eval(sys.argv[1], {"last": last}))' "$1"; }
# field_offset PROFILE TRACEPOINT FIELD: from the profile's own text
field_offset() {
	awk -v tp="@ $2" -v field="$3;" '/^@ /{ inside = $0 == tp } inside && index($0, " " field) { sub(/.*offset:/, ""); sub(/;.*/, ""); print }' "$PROFILES/$1/formats"
}

# ---------------------------------------------------------------- the types of another kernel

@test "another kernel: the offsets in the instructions are those of its tracepoint, which has moved between the two" {
	old=$(field_offset 6.1 skb:kfree_skb reason)
	new=$(field_offset 6.12 skb:kfree_skb reason)
	[ "$old" != "$new" ]
	run --separate-stderr "$KGENT" disasm drops.bt --profile "$PROFILES/6.1"
	[[ $output == *"(r6 +$old)"* || $output == *"(r1 +$old)"* ]]
	[[ $output != *"+$new)"* ]]
	run --separate-stderr "$KGENT" disasm drops.bt --profile "$PROFILES/6.12"
	[[ $output == *"(r6 +$new)"* || $output == *"(r1 +$new)"* ]]
	[[ $output != *"+$old)"* ]]
}

@test "another kernel: members of its structures are where its BTF says, and not where that of the running kernel does" {
	echo 'kprobe:vfs_read { @[((struct task_struct *)curtask)->pid] = count(); }' >pid.bt
	for v in 6.1 6.12; do
		offset=$(python3 "$BATS_TEST_DIRNAME/btf_offset.py" "$PROFILES/$v/btf" task_struct pid)
		run --separate-stderr "$KGENT" disasm pid.bt --profile "$PROFILES/$v"
		[[ $output == *" $offset"* ]]
		echo "$offset" >>offsets
	done
	[ "$(sort -u offsets | wc -l)" = 2 ]
}

@test "another kernel: a contract is proved against each kernel's types" {
	for v in 6.1 6.12; do
		run --separate-stderr "$KGENT" check drops.bt --contract drops.yaml --profile "$PROFILES/$v"
		[ "$status" = 0 ]
		[ "$(row proof)" = passed ]
		[ "$(row build)" = passed ]
	done
}

@test "another kernel: a program that is right for one kernel is refuted for another" {
	offset=$(python3 "$BATS_TEST_DIRNAME/btf_offset.py" "$PROFILES/6.1/btf" task_struct pid)
	echo "kprobe:vfs_read { printf(\"%d\", *(int32 *)((uint64)curtask + $offset)); }" >raw.bt
	cat >raw.yaml <<-'END'
	for: reads by thread
	on: [kprobe:vfs_read]
	where: {task: (struct task_struct *)curtask}
	show: [{what: thread, expr: task->pid}]
	END
	run --separate-stderr "$KGENT" check raw.bt --contract raw.yaml --profile "$PROFILES/6.1"
	[ "$status" = 0 ]
	[ "$(row proof)" = passed ]
	run --separate-stderr "$KGENT" check raw.bt --contract raw.yaml --profile "$PROFILES/6.12"
	[ "$status" = 4 ]
	[ "$(row proof)" = failed ]
	[[ $output == *"refuted"*"thread"* ]]
}

@test "another kernel: what bpftrace asks the kernel is answered by that kernel's types" {
	# helpers, loops, kfunc, iterators, several kprobes at once: all of them are refused where nobody answers
	cat >all.bt <<-'END'
	kprobe:vfs_read { @[cgroup, str(arg1)] = count(); }
	kfunc:vfs_read { printf("%d %d\n", args->count, args->file->f_flags); }
	interval:s:1 { $i = 0; while ($i < 5) { $i++; } @x = $i; }
	kprobe:tcp_* { @t[probe] = count(); }
	END
	run --separate-stderr "$KGENT" check all.bt --profile "$PROFILES/6.1" --no-load
	echo "$output"
	[ "$(row build)" = passed ]
	# what the verifier says to a program is not in the types
	echo 'kfunc:vfs_read { printf("%s\n", path(args->file->f_path)); }' >path.bt
	run --separate-stderr "$KGENT" check path.bt --profile "$PROFILES/6.1" --no-load
	[ "$(row build)" = "not checked" ]
	[[ $output == *"what the verifier would say"* ]]
	echo 'iter:task { printf("%d\n", ctx->task->pid); }' >iter.bt
	run --separate-stderr "$KGENT" check iter.bt --profile "$PROFILES/6.12" --no-load
	[ "$(row build)" = passed ]
	# the helper for the kernel's memory, and not the older one that is taken where nothing answers
	echo 'kprobe:vfs_read { @[((struct task_struct *)curtask)->pid] = count(); }' >pid.bt
	run --separate-stderr "$KGENT" disasm pid.bt --profile "$PROFILES/6.12"
	[[ $output == *bpf_probe_read_kernel#113* ]]
}

@test "another kernel: nothing of the running one gets in" {
	running=$(uname -r)
	[ "$running" != "$OLD" ] || skip "the profile is that of the running kernel"
	# a tracepoint of the running kernel alone, addresses of symbols, and headers
	cp -r "$PROFILES/6.1" fewer
	sed -i '/^@ skb:kfree_skb$/,/^print fmt/d' fewer/formats
	run --separate-stderr "$KGENT" check drops.bt --profile fewer
	[ "$status" = 4 ]
	[ "$(row "attach points")" = failed ]
	echo 'BEGIN { printf("%d\n", kaddr("vfs_read")); }' >kaddr.bt
	run --separate-stderr "$KGENT" check kaddr.bt --profile "$PROFILES/6.1"
	[ "$(row build)" = "not checked" ]
	[[ $output == *"addresses of that kernel's symbols"* ]]
	printf '#include <linux/mm_types_that_nobody_has.h>\nBEGIN { printf("x\\n"); }\n' >header.bt
	run --separate-stderr "$KGENT" check header.bt --profile "$PROFILES/6.1"
	[ "$(row build)" = "not checked" ]
	[[ $output == *"includes headers that are not here"* ]]
}

@test "another kernel: a profile without types or without tracepoints is not made up for from the running kernel" {
	cp -r "$PROFILES/6.1" part
	rm part/btf part/btf.*
	run --separate-stderr "$KGENT" check drops.bt --profile part
	[ "$(row build)" = "not checked" ]
	[[ $output == *"needs its types, and its profile has none"* ]]
	cp "$PROFILES/6.1/btf" part/
	rm part/formats
	run --separate-stderr "$KGENT" check drops.bt --contract drops.yaml --profile part
	[ "$status" = 2 ]
	[[ $stderr == *"fields of tracepoint:skb:kfree_skb are not known: the profile has no file formats"* ]]
	sed -i 's/\[args.reason\]/[]/' drops.yaml
	run --separate-stderr "$KGENT" check drops.bt --contract drops.yaml --profile part
	[ "$status" = 4 ]
	[ "$(row proof)" = "not checked" ]
	[[ $output == *"the kernel's tracepoints, and the profile has no file formats"* ]]
}

@test "another kernel: where no stage can be made, nothing is compiled, with the reason" {
	cat >nowhere.sh <<-'END'
	echo 0 >/proc/sys/user/max_mnt_namespaces || exit 77
	exec "$@"
	END
	run --separate-stderr unshare -Ur sh nowhere.sh "$KGENT" check drops.bt --contract drops.yaml --profile "$PROFILES/6.1"
	[ "$status" != 77 ] || skip "mount namespaces can't be forbidden here"
	[ "$status" = 4 ]
	[ "$(row build)" = "not checked" ]
	[ "$(row proof)" = "not checked" ]
	[[ $output == *"needs a user namespace with mounts of its own"* ]]
}

# ---------------------------------------------------------------- a profile can be from anywhere

@test "hostile profile: names that lead out of the stage are refused, and so are formats that are more than fields" {
	cp -r "$PROFILES/6.1" bad
	{
		cat "$PROFILES/6.1/formats"
		printf '@ zz:..\nname: x\nID: 1\nformat:\n\tfield:int a;\toffset:8;\tsize:4;\tsigned:1;\n\nprint fmt: "x"\n'
	} >bad/formats
	echo 'tracepoint:zz:* { @ = count(); }' >up.bt
	run --separate-stderr "$KGENT" check up.bt --profile bad
	[ "$(row build)" = "not checked" ]
	[[ $output == *"this is no name of a tracepoint: 'zz:..'"* ]]
	sed '/^@ skb:kfree_skb$/,/^print fmt/s|field:enum skb_drop_reason reason|field:int x[1]; }; #include "/etc/passwd"\n\tfield:int {reason|' "$PROFILES/6.1/formats" >bad/formats
	run --separate-stderr "$KGENT" check drops.bt --profile bad
	[ "$(row build)" != passed ]
	[[ $output != *root:* ]]
	[[ $stderr != *root:* ]]
	sed '/^@ skb:kfree_skb$/,/^print fmt/s|field:void \* skbaddr|field:void *{ skbaddr|' "$PROFILES/6.1/formats" >bad/formats
	run --separate-stderr "$KGENT" check drops.bt --profile bad
	[ "$(row build)" = "not checked" ]
	[[ $output == *"the format of this tracepoint is not one of fields: 'skb:kfree_skb'"* ]]
}

@test "a stage is seen by nobody else, and nothing of it stays" {
	before=$(cat /proc/self/mountinfo; ls -la /sys/kernel)
	"$KGENT" check drops.bt --profile "$PROFILES/6.1" >/dev/null || true
	[ "$(cat /proc/self/mountinfo; ls -la /sys/kernel)" = "$before" ]
}

# ---------------------------------------------------------------- several kernels

@test "--kernel: one proof a kernel, each with its verdict, and the exit code of the worst" {
	add_kernels
	run --separate-stderr "$KGENT" check drops.bt --contract drops.yaml --kernel 6.1 --kernel 6.12 --no-load
	[ "$status" = 0 ]
	[[ $output == *"$OLD"*proved*"obligations proved"* ]]
	[[ $output == *"$NEW"*proved*"obligations proved"* ]]
	offset=$(python3 "$BATS_TEST_DIRNAME/btf_offset.py" "$PROFILES/6.12/btf" task_struct pid)
	echo "kprobe:vfs_read { printf(\"%d\", *(int32 *)((uint64)curtask + $offset)); }" >raw.bt
	printf 'for: reads by thread\non: [kprobe:vfs_read]\nwhere: {task: (struct task_struct *)curtask}\nshow: [{what: thread, expr: task->pid}]\n' >raw.yaml
	run --separate-stderr "$KGENT" check raw.bt --contract raw.yaml --kernel 6.1 --kernel 6.12 --no-load --json
	[ "$status" = 4 ]
	[ "$(json '[(r["kernel"], r["proof"]["result"], r["exit"]) for r in last["kernels"]]' <<<"$output")" = "[('$OLD', 'refuted', 4), ('$NEW', 'proved', 0)]" ]
}

@test "--kernel: a contract that asks for what one of the kernels does not have is no success there" {
	add_kernels
	echo 'tracepoint:tcp:tcp_send_reset { @[args->reason] = count(); }' >reset.bt
	printf 'for: resets by reason\non: [tracepoint:tcp:tcp_send_reset]\nby: [args.reason]\ncount: true\n' >reset.yaml
	run --separate-stderr "$KGENT" check reset.bt --contract reset.yaml --kernel 6.1 --kernel 6.12 --no-load
	[ "$status" = 4 ]
	[[ $output == *"$NEW"*proved* ]]
	[[ $output == *"has no argument reason"* ]]
	run --separate-stderr "$KGENT" check reset.bt --contract reset.yaml --kernel 6.12 --no-load
	[ "$status" = 0 ]
	[ "$(row proof)" = passed ]
	run --separate-stderr "$KGENT" check reset.bt --contract reset.yaml --kernel 6.1 --no-load
	[ "$status" = 2 ]
}

@test "--kernel: one kernel alone has wrong variants and the annotated view, several do not" {
	add_kernels
	run --separate-stderr "$KGENT" check drops.bt --contract drops.yaml --kernel 6.12 --no-load --mutate --json
	[ "$status" = 0 ]
	[ "$(json 'last["kernel"]' <<<"$output")" = "$NEW" ]
	[ "$(json 'last["mutants"]["wrong"] > 0 and last["mutants"]["refuted"] == last["mutants"]["wrong"]' <<<"$output")" = True ]
	run --separate-stderr "$KGENT" check drops.bt --contract drops.yaml --kernel 6.1 --kernel 6.12 --mutate
	[ "$status" = 2 ]
	[[ $stderr == *"about one kernel"* ]]
}

# ---------------------------------------------------------------- without root

@test "no root: a contract is proved for the running kernel's functions and types" {
	[ -r /sys/kernel/btf/vmlinux ] || skip "the running kernel has no BTF"
	grep -qw vfs_read /proc/kallsyms || skip "the running kernel has no vfs_read"
	echo 'kprobe:vfs_read { @[((struct task_struct *)curtask)->pid] = count(); }' >pid.bt
	printf 'for: reads by thread\non: [kprobe:vfs_read]\nwhere: {task: (struct task_struct *)curtask}\nby: [task->pid]\ncount: true\n' >pid.yaml
	run --separate-stderr unprivileged "$KGENT" check pid.bt --contract pid.yaml --no-load
	echo "$output"
	[ "$(row proof)" = passed ]
	sed -i 's/->pid/->tgid/' pid.bt
	run --separate-stderr unprivileged "$KGENT" check pid.bt --contract pid.yaml --no-load
	[ "$(row proof)" = failed ]
}

@test "no root: root of a user namespace is no root, and has the types all the same" {
	[ -r /sys/kernel/btf/vmlinux ] || skip "the running kernel has no BTF"
	echo 'interval:s:1 { @x = ((struct task_struct *)curtask)->pid; }' >task.bt
	run --separate-stderr unprivileged unshare -Ur "$KGENT" check task.bt --no-load
	echo "$output"
	[ "$(row build)" = passed ]
}

@test "no root: a contract is proved for another kernel" {
	run --separate-stderr unprivileged "$KGENT" check drops.bt --contract drops.yaml --profile "$PROFILES/6.12"
	[ "$status" = 0 ]
	[ "$(row proof)" = passed ]
}

@test "no root: tracepoints of the running kernel are known once root has shared them, and not before" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ -e /sys/kernel/tracing/events/sched ] || skip "tracefs is not mounted"
	[ -r /sys/kernel/btf/vmlinux ] || skip "the running kernel has no BTF"
	echo 'tracepoint:sched:sched_switch { @[args->prev_pid] = count(); }' >switch.bt
	printf 'for: switches by thread\non: [tracepoint:sched:sched_switch]\nby: [args.prev_pid]\ncount: true\n' >switch.yaml
	run --separate-stderr unprivileged "$KGENT" check switch.bt --contract switch.yaml --no-load
	[ "$status" != 0 ]
	[[ $stderr == *"the fields of tracepoint:sched:sched_switch are not known"* ]]
	[[ $stderr == *"sudo kgent kernel share"* ]]
	run --separate-stderr unprivileged "$KGENT" kernel share
	[ "$status" != 0 ]
	[[ $stderr == *"does not see the running kernel's tracepoints"* ]]
	(umask 077 && HOME=$PWD XDG_CACHE_HOME=$PWD/root-cache "$KGENT" kernel share)
	run --separate-stderr unprivileged "$KGENT" check switch.bt --contract switch.yaml --no-load
	echo "$output"
	[ "$status" = 0 ]
	[ "$(row proof)" = passed ]
	# what others could have written is not believed
	chmod -R o+w shared
	run --separate-stderr unprivileged "$KGENT" check switch.bt --contract switch.yaml --no-load
	[ "$status" != 0 ]
	chmod -R o-w shared
	run --separate-stderr unprivileged "$KGENT" check switch.bt --contract switch.yaml --no-load
	[ "$status" = 0 ]
	# nor that of another build of the same name
	printf 'x' >>shared/"$(uname -r)"/btf
	touch shared/"$(uname -r)"/meta.json
	run --separate-stderr unprivileged "$KGENT" check switch.bt --contract switch.yaml --no-load
	[ "$status" != 0 ]
}

@test "no root: what is compiled from a profile of the running kernel is what root compiles on it" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ -e /sys/kernel/tracing/events/sched ] || skip "tracefs is not mounted"
	HOME=$PWD XDG_CACHE_HOME=$PWD/root-cache "$KGENT" kernel share
	cat >same.bt <<-'END'
	tracepoint:sched:sched_switch { @[args->prev_comm, args->next_pid] = count(); }
	tracepoint:syscalls:sys_enter_openat { printf("%s %d\n", str(args->filename), ((struct task_struct *)curtask)->tgid); @n[cgroup] = nsecs; }
	interval:s:1 { $i = 0; while ($i < 5) { $i++; } @x = $i; clear(@x); }
	END
	"$KGENT" disasm same.bt >live
	"$KGENT" disasm same.bt --profile "shared/$(uname -r)" >staged
	unprivileged "$KGENT" disasm same.bt >unprivileged
	[ -s live ]
	diff live staged
	diff live unprivileged
}

@test "another kernel: functions and types of its modules" {
	cat >modules.bt <<-'END'
	kfunc:nf_conntrack_in { printf("%d\n", args->skb->len); }
	kprobe:xfs_file_open { printf("%llu\n", ((struct xfs_inode *)arg0)->i_ino); }
	kprobe:br_handle_frame { printf("%d\n", ((struct net_bridge_port *)arg0)->port_no); }
	END
	run --separate-stderr "$KGENT" check modules.bt --profile "$PROFILES/6.1"
	echo "$output"
	[ "$(row build)" = passed ]
}

@test "no root: where no stage can be made, what this user sees is compiled all the same, and what can't be is not blamed on the program" {
	cat >nowhere.sh <<-'END'
	echo 0 >/proc/sys/user/max_mnt_namespaces || exit 77
	exec setpriv --inh-caps=-all --ambient-caps=-all --bounding-set=-all "$@"
	END
	nowhere() { unprivileged unshare -U --map-user=1000 --map-group=1000 --keep-caps sh nowhere.sh "$@"; }
	nowhere true || skip "mount namespaces can't be forbidden here"
	[ "$(nowhere id -u)" = 1000 ]
	echo 'BEGIN { @x = 1; }' >begin.bt
	run --separate-stderr nowhere "$KGENT" check begin.bt --no-load
	[ "$(row build)" = passed ]
	echo 'interval:s:1 { @x = ((struct task_struct *)curtask)->pid; }' >task.bt
	run --separate-stderr nowhere "$KGENT" check task.bt --no-load
	echo "$output"
	[ "$(row build)" = "not checked" ]
	[[ $output == *"needs a user namespace with mounts of its own"* ]]
}
