/* Programs that kgent calls, and kgent's own files. */
#include "internal.h"

#include <kgent/bpftrace_tool.h>
#include <kgent/card.h>
#include <kgent/paths.h>

#include <string.h>

#define OLDEST_MAJOR 0
#define OLDEST_MINOR 14

static const char tools[] = "tools", own[] = "kgent";

char *kg_doctor_install(const char *package)
{
	static const struct {
		const char *program, *line;
	} managers[] = {
		{"apt-get", "sudo apt-get install %s"}, {"dnf", "sudo dnf install %s"}, {"zypper", "sudo zypper install %s"},
		{"pacman", "sudo pacman -S %s"}, {"apk", "sudo apk add %s"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(managers); i++) {
		g_autofree char *path = g_find_program_in_path(managers[i].program);
		g_auto(GStrv) parts = path ? g_strsplit(managers[i].line, "%s", 2) : NULL;

		if (parts)
			return g_strjoinv(package, parts);
	}
	return NULL;
}

static void add_bpftrace(struct kg_doctor *d)
{
	static const char cost[] = "no program can be compiled or run";
	struct kg_bpftrace tool = {0};
	_cleanup_error_ struct kg_error err = {0};
	g_autofree char *install = kg_doctor_install("bpftrace");
	struct kg_doctor_line *l;

	if (kg_bpftrace_find(&tool, &err) < 0) {
		l = kg_doctor_add(d, tools, "bpftrace", KG_DOCTOR_MISSING, err.msg, cost, err.hint ? err.hint : install);
	} else {
		gboolean is_good = kg_bpftrace_is_at_least(&tool, OLDEST_MAJOR, OLDEST_MINOR);
		g_autofree char *text = g_strdup_printf("%s, %s%s", tool.text, tool.path, is_good ? "" : ": older than 0.14");

		l = kg_doctor_add(d, tools, "bpftrace", is_good ? KG_DOCTOR_OK : KG_DOCTOR_MISSING, text, is_good ? NULL : cost,
				  is_good ? NULL : install);
	}
	l->is_vital = TRUE;
	kg_bpftrace_clear(&tool);
}

void kg_doctor_tools(struct kg_doctor *d)
{
	add_bpftrace(d);
}

static void add_cards(struct kg_doctor *d)
{
	static const char cost[] = "without a model no sentence is understood";
	g_auto(GStrv) dirs = kg_paths_data("events");
	g_autofree char *places = g_strjoinv(", ", dirs);
	_cleanup_error_ struct kg_error err = {0};
	struct kg_cards *cards = NULL;
	guint n = 0;

	if (kg_cards_open((const char *const *)dirs, &cards, &err) < 0) {
		kg_doctor_add(d, own, "event cards", KG_DOCTOR_MISSING, err.msg, cost, "mend that file, or remove it")->is_vital = TRUE;
		return;
	}
	n = kg_cards_n(cards);
	kg_cards_free(cards);
	g_autofree char *text = n ? g_strdup_printf("%u in %s", n, places) : g_strdup("none were found");

	kg_doctor_add(d, own, "event cards", n ? KG_DOCTOR_OK : KG_DOCTOR_MISSING, text, n ? NULL : cost,
		      n ? NULL : "make install, or set KGENT_DATA to the source's data directory")->is_vital = TRUE;
}

static void add_cache(struct kg_doctor *d, struct kg_profile *p)
{
	const struct kg_source *s = kg_profile_source(p, "cache");

	if (s)
		kg_doctor_add(d, own, "cache", s->state == KG_SOURCE_OK ? KG_DOCTOR_OK : KG_DOCTOR_LIMITED,
			      s->why ? s->why : "the kernel's profile is cached", s->cost, s->mend);
}

void kg_doctor_data(struct kg_doctor *d, struct kg_profile *p)
{
	add_cards(d);
	add_cache(d, p);
}
