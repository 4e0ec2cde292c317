/* How a model that is being asked is shown: one status line on a terminal, and Ctrl-C. */
#pragma once

#include "cli.h"

#include <kgent/model.h>

struct kg_asking_view {
	const struct kg_cli *cli;
	const char *name;      /* the model's */
	gboolean has_status;   /* standard error is a terminal that may be written on */
	gboolean is_up;        /* a status line is on the screen */
	gint64 shown_us;       /* when */
};
void kg_asking_view_init(struct kg_asking_view *view, const struct kg_cli *cli, const struct kg_model *model);
/* A kg_model_progress_fn; user is the view. */
void kg_asking_progress(const struct kg_model_progress *progress, void *user);
void kg_asking_wipe(struct kg_asking_view *view);

/* From now on Ctrl-C sets this flag instead of ending kgent at once; a second one does. Until kg_asking_release(). */
const volatile sig_atomic_t *kg_asking_catch(void);
void kg_asking_release(void);

/* One question to a model that is not part of the loop: a template's two messages in, harmless text out. */
int kg_asking_once(const struct kg_cli *cli, struct kg_model *model, const struct kg_config *config, int max_tokens, const char *system,
		   const char *user, char **ret, gboolean *ret_cancelled, struct kg_error *err);
/* "812 tokens read, 96 written, $0.0021": what is not known is called so. Owned. */
char *kg_asking_spent(guint requests, gint64 tokens_in, gint64 tokens_out, gboolean is_cost_known, double cost);
