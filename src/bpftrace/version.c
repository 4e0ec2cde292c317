/* bpftrace's version, as its --version prints it. */
#include <kgent/bpftrace.h>

#include <string.h>

static gboolean number(const char **s, int *ret)
{
	char *end;
	long n;

	if (!g_ascii_isdigit(**s))
		return FALSE;
	n = strtol(*s, &end, 10);
	if (n > 100000)
		return FALSE;
	*s = end;
	*ret = (int)n;
	return TRUE;
}

int kg_bt_version_parse(const char *text, struct kg_bt_version *ret)
{
	struct kg_bt_version v = {0};
	const char *s = text + strspn(text, " \t\n");

	if (g_str_has_prefix(s, "bpftrace"))
		s += strlen("bpftrace");
	s += strspn(s, " ");
	if (*s == 'v')
		s++;
	if (!number(&s, &v.major) || *s++ != '.' || !number(&s, &v.minor))
		return -KG_E_PARSE;
	if (*s == '.') {
		s++;
		if (!number(&s, &v.patch))
			return -KG_E_PARSE;
	}
	*ret = v;
	return 0;
}

int kg_bt_version_compare(const struct kg_bt_version *a, const struct kg_bt_version *b)
{
	if (a->major != b->major)
		return a->major - b->major;
	return a->minor != b->minor ? a->minor - b->minor : a->patch - b->patch;
}
