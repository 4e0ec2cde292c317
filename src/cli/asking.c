/* A model that is being asked: see asking.h. */
#include "asking.h"

#include <kgent/text.h>

#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REFRESH_US 100000

static volatile sig_atomic_t cancelled;
static struct sigaction old_action;

static void on_interrupt(int number)
{
	cancelled = 1;
}

const volatile sig_atomic_t *kg_asking_catch(void)
{
	/* a second Ctrl-C has its usual effect, for what can't be ended in between */
	struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};

	cancelled = 0;
	sigaction(SIGINT, &action, &old_action);
	return &cancelled;
}

void kg_asking_release(void)
{
	sigaction(SIGINT, &old_action, NULL);
}

void kg_asking_view_init(struct kg_asking_view *view, const struct kg_cli *cli, const struct kg_model *model)
{
	*view = (struct kg_asking_view){.cli = cli, .name = kg_model_name(model), .has_status = isatty(STDERR_FILENO) && !cli->quiet};
}

void kg_asking_wipe(struct kg_asking_view *view)
{
	if (view->is_up)
		kg_cli_err("\r\033[K");
	view->is_up = FALSE;
}

static int columns(void)
{
	struct winsize size;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

/* The line that is being written, or the one before it while that is empty. */
static char *last_line(const char *text)
{
	const char *end = text + strlen(text);

	while (end > text && g_ascii_isspace(end[-1]))
		end--;
	const char *begin = end;
	while (begin > text && begin[-1] != '\n')
		begin--;
	return g_strndup(begin, (gsize)(end - begin));
}

/* As much of it as the terminal is wide; only then the line can be wiped again. */
static void show_cut(const char *line)
{
	g_autoptr(GString) out = g_string_new("\r\033[K");
	int left = columns() - 1;

	for (const char *s = line; *s && left > 0; s = g_utf8_next_char(s)) {
		gunichar c = g_utf8_get_char_validated(s, -1);
		if (c == (gunichar)-1 || c == (gunichar)-2)
			break;
		left -= g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
		if (left >= 0)
			g_string_append_unichar(out, c == '\t' ? ' ' : c);
	}
	kg_cli_err(out->str);
}

void kg_asking_progress(const struct kg_model_progress *p, void *user)
{
	struct kg_asking_view *view = user;
	gint64 now = g_get_monotonic_time();
	g_autoptr(GString) line = g_string_new(NULL);

	if (!view->has_status || now - view->shown_us < REFRESH_US)
		return;
	view->shown_us = now;
	if (p->wait_s) {
		g_string_append_printf(line, "next try in %d s: ", p->wait_s);
		kg_text_escape(p->why, -1, line);
	} else {
		g_autofree char *tail = last_line(p->text);
		kg_text_escape(view->name, -1, line);
		g_string_append_printf(line, ", %" G_GINT64_FORMAT " s, Ctrl-C cancels", p->elapsed_ns / 1000000000);
		if (p->reasoning && !*p->text)
			g_string_append_printf(line, "; thinking (%zu bytes)", p->reasoning);
		else if (*tail) {
			g_string_append(line, " | ");
			kg_text_escape(tail, -1, line);
		}
	}
	show_cut(line->str);
	view->is_up = TRUE;
}

int kg_asking_once(const struct kg_cli *cli, struct kg_model *model, const struct kg_config *config, int max_tokens, const char *system,
		   const char *user, char **ret, gboolean *ret_cancelled, struct kg_error *err)
{
	const struct kg_model_message messages[] = {{"system", system}, {"user", user}};
	struct kg_asking_view view;
	struct kg_model_reply reply = {0};

	if (kg_config_bool(config, "offline"))
		return kg_error_set(err, KG_E_NOTFOUND, "model", "offline: %s is not asked, and what it says of this is not in the cache", kg_model_name(model));
	kg_asking_view_init(&view, cli, model);
	const struct kg_model_request request = {.messages = messages, .n_messages = G_N_ELEMENTS(messages),
						 .max_tokens = max_tokens,
						 .temperature = kg_config_number(config, "temperature"), .progress = kg_asking_progress, .user = &view,
						 .cancel = kg_asking_catch()};
	int code = kg_model_complete(model, &request, &reply, err);
	kg_asking_release();
	kg_asking_wipe(&view);
	*ret_cancelled = code && kg_model_was_cancelled(model);
	if (code)
		return code;
	g_autoptr(GString) text = g_string_new(NULL);
	kg_text_escape_lines(g_strstrip(reply.text), -1, text);
	double cost = 0;
	gboolean is_known = kg_model_cost(model, reply.tokens_in, reply.tokens_out, &cost);
	g_autofree char *spent = kg_asking_spent(reply.requests, reply.tokens_in, reply.tokens_out, is_known, cost);
	kg_cli_note(cli, "%s: %s", kg_model_name(model), spent);
	if (reply.end == KG_MODEL_CUT)
		g_string_append(text, "\n(cut off: it was longer than answer-tokens)");
	kg_model_reply_clear(&reply);
	*ret = g_string_free(g_steal_pointer(&text), FALSE);
	return 0;
}

char *kg_asking_spent(guint requests, gint64 tokens_in, gint64 tokens_out, gboolean is_cost_known, double cost)
{
	GString *out = g_string_new(NULL);

	if (!requests)
		return g_strdup("nothing was asked, all answers came from the cache");
	g_string_append_printf(out, "%u request%s", requests, requests == 1 ? "" : "s");
	if (tokens_in >= 0 && tokens_out >= 0)
		g_string_append_printf(out, ", %" G_GINT64_FORMAT " tokens read, %" G_GINT64_FORMAT " written", tokens_in, tokens_out);
	else
		g_string_append(out, ", tokens unknown");
	if (is_cost_known)
		g_string_append_printf(out, ", cost $%.4f", cost);
	else
		g_string_append(out, ", cost unknown");
	return g_string_free(out, FALSE);
}
