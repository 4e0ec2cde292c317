/*
 * kgent disasm: the instructions that a compiler really made, of a bpftrace program (compiled here) or of an object file, as the kernel's verifier
 * prints them, with source lines and names of maps.
 */
#include "cli.h"
#include "files.h"
#include "options.h"
#include "show.h"

#include <kgent/build.h>
#include <kgent/object.h>
#include <kgent/text.h>

#include <jansson.h>
#include <string.h>

#define MAX_BYTES (64u << 20)

const struct kg_option kg_disasm_options[] = {
	{"profile", 0, "DIR", "relocate and size for this kernel profile instead of the running kernel"},
	{NULL},
};

struct disasm_args {
	const char *file;
	const char *profile;
};

static int parse_args(int argc, char **argv, struct disasm_args *args, struct kg_error *err)
{
	struct kg_option_walk walk = {.table = kg_disasm_options, .argc = argc, .argv = argv, .at = 1};
	const struct kg_option *option;
	enum kg_option_found found;

	while ((found = kg_option_next(&walk, &option, err)) != KG_OPTION_END) {
		if (found == KG_OPTION_WRONG)
			return -KG_E_INVAL;
		if (found == KG_OPTION_OPTION)
			args->profile = walk.value;
		else if (args->file)
			return kg_error_set(err, KG_E_INVAL, "options", "disasm takes one file");
		else
			args->file = walk.value;
	}
	return 0;
}

/* --- showing --- */

static void show_maps(const struct kg_object *o, GString *out)
{
	for (guint i = 0; i < o->maps->len; i++) {
		const struct kg_map *m = o->maps->pdata[i];
		const char *type = kg_map_type_name(m->type);

		g_string_append_printf(out, "map[%u] ", i);
		kg_text_escape(*m->name ? m->name : "?", -1, out);
		g_string_append_printf(out, "  %s", type ? type : "type not known");
		if (m->key_size)
			g_string_append_printf(out, ", key %u", m->key_size);
		if (m->value_size)
			g_string_append_printf(out, ", value %u bytes", m->value_size);
		if (m->max_entries)
			g_string_append_printf(out, ", at most %u", m->max_entries);
		g_string_append(out, m->is_constant ? ", constant\n" : "\n");
	}
	if (o->maps->len)
		g_string_append_c(out, '\n');
}

static void show_text(const struct kg_object *o, GString *out)
{
	show_maps(o, out);
	for (guint i = 0; i < o->programs->len; i++) {
		const struct kg_bpf_program *p = o->programs->pdata[i];

		if (i)
			g_string_append_c(out, '\n');
		kg_text_escape(p->attach, -1, out);
		if (!o->is_bpftrace) {
			g_string_append(out, "  ");
			kg_text_escape(p->name, -1, out);
		}
		g_string_append_printf(out, "  (%u instructions)\n", p->n_insns);
		kg_object_print(o, i, out);
	}
}

static json_t *text_json(const char *s)
{
	g_autofree char *valid = s ? g_utf8_make_valid(s, -1) : NULL;

	return valid ? json_string(valid) : json_null();
}

static json_t *maps_json(const struct kg_object *o)
{
	json_t *all = json_array();

	for (guint i = 0; i < o->maps->len; i++) {
		const struct kg_map *m = o->maps->pdata[i];

		json_array_append_new(all, json_pack("{s:o, s:o, s:I, s:I, s:I, s:b}", "name", text_json(m->name), "type",
						     text_json(kg_map_type_name(m->type)), "key_size", (json_int_t)m->key_size, "value_size",
						     (json_int_t)m->value_size, "max_entries", (json_int_t)m->max_entries, "constant",
						     m->is_constant));
	}
	return all;
}

static json_t *instructions_json(const struct kg_object *o, guint program)
{
	const struct kg_bpf_program *p = o->programs->pdata[program];
	json_t *all = json_array();
	guint line = 0;

	for (guint pc = 0, next; pc < p->n_insns; pc = next) {
		g_autoptr(GString) text = g_string_new(NULL);
		json_t *one;

		next = kg_object_print_at(o, program, pc, text);
		one = json_pack("{s:I, s:i, s:o}", "pc", (json_int_t)pc, "opcode", (int)p->insns[pc].code, "text", text_json(text->str));
		for (; line < p->lines->len && g_array_index(p->lines, struct kg_insn_line, line).pc <= pc; line++) {
			const struct kg_insn_line *l = &g_array_index(p->lines, struct kg_insn_line, line);

			json_object_set_new(one, "file", text_json(l->file));
			json_object_set_new(one, "line", json_integer(l->line));
			json_object_set_new(one, "source", text_json(l->text));
		}
		json_array_append_new(all, one);
	}
	return all;
}

/* One line, of type "disassembly": docs/json.md. */
static void show_json(const struct kg_object *o, const char *file, GString *out)
{
	json_t *programs = json_array();

	for (guint i = 0; i < o->programs->len; i++) {
		const struct kg_bpf_program *p = o->programs->pdata[i];

		json_array_append_new(programs, json_pack("{s:o, s:o, s:o, s:o}", "name", text_json(p->name), "section", text_json(p->section),
							  "attach", text_json(p->attach), "instructions", instructions_json(o, i)));
	}
	json_t *answer = json_pack("{s:s, s:o, s:s, s:o, s:o, s:i}", "type", "disassembly", "file", text_json(file), "compiler",
				   o->is_bpftrace ? "bpftrace" : "clang", "maps", maps_json(o), "programs", programs, "exit", KG_EXIT_OK);
	char *text = json_dumps(answer, JSON_COMPACT);

	g_string_append(out, text ? text : "{}");
	g_string_append_c(out, '\n');
	free(text);
	json_decref(answer);
}

/* --- reading --- */

static int show_wrong_program(const struct kg_cli *cli, const struct disasm_args *args, const char *text, const struct kg_build_result *res)
{
	g_autoptr(GString) out = g_string_new(NULL);

	kg_show_findings(res->diags, kg_cli_file_name(args->file), text, cli->color_err, out);
	kg_cli_err(out->str);
	return KG_EXIT_NOT_VERIFIED;
}

/* Compile; 0 with the object's file, an exit code, or an error. */
static int build(const struct kg_cli *cli, const struct disasm_args *args, const char *text, const struct kg_bpftrace *tool,
		 struct kg_profile *profile, GBytes **ret, struct kg_error *err)
{
	struct kg_build_result res = {0};
	int r = kg_build(text, &(struct kg_build_opts){.tool = tool, .allow_unsafe = TRUE, .profile = profile}, &res, err);

	if (r == 0 && res.outcome == KG_BUILD_NOT_CHECKED) {
		r = kg_error_set(err, KG_E_TOOL, "build", "%s", res.why);
		g_autofree char *again = res.mend && g_str_has_prefix(res.mend, "sudo kgent ...") ? kg_cli_sudo(cli) : g_strdup(res.mend);

		if (again)
			kg_error_hint(err, "%s", again);
	} else if (r == 0 && res.outcome == KG_BUILD_FAILED) {
		r = show_wrong_program(cli, args, text, &res);
	} else if (r == 0) {
		*ret = g_bytes_ref(res.object);
	}
	kg_build_result_clear(&res);
	return r;
}

/* The object, and for bpftrace's the names of its maps from the text. */
static int read_program(const struct kg_cli *cli, const struct disasm_args *args, const char *text, gsize len, struct kg_profile *profile,
			struct kg_object **ret, struct kg_error *err)
{
	g_autoptr(GPtrArray) diags = kg_diags_new();
	g_autoptr(GBytes) elf = NULL;
	struct kg_bpftrace tool = {0};
	struct kg_bt_program *program = NULL;
	_cleanup_error_ struct kg_error unnamed = {0};
	int r = kg_bpftrace_find(&tool, err);

	if (!r)
		r = build(cli, args, text, &tool, profile, &elf, err);
	if (!r)
		r = kg_object_read(elf, profile, ret, err);
	if (!r && kg_bt_parse(text, len, diags, &program) == 0 && kg_object_bpftrace(*ret, program, &tool, NULL, profile, &unnamed) < 0)
		kg_cli_note(cli, "the maps have no names: %s", unnamed.msg);
	kg_bt_free(program);
	kg_bpftrace_clear(&tool);
	return r;
}

static int disassemble(const struct kg_cli *cli, const struct disasm_args *args, const char *data, gsize len, struct kg_error *err)
{
	gboolean is_object = len >= 4 && !memcmp(data, "\177ELF", 4);
	struct kg_object *object = NULL;
	struct kg_profile *profile = NULL;
	g_autoptr(GString) out = g_string_new(NULL);
	int r = kg_cli_profile(cli, args->profile, &profile, err);

	if (r < 0 && args->profile)
		return r;
	kg_error_clear(err);
	if (is_object) {
		g_autoptr(GBytes) elf = g_bytes_new(data, len);

		r = kg_object_read(elf, profile, &object, err);
	} else {
		r = read_program(cli, args, data, len, profile, &object, err);
	}
	if (r == 0) {
		if (cli->json)
			show_json(object, kg_cli_file_name(args->file), out);
		else
			show_text(object, out);
		r = kg_cli_out(out->str) ? KG_EXIT_OK : KG_EXIT_OUTPUT;
	}
	kg_object_free(object);
	kg_profile_free(profile);
	return r;
}

int kg_cmd_disasm(const struct kg_cli *cli, int argc, char **argv)
{
	_cleanup_error_ struct kg_error err = {0};
	struct disasm_args args = {0};
	g_autofree char *data = NULL;
	gsize len = 0;

	if (parse_args(argc, argv, &args, &err))
		return kg_cli_usage(cli, "disasm", &err);
	int code = kg_cli_read(args.file, MAX_BYTES, &data, &len, &err);
	if (!code)
		code = disassemble(cli, &args, data, len, &err);
	if (code >= 0)
		return code;
	kg_cli_error(cli, &err);
	return kg_cli_exit(&err);
}
