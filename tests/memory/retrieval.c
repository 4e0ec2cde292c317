/*
 * How well are sentences found that ask for the same? Reads lines "GROUP<tab>SENTENCE", learns all of them, asks for each with itself left
 * out, and prints for each way of ranking: in how many cases the first found is of the same group, one of the first five is, and the mean
 * of 1 / rank of the first that is, with 0 where none of the first ten is. Sentences that are alone in their group are not asked for.
 * See retrieval.py.
 */
#include <kgent/memory.h>

#include <stdio.h>
#include <string.h>

#define FOUND 10

struct sums {
	double first, five, reciprocal;
};

static GPtrArray *groups;    /* char *, by id - 1 */
static GPtrArray *sentences;

static int read_lines(struct kg_memory *m, struct kg_error *err)
{
	char line[8192];

	while (fgets(line, sizeof(line), stdin)) {
		char *tab = strchr(g_strchomp(line), '\t');
		if (!tab)
			continue;
		*tab = '\0';
		struct kg_memory_pair pair = {.prompt = tab + 1, .program = line, .source = (char *)"import", .when = 1};
		if (kg_memory_learn(m, &pair, err))
			return 1;
		g_ptr_array_add(groups, g_strdup(line));
		g_ptr_array_add(sentences, g_strdup(tab + 1));
	}
	return 0;
}

static gboolean is_alone(guint at)
{
	for (guint i = 0; i < groups->len; i++)
		if (i != at && !strcmp(groups->pdata[i], groups->pdata[at]))
			return FALSE;
	return TRUE;
}

static int ask(struct kg_memory *m, guint at, enum kg_memory_legs legs, struct sums *sums, struct kg_error *err)
{
	struct kg_memory_query q = {.limit = FOUND + 1, .legs = legs};
	g_autoptr(GPtrArray) hits = NULL;
	guint rank = 0;

	if (kg_memory_search(m, sentences->pdata[at], &q, &hits, err))
		return 1;
	for (guint i = 0; i < hits->len; i++) {
		struct kg_memory_hit *hit = hits->pdata[i];
		if (!strcmp(hit->pair.prompt, sentences->pdata[at]))
			continue;
		rank++;
		if (rank > FOUND || strcmp(hit->pair.program, groups->pdata[at]))
			continue;
		sums->first += rank == 1;
		sums->five += rank <= 5;
		sums->reciprocal += 1.0 / rank;
		break;
	}
	return 0;
}

int main(void)
{
	static const struct {
		const char *name;
		enum kg_memory_legs legs;
	} ways[] = {{"words (BM25)", KG_MEMORY_WORDS}, {"vectors (built-in)", KG_MEMORY_VECTOR}, {"both, by rank", KG_MEMORY_HYBRID}};
	struct kg_memory_opts opts = {.path = ":memory:", .corpus_dir = ""};
	struct kg_memory *m = NULL;
	struct sums sums[G_N_ELEMENTS(ways)] = {0};
	_cleanup_error_ struct kg_error err = {0};
	guint n = 0;

	groups = g_ptr_array_new_with_free_func(g_free);
	sentences = g_ptr_array_new_with_free_func(g_free);
	if (kg_memory_open(&opts, &m, &err) || read_lines(m, &err)) {
		fprintf(stderr, "retrieval: %s\n", err.msg);
		return 1;
	}
	for (guint i = 0; i < sentences->len; i++) {
		if (is_alone(i))
			continue;
		n++;
		for (gsize w = 0; w < G_N_ELEMENTS(ways); w++)
			if (ask(m, i, ways[w].legs, &sums[w], &err)) {
				fprintf(stderr, "retrieval: %s\n", err.msg);
				return 1;
			}
	}
	printf("%u sentences, %u of them with others of their group\n", sentences->len, n);
	printf("%-22s %8s %8s %8s\n", "", "first", "in five", "MRR");
	for (gsize w = 0; w < G_N_ELEMENTS(ways) && n; w++)
		printf("%-22s %7.1f%% %7.1f%% %8.3f\n", ways[w].name, 100 * sums[w].first / n, 100 * sums[w].five / n, sums[w].reciprocal / n);
	kg_memory_free(m);
	g_ptr_array_unref(groups);
	g_ptr_array_unref(sentences);
	return n == 0;
}
