/* Finding values in a text whose wording is not known: private to the trial. */
#pragma once

#include <kgent/trial.h>

/* A comparison with its values filled in. */
struct wanted {
	enum kg_trial_compare compare;
	GPtrArray *texts;   /* char * */
	GArray *numbers;    /* gint64, beside texts */
	GArray *is_number;  /* gboolean, beside texts */
};
struct wanted *wanted_new(const struct kg_trial_want *want, const struct kg_truth *truth, const char *each, struct kg_error *err);
void wanted_free(gpointer wanted);
/* Does this number satisfy it? -1: it is less than wanted, 1: more, 0: it does. */
int wanted_number(const struct wanted *wanted, gint64 number);
gboolean wanted_text(const struct wanted *wanted, const char *text);
void wanted_show(const struct wanted *wanted, GString *out);

/* "17", "-3", "0x1f": a number and nothing else. */
gboolean number_parse(const char *text, gsize len, gint64 *ret);

/*
 * Has the text, at places of their own, something for each of [parts] (struct wanted *), and one number that satisfies all of [value]?
 * [value] may be empty: then no number is looked for. Returns how many of the parts were found; all of them and the value: n + 1.
 */
guint match_parts(const char *text, const GPtrArray *parts, const GPtrArray *value);
