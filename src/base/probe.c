/* The kinds of attach points: the one list. See include/kgent/probe.h. */
#include <kgent/probe.h>

#include <string.h>

static const struct kg_probe_info infos[KG_PROBE_KINDS] = {
	[KG_PROBE_NONE] = {"none", "none", NULL, 0, .plain = "nothing"},
	[KG_PROBE_BEGIN] = {"BEGIN", "begin", NULL, 0, .plain = "when tracing begins"},
	[KG_PROBE_END] = {"END", "end", NULL, 0, .plain = "when tracing ends"},
	[KG_PROBE_KPROBE] = {"kprobe", "kprobe", "k", 1, .is_kernel_function = TRUE, .plain = "when the kernel function is called"},
	[KG_PROBE_KRETPROBE] = {"kretprobe", "kretprobe", "kr", 1, .is_kernel_function = TRUE, .plain = "when the kernel function returns"},
	[KG_PROBE_FENTRY] = {"kfunc", "fentry", "f", 1, .is_kernel_function = TRUE, .plain = "when the kernel function is called"},
	[KG_PROBE_FEXIT] = {"kretfunc", "fexit", "fr", 1, .is_kernel_function = TRUE, .plain = "when the kernel function returns"},
	[KG_PROBE_TRACEPOINT] = {"tracepoint", "tracepoint", "t", 2, .plain = "at the kernel's tracepoint"},
	[KG_PROBE_RAWTRACEPOINT] = {"rawtracepoint", "rawtracepoint", "rt", 1, .plain = "at the kernel's raw tracepoint"},
	[KG_PROBE_UPROBE] = {"uprobe", "uprobe", "u", 2, .is_user = TRUE, .plain = "when the program's function is called"},
	[KG_PROBE_URETPROBE] = {"uretprobe", "uretprobe", "ur", 2, .is_user = TRUE, .plain = "when the program's function returns"},
	[KG_PROBE_USDT] = {"usdt", "usdt", "U", 2, .is_user = TRUE, .plain = "at the program's own trace point"},
	[KG_PROBE_PROFILE] = {"profile", "profile", "p", 2, .is_timer = TRUE, .plain = "as a sample on every CPU"},
	[KG_PROBE_INTERVAL] = {"interval", "interval", "i", 2, .is_timer = TRUE, .plain = "at each interval"},
	[KG_PROBE_SOFTWARE] = {"software", "software", "s", 1, .plain = "at the kernel's software event"},
	[KG_PROBE_HARDWARE] = {"hardware", "hardware", "h", 1, .plain = "at the processor's event"},
	[KG_PROBE_WATCHPOINT] = {"watchpoint", "watchpoint", "w", 1, .plain = "when the memory is used"},
	[KG_PROBE_ASYNCWATCHPOINT] = {"asyncwatchpoint", "asyncwatchpoint", "aw", 1, .plain = "when the memory is used"},
	[KG_PROBE_ITER] = {"iter", "iter", "it", 1, .plain = "once for each kernel object"},
	[KG_PROBE_SELF] = {"self", "self", NULL, 2, .plain = "when bpftrace gets the signal"},
	[KG_PROBE_TEST] = {"test", "test", NULL, 1, .plain = "as a test"},
	[KG_PROBE_BENCH] = {"bench", "bench", NULL, 1, .plain = "as a benchmark"},
};

const struct kg_probe_info *kg_probe_info(enum kg_probe_kind kind)
{
	return &infos[kind < KG_PROBE_KINDS ? kind : KG_PROBE_NONE];
}

static gboolean equal(const char *a, const char *b, gsize len)
{
	return b && strlen(b) == len && !memcmp(a, b, len);
}

enum kg_probe_kind kg_probe_kind_parse(const char *name, gssize len)
{
	gsize n = len < 0 ? strlen(name) : (gsize)len;

	for (int i = 1; i < KG_PROBE_KINDS; i++)
		if (equal(name, infos[i].name, n) || equal(name, infos[i].modern, n) || equal(name, infos[i].alias, n))
			return (enum kg_probe_kind)i;
	return KG_PROBE_NONE;
}
