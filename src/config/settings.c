/* The one list of settings, and the forms of their values. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct kg_setting_info kg_settings[] = {
	{"engine", "auto", "engine", TRUE, "who writes the program: auto, builtin or model"},
	{"no-model", "false", "bool", TRUE, "never ask a model"},
	{"provider", NULL, "text", TRUE, "openai (every server that speaks its protocol), anthropic, or command:PROGRAM ARGS"},
	{"base-url", NULL, "text", TRUE, "the server's address, with or without /v1"},
	{"model", NULL, "text", TRUE, "the model's name, as the server calls it"},
	{"api-key", NULL, "secret", FALSE, "the key for base-url, and for nothing else"},
	{"embedding-model", NULL, "text", FALSE, "a model of the same server that makes vectors for the memory; openai only"},
	{"trials", "3", "number", TRUE, "how many programs a model may try for one question"},
	{"samples", "1", "number", TRUE, "how many answers are asked for in a round; the best one counts"},
	{"max-tokens", "0", "number", TRUE, "at most so many tokens for one question, all rounds together; 0: no limit"},
	{"max-cost", "0", "dollars", TRUE, "at most so many dollars for one question; 0: no limit"},
	{"answer-tokens", "4096", "number", FALSE, "at most so many tokens for one answer"},
	{"context", "8192", "number", FALSE, "how many tokens the model takes, question and answer together"},
	{"temperature", "0", "dollars", FALSE, "0: the likeliest answer; up to 2"},
	{"timeout", "120s", "time", FALSE, "how long a server may be silent"},
	{"offline", "false", "bool", TRUE, "ask no server: answer from the cache of earlier answers only"},
	{"fresh", "false", "bool", TRUE, "do not use the cache of earlier answers"},
	{"loopback-ports", "11434,8080,1234,8000", "ports", FALSE, "where a model server is looked for on 127.0.0.1 if none is configured; none: nowhere"},
	{NULL, NULL, NULL, FALSE, NULL},
};

const struct kg_setting_info *kg_setting_find(const char *name)
{
	for (const struct kg_setting_info *s = kg_settings; s->name; s++)
		if (!strcmp(s->name, name))
			return s;
	return NULL;
}

static gboolean is_plain(const char *value)
{
	for (const char *s = value; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return FALSE;
	return g_utf8_validate(value, -1, NULL);
}

static gboolean is_number(const char *value)
{
	return *value && strspn(value, "0123456789") == strlen(value) && strlen(value) <= 12;
}

static gboolean is_decimal(const char *value)
{
	char *end;
	double n = g_ascii_strtod(value, &end);

	return g_ascii_isdigit(*value) && !*end && isfinite(n) && n >= 0 && n < 1e9;
}

static gboolean is_bool(const char *value)
{
	static const char *const words[] = {"true", "false", "yes", "no", "1", "0", NULL};

	return g_strv_contains(words, value);
}

static gboolean is_time(const char *value)
{
	gsize digits = strspn(value, "0123456789");

	return digits && digits <= 5 && atoi(value) > 0 && (!strcmp(value + digits, "s") || !value[digits]);
}

static gboolean is_engine(const char *value)
{
	return !strcmp(value, "auto") || !strcmp(value, "builtin") || !strcmp(value, "model");
}

static gboolean is_ports(const char *value)
{
	g_auto(GStrv) ports = g_strsplit(value, ",", -1);

	if (!strcmp(value, "none"))
		return TRUE;
	for (char **p = ports; *p; p++) {
		g_strstrip(*p);
		if (!is_number(*p) || strlen(*p) > 5 || atoi(*p) < 1 || atoi(*p) > 65535)
			return FALSE;
	}
	return ports[0] && g_strv_length(ports) <= 8;
}

/* A header line ends at a newline, and bytes beyond ASCII have no meaning in one. */
static gboolean is_secret(const char *value)
{
	for (const char *s = value; *s; s++)
		if (*s <= 0x20 || *s == 0x7f)
			return FALSE;
	return *value && strlen(value) < 4096;
}

static const struct {
	const char *form;
	gboolean (*is)(const char *value);
	const char *want;
} forms[] = {
	{"text", is_plain, "a line of text"},
	{"number", is_number, "a number"},
	{"dollars", is_decimal, "a number such as 0.25"},
	{"bool", is_bool, "true or false"},
	{"time", is_time, "seconds, such as 120s"},
	{"engine", is_engine, "auto, builtin or model"},
	{"ports", is_ports, "up to 8 ports such as 11434,8080, or none"},
	{"secret", is_secret, "one word of printable ASCII characters"},
};

int setting_check(const struct kg_setting_info *info, const char *value, int code, const char *where, struct kg_error *err)
{
	for (gsize i = 0; i < G_N_ELEMENTS(forms); i++) {
		if (strcmp(forms[i].form, info->form))
			continue;
		if (forms[i].is(value))
			break;
		if (!strcmp(info->form, "secret")) /* which is not repeated, whatever it is */
			return kg_error_set(err, code, "config", "%s: the key is not %s", where, forms[i].want);
		return kg_error_set(err, code, "config", "%s: \"%s\" is not %s", where, value, forms[i].want);
	}
	/* What costs money or time has bounds that nobody means to pass. */
	if (!strcmp(info->name, "trials") && (atoi(value) < 1 || atoi(value) > 20))
		return kg_error_set(err, code, "config", "%s: from 1 to 20", where);
	if (!strcmp(info->name, "samples") && (atoi(value) < 1 || atoi(value) > 10))
		return kg_error_set(err, code, "config", "%s: from 1 to 10", where);
	if (!strcmp(info->name, "temperature") && g_ascii_strtod(value, NULL) > 2)
		return kg_error_set(err, code, "config", "%s: from 0 to 2", where);
	if (!strcmp(info->name, "context") && g_ascii_strtoll(value, NULL, 10) < 1024)
		return kg_error_set(err, code, "config", "%s: less than 1024 tokens is too small for a question", where);
	if (!strcmp(info->name, "answer-tokens") && g_ascii_strtoll(value, NULL, 10) < 64)
		return kg_error_set(err, code, "config", "%s: less than 64 tokens is too small for an answer", where);
	return 0;
}
