/*
 * What bench/run.py measures from inside: one thing a call, a line of nanoseconds for each repetition on standard output.
 *
 *   kgent-bench answer SENTENCE    from a fresh process to the program's text, which goes to standard error; one line
 *   kgent-bench search N WORDS     probe search
 *   kgent-bench functions          how many functions the profile has
 *   kgent-bench parse N FILE       parsing a bpftrace program
 *   kgent-bench verify FILE        compiling a bpftrace program, and the kernel's load calls for it (two lines; one if the kernel does not load it)
 *   kgent-bench brief N SENTENCE   building what a model is told
 *   kgent-bench talk N             a conversation of three rounds with a model that answers at once
 *   kgent-bench growth N           resident bytes after a tenth of N such conversations, and after all of them
 *   kgent-bench memory N SENTENCE  searching the memory ($KGENT_MEMORY)
 *   kgent-bench open N             opening it, with the shipped examples taken up
 *   kgent-bench rounds N           N rounds of searching and learning: how much main memory (bytes) the process has after a tenth of them,
 *                                  and how much more at the end; the same pairs are learned again and again
 */
#include "models.h"
#include "verify.h"

#include <kgent/agent.h>
#include <kgent/memory.h>
#include <kgent/paths.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static gint64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * G_GINT64_CONSTANT(1000000000) + t.tv_nsec;
}

static int fail(struct kg_error *err)
{
	fprintf(stderr, "kgent-bench: %s\n", err->msg ?: "failed");
	kg_error_clear(err);
	return 1;
}

static int answer(const char *sentence)
{
	gint64 begin = now_ns();
	g_auto(GStrv) events = kg_paths_data("events");
	g_auto(GStrv) words = kg_paths_data("words");
	struct kg_profile_opts opts = {0};
	struct kg_cards *cards = NULL;
	struct kg_lexicon *lexicon = NULL;
	struct kg_profile *profile = NULL;
	struct kg_intent *intent = NULL;
	struct kg_refusal *refusal = NULL;
	struct kg_candidate *candidate = NULL;
	struct kg_error err = {0};

	int code = kg_cards_open((const char *const *)events, &cards, &err);
	code = code ?: kg_lexicon_open((const char *const *)words, cards, &lexicon, &err);
	code = code ?: kg_profile_open(&opts, &profile, &err);
	code = code ?: kg_understand(lexicon, profile, sentence, &intent, &refusal, &err);
	code = code ?: kg_synthesise(intent, profile, &candidate, &err);
	if (!code) {
		printf("%" G_GINT64_FORMAT "\n", now_ns() - begin);
		fputs(candidate->program, stderr);
	} else if (refusal) {
		fprintf(stderr, "refused: %s\n", refusal->why);
	}
	kg_candidate_free(candidate);
	kg_refusal_free(refusal);
	kg_intent_free(intent);
	kg_profile_free(profile);
	kg_lexicon_free(lexicon);
	kg_cards_free(cards);
	return code ? fail(&err) : 0;
}

static int search(int n, const char *words)
{
	struct kg_profile_opts opts = {0};
	struct kg_profile *profile = NULL;
	struct kg_error err = {0};

	if (kg_profile_open(&opts, &profile, &err))
		return fail(&err);
	for (int i = 0; i < n; i++) {
		gint64 begin = now_ns();
		g_autoptr(GPtrArray) hits = kg_profile_search(profile, words, 20);
		printf("%" G_GINT64_FORMAT "\n", now_ns() - begin);
	}
	kg_profile_free(profile);
	return 0;
}

static int functions(void)
{
	struct kg_profile_opts opts = {0};
	struct kg_profile *profile = NULL;
	struct kg_error err = {0};

	if (kg_profile_open(&opts, &profile, &err))
		return fail(&err);
	const GPtrArray *sources = kg_profile_sources(profile);
	for (guint i = 0; i < sources->len; i++) {
		const struct kg_source *source = sources->pdata[i];
		if (!strcmp(source->name, "functions"))
			printf("%u\n", source->n);
	}
	kg_profile_free(profile);
	return 0;
}

static int parse(int n, const char *file)
{
	g_autofree char *text = NULL;
	gsize len;

	if (!g_file_get_contents(file, &text, &len, NULL))
		return 1;
	for (int i = 0; i < n; i++) {
		g_autoptr(GPtrArray) diags = kg_diags_new();
		struct kg_bt_program *program = NULL;
		gint64 begin = now_ns();
		int code = kg_bt_parse(text, len, diags, &program);
		gint64 took = now_ns() - begin;

		kg_bt_free(program);
		if (code)
			return 1;
		printf("%" G_GINT64_FORMAT "\n", took);
	}
	return 0;
}

static int search_memory(int n, const char *sentence)
{
	struct kg_memory_opts opts = {0};
	struct kg_memory *m = NULL;
	struct kg_error err = {0};
	int code = kg_memory_open(&opts, &m, &err);

	for (int i = -1; i < n && !code; i++) { /* the first reads the cards */
		GPtrArray *hits = NULL;
		gint64 begin = now_ns();
		code = kg_memory_search(m, sentence, NULL, &hits, &err);
		if (!code && i >= 0)
			printf("%" G_GINT64_FORMAT "\n", now_ns() - begin);
		g_clear_pointer(&hits, g_ptr_array_unref);
	}
	kg_memory_free(m);
	return code ? fail(&err) : 0;
}

static int open_memory(int n)
{
	struct kg_memory_opts opts = {0};
	struct kg_error err = {0};

	for (int i = 0; i < n; i++) {
		struct kg_memory *m = NULL;
		gint64 begin = now_ns();
		if (kg_memory_open(&opts, &m, &err))
			return fail(&err);
		printf("%" G_GINT64_FORMAT "\n", now_ns() - begin);
		kg_memory_free(m);
	}
	return 0;
}

static gint64 resident_bytes(void)
{
	g_autofree char *text = NULL;
	gint64 pages = 0;

	if (g_file_get_contents("/proc/self/statm", &text, NULL, NULL))
		pages = g_ascii_strtoll(strchr(text, ' ') ?: "", NULL, 10);
	return pages * 4096;
}

static int round_of(struct kg_memory *m, int i, struct kg_error *err)
{
	g_autofree char *prompt = g_strdup_printf("count opens of process number %d", i % 50);
	struct kg_memory_pair pair = {.prompt = prompt, .program = (char *)"x { }", .verdict = (char *)"loaded"};
	g_autoptr(GPtrArray) hits = NULL;
	int code = kg_memory_search(m, prompt, NULL, &hits, err);

	return code ?: kg_memory_learn(m, &pair, err);
}

static int rounds(int n)
{
	struct kg_memory_opts opts = {0};
	struct kg_memory *m = NULL;
	struct kg_error err = {0};
	gint64 first = 0;
	int code = kg_memory_open(&opts, &m, &err);

	for (int i = 0; i < n && !code; i++) {
		code = round_of(m, i, &err);
		if (i == n / 10)
			first = resident_bytes();
	}
	if (!code)
		printf("%" G_GINT64_FORMAT "\n%" G_GINT64_FORMAT "\n", first, resident_bytes() - first);
	kg_memory_free(m);
	return code ? fail(&err) : 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "memory"))
		return search_memory(atoi(argv[2]), argv[3]);
	if (argc == 3 && !strcmp(argv[1], "open"))
		return open_memory(atoi(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "rounds"))
		return rounds(atoi(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "answer"))
		return answer(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "search"))
		return search(atoi(argv[2]), argv[3]);
	if (argc == 2 && !strcmp(argv[1], "functions"))
		return functions();
	if (argc == 3 && !strcmp(argv[1], "verify"))
		return bench_verify(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "parse"))
		return parse(atoi(argv[2]), argv[3]);
	if (argc == 4 && !strcmp(argv[1], "brief"))
		return bench_brief(atoi(argv[2]), argv[3]);
	if (argc == 3 && (!strcmp(argv[1], "talk") || !strcmp(argv[1], "growth")))
		return bench_rounds(atoi(argv[2]), !strcmp(argv[1], "growth"));
	return 2;
}
