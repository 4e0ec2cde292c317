/*
 * What a program can do, read off its tree and off the text that the tree only carries along (preprocessor lines, C
 * definitions). bpftrace cuts that text up in its own way: it takes a preprocessor line without its continuation lines, and
 * ends a struct at a brace in a comment. So what hides there is looked for in the raw text, and no comment or string is
 * believed to be harmless, but for strings on the first line of a #define.
 */
#include "hooks.h"

#include <string.h>

static const char *const kind_names[KG_EFFECTS] = {
	[KG_EFFECT_CHANGES] = "changes",
	[KG_EFFECT_UNKNOWN] = "unknown-call",
	[KG_EFFECT_CODE] = "code",
	[KG_EFFECT_FILE] = "file",
	[KG_EFFECT_PROBES] = "probes",
	[KG_EFFECT_HOT_PRINT] = "hot-print",
	[KG_EFFECT_USER_MEMORY] = "user-memory",
	[KG_EFFECT_KERNEL_MEMORY] = "kernel-memory",
	[KG_EFFECT_STACK] = "stack",
	[KG_EFFECT_PRINTS] = "prints",
	[KG_EFFECT_EXITS] = "exits",
};

const char *kg_effect_name(enum kg_effect_kind kind)
{
	return kind < KG_EFFECTS ? kind_names[kind] : "";
}

struct reading {
	const struct kg_bt_program *program;
	struct kg_effects *effects;
	GHashTable *defines; /* names of #define */
	GHashTable *own;     /* names of macros and subprograms */
	GHashTable *printing;/* of these, those that print */
	gboolean prints;     /* of the probe that is read: without a filter */
	gboolean prints_any;
	GPtrArray *filters;  /* conditions around the node that is read: GINT_TO_POINTER(is a filter) */
};

static struct kg_effect *add(struct reading *r, enum kg_effect_kind kind, struct kg_loc loc, const char *what,
			     const char *needs, const char *text)
{
	struct kg_effect *e = g_new0(struct kg_effect, 1);

	e->kind = kind;
	e->loc = loc;
	e->what = g_strdup(what);
	e->needs = g_strdup(needs);
	e->text = g_strdup(text);
	g_ptr_array_add(r->effects->findings, e);
	if (kind == KG_EFFECT_CHANGES || kind == KG_EFFECT_UNKNOWN)
		r->effects->changes_system = TRUE;
	return e;
}

static void add_change(struct reading *r, struct kg_loc loc, const char *name, const char *where)
{
	const struct kg_bt_function *f = kg_bt_function_find(name);
	g_autofree char *text = g_strdup_printf("%s() %s%s", name, f ? f->plain : "changes the system", where);

	add(r, KG_EFFECT_CHANGES, loc, name, name, text);
}

/* ------------------------------------------------------------- carried text */

static gboolean is_word_char(char c)
{
	return g_ascii_isalnum(c) || c == '_';
}

/* Functions that change the system and are named in [s]; [calls]: only where a bracket follows. */
static void scan_words(struct reading *r, const char *s, struct kg_loc loc, gboolean calls, const char *where)
{
	while (*s) {
		g_autofree char *word = NULL;
		const struct kg_bt_function *f;
		const char *begin;

		if (!is_word_char(*s)) {
			s++;
			continue;
		}
		for (begin = s; is_word_char(*s); s++)
			;
		word = g_strndup(begin, (gsize)(s - begin));
		f = kg_bt_function_find(word);
		if (!f || (calls && s[strspn(s, " \t\r\n")] != '('))
			continue;
		if (f->flags & KG_BT_F_CHANGES)
			add_change(r, loc, word, where);
		else if (f->flags & KG_BT_F_FILES)
			add(r, KG_EFFECT_FILE, loc, word, word, "a #define may read files of the host");
	}
}

/* The text with "backslash newline" taken out, as C does it. */
static char *spliced(const char *text)
{
	GString *out = g_string_new(NULL);

	for (; *text; text++) {
		const char *s = text + 1 + strspn(text + 1, " \t\r");

		if (*text == '\\' && *s == '\n')
			text = s;
		else
			g_string_append_c(out, *text);
	}
	return g_string_free(out, FALSE);
}

/* The strings of one line out; a string without an end stays. */
static char *without_strings(const char *line)
{
	GString *out = g_string_new(NULL);

	for (const char *s = line; *s; s++) {
		const char *end = s;

		if (*s == '"') {
			for (end = s + 1; *end && *end != '"'; end++)
				if (*end == '\\' && end[1])
					end++;
			if (*end) {
				s = end;
				g_string_append_c(out, ' ');
				continue;
			}
		}
		g_string_append_c(out, *s);
	}
	return g_string_free(out, FALSE);
}

/* <linux/socket.h>: a header of the system, by a path that stays there. */
static gboolean is_system_header(const char *arg)
{
	const char *end = strchr(arg, '>');

	if (*arg != '<' || !end || arg[1] == '/' || strstr(arg, ".."))
		return FALSE;
	for (const char *s = arg + 1; s < end; s++)
		if (!is_word_char(*s) && !strchr("/.+-", *s))
			return FALSE;
	return TRUE;
}

static void read_directive(struct reading *r, const char *line, struct kg_loc loc)
{
	const char *s = line + 1 + strspn(line + 1, " \t");
	gsize n = strspn(s, "abcdefghijklmnopqrstuvwxyz_");
	g_autofree char *word = g_strndup(s, n);
	const char *arg = s + n + strspn(s + n, " \t");

	if (!strcmp(word, "define")) {
		gsize len = 0;

		while (is_word_char(arg[len]))
			len++;
		g_hash_table_add(r->defines, g_strndup(arg, len));
	} else if ((g_str_has_prefix(word, "include") || !strcmp(word, "import") || !strcmp(word, "embed")) &&
		   !is_system_header(arg)) {
		g_autofree char *text = g_strdup_printf("#%s %s brings in a text that is not seen here", word, arg);

		add(r, KG_EFFECT_CODE, loc, arg, "include", text);
	}
}

static void read_preproc(struct reading *r, const struct kg_bt_node *node)
{
	g_autofree char *joined = spliced(node->text);
	const char *nl = strchr(node->text, '\n');
	g_autofree char *clean = without_strings(joined);

	read_directive(r, joined, node->loc);
	if (!nl) {
		scan_words(r, clean, node->loc, FALSE, " (in a preprocessor line)");
	} else {
		scan_words(r, joined, node->loc, FALSE, " (in a preprocessor line)");
		scan_words(r, nl, node->loc, FALSE, " (in a continued preprocessor line)");
	}
}

static void read_carried(struct reading *r)
{
	const struct kg_bt_program *p = r->program;

	for (guint i = 0; i < p->preamble->len; i++) {
		const struct kg_bt_node *item = p->preamble->pdata[i];

		if (item->kind == KG_BT_PREPROC)
			read_preproc(r, item);
		else
			scan_words(r, item->text, item->loc, TRUE, " (in a definition)");
	}
	for (guint i = 0; i < p->imports->len; i++) {
		const struct kg_bt_node *import = p->imports->pdata[i];
		g_autofree char *text =
			g_strdup_printf("import \"%s\" brings in code that is not seen here", import->text);

		add(r, KG_EFFECT_CODE, import->loc, import->text, "import", text);
	}
	for (guint i = 0; i < p->subs->len; i++)
		g_hash_table_add(r->own, ((struct kg_bt_node *)p->subs->pdata[i])->text);
}

/* ------------------------------------------------------------------- calls */

/* cat("/proc/loadavg"): a fixed path where no one else's secrets lie. */
static gboolean is_harmless_file(const struct kg_bt_node *call)
{
	const struct kg_bt_node *path = kg_bt_kid(call, 0);

	if (!path || path->kind != KG_BT_STRING || strstr(path->text, "..") || strchr(path->text, '%') ||
	    strlen(path->text) != path->num)
		return FALSE;
	return (g_str_has_prefix(path->text, "/proc/") && strcmp(path->text, "/proc/kcore") &&
		!strstr(path->text, "mem") && !strstr(path->text, "environ")) ||
	       g_str_has_prefix(path->text, "/sys/");
}

/* A value that is the same for all events, and not 0. */
static gboolean is_fixed(const struct kg_bt_node *e)
{
	if (e->kind == KG_BT_CALL && !strcmp(e->text, "str") && kg_bt_n_kids(e))
		e = kg_bt_kid(e, 0);
	return (e->kind == KG_BT_INT && e->num) || e->kind == KG_BT_STRING || e->kind == KG_BT_PARAM ||
	       (e->kind == KG_BT_CALL && !strcmp(e->text, "cgroupid"));
}

/* A comparison that leaves most events out: with a number, a string or a parameter, but not "is it 0". */
static gboolean is_filter(const struct kg_bt_node *e)
{
	const struct kg_bt_node *a, *b;

	if (!e)
		return FALSE;
	if (e->kind != KG_BT_BINARY)
		return FALSE;
	a = kg_bt_kid(e, 0);
	b = kg_bt_kid(e, 1);
	if (e->op == KG_BT_LAND)
		return is_filter(a) || is_filter(b);
	if (e->op == KG_BT_LOR)
		return is_filter(a) && is_filter(b);
	if (e->op == KG_BT_LT && b->kind == KG_BT_INT && b->num == 0)
		return TRUE; /* errors only */
	if (e->op == KG_BT_GT || e->op == KG_BT_GE || e->op == KG_BT_LT ||
	    e->op == KG_BT_LE) /* a threshold, but not "> 0" */
		return !(a->kind == KG_BT_INT && !a->num) && !(b->kind == KG_BT_INT && !b->num);
	return e->op == KG_BT_EQ && (is_fixed(a) || is_fixed(b));
}

static gboolean within_filter(const struct reading *r)
{
	for (guint i = 0; i < r->filters->len; i++)
		if (r->filters->pdata[i])
			return TRUE;
	return FALSE;
}

static void read_call(struct reading *r, const struct kg_bt_node *call, const struct kg_bt_node *parent)
{
	const struct kg_bt_function *f = kg_bt_function_find(call->text);
	g_autofree char *text = NULL;

	if (parent && parent->kind == KG_BT_MAP_DECL)
		return;
	if (g_hash_table_contains(r->defines, call->text) || (!f && !g_hash_table_contains(r->own, call->text))) {
		text = g_strdup_printf("%s() is not a function that kgent knows: what it does can't be told", call->text);
		add(r, KG_EFFECT_UNKNOWN, call->loc, call->text, call->text, text);
		return;
	}
	if (g_hash_table_contains(r->printing, call->text)) {
		r->prints_any = TRUE;
		r->prints |= !within_filter(r);
	}
	if (!f || (!strcmp(f->name, "assert") && kg_bt_n_kids(call) == 1)) /* the latter is for the proof alone */
		return;
	if (f->flags & KG_BT_F_CHANGES)
		add_change(r, call->loc, f->name, "");
	if (f->flags & KG_BT_F_FILES)
		add(r, KG_EFFECT_FILE, call->loc, f->name, is_harmless_file(call) ? NULL : "cat",
		    is_harmless_file(call) ? "prints a file of /proc or /sys" :
					     "prints the contents of a file of the host, with root's rights");
	if (f->flags & KG_BT_F_READS_USER) {
		text = g_strdup_printf("%s() reads memory of the traced process", f->name);
		add(r, KG_EFFECT_USER_MEMORY, call->loc, f->name, NULL, text);
	}
	if (f->flags & KG_BT_F_STACK)
		add(r, KG_EFFECT_STACK, call->loc, f->name, NULL, "walks a stack");
	if (f->flags & KG_BT_F_EXITS) {
		r->effects->exits = TRUE;
		add(r, KG_EFFECT_EXITS, call->loc, f->name, NULL, "ends by itself");
	}
	if (f->flags & KG_BT_F_PRINTS) {
		r->prints_any = TRUE;
		r->prints |= !within_filter(r);
	}
}

static gboolean has_branches(const struct kg_bt_node *node)
{
	return node && (node->kind == KG_BT_IF || node->kind == KG_BT_TERNARY || node->kind == KG_BT_IF_EXPR);
}

static gboolean enter(const struct kg_bt_node *node, const struct kg_bt_node *parent, const struct kg_bt_probe *probe,
		      void *userdata)
{
	struct reading *r = userdata;
	const struct kg_bt_function *f;

	if (has_branches(parent) && node == kg_bt_kid(parent, 2) && r->filters->len)
		r->filters->pdata[r->filters->len - 1] = NULL; /* the other branch is what the filter leaves out */
	switch (node->kind) {
	case KG_BT_CALL:
		read_call(r, node, parent);
		break;
	case KG_BT_NAME: /* newer releases call a function without arguments by its bare name */
		f = kg_bt_function_find(node->text);
		if (f && (f->flags & KG_BT_F_CHANGES))
			add_change(r, node->loc, f->name, "");
		break;
	case KG_BT_BUILTIN:
		if (strstr(node->text, "stack"))
			add(r, KG_EFFECT_STACK, node->loc, node->text, NULL, "walks a stack");
		break;
	case KG_BT_MEMBER:
		if (node->op == KG_BT_ARROW &&
		    !(kg_bt_kid(node, 0)->kind == KG_BT_BUILTIN && !strcmp(kg_bt_kid(node, 0)->text, "args")))
			add(r, KG_EFFECT_KERNEL_MEMORY, node->loc, node->text, NULL, "reads fields of structures");
		break;
	case KG_BT_IF: case KG_BT_TERNARY: case KG_BT_IF_EXPR:
		g_ptr_array_add(r->filters, GINT_TO_POINTER(is_filter(kg_bt_kid(node, 0))));
		break;
	default:
		break;
	}
	return node->kind != KG_BT_CDEF;
}

static gboolean leave(const struct kg_bt_node *node, const struct kg_bt_node *parent, const struct kg_bt_probe *probe,
		      void *userdata)
{
	struct reading *r = userdata;

	if (has_branches(node))
		g_ptr_array_set_size(r->filters, (gint)r->filters->len - 1);
	return TRUE;
}

/* ------------------------------------------------------------------ probes */

static gboolean is_event(enum kg_probe_kind kind)
{
	return kind != KG_PROBE_BEGIN && kind != KG_PROBE_END && !kg_probe_info(kind)->is_timer &&
	       kind != KG_PROBE_SELF && kind != KG_PROBE_ITER && kind != KG_PROBE_TEST && kind != KG_PROBE_BENCH;
}

static guint count_places(const struct kg_bt_attach *a, struct kg_profile *profile)
{
	g_autoptr(GPtrArray) found = NULL;

	if (!a->is_wildcard)
		return 1;
	found = profile ? kg_profile_match(profile, a->kind, a->target, 0) : NULL;
	return found ? found->len : 0;
}

static void read_attach(struct reading *r, const struct kg_bt_attach *a, struct kg_profile *profile,
			const struct kg_hooks *hooks, gboolean prints)
{
	struct kg_attach_effect *e = g_new0(struct kg_attach_effect, 1);
	const char *plain;
	g_autofree char *text = NULL, *hot = NULL;

	e->attach = a;
	e->n = count_places(a, profile);
	e->heat = kg_hooks_find(hooks, a, &plain);
	e->plain = g_strdup(plain);
	e->prints_each = prints && is_event(a->kind);
	r->effects->n_places += e->n;
	g_ptr_array_add(r->effects->attach, e);
	if (e->n > KG_SAFETY_MAX_PROBES) {
		text = g_strdup_printf("%s stands for %u places; attaching takes long and slows all of them down",
				       a->raw, e->n);
		add(r, KG_EFFECT_PROBES, a->loc, a->raw, "many-probes", text);
	} else if (a->is_wildcard && !e->n && strspn(a->target, "*:?") == strlen(a->target)) {
		text = g_strdup_printf("%s stands for everything of its kind", a->raw);
		add(r, KG_EFFECT_PROBES, a->loc, a->raw, "many-probes", text);
	}
	if (e->prints_each && e->heat == KG_HOOK_HIGH) {
		hot = g_strdup_printf(
			"%s is passed more than 10,000 times a second on a busy machine, and this prints each time",
			a->raw);
		add(r, KG_EFFECT_HOT_PRINT, a->loc, a->raw, NULL, hot);
	} else if (e->prints_each) {
		add(r, KG_EFFECT_PRINTS, a->loc, a->raw, NULL, "prints for each event");
	}
	if (a->kind == KG_PROBE_ITER && a->parts->len > 1)
		add(r, KG_EFFECT_CHANGES, a->loc, "pin", "pin",
		    "leaves a file behind that runs the program each time it is read");
}

static void read_probe(struct reading *r, const struct kg_bt_probe *probe, struct kg_profile *profile,
		       const struct kg_hooks *hooks)
{
	r->prints = r->prints_any = FALSE;
	g_ptr_array_set_size(r->filters, 0);
	kg_bt_walk_node(probe->predicate, enter, leave, r);
	g_ptr_array_add(r->filters, GINT_TO_POINTER(is_filter(probe->predicate)));
	kg_bt_walk_node(probe->block, enter, leave, r);
	for (guint i = 0; i < probe->attach->len; i++)
		read_attach(r, probe->attach->pdata[i], profile, hooks, r->prints);
}

static void read_sub(struct reading *r, struct kg_bt_node *sub)
{
	r->prints = r->prints_any = FALSE;
	kg_bt_walk_node(sub, enter, leave, r);
	if (r->prints_any)
		g_hash_table_add(r->printing, sub->text);
}

/* Grave ones first, each kind in the order of the text; the same thing at the same place once. */
static gint by_weight(gconstpointer a, gconstpointer b)
{
	const struct kg_effect *x = *(struct kg_effect *const *)a, *y = *(struct kg_effect *const *)b;

	if (x->kind != y->kind)
		return (int)x->kind - (int)y->kind;
	if (x->loc.line != y->loc.line)
		return x->loc.line - y->loc.line;
	return x->loc.col != y->loc.col ? x->loc.col - y->loc.col : strcmp(x->what, y->what);
}

static void effect_free(gpointer p)
{
	struct kg_effect *e = p;

	g_free(e->what);
	g_free(e->needs);
	g_free(e->text);
	g_free(e);
}

static void attach_effect_free(gpointer p)
{
	struct kg_attach_effect *e = p;

	g_free(e->plain);
	g_free(e);
}

static void sort_findings(GPtrArray *findings)
{
	g_ptr_array_sort(findings, by_weight);
	for (guint i = findings->len; i-- > 1;)
		if (by_weight(&findings->pdata[i - 1], &findings->pdata[i]) == 0)
			g_ptr_array_remove_index(findings, i);
}

static void read_all(struct reading *r, struct kg_profile *profile, const struct kg_hooks *hooks)
{
	const struct kg_bt_program *p = r->program;

	read_carried(r);
	for (guint i = 0; i < p->config->len; i++)
		kg_bt_walk_node(p->config->pdata[i], enter, leave, r);
	for (guint i = 0; i < p->map_decls->len; i++)
		kg_bt_walk_node(p->map_decls->pdata[i], enter, leave, r);
	for (guint i = 0; i < p->subs->len; i++)
		read_sub(r, p->subs->pdata[i]);
	for (guint i = 0; i < p->probes->len; i++)
		read_probe(r, p->probes->pdata[i], profile, hooks);
	sort_findings(r->effects->findings);
}

int kg_effects_read(const struct kg_bt_program *program, struct kg_profile *profile, const char *const *data_dirs,
		    struct kg_effects **ret, struct kg_error *err)
{
	struct reading r = {.program = program};
	struct kg_hooks *hooks = NULL;
	int code = kg_hooks_open(data_dirs, &hooks, err);

	if (code < 0)
		return code;
	r.effects = g_new0(struct kg_effects, 1);
	r.effects->findings = g_ptr_array_new_with_free_func(effect_free);
	r.effects->attach = g_ptr_array_new_with_free_func(attach_effect_free);
	r.defines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	r.own = g_hash_table_new(g_str_hash, g_str_equal);
	r.printing = g_hash_table_new(g_str_hash, g_str_equal);
	r.filters = g_ptr_array_new();
	read_all(&r, profile, hooks);
	g_ptr_array_free(r.filters, TRUE);
	g_hash_table_unref(r.printing);
	g_hash_table_unref(r.own);
	g_hash_table_unref(r.defines);
	kg_hooks_free(hooks);
	*ret = r.effects;
	return 0;
}

struct kg_effects *kg_effects_free(struct kg_effects *effects)
{
	if (effects) {
		g_ptr_array_free(effects->findings, TRUE);
		g_ptr_array_free(effects->attach, TRUE);
		g_free(effects);
	}
	return NULL;
}
