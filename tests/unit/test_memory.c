/*
 * The memory: what goes in is found, merged, forgotten and carried over; and whatever is wrong with its file, nothing of it is lost.
 * Each test has a folder of its own.
 */
#include "../../src/memory/internal.h"

#include <glib/gstdio.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char *dir;  /* the test's folder */
static char *file; /* the memory's in it */

static void remove_all(const char *path)
{
	const char *const argv[] = {"rm", "-rf", path, NULL};

	g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
}

static int set_up(void **state)
{
	(void)state;
	dir = g_dir_make_tmp("kgent-memory-XXXXXX", NULL);
	file = g_build_filename(dir, "kgent", "memory.db", NULL);
	g_setenv("XDG_DATA_HOME", dir, TRUE);
	g_unsetenv("KGENT_MEMORY");
	return dir ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	remove_all(dir);
	g_free(dir);
	g_free(file);
	return 0;
}

static struct kg_memory *open_with(const struct kg_memory_opts *opts)
{
	_cleanup_error_ struct kg_error err = {0};
	struct kg_memory *m = NULL;

	if (kg_memory_open(opts, &m, &err))
		print_error("%s\n", err.msg);
	assert_non_null(m);
	return m;
}

static struct kg_memory *open_empty(void)
{
	struct kg_memory_opts opts = {.path = file, .corpus_dir = ""};

	return open_with(&opts);
}

static void learn(struct kg_memory *m, const char *prompt, const char *program, const char *verdict, const char *kernel, const char *reason)
{
	struct kg_memory_pair pair = {.prompt = (char *)prompt, .program = (char *)program, .verdict = (char *)verdict, .kernel = (char *)kernel,
				      .reason = (char *)reason};
	_cleanup_error_ struct kg_error err = {0};

	if (kg_memory_learn(m, &pair, &err))
		print_error("%s\n", err.msg);
	assert_int_equal(err.code, 0);
}

static GPtrArray *list(struct kg_memory *m, const struct kg_memory_query *q)
{
	GPtrArray *pairs = NULL;

	assert_int_equal(kg_memory_list(m, q, &pairs, NULL), 0);
	return pairs;
}

static gint64 id_of(struct kg_memory *m, const char *program)
{
	g_autoptr(GPtrArray) pairs = list(m, NULL);

	for (guint i = 0; i < pairs->len; i++) {
		const struct kg_memory_pair *pair = pairs->pdata[i];
		if (g_str_has_prefix(pair->program, program))
			return pair->id;
	}
	return 0;
}

static guint n_pairs(struct kg_memory *m)
{
	g_autoptr(GPtrArray) pairs = list(m, NULL);

	return pairs->len;
}

static gint64 number(struct kg_memory *m, const char *sql)
{
	_cleanup_error_ struct kg_error err = {0};
	sqlite3_stmt *st = NULL;

	assert_int_equal(sqlite3_prepare_v2(m->db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	gint64 n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

/* Pairs, wordings, words, vectors and outcomes all fit together, and the file is sound. */
static void assert_whole(struct kg_memory *m)
{
	struct kg_memory_stats stats = {0};

	assert_int_equal(number(m, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check != 'ok'"), 0);
	assert_int_equal(sqlite3_exec(m->db, "INSERT INTO words (words, rank) VALUES ('integrity-check', 1)", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(number(m, "SELECT count(*) FROM wording WHERE pair NOT IN (SELECT id FROM pair)"), 0);
	assert_int_equal(number(m, "SELECT count(*) FROM outcome WHERE pair NOT IN (SELECT id FROM pair)"), 0);
	assert_int_equal(number(m, "SELECT count(*) FROM pair WHERE id NOT IN (SELECT pair FROM wording)"), 0);
	assert_int_equal(number(m, "SELECT count(*) FROM pair JOIN wording ON wording.pair = pair.id WHERE wording.class != pair.class"), 0);
	/* A search gives a vector to what has none yet. */
	GPtrArray *hits = NULL;
	assert_int_equal(kg_memory_search(m, "anything", NULL, &hits, NULL), 0);
	g_ptr_array_unref(hits);
	assert_int_equal(kg_memory_stats(m, &stats, NULL), 0);
	assert_int_equal(stats.n_vectors, stats.n_wordings);
	kg_memory_stats_clear(&stats);
}

static GPtrArray *search(struct kg_memory *m, const char *query, const struct kg_memory_query *q)
{
	GPtrArray *hits = NULL;

	assert_int_equal(kg_memory_search(m, query, q, &hits, NULL), 0);
	return hits;
}

static const char *first_program(const GPtrArray *hits)
{
	return hits->len ? ((struct kg_memory_hit *)hits->pdata[0])->pair.program : "(nothing)";
}

static gboolean has_note(struct kg_memory *m, const char *what)
{
	for (guint i = 0; i < kg_memory_notes(m)->len; i++)
		if (strstr(kg_memory_notes(m)->pdata[i], what))
			return TRUE;
	return FALSE;
}

static char *contents(const char *path, gsize *len)
{
	char *text = NULL;

	assert_true(g_file_get_contents(path, &text, len, NULL));
	return text;
}

static gboolean file_has(const char *path, const char *what)
{
	gsize len;
	g_autofree char *text = contents(path, &len);

	return memmem(text, len, what, strlen(what)) != NULL;
}

/* ---------------------------------------------------------------- learning */

static void equal_pairs_are_merged(void **state)
{
	struct kg_memory *m = open_empty();

	(void)state;
	learn(m, "count opens", "a", "loaded", "6.1", NULL);
	learn(m, "  count \t opens ", "a\n", "loaded", "6.1", NULL);
	learn(m, "count opens", "b", "loaded", "6.1", NULL);
	g_autoptr(GPtrArray) pairs = list(m, NULL);
	assert_int_equal(pairs->len, 2);
	struct kg_memory_pair *a = pairs->pdata[1];
	assert_string_equal(a->program, "a");
	assert_int_equal(a->count, 2);
	assert_whole(m);
	assert_string_equal(a->source, "run");
	assert_string_equal(a->language, "bpftrace");
	assert_true(a->when > 1600000000 && a->first <= a->when);
	kg_memory_free(m);
}

static void outcomes_stand_side_by_side(void **state)
{
	struct kg_memory *m = open_empty();
	struct kg_memory_query q = {.which = KG_MEMORY_FAILED};

	(void)state;
	learn(m, "p", "x", "rejected", "6.1", "attach points: none");
	learn(m, "p", "x", "loaded", "6.12", NULL);
	learn(m, "p", "x", "loaded", "6.12", NULL);
	g_autoptr(GPtrArray) pairs = list(m, NULL), failed = list(m, &q), outcomes = NULL;
	struct kg_memory_pair *x = pairs->pdata[0];
	assert_string_equal(x->verdict, "loaded");
	assert_null(x->reason);
	assert_int_equal(x->count, 3);
	assert_int_equal(failed->len, 0);
	assert_int_equal(kg_memory_outcomes(m, x->id, &outcomes, NULL), 0);
	assert_int_equal(outcomes->len, 2);
	/* On the kernel that refused it, it is a failure. */
	q.kernel = "6.1";
	g_autoptr(GPtrArray) there = list(m, &q);
	assert_int_equal(there->len, 1);
	assert_string_equal(((struct kg_memory_pair *)there->pdata[0])->reason, "attach points: none");
	q.kernel = "5.4";
	g_autoptr(GPtrArray) nowhere = list(m, &q);
	assert_int_equal(nowhere->len, 0);
	kg_memory_free(m);
}

/* "it took 17 ms", "it took 18 ms": the last ones are kept. */
static void reasons_do_not_add_up_without_end(void **state)
{
	struct kg_memory *m = open_empty();
	g_autoptr(GPtrArray) outcomes = NULL;

	(void)state;
	for (int i = 0; i < 70; i++) {
		g_autofree char *reason = g_strdup_printf("it took %d ms", i);
		struct kg_memory_pair pair = {.prompt = (char *)"p", .program = (char *)"x", .verdict = (char *)"rejected", .reason = reason, .when = 1000 + i};
		assert_int_equal(kg_memory_learn(m, &pair, NULL), 0);
	}
	assert_int_equal(kg_memory_outcomes(m, id_of(m, "x"), &outcomes, NULL), 0);
	assert_int_equal(outcomes->len, 50);
	assert_string_equal(((struct kg_memory_outcome *)outcomes->pdata[0])->reason, "it took 69 ms");
	kg_memory_free(m);
}

static void what_is_good_and_what_failed(void **state)
{
	static const struct {
		const char *verdict, *reason, *source;
		enum pair_class class;
	} cases[] = {
		{"proved", NULL, "run", CLASS_GOOD},	     {"checked", NULL, "run", CLASS_GOOD},    {"loaded", NULL, "run", CLASS_GOOD},
		{"not loaded", NULL, "run", CLASS_OPEN},     {NULL, NULL, "run", CLASS_OPEN},	      {"refuted", NULL, "run", CLASS_FAILED},
		{"rejected", "why", "run", CLASS_FAILED},    {"loaded", "run: died", "run", CLASS_FAILED}, {NULL, NULL, "corpus", CLASS_GOOD},
		{NULL, NULL, "import", CLASS_GOOD},	     {"not loaded", NULL, "corpus", CLASS_GOOD}, {"refuted", "why", "corpus", CLASS_FAILED},
		{"rejected", NULL, "import", CLASS_FAILED}};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
		assert_int_equal(pair_classify(cases[i].verdict, cases[i].reason, cases[i].source), cases[i].class);
}

static void bad_pairs_are_refused(void **state)
{
	struct kg_memory *m = open_empty();
	g_autofree char *long_prompt = g_strnfill(MAX_PROMPT + 1, 'x'), *long_program = g_strnfill(MAX_PROGRAM + 1, 'x');
	const struct kg_memory_pair bad[] = {{.prompt = (char *)"p"},
					     {.program = (char *)"x"},
					     {.prompt = (char *)" \n", .program = (char *)"x"},
					     {.prompt = (char *)"p", .program = (char *)" "},
					     {.prompt = (char *)"p\xff", .program = (char *)"x"},
					     {.prompt = long_prompt, .program = (char *)"x"},
					     {.prompt = (char *)"p", .program = long_program},
					     {.prompt = (char *)"p", .program = (char *)"x", .verdict = (char *)"fine"}};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
		assert_int_equal(kg_memory_learn(m, &bad[i], NULL), -KG_E_INVAL);
	assert_int_equal(n_pairs(m), 0);
	long_prompt[MAX_PROMPT] = '\0';
	learn(m, long_prompt, "x", NULL, NULL, NULL);
	assert_int_equal(n_pairs(m), 1);
	kg_memory_free(m);
}

/* ---------------------------------------------------------------- searching */

static void similar_sentences_are_found(void **state)
{
	struct kg_memory *m = open_empty();

	(void)state;
	learn(m, "histogram of read latency by process", "read", "loaded", NULL, NULL);
	learn(m, "count tcp connections by destination address", "connect", "loaded", NULL, NULL);
	learn(m, "which files are deleted", "unlink", "rejected", NULL, "no");
	g_autoptr(GPtrArray) hits = search(m, "how long do reads take?", NULL);
	assert_string_equal(first_program(hits), "read");
	double likeness = ((struct kg_memory_hit *)hits->pdata[0])->likeness;
	assert_true(likeness > 0.3 && likeness < 1);
	g_autoptr(GPtrArray) same = search(m, "histogram of read latency by process", NULL);
	assert_true(((struct kg_memory_hit *)same->pdata[0])->likeness > 0.97);
	g_autoptr(GPtrArray) nothing = search(m, "what is the weather in Paris", NULL);
	assert_int_equal(nothing->len, 0);
	g_autoptr(GPtrArray) by_stem = search(m, "file deletions", NULL);
	assert_string_equal(first_program(by_stem), "unlink");
	g_autoptr(GPtrArray) by_typo = search(m, "tcp conections by adress", NULL);
	assert_string_equal(first_program(by_typo), "connect");
	struct kg_memory_query q = {.which = KG_MEMORY_GOOD};
	g_autoptr(GPtrArray) good = search(m, "which files are deleted", &q);
	for (guint i = 0; i < good->len; i++)
		assert_string_not_equal(((struct kg_memory_hit *)good->pdata[i])->pair.program, "unlink");
	q = (struct kg_memory_query){.which = KG_MEMORY_FAILED};
	g_autoptr(GPtrArray) failed = search(m, "deleted files", &q);
	assert_int_equal(failed->len, 1);
	q = (struct kg_memory_query){.limit = 1};
	g_autoptr(GPtrArray) one = search(m, "read", &q);
	assert_int_equal(one->len, 1);
	q = (struct kg_memory_query){.not_id = ((struct kg_memory_hit *)hits->pdata[0])->pair.id};
	g_autoptr(GPtrArray) others = search(m, "histogram of read latency by process", &q);
	assert_string_not_equal(first_program(others), "read");
	kg_memory_free(m);
}

static void names_of_the_kernel_are_found_in_programs(void **state)
{
	struct kg_memory *m = open_empty();

	(void)state;
	learn(m, "lost segments", "tracepoint:tcp:tcp_retransmit_skb { @ = count(); }", "loaded", NULL, NULL);
	learn(m, "segments", "kprobe:tcp_v4_rcv { @ = count(); }", "loaded", NULL, NULL);
	g_autoptr(GPtrArray) hits = search(m, "tcp_retransmit_skb", NULL);
	assert_string_equal(first_program(hits), "tracepoint:tcp:tcp_retransmit_skb { @ = count(); }");
	assert_int_equal(((struct kg_memory_hit *)hits->pdata[0])->rank_words, 1);
	kg_memory_free(m);
}

/* FTS5 has a syntax of its own, which a sentence must not be taken for. */
static void odd_queries_are_harmless(void **state)
{
	static const char *const queries[] = {"", " ", "\"", "a\"b", "NEAR(a b)", "a AND OR NOT", "prompt:x", "*", "^a", "(", "a*", "-a", "{x}",
					      "\xff\xfe", "\xc3", "日本語 の ファイル", "💥", "___", "_a_", "a__b", "%s%n", "';DROP TABLE pair;--", "\x1b[31m"};
	struct kg_memory *m = open_empty();
	g_autofree char *huge = g_strnfill(1 << 20, 'a');

	(void)state;
	learn(m, "count opens", "x", "loaded", NULL, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(queries); i++) {
		g_autoptr(GPtrArray) hits = search(m, queries[i], NULL);
		assert_non_null(hits);
	}
	g_autoptr(GPtrArray) hits = search(m, huge, NULL);
	assert_int_equal(n_pairs(m), 1);
	kg_memory_free(m);
}

/* More failures than good ones stand before them in the ranking: they are found all the same. */
static void a_condition_does_not_hide_what_fits(void **state)
{
	struct kg_memory *m = open_empty();
	struct kg_memory_query q = {.which = KG_MEMORY_GOOD, .limit = 2, .kernel = "6.1"};

	(void)state;
	for (int i = 0; i < 300; i++) {
		g_autofree char *program = g_strdup_printf("x%d", i);
		learn(m, "count file opens by process", program, "rejected", "6.1", "no");
	}
	learn(m, "files that are closed", "fits", "loaded", "6.1", NULL);
	learn(m, "how many file system mounts", "also fits", "loaded", "6.1", NULL);
	g_autoptr(GPtrArray) hits = search(m, "count file opens by process", &q);
	assert_int_equal(hits->len, 2);
	kg_memory_free(m);
}

static int three_numbers(void *user, const char *const *texts, gsize n, gsize *ret_dims, float **ret, struct kg_error *err)
{
	int *calls = user;

	if (++*calls < 0)
		return kg_error_set(err, KG_E_IO, "embed", "the server is away");
	*ret = g_new0(float, n * 3);
	for (gsize i = 0; i < n; i++)
		(*ret)[i * 3 + (texts[i][0] == 'a' ? 0 : texts[i][0] == 'b' ? 1 : 2)] = 1;
	*ret_dims = 3;
	return 0;
}

static void another_embedding_takes_part(void **state)
{
	int calls = 0;
	struct kg_memory *builtin = open_empty();
	struct kg_memory_opts opts = {.path = file, .corpus_dir = "", .embed_name = "three", .embed = three_numbers, .embed_user = &calls};

	(void)state;
	learn(builtin, "a thing", "A", "loaded", NULL, NULL);
	learn(builtin, "b thing", "B", "loaded", NULL, NULL);
	kg_memory_free(builtin);
	struct kg_memory *m = open_with(&opts);
	learn(m, "c other", "C", "loaded", NULL, NULL);
	struct kg_memory_query q = {.legs = KG_MEMORY_VECTOR};
	g_autoptr(GPtrArray) hits = search(m, "beta", &q);
	assert_string_equal(first_program(hits), "B");
	assert_int_equal(hits->len, 1); /* the others have nothing in common with it */
	struct kg_memory_stats stats = {0};
	assert_int_equal(kg_memory_stats(m, &stats, NULL), 0);
	assert_int_equal(stats.n_vectors, 3);
	assert_string_equal(stats.embedding, "three");
	kg_memory_stats_clear(&stats);
	/* A server that is away costs its ranking only. */
	calls = -100;
	g_autoptr(GPtrArray) by_words = search(m, "thing", NULL);
	assert_int_equal(by_words->len, 2);
	assert_true(has_note(m, "the server is away"));
	kg_memory_free(m);
	/* And what was learned with it is found by the built-in one. */
	builtin = open_empty();
	g_autoptr(GPtrArray) back = search(builtin, "c other", &q);
	assert_string_equal(first_program(back), "C");
	kg_memory_free(builtin);
}

/* ---------------------------------------------------------------- forgetting */

static void what_is_forgotten_is_gone_from_the_file(void **state)
{
	struct kg_memory *m = open_empty();
	struct kg_memory_pair *pair = NULL;

	(void)state;
	for (int i = 0; i < 50; i++) {
		g_autofree char *program = g_strdup_printf("filler%d", i);
		learn(m, "count opens", program, "loaded", NULL, NULL);
	}
	learn(m, "watch the zanzibarproject", "secretprogram", "loaded", NULL, NULL);
	g_autoptr(GPtrArray) hits = search(m, "zanzibarproject", NULL);
	gint64 id = ((struct kg_memory_hit *)hits->pdata[0])->pair.id;
	assert_true(file_has(file, "zanzibarproject"));
	assert_int_equal(kg_memory_forget(m, id, NULL), 0);
	assert_int_equal(kg_memory_get(m, id, &pair, NULL), -KG_E_NOTFOUND);
	assert_int_equal(kg_memory_forget(m, id, NULL), -KG_E_NOTFOUND);
	struct kg_memory_query q = {.legs = KG_MEMORY_WORDS};
	g_autoptr(GPtrArray) after = search(m, "zanzibarproject", &q);
	assert_int_equal(after->len, 0);
	assert_whole(m);
	kg_memory_free(m);
	assert_false(file_has(file, "zanzibar"));
	assert_false(file_has(file, "secretprogram"));
}

static void all_of_a_source_is_forgotten(void **state)
{
	struct kg_memory *m = open_empty();
	struct kg_memory_imported r = {0};
	guint n = 0;
	static const char json[] = "[{\"request\":\"imported one\",\"bpf\":\"x\"},{\"request\":\"imported two\",\"bpf\":\"y\"}]";

	(void)state;
	learn(m, "own", "z", "loaded", NULL, NULL);
	assert_int_equal(kg_memory_import(m, json, strlen(json), &r, NULL), 0);
	kg_memory_imported_clear(&r);
	assert_int_equal(kg_memory_forget_all(m, "import", &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_int_equal(n_pairs(m), 1);
	assert_int_equal(kg_memory_forget_all(m, NULL, &n, NULL), 0);
	assert_int_equal(n_pairs(m), 0);
	kg_memory_free(m);
}

/* ---------------------------------------------------------------- the corpus */

static void write_case(const char *corpus, const char *name, const char *request, const char *program)
{
	g_autofree char *path = g_strdup_printf("%s/%s.yaml", corpus, name);
	g_autofree char *text = g_strdup_printf("request: %s\nalso:\n  - another way to say %s\nprogram: |\n  %s\n", request, request, program);

	g_mkdir_with_parents(corpus, 0700);
	assert_true(g_file_set_contents(path, text, -1, NULL));
}

static char *programs_of(const char *corpus)
{
	struct kg_memory_opts opts = {.path = file, .corpus_dir = corpus};
	struct kg_memory *m = open_with(&opts);
	g_autoptr(GPtrArray) pairs = list(m, NULL);
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (guint i = pairs->len; i > 0; i--)
		g_ptr_array_add(names, g_strchomp(((struct kg_memory_pair *)pairs->pdata[i - 1])->program));
	g_ptr_array_add(names, NULL);
	char *joined = g_strjoinv(" ", (char **)names->pdata);
	kg_memory_free(m);
	return joined;
}

#define assert_programs(corpus, want) \
	do { \
		g_autofree char *got = programs_of(corpus); \
		assert_string_equal(got, want); \
	} while (0)

static void a_changed_corpus_is_taken_up(void **state)
{
	g_autofree char *corpus = g_build_filename(dir, "corpus", NULL), *b = g_build_filename(corpus, "b.yaml", NULL);

	(void)state;
	write_case(corpus, "a", "ask a", "one");
	write_case(corpus, "b", "ask b", "two");
	assert_programs(corpus, "one two");
	write_case(corpus, "a", "ask a", "uno");
	write_case(corpus, "c", "ask c", "three");
	g_remove(b);
	assert_programs(corpus, "uno three");
	assert_programs(corpus, "uno three");
	/* Further wordings are found, and change with the case. */
	struct kg_memory_opts opts = {.path = file, .corpus_dir = corpus};
	struct kg_memory *m = open_with(&opts);
	struct kg_memory_stats stats = {0};
	assert_int_equal(kg_memory_stats(m, &stats, NULL), 0);
	assert_int_equal(stats.n_wordings, 4);
	assert_int_equal(stats.n_vectors, 4);
	assert_int_equal(stats.n_corpus, 2);
	kg_memory_stats_clear(&stats);
	assert_whole(m);
	kg_memory_free(m);
}

static void a_forgotten_case_stays_forgotten(void **state)
{
	g_autofree char *corpus = g_build_filename(dir, "corpus", NULL), *a = g_build_filename(corpus, "a.yaml", NULL);
	struct kg_memory_opts opts = {.path = file, .corpus_dir = corpus};
	guint n = 0;

	(void)state;
	write_case(corpus, "a", "ask a", "one");
	write_case(corpus, "b", "ask b", "two");
	struct kg_memory *m = open_with(&opts);
	assert_int_equal(kg_memory_forget(m, id_of(m, "one"), NULL), 0);
	kg_memory_free(m);
	assert_programs(corpus, "two");
	write_case(corpus, "c", "ask c", "three"); /* the corpus changes elsewhere */
	assert_programs(corpus, "two three");
	write_case(corpus, "a", "ask a", "one, better"); /* the case itself is changed */
	assert_programs(corpus, "two three");
	g_remove(a);
	write_case(corpus, "renamed", "ask a", "one"); /* or gets another name */
	assert_programs(corpus, "two three");
	m = open_with(&opts);
	assert_int_equal(kg_memory_recall(m, &n, NULL), 0);
	assert_int_equal(n, 1);
	kg_memory_free(m);
	assert_programs(corpus, "two three one");
}

static void a_case_that_was_used_outlives_the_corpus(void **state)
{
	g_autofree char *corpus = g_build_filename(dir, "corpus", NULL), *a = g_build_filename(corpus, "a.yaml", NULL);
	struct kg_memory_opts opts = {.path = file, .corpus_dir = corpus};

	(void)state;
	write_case(corpus, "a", "ask a", "one");
	write_case(corpus, "b", "ask b", "two");
	struct kg_memory *m = open_with(&opts);
	learn(m, "ask a", "one", "loaded", "6.1", NULL);
	kg_memory_free(m);
	g_remove(a);
	m = open_with(&opts);
	struct kg_memory_query q = {.source = "run"};
	g_autoptr(GPtrArray) runs = list(m, &q), all = list(m, NULL);
	assert_int_equal(runs->len, 1);
	/* What was asked for stands before what is only shipped. */
	assert_string_equal(((struct kg_memory_pair *)all->pdata[0])->source, "run");
	assert_int_equal(((struct kg_memory_pair *)all->pdata[1])->when, 0);
	assert_int_equal(n_pairs(m), 2);
	kg_memory_free(m);
}

static void a_broken_case_costs_a_note(void **state)
{
	g_autofree char *corpus = g_build_filename(dir, "corpus", NULL), *a = g_build_filename(corpus, "a.yaml", NULL);
	struct kg_memory_opts opts = {.path = file, .corpus_dir = corpus};

	(void)state;
	write_case(corpus, "a", "ask a", "one");
	assert_programs(corpus, "one");
	assert_true(g_file_set_contents(a, "request: [", -1, NULL));
	struct kg_memory *m = open_with(&opts);
	assert_true(has_note(m, "a.yaml:"));
	assert_int_equal(n_pairs(m), 1); /* what was taken up before stays */
	kg_memory_free(m);
}

static void cases_are_read(void **state)
{
	static const char text[] = "# a comment\n"
				   "name: tcp\n"
				   "request: \"ünïcode: connects\"\n"
				   "also: [one, two]\n"
				   "needs: kprobe\n"
				   "contract:\n"
				   "  on: [kprobe:x]\n"
				   "  show:\n"
				   "    - {what: port}\n"
				   "trial: {stimulus: connect, expect: [80]}\n"
				   "program: |\n"
				   "  kprobe:x { }\n"
				   "---\n"
				   "request: second\nprogram: x\nverdict: refuted\nreason: because\n";
	g_autoptr(GPtrArray) cases = NULL;

	(void)state;
	assert_int_equal(kg_corpus_parse("d/file.yaml", text, strlen(text), &cases, NULL), 0);
	assert_int_equal(cases->len, 2);
	const struct kg_corpus_case *c = cases->pdata[0], *d = cases->pdata[1];
	assert_string_equal(c->name, "tcp");
	assert_int_equal(c->line, 2);
	assert_int_equal(c->also->len, 2);
	assert_string_equal(c->needs->pdata[0], "kprobe");
	assert_string_equal(c->program, "kprobe:x { }\n");
	assert_string_equal(c->language, "bpftrace");
	assert_string_equal(c->contract, "  on: [kprobe:x]\n  show:\n    - {what: port}\n");
	assert_int_equal(c->contract_line, 7);
	assert_string_equal(c->trial, "{stimulus: connect, expect: [80]}");
	assert_int_equal(c->trial_line, 10);
	assert_string_equal(d->name, "file-2");
	assert_string_equal(d->reason, "because");
	assert_null(d->contract);
}

static void mistakes_in_cases_are_told(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"request: a", "f.yaml:1: a case has a program"},
		{"program: a", "f.yaml:1: a case has a request"},
		{"request: a\nprogram: b\nkernel: c", "f.yaml:3: there is no key kernel in a case"},
		{"request: a\nprogram: b\nrequest: c", "f.yaml:3: request is there twice"},
		{"request: [a]\nprogram: b", "f.yaml:1: request is a text"},
		{"request: a\nprogram: b\nalso: {a: b}", "f.yaml:3: also is a list of texts"},
		{"request: a\nprogram: b\nalso: [[a]]", "f.yaml:3: also is a text"},
		{"request: a\nprogram: ''", "program is empty"},
		{"request: \"a\\nb\"\nprogram: b", "request is one line"},
		{"request: \"a\\0b\"\nprogram: b", "NUL"},
		{"request: a\nprogram: b\nverdict: loaded\nreason: x", "verdict is rejected or refuted"},
		{"request: a\nprogram: b\nreason: x", "verdict and reason come together"},
		{"- a", "a case is a map"},
		{"request: [", "not YAML"},
		{"a: *x", "not YAML"},
		{"request: \xff", "not plain UTF-8"},
		{"? [a]\n: b", "a key is a text"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		_cleanup_error_ struct kg_error err = {0};
		GPtrArray *none = NULL;
		assert_int_not_equal(kg_corpus_parse("f.yaml", cases[i].text, strlen(cases[i].text), &none, &err), 0);
		if (!strstr(err.msg, cases[i].want))
			fail_msg("%s: %s, not %s", cases[i].text, err.msg, cases[i].want);
		assert_null(none);
	}
}

/* ---------------------------------------------------------------- import and export */

static gboolean append_line(void *user, const char *line, gsize len)
{
	g_string_append_len(user, line, (gssize)len);
	return TRUE;
}

static char *export_all(struct kg_memory *m)
{
	GString *out = g_string_new(NULL);

	assert_int_equal(kg_memory_export(m, FALSE, append_line, out, NULL), 0);
	return g_string_free(out, FALSE);
}

static void what_is_exported_comes_back_the_same(void **state)
{
	g_autofree char *other = g_build_filename(dir, "other.db", NULL);
	struct kg_memory_opts opts = {.path = other, .corpus_dir = ""};
	struct kg_memory *m = open_empty(), *n = open_with(&opts);
	struct kg_memory_imported r = {0};
	static const char ken[] = "[{\"request\":\"a \\\"quoted\\\" \\u00fc\\u0007\",\"bpf\":\"x\\n{\\t}\",\"also\":[\"other words\"]}]";

	(void)state;
	assert_int_equal(kg_memory_import(m, ken, strlen(ken), &r, NULL), 0);
	kg_memory_imported_clear(&r);
	learn(m, "p", "x", "rejected", "6.1", "types: no");
	learn(m, "p", "x", "loaded", "6.12", NULL);
	learn(m, "p", "x", "loaded", "6.12", NULL);
	g_autofree char *first = export_all(m);
	assert_int_equal(kg_memory_import(n, first, strlen(first), &r, NULL), 0);
	assert_int_equal(r.n_new, 2);
	kg_memory_imported_clear(&r);
	g_autofree char *second = export_all(n);
	assert_string_equal(first, second);
	/* A second time changes nothing. */
	assert_int_equal(kg_memory_import(n, first, strlen(first), &r, NULL), 0);
	assert_int_equal(r.n_merged, 2);
	kg_memory_imported_clear(&r);
	g_autofree char *third = export_all(n);
	assert_string_equal(first, third);
	kg_memory_free(m);
	kg_memory_free(n);
}

struct import_case {
	const char *text;
	int r;
	guint n_new, n_skipped;
	const char *why; /* of the first that is skipped */
};

static void imports_take_what_is_good(void **state)
{
	static const struct import_case cases[] = {
		{"[]", 0, 0, 0, NULL},
		{"[{\"request\":\"a\",\"bpf\":\"x\"}]", 0, 1, 0, NULL},
		{"\xef\xbb\xbf [{\"request\":\"a\",\"bpf\":\"x\"} , {\"prompt\":\"b\",\"program\":\"y\"}]", 0, 2, 0, NULL},
		{"{\"request\":\"a\",\"bpf\":\"x\"}\n\n{\"request\":\"b\",\"bpf\":\"y\"}\r\n", 0, 2, 0, NULL},
		{"{\n \"request\": \"a\",\n \"bpf\": \"}{\"\n}\n{\n \"request\": \"b\",\n \"bpf\": \"y\"\n}", 0, 2, 0, NULL},
		{"[{\"request\":\"a\"},{\"request\":\"b\",\"bpf\":\"y\"}]", 0, 1, 1, "record 1 (line 1): it has no program"},
		{"[1,\n\"x\",\n{\"request\":\"b\",\"bpf\":\"y\"}]", 0, 1, 2, "record 1 (line 1): it is no object"},
		{"[{\"request\":\"a\",\"bpf\":\"x\"},\n{\"request\" \"b\"},\n{\"request\":\"c\",\"bpf\":\"z\"}]", 0, 2, 1, "record 2 (line 2): not JSON"},
		{"[{\"request\":\"a\",\"bpf\":\"x\"},{\"request\":\"b\",\"bp", 0, 1, 2, "record 2 (line 1): not JSON"},
		{"{\"request\":\"a\",\"bpf\":\"x\"}\n{\"request\":\"b\",\n{\"request\":\"c\",\"bpf\":\"z\"}", 0, 2, 1, "record 2 (line 2): not JSON"},
		{"[{\"request\":\"a\\u0000\",\"bpf\":\"x\"}]", 0, 0, 1, "its request is no text"},
		{"[{\"request\":5,\"bpf\":\"x\"}]", 0, 0, 1, "its request is no text"},
		{"[{\"request\":\"a\",\"bpf\":[\"x\"]}]", 0, 0, 1, "its bpf is no text"},
		{"[{\"request\":\"a\",\"bpf\":\"x\",\"verdict\":\"great\",\"count\":-5,\"when\":1e9,\"outcomes\":7,\"also\":\"y\"}]", 0, 1, 0, NULL},
		{"[{\"request\":\"a\",\"bpf\":\"x\"}]}]} trailing", 0, 1, 0, NULL},
		{"[{\"request\":\"\xff\",\"bpf\":\"x\"},{\"request\":\"b\",\"bpf\":\"y\"}]", 0, 1, 1, "not JSON"},
		{"", -KG_E_PARSE, 0, 0, NULL},
		{"request,bpf\na,b", -KG_E_PARSE, 0, 0, NULL},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct kg_memory_opts opts = {.path = ":memory:", .corpus_dir = ""};
		struct kg_memory *m = open_with(&opts);
		struct kg_memory_imported r = {0};
		const struct import_case *c = &cases[i];
		if (kg_memory_import(m, c->text, strlen(c->text), &r, NULL) != c->r || r.n_new != c->n_new || r.n_skipped != c->n_skipped)
			fail_msg("%s: %u new, %u skipped", c->text, r.n_new, r.n_skipped);
		assert_int_equal(n_pairs(m), c->n_new);
		if (c->why && !strstr(r.skipped->pdata[0], c->why))
			fail_msg("%s: %s", c->text, (char *)r.skipped->pdata[0]);
		kg_memory_imported_clear(&r);
		kg_memory_free(m);
	}
}

/* ---------------------------------------------------------------- the file */

static void the_file_is_private(void **state)
{
	struct stat st;

	(void)state;
	umask(0);
	kg_memory_free(open_empty());
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	chmod(file, 0644);
	kg_memory_free(open_empty());
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	g_autofree char *folder = g_path_get_dirname(file), *journal = g_strconcat(file, "-journal", NULL);
	assert_int_equal(stat(folder, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_false(g_file_test(journal, G_FILE_TEST_EXISTS));
}

static void assert_untouched(const char *path, int want, const char *message)
{
	struct kg_memory_opts opts = {.path = path, .corpus_dir = ""};
	_cleanup_error_ struct kg_error err = {0};
	struct kg_memory *m = NULL;
	struct stat before, after;
	gsize len_before, len_after;
	g_autofree char *was = contents(path, &len_before);

	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(kg_memory_open(&opts, &m, &err), want);
	assert_null(m);
	if (!strstr(err.msg, message))
		fail_msg("%s", err.msg);
	assert_non_null(err.hint);
	g_autofree char *is = contents(path, &len_after);
	assert_int_equal(len_before, len_after);
	assert_memory_equal(was, is, len_before);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_mtime, after.st_mtime);
	assert_int_equal(before.st_mode, after.st_mode);
}

static void a_newer_file_is_not_touched(void **state)
{
	struct kg_memory *m = open_empty();

	(void)state;
	assert_int_equal(sqlite3_exec(m->db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
	kg_memory_free(m);
	assert_untouched(file, -KG_E_UNSUPPORTED, "newer kgent (its version is 99");
}

static void a_file_of_others_is_not_touched(void **state)
{
	g_autofree char *text = g_build_filename(dir, "notes.txt", NULL), *db = g_build_filename(dir, "places.sqlite", NULL);
	sqlite3 *other = NULL;

	(void)state;
	assert_true(g_file_set_contents(text, "my notes, which are no memory of anybody's\n", -1, NULL));
	assert_untouched(text, -KG_E_PARSE, "is no memory of kgent's");
	assert_int_equal(sqlite3_open(db, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "CREATE TABLE bookmarks (url); PRAGMA user_version = 1", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	assert_untouched(db, -KG_E_PARSE, "is no memory of kgent's");
}

static char *find_aside(void)
{
	g_autofree char *folder = g_path_get_dirname(file);
	g_autoptr(GDir) d = g_dir_open(folder, 0, NULL);
	const char *name;

	while ((name = g_dir_read_name(d)))
		if (strstr(name, ".damaged-") && !g_str_has_suffix(name, "-journal"))
			return g_build_filename(folder, name, NULL);
	return NULL;
}

static void garbage_is_moved_aside(void **state)
{
	g_autofree char *folder = g_path_get_dirname(file);

	(void)state;
	g_mkdir_with_parents(folder, 0700);
	assert_true(g_file_set_contents(file, "this was a memory once", -1, NULL));
	struct kg_memory *m = open_empty();
	g_autofree char *aside = find_aside();
	assert_non_null(aside);
	assert_true(file_has(aside, "this was a memory once"));
	assert_true(has_note(m, aside));
	learn(m, "p", "x", "loaded", NULL, NULL);
	assert_int_equal(n_pairs(m), 1);
	kg_memory_free(m);
}

static int learn_one(int who)
{
	g_autofree char *program = g_strdup_printf("program of %d", who);
	struct kg_memory *m = open_empty();

	learn(m, "count opens", program, "loaded", NULL, NULL);
	kg_memory_free(m);
	return 0;
}

/* All of them find the damage; one moves the file aside, and nobody moves the new one. */
static void several_at_once_find_the_damage(void **state)
{
	g_autofree char *folder = g_path_get_dirname(file);
	pid_t pids[4];
	int status;

	(void)state;
	g_mkdir_with_parents(folder, 0700);
	for (int round = 0; round < 5; round++) {
		remove_all(folder);
		g_mkdir_with_parents(folder, 0700);
		assert_true(g_file_set_contents(file, "this was a memory once", -1, NULL));
		for (int i = 0; i < 4; i++)
			if (!(pids[i] = fork()))
				_exit(learn_one(i));
		for (int i = 0; i < 4; i++) {
			assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
			assert_int_equal(status, 0);
		}
		struct kg_memory *m = open_empty();
		assert_int_equal(n_pairs(m), 4);
		assert_whole(m);
		kg_memory_free(m);
		g_autofree char *aside = find_aside();
		assert_true(file_has(aside, "this was a memory once"));
		g_remove(aside);
		assert_null(find_aside());
	}
}

static void overwrite(long at, long n)
{
	FILE *f = fopen(file, "r+b");

	assert_non_null(f);
	fseek(f, at, SEEK_SET);
	for (long i = 0; i < n; i++)
		fputc(0xa5, f);
	fclose(f);
}

/* Wherever the file is hit: it can be opened, what is lost is kept aside, and new things are learned. */
static void damage_anywhere_is_survived(void **state)
{
	g_autofree char *good = g_build_filename(dir, "good.db", NULL);
	gsize len;

	(void)state;
	struct kg_memory *m = open_empty();
	for (int i = 0; i < 100; i++) {
		g_autofree char *program = g_strdup_printf("program number %d", i);
		learn(m, "count something that is rather long, so that there are many pages", program, "loaded", "6.1", NULL);
	}
	kg_memory_free(m);
	g_autofree char *was = contents(file, &len);
	for (gsize at = 0; at < len; at += 4096) {
		g_autofree char *folder = g_path_get_dirname(file);
		remove_all(folder);
		g_mkdir_with_parents(folder, 0700);
		assert_true(g_file_set_contents(file, was, (gssize)len, NULL));
		overwrite((long)at, 4096);
		m = open_empty();
		g_autoptr(GPtrArray) hits = search(m, "something long", NULL);
		learn(m, "new", "new", "loaded", NULL, NULL);
		assert_int_not_equal(id_of(m, "new"), 0);
		g_autofree char *aside = find_aside();
		/* Whatever is no longer there is in the file that was moved aside. */
		if (n_pairs(m) < 101)
			assert_non_null(aside);
		if (aside)
			assert_true(has_note(m, aside));
		kg_memory_free(m);
	}
}

static void what_can_be_read_is_saved(void **state)
{
	struct kg_memory *m = open_empty();

	(void)state;
	for (int i = 0; i < 100; i++) {
		g_autofree char *program = g_strdup_printf("program number %d", i);
		learn(m, "count something", program, "loaded", "6.1", NULL);
	}
	/* The index of the words is lost: nothing of the pairs is. */
	assert_int_equal(sqlite3_exec(m->db, "PRAGMA writable_schema = RESET; DROP TABLE words", NULL, NULL, NULL), SQLITE_OK);
	kg_memory_free(m);
	m = open_empty();
	g_autoptr(GPtrArray) hits = search(m, "count something", NULL);
	assert_int_equal(hits->len, 10);
	assert_int_equal(n_pairs(m), 100);
	assert_true(has_note(m, "100 pairs that could be read"));
	kg_memory_free(m);
}

static void reading_only_changes_nothing(void **state)
{
	struct kg_memory_opts opts = {.path = file, .read_only = TRUE};
	struct kg_memory_pair pair = {.prompt = (char *)"p", .program = (char *)"x"};
	gsize before, after;

	(void)state;
	/* There is no file: the shipped examples are found, and none is made. */
	struct kg_memory *m = open_with(&opts);
	g_autoptr(GPtrArray) shipped = search(m, "tcp retransmissions", NULL);
	assert_true(shipped->len > 0);
	assert_int_equal(kg_memory_learn(m, &pair, NULL), -KG_E_PERM);
	kg_memory_free(m);
	assert_false(g_file_test(file, G_FILE_TEST_EXISTS));
	m = open_empty();
	learn(m, "count opens", "x", "loaded", NULL, NULL);
	assert_whole(m);
	kg_memory_free(m);
	g_autofree char *was = contents(file, &before);
	m = open_with(&opts);
	g_autoptr(GPtrArray) hits = search(m, "opens", NULL);
	assert_int_equal(hits->len, 1);
	assert_true(((struct kg_memory_hit *)hits->pdata[0])->rank_vector > 0);
	assert_int_equal(kg_memory_learn(m, &pair, NULL), -KG_E_PERM);
	assert_int_equal(kg_memory_forget(m, 1, NULL), -KG_E_PERM);
	kg_memory_free(m);
	g_autofree char *is = contents(file, &after);
	assert_int_equal(before, after);
	assert_memory_equal(was, is, before);
}

/* In a process without privileges, where folder and file can't be written. Its exit code says what went wrong. */
static int search_without_permission(void)
{
	struct kg_memory_opts opts = {.path = file, .corpus_dir = ""};
	struct kg_memory_pair pair = {.prompt = (char *)"p", .program = (char *)"x"};
	struct kg_memory *m = NULL;
	GPtrArray *hits = NULL;

	if (geteuid() == 0 && (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534)))
		return 1;
	if (kg_memory_open(&opts, &m, NULL))
		return 2;
	if (!has_note(m, "can only be read"))
		return 3;
	if (kg_memory_search(m, "opens", NULL, &hits, NULL) || hits->len != 1)
		return 4;
	if (kg_memory_learn(m, &pair, NULL) != -KG_E_PERM)
		return 5;
	g_ptr_array_unref(hits);
	kg_memory_free(m);
	return 0;
}

static void a_file_that_cannot_be_written_is_searched(void **state)
{
	g_autofree char *folder = g_path_get_dirname(file);
	struct kg_memory *m = open_empty();
	int status;

	(void)state;
	learn(m, "count opens", "x", "loaded", NULL, NULL);
	kg_memory_free(m);
	chmod(file, 0444);
	chmod(folder, 0555);
	chmod(dir, 0755);
	pid_t pid = fork();
	if (pid == 0)
		_exit(search_without_permission());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	chmod(folder, 0700);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_full_disk_costs_only_the_new(void **state)
{
	struct kg_memory *m = open_empty();
	g_autofree char *big = g_strnfill(300000, 'x');
	struct kg_memory_pair pair = {.prompt = (char *)"p", .program = big};
	_cleanup_error_ struct kg_error err = {0};

	(void)state;
	learn(m, "count opens", "small", "loaded", NULL, NULL);
	assert_int_equal(sqlite3_exec(m->db, "PRAGMA max_page_count = 60", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(kg_memory_learn(m, &pair, &err), -KG_E_LIMIT);
	assert_non_null(strstr(err.hint, "disk"));
	assert_int_equal(n_pairs(m), 1);
	learn(m, "count opens again", "small", "loaded", NULL, NULL);
	kg_memory_free(m);
	m = open_empty();
	assert_int_equal(n_pairs(m), 2);
	kg_memory_free(m);
}

static int learn_fifty(int who)
{
	struct kg_memory *m = open_empty();

	for (int i = 0; i < 50; i++) {
		g_autofree char *program = g_strdup_printf("program %d of %d", i, who);
		learn(m, "count opens", program, "loaded", NULL, NULL);
		learn(m, "count opens", "of all", "loaded", NULL, NULL);
	}
	kg_memory_free(m);
	return 0;
}

/* The file does not exist when they begin. */
static void several_at_once_lose_nothing(void **state)
{
	pid_t pids[4];
	int status;

	(void)state;
	for (int i = 0; i < 4; i++)
		if (!(pids[i] = fork()))
			_exit(learn_fifty(i));
	for (int i = 0; i < 4; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	struct kg_memory *m = open_empty();
	struct kg_memory_pair *pair = NULL;
	assert_int_equal(n_pairs(m), 201);
	assert_whole(m);
	assert_int_equal(kg_memory_get(m, id_of(m, "of all"), &pair, NULL), 0);
	assert_int_equal(pair->count, 200);
	kg_memory_pair_free(pair);
	struct kg_memory_stats stats = {0};
	assert_int_equal(kg_memory_stats(m, &stats, NULL), 0);
	assert_int_equal(stats.n_vectors, 201);
	kg_memory_stats_clear(&stats);
	kg_memory_free(m);
}

/* Whenever it is killed, what is there is whole. */
static void a_kill_leaves_nothing_half_written(void **state)
{
	int status;

	(void)state;
	kg_memory_free(open_empty());
	for (int i = 0; i < 30; i++) {
		pid_t pid = fork();
		if (!pid)
			_exit(learn_fifty(i));
		g_usleep(1000 + (gulong)(i * 7919 % 60000));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		struct kg_memory *m = open_empty();
		assert_int_equal(kg_memory_notes(m)->len, 0);
		assert_whole(m);
		kg_memory_free(m);
	}
}

static void older_tables_are_brought_up(void **state)
{
	static const char *const good[] = {"", "CREATE TABLE more (x); INSERT INTO more VALUES (1)", "ALTER TABLE more ADD COLUMN y DEFAULT 2"};
	static const char *const bad[] = {"", "", "", "CREATE TABLE half (x); INSERT INTO nowhere VALUES (1)"};
	struct kg_memory *m = open_empty();
	_cleanup_error_ struct kg_error err = {0};
	gint64 n = 0;

	(void)state;
	assert_int_equal(schema_apply(m, good, 3, &err), 0);
	assert_int_equal(db_number(m, db_prepare(m, "SELECT x + y FROM more", &err), 0, &n, &err), 0);
	assert_int_equal(n, 3);
	/* A step that fails leaves nothing behind. */
	assert_int_not_equal(schema_apply(m, bad, 4, &err), 0);
	kg_error_clear(&err);
	assert_int_equal(db_number(m, db_prepare(m, "SELECT count(*) FROM sqlite_master WHERE name = 'half'", &err), 0, &n, &err), 0);
	assert_int_equal(n, 0);
	assert_int_equal(db_number(m, db_prepare(m, "PRAGMA user_version", &err), 0, &n, &err), 0);
	assert_int_equal(n, 3);
	kg_memory_free(m);
}

static void where_it_is(void **state)
{
	(void)state;
	g_autofree char *own = kg_memory_path();
	assert_string_equal(own, file);
	g_setenv("KGENT_MEMORY", "/somewhere/else.db", TRUE);
	g_autofree char *set = kg_memory_path();
	assert_string_equal(set, "/somewhere/else.db");
	assert_true(kg_memory_is_on());
	g_setenv("KGENT_MEMORY", "off", TRUE);
	assert_false(kg_memory_is_on());
	g_unsetenv("KGENT_MEMORY");
	assert_true(kg_memory_is_on());
}

#define test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

/* test_memory [PATTERN]: only the tests of such a name. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		test(equal_pairs_are_merged),
		test(outcomes_stand_side_by_side),
		test(reasons_do_not_add_up_without_end),
		test(what_is_good_and_what_failed),
		test(bad_pairs_are_refused),
		test(similar_sentences_are_found),
		test(names_of_the_kernel_are_found_in_programs),
		test(odd_queries_are_harmless),
		test(a_condition_does_not_hide_what_fits),
		test(another_embedding_takes_part),
		test(what_is_forgotten_is_gone_from_the_file),
		test(all_of_a_source_is_forgotten),
		test(a_changed_corpus_is_taken_up),
		test(a_forgotten_case_stays_forgotten),
		test(a_case_that_was_used_outlives_the_corpus),
		test(a_broken_case_costs_a_note),
		test(cases_are_read),
		test(mistakes_in_cases_are_told),
		test(what_is_exported_comes_back_the_same),
		test(imports_take_what_is_good),
		test(the_file_is_private),
		test(a_newer_file_is_not_touched),
		test(a_file_of_others_is_not_touched),
		test(garbage_is_moved_aside),
		test(several_at_once_find_the_damage),
		test(damage_anywhere_is_survived),
		test(what_can_be_read_is_saved),
		test(reading_only_changes_nothing),
		test(a_file_that_cannot_be_written_is_searched),
		test(a_full_disk_costs_only_the_new),
		test(several_at_once_lose_nothing),
		test(a_kill_leaves_nothing_half_written),
		test(older_tables_are_brought_up),
		test(where_it_is),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
