/**
 * @file
 * Retrieve: what a model is told for one question, within its window.
 *
 * The brief holds the task, what this kernel and this bpftrace can and cannot do, fitting event cards, attach points that exist here with their
 * arguments, struct members that may matter, examples, and what was tried so far and why it failed. Its wording is data: templates in
 * data/prompts/, which files of the same name in $XDG_CONFIG_HOME/kgent/prompts/ replace.
 *
 * A template is text with a line "[[system]]" and a line "[[user]]" that begin its two parts. {{name}} is replaced by a value, and what stands
 * between {{#name}} and {{/name}} is left out where the value is empty. What begins with ## in column 1 is a comment.
 */
#pragma once

#include <kgent/bpftrace.h>
#include <kgent/card.h>
#include <kgent/error.h>
#include <kgent/profile.h>

/** A pair that is shown as an example. Borrowed. */
struct kg_brief_example {
	const char *prompt;
	const char *program;
	const char *reason; /**< why it failed; NULL: a good one */
};

/** A program that was tried for this question. Borrowed. */
struct kg_brief_attempt {
	const char *program;       /**< NULL: the answer had none */
	const GPtrArray *failures; /**< char *: one line each, as short as they can be */
};

struct kg_brief_opts {
	const char *question;
	const char *refused;               /**< why the builtin engine does not answer it, or NULL */
	const char *more;                  /**< what the user added when asked, or NULL */
	struct kg_profile *profile;        /**< may be NULL */
	const struct kg_cards *cards;      /**< may be NULL */
	const struct kg_bt_version *version; /**< NULL: not known */
	const GPtrArray *good, *failed;    /**< struct kg_brief_example *, best first; may be NULL */
	const GPtrArray *attempts;         /**< struct kg_brief_attempt *, in order; the last one's program is shown; may be NULL */
	const char *const *allowed;        /**< what the user allowed beyond observing; NULL-terminated; may be NULL */
	int pid;                           /**< observe this process only; 0: all */
	gint64 for_ns;                     /**< observed for so long by whoever runs it; 0: not said */
	gint64 tokens;                     /**< at most so many, roughly; 0: 4096 */
};

struct kg_brief {
	char *system, *user; /**< the two messages */
	GPtrArray *cards;    /**< char *: names of the cards in it */
	GPtrArray *points;   /**< char *: attach points in it: "tracepoint:tcp:tcp_retransmit_skb" */
	guint n_examples;
	gint64 tokens;       /**< roughly */
};
/**
 * @return 0; -KG_E_LIMIT: question, attempts and the template alone do not fit; -KG_E_NOTFOUND, -KG_E_PARSE: no template, or a wrong one,
 *         with file and line
 */
int kg_brief_build(const struct kg_brief_opts *opts, struct kg_brief **ret, struct kg_error *err);
struct kg_brief *kg_brief_free(struct kg_brief *brief);

/** A value of a template. */
struct kg_template_value {
	const char *name;
	const char *text; /**< NULL is empty */
};
/**
 * Fill the template [name] ("write", "explain", "summarise").
 * @param values ends with a NULL name; one that the template names and that is not here is an error
 */
int kg_template_fill(const char *name, const struct kg_template_value *values, char **ret_system, char **ret_user, struct kg_error *err);
/**
 * A name for the wording as it is now, the user's own included: changes when the template does. Owned; NULL where there is none.
 */
char *kg_template_digest(const char *name);
/**
 * Text that comes from the system or from users, for a prompt: control characters made visible, at most [max] bytes, between two lines
 * with a random word that the text cannot know, so that where it ends is not for the text to say. Owned.
 */
char *kg_template_quote(const char *text, gsize len, gsize max);
