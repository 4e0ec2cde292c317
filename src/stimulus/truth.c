/*
 * The truth as JSON. Facts are kept as a flat list of dotted names in the order in which they were told; those that begin alike make
 * an object, and a list where what follows is a number:
 *
 *	open.count 3, open.path "/x", children.0.pid 7, children.1.pid 8
 *	"open":{"count":3,"path":"/x"},"children":[{"pid":7},{"pid":8}]
 */
#include "stimulus.h"

#include <stdio.h>
#include <string.h>

static struct stim_fact *new_fact(struct stim *s, const char *name)
{
	struct stim_fact *fact;

	if (s->n_facts >= STIM_MAX_FACTS)
		stim_fail(s, "there are too many facts to tell");
	fact = &s->facts[s->n_facts++];
	memset(fact, 0, sizeof(*fact));
	snprintf(fact->name, sizeof(fact->name), "%s", name);
	return fact;
}

void stim_tell(struct stim *s, const char *name, long long number)
{
	new_fact(s, name)->number = number;
}

void stim_tell_text(struct stim *s, const char *name, const char *text)
{
	struct stim_fact *fact = new_fact(s, name);

	fact->is_text = true;
	snprintf(fact->text, sizeof(fact->text), "%s", text);
}

static const char *at(const char *list, long i, const char *member)
{
	static char name[56];

	snprintf(name, sizeof(name), "%.24s.%ld.%.20s", list, i, member);
	return name;
}

void stim_tell_at(struct stim *s, const char *list, long i, const char *member, long long number)
{
	if (i < STIM_MAX_LISTED)
		stim_tell(s, at(list, i, member), number);
}

void stim_tell_text_at(struct stim *s, const char *list, long i, const char *member, const char *text)
{
	if (i < STIM_MAX_LISTED)
		stim_tell_text(s, at(list, i, member), text);
}

void stim_print_text(const char *text)
{
	putchar('"');
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '"' || *p == '\\')
			printf("\\%c", *p);
		else if (*p < ' ' || *p >= 0x7f)
			printf("\\u%04x", *p);
		else
			putchar(*p);
	}
	putchar('"');
}

static void print_value(const struct stim_fact *fact)
{
	if (fact->is_text)
		stim_print_text(fact->text);
	else
		printf("%lld", fact->number);
}

/* The facts from [i] on that share their first [len] characters; returns where they end. */
static int same_prefix(const struct stim *s, int i, size_t len)
{
	int end = i;

	while (end < s->n_facts && !strncmp(s->facts[end].name, s->facts[i].name, len))
		end++;
	return end;
}

static bool is_index(const char *name)
{
	return *name >= '0' && *name <= '9';
}

/* Facts from [i] to [end], of which the first [skip] characters are said already. */
static void print_members(const struct stim *s, int i, int end, size_t skip)
{
	for (bool first = true; i < end; first = false) {
		const char *name = s->facts[i].name + skip, *dot = strchr(name, '.');
		size_t len = dot ? (size_t)(dot - name) : strlen(name);

		if (!first)
			putchar(',');
		if (!is_index(name))
			printf("\"%.*s\":", (int)len, name);
		if (!dot) {
			print_value(&s->facts[i++]);
			continue;
		}
		int stop = same_prefix(s, i, skip + len + 1);
		bool is_list = is_index(dot + 1);
		putchar(is_list ? '[' : '{');
		print_members(s, i, stop < end ? stop : end, skip + len + 1);
		putchar(is_list ? ']' : '}');
		i = stop;
	}
}

void stim_print(const struct stim *s)
{
	printf("{\"stimulus\":");
	stim_print_text(s->what->name);
	printf(",\"done\":%s", s->outcome == STIM_DONE ? "true" : "false");
	if (s->outcome != STIM_DONE) {
		printf(",\"can\":%s,\"why\":", s->outcome == STIM_CANNOT ? "false" : "true");
		stim_print_text(s->why);
	} else if (s->n_facts) {
		putchar(',');
		print_members(s, 0, s->n_facts, 0);
	}
	printf("}\n");
}
