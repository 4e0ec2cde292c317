/*
 * A raw tracepoint program without bpftrace, which has none before 0.18: counts sched_process_exec in an array of one, and says "seen" once there
 * was one. Static, for a sandbox.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

#define INSN(c, d, s, o, i) ((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})

static int load(int map)
{
	static char log[65536];
	const struct bpf_insn insns[] = {
		INSN(BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, 0),                         /* key = 0 */
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -4),
		INSN(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 2, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, 1),
		INSN(BPF_STX | BPF_ATOMIC | BPF_DW, BPF_REG_0, BPF_REG_1, 0, BPF_ADD), /* (*value)++ */
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT, .insns = (uintptr_t)insns, .insn_cnt = sizeof(insns) / sizeof(*insns),
			       .license = (uintptr_t)"GPL", .log_buf = (uintptr_t)log, .log_size = sizeof(log), .log_level = 1};
	int fd = bpf(BPF_PROG_LOAD, &attr);

	if (fd < 0)
		printf("%s\n%s", strerror(errno), log);
	return fd;
}

int main(void)
{
	union bpf_attr make = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};
	uint32_t key = 0;
	uint64_t seen = 0;
	int map = bpf(BPF_MAP_CREATE, &make), program = map < 0 ? -1 : load(map);
	union bpf_attr attach = {.raw_tracepoint = {.name = (uintptr_t)"sched_process_exec", .prog_fd = (uint32_t)program}};
	union bpf_attr look = {.map_fd = (uint32_t)map, .key = (uintptr_t)&key, .value = (uintptr_t)&seen};

	if (program < 0 || bpf(BPF_RAW_TRACEPOINT_OPEN, &attach) < 0) {
		printf("not attached: %s\n", strerror(errno));
		return 1;
	}
	puts("Attaching");
	fflush(stdout);
	for (int i = 0; i < 600 && !seen; i++) {
		usleep(100000);
		bpf(BPF_MAP_LOOKUP_ELEM, &look);
	}
	puts(seen ? "seen" : "nothing");
	return 0;
}
