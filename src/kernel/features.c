/*
 * What this kernel can do, found out by trying. Each try is harmless: a perf event is opened disabled, a BPF program that returns
 * at once is loaded and never attached; all is closed again. What needs a privilege that is not there stays unknown and says so.
 *
 * A kernel that is not running is judged by its configuration, and one that runs, too, before anything is tried: a missing CONFIG_ is a
 * better reason than an errno.
 */
#include "internal.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The one list of features: name in meta.json, what it is in words, and the configuration without which it can't be. */
static const struct {
	const char *name, *words;
	const char *needs[6];
} table[KG_FEATURES] = {
	[KG_FEATURE_KPROBE] = {"kprobe", "kprobes", {"KPROBES", "PERF_EVENTS", "KPROBE_EVENTS", "BPF_EVENTS"}},
	[KG_FEATURE_KRETPROBE] = {"kretprobe", "kretprobes", {"KPROBES", "KRETPROBES", "PERF_EVENTS", "KPROBE_EVENTS", "BPF_EVENTS"}},
	[KG_FEATURE_FENTRY] = {"fentry", "fentry", {"BPF_SYSCALL", "BPF_JIT", "DEBUG_INFO_BTF", "FUNCTION_TRACER", "DYNAMIC_FTRACE_WITH_DIRECT_CALLS"}},
	[KG_FEATURE_ITER] = {"iter", "BPF iterators", {"BPF_SYSCALL", "DEBUG_INFO_BTF"}},
	[KG_FEATURE_TRACEPOINT] = {"tracepoint", "tracepoints for BPF", {"TRACEPOINTS", "EVENT_TRACING", "PERF_EVENTS", "BPF_EVENTS"}},
	[KG_FEATURE_RAWTRACEPOINT] = {"rawtracepoint", "raw tracepoints", {"TRACEPOINTS", "BPF_EVENTS"}},
	[KG_FEATURE_UPROBE] = {"uprobe", "uprobes", {"UPROBES", "PERF_EVENTS", "UPROBE_EVENTS", "BPF_EVENTS"}},
	[KG_FEATURE_SOFTWARE] = {"software", "perf events", {"PERF_EVENTS", "BPF_EVENTS"}},
	[KG_FEATURE_HARDWARE] = {"hardware", "hardware counters", {"PERF_EVENTS", "BPF_EVENTS"}},
	[KG_FEATURE_WATCHPOINT] = {"watchpoint", "hardware breakpoints", {"PERF_EVENTS", "HAVE_HW_BREAKPOINT"}},
};

const char *kg_feature_name(enum kg_feature_id id)
{
	return table[id].name;
}

static void answer(struct kg_profile *p, enum kg_feature_id id, enum kg_answer a, char *why)
{
	g_free(p->features[id].why);
	p->features[id].answer = a;
	p->features[id].why = why;
}

gboolean kg_has_capability(int cap)
{
	g_autoptr(GBytes) status = kg_read_file("/proc/self/status", 1u << 16);
	gsize len;
	const char *s = status ? g_bytes_get_data(status, &len) : NULL;
	const char *at = s ? memmem(s, len, "\nCapEff:\t", 9) : NULL;
	g_autofree char *hex = at ? g_strndup(at + 9, MIN(16, len - (gsize)(at + 9 - s))) : NULL;

	return hex && (g_ascii_strtoull(hex, NULL, 16) >> cap & 1);
}

static gboolean may_load(void)
{
	return kg_has_capability(KG_CAP_SYS_ADMIN) || (kg_has_capability(KG_CAP_BPF) && kg_has_capability(KG_CAP_PERFMON));
}

void kg_features_from_config(struct kg_profile *p)
{
	for (int id = 0; id < KG_FEATURES; id++) {
		if (!p->texts[KG_TEXT_CONFIG]) {
			answer(p, id, KG_UNKNOWN, g_strdup("the kernel's configuration can't be read"));
			continue;
		}
		answer(p, id, KG_YES, NULL);
		for (int i = 0; table[id].needs[i]; i++) {
			if (kg_profile_config(p, table[id].needs[i]) != KG_NO)
				continue;
			answer(p, id, KG_NO, g_strdup_printf("this kernel was built without %s (CONFIG_%s is not set)",
							     table[id].words, table[id].needs[i]));
			break;
		}
	}
	/* A processor's counters can't be told from a configuration. */
	if (p->features[KG_FEATURE_HARDWARE].answer == KG_YES)
		answer(p, KG_FEATURE_HARDWARE, KG_UNKNOWN, g_strdup("whether the machine has hardware counters is only known when it runs"));
}

/* Open a perf event, disabled, on this process, and close it; 0 or an errno. */
static int try_perf(struct perf_event_attr *attr)
{
	attr->size = sizeof(*attr);
	attr->disabled = 1;
	attr->exclude_kernel = 1; /* so that fewer privileges are needed; what may be counted is another question */
	attr->exclude_hv = 1;
	int fd = (int)syscall(SYS_perf_event_open, attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static void probe_perf(struct kg_profile *p, enum kg_feature_id id, struct perf_event_attr attr, const char *absent)
{
	if (p->features[id].answer == KG_NO)
		return;
	int e = try_perf(&attr);

	if (!e)
		answer(p, id, KG_YES, NULL);
	else if (e == EACCES || e == EPERM)
		answer(p, id, KG_UNKNOWN, g_strdup_printf("it can't be tried: perf_event_open: %s (needs CAP_PERFMON, or a lower "
							  "kernel.perf_event_paranoid)", g_strerror(e)));
	else if (e == ENOSYS)
		answer(p, id, KG_NO, g_strdup("this kernel has no perf events, or a sandbox hides them"));
	else
		answer(p, id, KG_NO, g_strdup_printf("%s (perf_event_open: %s)", absent, g_strerror(e)));
}

/* Load "r0 = 0; exit" as a program of that type; 0 or an errno. */
static int try_load(enum bpf_prog_type type, enum bpf_attach_type attach, uint32_t btf_id)
{
	static const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach, .attach_btf_id = btf_id);
	libbpf_print_fn_t old = libbpf_set_print(NULL);
	int fd = bpf_prog_load(type, "kgent_probe", "GPL", code, G_N_ELEMENTS(code), &opts);
	int e = errno;

	libbpf_set_print(old);
	if (fd < 0)
		return e ? e : EINVAL;
	close(fd);
	return 0;
}

static void loaded(struct kg_profile *p, enum kg_feature_id id, int e)
{
	if (!e)
		answer(p, id, KG_YES, NULL);
	else if (e == EPERM || e == EACCES)
		answer(p, id, KG_NO, g_strdup_printf("the kernel refuses to load %s programs (bpf: %s), although the privileges are "
						     "there: a security policy forbids it", table[id].words, g_strerror(e)));
	else
		answer(p, id, KG_NO, g_strdup_printf("the kernel can't load %s programs (bpf: %s)", table[id].words, g_strerror(e)));
}

/* The configuration allows it, but a policy can forbid it all the same, even to root; so it is not called usable before it was tried. */
static void not_tried(struct kg_profile *p, enum kg_feature_id id)
{
	if (p->features[id].answer != KG_NO)
		answer(p, id, KG_UNKNOWN, g_strdup("it can't be tried without CAP_BPF and CAP_PERFMON"));
}

static void probe_load(struct kg_profile *p, enum kg_feature_id id, enum bpf_prog_type type)
{
	if (!may_load())
		not_tried(p, id);
	else if (p->features[id].answer != KG_NO)
		loaded(p, id, try_load(type, 0, 0));
}

/* Programs of type tracing name a function in BTF; bpf_fentry_test1 is the kernel's own, made for such tests. */
static void probe_tracing(struct kg_profile *p, enum kg_feature_id id, enum bpf_attach_type attach, const char *const *functions)
{
	struct kg_btf *b = kg_profile_btf(p);
	uint32_t btf_id = 0;

	if (p->features[id].answer == KG_NO)
		return;
	if (!b) {
		answer(p, id, KG_NO, g_strdup_printf("%s need BTF: %s", table[id].words, kg_source_get(p, "btf")->why));
		return;
	}
	for (int i = 0; functions[i] && !btf_id; i++)
		btf_id = kg_btf_find(b, functions[i], BTF_KIND_FUNC);
	if (!may_load())
		not_tried(p, id);
	else if (btf_id)
		loaded(p, id, try_load(BPF_PROG_TYPE_TRACING, attach, btf_id));
}

static gboolean has_pmu(const char *name)
{
	g_autofree char *path = g_build_filename("/sys/bus/event_source/devices", name, NULL);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

/* kprobes and uprobes are a PMU each since Linux 4.17; before, tracefs files make them. */
static void probe_pmu(struct kg_profile *p, enum kg_feature_id id, const char *pmu, const char *file)
{
	g_autofree char *path = p->tracefs ? g_build_filename(p->tracefs, file, NULL) : NULL;

	if (p->features[id].answer == KG_NO)
		return;
	if (has_pmu(pmu) || (path && g_file_test(path, G_FILE_TEST_EXISTS)))
		answer(p, id, KG_YES, NULL);
	else
		answer(p, id, KG_NO, g_strdup_printf("this kernel has no %s (there is no /sys/bus/event_source/devices/%s)", table[id].words, pmu));
}

static void probe_programs(struct kg_profile *p)
{
	static const char *const entry[] = {"bpf_fentry_test1", "do_unlinkat", "vfs_read", NULL};
	static const char *const iter[] = {"bpf_iter_task", "bpf_iter_bpf_map", NULL};

	probe_tracing(p, KG_FEATURE_FENTRY, BPF_TRACE_FENTRY, entry);
	probe_tracing(p, KG_FEATURE_ITER, BPF_TRACE_ITER, iter);
	probe_load(p, KG_FEATURE_RAWTRACEPOINT, BPF_PROG_TYPE_RAW_TRACEPOINT);
	probe_load(p, KG_FEATURE_TRACEPOINT, BPF_PROG_TYPE_TRACEPOINT);
}

void kg_gather_features(struct kg_profile *p)
{
	static char watched[8] __attribute__((aligned(8)));

	kg_features_from_config(p);
	probe_pmu(p, KG_FEATURE_KPROBE, "kprobe", "kprobe_events");
	probe_pmu(p, KG_FEATURE_KRETPROBE, "kprobe", "kprobe_events");
	probe_pmu(p, KG_FEATURE_UPROBE, "uprobe", "uprobe_events");
	probe_perf(p, KG_FEATURE_SOFTWARE, (struct perf_event_attr){.type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_CPU_CLOCK},
		   "this kernel has no software events");
	probe_perf(p, KG_FEATURE_HARDWARE, (struct perf_event_attr){.type = PERF_TYPE_HARDWARE, .config = PERF_COUNT_HW_CPU_CYCLES},
		   "this machine shows no hardware counters, as is usual for virtual machines");
	probe_perf(p, KG_FEATURE_WATCHPOINT,
		   (struct perf_event_attr){.type = PERF_TYPE_BREAKPOINT, .bp_type = HW_BREAKPOINT_W,
					    .bp_addr = (guintptr)watched, .bp_len = HW_BREAKPOINT_LEN_1},
		   "this machine has no hardware breakpoints");
	probe_programs(p);
}
