/* BPF programs and maps that are loaded, modules that are loaded and unloaded. */
#include "stimulus.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/bpf.h>
#include <linux/module.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

static long bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* "return 0" as a socket filter: the smallest program that there is. */
static void load_programs(struct stim *s, void *data)
{
	struct bpf_insn code[] = {{.code = 0xb7 /* r0 = 0 */}, {.code = 0x95 /* exit */}};
	union bpf_attr program = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = 2, .insns = (uintptr_t)code, .license = (uintptr_t)"GPL"};
	union bpf_attr map = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};
	long n = stim_number(s, "count");

	strcpy(program.prog_name, "kgstim_prog");
	strcpy(map.map_name, "kgstim_map");
	stim_begin(s);
	for (long i = 0; i < n; i++) {
		syscall(SYS_close, stim_must(s, bpf(BPF_PROG_LOAD, &program), "BPF_PROG_LOAD"));
		syscall(SYS_close, stim_must(s, bpf(BPF_MAP_CREATE, &map), "BPF_MAP_CREATE"));
	}
	stim_end(s);
}

static void run_bpf(struct stim *s)
{
	long n = stim_number(s, "count");

	stim_act(s, load_programs, NULL);
	stim_tell(s, "bpf.count", 2 * n);
	stim_tell(s, "bpf.programs", n);
	stim_tell(s, "bpf.maps", n);
	stim_tell_text(s, "bpf.program_name", "kgstim_prog");
	stim_tell_text(s, "bpf.map_name", "kgstim_map");
	stim_tell(s, "syscalls", 4 * n + 1);
}

/* ---------------------------------------------------------------- modules */

static const char *wanted_module;
static char module_file[512];

static bool is_module(const char *name)
{
	size_t len = strlen(wanted_module);

	for (size_t i = 0; i < len; i++) /* - and _ are the same in names of modules */
		if (name[i] != wanted_module[i] && !(strchr("-_", name[i]) && strchr("-_", wanted_module[i]) && name[i]))
			return false;
	return !strncmp(name + len, ".ko", 3);
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *at)
{
	if (type != FTW_F || !is_module(path + at->base))
		return 0;
	snprintf(module_file, sizeof(module_file), "%s", path);
	return 1;
}

static void find_module(struct stim *s)
{
	struct utsname os;
	char root[600];

	wanted_module = stim_text(s, "module");
	if (wanted_module[0] == '/') {
		snprintf(module_file, sizeof(module_file), "%s", wanted_module);
		return;
	}
	uname(&os);
	snprintf(root, sizeof(root), "/lib/modules/%s", os.release);
	nftw(root, visit, 16, FTW_PHYS);
	if (!module_file[0])
		stim_cannot(s, "there is no module %s in %s", wanted_module, root);
}

/* "lib/crc7.ko.xz" is the module crc7; - becomes _. */
static void module_name(char *name, size_t size)
{
	const char *base = strrchr(module_file, '/') + 1;

	snprintf(name, size, "%.*s", (int)(strstr(base, ".ko") ? strstr(base, ".ko") - base : (long)strlen(base)), base);
	for (char *p = name; *p; p++)
		*p = *p == '-' ? '_' : *p;
}

static void load_unload(struct stim *s, void *name)
{
	long n = stim_number(s, "count");
	int flags = strstr(module_file, ".ko.") ? MODULE_INIT_COMPRESSED_FILE : 0;
	int fd = (int)stim_must(s, open(module_file, O_RDONLY | O_CLOEXEC), module_file);

	stim_begin(s);
	for (long i = 0; i < n; i++) {
		long ret = syscall(SYS_finit_module, fd, "", flags);
		if (ret < 0 && errno != EPERM && errno != ENOSYS)
			stim_cannot(s, "%s can't be loaded: %s", module_file, strerror(errno));
		stim_must(s, ret, "finit_module");
		stim_must(s, syscall(SYS_delete_module, name, O_NONBLOCK), "delete_module");
	}
	stim_end(s);
}

static void run_module(struct stim *s)
{
	char name[128], path[200];

	if (access("/proc/modules", F_OK) < 0)
		stim_cannot(s, "this kernel has no modules");
	find_module(s);
	module_name(name, sizeof(name));
	snprintf(path, sizeof(path), "/sys/module/%s", name);
	if (access(path, F_OK) == 0)
		stim_cannot(s, "the module %s is loaded already", name);
	stim_later(s, STIM_CLEAN_MODULE, name);
	stim_act(s, load_unload, name);
	stim_tell(s, "module.count", stim_number(s, "count"));
	stim_tell_text(s, "module.name", name);
	stim_tell_text(s, "module.file", module_file);
	stim_tell(s, "syscalls", 2 * stim_number(s, "count") + 1);
}

static const struct stim_option bpf_options[] = {{"count", "N", "5", "how many programs, and as many maps", 0, 1000, NULL}, {NULL}};
static const struct stim_option module_options[] = {
	{"count", "N", "1", "how often", 1, 100, NULL},
	{"module", "NAME", "crc7", "one that is not loaded and needs no other; a name, or the path of its file", 0, 0, NULL}, {NULL}};

const struct stimulus stim_kernel[] = {
	{"bpf-load", "load BPF programs that do nothing, and make maps", run_bpf, bpf_options,
	 "bpf.count bpf.programs bpf.maps bpf.program_name bpf.map_name syscalls", "to be root"},
	{"module-load", "load a kernel module and unload it", run_module, module_options, "module.count module.name module.file syscalls",
	 "to be root, a kernel with modules"},
	{NULL},
};
