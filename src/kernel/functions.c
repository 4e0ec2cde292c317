/*
 * Which kernel functions can be traced.
 *
 * The kernel's own list is tracefs' available_filter_functions: what ftrace can patch, which is also what fentry and (with
 * CONFIG_KPROBE_EVENTS_ON_NOTRACE unset, the default) kprobes accept. Only root may read it, and some systems refuse even root. Then the best guess is:
 * functions that BTF describes and that the symbol table has under exactly that name (a name such as "foo.isra.0" means that the compiler
 * changed foo, which can't be traced as foo any more). The guess contains functions that are marked notrace, so a profile
 * made of it says "unknown" instead of "yes".
 */
#include "internal.h"

#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

#define LIST_MAX (256u << 20)

/* Is it as kgent itself writes it: nothing but good lines, in order, each ended? Searching reads the text itself and relies on that. */
static gboolean is_clean(const struct kg_index *ix)
{
	if (ix->bad || (ix->text_len && ix->text[ix->text_len - 1] != '\n'))
		return FALSE;
	for (guint i = 1; i < ix->n; i++)
		if (ix->lines[i].off <= ix->lines[i - 1].off)
			return FALSE;
	return TRUE;
}

struct kg_index *kg_profile_functions(struct kg_profile *p)
{
	if (p->functions)
		return p->functions;
	p->functions = kg_index_functions(p->texts[KG_TEXT_FUNCTIONS]);
	if (is_clean(p->functions))
		return p->functions;
	struct kg_index *old = p->functions;
	guint bad = old->bad;
	GString *text = g_string_sized_new(old->text_len + 1);

	for (guint i = 0; i < old->n; i++) {
		const struct kg_line *l = &old->lines[i];

		g_string_append_len(text, kg_index_name(old, l), l->len + (l->rest ? l->rest + 3 : 0));
		g_string_append_c(text, '\n');
	}
	kg_index_free(old);
	g_bytes_unref(p->texts[KG_TEXT_FUNCTIONS]);
	p->texts[KG_TEXT_FUNCTIONS] = g_string_free_to_bytes(text);
	p->functions = kg_index_functions(p->texts[KG_TEXT_FUNCTIONS]);
	p->functions->bad = bad; /* that is what the file was */
	return p->functions;
}

struct kg_index *kg_profile_untraceable(struct kg_profile *p)
{
	if (!p->untraceable)
		p->untraceable = kg_index_functions(p->texts[KG_TEXT_UNTRACEABLE]);
	return p->untraceable;
}

struct kg_index *kg_profile_ambiguous(struct kg_profile *p)
{
	if (!p->ambiguous)
		p->ambiguous = kg_index_functions(p->texts[KG_TEXT_AMBIGUOUS]);
	return p->ambiguous;
}

struct kg_index *kg_profile_nokprobe(struct kg_profile *p)
{
	if (!p->nokprobe)
		p->nokprobe = kg_index_functions(p->texts[KG_TEXT_NOKPROBE]);
	return p->nokprobe;
}

static int compare_strings(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sort the lines, drop repeated ones, and make a text of them. */
static GBytes *lines_text(GPtrArray *lines)
{
	GString *out = g_string_sized_new(lines->len * 24 + 16);
	const char *last = NULL;

	g_ptr_array_sort(lines, compare_strings);
	for (guint i = 0; i < lines->len; i++) {
		const char *line = g_ptr_array_index(lines, i);

		if (last && !strcmp(last, line))
			continue;
		g_string_append(out, line);
		g_string_append_c(out, '\n');
		last = line;
	}
	return g_string_free_to_bytes(out);
}

/* Lines of available_filter_functions, in place: "name", "name [module]"; the tab some kernels use becomes a space. */
static GPtrArray *filter_lines(char *text)
{
	GPtrArray *lines = g_ptr_array_sized_new(65536);

	for (char *s = text, *next; s && *s; s = next) {
		next = strchr(s, '\n');
		if (next)
			*next++ = '\0';
		g_strdelimit(s, "\t", ' ');
		if (*s && !g_str_has_prefix(s, "__ftrace_invalid_address"))
			g_ptr_array_add(lines, s);
	}
	return lines;
}

/* Symbols that are no functions: padding before them, and static call sites. */
static gboolean is_noise(const char *name)
{
	return g_str_has_prefix(name, "__pfx_") || g_str_has_prefix(name, "__SCT__") || g_str_has_prefix(name, "__SCK__");
}

/* Functions that the macros of tracepoints make are notrace: on Linux 6.1 and 6.12 none of these is in the kernel's list. */
static gboolean is_made_by_tracing(const char *name)
{
	static const char *const prefixes[] = {"__bpf_trace_", "perf_trace_", "trace_event_raw_event_", "trace_raw_output_", "event_filter_pid_"};

	for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++)
		if (g_str_has_prefix(name, prefixes[i]))
			return TRUE;
	return FALSE;
}

/* Text symbols of /proc/kallsyms, "ffffffff81000000 T name [module]", as lines of our form; text is changed. */
static GPtrArray *symbol_lines(char *text)
{
	GPtrArray *lines = g_ptr_array_sized_new(65536);

	for (char *s = text, *next; s && *s; s = next) {
		next = strchr(s, '\n');
		if (next)
			*next++ = '\0';
		char *type = strchr(s, ' ');

		if (!type || !type[1] || type[2] != ' ' || !strchr("tTwW", type[1]))
			continue;
		char *name = type + 3, *tab = strchr(name, '\t');

		if (tab)
			*tab = ' ';
		if (*name && !is_noise(name))
			g_ptr_array_add(lines, name);
	}
	return lines;
}

static char *read_text(const char *path)
{
	g_autoptr(GBytes) bytes = kg_read_file(path, LIST_MAX);

	if (!bytes)
		return NULL;
	gsize len;
	const char *s = g_bytes_get_data(bytes, &len);

	return g_strndup(s ? s : "", len);
}

/* The names of all functions in BTF; of modules as "name [module]". */
static GPtrArray *btf_lines(struct kg_profile *p)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

	kg_btf_names(p, BTF_KIND_FUNC, "", names);
	return names;
}

/* What the symbols have and the functions don't, as a text. */
static GBytes *minus(GPtrArray *symbols, GBytes *functions)
{
	struct kg_index *ix = kg_index_functions(functions);
	g_autoptr(GPtrArray) rest = g_ptr_array_new();

	for (guint i = 0; i < symbols->len; i++) {
		const char *line = g_ptr_array_index(symbols, i);

		if (!kg_index_find(ix, line, strcspn(line, " ")))
			g_ptr_array_add(rest, (gpointer)line);
	}
	kg_index_free(ix);
	return lines_text(rest);
}

static GBytes *both(GPtrArray *symbols, GPtrArray *described)
{
	g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GPtrArray) lines = g_ptr_array_new();

	for (guint i = 0; i < described->len; i++)
		g_hash_table_add(known, g_ptr_array_index(described, i));
	for (guint i = 0; i < symbols->len; i++)
		if (g_hash_table_contains(known, g_ptr_array_index(symbols, i)) && !is_made_by_tracing(g_ptr_array_index(symbols, i)))
			g_ptr_array_add(lines, g_ptr_array_index(symbols, i));
	return lines_text(lines);
}

/* Names that come more than once among the symbols, in whatever module. */
static GBytes *repeated(GPtrArray *symbols)
{
	GString *out = g_string_new(NULL);
	const char *last = "";
	gsize n = 0, times = 0;

	g_ptr_array_sort(symbols, compare_strings);
	for (guint i = 0; i < symbols->len; i++) {
		const char *name = g_ptr_array_index(symbols, i);
		gsize len = strcspn(name, " ");

		times = n == len && !memcmp(last, name, len) ? times + 1 : 1;
		if (times == 2)
			g_string_append_printf(out, "%.*s\n", (int)len, name);
		last = name;
		n = len;
	}
	return g_string_free_to_bytes(out);
}

/* "0xffffffff81000000-0xffffffff81000010\tname" a line; only root may read it, and only where debugfs is mounted. */
static GBytes *blacklist(void)
{
	g_autofree char *text = read_text("/sys/kernel/debug/kprobes/blacklist");
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (char *s = text, *next; s && *s; s = next) {
		next = strchr(s, '\n');
		if (next)
			*next++ = '\0';
		char *tab = strchr(s, '\t');

		if (tab && tab[1])
			g_ptr_array_add(names, tab + 1);
	}
	return text ? lines_text(names) : NULL;
}

static guint count(GBytes *text)
{
	struct kg_index *ix = kg_index_functions(text);
	guint n = ix->n;

	kg_index_free(ix);
	return n;
}

/* The list can't be read: guess, and say what the guess is made of and what it costs. */
static void guess(struct kg_profile *p, GPtrArray *symbols, const char *list_why, const char *mend)
{
	g_autoptr(GPtrArray) described = btf_lines(p);
	g_autofree char *why = NULL;

	if (described->len && symbols->len) {
		p->texts[KG_TEXT_FUNCTIONS] = both(symbols, described);
		p->texts[KG_TEXT_UNTRACEABLE] = minus(symbols, p->texts[KG_TEXT_FUNCTIONS]);
		why = g_strdup_printf("%s; used instead: functions that are both in BTF and in /proc/kallsyms", list_why);
	} else if (described->len) {
		p->texts[KG_TEXT_FUNCTIONS] = lines_text(described);
		why = g_strdup_printf("%s, nor /proc/kallsyms; used instead: functions in BTF", list_why);
	} else if (symbols->len) {
		p->texts[KG_TEXT_FUNCTIONS] = lines_text(symbols);
		why = g_strdup_printf("%s, and there is no BTF; used instead: /proc/kallsyms", list_why);
	} else {
		kg_source_set(p, "functions", KG_SOURCE_MISSING, 0, list_why, "kernel functions are not known", mend);
		return;
	}
	kg_source_set(p, "functions", KG_SOURCE_PARTIAL, count(p->texts[KG_TEXT_FUNCTIONS]), why,
		      "a function that is marked notrace looks as if it could be traced", mend);
}

void kg_gather_functions(struct kg_profile *p)
{
	g_autofree char *path = p->tracefs ? g_build_filename(p->tracefs, "available_filter_functions", NULL) : NULL;
	g_autofree char *list = path ? read_text(path) : NULL;
	int e = path ? errno : 0;
	g_autofree char *kallsyms = read_text("/proc/kallsyms");
	g_autoptr(GPtrArray) symbols = kallsyms ? symbol_lines(kallsyms) : g_ptr_array_new();

	p->texts[KG_TEXT_AMBIGUOUS] = repeated(symbols);
	p->texts[KG_TEXT_NOKPROBE] = blacklist();

	if (list && *list) {
		g_autoptr(GPtrArray) lines = filter_lines(list);

		p->functions_sure = TRUE;
		p->texts[KG_TEXT_FUNCTIONS] = lines_text(lines);
		p->texts[KG_TEXT_UNTRACEABLE] = minus(symbols, p->texts[KG_TEXT_FUNCTIONS]);
		kg_source_set(p, "functions", KG_SOURCE_OK, count(p->texts[KG_TEXT_FUNCTIONS]), NULL, NULL, NULL);
		return;
	}
	struct kg_source *tracefs = kg_source_get(p, "tracefs");
	g_autofree char *why = NULL;

	if (!path)
		why = g_strdup("the list of traceable functions can't be read without tracefs");
	else if (list)
		why = g_strdup_printf("%s is empty", path);
	else if (e == ENOENT)
		why = g_strdup_printf("%s does not exist (this kernel was built without CONFIG_DYNAMIC_FTRACE?)", path);
	else
		why = g_strdup_printf("%s can't be read (%s)%s", path, g_strerror(e),
				      p->is_root_view ? ", although the privileges are there: a security policy forbids it" : "");
	guess(p, symbols, why, !path ? tracefs->mend : e == EACCES || (e == EPERM && !p->is_root_view) ? "sudo kgent kernel share" : NULL);
}
