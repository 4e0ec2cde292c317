/* How kgent speaks: errors and notes on standard error, answers on standard output. */
#include "cli.h"

#include <kgent/text.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void kg_cli_err(const char *text)
{
	fputs(text, stderr);
	fflush(stderr);
}

gboolean kg_cli_out(const char *text)
{
	/* The stream keeps its error, so that main() sees it however often it is tried. */
	fputs(text, stdout);
	return fflush(stdout) == 0 && !ferror(stdout);
}

/* Messages quote what the user and the kernel wrote, so they are made harmless here, once. */
static void say(const char *before, const char *text)
{
	g_autoptr(GString) line = g_string_new(before);

	kg_text_escape(text, -1, line);
	g_string_append_c(line, '\n');
	kg_cli_err(line->str);
}

void kg_cli_error(const struct kg_cli *cli, const struct kg_error *err)
{
	say("kgent: ", err->msg ?: "failed without a message");
	if (err->hint)
		say("  ", err->hint);
}

void kg_cli_note(const struct kg_cli *cli, const char *fmt, ...)
{
	va_list ap;

	if (cli->quiet)
		return;
	va_start(ap, fmt);
	g_autofree char *text = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	say("kgent: ", text);
}

void kg_cli_warn(const char *text)
{
	say("kgent: ", text);
}

int kg_cli_usage(const struct kg_cli *cli, const char *command, const struct kg_error *err)
{
	kg_cli_error(cli, err);
	if (!err->hint)
		fprintf(stderr, "  kgent help%s%s tells what can be said\n", command ? " " : "", command ?: "");
	return KG_EXIT_USAGE;
}

int kg_cli_exit(const struct kg_error *err)
{
	switch ((enum kg_errc)err->code) {
	case KG_E_INVAL:
		return KG_EXIT_USAGE;
	case KG_E_REFUSED:
		return KG_EXIT_REFUSED;
	case KG_E_PARSE:
	case KG_E_LIMIT:
		return KG_EXIT_NOT_VERIFIED;
	default:
		return KG_EXIT_ENVIRONMENT;
	}
}

/* Words that a shell takes as they are need no quotes: the line is for people. */
static void append_word(GString *line, const char *word)
{
	if (*word && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%") == strlen(word)) {
		g_string_append(line, word);
		return;
	}
	g_autofree char *quoted = g_shell_quote(word);
	g_string_append(line, quoted);
}

char *kg_cli_sudo(const struct kg_cli *cli)
{
	GString *line = g_string_new("sudo");

	for (int i = 0; i < cli->n_words; i++) {
		g_string_append_c(line, ' ');
		append_word(line, cli->words[i]);
	}
	return g_string_free(line, FALSE);
}
