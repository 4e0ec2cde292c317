/*
 * A program as the model: the conversation on its standard input, the answer on its standard output, no shell in between. It runs with this
 * process's environment but for kgent's own key, in a process group of its own, which is ended as a whole when time is up.
 */
#include "internal.h"

#include <kgent/child.h>
#include <kgent/text.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_ERRORS (16 << 10)
#define TICK_MS 100

/* In the child, before exec: descriptor 3 is the conversation. */
static int conversation_as_input(void *user)
{
	if (dup2(3, STDIN_FILENO) < 0)
		return errno;
	close(3);
	return 0;
}

static int start(const struct kg_model *model, const struct kg_model_request *request, struct kg_child *child, struct kg_error *err)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_auto(GStrv) env = g_environ_unsetenv(g_get_environ(), "KGENT_API_KEY");

	for (guint i = 0; i < request->n_messages; i++)
		g_string_append_printf(text, "%s%s\n", i ? "\n" : "", request->messages[i].text);
	int fd = kg_child_memfd("conversation", text->str, text->len);
	if (fd < 0)
		return kg_error_set(err, KG_E_IO, STAGE, "no memory file could be made: %s", g_strerror(errno));
	struct kg_child_opts opts = {.argv = (const char *const *)model->argv, .env = (const char *const *)env, .fds = &fd, .n_fds = 1,
				     .prepare = conversation_as_input};
	int code = kg_child_start(&opts, child, NULL, err);
	close(fd);
	return code;
}

/* Until it ends: 0, or why it was given up. */
static int follow(struct kg_model *model, const struct kg_model_request *request, struct kg_child *c, GString *out, GString *errors,
		  struct kg_error *err)
{
	gint64 begin = g_get_monotonic_time(), until = begin + model->silence_s * G_USEC_PER_SEC;

	while (c->out >= 0 || !kg_child_wait(c, 0)) {
		struct pollfd p[2] = {{c->out, POLLIN, 0}, {c->err, POLLIN, 0}};
		if (is_cancelled(request))
			return kg_error_set(err, KG_E_LIMIT, STAGE, "the request was cancelled");
		if (g_get_monotonic_time() >= until) {
			int code = kg_error_set(err, KG_E_LIMIT, STAGE, "%s did not end within %d s, and was ended", model->name, model->silence_s);
			kg_error_hint(err, "a program that takes longer needs a longer timeout (kgent config show)");
			return code;
		}
		/* what a program leaves behind may keep the pipes open: once it is gone, only what is there is read */
		gboolean is_gone = kg_child_wait(c, 0);
		if (c->out < 0 && c->err < 0 && !is_gone)
			kg_child_wait(c, TICK_MS); /* all is said, and it is about to end */
		else if (poll(p, 2, is_gone ? 0 : TICK_MS) == 0 && is_gone)
			break;
		kg_child_drain(&c->out, KG_MODEL_MAX_BYTES + 1, out);
		kg_child_drain(&c->err, MAX_ERRORS, errors);
		if (out->len > KG_MODEL_MAX_BYTES)
			return kg_error_set(err, KG_E_LIMIT, STAGE, "the answer of %s is longer than %u KiB, and was given up", model->name,
					    KG_MODEL_MAX_BYTES >> 10);
		struct kg_model_progress progress = {.text = out->str, .elapsed_ns = (g_get_monotonic_time() - begin) * 1000};
		if (request->progress)
			request->progress(&progress, request->user);
	}
	kg_child_drain(&c->err, MAX_ERRORS, errors);
	return 0;
}

/* What it said last is most likely the reason. */
static int failed(const struct kg_model *model, int wstatus, const char *errors, struct kg_error *err)
{
	g_autofree char *status = kg_child_status_text(wstatus);
	g_autofree char *text = g_strchomp(g_utf8_make_valid(errors, -1));
	const char *last = strrchr(text, '\n');
	gsize len = strlen(text);
	int code = kg_error_set(err, KG_E_TOOL, STAGE, "%s %s", model->name, status);

	last = last ? last + 1 : text;
	if (len > 800)
		text[800] = '\0';
	if (*text)
		kg_error_hint(err, "it said: %s", strlen(last) < 800 && len > 800 ? last : text);
	return code;
}

int command_complete(struct kg_model *model, const struct kg_model_request *request, struct kg_model_reply *ret, struct kg_error *err)
{
	g_autoptr(GString) out = g_string_new(NULL);
	g_autoptr(GString) errors = g_string_new(NULL);
	struct kg_child child = KG_CHILD_INIT;

	int code = start(model, request, &child, err);
	if (code)
		return code;
	code = follow(model, request, &child, out, errors, err);
	int wstatus = child.wstatus;
	kg_child_end(&child);
	if (code)
		return code;
	if (!WIFEXITED(wstatus) || WEXITSTATUS(wstatus))
		return failed(model, wstatus, errors->str, err);
	*ret = (struct kg_model_reply){.text = g_utf8_make_valid(out->str, out->len), .end = KG_MODEL_DONE, .tokens_in = -1, .tokens_out = -1,
				       .requests = 1};
	return 0;
}
