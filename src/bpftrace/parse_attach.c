/*
 * Attach points: "kprobe:tcp_connect", "uprobe:/lib/x86_64-linux-gnu/libc.so.6:malloc", "usdt:./a.out:prov:probe",
 * "uprobe:./x:\"ns::f(int)\"", "interval:s:1".
 *
 * They are read byte by byte, since their parts are not tokens of expressions: a path has '/' and '.' in it, a name '*'
 * and '?'. The only hard question is whether a '/' belongs to a path or begins a predicate. As in bpftrace, what
 * stands between two colons and is made of path characters is a path; otherwise a '/' ends the name, unless the part
 * begins with it.
 */
#include "parse.h"

#include <string.h>

#define NO_END UINT32_MAX

static char cur(const struct kg_bt_lexer *lx, uint32_t pos)
{
	return pos < lx->len ? lx->text[pos] : '\0';
}

static gboolean is_path_char(char c)
{
	return kg_bt_is_ident(c) || (c && strchr("-./+*#$@%~[]?", c)) || (c & 0x80);
}

static gboolean is_name_char(char c)
{
	return kg_bt_is_ident(c) || (c && strchr("-.+*?[]$@#~^!", c)) || (c & 0x80);
}

static gboolean is_comment(const struct kg_bt_lexer *lx, uint32_t pos)
{
	return cur(lx, pos) == '/' && (cur(lx, pos + 1) == '/' || cur(lx, pos + 1) == '*');
}

/* Where the part that begins at pos ends. */
static uint32_t part_end(const struct kg_bt_lexer *lx, uint32_t pos)
{
	uint32_t path = pos, name = pos;

	while (is_path_char(cur(lx, path)))
		path++;
	if (cur(lx, path) == ':')
		return path;
	for (path = pos; is_path_char(cur(lx, path)) && !is_comment(lx, path); path++)
		;
	if (cur(lx, pos) == '/' || (cur(lx, pos) == '.' && (cur(lx, pos + 1) == '/' || cur(lx, pos + 1) == '.')))
		return path;
	while (is_name_char(cur(lx, name)))
		name++;
	return name;
}

/* The blanks (not line ends) at pos. */
static uint32_t skip_blanks(const struct kg_bt_lexer *lx, uint32_t pos)
{
	while (cur(lx, pos) == ' ' || cur(lx, pos) == '\t')
		pos++;
	return pos;
}

/* A part in quotes; FALSE: no end. */
static gboolean quoted(const struct kg_bt_lexer *lx, uint32_t *pos, GString *part)
{
	uint32_t i;
	g_autofree char *s = NULL;
	gsize n;

	for (i = *pos + 1; cur(lx, i) != '"'; i++) {
		if (i >= lx->len || lx->text[i] == '\n')
			return FALSE;
		if (lx->text[i] == '\\' && cur(lx, i + 1) != '\n' && i + 1 < lx->len)
			i++;
	}
	s = kg_bt_lex_unescape(lx->text + *pos + 1, i - *pos - 1, &n);
	g_string_append_len(part, s, (gssize)strlen(s));
	*pos = i + 1;
	return TRUE;
}

static gboolean has_wildcard(const GPtrArray *parts)
{
	for (guint i = 0; i < parts->len; i++)
		if (strpbrk(parts->pdata[i], "*?[")) /* in a quoted part, too, as bpftrace does it */
			return TRUE;
	return FALSE;
}

static char *join_parts(const GPtrArray *parts)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < parts->len; i++)
		g_string_append_printf(out, "%s%s", i ? ":" : "", (const char *)parts->pdata[i]);
	return g_string_free(out, FALSE);
}

/*
 * Read from pos; returns the position behind, or NO_END where quotes are not closed. Blanks around colons are allowed
 * in the text and left out of raw.
 */
static uint32_t read_parts(struct kg_bt_parser *p, uint32_t pos, struct kg_bt_attach *a, GString *raw)
{
	const struct kg_bt_lexer *lx = &p->lx;
	uint32_t end, after;

	for (;;) {
		g_autoptr(GString) part = g_string_new(NULL);

		for (;;) {
			if (cur(lx, pos) == '"') {
				end = pos;
				if (!quoted(lx, &end, part))
					return NO_END;
			} else {
				end = part_end(lx, pos);
				g_string_append_len(part, lx->text + pos, end - pos);
			}
			g_string_append_len(raw, lx->text + pos, end - pos);
			pos = end;
			if (cur(lx, pos) != '"' && !is_name_char(cur(lx, pos)))
				break;
		}
		if (!a->kind_text)
			a->kind_text = g_strdup(part->str);
		else
			g_ptr_array_add(a->parts, g_strdup(part->str));
		after = skip_blanks(lx, pos);
		if (cur(lx, after) != ':')
			return pos;
		g_string_append_c(raw, ':');
		pos = skip_blanks(lx, after + 1);
	}
}

static void unknown_kind(struct kg_bt_parser *p, const struct kg_bt_attach *a)
{
	const char *words[KG_PROBE_KINDS * 2 + 12];
	struct kg_loc loc = a->loc;
	struct kg_diag *d;
	const char *near;
	int n = 0;

	for (int i = 1; i < KG_PROBE_KINDS; i++) {
		words[n++] = kg_probe_info((enum kg_probe_kind)i)->name;
		words[n++] = kg_probe_info((enum kg_probe_kind)i)->modern;
	}
	words[n++] = "config";
	words[n++] = "import";
	words[n++] = "macro";
	words[n++] = "struct";
	words[n] = NULL;
	near = kg_bt_near(a->kind_text, words);
	loc.len = (int)strlen(a->kind_text);
	d = kg_bt_fail(p, loc, a->parts->len ? "there is no kind of probe called '%s'" : "expected a probe, found '%s'",
		       a->kind_text);
	p->panic = FALSE; /* what follows can be read all the same */
	if (near)
		kg_bt_hint(d, "did you mean %s?", near);
	else if (!strcmp(a->kind_text, "syscall") || !strcmp(a->kind_text, "syscalls"))
		kg_bt_hint(d, "system calls are tracepoints: tracepoint:syscalls:sys_enter_openat");
	else
		kg_bt_hint(
			d,
			"a probe is written kind:target { actions }; kinds are kprobe, kretprobe, fentry, fexit, tracepoint, "
			"rawtracepoint, uprobe, uretprobe, usdt, profile, interval, software, hardware, iter, BEGIN, END");
}

static void attach_free(struct kg_bt_attach *a)
{
	g_free(a->kind_text);
	g_free(a->target);
	g_free(a->raw);
	g_ptr_array_free(a->parts, TRUE);
	g_free(a);
}

static struct kg_bt_attach *parse_attach(struct kg_bt_parser *p)
{
	struct kg_bt_attach *a = g_new0(struct kg_bt_attach, 1);
	g_autoptr(GString) raw = g_string_new(NULL);
	struct kg_bt_token t = p->tok;
	uint32_t pos, colon;

	a->parts = g_ptr_array_new_with_free_func(g_free);
	a->off = t.off;
	a->loc = kg_bt_tok_loc(p, &t);
	pos = read_parts(p, t.off, a, raw);
	if (pos == t.off || pos == NO_END || !*a->kind_text) {
		if (pos == NO_END && p->tok.type != T_ERROR)
			kg_bt_fail(p, a->loc, "the quotes of this attach point are not closed on its line");
		else
			kg_bt_hint(
				kg_bt_expected(p, "a probe"),
				"a probe is written kind:target { actions }, for example tracepoint:sched:sched_switch { ... }");
		attach_free(a);
		return NULL;
	}
	a->end = pos;
	a->raw = g_strdup(raw->str);
	a->target = join_parts(a->parts);
	a->loc = kg_bt_span(p, a->off, a->end, t.line, t.line_off);
	colon = a->off + (uint32_t)strlen(a->kind_text);
	a->target_loc = a->parts->len ? kg_bt_span(p, colon + 1, a->end, t.line, t.line_off) : a->loc;
	if (!a->parts->len)
		a->target_loc.len = 0;
	a->kind = kg_probe_kind_parse(a->kind_text, -1);
	a->is_wildcard = has_wildcard(a->parts) || strpbrk(a->kind_text, "*?[");
	/* let the tokens go on behind it */
	p->prev_off = a->off;
	p->prev_end = pos;
	p->lx.pos = pos;
	p->lx.line = t.line;
	p->lx.line_off = t.line_off;
	kg_bt_lex_next(&p->lx, &p->tok);
	if (a->kind == KG_PROBE_NONE && !strpbrk(a->kind_text, "*?["))
		unknown_kind(p, a);
	return a;
}

gboolean kg_bt_parse_attach_list(struct kg_bt_parser *p, GPtrArray *attach)
{
	do {
		struct kg_bt_attach *a;

		if (attach->len && p->tok.type == T_LBRACE) /* "kprobe:a, { ... }": bpftrace takes the trailing comma */
			return TRUE;
		a = parse_attach(p);
		if (!a)
			return FALSE;
		g_ptr_array_add(attach, a);
	} while (kg_bt_accept(p, T_COMMA));
	return TRUE;
}
