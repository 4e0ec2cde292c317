/*
 * A verifier log, cut to what matters. It can be a million lines; the cause is near its end.
 *
 *   0: R1=ctx() R10=fp0                               state at the start (older: "0: R1=ctx(id=0,off=0,imm=0) R10=fp0")
 *   ; x = *p; @ prog.c:12                             source line, where the program carries BTF line information
 *   5: (79) r1 = *(u64 *)(r0 +0)      ; R0_w=scalar() R1_w=...     instruction, and since 5.18 the registers it changed
 *    R0=inv(id=0) R10=fp0                             older: registers on a line of their own
 *   from 5 to 9: R0=... / 9: safe / last_idx 5 first_idx 0 / regs=4 stack=0 before 4: ... / parent didn't have ...     bookkeeping
 *   R0 invalid mem access 'scalar'                    the reason: the first other line behind the last instruction
 *   processed 6 insns (limit 1000000) max_states_per_insn 0 ...
 *
 * Source: kernel/bpf/verifier.c and log.c of Linux 5.4 to 6.18.
 */
#include <kgent/load.h>
#include <kgent/text.h>

#include <string.h>

#define MAX_TEXT 500
#define TAIL_LINES 8

static gboolean starts(const struct kg_text_line *l, const char *prefix)
{
	gsize n = strlen(prefix);

	return l->len >= n && memcmp(l->s, prefix, n) == 0;
}

/* "12: (79) ...": an instruction. */
static gboolean parse_insn(const struct kg_text_line *l, int *ret_index)
{
	gsize i = 0;
	int v = 0;

	while (i < l->len && i < 8 && g_ascii_isdigit(l->s[i]))
		v = v * 10 + (l->s[i++] - '0');
	if (i == 0 || l->len - i < 6 || memcmp(l->s + i, ": (", 3) || !g_ascii_isxdigit(l->s[i + 3]) ||
	    !g_ascii_isxdigit(l->s[i + 4]) || l->s[i + 5] != ')')
		return FALSE;
	*ret_index = v;
	return TRUE;
}

/* "R1=ctx() R10=fp0", "R0_w=...", " R0=inv ...", "0: R1=...", "from 5 to 9: R0=...". */
static gboolean is_state(const struct kg_text_line *l)
{
	gsize i = 0;

	if (starts(l, "from "))
		return TRUE;
	while (i < l->len && (g_ascii_isdigit(l->s[i]) || l->s[i] == ':' || l->s[i] == ' '))
		i++;
	if (i >= l->len || l->s[i] != 'R' || i + 1 >= l->len || !g_ascii_isdigit(l->s[i + 1]))
		return starts(l, "fp-") || starts(l, " fp-") || starts(l, "frame");
	for (i++; i < l->len && g_ascii_isdigit(l->s[i]); i++)
		;
	return i < l->len && (l->s[i] == '=' || l->s[i] == '_');
}

static gboolean is_bookkeeping(const struct kg_text_line *l)
{
	static const char *const prefixes[] = {"last_idx", "regs=", "parent ", "mark_precise", "caller:", "callee:", "returning from",
					       "func#", "Func#", "cur state", "old state", "propagating", "stack depth",
					       "verification time", "old_st", "live regs", "Live regs"};

	for (guint i = 0; i < G_N_ELEMENTS(prefixes); i++)
		if (starts(l, prefixes[i]))
			return TRUE;
	return kg_text_line_has(l, ": safe") || kg_text_line_has(l, "didn't have regs=");
}

static char *harmless(const char *s, gsize len)
{
	GString *out = g_string_new(NULL);

	while (len && g_ascii_isspace(*s)) {
		s++;
		len--;
	}
	while (len && g_ascii_isspace(s[len - 1]))
		len--;
	kg_text_escape(s, (gssize)MIN(len, MAX_TEXT), out);
	return g_string_free(out, FALSE);
}

/* What the log's reasons mean to someone who wrote bpftrace, and what helps. Texts: kernel/bpf/verifier.c. */
static const struct {
	const char *reason;
	const char *plain;
} explanations[] = {
	{"infinite loop detected", "a loop has no end that the kernel can see; give it a fixed bound: unroll (N) { ... }, or a while that counts up to a constant"},
	{"back-edge from insn", "this kernel allows no loops; use unroll (N) { ... }"},
	{"BPF program is too large", "the program has too many paths for the verifier; use fewer nested conditions, shorter loops or shorter strings"},
	{"sequence of", "the program has too many branches in a row for the verifier"},
	{"combined stack size", "too much is kept on the 512-byte BPF stack; use shorter strings, fewer keys or a smaller BPFTRACE_STRLEN"},
	{"invalid indirect access to stack", "too much is kept on the 512-byte BPF stack, or a part of it is used before it was written"},
	{"invalid write to stack", "too much is kept on the 512-byte BPF stack; use shorter strings, fewer keys or a smaller BPFTRACE_STRLEN"},
	{"invalid stack", "too much is kept on the 512-byte BPF stack; use shorter strings, fewer keys or a smaller BPFTRACE_STRLEN"},
	{"invalid read from stack", "a value on the stack is read before it was written"},
	{"invalid bpf_context access", "the program reads an argument that this kind of attach point does not have"},
	{"dereference of modified ctx", "an array argument is indexed by a value that is not a constant"},
	{"variable ctx access", "an array argument is indexed by a value that is not a constant"},
	{"invalid mem access", "a pointer is used whose target the kernel can't vouch for"},
	{"cannot use helper", "the kernel does not allow this function at this kind of attach point"},
	{"unknown func", "the kernel does not have, or does not allow here, a function that the program calls"},
	{"unbounded min value", "an index has no bound that the kernel can see; compare it with a constant first"},
	{"unbounded memory access", "a length has no bound that the kernel can see; compare it with a constant first"},
	{"misaligned", "a value is read at an address that is not a multiple of its size"},
	{"Unreleased reference", "something that was acquired is not given back on every path"},
	{"unreachable insn", "a part of the program can never be reached"},
	{"R0 !read_ok", "a path of the program ends without a result"},
	{"!read_ok", "a value is used before it was set"},
};

static char *explain(const char *reason)
{
	for (guint i = 0; i < G_N_ELEMENTS(explanations); i++)
		if (strstr(reason, explanations[i].reason))
			return g_strdup(explanations[i].plain);
	return NULL;
}

/* The lines that matter; each borrowed from the log. */
struct cut {
	struct kg_text_line insn, reason, source, state, tail[TAIL_LINES];
	struct kg_text_line pending_source;
	int index;
	guint n_tail;
};

static void take_insn(struct cut *c, const struct kg_text_line *l, int index)
{
	const char *semi;

	/* registers behind the instruction before are the state that this one sees */
	if (c->insn.s) {
		semi = memmem(c->insn.s, c->insn.len, "; R", 3);
		if (semi)
			c->state = (struct kg_text_line){semi + 2, (gsize)(c->insn.s + c->insn.len - semi - 2)};
	}
	c->insn = *l;
	c->index = index;
	c->reason = (struct kg_text_line){0};
	if (c->pending_source.s)
		c->source = c->pending_source;
	c->pending_source = (struct kg_text_line){0};
}

static void take_line(struct cut *c, const struct kg_text_line *l)
{
	int index;

	if (starts(l, "processed "))
		return;
	if (parse_insn(l, &index))
		take_insn(c, l, index);
	else if (starts(l, "; "))
		c->pending_source = (struct kg_text_line){l->s + 2, l->len - 2};
	else if (is_state(l))
		c->state = *l;
	else if (!is_bookkeeping(l) && !c->reason.s && l->len)
		c->reason = *l;
}

static void add_tail(struct cut *c, const struct kg_text_line *l)
{
	if (l->len == 0)
		return;
	if (c->n_tail == TAIL_LINES) {
		memmove(c->tail, c->tail + 1, sizeof(c->tail[0]) * (TAIL_LINES - 1));
		c->n_tail--;
	}
	c->tail[c->n_tail++] = *l;
}

static char *join_tail(const struct cut *c)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < c->n_tail; i++) {
		g_autofree char *l = harmless(c->tail[i].s, c->tail[i].len);

		g_string_append_printf(out, "%s%s", i ? "\n" : "", l);
	}
	return g_string_free(out, FALSE);
}

static char *insn_text(const struct kg_text_line *l)
{
	const char *semi = memmem(l->s, l->len, "; ", 2);

	return harmless(l->s, semi ? (gsize)(semi - l->s) : l->len);
}

gboolean kg_verifier_log_parse(const char *log, gsize len, struct kg_verifier_finding *ret)
{
	struct cut c = {.index = -1};
	const char *s = log, *end = log + len;
	struct kg_text_line l;

	while (kg_text_next_line(&s, end, &l)) {
		take_line(&c, &l);
		add_tail(&c, &l);
	}
	*ret = (struct kg_verifier_finding){.insn_index = -1};
	ret->tail = join_tail(&c);
	if (c.insn.s) {
		ret->insn = insn_text(&c.insn);
		ret->insn_index = c.index;
	}
	if (c.source.s)
		ret->source = harmless(c.source.s, c.source.len);
	if (c.state.s)
		ret->state = harmless(c.state.s, c.state.len);
	if (!c.reason.s)
		return FALSE;
	ret->reason = harmless(c.reason.s, c.reason.len);
	ret->explanation = explain(ret->reason);
	return TRUE;
}

void kg_verifier_finding_clear(struct kg_verifier_finding *f)
{
	if (!f)
		return;
	g_clear_pointer(&f->reason, g_free);
	g_clear_pointer(&f->insn, g_free);
	g_clear_pointer(&f->source, g_free);
	g_clear_pointer(&f->state, g_free);
	g_clear_pointer(&f->tail, g_free);
	g_clear_pointer(&f->explanation, g_free);
}
