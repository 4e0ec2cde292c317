/*
 * The shipped examples as files: data/corpus/NAME.yaml, one case a YAML document (docs/memory.md has all keys):
 *
 *   request: which processes open which files
 *   also:
 *     - show every file that is opened, and by whom
 *   needs: [tracepoint]
 *   tags: [files]
 *   program: |
 *     tracepoint:syscalls:sys_enter_openat { ... }
 *
 * libyaml composes a document whose nodes know where they stand, so that a mistake is told with its line, and the sections of others
 * (contract, trial) can be cut out of the text as they stand.
 */
#include "internal.h"

#include <kgent/paths.h>

#include <string.h>
#include <yaml.h>

#define MAX_FILE (1 << 20)
#define MAX_FILES 20000

struct reading {
	const char *file;
	const char *text;
	yaml_document_t *doc;
	struct kg_error *err;
};

struct kg_corpus_case *kg_corpus_case_free(struct kg_corpus_case *c)
{
	if (!c)
		return NULL;
	char *const owned[] = {c->name, c->file, c->request, c->program, c->language, c->about, c->verdict, c->reason, c->contract, c->trial, c->hash};

	for (gsize i = 0; i < G_N_ELEMENTS(owned); i++)
		g_free(owned[i]);
	GPtrArray *const lists[] = {c->also, c->needs, c->tags};
	for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
		if (lists[i])
			g_ptr_array_unref(lists[i]);
	g_free(c);
	return NULL;
}

static void case_destroy(gpointer c)
{
	kg_corpus_case_free(c);
}

static int line_of(const yaml_node_t *node)
{
	return (int)node->start_mark.line + 1;
}

static int wrong(const struct reading *r, const yaml_node_t *node, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
static int wrong(const struct reading *r, const yaml_node_t *node, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	g_autofree char *what = g_strdup_vprintf(fmt, args);
	va_end(args);
	return kg_error_set(r->err, KG_E_PARSE, "corpus", "%s:%d: %s", r->file, line_of(node), what);
}

static int read_text(const struct reading *r, const char *key, yaml_node_t *node, char **ret)
{
	if (node->type != YAML_SCALAR_NODE)
		return wrong(r, node, "%s is a text", key);
	if (strlen((const char *)node->data.scalar.value) != node->data.scalar.length)
		return wrong(r, node, "%s has a NUL byte in it", key);
	*ret = g_strdup((const char *)node->data.scalar.value);
	return 0;
}

static int read_line(const struct reading *r, const char *key, yaml_node_t *node, char **ret)
{
	int code = read_text(r, key, node, ret);

	if (code)
		return code;
	g_strstrip(*ret);
	if (!**ret)
		return wrong(r, node, "%s is empty", key);
	return strpbrk(*ret, "\n\r") ? wrong(r, node, "%s is one line", key) : 0;
}

static int read_program(const struct reading *r, const char *key, yaml_node_t *node, char **ret)
{
	int code = read_text(r, key, node, ret);

	if (code)
		return code;
	g_autofree char *stripped = g_strstrip(g_strdup(*ret));
	return *stripped ? 0 : wrong(r, node, "program is empty");
}

/* A list of lines, or a single one. */
static int read_list(const struct reading *r, const char *key, yaml_node_t *node, GPtrArray *list)
{
	char *line = NULL;
	int code = 0;

	if (node->type == YAML_SCALAR_NODE) {
		code = read_line(r, key, node, &line);
		g_ptr_array_add(list, line);
		return code;
	}
	if (node->type != YAML_SEQUENCE_NODE)
		return wrong(r, node, "%s is a list of texts", key);
	for (yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top && !code; item++) {
		line = NULL;
		code = read_line(r, key, yaml_document_get_node(r->doc, *item), &line);
		g_ptr_array_add(list, line);
	}
	return code;
}

/* libyaml counts characters. */
static const char *at_mark(const struct reading *r, const yaml_mark_t *mark)
{
	return g_utf8_offset_to_pointer(r->text, (glong)mark->index);
}

/* A section as it stands in the file, from the beginning of its first line where nothing but space is before it. */
static void cut_section(const struct reading *r, const yaml_node_t *node, char **ret, int *ret_line)
{
	const char *begin = at_mark(r, &node->start_mark), *end = at_mark(r, &node->end_mark), *line = begin;

	while (line > r->text && (line[-1] == ' ' || line[-1] == '\t'))
		line--;
	if (line == r->text || line[-1] == '\n')
		begin = line;
	g_free(*ret);
	*ret = g_strndup(begin, (gsize)(end - begin));
	*ret_line = line_of(node);
}

static int read_key(const struct reading *r, const char *key, yaml_node_t *node, struct kg_corpus_case *c)
{
	const struct {
		const char *key;
		char **line;
	} lines[] = {{"name", &c->name}, {"request", &c->request}, {"language", &c->language}, {"about", &c->about},
		     {"verdict", &c->verdict}, {"reason", &c->reason}};
	const struct {
		const char *key;
		GPtrArray *list;
	} lists[] = {{"also", c->also}, {"needs", c->needs}, {"tags", c->tags}};

	for (gsize i = 0; i < G_N_ELEMENTS(lines); i++)
		if (!strcmp(key, lines[i].key)) {
			g_clear_pointer(lines[i].line, g_free);
			return read_line(r, key, node, lines[i].line);
		}
	for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
		if (!strcmp(key, lists[i].key))
			return read_list(r, key, node, lists[i].list);
	if (!strcmp(key, "program"))
		return read_program(r, key, node, &c->program);
	if (!strcmp(key, "contract"))
		cut_section(r, node, &c->contract, &c->contract_line);
	else if (!strcmp(key, "trial"))
		cut_section(r, node, &c->trial, &c->trial_line);
	else
		return wrong(r, node, "there is no key %s in a case", key);
	return 0;
}

static int read_keys(const struct reading *r, yaml_node_t *map, struct kg_corpus_case *c)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	int code = 0;

	for (yaml_node_pair_t *pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top && !code; pair++) {
		yaml_node_t *key = yaml_document_get_node(r->doc, pair->key), *value = yaml_document_get_node(r->doc, pair->value);
		g_autofree char *name = NULL;
		code = read_line(r, "a key", key, &name);
		if (code)
			return code;
		if (g_hash_table_contains(seen, name))
			return wrong(r, key, "%s is there twice", name);
		code = read_key(r, name, value, c);
		g_hash_table_add(seen, g_steal_pointer(&name));
	}
	return code;
}

static int check_case(const struct reading *r, const yaml_node_t *map, const struct kg_corpus_case *c)
{
	if (!c->request)
		return wrong(r, map, "a case has a request");
	if (!c->program)
		return wrong(r, map, "a case has a program");
	if (strlen(c->request) > MAX_PROMPT || strlen(c->program) > MAX_PROGRAM)
		return wrong(r, map, "the request or the program is too long");
	if (!c->verdict != !c->reason)
		return wrong(r, map, "verdict and reason come together: an example of how it is not done");
	if (c->verdict && strcmp(c->verdict, "rejected") && strcmp(c->verdict, "refuted"))
		return wrong(r, map, "verdict is rejected or refuted, or left out");
	return 0;
}

static void add_to_hash(GChecksum *sum, const char *text)
{
	g_checksum_update(sum, (const guchar *)(text ?: ""), (gssize)strlen(text ?: "") + 1);
}

static char *make_hash(const struct kg_corpus_case *c)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	const char *const texts[] = {c->request, c->program, c->language, c->verdict, c->reason};

	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
		add_to_hash(sum, texts[i]);
	for (guint i = 0; i < c->also->len; i++)
		add_to_hash(sum, c->also->pdata[i]);
	return g_strdup(g_checksum_get_string(sum));
}

static struct kg_corpus_case *new_case(const char *file, int line)
{
	struct kg_corpus_case *c = g_new0(struct kg_corpus_case, 1);

	c->file = g_strdup(file);
	c->line = line;
	c->also = g_ptr_array_new_with_free_func(g_free);
	c->needs = g_ptr_array_new_with_free_func(g_free);
	c->tags = g_ptr_array_new_with_free_func(g_free);
	return c;
}

/* The file's name, with the number of the document from the second on. */
static char *default_name(const char *file, guint number)
{
	g_autofree char *base = g_path_get_basename(file);

	if (g_str_has_suffix(base, ".yaml"))
		base[strlen(base) - strlen(".yaml")] = '\0';
	return number ? g_strdup_printf("%s-%u", base, number + 1) : g_strdup(base);
}

static int read_case(const struct reading *r, yaml_node_t *root, GPtrArray *cases)
{
	struct kg_corpus_case *c = new_case(r->file, line_of(root));
	int code = root->type == YAML_MAPPING_NODE ? read_keys(r, root, c) : wrong(r, root, "a case is a map with request and program");

	if (!code)
		code = check_case(r, root, c);
	if (code) {
		kg_corpus_case_free(c);
		return code;
	}
	if (!c->name)
		c->name = default_name(r->file, cases->len);
	if (!c->language)
		c->language = g_strdup("bpftrace");
	c->hash = make_hash(c);
	g_ptr_array_add(cases, c);
	return 0;
}

static int read_documents(struct reading *r, yaml_parser_t *parser, GPtrArray *cases)
{
	yaml_document_t doc;
	int code = 0;

	while (!code) {
		if (!yaml_parser_load(parser, &doc))
			return kg_error_set(r->err, KG_E_PARSE, "corpus", "%s:%zu: not YAML: %s", r->file, parser->problem_mark.line + 1,
					    parser->problem ? parser->problem : "unreadable");
		yaml_node_t *root = yaml_document_get_root_node(&doc);
		r->doc = &doc;
		if (root && !(root->type == YAML_SCALAR_NODE && !root->data.scalar.length))
			code = read_case(r, root, cases);
		yaml_document_delete(&doc);
		if (!root)
			break;
	}
	return code;
}

int kg_corpus_parse(const char *file, const char *text, gsize len, GPtrArray **ret, struct kg_error *err)
{
	_cleanup_error_ struct kg_error own = {0};
	g_autoptr(GPtrArray) cases = g_ptr_array_new_with_free_func(case_destroy);
	struct reading r = {.file = file, .text = text, .err = &own};
	yaml_parser_t parser;
	int code = 0;

	/* UTF-8 without a mark, so that positions are those of the text. */
	if (len > MAX_FILE)
		code = kg_error_set(&own, KG_E_LIMIT, "corpus", "%s is longer than %d KiB", file, MAX_FILE >> 10);
	else if (!g_utf8_validate(text, (gssize)len, NULL) || g_str_has_prefix(text, "\xef\xbb\xbf"))
		code = kg_error_set(&own, KG_E_PARSE, "corpus", "%s: not plain UTF-8", file);
	else if (!yaml_parser_initialize(&parser))
		code = kg_error_set(&own, KG_E_NOMEM, "corpus", "out of memory");
	if (code)
		return memory_tell(code, &own, err);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	code = read_documents(&r, &parser, cases);
	yaml_parser_delete(&parser);
	if (!code)
		*ret = g_steal_pointer(&cases);
	return memory_tell(code, &own, err);
}

/* ---------------------------------------------------------------- folders */

static int compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int list_files(const char *dir, GPtrArray *paths, struct kg_error *err)
{
	g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);
	const char *name;

	if (!d)
		return kg_error_set(err, KG_E_IO, "corpus", "%s can't be read", dir);
	while ((name = g_dir_read_name(d)))
		if (g_str_has_suffix(name, ".yaml") && *name != '.')
			g_ptr_array_add(paths, g_build_filename(dir, name, NULL));
	if (paths->len > MAX_FILES)
		return kg_error_set(err, KG_E_LIMIT, "corpus", "%s has more than %d files", dir, MAX_FILES);
	g_ptr_array_sort(paths, compare_names);
	return 0;
}

static void take(GPtrArray *all, GHashTable *by_name, GPtrArray *cases)
{
	while (cases->len) {
		struct kg_corpus_case *c = g_ptr_array_steal_index(cases, 0), *old = g_hash_table_lookup(by_name, c->name);
		g_hash_table_replace(by_name, c->name, c);
		if (old)
			g_ptr_array_remove(all, old);
		g_ptr_array_add(all, c);
	}
}

static int read_dir(const char *dir, GPtrArray *all, GHashTable *by_name, struct kg_error *err)
{
	g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
	int code = list_files(dir, paths, err);

	for (guint i = 0; i < paths->len && !code; i++) {
		g_autofree char *text = NULL;
		g_autoptr(GPtrArray) cases = NULL;
		g_autoptr(GError) why = NULL;
		gsize len;
		if (!g_file_get_contents(paths->pdata[i], &text, &len, &why))
			return kg_error_set(err, KG_E_IO, "corpus", "%s", why->message);
		code = kg_corpus_parse(paths->pdata[i], text, len, &cases, err);
		if (!code)
			take(all, by_name, cases);
	}
	return code;
}

int kg_corpus_open(const char *const *dirs, GPtrArray **ret, struct kg_error *err)
{
	_cleanup_error_ struct kg_error own = {0};
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(case_destroy);
	g_autoptr(GHashTable) by_name = g_hash_table_new(g_str_hash, g_str_equal);
	g_auto(GStrv) shipped = dirs ? NULL : kg_paths_data("corpus");
	int code = 0;

	for (const char *const *dir = dirs ?: (const char *const *)shipped; *dir && !code; dir++)
		code = read_dir(*dir, all, by_name, &own);
	if (!code)
		*ret = g_steal_pointer(&all);
	return memory_tell(code, &own, err);
}
