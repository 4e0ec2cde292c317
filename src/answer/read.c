/* From an answer to the program in it: see include/kgent/answer.h. */
#include "internal.h"

#include <string.h>

#define MAX_ANSWER (1u << 20)
#define MAX_SAYS 1200

const char *kg_answer_kind_name(enum kg_answer_kind kind)
{
	static const char *const names[] = {"program", "refusal", "nothing"};

	return names[kind];
}

struct kg_answered *kg_answer_free(struct kg_answered *answer)
{
	if (!answer)
		return NULL;
	g_free(answer->program);
	g_free(answer->text);
	g_ptr_array_unref(answer->notes);
	g_free(answer);
	return NULL;
}

static void note(struct kg_answered *a, char *text)
{
	g_ptr_array_add(a->notes, text);
}

/* ---------------------------------------------------------------- is it a program? */

/* How many probes it has; 0: it does not parse, or has none. */
static guint probes_of(const char *text)
{
	g_autoptr(GPtrArray) diags = kg_diags_new();
	struct kg_bt_program *program = NULL;
	guint n = 0;

	if (!kg_bt_parse(text, strlen(text), diags, &program))
		n = program->probes->len;
	kg_bt_free(program);
	return n;
}

/* Does the line begin as a probe does? "kprobe:vfs_read", "BEGIN", "tracepoint:a:b," */
static gboolean begins_probe(const char *line)
{
	gsize n;

	line += strspn(line, " \t");
	n = strspn(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
	if (!n || n > 20)
		return FALSE;
	enum kg_probe_kind kind = kg_probe_kind_parse(line, (gssize)n);
	if (kind == KG_PROBE_BEGIN || kind == KG_PROBE_END)
		return line[n + strspn(line + n, " \t\r")] == '{' || line[n] == '\0';
	return kind != KG_PROBE_NONE && line[n] == ':' && line[n + 1] && !g_ascii_isspace(line[n + 1]);
}

static gboolean looks_like_program(const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **l = lines; *l; l++)
		if (begins_probe(*l))
			return strchr(text, '{') != NULL;
	return FALSE;
}

/* "// ... rest as before": a program of which a part is left out is none. Three dots alone can't be part of one either. */
static gboolean has_ellipsis(const char *text)
{
	static const char *const words[] = {"rest", "same", "unchanged", "as before", "existing", "previous", "remain", "omitted", "your code", NULL};
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **l = lines; *l; l++) {
		const char *s = *l + strspn(*l, " \t");
		if (!strstr(s, "...") && !strstr(s, "\u2026"))
			continue;
		if (g_str_has_prefix(s, "...") || g_str_has_prefix(s, "\u2026"))
			return TRUE;
		if (!g_str_has_prefix(s, "//") && !g_str_has_prefix(s, "/*") && *s != '*')
			continue;
		g_autofree char *low = g_ascii_strdown(s, -1);
		for (const char *const *w = words; *w; w++)
			if (strstr(low, *w))
				return TRUE;
		if (s[2 + strspn(s + 2, " .")] == '\0' || g_str_has_prefix(s, "// ..."))
			return TRUE;
	}
	return FALSE;
}

/* ---------------------------------------------------------------- what stands around it */

/* `sudo bpftrace -e 'PROGRAM'`: the program; NULL where it is no such line. */
static char *out_of_command(const char *text)
{
	const char *tool = strstr(text, "bpftrace"), *option = tool ? strstr(tool, " -e") : NULL;
	const char *newline = strchr(text + strspn(text, "\n "), '\n');

	if (!option || (newline && tool > newline))
		return NULL;
	const char *begin = option + strlen(" -e");
	begin += strspn(begin, " =");
	if (*begin != '\'' && *begin != '"')
		return NULL;
	const char *end = strrchr(begin + 1, *begin);
	return end && end > begin + 1 ? g_strndup(begin + 1, (gsize)(end - begin - 1)) : NULL;
}

static char *without_shebang(const char *text)
{
	const char *s = text + strspn(text, " \t\n"), *end;

	if (!g_str_has_prefix(s, "#!"))
		return g_strdup(text);
	end = strchr(s, '\n');
	return g_strdup(end ? end + 1 : "");
}

static char *tidy(const char *text)
{
	g_autofree char *inner = out_of_command(text);
	g_autofree char *plain = without_shebang(inner ? inner : text);

	g_strchug(plain);
	g_strchomp(plain);
	return *plain ? g_strconcat(plain, "\n", NULL) : g_strdup("");
}

/* Without fences: from the first line that begins a probe (or a comment, a struct, an include before it) to the last brace. */
static char *out_of_prose(const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	int first = -1, last = -1;

	for (int i = 0; lines[i]; i++) {
		g_strchomp(lines[i]);
		if (first < 0 && (begins_probe(lines[i]) || g_str_has_prefix(lines[i], "#include") || g_str_has_prefix(lines[i], "struct ")))
			first = i;
		if (first >= 0 && g_str_has_suffix(lines[i], "}"))
			last = i;
	}
	if (first < 0 || last < first)
		return NULL;
	g_autoptr(GString) out = g_string_new(NULL);
	for (int i = first; i <= last; i++)
		g_string_append_printf(out, "%s\n", lines[i]);
	return g_string_free(g_steal_pointer(&out), FALSE);
}

/* ---------------------------------------------------------------- choosing */

struct choice {
	char *program;  /* the best so far, owned */
	guint n_probes; /* 0: it does not parse */
	guint n_seen;   /* candidates */
	gboolean had_ellipsis, had_bad_diff;
};

static void consider(struct choice *c, char *text)
{
	guint n;

	if (!text)
		return;
	if (has_ellipsis(text)) {
		c->had_ellipsis = TRUE;
		g_free(text);
		return;
	}
	n = probes_of(text);
	if (!n && !looks_like_program(text)) {
		g_free(text);
		return;
	}
	c->n_seen++;
	if (c->program && n < c->n_probes) {
		g_free(text);
		return;
	}
	g_free(c->program);
	c->program = text;
	c->n_probes = n;
}

static void consider_blocks(struct kg_answered *a, struct choice *c, const GPtrArray *blocks, const char *previous)
{
	for (guint i = 0; i < blocks->len; i++) {
		const struct block *b = blocks->pdata[i];
		if (!diff_is(b)) {
			consider(c, tidy(b->text));
			continue;
		}
		char *changed = diff_apply(b->text, previous);
		c->had_bad_diff = c->had_bad_diff || !changed;
		if (changed)
			note(a, g_strdup("the answer is a change; it was applied to the program before it"));
		consider(c, changed);
	}
}

static gboolean says_no(const char *prose)
{
	static const char *const words[] = {"can't", "cannot", "can not", "unable", "sorry", "not possible", "impossible", "won't", "not able",
					    "refuse", "could you", "which ", "what do you", "?", "no way to", "not support", NULL};
	g_autofree char *low = g_utf8_strdown(prose, -1);

	for (const char *const *w = words; *w; w++)
		if (strstr(low, *w))
			return TRUE;
	return FALSE;
}

static char *cut(const char *text)
{
	g_autofree char *head = g_strndup(text, MAX_SAYS);

	return strlen(text) > MAX_SAYS ? g_strconcat(head, " ...", NULL) : g_utf8_make_valid(head, -1);
}

static void conclude(struct kg_answered *a, struct choice *c, const char *prose)
{
	if (c->program) {
		a->kind = KG_ANSWER_PROGRAM;
		a->program = g_steal_pointer(&c->program);
		if (c->n_seen > 1)
			note(a, g_strdup_printf("the answer has %u programs in it; the last one of those with the most probes is taken", c->n_seen));
		return;
	}
	a->text = cut(prose);
	a->kind = says_no(prose) ? KG_ANSWER_REFUSAL : KG_ANSWER_NOTHING;
	if (c->had_ellipsis) {
		a->kind = KG_ANSWER_NOTHING;
		note(a, g_strdup("parts of the program are left out (\"...\")"));
	} else if (c->had_bad_diff) {
		a->kind = KG_ANSWER_NOTHING;
		note(a, g_strdup("the answer is a change that does not fit the program before it"));
	}
}

struct kg_answered *kg_answer_read(const char *text, const char *previous)
{
	struct kg_answered *a = g_new0(struct kg_answered, 1);
	struct choice c = {0};
	g_autofree char *head = g_strndup(text, MAX_ANSWER);
	g_autofree char *valid = g_utf8_make_valid(head, -1);
	g_autofree char *plain = blocks_without_thinking(valid);
	g_autoptr(GPtrArray) blocks = blocks_read(plain);
	g_autofree char *prose = blocks_prose(plain);

	a->notes = g_ptr_array_new_with_free_func(g_free);
	consider_blocks(a, &c, blocks, previous);
	if (!c.n_seen && !c.had_ellipsis && !c.had_bad_diff) {
		g_autofree char *all = tidy(plain);
		g_autofree char *part = probes_of(all) ? g_strdup(all) : out_of_prose(plain);
		consider(&c, part ? tidy(part) : NULL);
	}
	conclude(a, &c, *prose ? prose : g_strstrip(plain));
	return a;
}
