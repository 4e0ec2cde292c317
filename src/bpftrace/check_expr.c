/* Expressions: what kind of value each is, which names and fields exist, and big endian numbers. See check.h. */
#include "check.h"

#include <string.h>

/* ------------------------------------------------------------------ types */

static gboolean is_int_name(const char *t)
{
	static const char *const names[] = {
		"int", "unsigned int", "unsigned", "long", "unsigned long", "long int", "long unsigned int",
		"unsigned long int", "long long", "unsigned long long", "long long int", "long long unsigned int",
		"unsigned long long int", "short", "unsigned short", "short int", "short unsigned int",
		"unsigned short int", "signed char", "unsigned char", "char", "bool", "_Bool", "size_t", "ssize_t",
		"pid_t", "uid_t", "gid_t", "dev_t", "umode_t", "loff_t", "gfp_t", "sector_t", "uint8", "uint16",
		"uint32", "uint64", "int8", "int16", "int32", "int64", "uint8_t", "uint16_t", "uint32_t",
		"uint64_t", "int8_t", "int16_t", "int32_t", "int64_t", "u8", "u16", "u32", "u64", "s8", "s16",
		"s32", "s64", "__u8", "__u16", "__u32", "__u64", "__s8", "__s16", "__s32", "__s64", "__be16",
		"__be32", "__be64", "__le16", "__le32", "__le64", "signed", "signed int"
	};

	for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
		if (!strcmp(t, names[i]))
			return TRUE;
	return FALSE;
}

static gboolean is_big_endian(const char *t)
{
	return !strcmp(t, "__be16") || !strcmp(t, "__be32") || !strcmp(t, "__be64");
}

/* Without const and volatile, the base name of a C type, and how many stars are behind it. */
static char *base_of(const char *text, unsigned *stars, gboolean *is_array)
{
	GString *out = g_string_new(NULL);
	g_auto(GStrv) words = NULL;
	g_autofree char *copy = g_strdup(text);

	*stars = 0;
	*is_array = strchr(text, '[') != NULL;
	for (char *s = copy; *s; s++) {
		if (*s == '*')
			++*stars;
		if (*s == '[' || *s == '(') {
			*s = '\0';
			break;
		}
		if (*s == '*')
			*s = ' ';
	}
	words = g_strsplit(copy, " ", -1);
	for (char **w = words; *w; w++)
		if (**w && strcmp(*w, "const") && strcmp(*w, "volatile") && strcmp(*w, "restrict") &&
		    strcmp(*w, "__user"))
			g_string_append_printf(out, "%s%s", out->len ? " " : "", *w);
	return g_string_free(out, FALSE);
}

struct kg_bt_ty kg_bt_ty_of_c(struct kg_bt_check *c, const char *text, uint32_t size)
{
	unsigned stars;
	gboolean is_array;
	g_autofree char *base = base_of(text, &stars, &is_array);

	if (strchr(text, '('))
		return (struct kg_bt_ty){.kind = TY_UNKNOWN};
	if (is_array)
		return !stars && !strcmp(base, "char") ? (struct kg_bt_ty){.kind = TY_STRING} :
		       (struct kg_bt_ty){.kind = stars ? TY_UNKNOWN : TY_ARRAY, .c_name = kg_bt_keep(c, base)};
	if (stars)
		return (struct kg_bt_ty){.kind = TY_POINTER, .c_name = kg_bt_keep(c, base), .stars = stars};
	if (g_str_has_prefix(base, "struct ") || g_str_has_prefix(base, "union "))
		return (struct kg_bt_ty){.kind = TY_RECORD, .c_name = kg_bt_keep(c, base)};
	if (g_str_has_prefix(base, "enum "))
		return (struct kg_bt_ty){.kind = TY_INT, .is_enum = TRUE};
	if (is_int_name(base))
		return (struct kg_bt_ty){.kind = TY_INT,
					 .big_endian = is_big_endian(base),
					 .c_name = is_big_endian(base) ? kg_bt_keep(c, base) : NULL};
	return (struct kg_bt_ty){.kind = TY_UNKNOWN};
}

struct kg_bt_ty kg_bt_ty_of_node(struct kg_bt_check *c, const struct kg_bt_node *type)
{
	g_autofree char *text = kg_bt_type_text(type);

	if (!strcmp(type->text, "string") && !type->num)
		return (struct kg_bt_ty){.kind = TY_STRING};
	if (kg_bt_n_kids(type) && strcmp(type->text, "typeof"))
		return (struct kg_bt_ty){.kind = type->num ? TY_UNKNOWN : TY_ARRAY, .c_name = kg_bt_keep(c, type->text)};
	return kg_bt_ty_of_c(c, text, 0);
}

struct kg_bt_ty kg_bt_ty_of_field(struct kg_bt_check *c, const struct kg_field *f)
{
	struct kg_bt_ty ty;

	if (f->is_dynamic && f->is_string) /* __data_loc: the text's address, which str() reads */
		return (struct kg_bt_ty){.kind = TY_INT};
	if (!f->type || f->is_dynamic)
		return (struct kg_bt_ty){.kind = TY_UNKNOWN};
	if (f->is_string)
		return (struct kg_bt_ty){.kind = f->is_pointer ? TY_UNKNOWN : TY_STRING};
	if (strchr(f->type, '('))
		return (struct kg_bt_ty){.kind = TY_UNKNOWN};
	ty = kg_bt_ty_of_c(c, f->type, f->size);
	if (f->is_big_endian && ty.kind != TY_POINTER && ty.kind != TY_ARRAY)
		ty = (struct kg_bt_ty){.kind = TY_INT, .big_endian = TRUE, .c_name = kg_bt_keep(c, f->type)};
	return ty;
}

/* ------------------------------------------------------------- big endian */

void kg_bt_check_shown(struct kg_bt_check *c, const struct kg_bt_node *e, const struct kg_bt_ty *ty)
{
	g_autoptr(GString) text = g_string_new(NULL);
	struct kg_diag *d;

	if (!ty->big_endian)
		return;
	kg_bt_print_expr(e, text);
	d = kg_bt_say(c, KG_WARNING, "bytes", e->loc,
		      "%s (%s) is shown as the kernel keeps it (big endian), not in host byte order", text->str,
		      ty->c_name ? ty->c_name : "big endian");
	if (ty->c_name && !strcmp(ty->c_name, "__be32"))
		kg_bt_hint(d, "bswap(%s) for a number, ntop(%s) for an IPv4 address", text->str, text->str);
	else
		kg_bt_hint(d, "bswap(%s)", text->str);
}

static void check_compared(struct kg_bt_check *c, const struct kg_bt_node *e, const struct kg_bt_ty *a,
			   const struct kg_bt_ty *b, const struct kg_bt_node *other)
{
	g_autoptr(GString) text = g_string_new(NULL);

	if (!a->big_endian || b->big_endian || b->kind != TY_INT || (other->kind == KG_BT_INT && other->num == 0))
		return;
	kg_bt_print_expr(e, text);
	kg_bt_hint(kg_bt_say(c, KG_WARNING, "bytes", e->loc,
			     "%s (%s) is in big endian, and is compared with a number that is not", text->str,
			     a->c_name ? a->c_name : "big endian"),
		   "bswap(%s)", text->str);
}

/* ------------------------------------------------------------------ names */

/* Is some attach point of the probe of one of these kinds (bits)? TRUE also where that is not known. */
static gboolean any_attach(const struct kg_bt_check *c, unsigned long kinds)
{
	for (guint i = 0; c->probe && i < c->probe->attach->len; i++) {
		const struct kg_bt_attach *a = c->probe->attach->pdata[i];

		if (a->kind == KG_PROBE_NONE || (kinds >> a->kind) & 1)
			return TRUE;
	}
	return !c->probe;
}

#define KIND(k) (1UL << KG_PROBE_##k)

void kg_bt_check_needs_event(struct kg_bt_check *c, const struct kg_bt_node *e)
{
	static const char *const words[] = {"signal", "signal_thread", "override", "reg", "func", "ctx"};
	unsigned long none = KIND(BEGIN) | KIND(END) | (strcmp(e->text, "reg") && strcmp(e->text, "ctx") ? KIND(INTERVAL) : 0);

	for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
		if (!strcmp(words[i], e->text) && !any_attach(c, ~none))
			kg_bt_say(c, KG_ERROR, "types", e->loc, "%s can't be used in %s probes: there is no event", e->text,
				  kg_probe_info(((struct kg_bt_attach *)c->probe->attach->pdata[0])->kind)->name);
}

static struct kg_bt_ty check_builtin(struct kg_bt_check *c, const struct kg_bt_node *e)
{
	const struct kg_bt_builtin *b = kg_bt_builtin_find(e->text);
	unsigned long kinds = ~0UL;
	const char *where = NULL;

	kg_bt_check_needs_event(c, e);
	if (!strcmp(b->name, "arg0")) {
		kinds = KIND(KPROBE) | KIND(UPROBE) | KIND(USDT) | KIND(RAWTRACEPOINT) | KIND(WATCHPOINT) |
			KIND(ASYNCWATCHPOINT);
		where = "kprobe, uprobe, usdt and rawtracepoint probes";
	} else if (!strcmp(b->name, "sarg0")) {
		kinds = KIND(KPROBE) | KIND(UPROBE);
		where = "kprobe and uprobe probes";
	} else if (!strcmp(b->name, "args")) {
		kinds = KIND(TRACEPOINT) | KIND(RAWTRACEPOINT) | KIND(FENTRY) | KIND(FEXIT) | KIND(UPROBE);
		where = "tracepoint, fentry, fexit and uprobe probes";
	} else if (!strcmp(b->name, "retval")) {
		kinds = KIND(KRETPROBE) | KIND(URETPROBE) | KIND(FEXIT);
		where = "kretprobe, uretprobe and fexit probes";
	}
	if (where && !any_attach(c, kinds)) {
		const struct kg_bt_attach *a = c->probe->attach->pdata[0];

		kg_bt_hint(kg_bt_say(c, KG_ERROR, "types", e->loc, "%s is not known in a %s probe; it is in %s",
				     e->text, kg_probe_info(a->kind)->name, where),
			   strcmp(b->name, "arg0") || a->kind != KG_PROBE_TRACEPOINT ?
				   NULL :
				   "a tracepoint's fields are read with args->NAME");
	}
	if (!strcmp(b->name, "args"))
		return (struct kg_bt_ty){.kind = TY_ARGS};
	if (!strcmp(b->name, "curtask"))
		return (struct kg_bt_ty){.kind = TY_POINTER, .c_name = "struct task_struct", .stars = 1};
	if (!strcmp(b->result, "int"))
		return (struct kg_bt_ty){.kind = TY_INT};
	if (!strcmp(b->result, "string"))
		return (struct kg_bt_ty){.kind = TY_STRING};
	if (!strcmp(b->result, "stack"))
		return (struct kg_bt_ty){.kind = TY_STACK};
	return (struct kg_bt_ty){0};
}

/* An identifier that stands for itself: an enumerator or a macro, else it is a mistake. */
static struct kg_bt_ty check_name(struct kg_bt_check *c, const struct kg_bt_node *e)
{
	struct kg_diag *d;
	int64_t value;
	GPtrArray *names;
	const char *near;

	if (g_hash_table_contains(c->defines, e->text) || c->has_include || c->has_import || c->sub ||
	    !strcmp(e->text, "_") || !c->profile)
		return (struct kg_bt_ty){.kind = TY_UNKNOWN};
	if (kg_profile_enumerator(c->profile, e->text, &value) != -KG_E_NOTFOUND)
		return (struct kg_bt_ty){.kind = TY_UNKNOWN}; /* there, or no way to know */
	d = kg_bt_say(c, KG_ERROR, "types", e->loc, "'%s' is not known", e->text);
	if (!d)
		return (struct kg_bt_ty){0};
	names = g_ptr_array_new();
	for (const struct kg_bt_builtin *b = kg_bt_builtins; b->name; b++)
		g_ptr_array_add(names, (gpointer)b->name);
	g_ptr_array_add(names, NULL);
	near = kg_bt_near(e->text, (const char *const *)names->pdata);
	g_ptr_array_free(names, TRUE);
	if (!strcmp(e->text, "AF_INET") || !strcmp(e->text, "AF_INET6"))
		kg_bt_hint(d, "it is a macro of C: write %s, or #include <sys/socket.h> at the top",
			   strcmp(e->text, "AF_INET") ? "10" : "2");
	else if (kg_bt_var_find(c, e->text))
		kg_bt_hint(d, "did you mean $%s?", e->text);
	else if (near)
		kg_bt_hint(d, "did you mean %s?", near);
	else
		kg_bt_hint(d, "a macro of C needs an #include at the top, a string needs quotes");
	return (struct kg_bt_ty){0};
}

static struct kg_bt_ty check_var(struct kg_bt_check *c, const struct kg_bt_node *e)
{
	struct kg_bt_ty *ty = kg_bt_var_find(c, e->text);
	g_autoptr(GPtrArray) names = NULL;
	struct kg_diag *d;
	const char *near;

	if (ty)
		return *ty;
	if (g_hash_table_contains(c->gone, e->text)) {
		if (c->version && !kg_bt_older(c, 22))
			kg_bt_hint(kg_bt_say(c, KG_ERROR, "variables", e->loc,
					     "$%s ended with the block in which it was assigned (since bpftrace 0.22)",
					     e->text),
				   "declare it before the block: let $%s;", e->text);
		return (struct kg_bt_ty){0};
	}
	d = kg_bt_say(c, KG_ERROR, "variables", e->loc, "$%s is used before it is assigned", e->text);
	if (!d)
		return (struct kg_bt_ty){0};
	names = g_ptr_array_new();
	for (guint i = 0; i < c->scopes->len; i++) {
		GHashTableIter it;
		gpointer name;

		g_hash_table_iter_init(&it, c->scopes->pdata[i]);
		while (g_hash_table_iter_next(&it, &name, NULL))
			g_ptr_array_add(names, name);
	}
	g_ptr_array_add(names, NULL);
	near = kg_bt_near(e->text, (const char *const *)names->pdata);
	if (near)
		kg_bt_hint(d, "did you mean $%s?", near);
	else
		kg_bt_hint(d, "a variable lives in its probe only; between probes use a map: @%s[tid]", e->text);
	return (struct kg_bt_ty){0};
}

/* ---------------------------------------------------------------- members */

/* A struct of the program's own: its field's type. FALSE: no such field. */
static gboolean own_member(struct kg_bt_check *c, const struct kg_bt_node *record, guint from, const char *name,
			   struct kg_bt_ty *ret)
{
	for (guint i = from; i < kg_bt_n_kids(record); i++) {
		const struct kg_bt_node *f = kg_bt_kid(record, i);

		if (f->kind != KG_BT_FIELD)
			continue;
		if (!*f->text && own_member(c, f, 1, name, ret))
			return TRUE;
		if (!strcmp(f->text, name)) {
			*ret = kg_bt_n_kids(f) > 1 ? (struct kg_bt_ty){0} : kg_bt_ty_of_node(c, kg_bt_kid(f, 0));
			if (ret->kind == TY_ARRAY && !strcmp(kg_bt_kid(f, 0)->text, "char"))
				ret->kind = TY_STRING;
			return TRUE;
		}
	}
	return FALSE;
}

static struct kg_bt_ty record_member(struct kg_bt_check *c, const char *record, const struct kg_bt_node *e)
{
	const struct kg_bt_node *own = g_hash_table_lookup(c->structs, record);
	_cleanup_error_ struct kg_error err = {0};
	struct kg_bt_ty ty = {0};
	struct kg_field f;
	struct kg_diag *d;
	int r;

	if (own) {
		if (!own_member(c, own, 1, e->text, &ty))
			kg_bt_say(c, KG_ERROR, "types", e->loc, "%s has no field '%s' (it is defined on line %d)",
				  record, e->text, own->loc.line);
		return ty;
	}
	/* A type without a name ("union {...}" of struct in6_addr) can't be looked up by its name: the compiler knows its fields. */
	if (!c->profile || strchr(record, '{'))
		return ty;
	r = kg_profile_member(c->profile, record, e->text, &f, &err);
	if (r == 0)
		return kg_bt_ty_of_field(c, &f);
	if (r != -KG_E_NOTFOUND || c->has_kernel_include || (c->has_include && !kg_profile_members(c->profile, record)))
		return ty;
	if (kg_profile_members(c->profile, record))
		d = kg_bt_say(c, KG_ERROR, "types", e->loc, "%s has no field '%s' on this kernel", record, e->text);
	else
		d = kg_bt_say(c, KG_ERROR, "types", e->loc, "this kernel has no %s with fields", record);
	if (err.hint)
		kg_bt_hint(d, "%s", err.hint);
	return ty;
}

/* The field of one attach point; what is found is added to *ty unless that is known. */
static void hold_field(struct kg_bt_check *c, const struct kg_bt_node *e, enum kg_probe_kind kind, const char *raw,
		       const char *target, struct kg_bt_ty *ty)
{
	const GPtrArray *fields = *target ? kg_profile_fields(c->profile, kind, target) : NULL;
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	struct kg_diag *d;
	const char *near;

	for (guint k = 0; fields && k < fields->len; k++) {
		const struct kg_field *f = fields->pdata[k];

		g_ptr_array_add(names, (gpointer)f->name);
		if (f->name && !strcmp(f->name, e->text)) {
			if (ty->kind == TY_UNKNOWN)
				*ty = kg_bt_ty_of_field(c, f);
			return;
		}
	}
	if (!fields || !(d = kg_bt_say(c, KG_ERROR, "types", e->loc, "%s has no field '%s'", raw, e->text)))
		return;
	near = kg_nearest(e->text, names);
	g_ptr_array_add(names, NULL);
	if (near) {
		kg_bt_hint(d, "did you mean %s?", near);
	} else if (names->len > 1) {
		g_autofree char *all = g_strjoinv(", ", (char **)names->pdata);

		kg_bt_hint(d, "it has %s", all);
	} else {
		kg_bt_hint(d, "it has no fields");
	}
}

#define MAX_EXPANDED 100

/* bpftrace compiles a wildcard's block for each tracepoint: each must have the field. */
static void hold_wildcard(struct kg_bt_check *c, const struct kg_bt_node *e, const struct kg_bt_attach *a,
			  struct kg_bt_ty *ty)
{
	g_autoptr(GPtrArray) found = NULL;

	if (a->kind != KG_PROBE_TRACEPOINT || c->quiet)
		return;
	found = kg_profile_match(c->profile, a->kind, a->target, MAX_EXPANDED);
	for (guint i = 0; found && i < found->len; i++) {
		g_autofree char *raw = g_strdup_printf("tracepoint:%s", (char *)found->pdata[i]);
		unsigned before = c->diags->len;

		hold_field(c, e, a->kind, raw, found->pdata[i], ty);
		if (c->diags->len > before) /* one of them is enough to say */
			return;
	}
}

/* args->x: held against every attach point of the probe. */
static struct kg_bt_ty args_member(struct kg_bt_check *c, const struct kg_bt_node *e)
{
	struct kg_bt_ty ty = {0};

	for (guint i = 0; c->profile && c->probe && i < c->probe->attach->len; i++) {
		const struct kg_bt_attach *a = c->probe->attach->pdata[i];

		if (a->kind == KG_PROBE_RAWTRACEPOINT || a->kind == KG_PROBE_NONE)
			continue;
		if (a->is_wildcard)
			hold_wildcard(c, e, a, &ty);
		else
			hold_field(c, e, a->kind, a->raw, a->target, &ty);
	}
	return ty;
}

static struct kg_bt_ty check_member(struct kg_bt_check *c, const struct kg_bt_node *e)
{
	struct kg_bt_ty of = kg_bt_check_expr(c, kg_bt_kid(e, 0));

	if (of.kind == TY_ARGS)
		return args_member(c, e);
	if (g_ascii_isdigit(e->text[0])) {
		if (of.kind == TY_INT || of.kind == TY_STRING)
			kg_bt_say(c, KG_ERROR, "types", e->loc, "only a tuple has an element .%s, and this is %s",
				  e->text, of.kind == TY_INT ? "a number" : "a string");
		else if (of.kind == TY_TUPLE && of.n && g_ascii_strtoull(e->text, NULL, 10) >= of.n)
			kg_bt_say(c, KG_ERROR, "types", e->loc, "this tuple has %u elements, .0 to .%u", of.n, of.n - 1);
		return (struct kg_bt_ty){0};
	}
	if (of.kind == TY_POINTER && of.stars == 1 && e->op == KG_BT_DOT && kg_bt_older(c, 22))
		kg_bt_hint(kg_bt_say(c, KG_ERROR, "types", e->loc,
				     "this is a pointer to %s, and its fields are read with ->", of.c_name),
			   "write ->%s", e->text);
	if ((of.kind == TY_POINTER && of.stars == 1) || of.kind == TY_RECORD)
		return g_str_has_prefix(of.c_name, "struct ") || g_str_has_prefix(of.c_name, "union ") ?
			       record_member(c, of.c_name, e) :
			       (struct kg_bt_ty){0};
	if ((of.kind == TY_INT || of.kind == TY_STRING) && !of.is_enum && e->op == KG_BT_ARROW) {
		g_autoptr(GString) text = g_string_new(NULL);

		kg_bt_print_expr(kg_bt_kid(e, 0), text);
		kg_bt_hint(kg_bt_say(c, KG_ERROR, "types", e->loc, "%s is %s, and has no field '%s'", text->str,
				     of.kind == TY_INT ? "a number" : "a string", e->text),
			   of.kind == TY_INT ? "tell its type: ((struct NAME *)%s)->%s" : NULL, text->str, e->text);
	}
	return (struct kg_bt_ty){0};
}

/* -------------------------------------------------------------- operators */

static const char *kind_words(const struct kg_bt_ty *ty)
{
	return ty->kind == TY_STRING ? "a string" : "a number";
}

/* !p, p && q: before 0.23 pointers had no truth value. */
static void check_logic(struct kg_bt_check *c, const struct kg_bt_node *e, const struct kg_bt_ty *ty)
{
	if (ty->kind == TY_POINTER && kg_bt_older(c, 23) && (e->op == KG_BT_NOT || e->op == KG_BT_LAND || e->op == KG_BT_LOR))
		kg_bt_hint(kg_bt_say(c, KG_ERROR, "version", e->loc, "bpftrace before 0.23 has no %s for pointers",
				     kg_bt_op_text(e->op)),
			   "compare the pointer with 0: != 0");
}

void kg_bt_check_condition(struct kg_bt_check *c, const struct kg_bt_node *e, gboolean is_predicate)
{
	struct kg_bt_ty ty = kg_bt_check_expr(c, e);

	if (ty.kind == TY_STRING && (!c->version || kg_bt_older(c, 24)))
		kg_bt_hint(kg_bt_say(c, KG_ERROR, "types", e->loc, "a string is no condition"),
			   "compare it with something: != \"\"");
	else if (ty.kind == TY_POINTER && kg_bt_older(c, 23) && !is_predicate)
		kg_bt_hint(kg_bt_say(c, KG_ERROR, "version", e->loc,
				     "bpftrace before 0.23 takes no pointer as a condition"),
			   "compare it with 0: != 0");
	else if (ty.kind == TY_AGG && kg_bt_older(c, 21))
		kg_bt_say(c, KG_ERROR, "version", e->loc, "bpftrace before 0.21 can't read what %s() keeps", ty.agg);
}

/* Operators that strings do not have: all but == and !=, and what newer releases cast to a truth value. */
static void check_strings(struct kg_bt_check *c, const struct kg_bt_node *e, const struct kg_bt_ty *ty)
{
	if (ty->kind == TY_STRING && e->op != KG_BT_EQ && e->op != KG_BT_NE && e->op != KG_BT_LAND &&
	    e->op != KG_BT_LOR && e->op != KG_BT_NOT)
		kg_bt_say(c, KG_ERROR, "types", e->loc, "strings have no operator %s", kg_bt_op_text(e->op));
}

static struct kg_bt_ty check_binary(struct kg_bt_check *c, const struct kg_bt_node *e)
{
	const struct kg_bt_node *left = kg_bt_kid(e, 0), *right = kg_bt_kid(e, 1);
	struct kg_bt_ty a = kg_bt_check_expr(c, left), b = kg_bt_check_expr(c, right);
	gboolean is_compare = e->op >= KG_BT_LT && e->op <= KG_BT_NE;
	gboolean is_arithmetic = e->op <= KG_BT_SHR || (e->op >= KG_BT_BAND && e->op <= KG_BT_BOR);

	if ((is_compare || is_arithmetic) &&
	    ((a.kind == TY_STRING && b.kind == TY_INT) || (a.kind == TY_INT && b.kind == TY_STRING)))
		kg_bt_hint(kg_bt_say(c, KG_ERROR, "types", e->loc, "%s is %s with %s", kind_words(&a),
				     is_compare ? "compared" : "combined", kind_words(&b)),
			   "%s",
			   (a.kind == TY_INT ? left : right)->kind == KG_BT_INT ? "a string needs quotes" :
										  "compare values of one kind");
	else if (a.kind == TY_STRING && b.kind == TY_STRING)
		check_strings(c, e, &a);
	if ((a.kind == TY_AGG || b.kind == TY_AGG) && kg_bt_older(c, 21))
		kg_bt_say(c, KG_ERROR, "version", e->loc, "bpftrace before 0.21 can't read what %s() keeps",
			  a.kind == TY_AGG ? a.agg : b.agg);
	check_logic(c, e, a.kind == TY_POINTER ? &a : &b);
	if (is_compare) {
		check_compared(c, left, &a, &b, right);
		check_compared(c, right, &b, &a, left);
	}
	if (a.kind == TY_POINTER && (e->op == KG_BT_PLUS || e->op == KG_BT_MINUS))
		return a;
	if (is_arithmetic &&
	    (a.kind == TY_UNKNOWN || b.kind == TY_UNKNOWN || a.kind == TY_POINTER || b.kind == TY_POINTER))
		return (struct kg_bt_ty){0};
	return (struct kg_bt_ty){.kind = TY_INT};
}

static struct kg_bt_ty check_unary(struct kg_bt_check *c, const struct kg_bt_node *e)
{
	const struct kg_bt_node *of = kg_bt_kid(e, 0);
	struct kg_bt_ty ty;

	if ((e->op == KG_BT_INC || e->op == KG_BT_DEC) && of->kind == KG_BT_MAP) {
		ty = (struct kg_bt_ty){.kind = TY_INT};
		kg_bt_map_assign(c, of, &ty);
		return ty;
	}
	ty = kg_bt_check_expr(c, of);
	check_strings(c, e, &ty);
	check_logic(c, e, &ty);
	if (e->op == KG_BT_NOT)
		return (struct kg_bt_ty){.kind = TY_INT};
	if (e->op == KG_BT_DEREF && ty.kind == TY_POINTER && ty.c_name) {
		if (ty.stars > 1) {
			ty.stars--;
			return ty;
		}
		return kg_bt_ty_of_c(c, ty.c_name, 0);
	}
	if (e->op == KG_BT_DEREF || e->op == KG_BT_ADDR)
		return (struct kg_bt_ty){0};
	ty.big_endian = FALSE;
	return ty;
}

static struct kg_bt_ty check_cast(struct kg_bt_check *c, const struct kg_bt_node *e)
{
	struct kg_bt_ty of = kg_bt_check_expr(c, kg_bt_kid(e, 1)), to = kg_bt_ty_of_node(c, kg_bt_kid(e, 0));

	if (to.kind == TY_INT && !to.big_endian && of.big_endian) {
		to.big_endian = TRUE; /* a cast moves no bytes */
		to.c_name = of.c_name;
	}
	return to;
}

static struct kg_bt_ty check_ternary(struct kg_bt_check *c, const struct kg_bt_node *e)
{
	struct kg_bt_ty a, b;

	kg_bt_check_condition(c, kg_bt_kid(e, 0), FALSE);
	a = kg_bt_check_expr(c, kg_bt_kid(e, 1));
	b = kg_bt_check_expr(c, kg_bt_kid(e, 2));
	a.is_literal = FALSE;
	if (kg_bt_ty_clash(&a, &b) && a.kind != TY_AGG && b.kind != TY_AGG)
		kg_bt_say(c, KG_ERROR, "types", e->loc, "the two values of '?' are %s and %s", kg_bt_ty_words(&a),
			  kg_bt_ty_words(&b));
	return a.kind == b.kind ? a : (struct kg_bt_ty){0};
}

static struct kg_bt_ty check_kids(struct kg_bt_check *c, const struct kg_bt_node *e, enum kg_bt_ty_kind kind)
{
	for (guint i = 0; i < kg_bt_n_kids(e); i++)
		kg_bt_check_expr(c, kg_bt_kid(e, i));
	return (struct kg_bt_ty){.kind = kind};
}

static struct kg_bt_ty check_tuple(struct kg_bt_check *c, const struct kg_bt_node *e)
{
	struct kg_bt_ty ty = check_kids(c, e, TY_TUPLE);

	ty.n = kg_bt_n_kids(e);
	return ty;
}

static struct kg_bt_ty check_index(struct kg_bt_check *c, const struct kg_bt_node *e)
{
	struct kg_bt_ty of = kg_bt_check_expr(c, kg_bt_kid(e, 0));

	for (guint i = 1; i < kg_bt_n_kids(e); i++)
		kg_bt_check_expr(c, kg_bt_kid(e, i));
	if (of.kind == TY_STRING && kg_bt_older(c, 20))
		kg_bt_say(c, KG_ERROR, "types", e->loc, "only arrays and pointers have an index, and this is a string");
	if (of.kind == TY_ARRAY && of.c_name)
		return kg_bt_ty_of_c(c, of.c_name, 0);
	if (of.kind == TY_POINTER && of.stars == 1 && of.c_name)
		return kg_bt_ty_of_c(c, of.c_name, 0);
	return (struct kg_bt_ty){0};
}

struct kg_bt_ty kg_bt_check_expr(struct kg_bt_check *c, const struct kg_bt_node *e)
{
	switch (e->kind) {
	case KG_BT_INT: return (struct kg_bt_ty){.kind = TY_INT, .is_literal = TRUE};
	case KG_BT_BOOL: case KG_BT_PARAM_N: return (struct kg_bt_ty){.kind = TY_INT};
	case KG_BT_STRING: return (struct kg_bt_ty){.kind = TY_STRING};
	case KG_BT_BUILTIN: return check_builtin(c, e);
	case KG_BT_NAME: return check_name(c, e);
	case KG_BT_VAR: return check_var(c, e);
	case KG_BT_MAP: return kg_bt_map_value(c, e, TRUE);
	case KG_BT_CALL: return kg_bt_check_call(c, e, FALSE);
	case KG_BT_MEMBER: return check_member(c, e);
	case KG_BT_INDEX: return check_index(c, e);
	case KG_BT_UNARY: case KG_BT_POSTFIX: return check_unary(c, e);
	case KG_BT_BINARY: return check_binary(c, e);
	case KG_BT_TERNARY: return check_ternary(c, e);
	case KG_BT_CAST: return check_cast(c, e);
	case KG_BT_TUPLE: return check_tuple(c, e);
	case KG_BT_SIZEOF: case KG_BT_OFFSETOF: return (struct kg_bt_ty){.kind = TY_INT};
	case KG_BT_BLOCK_EXPR: kg_bt_check_block(c, e); return (struct kg_bt_ty){0};
	case KG_BT_IF_EXPR: return check_kids(c, e, TY_UNKNOWN);
	case KG_BT_COMPTIME: return kg_bt_check_expr(c, kg_bt_kid(e, 0));
	default: return (struct kg_bt_ty){0};
	}
}
