/* What bench/run.py measures of the model engine: see bench.c. */
#include "models.h"

#include <kgent/brief.h>
#include <kgent/loop.h>
#include <kgent/paths.h>

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct knowledge {
	struct kg_bpftrace tool; /* found once, as a request does */
	struct kg_profile *profile;
	struct kg_cards *cards;
	struct kg_memory *memory;
};

static gint64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * G_GINT64_CONSTANT(1000000000) + t.tv_nsec;
}

static int open_knowledge(struct knowledge *k)
{
	g_auto(GStrv) events = kg_paths_data("events");
	const struct kg_profile_opts profile = {0};
	const struct kg_memory_opts memory = {.path = ":memory:"};
	_cleanup_error_ struct kg_error err = {0};

	kg_bpftrace_find(&k->tool, NULL);
	if (kg_cards_open((const char *const *)events, &k->cards, &err) || kg_profile_open(&profile, &k->profile, &err) ||
	    kg_memory_open(&memory, &k->memory, &err)) {
		fprintf(stderr, "kgent-bench: %s\n", err.msg);
		return 1;
	}
	return 0;
}

static void close_knowledge(struct knowledge *k)
{
	kg_bpftrace_clear(&k->tool);
	kg_memory_free(k->memory);
	kg_profile_free(k->profile);
	kg_cards_free(k->cards);
}

int bench_brief(int n, const char *sentence)
{
	static const struct kg_bt_version version = {0, 17, 0};
	struct knowledge k = {0};

	if (open_knowledge(&k))
		return 1;
	for (int i = 0; i < n; i++) {
		const struct kg_brief_opts opts = {.question = sentence, .profile = k.profile, .cards = k.cards, .version = &version, .tokens = 4096};
		struct kg_brief *brief = NULL;
		gint64 begin = now_ns();
		int code = kg_brief_build(&opts, &brief, NULL);
		printf("%" G_GINT64_FORMAT "\n", now_ns() - begin);
		kg_brief_free(brief);
		if (code)
			return 1;
	}
	close_knowledge(&k);
	return 0;
}

/* A model that answers at once, with a program that fails by its types: nothing is built or loaded, and every round is kgent's own. */
static int conversation(struct knowledge *k, struct kg_model *model, const struct kg_config *config, int number)
{
	g_autofree char *question = g_strdup_printf("file opens by container image %d", number);
	const struct kg_check_opts check = {.profile = k->profile, .tool = k->tool.path ? &k->tool : NULL, .no_load = TRUE};
	const struct kg_loop_opts opts = {.question = question, .model = model, .config = config, .profile = k->profile, .cards = k->cards,
					  .memory = k->memory, .no_learning = TRUE, .check = &check};
	_cleanup_error_ struct kg_error err = {0};
	struct kg_loop_result res = {0};

	int code = kg_loop_run(&opts, &res, &err);
	if (code || res.rounds->len != 3 || res.is_good) {
		fprintf(stderr, "kgent-bench: %s\n", err.msg ?: "this is not the conversation that was meant");
		code = 1;
	}
	kg_loop_result_clear(&res);
	return code;
}

static gint64 resident_bytes(void)
{
	g_autofree char *text = NULL;
	long all = 0, resident = 0;

	malloc_trim(0);
	if (!g_file_get_contents("/proc/self/statm", &text, NULL, NULL) || sscanf(text, "%ld %ld", &all, &resident) != 2)
		return 0;
	return resident * sysconf(_SC_PAGESIZE);
}

int bench_rounds(int n, gboolean is_growth)
{
	const char *const flags[] = {"fresh", "true", NULL}, *const environment[] = {NULL};
	const struct kg_config_opts config_opts = {.file = "", .flags = flags, .environment = environment};
	const struct kg_model_opts model_opts = {.protocol = "command",
						 .command = "printf '```\\ntracepoint:raw_syscalls:sys_enter { @x[pid] = 1; @x[comm] = 1; }\\n```\\n'"};
	struct knowledge k = {0};
	struct kg_config *config = NULL;
	struct kg_model *model = NULL;
	gint64 before = 0;

	if (open_knowledge(&k) || kg_config_open(&config_opts, &config, NULL) || kg_model_new(&model_opts, &model, NULL))
		return 1;
	for (int i = 0; i < n; i++) {
		gint64 begin = now_ns();
		if (conversation(&k, model, config, i))
			return 1;
		if (!is_growth)
			printf("%" G_GINT64_FORMAT "\n", now_ns() - begin);
		if (i == n / 10)
			before = resident_bytes();
	}
	if (is_growth)
		printf("%" G_GINT64_FORMAT "\n%" G_GINT64_FORMAT "\n", before, resident_bytes());
	kg_model_free(model);
	kg_config_free(config);
	close_knowledge(&k);
	return 0;
}
