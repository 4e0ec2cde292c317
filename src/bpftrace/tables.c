/*
 * The builtins and functions of the language: the one list of them. Which release brought them is in features.c.
 * Source: man bpftrace 0.17 (BUILTINS, FUNCTIONS, MAP FUNCTIONS), docs/stdlib.md and CHANGELOG.md of later releases.
 */
#include <kgent/bpftrace.h>

#include <string.h>

const struct kg_bt_builtin kg_bt_builtins[] = {
	{"pid", "int", "the process id"},
	{"tid", "int", "the thread id"},
	{"uid", "int", "the user id"},
	{"gid", "int", "the group id"},
	{"comm", "string", "the process's name"},
	{"nsecs", "int", "the time"},
	{"elapsed", "int", "the time since the start"},
	{"jiffies", "int", "the kernel's tick count"},
	{"cpu", "int", "the processor's number"},
	{"ncpus", "int", "the number of processors"},
	{"numaid", "int", "the NUMA node"},
	{"cgroup", "int", "the cgroup's id"},
	{"curtask", "struct task_struct *", "the current task"},
	{"rand", "int", "a random number"},
	{"kstack", "stack", "the kernel stack"},
	{"ustack", "stack", "the user stack"},
	{"arg0", "int", "an argument"},
	{"sarg0", "int", "an argument on the stack"},
	{"args", "args", "the arguments"},
	{"ctx", "", "the raw context"},
	{"retval", "", "the returned value"},
	{"func", "string", "the function's name"},
	{"probe", "string", "the attach point's name"},
	{"username", "string", "the user's name"},
	{"cpid", "int", "the traced command's process id"},
	{"probetype", "string", "the attach point's kind"},
	{"pcomm", "string", "the main thread's name"},
	{"ppid", "int", "the parent's process id"},
	{"has_cpid", "int", "whether a command is traced"},
	{"usermode", "int", "whether the processor was in user mode"},
	{NULL, NULL, NULL},
};

#define AGG KG_BT_F_AGGREGATE
#define PRN KG_BT_F_PRINTS
#define STM KG_BT_F_STATEMENT
#define FMT KG_BT_F_FORMAT
const struct kg_bt_function kg_bt_functions[] = {
	/* what a map keeps */
	{"count", 0, 0, AGG, "count", "counts"},
	{"sum", 1, 1, AGG, "sum", "adds up"},
	{"avg", 1, 1, AGG, "avg", "averages"},
	{"min", 1, 1, AGG, "min", "keeps the smallest"},
	{"max", 1, 1, AGG, "max", "keeps the largest"},
	{"stats", 1, 1, AGG, "stats", "keeps count, average and sum of"},
	{"hist", 1, 2, AGG, "hist", "makes a power-of-two histogram of"},
	{"lhist", 4, 4, AGG, "lhist", "makes a linear histogram of"},
	{"tseries", 3, 4, AGG, "tseries", "keeps a time series of"},
	/* for the proof alone; never given to bpftrace. assert() with one argument is ours, with two bpftrace's */
	{"assume", 1, 1, STM, "none", "takes for granted, in the proof alone,"},
	/* what is shown */
	{"printf", 1, -1, PRN | STM | FMT, "none", "prints"},
	{"errorf", 1, -1, PRN | STM | FMT, "none", "prints an error"},
	{"warnf", 1, -1, PRN | STM | FMT, "none", "prints a warning"},
	{"debugf", 1, -1, STM | FMT, "none", "writes to the kernel's trace pipe"},
	{"print", 1, 3, PRN | STM, "none", "prints"},
	{"time", 0, 1, PRN | STM, "none", "prints the time"},
	{"join", 1, 2, PRN | STM | KG_BT_F_READS_USER, "none", "prints the strings of an array"},
	{"cat", 1, -1, PRN | STM | FMT | KG_BT_F_FILES, "none", "prints the contents of a file"},
	/* maps */
	{"clear", 1, 1, STM, "none", "empties"},
	{"zero", 1, 1, STM, "none", "sets to zero"},
	{"delete", 1, -1, 0, "int", "deletes from"},
	{"has_key", 2, 2, 0, "int", "asks for a key of"},
	{"find", 3, 3, 0, "int", "looks up a key of"},
	{"len", 1, 1, 0, "int", "the number of elements of"},
	/* control */
	{"exit", 0, 1, STM | KG_BT_F_EXITS, "none", "ends tracing"},
	/* what changes the system */
	{"system", 1, -1, STM | FMT | KG_BT_F_CHANGES, "none", "runs a shell command"},
	{"signal", 1, 1, STM | KG_BT_F_CHANGES, "none", "sends a signal to the process"},
	{"signal_thread", 1, 1, STM | KG_BT_F_CHANGES, "none", "sends a signal to the thread"},
	{"override", 1, 1, STM | KG_BT_F_CHANGES, "none", "makes the kernel function fail with a value"},
	{"override_return", 1, 1, STM | KG_BT_F_CHANGES, "none", "makes the kernel function fail with a value"},
	{"skboutput", 4, 4, KG_BT_F_CHANGES, "int", "writes packets to a file"},
	{"unwatch", 1, 1, STM, "none", "removes a watchpoint"},
	{"socket_cookie", 1, 1, 0, "int", "the socket's cookie"},
	/* memory */
	{"str", 1, 2, KG_BT_F_READS_USER, "string", "a string read from memory"},
	{"buf", 1, 2, KG_BT_F_READS_USER, "buffer", "bytes read from memory"},
	{"kptr", 1, 1, 0, "", "a pointer into the kernel"},
	{"uptr", 1, 1, 0, "", "a pointer into the process"},
	{"path", 1, 2, KG_BT_F_READS_KERNEL, "string", "the path of a file"},
	{"macaddr", 1, 1, 0, "string", "a hardware address"},
	{"reg", 1, 1, 0, "int", "a register"},
	{"kaddr", 1, 1, 0, "int", "the address of a kernel symbol"},
	{"uaddr", 1, 1, 0, "", "the address of a symbol of the program"},
	{"percpu_kaddr", 1, 2, 0, "int", "the address of a per-processor kernel variable"},
	/* names and numbers */
	{"ksym", 1, 1, 0, "string", "the kernel symbol of an address"},
	{"usym", 1, 1, 0, "string", "the symbol of an address"},
	{"kstack", 0, 2, KG_BT_F_STACK, "stack", "the kernel stack"},
	{"ustack", 0, 2, KG_BT_F_STACK, "stack", "the user stack"},
	{"ntop", 1, 2, 0, "string", "an IP address as text"},
	{"pton", 1, 1, 0, "", "an IP address as bytes"},
	{"bswap", 1, 1, 0, "int", "a number with its bytes in the other order"},
	{"strftime", 2, 2, 0, "string", "a time as text"},
	{"strerror", 1, 1, 0, "string", "the name of an error"},
	{"strncmp", 3, 3, 0, "int", "compares strings"},
	{"strcontains", 2, 2, 0, "int", "looks for a string in a string"},
	{"strcap", 2, 2, 0, "", "cuts a string"},
	{"strstr", 2, 2, 0, "int", "looks for a string in a string"},
	{"strlen", 1, 1, 0, "int", "the length of a string"},
	{"memcmp", 3, 3, 0, "int", "compares bytes"},
	{"cgroupid", 1, 1, 0, "int", "the id of a cgroup"},
	{"cgroup_path", 1, 2, 0, "string", "the path of a cgroup"},
	{"nsecs", 0, 1, 0, "int", "the time"},
	{"pid", 0, 1, 0, "int", "the process id"},
	{"tid", 0, 1, 0, "int", "the thread id"},
	{"ppid", 0, 1, 0, "int", "the parent's process id"},
	{"comm", 0, 1, 0, "string", "the process's name"},
	{"pcomm", 0, 1, 0, "string", "the main thread's name"},
	{"static_assert", 1, 2, STM, "none", "stops the compiler if a condition does not hold"},
	{"assert_str", 1, 1, STM, "none", "stops the compiler if it is no string"},
	{"getopt", 1, 3, 0, "", "a command line option"},
	{"is_ptr", 1, 1, 0, "int", "asks for a kind of value"},
	{"is_str", 1, 1, 0, "int", "asks for a kind of value"},
	{"is_integer", 1, 1, 0, "int", "asks for a kind of value"},
	{"is_array", 1, 1, 0, "int", "asks for a kind of value"},
	{"is_literal", 1, 1, 0, "int", "asks for a kind of value"},
	{"kfunc_exist", 1, 1, 0, "int", "asks for a kernel function"},
	{"kfunc_allowed", 1, 1, 0, "int", "asks for a kernel function"},
	{"assert", 1, 2, PRN | STM | KG_BT_F_EXITS, "none", "ends tracing if a condition does not hold"},
	{"fail", 1, -1, STM | FMT, "none", "stops the compiler with a message"},
	{NULL, 0, 0, 0, NULL, NULL},
};

/* arg0 to arg9 and sarg0 to sarg9 share a row. */
static const char *row_name(const char *name, char buf[8])
{
	gsize skip = !strncmp(name, "arg", 3) ? 3 : !strncmp(name, "sarg", 4) ? 4 : 0;

	if (!skip || !g_ascii_isdigit(name[skip]) || name[skip + 1])
		return name;
	g_strlcpy(buf, skip == 3 ? "arg0" : "sarg0", 8);
	return buf;
}

const struct kg_bt_builtin *kg_bt_builtin_find(const char *name)
{
	char buf[8];

	name = row_name(name, buf);
	for (const struct kg_bt_builtin *b = kg_bt_builtins; b->name; b++)
		if (b->name[0] == name[0] && !strcmp(b->name, name))
			return b;
	return NULL;
}

const struct kg_bt_function *kg_bt_function_find(const char *name)
{
	for (const struct kg_bt_function *f = kg_bt_functions; f->name; f++)
		if (f->name[0] == name[0] && !strcmp(f->name, name))
			return f;
	return NULL;
}
