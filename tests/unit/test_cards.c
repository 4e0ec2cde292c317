/*
 * The loader of event cards: what it takes, and above all what it refuses and how it says so. Resolution runs against a small kernel
 * made up here, so that the tests say what exists.
 */
#include <kgent/card.h>

#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* ---- a small kernel ---- */

struct kg_profile {
	const char *const *tracepoints; /* "a:b" */
	const char *const *functions;
	gboolean no_kprobes;
	GHashTable *fields; /* "a:b" -> GPtrArray of struct kg_field * */
};

int kg_profile_find(struct kg_profile *p, enum kg_probe_kind kind, const char *target, struct kg_point **ret, struct kg_error *err)
{
	const char *const *known = kind == KG_PROBE_TRACEPOINT ? p->tracepoints : p->functions;
	if (!known || !g_strv_contains(known, target))
		return kg_error_set(err, KG_E_NOTFOUND, "profile", "no %s", target);
	*ret = g_new0(struct kg_point, 1);
	(*ret)->usable = g_str_has_prefix(target, "inlined") ? KG_NO : KG_YES;
	return 0;
}

struct kg_point *kg_point_free(struct kg_point *pt)
{
	g_free(pt);
	return NULL;
}

enum kg_answer kg_profile_kind_usable(struct kg_profile *p, enum kg_probe_kind kind, const char **why)
{
	if (p->no_kprobes && kind != KG_PROBE_TRACEPOINT) {
		*why = "this kernel has no kprobes";
		return KG_NO;
	}
	return KG_YES;
}

const GPtrArray *kg_profile_fields(struct kg_profile *p, enum kg_probe_kind kind, const char *target)
{
	return p->fields ? g_hash_table_lookup(p->fields, target) : NULL;
}

enum kg_answer kg_elf_has_symbol(const char *path, const char *name)
{
	return g_str_has_suffix(path, "with-symbol") && g_str_equal(name, "readline") ? KG_YES : KG_NO;
}

enum kg_answer kg_elf_has_usdt(const char *path, const char *provider, const char *name)
{
	return KG_NO;
}

/* ---- helpers ---- */

#define HEAD "name: x\ntitle: thing\nplural: things\nabout: it\narea: tests\nsays: [thing]\ncontext: task\nheat: low\n"

static char *write_dir(const char *name, const char *text)
{
	char *dir = g_dir_make_tmp("kg-cards-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(dir, name, NULL);
	assert_true(g_file_set_contents(path, text, -1, NULL));
	return dir;
}

static void remove_dir(char *dir, const char *name)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	g_unlink(path);
	g_rmdir(dir);
	g_free(dir);
}

static struct kg_cards *open_text(const char *text, struct kg_error *err)
{
	char *dir = write_dir("c.yaml", text);
	const char *dirs[] = {dir, NULL};
	struct kg_cards *cards = NULL;
	int rc = kg_cards_open(dirs, &cards, err);
	assert_true((rc == 0) == (cards != NULL));
	remove_dir(dir, "c.yaml");
	return cards;
}

static struct kg_cards *must_open(const char *text)
{
	_cleanup_error_ struct kg_error err = {0};
	struct kg_cards *cards = open_text(text, &err);
	if (!cards)
		fail_msg("refused: %s", err.msg);
	return cards;
}

/* The text is refused, with these words in the message or its hint, at this line. */
static void refuses(const char *text, int line, const char *words)
{
	_cleanup_error_ struct kg_error err = {0};
	struct kg_cards *cards = open_text(text, &err);
	if (cards)
		fail_msg("taken, should be refused: %s", words);
	g_autofree char *place = g_strdup_printf("c.yaml:%d: ", line);
	g_autofree char *all = g_strdup_printf("%s; %s", err.msg, err.hint ? err.hint : "");
	if (!strstr(all, words) || (line && !strstr(all, place)))
		fail_msg("expected '%s' and '%s' in: %s", place, words, all);
}

static const struct kg_card_way *way_of(const struct kg_cards *cards, guint i)
{
	return g_ptr_array_index(kg_cards_find(cards, "x")->ways, i);
}

static const struct kg_card_site *begin_of(const struct kg_card_way *w, guint i)
{
	return g_ptr_array_index(w->begins, i);
}

static const struct kg_card_site *site_of(const struct kg_card_way *w, guint i)
{
	return g_ptr_array_index(w->sites, i);
}

static const char *expr_of(const struct kg_card_site *s, const char *field)
{
	const struct kg_card_expr *e = kg_card_site_expr(s, field);
	return e ? ((struct kg_card_case *)g_ptr_array_index(e->cases, 0))->expr : NULL;
}

static const char *at_of(const struct kg_card_site *s, guint i)
{
	return i < s->at->len ? g_ptr_array_index(s->at, i) : NULL;
}

/* ---- what is taken ---- */

static void test_point(void **state)
{
	struct kg_cards *cards = must_open(HEAD "fields:\n"
						"  - {name: port, says: [remote port], unit: port, shown: true, about: a port}\n"
						"  - {name: size, unit: bytes, measure: true}\n"
						"  - {name: kind, unit: number, values: [{value: 0x10, name: A, says: [aa], events: [big thing]}]}\n"
						"ways:\n"
						"  - at: [tracepoint:a:b, 'tracepoint:a:c?']\n"
						"    let: [v: args->v, w: $v + 1]\n"
						"    when: $v > 0\n"
						"    ok: args->ret == 0\n"
						"    read:\n"
						"      port: bswap($w)\n"
						"      size: {expr: args->ret, valid: args->ret > 0}\n"
						"      kind: [{when: $v == 1, expr: '1'}, {expr: '2'}]\n"
						"    note: misses some\n");
	const struct kg_card *c = kg_cards_find(cards, "x");
	const struct kg_card_way *w = way_of(cards, 0);
	const struct kg_card_site *s = site_of(w, 0);
	assert_int_equal(w->begins->len, 0);
	assert_string_equal(at_of(s, 1), "tracepoint:a:c");
	assert_string_equal(g_ptr_array_index(s->optional, 0), "tracepoint:a:c");
	assert_string_equal(expr_of(s, "port"), "bswap($w)");
	assert_string_equal(kg_card_site_expr(s, "size")->valid, "args->ret > 0");
	assert_int_equal(kg_card_site_expr(s, "kind")->cases->len, 2);
	assert_string_equal(s->when, "$v > 0");
	assert_string_equal(s->ok, "args->ret == 0");
	assert_string_equal(w->note, "misses some");
	assert_int_equal(kg_card_field(c, "port")->unit, KG_UNIT_PORT);
	assert_true(kg_card_field(c, "port")->is_shown && kg_card_field(c, "size")->is_measure);
	const struct kg_value_name *v = g_ptr_array_index(kg_card_field(c, "kind")->values, 0);
	assert_int_equal(v->value, 16);
	assert_string_equal(g_ptr_array_index(v->events, 0), "big thing");
	assert_int_equal(kg_card_way_where(w, "port"), KG_WHERE_END);
	assert_int_equal(kg_card_way_where(w, "nothing"), KG_WHERE_NOWHERE);
	kg_cards_free(cards);
}

static void test_span(void **state)
{
	struct kg_cards *cards = must_open(HEAD "fields: [{name: a, unit: number}, {name: b, unit: number}]\n"
						"ways:\n"
						"  - begin:\n"
						"      - {at: tracepoint:a:b, key: args->pid, read: {a: args->a}}\n"
						"      - {at: tracepoint:a:c, key: args->tid, read: {a: args->x, b: '1'}}\n"
						"    end: {at: tracepoint:a:d, key: args->tid}\n"
						"    context: none\n"
						"  - {at: tracepoint:a:e, read: {b: args->b}}\n");
	const struct kg_card_way *w = way_of(cards, 0);
	assert_int_equal(w->begins->len, 2);
	assert_int_equal(kg_card_way_where(w, "a"), KG_WHERE_BEGIN);
	assert_int_equal(kg_card_way_where(w, "b"), KG_WHERE_NOWHERE); /* at one of the two begins only */
	assert_int_equal(w->context, KG_CONTEXT_NONE);
	assert_int_equal(way_of(cards, 1)->context, KG_CONTEXT_TASK);
	assert_false(w->is_same_task);
	kg_cards_free(cards);
}

static void test_syscalls(void **state)
{
	struct kg_cards *cards = must_open(HEAD "fields: [{name: filename, unit: path}, {name: fd, unit: number}]\n"
						"ways:\n"
						"  - syscalls: [open?, openat, creat?]\n"
						"    when: {openat: args->flags != 0}\n"
						"    read: {filename: {expr: str(args->filename), creat: str(args->pathname)}}\n"
						"    results: {fd: {expr: args->ret, valid: args->ret >= 0}}\n");
	const struct kg_card_way *w = way_of(cards, 0);
	assert_true(w->is_same_task);
	assert_int_equal(w->begins->len, 3);
	assert_string_equal(at_of(begin_of(w, 0), 0), "tracepoint:syscalls:sys_enter_open");
	assert_null(begin_of(w, 0)->when);
	assert_string_equal(begin_of(w, 1)->when, "args->flags != 0");
	assert_string_equal(expr_of(begin_of(w, 2), "filename"), "str(args->pathname)");
	assert_true(kg_card_site_expr(begin_of(w, 2), "filename")->is_late);
	assert_string_equal(begin_of(w, 2)->key, "tid");
	assert_int_equal(w->sites->len, 1);
	assert_int_equal(site_of(w, 0)->at->len, 3);
	assert_int_equal(site_of(w, 0)->optional->len, 2);
	assert_string_equal(site_of(w, 0)->ok, "args->ret >= 0");
	assert_string_equal(expr_of(site_of(w, 0), "error"), "-args->ret");
	assert_string_equal(kg_card_site_expr(site_of(w, 0), "error")->valid, "args->ret < 0");
	assert_int_equal(kg_card_field(kg_cards_find(cards, "x"), "error")->unit, KG_UNIT_ERRNO);
	kg_cards_free(cards);
}

static void test_functions(void **state)
{
	struct kg_cards *cards = must_open(HEAD "fields: [{name: size, unit: bytes}, {name: got, unit: bytes}]\n"
						"ways:\n"
						"  - functions: [f, g?]\n"
						"    args: {_a: uint64, sk: struct sock *, len: uint64}\n"
						"    returns: int32\n"
						"    when: $sk != 0\n"
						"    read: {size: $len}\n"
						"    results: {got: {expr: $ret, valid: $ret >= 0}}\n"
						"  - functions: h\n"
						"    args: {len: uint64}\n"
						"    read: {size: $len}\n");
	const struct kg_card_way *f = way_of(cards, 0), *k = way_of(cards, 1);
	assert_int_equal(kg_cards_find(cards, "x")->ways->len, 4);
	assert_string_equal(at_of(begin_of(f, 0), 1), "kfunc:g");
	assert_string_equal(at_of(site_of(f, 0), 0), "kretfunc:f");
	assert_string_equal(at_of(begin_of(k, 0), 0), "kprobe:f");
	assert_string_equal(at_of(site_of(k, 0), 0), "kretprobe:f");
	const struct kg_card_let *fl = g_ptr_array_index(begin_of(f, 0)->lets, 0), *kl = g_ptr_array_index(begin_of(k, 0)->lets, 0);
	assert_string_equal(fl->expr, "args->sk");
	assert_string_equal(kl->expr, "(struct sock *)arg1"); /* by its place, the one that is not used counted */
	assert_string_equal(((struct kg_card_let *)g_ptr_array_index(site_of(k, 0)->lets, 0))->expr, "(int32)retval");
	assert_int_equal(way_of(cards, 2)->begins->len, 0);
	assert_string_equal(at_of(site_of(way_of(cards, 3), 0), 0), "kprobe:h");
	kg_cards_free(cards);
}

/* ---- what is refused ---- */

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		int line;
		const char *words;
	} cases[] = {
		{HEAD "saays: [y]\nways: [{at: tracepoint:a:b}]\n", 9, "key of a card 'saays' is unknown; did you mean 'says'?"},
		{HEAD "zzzzzz: 1\nways: [{at: tracepoint:a:b}]\n", 9, "allowed: name, title, plural"},
		{HEAD, 1, "needs 'ways'"},
		{"title: t\n", 1, "a card needs 'name'"},
		{HEAD "fields: [{name: f, unit: byte}]\nways: [{at: tracepoint:a:b, read: {f: '1'}}]\n", 9, "unit 'byte' is unknown; did you mean 'bytes'?"},
		{HEAD "fields: [{name: port, unit: port}]\nways:\n  - at: tracepoint:a:b\n    read: {prt: '1'}\n", 12, "reads 'prt', which is not one of its fields; did you mean 'port'?"},
		{HEAD "fields: [{name: f, unit: number}]\nways: [{at: tracepoint:a:b}]\n", 9, "field 'f' of card 'x' can't be read in any way"},
		{HEAD "fields: [{name: f}, {name: f}]\nways: [{at: tracepoint:a:b}]\n", 9, "field 'f' is there twice"},
		{HEAD "fields: [{name: F}]\nways: [{at: tracepoint:a:b}]\n", 9, "lower case"},
		{HEAD "fields: [{name: f, unit: port, measure: true}]\nways: [{at: tracepoint:a:b, read: {f: '1'}}]\n", 9, "port can't be summed"},
		{HEAD "ways: [{begin: {at: tracepoint:a:b}, end: {at: tracepoint:a:c, key: tid}}]\n", 9, "need 'key'"},
		{HEAD "ways: [{at: tracepoint:a:b, key: tid}]\n", 9, "'key' links a begin and an end"},
		{HEAD "ways: [{begin: {at: tracepoint:a:b, key: tid}}]\n", 9, "begin and end together"},
		{HEAD "ways: [{at: tracepoint:a:b, syscalls: read}]\n", 9, "a way has one of"},
		{HEAD "ways: [{at: tracepoint:a}]\n", 9, "needs 2 part(s)"},
		{HEAD "ways: [{at: tracpoint:a:b}]\n", 9, "is no attach point"},
		{HEAD "ways: [{at: 'tracepoint:a:b { system(\"x\") }'}]\n", 9, "has a ' ' in it"},
		{HEAD "ways: [{at: tracepoint:a:b, when: $sk != 0}]\n", 9, "uses $sk at tracepoint:a:b, but no 'let' defines it"},
		{HEAD "ways: [{at: tracepoint:a:b, when: 'f(1'}]\n", 9, "brackets do not match"},
		{HEAD "ways: [{at: tracepoint:a:b, when: '1; system(2)'}]\n", 9, "an expression has no ; { or }"},
		{HEAD "ways: [{at: tracepoint:a:b, when: '1 } interval:s:1 { print(1)'}]\n", 9, "an expression has no ; { or }"},
		{HEAD "ways: [{at: tracepoint:a:b, when: '1 // x'}]\n", 9, "no comment"},
		{HEAD "ways: [{at: tracepoint:a:b, when: '\"abc'}]\n", 9, "a string is not closed"},
		{HEAD "ways: [{at: tracepoint:a:b, same-task: true}]\n", 9, "'same-task' is about a begin and an end"},
		{HEAD "ways: [{at: 'uprobe:$binary:f'}]\n", 9, "$binary needs 'binary'"},
		{HEAD "ways: [{at: tracepoint:a:b, binary: /bin/x}]\n", 9, "no 'at' says $binary"},
		{HEAD "ways: [{syscalls: [read, write], read: {fd: {expr: '1', reed: '2'}}}]\n", 9, "'reed' is unknown; did you mean 'read'?"},
		{HEAD "ways: [{syscalls: 'a b'}]\n", 9, "is no name of a system call"},
		{HEAD "ways: [{functions: f, args: {a: strange}}]\n", 9, "type of a must be"},
		{HEAD "ways: [{functions: f, results: {a: '1'}}]\n", 9, "need 'returns'"},
		{HEAD "fields: [{name: f}]\nways: [{at: tracepoint:a:b, read: {f: [{expr: '1'}, {expr: '2'}]}}]\n", 10, "not the last needs 'when'"},
		{HEAD "fields: [{name: f}]\nways: [{at: tracepoint:a:b, read: {f: {valid: '1'}}}]\n", 10, "needs 'expr' or 'cases'"},
		{HEAD "duration: f\nways: [{at: tracepoint:a:b}]\n", 1, "duration 'f' is not a field"},
		{HEAD "ways: [{at: tracepoint:a:b}]\n---\n" HEAD "ways: [{at: tracepoint:a:b}]\n", 11, "card 'x' is there twice"},
		{HEAD "says-done: [thing]\nways: [{at: tracepoint:a:b, ok: '1'}]\n", 1, "both in says and in says-done"},
		{HEAD "says-done: [done]\nways: [{at: tracepoint:a:b}]\n", 1, "each of its ways needs 'ok'"},
		{HEAD "ways: [{at: tracepoint:a:b, when: *x}]\n", 9, "needs quotes"},
		{HEAD "heat: low\nways: [{at: tracepoint:a:b}]\n", 9, "key 'heat' is there twice"},
		{"[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]\n", 1, "nested too deeply"},
		{"a: b: c\n", 1, "not YAML"},
		{"- 1\n", 1, "must be a map"},
	};
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
		refuses(cases[i].text, cases[i].line, cases[i].words);
}

static void test_dirs(void **state)
{
	char *a = write_dir("1.yaml", HEAD "ways: [{at: tracepoint:a:b}]\n---\n---\n");
	char *b = write_dir("2.yaml", "name: x\ntitle: mine\nplural: m\nabout: it\narea: t\nsays: m\ncontext: none\nheat: high\nways: [{at: tracepoint:q:r}]\n");
	const char *dirs[] = {a, b, NULL}, *none[] = {"/proc/self/no-such-directory", NULL};
	struct kg_cards *cards = NULL;
	_cleanup_error_ struct kg_error err = {0};
	assert_int_equal(kg_cards_open(dirs, &cards, &err), 0);
	assert_int_equal(kg_cards_n(cards), 1);
	assert_string_equal(kg_cards_at(cards, 0)->title, "mine");
	assert_int_equal(kg_cards_at(cards, 0)->heat, KG_HEAT_HIGH);
	assert_null(kg_cards_at(cards, 1));
	assert_null(kg_cards_find(cards, "y"));
	kg_cards_free(cards);
	assert_int_equal(kg_cards_open(none, &cards, &err), -KG_E_IO);
	remove_dir(a, "1.yaml");
	remove_dir(b, "2.yaml");
	assert_null(kg_cards_free(NULL));
	assert_null(kg_card_free(NULL));
	assert_null(kg_card_way_free(NULL));
}

/* ---- resolution ---- */

static void field_free(gpointer f)
{
	g_free(f);
}

static void add_field(struct kg_profile *p, const char *target, const char *name, gboolean is_dynamic)
{
	GPtrArray *fields = g_hash_table_lookup(p->fields, target);
	if (!fields) {
		fields = g_ptr_array_new_with_free_func(field_free);
		g_hash_table_insert(p->fields, (gpointer)target, fields);
	}
	struct kg_field *f = g_new0(struct kg_field, 1);
	f->name = name;
	f->is_string = TRUE;
	f->is_dynamic = is_dynamic;
	g_ptr_array_add(fields, f);
}

static void test_resolve(void **state)
{
	static const char *const tracepoints[] = {"s:enter_b", "s:exit_b", "n:new", NULL}, *const functions[] = {"inlined_f", "f", NULL};
	struct kg_profile p = {.tracepoints = tracepoints, .functions = functions, .fields = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref)};
	add_field(&p, "n:new", "comm", TRUE);
	add_field(&p, "n:new", "oldcomm", FALSE);
	struct kg_cards *cards = must_open(HEAD "fields: [{name: a}, {name: b, unit: string}]\n"
						"ways:\n"
						"  - {at: tracepoint:s:gone}\n"
						"  - {at: kprobe:inlined_f}\n"
						"  - {at: tracepoint:n:new, read: {a: args->lacks}}\n"
						"  - begin:\n"
						"      - {at: tracepoint:s:enter_a?, key: tid, read: {a: '1'}}\n"
						"      - {at: [tracepoint:s:enter_b, tracepoint:s:enter_c?], key: tid, read: {a: '2'}}\n"
						"    end: {at: [tracepoint:s:exit_a?, tracepoint:s:exit_b], key: tid}\n"
						"  - {at: tracepoint:n:new, when: 'text(args->comm) != text(args->oldcomm)', read: {b: text(args->comm)}}\n"
						"  - {at: kprobe:f}\n"
						"  - {at: ['tracepoint:s:gone?', 'kprobe:inlined_f?']}\n");
	const struct kg_card *c = kg_cards_find(cards, "x");
	struct kg_card_way *w = NULL;
	guint i = 0;
	_cleanup_error_ struct kg_error err = {0};
	assert_int_equal(kg_card_resolve(c, &p, 0, &w, &i, &err), 0);
	assert_int_equal(i, 3);
	assert_int_equal(w->begins->len, 1); /* the one of enter_a is gone */
	assert_int_equal(begin_of(w, 0)->at->len, 1);
	assert_string_equal(at_of(site_of(w, 0), 0), "tracepoint:s:exit_b");
	kg_card_way_free(w);
	assert_int_equal(kg_card_resolve(c, &p, 4, &w, &i, &err), 0);
	assert_string_equal(expr_of(site_of(w, 0), "b"), "str(args->comm)");
	assert_string_equal(site_of(w, 0)->when, "str(args->comm) != args->oldcomm");
	kg_card_way_free(w);
	p.no_kprobes = TRUE;
	w = NULL;
	assert_int_equal(kg_card_resolve(c, &p, 5, &w, &i, &err), -KG_E_NOTFOUND);
	assert_null(w);
	assert_non_null(strstr(err.msg, "this kernel has no kprobes"));
	kg_error_clear(&err);
	p.no_kprobes = FALSE;
	assert_int_equal(kg_card_resolve(c, &p, 6, &w, NULL, &err), -KG_E_NOTFOUND);
	assert_non_null(strstr(err.msg, "kprobe:inlined_f can't be used")); /* and not that s:gone is not there */
	kg_error_clear(&err);
	assert_int_equal(kg_card_resolve(c, &p, 7, &w, NULL, &err), -KG_E_NOTFOUND);
	kg_cards_free(cards);
	g_hash_table_unref(p.fields);
}

static void test_resolve_binary(void **state)
{
	char *dir = write_dir("without", "x");
	g_autofree char *with = g_build_filename(dir, "with-symbol", NULL);
	assert_true(g_file_set_contents(with, "x", 1, NULL));
	g_autofree char *text = g_strdup_printf(HEAD "ways: [{at: ['uprobe:$binary:readline'], binary: ['/nonexistent', '%s/w*']}]\n", dir);
	struct kg_cards *cards = must_open(text);
	struct kg_profile p = {0};
	struct kg_card_way *w = NULL;
	_cleanup_error_ struct kg_error err = {0};
	assert_int_equal(kg_card_resolve(kg_cards_find(cards, "x"), &p, 0, &w, NULL, &err), 0);
	assert_string_equal(w->binary, with); /* "without" is there, but does not have the function */
	assert_true(g_str_has_suffix(at_of(site_of(w, 0), 0), "with-symbol:readline"));
	kg_card_way_free(w);
	g_unlink(with);
	assert_int_equal(kg_card_resolve(kg_cards_find(cards, "x"), &p, 0, &w, NULL, &err), -KG_E_NOTFOUND);
	assert_non_null(strstr(err.msg, "has no function readline"));
	kg_cards_free(cards);
	remove_dir(dir, "without");
}

/* ---- the shipped cards ---- */

static struct kg_cards *open_shipped(void)
{
	g_autofree char *dir = g_build_filename(g_getenv("KGENT_DATA"), "events", NULL);
	const char *dirs[] = {dir, NULL};
	struct kg_cards *cards = NULL;
	_cleanup_error_ struct kg_error err = {0};
	if (kg_cards_open(dirs, &cards, &err) < 0)
		fail_msg("%s; %s", err.msg, err.hint ? err.hint : "");
	return cards;
}

/* A phrase that two cards claim would make their sentences ambiguous. */
static void test_shipped(void **state)
{
	struct kg_cards *cards = open_shipped();
	GHashTable *claimed = g_hash_table_new(g_str_hash, g_str_equal);
	assert_true(kg_cards_n(cards) >= 110);
	for (guint i = 0; i < kg_cards_n(cards); i++) {
		const struct kg_card *c = kg_cards_at(cards, i);
		for (guint j = 0; j < c->says->len; j++) {
			const char *other = g_hash_table_lookup(claimed, g_ptr_array_index(c->says, j));
			if (other)
				fail_msg("'%s' is claimed by %s and %s", (char *)g_ptr_array_index(c->says, j), other, c->name);
			g_hash_table_insert(claimed, g_ptr_array_index(c->says, j), c->name);
		}
		for (guint j = 0; j < c->fields->len; j++) {
			const struct kg_card_field *f = g_ptr_array_index(c->fields, j);
			if (f->says->len == 0)
				fail_msg("nobody can ask for field %s of %s", f->name, c->name);
		}
	}
	g_hash_table_unref(claimed);
	kg_cards_free(cards);
}

/* What runs in nobody's context must not show the current task under a name that says it is the event's. */
static void test_shipped_context(void **state)
{
	struct kg_cards *cards = open_shipped();
	static const char *const spoiled[] = {"packet-receive", "tcp-retransmit", "softirq", "block-io", "tcp-reset-received", "timer-fire"};
	for (guint i = 0; i < G_N_ELEMENTS(spoiled); i++) {
		const struct kg_card *c = kg_cards_find(cards, spoiled[i]);
		assert_non_null(c);
		assert_int_equal(c->context, KG_CONTEXT_NONE);
	}
	kg_cards_free(cards);
}

static void test_speed(void **state)
{
	gint64 best = G_MAXINT64;
	for (int i = 0; i < 5; i++) {
		gint64 start = g_get_monotonic_time();
		kg_cards_free(open_shipped());
		best = MIN(best, g_get_monotonic_time() - start);
	}
	print_message("all cards load in %.1f ms\n", best / 1000.0);
	assert_true(best < 500 * 1000); /* a bound for slow, instrumented builds; bench has the number */
}

static void test_units(void **state)
{
	for (int u = 0; u < KG_UNITS; u++)
		assert_int_equal(kg_unit_parse(kg_unit_name((enum kg_unit)u)), u);
	assert_int_equal(kg_unit_parse("furlongs"), KG_UNITS);
	assert_int_equal(kg_unit_parse(NULL), KG_UNITS);
	assert_true(kg_unit_is_number(KG_UNIT_BYTES) && kg_unit_is_number(KG_UNIT_NS) && !kg_unit_is_number(KG_UNIT_PORT));
	assert_true(kg_unit_is_text(KG_UNIT_PATH) && !kg_unit_is_text(KG_UNIT_IP));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_point), cmocka_unit_test(test_span), cmocka_unit_test(test_syscalls), cmocka_unit_test(test_functions),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_dirs), cmocka_unit_test(test_resolve), cmocka_unit_test(test_resolve_binary),
		cmocka_unit_test(test_shipped), cmocka_unit_test(test_shipped_context), cmocka_unit_test(test_speed), cmocka_unit_test(test_units),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
