/*
 * bpftrace's messages, as findings.
 *
 *   ERROR: Unknown error -1: couldn't set RLIMIT_MEMLOCK for bpftrace. ...      harmless, always there where limits are low
 *   /dev/fd/3:2:6-12: ERROR: Unknown function: nosuch                           line 2, columns 6 to 11
 *       @ = nosuch(1); $a = 1;                                                  the line, tabs widened
 *           ~~~~~~
 *   /dev/fd/3:1-3: ERROR: printf: %d specifier expects ...                      lines 1 to 3, no excerpt
 *   definitions.h:3:2: error: unknown type name 'bogus'                         clang, about a file that bpftrace made up
 *   FATAL: Invalid probe type made it to attachpoint parser                     and then abort()
 *   HINT: ...                                                                   newer versions: belongs to the message before
 *   perf_event_open failed: No such file or directory                           libbcc: the cause of the ERROR line behind it
 *
 * Read from bpftrace 0.17 (columns count from 1, the end is excluded). An excerpt repeats text of the program, which could look like a message
 * itself: it is skipped by its shape, two lines of which the second is a row of "~".
 */
#include <kgent/bpftrace_tool.h>
#include <kgent/text.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define MAX_DIAGS 200
#define MAX_LINE 2000

/* Lines that say nothing about the program. */
static const char *const harmless[] = {
	"couldn't set RLIMIT_MEMLOCK",
	"WARNING: Addrspace is not set",
	"Log: cannot resolve location before calling set_source()",
	"INFO: node count:",
	"WARNING: Could not read symbols from /sys/kernel/",
};

static gboolean is_harmless(const struct kg_text_line *l)
{
	for (guint i = 0; i < G_N_ELEMENTS(harmless); i++)
		if (kg_text_line_has(l, harmless[i]))
			return TRUE;
	return FALSE;
}

/* A row of "~" under an excerpt. */
static gboolean is_underline(const struct kg_text_line *l)
{
	gboolean seen = FALSE;

	for (gsize i = 0; i < l->len; i++) {
		if (l->s[i] == '~')
			seen = TRUE;
		else if (l->s[i] != ' ' || seen)
			return FALSE;
	}
	return seen;
}

/* The severity word at the start of [s], and where the text behind it begins; NULL when there is none. */
static const char *severity_at(const char *s, const char *end, enum kg_severity *ret)
{
	static const struct {
		const char *word;
		enum kg_severity severity;
	} words[] = {
		{"ERROR: ", KG_ERROR}, {"FATAL: ", KG_ERROR}, {"WARNING: ", KG_WARNING}, {"error: ", KG_ERROR},
		{"fatal error: ", KG_ERROR}, {"warning: ", KG_WARNING}, {"BUG: ", KG_ERROR},
	};

	for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
		gsize n = strlen(words[i].word);

		if ((gsize)(end - s) >= n && memcmp(s, words[i].word, n) == 0) {
			*ret = words[i].severity;
			return s + n;
		}
	}
	return NULL;
}

static const char *number(const char *s, const char *end, int *ret)
{
	int v = 0, n = 0;

	for (; s < end && g_ascii_isdigit(*s) && n < 8; s++, n++)
		v = v * 10 + (*s - '0');
	if (n == 0 || (s < end && g_ascii_isdigit(*s)))
		return NULL;
	*ret = v;
	return s;
}

/* ":LINE:COL-COL: ", ":LINE:COL: " or ":LINE-LINE: " at [s]; NULL when it is none of them. */
static const char *place_at(const char *s, const char *end, struct kg_loc *loc)
{
	int line, second = 0;
	struct kg_loc l = {0};

	if (s >= end || *s != ':' || !(s = number(s + 1, end, &line)))
		return NULL;
	l.line = line;
	if (s < end && *s == '-') {
		s = number(s + 1, end, &second);
	} else if (s < end && *s == ':' && s + 1 < end && g_ascii_isdigit(s[1])) {
		s = number(s + 1, end, &l.col);
		if (s && s < end && *s == '-' && (s = number(s + 1, end, &second)))
			l.len = MAX(0, second - l.col);
	}
	if (!s || end - s < 2 || s[0] != ':' || s[1] != ' ')
		return NULL;
	*loc = l;
	return s + 2;
}

/* The whole of a message line; FALSE when it is not one. */
static gboolean parse(const struct kg_text_line *l, enum kg_severity *severity, struct kg_loc *loc, const char **text, gboolean *is_clang)
{
	const char *end = l->s + l->len, *s, *t;

	*loc = (struct kg_loc){0};
	*is_clang = FALSE;
	*text = severity_at(l->s, end, severity);
	if (*text)
		return TRUE;
	for (s = l->s; s < end; s++) {
		if (*s != ':' || !(t = place_at(s, end, loc)))
			continue;
		*text = severity_at(t, end, severity);
		if (!*text)
			continue;
		/* bpftrace writes its own in capitals; clang's places are in headers */
		*is_clang = g_ascii_islower(*t);
		return TRUE;
	}
	return FALSE;
}

static gboolean is_repeated(const GPtrArray *diags, guint from, const char *msg, struct kg_loc loc)
{
	for (guint i = from; i < diags->len; i++) {
		const struct kg_diag *d = g_ptr_array_index(diags, i);

		if (d->loc.line == loc.line && d->loc.col == loc.col && g_str_equal(d->msg, msg))
			return TRUE;
	}
	return FALSE;
}

static void add(GPtrArray *diags, guint from, const char *check, const struct kg_text_line *l, enum kg_severity severity, struct kg_loc loc,
		const char *text, gboolean is_clang)
{
	g_autoptr(GString) msg = g_string_new(NULL);
	gsize len = (gsize)(l->s + l->len - text);

	if (is_clang) {
		loc = (struct kg_loc){0};
		text = l->s;
		len = l->len;
	}
	kg_text_escape(text, (gssize)MIN(len, MAX_LINE), msg);
	if (diags->len - from < MAX_DIAGS && !is_repeated(diags, from, msg->str, loc))
		kg_diag_add(diags, severity, check, loc, "%s", msg->str);
}

static void add_hint(GPtrArray *diags, guint from, const struct kg_text_line *l, gsize skip)
{
	g_autoptr(GString) hint = g_string_new(NULL);

	if (diags->len == from)
		return;
	kg_text_escape(l->s + skip, (gssize)MIN(l->len - skip, MAX_LINE), hint);
	kg_diag_hint(g_ptr_array_index(diags, diags->len - 1), "%s", hint->str);
}

/* After a message with columns: step over the excerpt when there is one. */
static void skip_excerpt(const char **s, const char *end)
{
	const char *t = *s;
	struct kg_text_line excerpt, under;

	if (kg_text_next_line(&t, end, &excerpt) && kg_text_next_line(&t, end, &under) && is_underline(&under))
		*s = t;
}

void kg_bpftrace_parse_messages(const char *text, gsize len, const char *check, GPtrArray *diags)
{
	const char *s = text, *end = text + len;
	guint from = diags->len;
	struct kg_text_line l, before = {0};

	while (kg_text_next_line(&s, end, &l)) {
		enum kg_severity severity;
		struct kg_loc loc;
		const char *msg;
		gboolean is_clang;

		if (is_harmless(&l))
			continue;
		if (l.len >= 6 && memcmp(l.s, "HINT: ", 6) == 0) {
			add_hint(diags, from, &l, strlen("HINT: "));
			continue;
		}
		if (!parse(&l, &severity, &loc, &msg, &is_clang)) {
			before = l;
			continue;
		}
		add(diags, from, check, &l, severity, loc, msg, is_clang);
		if (loc.line && !is_clang)
			skip_excerpt(&s, end);
		else if (!loc.line && before.len && before.len < 200)
			add_hint(diags, from, &before, 0);
		before = (struct kg_text_line){0};
	}
}

/* The list of traceable functions can exist and yet refuse to be read, even to root. */
static gboolean can_read_functions(void)
{
	static const char *const paths[] = {"/sys/kernel/tracing/available_filter_functions",
					    "/sys/kernel/debug/tracing/available_filter_functions"};

	for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
		int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
		char c;
		gboolean ok = fd >= 0 && read(fd, &c, 1) == 1;

		if (fd >= 0)
			close(fd);
		if (ok)
			return TRUE;
	}
	return FALSE;
}

/* "is not traceable" is read off a list of functions; where that list can't be read, bpftrace says it of every function. */
static gboolean is_addrspace(const struct kg_diag *d)
{
	return d->severity == KG_WARNING && strstr(d->msg, "Addrspace mismatch");
}

void kg_bpftrace_drop_baseless(GPtrArray *diags)
{
	/* 0.17 says this of every comparison of a text of the program with a literal; both are copies by then */
	for (guint i = diags->len; i-- > 0;)
		if (is_addrspace(g_ptr_array_index(diags, i)))
			g_ptr_array_remove_index(diags, i);
	if (can_read_functions())
		return;
	for (guint i = diags->len; i-- > 0;) {
		const struct kg_diag *d = g_ptr_array_index(diags, i);

		if (d->severity == KG_WARNING && strstr(d->msg, " is not traceable (either non-existing"))
			g_ptr_array_remove_index(diags, i);
	}
}
