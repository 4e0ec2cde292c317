/* Entry of the parser, its errors and recovery, and the top level of a program. See parse.h. */
#include "parse.h"

#include <kgent/text.h>
#include <stdarg.h>
#include <string.h>

/* ------------------------------------------------------- tokens and nodes */

void kg_bt_advance(struct kg_bt_parser *p)
{
	p->prev_off = p->tok.off;
	p->prev_end = p->tok.end;
	p->prev_line = p->tok.line;
	p->prev_line_off = p->tok.line_off;
	kg_bt_lex_next(&p->lx, &p->tok);
}

struct kg_bt_token kg_bt_peek(const struct kg_bt_parser *p)
{
	struct kg_bt_lexer lx = p->lx;
	struct kg_bt_token tok;

	kg_bt_lex_next(&lx, &tok);
	return tok;
}

gboolean kg_bt_accept(struct kg_bt_parser *p, enum kg_bt_tok type)
{
	if (p->tok.type != type)
		return FALSE;
	kg_bt_advance(p);
	return TRUE;
}

char *kg_bt_tok_dup(const struct kg_bt_parser *p, const struct kg_bt_token *tok, guint skip)
{
	return g_strndup(p->lx.text + tok->off + skip, tok->end - tok->off - skip);
}

struct kg_loc kg_bt_span(const struct kg_bt_parser *p, uint32_t off, uint32_t end, int line, uint32_t line_off)
{
	const char *nl = end > off ? memchr(p->lx.text + off, '\n', end - off) : NULL;
	uint32_t stop = nl ? (uint32_t)(nl - p->lx.text) : end;

	return (struct kg_loc){line, (int)(off - line_off) + 1, (int)(stop - off)};
}

struct kg_loc kg_bt_tok_loc(const struct kg_bt_parser *p, const struct kg_bt_token *tok)
{
	return kg_bt_span(p, tok->off, tok->end, tok->line, tok->line_off);
}

struct kg_bt_node *kg_bt_start(struct kg_bt_parser *p, enum kg_bt_kind kind, uint32_t off, uint32_t end)
{
	struct kg_bt_node *node = kg_bt_node_new(kind, NULL);

	if (++p->n_nodes > KG_BT_MAX_NODES && !p->limit) {
		kg_bt_fail(p, kg_bt_tok_loc(p, &p->tok), "this program has too many parts (more than %d)",
			   KG_BT_MAX_NODES);
		p->limit = KG_E_LIMIT;
	}
	if (end > off)
		node->text = g_strndup(p->lx.text + off, end - off);
	node->off = p->tok.off;
	node->end = p->tok.end;
	node->loc = kg_bt_tok_loc(p, &p->tok);
	return node;
}

struct kg_bt_node *kg_bt_wrap(struct kg_bt_parser *p, enum kg_bt_kind kind, struct kg_bt_node *first)
{
	struct kg_bt_node *node = kg_bt_start(p, kind, 0, 0);

	node->off = first->off;
	node->loc = first->loc;
	return kg_bt_node_add(node, first);
}

struct kg_bt_node *kg_bt_finish(struct kg_bt_parser *p, struct kg_bt_node *node)
{
	node->end = p->prev_end;
	node->loc = kg_bt_span(p, node->off, node->end, node->loc.line, node->off - (uint32_t)(node->loc.col - 1));
	if (node->height > KG_BT_MAX_DEPTH && !p->limit) {
		kg_bt_fail(p, node->loc, "this program is nested too deeply (more than %d levels)", KG_BT_MAX_DEPTH);
		p->limit = KG_E_LIMIT;
	}
	if (p->limit)
		return kg_bt_node_free(node);
	return node;
}

gboolean kg_bt_enter(struct kg_bt_parser *p)
{
	if (p->limit)
		return FALSE;
	if (++p->depth <= KG_BT_MAX_DEPTH)
		return TRUE;
	kg_bt_fail(p, kg_bt_tok_loc(p, &p->tok), "this program is nested too deeply (more than %d levels)",
		   KG_BT_MAX_DEPTH);
	p->limit = KG_E_LIMIT;
	p->depth--;
	return FALSE;
}

/* ---------------------------------------------------------------- errors */

struct kg_diag *kg_bt_fail(struct kg_bt_parser *p, struct kg_loc loc, const char *fmt, ...)
{
	g_autofree char *msg = NULL;
	va_list ap;

	if (p->panic || p->limit)
		return NULL;
	p->panic = TRUE;
	if (++p->n_errors > KG_BT_MAX_ERRORS) {
		kg_diag_add(p->diags, KG_ERROR, "syntax", loc, "too many errors; the rest of the program was not read");
		p->limit = KG_E_PARSE;
		return NULL;
	}
	va_start(ap, fmt);
	msg = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	return kg_diag_add(p->diags, KG_ERROR, "syntax", loc, "%s", msg);
}

void kg_bt_hint(struct kg_diag *diag, const char *fmt, ...)
{
	g_autofree char *hint = NULL;
	va_list ap;

	if (!diag || !fmt)
		return;
	va_start(ap, fmt);
	hint = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	kg_diag_hint(diag, "%s", hint);
}

static char *describe(const struct kg_bt_parser *p, const struct kg_bt_token *tok)
{
	g_autoptr(GString) text = g_string_new(NULL);
	gsize n = tok->end - tok->off;

	kg_text_escape(p->lx.text + tok->off, (gssize)MIN(n, 40), text);
	if (n > 40)
		g_string_append(text, "...");
	switch (tok->type) {
	case T_EOF: return g_strdup("the end of the program");
	case T_STRING: return g_strdup_printf("the string %s", text->str);
	case T_PREPROC: return g_strdup("a preprocessor line");
	default: return g_strdup_printf("'%s'", text->str);
	}
}

struct kg_diag *kg_bt_expected(struct kg_bt_parser *p, const char *what)
{
	g_autofree char *found = describe(p, &p->tok);
	struct kg_diag *diag;

	if (p->tok.type == T_ERROR) {
		diag = kg_bt_fail(p, kg_bt_tok_loc(p, &p->tok), "%s", p->tok.error);
		if (p->tok.hint)
			kg_bt_hint(diag, "%s", p->tok.hint);
		return diag;
	}
	return kg_bt_fail(p, kg_bt_tok_loc(p, &p->tok), "expected %s, found %s", what, found);
}

gboolean kg_bt_expect(struct kg_bt_parser *p, enum kg_bt_tok type, const char *where)
{
	g_autofree char *what = NULL;

	if (kg_bt_accept(p, type))
		return TRUE;
	what = g_strdup_printf("'%s' %s", kg_bt_tok_text(type), where);
	kg_bt_expected(p, what);
	return FALSE;
}

const char *kg_bt_near(const char *word, const char *const *words)
{
	int max = strlen(word) < 4 ? 1 : 2, best = max + 1;
	const char *found = NULL;

	for (; *words; words++) {
		int d = kg_text_distance(word, *words, max);

		if (d < best) {
			best = d;
			found = *words;
		}
	}
	return found;
}

/* -------------------------------------------------------------- top level */

/*
 * Go on behind an error: at what begins a line and looks like the beginning of a probe or definition, where no
 * block is open. [start] is where the part with the error begins.
 */
static void recover_top(struct kg_bt_parser *p, uint32_t start)
{
	int depth = 0;

	p->panic = FALSE;
	for (; p->tok.type != T_EOF; kg_bt_advance(p)) {
		gboolean at_line_start = p->tok.line_off == p->tok.off;

		if (p->tok.type == T_LBRACE)
			depth++;
		else if (p->tok.type == T_RBRACE && depth > 0)
			depth--;
		else if (p->tok.off > start && at_line_start && p->tok.type == T_IDENT && depth <= 1)
			return;
		else
			continue;
		if (p->tok.type == T_RBRACE && depth == 0) {
			kg_bt_advance(p);
			return;
		}
	}
}

static gboolean parse_config_item(struct kg_bt_parser *p, GPtrArray *config)
{
	struct kg_bt_node *name, *item, *value;

	if (p->tok.type != T_IDENT) {
		kg_bt_expected(p, "the name of a setting or '}'");
		return FALSE;
	}
	name = kg_bt_start(p, KG_BT_NAME, p->tok.off, p->tok.end);
	kg_bt_advance(p);
	item = kg_bt_wrap(p, KG_BT_ASSIGN, name);
	item->op = KG_BT_ASSIGN_OP;
	if (kg_bt_expect(p, T_ASSIGN, "behind the setting's name") && (value = kg_bt_parse_expression(p)))
		kg_bt_node_add(item, value);
	else
		item = kg_bt_node_free(item);
	if (item && (item = kg_bt_finish(p, item)))
		g_ptr_array_add(config, item);
	return item != NULL;
}

static void parse_config(struct kg_bt_parser *p, struct kg_bt_program *program)
{
	struct kg_diag *d;

	if (program->has_config) {
		kg_bt_fail(p, kg_bt_tok_loc(p, &p->tok), "a program has only one config block");
		p->panic = FALSE;
	} else if (program->probes->len || program->subs->len) {
		d = kg_bt_fail(p, kg_bt_tok_loc(p, &p->tok), "the config block must stand before the first probe");
		kg_bt_hint(d, "move it to the top of the program");
		p->panic = FALSE;
	}
	program->has_config = TRUE;
	kg_bt_advance(p);
	kg_bt_advance(p); /* '=' was seen */
	if (!kg_bt_expect(p, T_LBRACE, "to open the config block"))
		return;
	while (p->tok.type != T_RBRACE) {
		if (!parse_config_item(p, program->config))
			return;
		if (p->tok.type != T_RBRACE && !kg_bt_accept(p, T_SEMI)) {
			d = kg_bt_expected(p, "';' or '}' behind the setting");
			kg_bt_hint(d, "settings are separated by ';', and there are no commas");
			return;
		}
	}
	kg_bt_advance(p);
	kg_bt_accept(p, T_SEMI); /* taken by 0.21 and later */
}

static void parse_import(struct kg_bt_parser *p, struct kg_bt_program *program)
{
	struct kg_bt_node *node = kg_bt_start(p, KG_BT_IMPORT, 0, 0);
	gsize n;

	kg_bt_advance(p);
	if (p->tok.type != T_STRING) {
		kg_bt_hint(kg_bt_expected(p, "the name of what to import, in quotes"), "import \"file.bt\";");
		kg_bt_node_free(node);
		return;
	}
	node->text = kg_bt_lex_unescape(p->lx.text + p->tok.off + 1, p->tok.end - p->tok.off - 2, &n);
	kg_bt_advance(p);
	kg_bt_accept(p, T_SEMI);
	if ((node = kg_bt_finish(p, node)))
		g_ptr_array_add(program->imports, node);
}

static void parse_map_decl(struct kg_bt_parser *p, struct kg_bt_program *program)
{
	struct kg_bt_node *node = kg_bt_start(p, KG_BT_MAP_DECL, 0, 0), *value;

	kg_bt_advance(p);
	if (p->tok.type != T_MAP) {
		kg_bt_hint(kg_bt_expected(p, "a map behind 'let'"),
			   "outside of probes only maps are declared: let @name = hash(100);");
		kg_bt_node_free(node);
		return;
	}
	node->text = kg_bt_tok_dup(p, &p->tok, 1);
	kg_bt_advance(p);
	if (!kg_bt_expect(p, T_ASSIGN, "behind the map's name") || !(value = kg_bt_parse_expression(p))) {
		kg_bt_node_free(node);
		return;
	}
	kg_bt_node_add(node, value);
	if (value->kind != KG_BT_CALL)
		kg_bt_hint(kg_bt_fail(p, value->loc, "a map is declared with its type and size"),
			   "hash(1000), lruhash(1000), percpuhash(1000), percpulruhash(1000) or percpuarray(1)");
	else
		kg_bt_expect(p, T_SEMI, "behind the map declaration");
	if ((node = kg_bt_finish(p, node)))
		g_ptr_array_add(program->map_decls, node);
}

/* One parameter of a macro ($x, @x, x) or subprogram ($x : type). */
static gboolean parse_param(struct kg_bt_parser *p, struct kg_bt_node *sub)
{
	gboolean is_fn = sub->kind == KG_BT_FN;
	enum kg_bt_kind kind = p->tok.type == T_VAR ? KG_BT_VAR : p->tok.type == T_MAP ? KG_BT_MAP : KG_BT_NAME;
	struct kg_bt_node *param, *type;

	if (p->tok.type != T_VAR && (is_fn || (p->tok.type != T_MAP && p->tok.type != T_IDENT))) {
		kg_bt_expected(p, is_fn ? "a parameter ($name : type)" : "a parameter ($name, @name or name)");
		return FALSE;
	}
	param = kg_bt_start(p, kind, p->tok.off + (kind == KG_BT_NAME ? 0 : 1), p->tok.end);
	if (!param->text)
		param->text = g_strdup("");
	kg_bt_advance(p);
	if (is_fn) {
		param = kg_bt_wrap(p, KG_BT_LET, param);
		if (!kg_bt_expect(p, T_COLON, "and a type behind the parameter") || !(type = kg_bt_parse_type(p))) {
			kg_bt_node_free(param);
			return FALSE;
		}
		kg_bt_node_add(param, type);
		if (!(param = kg_bt_finish(p, param)))
			return FALSE;
	}
	kg_bt_node_add(sub, param);
	return TRUE;
}

static struct kg_bt_node *parse_sub(struct kg_bt_parser *p, enum kg_bt_kind kind)
{
	struct kg_bt_node *node = kg_bt_start(p, kind, 0, 0), *kid;

	kg_bt_advance(p);
	if (p->tok.type != T_IDENT) {
		kg_bt_expected(p, "a name");
		return kg_bt_node_free(node);
	}
	node->text = kg_bt_tok_dup(p, &p->tok, 0);
	kg_bt_advance(p);
	if (!kg_bt_expect(p, T_LPAREN, "and the parameters behind the name"))
		return kg_bt_node_free(node);
	while (p->tok.type != T_RPAREN) {
		if (!parse_param(p, node))
			return kg_bt_node_free(node);
		if (!kg_bt_accept(p, T_COMMA))
			break;
	}
	if (!kg_bt_expect(p, T_RPAREN, "behind the parameters"))
		return kg_bt_node_free(node);
	if (kind == KG_BT_FN && kg_bt_accept(p, T_COLON)) {
		if (!(kid = kg_bt_parse_type(p)))
			return kg_bt_node_free(node);
		kg_bt_node_add(node, kid);
	}
	p->in_macro = kind == KG_BT_MACRO;
	kid = kg_bt_parse_block(p, kind == KG_BT_MACRO ? KG_BT_NONE : KG_BT_BLOCK);
	p->in_macro = FALSE;
	if (!kid)
		return kg_bt_node_free(node);
	return kg_bt_finish(p, kg_bt_node_add(node, kid));
}

static struct kg_bt_node *parse_predicate(struct kg_bt_parser *p)
{
	struct kg_bt_node *pred;

	kg_bt_advance(p);
	p->in_predicate = TRUE;
	pred = kg_bt_parse_expression(p);
	p->in_predicate = FALSE;
	if (!pred)
		return NULL;
	if (p->tok.type != T_DIV) {
		kg_bt_hint(kg_bt_expected(p, "'/' to close the predicate"), "a predicate is written /condition/ { ... }");
		return kg_bt_node_free(pred);
	}
	kg_bt_advance(p);
	return pred;
}

static void parse_probe(struct kg_bt_parser *p, struct kg_bt_program *program)
{
	struct kg_bt_probe *probe = kg_bt_probe_new();
	struct kg_bt_attach *first;

	probe->loc = kg_bt_tok_loc(p, &p->tok);
	probe->off = p->tok.off;
	if (kg_bt_parse_attach_list(p, probe->attach) &&
	    (p->tok.type != T_DIV || (probe->predicate = parse_predicate(p)))) {
		if (p->tok.type != T_LBRACE) {
			kg_bt_hint(kg_bt_expected(p, probe->predicate ? "'{' behind the predicate" :
									"',', '/' or '{' behind the attach point"),
				   "a probe is written kind:target /condition/ { actions }");
		} else {
			probe->block = kg_bt_parse_block(p, KG_BT_BLOCK);
		}
	}
	if (!probe->block) {
		kg_bt_probe_free(probe);
		return;
	}
	first = probe->attach->pdata[0];
	probe->loc = first->loc;
	probe->end = p->prev_end;
	g_ptr_array_add(program->probes, probe);
}

static void parse_preamble(struct kg_bt_parser *p, struct kg_bt_program *program)
{
	struct kg_bt_node *node;

	if (program->probes->len) {
		kg_bt_hint(kg_bt_fail(p, kg_bt_tok_loc(p, &p->tok), "definitions in C must stand before the first probe"),
			   "move this to the top of the program");
		p->panic = FALSE;
	}
	if (p->tok.type == T_PREPROC) {
		uint32_t end = p->tok.end;

		while (end > p->tok.off && g_ascii_isspace(p->lx.text[end - 1]))
			end--;
		node = kg_bt_start(p, KG_BT_PREPROC, p->tok.off, end);
		kg_bt_advance(p);
	} else {
		node = kg_bt_parse_cdef(p);
	}
	if (node)
		g_ptr_array_add(program->preamble, node);
}

static void parse_top(struct kg_bt_parser *p, struct kg_bt_program *program)
{
	struct kg_bt_token next = kg_bt_peek(p);
	struct kg_bt_node *node;

	if (p->tok.type == T_PREPROC || kg_bt_at(p, "struct") || kg_bt_at(p, "union") || kg_bt_at(p, "enum")) {
		parse_preamble(p, program);
	} else if (kg_bt_at(p, "typedef") && next.type == T_IDENT) {
		kg_bt_hint(kg_bt_fail(p, kg_bt_tok_loc(p, &p->tok), "bpftrace has no typedef"),
			   "define a struct, and use its name with struct");
	} else if (kg_bt_at(p, "config") && next.type == T_ASSIGN) {
		parse_config(p, program);
	} else if (kg_bt_at(p, "import") && next.type != T_COLON) {
		parse_import(p, program);
	} else if (kg_bt_at(p, "let") && next.type != T_COLON) {
		parse_map_decl(p, program);
	} else if ((kg_bt_at(p, "macro") || kg_bt_at(p, "fn")) && next.type == T_IDENT) {
		node = parse_sub(p, kg_bt_at(p, "fn") ? KG_BT_FN : KG_BT_MACRO);
		if (node)
			g_ptr_array_add(program->subs, node);
	} else if (p->tok.type == T_RBRACE) {
		kg_bt_fail(p, kg_bt_tok_loc(p, &p->tok), "this '}' closes nothing");
		kg_bt_advance(p);
		p->panic = FALSE;
	} else {
		parse_probe(p, program);
	}
}

static void parse_all(struct kg_bt_parser *p, struct kg_bt_program *program)
{
	while (p->tok.type != T_EOF && !p->limit) {
		uint32_t start = p->tok.off;

		parse_top(p, program);
		if (p->panic)
			recover_top(p, start);
	}
	if (!p->n_errors && !p->limit && !program->probes->len)
		kg_bt_hint(kg_diag_add(p->diags, KG_ERROR, "syntax", (struct kg_loc){0}, "this program has no probe"),
			   "a probe is written kind:target { actions }, for example BEGIN { printf(\"hello\\n\"); }");
}

static int open_text(struct kg_bt_parser *p, const char *text, gsize len, GPtrArray *diags)
{
	const char *nul;
	struct kg_loc loc = {.line = 1, .len = 1};

	*p = (struct kg_bt_parser){.diags = diags};
	if (len > KG_BT_MAX_BYTES) {
		kg_diag_add(diags, KG_ERROR, "syntax", (struct kg_loc){0},
			    "this program is too long: %zu bytes, at most %u are read", len, KG_BT_MAX_BYTES);
		return -KG_E_LIMIT;
	}
	if (len && (nul = memchr(text, '\0', len))) {
		const char *line = text;

		for (const char *s = text; (s = memchr(s, '\n', (gsize)(nul - s))); loc.line++)
			line = ++s;
		loc.col = (int)(nul - line) + 1;
		kg_diag_add(diags, KG_ERROR, "syntax", loc, "this is not a text: it has a NUL byte in it");
		return -KG_E_INVAL;
	}
	kg_bt_lex_init(&p->lx, text, (uint32_t)len);
	kg_bt_lex_next(&p->lx, &p->tok);
	return 0;
}

int kg_bt_parse(const char *text, gsize len, GPtrArray *diags, struct kg_bt_program **ret)
{
	unsigned before = kg_diags_errors(diags);
	struct kg_bt_program *program;
	struct kg_bt_parser p;
	int r;

	*ret = NULL;
	r = open_text(&p, text, len, diags);
	if (r < 0)
		return r;
	program = kg_bt_program_new();
	parse_all(&p, program);
	if (p.limit == KG_E_LIMIT) {
		kg_bt_free(program);
		return -KG_E_LIMIT;
	}
	*ret = program;
	return kg_diags_errors(diags) > before ? -KG_E_PARSE : 0;
}

int kg_bt_parse_expr(const char *text, gsize len, GPtrArray *diags, struct kg_bt_node **ret)
{
	struct kg_bt_node *expr;
	struct kg_bt_parser p;
	int r = open_text(&p, text, len, diags);

	if (r < 0)
		return r;
	expr = kg_bt_parse_expression(&p);
	if (expr && p.tok.type != T_EOF) {
		kg_bt_expected(&p, "the end of the expression");
		expr = kg_bt_node_free(expr);
	}
	if (!expr)
		return p.limit == KG_E_LIMIT ? -KG_E_LIMIT : -KG_E_PARSE;
	*ret = expr;
	return 0;
}
