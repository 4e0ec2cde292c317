/* Calls: does the function exist, how many arguments, may it stand there; and printf's format against its arguments. */
#include "check.h"

#include <string.h>

static struct kg_bt_ty result_of(struct kg_bt_check *c, const struct kg_bt_function *f)
{
	if (f->flags & KG_BT_F_AGGREGATE)
		return (struct kg_bt_ty){.kind = TY_AGG, .agg = f->name};
	if (!strcmp(f->result, "none"))
		return (struct kg_bt_ty){.kind = TY_NONE};
	if (!strcmp(f->result, "int"))
		return (struct kg_bt_ty){.kind = TY_INT};
	if (!strcmp(f->result, "string"))
		return (struct kg_bt_ty){.kind = TY_STRING};
	if (!strcmp(f->result, "stack"))
		return (struct kg_bt_ty){.kind = TY_STACK};
	if (!strcmp(f->result, "buffer"))
		return (struct kg_bt_ty){.kind = TY_OTHER};
	return (struct kg_bt_ty){0};
}

static void unknown_function(struct kg_bt_check *c, const struct kg_bt_node *call)
{
	g_autoptr(GPtrArray) names = NULL;
	struct kg_loc loc = call->loc;
	const char *near;
	struct kg_diag *d;

	loc.len = (int)strlen(call->text);
	if (!(d = kg_bt_say(c, KG_ERROR, "types", loc, "there is no function %s()", call->text)))
		return;
	names = g_ptr_array_new();
	for (const struct kg_bt_function *f = kg_bt_functions; f->name; f++)
		g_ptr_array_add(names, (gpointer)f->name);
	for (guint i = 0; i < c->program->subs->len; i++)
		g_ptr_array_add(names, ((struct kg_bt_node *)c->program->subs->pdata[i])->text);
	g_ptr_array_add(names, NULL);
	near = kg_bt_near(call->text, (const char *const *)names->pdata);
	if (kg_bt_builtin_find(call->text))
		kg_bt_hint(d, "%s is a value, and is written without brackets", call->text);
	else if (!strcmp(call->text, "ntohs") || !strcmp(call->text, "ntohl") || !strcmp(call->text, "htons") ||
		 !strcmp(call->text, "htonl"))
		kg_bt_hint(d, "use bswap()");
	else if (near)
		kg_bt_hint(d, "did you mean %s()?", near);
}

/* ---------------------------------------------------------------- formats */

/*
 * One conversion at s (behind the '%'): its letter, 'r' for %r %rx %rh, 'g' for %gr. [len] bytes are taken. '\0': none that
 * bpftrace knows.
 */
static char conversion(const char *s, gsize *len)
{
	gsize i = strspn(s, "-+ #0");

	i += strspn(s + i, "0123456789");
	if (s[i] == '.')
		i += 1 + strspn(s + i + 1, "0123456789");
	i += strspn(s + i, "hljzt");
	*len = i + 1;
	if (s[i] == 'r') {
		if (s[i + 1] == 'x' || s[i + 1] == 'h')
			++*len;
		return 'r';
	}
	if (s[i] == 'g' && s[i + 1] == 'r') {
		++*len;
		return 'g';
	}
	return s[i] && strchr("diuxXopcs%", s[i]) ? s[i] : '\0';
}

static void check_conversion(struct kg_bt_check *c, const char *name, char conv, const struct kg_bt_node *arg,
			     const struct kg_bt_ty *ty)
{
	g_autoptr(GString) text = g_string_new(NULL);

	kg_bt_print_expr(arg, text);
	if (conv == 's' && ty->kind == TY_INT && !ty->is_enum)
		kg_bt_hint(kg_bt_say(c, KG_ERROR, "types", arg->loc, "%s's %%s needs a string, and %s is a number",
				     name, text->str),
			   ty->is_literal ? "show it with %%d; %s is no address" :
					    "show it with %%d, or read the string it points to with str(%s)",
			   text->str);
	else if (strchr("diuxXoc", conv) && ty->kind == TY_STACK)
		kg_bt_hint(kg_bt_say(c, KG_ERROR, "types", arg->loc, "%s's %%%c needs a number, and this is a stack",
				     name, conv),
			   "show it with %%s");
	else if (strchr("diuxXoc", conv) && ty->kind == TY_STRING)
		kg_bt_hint(kg_bt_say(c, KG_ERROR, "types", arg->loc, "%s's %%%c needs a number, and %s is a string",
				     name, conv, text->str),
			   "show it with %%s");
	else if (conv == 's' && ty->kind == TY_POINTER)
		kg_bt_hint(kg_bt_say(c, KG_ERROR, "types", arg->loc, "%s's %%s needs a string, and %s is a pointer",
				     name, text->str),
			   "read the string with str(%s)", text->str);
	else if (ty->kind == TY_AGG && kg_bt_older(c, 21))
		kg_bt_hint(kg_bt_say(c, KG_ERROR, "version", arg->loc,
				     "bpftrace before 0.21 can't read what %s() keeps; it is shown with print()",
				     ty->agg),
			   "print(@%s)", arg->kind == KG_BT_MAP ? arg->text : "");
}

static void unknown_conversion(struct kg_bt_check *c, const struct kg_bt_node *call, const char *s, gsize *len)
{
	g_autofree char *bad = g_strndup(s, *len);

	*len = MIN(*len, strlen(s));
	if (*s && g_ascii_isalpha(bad[strlen(bad) - 1]))
		kg_bt_hint(kg_bt_say(c, KG_WARNING, "types", kg_bt_kid(call, 0)->loc,
				     "%s() does not know %%%s, and prints it as it is", call->text, bad),
			   "a percent sign is written %%%%");
}

static void check_format(struct kg_bt_check *c, const struct kg_bt_node *call, const struct kg_bt_ty *types)
{
	const struct kg_bt_node *format = kg_bt_kid(call, 0);
	guint n = 0, given = kg_bt_n_kids(call) - 1;
	gsize len;

	if (format->kind != KG_BT_STRING) {
		if (format->kind == KG_BT_VAR || format->kind == KG_BT_MAP || format->kind == KG_BT_BUILTIN ||
		    format->kind == KG_BT_INT || format->kind == KG_BT_MEMBER)
			kg_bt_hint(kg_bt_say(c, KG_ERROR, "types", format->loc,
					     "%s() needs a string in quotes as its format", call->text),
				   "%s(\"...\\n\", ...)", call->text);
		return;
	}
	for (const char *s = format->text; (s = strchr(s, '%')); s += len) {
		char conv = conversion(++s, &len);

		if (conv == '%')
			continue;
		if (!conv) { /* bpftrace takes it for text, and it takes no value */
			unknown_conversion(c, call, s, &len);
			continue;
		}
		n++;
		if (n <= given)
			check_conversion(c, call->text, conv, kg_bt_kid(call, n), &types[n]);
	}
	if (n != given)
		kg_bt_say(c, KG_ERROR, "types", call->loc, "the format of %s() wants %u value%s, and %u %s given",
			  call->text, n, n == 1 ? "" : "s", given, given == 1 ? "is" : "are");
}

/* ------------------------------------------------------------------ calls */

static gboolean is_map_function(const char *name)
{
	return !strcmp(name, "clear") || !strcmp(name, "zero") || !strcmp(name, "delete") || !strcmp(name, "has_key") ||
	       !strcmp(name, "print") || !strcmp(name, "len") || !strcmp(name, "find");
}

/* The first argument of a map function. TRUE: it was dealt with. */
static gboolean check_map_argument(struct kg_bt_check *c, const struct kg_bt_node *call, const struct kg_bt_node *arg)
{
	gboolean must = !strcmp(call->text, "clear") || !strcmp(call->text, "zero"),
		 is_delete = !strcmp(call->text, "delete");

	if (arg->kind != KG_BT_MAP) {
		if (must || is_delete || !strcmp(call->text, "has_key"))
			if (arg->kind == KG_BT_INT || arg->kind == KG_BT_STRING || arg->kind == KG_BT_VAR ||
			    arg->kind == KG_BT_BUILTIN)
				kg_bt_say(c, KG_ERROR, "maps", arg->loc, "%s() needs a map", call->text);
		return FALSE;
	}
	if (kg_bt_n_kids(arg)) {
		if (must)
			kg_bt_hint(kg_bt_say(c, KG_ERROR, "maps", arg->loc, "%s() takes a whole map, without a key",
					     call->text),
				   "%s(@%s); one key is removed with delete(@%s[key])", call->text, arg->text,
				   arg->text);
		return FALSE;
	}
	kg_bt_map_whole(c, arg, TRUE);
	if (is_delete && kg_bt_n_kids(call) == 1) {
		struct kg_bt_map_info *info = kg_bt_map_get(c, arg->text);

		if (info->n_keys > 0)
			kg_bt_hint(kg_bt_say(c, KG_ERROR, "maps", arg->loc,
					     "delete() needs the key that is to be removed"),
				   "delete(@%s[key]); the whole map is emptied with clear(@%s)", arg->text, arg->text);
	}
	return TRUE;
}

/* kstack(perf, 3), nsecs(monotonic): words that stand for themselves. */
static gboolean takes_words(const char *name)
{
	return !strcmp(name, "kstack") || !strcmp(name, "ustack") || !strcmp(name, "nsecs") || !strcmp(name, "pid") ||
	       !strcmp(name, "tid") || !strcmp(name, "tseries");
}

static void check_place(struct kg_bt_check *c, const struct kg_bt_node *call, const struct kg_bt_function *f,
			gboolean is_map_value)
{
	int n = (int)kg_bt_n_kids(call);
	g_autofree char *want = NULL;

	if ((f->flags & KG_BT_F_AGGREGATE) && !is_map_value)
		kg_bt_hint(kg_bt_say(c, KG_ERROR, "types", call->loc,
				     "%s() can only be assigned to a map, and to nothing else", f->name),
			   "@name = %s(...); or by key: @name[key] = %s(...)", f->name, f->name);
	if (n >= f->min_args && (f->max_args < 0 || n <= f->max_args))
		return;
	if (f->min_args == f->max_args)
		want = g_strdup_printf("%d argument%s", f->min_args, f->min_args == 1 ? "" : "s");
	else if (f->max_args < 0)
		want = g_strdup_printf("at least %d argument%s", f->min_args, f->min_args == 1 ? "" : "s");
	else
		want = g_strdup_printf("%d to %d arguments", f->min_args, f->max_args);
	kg_bt_say(c, KG_ERROR, "types", call->loc, "%s() takes %s, and %d %s given", f->name, want, n,
		  n == 1 ? "is" : "are");
}

static gboolean is_shown_by(const struct kg_bt_function *f, guint arg)
{
	if ((f->flags & KG_BT_F_FORMAT) && !(f->flags & KG_BT_F_CHANGES))
		return arg > 0;
	return !strcmp(f->name, "print") || (f->flags & KG_BT_F_AGGREGATE && arg == 0 && strcmp(f->name, "count"));
}

/* User macros and subprograms: maps that are given to them may be assigned there. */
static struct kg_bt_ty check_own(struct kg_bt_check *c, const struct kg_bt_node *call)
{
	for (guint i = 0; i < kg_bt_n_kids(call); i++) {
		const struct kg_bt_node *arg = kg_bt_kid(call, i);

		if (arg->kind == KG_BT_MAP && !kg_bt_n_kids(arg))
			kg_bt_map_get(c, arg->text)->is_assigned = TRUE;
		else if (arg->kind != KG_BT_TYPE && arg->kind != KG_BT_NAME)
			kg_bt_check_expr(c, arg);
	}
	return (struct kg_bt_ty){0};
}

struct kg_bt_ty kg_bt_check_call(struct kg_bt_check *c, const struct kg_bt_node *call, gboolean is_map_value)
{
	const struct kg_bt_function *f = kg_bt_function_find(call->text);
	guint n = kg_bt_n_kids(call);
	g_autofree struct kg_bt_ty *types = g_new0(struct kg_bt_ty, n + 1);

	if (g_hash_table_contains(c->defines, call->text))
		return check_own(c, call);
	if (!f) {
		if (!c->has_import && !c->sub)
			unknown_function(c, call);
		return check_own(c, call);
	}
	check_place(c, call, f, is_map_value);
	kg_bt_check_needs_event(c, call);
	for (guint i = 0; i < n; i++) {
		const struct kg_bt_node *arg = kg_bt_kid(call, i);

		if (i == 0 && is_map_function(f->name) && check_map_argument(c, call, arg))
			continue;
		if (arg->kind == KG_BT_TYPE || (arg->kind == KG_BT_NAME && takes_words(f->name)))
			continue;
		if (arg->kind == KG_BT_VAR && !strcmp(f->name, "find") && i == 2)
			continue;
		types[i] = kg_bt_check_expr(c, arg);
		if (is_shown_by(f, i))
			kg_bt_check_shown(c, arg, &types[i]);
		if ((f->flags & KG_BT_F_AGGREGATE) && types[i].kind == TY_STRING)
			kg_bt_say(c, KG_ERROR, "types", arg->loc, "%s() needs a number, and this is a string", f->name);
	}
	if (!strcmp(f->name, "print") && n > 1 && kg_bt_kid(call, 0)->kind != KG_BT_MAP &&
	    kg_bt_kid(call, 0)->kind != KG_BT_NAME)
		kg_bt_say(c, KG_ERROR, "types", call->loc,
			  "print() of something that is no map takes 1 argument, and %u are given", n);
	if (!strcmp(f->name, "str") && n && types[0].kind == TY_STRING && kg_bt_older(c, 20))
		kg_bt_hint(kg_bt_say(c, KG_ERROR, "types", kg_bt_kid(call, 0)->loc,
				     "str() needs an address, and this is a string already"),
			   "leave str() out");
	if ((f->flags & KG_BT_F_FORMAT) && n)
		check_format(c, call, types);
	return result_of(c, f);
}
