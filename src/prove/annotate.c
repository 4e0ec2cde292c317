/* The annotated program for a terminal and as a page. See kgent/annotate.h. */
#include "annotate.h"
#include "proof.h"

#include <kgent/text.h>

#include <string.h>

#define OFF "\033[0m"

static const char *const word_paint[] = {"\033[1;32m", "\033[1;31m", "\033[1;33m"};
static const char *const origin_paint[] = {"\033[36m", "\033[35m", "\033[34m"};

/* What is to be told of a counterexample, one line each. */
static void tell(const struct kg_obligation_result *r, GPtrArray *lines)
{
	for (guint i = 0; i < r->counterexamples->len; i++) {
		g_autoptr(GString) text = g_string_new(NULL);
		g_auto(GStrv) all = NULL;
		counterexample_text(r->counterexamples->pdata[i], &ce_words_of_proof, text); /* escapes for terminals */
		all = g_strsplit(text->str, "\n", -1);
		for (char **line = all; *line; line++)
			if (**line)
				g_ptr_array_add(lines, g_strdup(*line + MIN(strspn(*line, " "), 4)));
	}
	if (r->mend && r->word != KG_PROOF_PROVED) {
		GString *mend = g_string_new("mend                          ");
		kg_text_escape(r->mend, -1, mend);
		g_ptr_array_add(lines, g_string_free(mend, FALSE));
	}
}

/* ---------------------------------------------------------------- terminal */

static void note_text(const struct note *note, gboolean color, GString *out)
{
	const struct kg_obligation_result *r = note->result;
	g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

	g_string_append_printf(out, "      |   %s%s%s ", color ? origin_paint[note->origin] : "", note->is_assert ? "assert" : "assume", color ? OFF : "");
	if (r)
		g_string_append_printf(out, "%s%s%s  ", color ? word_paint[r->word] : "", kg_proof_name(r->word), color ? OFF : "");
	kg_text_escape(note->text, -1, out);
	if (r && r->why) {
		g_string_append(out, ": ");
		kg_text_escape(r->why, -1, out);
	}
	g_string_append_printf(out, "  (%s)\n", note_origin_name(note->origin));
	if (r)
		tell(r, lines);
	for (guint i = 0; i < lines->len; i++)
		g_string_append_printf(out, "      |       %s\n", (char *)lines->pdata[i]);
}

static GStrv lines_of(const char *source)
{
	GStrv lines = g_strsplit(source, "\n", -1);
	guint n = g_strv_length(lines);

	if (n && !*lines[n - 1]) {
		g_free(lines[n - 1]);
		lines[n - 1] = NULL;
	}
	return lines;
}

void kg_annotated_text(const struct kg_annotated *in, gboolean color, GString *out)
{
	g_auto(GStrv) lines = lines_of(in->source);
	guint n_lines = g_strv_length(lines), at = 0;
	g_autoptr(GPtrArray) notes = notes_of(in, (int)n_lines);

	for (guint i = 0; i < n_lines; i++) {
		g_string_append_printf(out, "%5u | ", i + 1);
		kg_text_escape(lines[i], -1, out);
		g_string_append_c(out, '\n');
		for (; at < notes->len && ((struct note *)notes->pdata[at])->line <= (int)i + 1; at++)
			note_text(notes->pdata[at], color, out);
	}
	if (at < notes->len)
		g_string_append(out, "      | of the program as a whole\n");
	for (; at < notes->len; at++)
		note_text(notes->pdata[at], color, out);
}

/* ---------------------------------------------------------------- HTML */

static const char page_style[] =
	":root { color-scheme: light dark; --bg: #fff; --fg: #1c1e21; --dim: #5f6770; --rule: #d9dde1; --proved: #14702e; --refuted: #b3161b; --unknown: #7d5700;\n"
	"  --contract: #0b5f86; --inline: #8a2c8f; --builtin: #3a4fb8; --soft: #f4f6f8; }\n"
	"@media (prefers-color-scheme: dark) { :root { --bg: #15181b; --fg: #e4e7ea; --dim: #98a1aa; --rule: #343a40; --proved: #5fce80; --refuted: #ff8581;\n"
	"  --unknown: #e2b34c; --contract: #63c3ec; --inline: #dd8fe2; --builtin: #9fb0ff; --soft: #1d2125; } }\n"
	"body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem; background: var(--bg); color: var(--fg); font: 14px/1.5 system-ui, sans-serif; }\n"
	"h1 { font-size: 1.2rem; } .code { border-top: 1px solid var(--rule); border-bottom: 1px solid var(--rule); padding: .5rem 0; overflow-x: auto;\n"
	"  font: 13px/1.5 ui-monospace, monospace; } .line, .note { white-space: pre; } .no { color: var(--dim); display: inline-block; width: 3.5em;\n"
	"  text-align: right; margin-right: 1em; user-select: none; } .note { margin-left: 4.5em; padding: 0 .75em; background: var(--soft);\n"
	"  border-left: 3px solid var(--dim); } .way .no { color: var(--refuted); } .way .no::after { content: \" >\"; } .contract { border-color: var(--contract); } .inline { border-color: var(--inline); }\n"
	".built-in { border-color: var(--builtin); } .proved b { color: var(--proved); } .refuted b { color: var(--refuted); }\n"
	".unknown b { color: var(--unknown); } .from { color: var(--dim); }\n";

static void escape_html(const char *text, GString *out)
{
	g_autoptr(GString) safe = g_string_new(NULL);
	g_autofree char *html = NULL;

	kg_text_escape(text, -1, safe);
	html = g_markup_escape_text(safe->str, -1);
	g_string_append(out, html);
}

static void note_html(const struct note *note, GString *out)
{
	static const char *const classes[] = {"contract", "inline", "built-in"};
	const struct kg_obligation_result *r = note->result;
	g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

	g_string_append_printf(out, "<div class=\"note %s %s\">%s ", classes[note->origin], r ? kg_proof_name(r->word) : "",
			       note->is_assert ? "assert" : "assume");
	if (r)
		g_string_append_printf(out, "<b>%s</b>  ", kg_proof_name(r->word));
	escape_html(note->text, out);
	if (r && r->why) {
		g_string_append(out, ": ");
		escape_html(r->why, out);
	}
	g_string_append_printf(out, "  <span class=\"from\">%s</span>", note_origin_name(note->origin));
	if (r)
		tell(r, lines);
	for (guint i = 0; i < lines->len; i++) {
		g_autofree char *html = g_markup_escape_text(lines->pdata[i], -1);
		g_string_append_printf(out, "\n    %s", html);
	}
	g_string_append(out, "</div>\n");
}

static void head(const struct kg_annotated *in, GString *out)
{
	guint n = in->proof->results->len;

	g_string_append(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
			"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
	escape_html(in->file, out);
	g_string_append_printf(out, "</title>\n<style>\n%s</style></head>\n<body>\n<h1 class=\"%s\">", page_style, kg_proof_name(in->proof->word));
	escape_html(in->file, out);
	g_string_append_printf(out, ": <b>%s</b></h1>\n<p>%u obligation%s: %u proved, %u refuted, %u unknown. Lines from: the contract, the program itself "
			       "(inline), what is asked of every program (built in).</p>\n<div class=\"code\">\n",
			       kg_proof_name(in->proof->word), n, n == 1 ? "" : "s", kg_proof_count(in->proof, KG_PROOF_PROVED),
			       kg_proof_count(in->proof, KG_PROOF_REFUTED), kg_proof_count(in->proof, KG_PROOF_UNKNOWN));
}

/* Does a counterexample decide something in this line? */
static gboolean is_on_way(const struct kg_annotated *in, guint line)
{
	for (guint r = 0; r < in->proof->results->len; r++) {
		const GPtrArray *ces = ((struct kg_obligation_result *)in->proof->results->pdata[r])->counterexamples;
		for (guint c = 0; c < ces->len; c++) {
			const GPtrArray *events = ((struct kg_counterexample *)ces->pdata[c])->events;
			for (guint e = 0; e < events->len; e++) {
				const GPtrArray *path = ((struct kg_ce_event *)events->pdata[e])->path;
				for (guint i = 0; i < path->len; i++)
					if ((guint)((struct kg_ce_step *)path->pdata[i])->loc.line == line)
						return TRUE;
			}
		}
	}
	return FALSE;
}

void kg_annotated_html(const struct kg_annotated *in, GString *out)
{
	g_auto(GStrv) lines = lines_of(in->source);
	guint n_lines = g_strv_length(lines), at = 0;
	g_autoptr(GPtrArray) notes = notes_of(in, (int)n_lines);

	head(in, out);
	for (guint i = 0; i < n_lines; i++) {
		g_string_append_printf(out, "<div class=\"line%s\"><span class=\"no\">%u</span>", is_on_way(in, i + 1) ? " way" : "", i + 1);
		escape_html(lines[i], out);
		g_string_append(out, "</div>\n");
		for (; at < notes->len && ((struct note *)notes->pdata[at])->line <= (int)i + 1; at++)
			note_html(notes->pdata[at], out);
	}
	if (at < notes->len)
		g_string_append(out, "<div class=\"line\"><span class=\"no\"></span>of the program as a whole</div>\n");
	for (; at < notes->len; at++)
		note_html(notes->pdata[at], out);
	g_string_append(out, "</div>\n");
	if (in->proof->losses->len)
		g_string_append(out, "<p>Can be lost without a trace:</p>\n<ul>\n");
	for (guint i = 0; i < in->proof->losses->len; i++) {
		const struct kg_loss *loss = in->proof->losses->pdata[i];
		g_string_append(out, "<li>");
		escape_html(loss->what, out);
		if (loss->mend) {
			g_string_append(out, "; mend: ");
			escape_html(loss->mend, out);
		}
		g_string_append(out, "</li>\n");
	}
	g_string_append_printf(out, "%s</body></html>\n", in->proof->losses->len ? "</ul>\n" : "");
}
