/* Errors and diagnostics as values: see include/kgent/error.h. */
#include <kgent/error.h>
#include <kgent/text.h>

#include <string.h>

static const char *const errc_names[] = {
	[0] = "ok",
	[KG_E_NOMEM] = "nomem",
	[KG_E_INVAL] = "invalid",
	[KG_E_IO] = "io",
	[KG_E_PARSE] = "parse",
	[KG_E_NOTFOUND] = "notfound",
	[KG_E_UNSUPPORTED] = "unsupported",
	[KG_E_PERM] = "permission",
	[KG_E_LIMIT] = "limit",
	[KG_E_TOOL] = "tool",
	[KG_E_REFUSED] = "refused",
};

const char *kg_errc_name(int code)
{
	if (code < 0)
		code = -code;
	return code < (int)G_N_ELEMENTS(errc_names) ? errc_names[code] : "unknown";
}

int kg_error_set(struct kg_error *err, int code, const char *stage, const char *fmt, ...)
{
	if (err && !err->code) {
		va_list ap;

		va_start(ap, fmt);
		err->msg = g_strdup_vprintf(fmt, ap);
		va_end(ap);
		err->code = code;
		err->stage = stage;
	}
	return -code;
}

void kg_error_hint(struct kg_error *err, const char *fmt, ...)
{
	va_list ap;

	if (!err || !err->code || err->hint)
		return;
	va_start(ap, fmt);
	err->hint = g_strdup_vprintf(fmt, ap);
	va_end(ap);
}

void kg_error_clear(struct kg_error *err)
{
	if (!err)
		return;
	g_free(err->msg);
	g_free(err->hint);
	*err = (struct kg_error){0};
}

static void diag_free(void *p)
{
	struct kg_diag *diag = p;

	g_free(diag->msg);
	g_free(diag->hint);
	g_free(diag);
}

GPtrArray *kg_diags_new(void)
{
	return g_ptr_array_new_with_free_func(diag_free);
}

struct kg_diag *kg_diag_add(GPtrArray *diags, enum kg_severity severity, const char *check, struct kg_loc loc,
			    const char *fmt, ...)
{
	struct kg_diag *diag = g_new0(struct kg_diag, 1);
	va_list ap;

	va_start(ap, fmt);
	diag->msg = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	diag->severity = severity;
	diag->check = check;
	diag->loc = loc;
	g_ptr_array_add(diags, diag);
	return diag;
}

void kg_diag_hint(struct kg_diag *diag, const char *fmt, ...)
{
	va_list ap;

	if (diag->hint)
		return;
	va_start(ap, fmt);
	diag->hint = g_strdup_vprintf(fmt, ap);
	va_end(ap);
}

unsigned kg_diags_errors(const GPtrArray *diags)
{
	unsigned n = 0;

	for (guint i = 0; i < diags->len; i++)
		n += ((struct kg_diag *)diags->pdata[i])->severity == KG_ERROR;
	return n;
}

/* The [line]th line of [source], without its newline; NULL where there are not so many. */
static const char *source_line(const char *source, int line, gsize *ret_len)
{
	for (; line > 1 && source; line--) {
		source = strchr(source, '\n');
		source = source ? source + 1 : NULL;
	}
	if (source)
		*ret_len = strcspn(source, "\n");
	return source;
}

/* Longest excerpt of a source line that is shown around a caret, in bytes. */
enum { EXCERPT = 160, EXCERPT_BEFORE = 100 };

static void render_excerpt(const struct kg_diag *diag, const char *source, gboolean color, GString *out)
{
	gsize len, from = 0, col = diag->loc.col > 0 ? (gsize)diag->loc.col - 1 : 0;
	const char *line = source_line(source, diag->loc.line, &len);
	gsize under = diag->loc.len > 1 ? (gsize)diag->loc.len : 1;

	if (!line || col > len)
		return;
	if (len > EXCERPT && col > EXCERPT_BEFORE)
		from = col - EXCERPT_BEFORE;
	len = MIN(len - from, EXCERPT);
	col -= from;
	under = MIN(under, len > col ? len - col : 1);

	g_string_append_printf(out, "%5d | ", diag->loc.line);
	kg_text_escape(line + from, (gssize)len, out);
	g_string_append(out, "\n      | ");
	/* The same escaping in front of the caret keeps it below its character; tabs stay tabs. */
	GString *before = g_string_new(NULL);
	kg_text_escape(line + from, (gssize)col, before);
	for (const char *p = before->str; *p; p = g_utf8_next_char(p))
		g_string_append_c(out, *p == '\t' ? '\t' : ' ');
	g_string_free(before, TRUE);
	g_string_append(out, color ? "\033[1;32m" : "");
	for (gsize i = 0; i < under; i++)
		g_string_append_c(out, '^');
	g_string_append(out, color ? "\033[0m\n" : "\n");
}

void kg_diags_render(const GPtrArray *diags, const char *file, const char *source, gboolean color, GString *out)
{
	static const char *const names[] = {"note", "warning", "error"};
	static const char *const colors[] = {"\033[1;36m", "\033[1;35m", "\033[1;31m"};

	for (guint i = 0; i < diags->len; i++) {
		const struct kg_diag *diag = diags->pdata[i];

		if (diag->loc.line)
			g_string_append_printf(out, "%s:%d:%d: ", file, diag->loc.line, MAX(diag->loc.col, 1));
		else
			g_string_append_printf(out, "%s: ", file);
		g_string_append_printf(out, "%s%s:%s ", color ? colors[diag->severity] : "", names[diag->severity],
				       color ? "\033[0m" : "");
		kg_text_escape(diag->msg, -1, out);
		g_string_append_c(out, '\n');
		if (diag->loc.line && source)
			render_excerpt(diag, source, color, out);
		if (diag->hint) {
			g_string_append(out, "      = ");
			kg_text_escape(diag->hint, -1, out);
			g_string_append_c(out, '\n');
		}
	}
}
