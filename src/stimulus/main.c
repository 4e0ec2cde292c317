/* kgent-stimulus: the table of subcommands, its command line, help. What it is: stimulus.h. */
#include "stimulus.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

const struct stim_theme stim_themes[] = {
	{"system calls", stim_syscalls},
	{"files", stim_files},
	{"memory", stim_memory_events},
	{"reclaim and swap", stim_reclaim},
	{"processes and threads", stim_processes},
	{"signals", stim_signals},
	{"time and CPU", stim_times},
	{"locks", stim_locks},
	{"between processes", stim_ipc},
	{"TCP", stim_tcp},
	{"UDP and packets", stim_udp},
	{"namespaces and mounts", stim_namespaces},
	{"privileges and limits", stim_security},
	{"block devices", stim_block},
	{"file systems", stim_filesystems},
	{"BPF and modules", stim_kernel},
	{"user space", stim_user},
	{NULL, NULL},
};

/* The options of all stimuli. */
static const struct stim_option common[] = {
	{"comm", "NAME", "kgstim", "the name of the process while it makes the events, at most 15 characters", 0, 0, NULL},
	{"cpu", "N", "-1", "make them on this CPU; -1: on any", -1, 1023, NULL},
	{"dir", "DIR", "/tmp", "where files are made, in a directory of their own, which is removed", 0, 0, NULL},
	{"timeout", "SECONDS", "60", "give up after this time", 1, 3600, NULL},
	{"uid", "UID", "-1", "make them as this user and group; -1: as whoever calls", -1, 4294967294, NULL},
	{NULL},
};

/* Every truth has these. */
static const char common_tells[] = "comm pid tid ppid uid gid elapsed_ns usage.switches usage.minor_faults usage.major_faults usage.cpu_ns";

static const struct stimulus *find(const char *name)
{
	for (const struct stim_theme *theme = stim_themes; theme->name; theme++)
		for (const struct stimulus *what = theme->stimuli; what->name; what++)
			if (!strcmp(what->name, name))
				return what;
	return NULL;
}

/* ---------------------------------------------------------------- options */

static int find_option(const struct stim_option *options, const char *name, size_t len)
{
	for (int i = 0; options && options[i].name; i++)
		if (strlen(options[i].name) == len && !strncmp(options[i].name, name, len))
			return i;
	return -1;
}

static const char *value_of(const struct stim *s, const char *option, const struct stim_option **ret)
{
	int i = find_option(s->what->options, option, strlen(option));

	if (i < 0)
		abort(); /* a mistake in a table */
	*ret = &s->what->options[i];
	return s->values[i] ? s->values[i] : (*ret)->fallback;
}

static bool read_number(const char *text, long long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoll(text, &end, 10);
	if (end == text || errno)
		return false;
	int shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
	if (shift && (*ret < 0 || *ret > 1LL << 32))
		return false;
	*ret <<= shift;
	return end[shift ? 1 : 0] == '\0';
}

long long stim_number(const struct stim *s, const char *option)
{
	const struct stim_option *row;
	long long number = 0;

	read_number(value_of(s, option, &row), &number);
	return number;
}

const char *stim_text(const struct stim *s, const char *option)
{
	const struct stim_option *row;

	return value_of(s, option, &row);
}

bool stim_is(const struct stim *s, const char *option, const char *value)
{
	return !strcmp(stim_text(s, option), value);
}

static bool is_choice(const char *choices, const char *value)
{
	size_t len = strlen(value);

	for (const char *at = choices; len && (at = strstr(at, value)); at++)
		if ((at == choices || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
			return true;
	return false;
}

static bool check_value(const struct stim_option *option, const char *value)
{
	long long number;

	if (option->choices && !is_choice(option->choices, value)) {
		fprintf(stderr, "kgent-stimulus: --%s %s: it is one of: %s\n", option->name, value, option->choices);
		return false;
	}
	if (option->choices || !option->max)
		return true;
	if (!read_number(value, &number) || number < option->min || number > option->max) {
		fprintf(stderr, "kgent-stimulus: --%s %s: a number from %lld to %lld is wanted\n", option->name, value, option->min, option->max);
		return false;
	}
	return true;
}

static bool take_common(struct stim *s, int option, const char *value)
{
	long long number = 0;

	read_number(value, &number);
	switch (option) {
	case 0:
		if (!*value || strlen(value) > 15) {
			fprintf(stderr, "kgent-stimulus: --comm %s: a name has 1 to 15 characters\n", value);
			return false;
		}
		strcpy(s->comm, value);
		return true;
	case 1: s->cpu = (int)number; return true;
	case 2:
		if (snprintf(s->dir, sizeof(s->dir), "%s", value) < 150 && value[0] == '/')
			return true;
		fprintf(stderr, "kgent-stimulus: --dir %s: an absolute path of less than 150 characters is wanted\n", value);
		return false;
	case 3: s->timeout_s = (int)number; return true;
	default: s->uid = number; return true;
	}
}

static bool take_option(struct stim *s, const char *word, const char *value, int *used)
{
	const char *name = word + 2, *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	int own = find_option(s->what->options, name, len), shared = find_option(common, name, len);

	if (own < 0 && shared < 0) {
		fprintf(stderr, "kgent-stimulus: %s has no option %s; kgent-stimulus %s --help tells which\n", s->what->name, word, s->what->name);
		return false;
	}
	if (equals)
		value = equals + 1;
	*used = equals ? 1 : 2;
	if (!value) {
		fprintf(stderr, "kgent-stimulus: option %s needs a value\n", word);
		return false;
	}
	if (!check_value(own >= 0 ? &s->what->options[own] : &common[shared], value))
		return false;
	if (own < 0)
		return take_common(s, shared, value);
	s->values[own] = value;
	return true;
}

/* ---------------------------------------------------------------- help */

static void print_options(const struct stim_option *options)
{
	for (; options && options->name; options++) {
		char left[64];
		snprintf(left, sizeof(left), "--%s %s", options->name, options->value);
		printf("  %-20s %s", left, options->help);
		if (options->choices)
			printf(" (one of: %s)", options->choices);
		printf("; %s\n", *options->fallback ? options->fallback : "none");
	}
}

static void print_help(const struct stimulus *what)
{
	printf("kgent-stimulus %s: %s\n", what->name, what->help);
	if (what->needs)
		printf("\nNeeds %s.\n", what->needs);
	if (what->options) {
		printf("\nOptions, each with its default:\n");
		print_options(what->options);
	}
	printf("\nOptions of all stimuli:\n");
	print_options(common);
	printf("\nThe truth has, besides %s:\n  %s\n", common_tells, what->tells);
}

static void print_usage(FILE *out)
{
	fprintf(out, "kgent-stimulus makes events of the kernel in known numbers, and prints as JSON what it made.\n\n"
		     "  kgent-stimulus NAME [OPTIONS]\n"
		     "  kgent-stimulus NAME --help\n"
		     "  kgent-stimulus list [--json|--markdown]\n\n"
		     "Exit codes: 0 done; 1 it went otherwise than asked for; 2 usage; 3 it can't be done here, \"why\" tells the reason;\n"
		     "128 and more: ended by a signal.\n");
}

static void list_plain(void)
{
	for (const struct stim_theme *theme = stim_themes; theme->name; theme++) {
		printf("%s%s\n", theme == stim_themes ? "" : "\n", theme->name);
		for (const struct stimulus *what = theme->stimuli; what->name; what++)
			printf("  %-18s %s\n", what->name, what->help);
	}
}

static void list_json(void)
{
	const char *separator = "";

	putchar('[');
	for (const struct stim_theme *theme = stim_themes; theme->name; theme++) {
		for (const struct stimulus *what = theme->stimuli; what->name; what++, separator = ",\n") {
			printf("%s{\"name\":\"%s\",\"theme\":\"%s\",\"help\":", separator, what->name, theme->name);
			stim_print_text(what->help);
			printf(",\"tells\":\"%s\",\"options\":[", what->tells);
			for (const struct stim_option *o = what->options; o && o->name; o++)
				printf("%s\"%s\"", o == what->options ? "" : ",", o->name);
			printf("]}");
		}
	}
	printf("]\n");
}

/* docs/stimuli.md has this between its marks; a test holds it against the program. */
static void list_markdown(void)
{
	for (const struct stim_theme *theme = stim_themes; theme->name; theme++) {
		printf("### %c%s\n\n| stimulus | what it does | options and defaults | it tells |\n|---|---|---|---|\n", theme->name[0] & ~0x20,
		       theme->name + 1);
		for (const struct stimulus *what = theme->stimuli; what->name; what++) {
			printf("| `%s` | %s%s%s%s |", what->name, what->help, what->needs ? " (needs " : "", what->needs ? what->needs : "",
			       what->needs ? ")" : "");
			for (const struct stim_option *o = what->options; o && o->name; o++)
				printf("%s `--%s %s`", o == what->options ? "" : ",", o->name, *o->fallback ? o->fallback : o->value);
			printf(" | `%s` |\n", what->tells);
		}
		printf("\n");
	}
}

static int list(const char *how)
{
	if (!how)
		list_plain();
	else if (!strcmp(how, "--json"))
		list_json();
	else if (!strcmp(how, "--markdown"))
		list_markdown();
	else {
		print_usage(stderr);
		return STIM_USAGE;
	}
	return fflush(stdout) ? STIM_FAILED : STIM_DONE;
}

/* ---------------------------------------------------------------- running */

static struct stim *new_run(const struct stimulus *what)
{
	struct stim *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (s == MAP_FAILED) {
		fprintf(stderr, "kgent-stimulus: no memory\n");
		exit(STIM_CANNOT);
	}
	*s = (struct stim){.what = what, .cpu = -1, .uid = -1, .timeout_s = 60, .main = getpid()};
	strcpy(s->comm, "kgstim");
	strcpy(s->dir, "/tmp");
	if (readlink("/proc/self/exe", s->self, sizeof(s->self) - 1) < 0)
		strcpy(s->self, "");
	return s;
}

/* Signals are taken where children are waited for: see stim_wait(). */
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (int i = 0, wanted[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP}; i < 4; i++)
		sigaddset(&set, wanted[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
}

static int run(const struct stimulus *what, int argc, char **argv)
{
	struct stim *s = new_run(what);

	for (int i = 0, used; i < argc; i += used) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			print_help(what);
			return STIM_DONE;
		}
		if (strncmp(argv[i], "--", 2)) {
			fprintf(stderr, "kgent-stimulus: %s takes options only, not \"%s\"\n", what->name, argv[i]);
			return STIM_USAGE;
		}
		if (!take_option(s, argv[i], argv[i + 1], &used))
			return STIM_USAGE;
	}
	prctl(PR_SET_NAME, "kgent-stimulus"); /* also where it was called by another name */
	block_signals();
	stim_janitor_start(s);
	what->run(s);
	stim_finish(s);
}

int main(int argc, char **argv)
{
	const struct stimulus *what = argc > 1 ? find(argv[1]) : NULL;

	if (what)
		return run(what, argc - 2, argv + 2);
	if (argc > 1 && !strcmp(argv[1], "list") && argc <= 3)
		return list(argv[2]);
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))) {
		print_usage(stdout);
		return STIM_DONE;
	}
	if (argc > 1)
		fprintf(stderr, "kgent-stimulus: there is no stimulus \"%s\"; kgent-stimulus list tells which there are\n", argv[1]);
	else
		print_usage(stderr);
	return STIM_USAGE;
}
