/* Logs of the kernel's verifier, cut to the cause. */
#include <kgent/load.h>

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *s, gboolean lines)
{
	for (; s && *s; s++)
		if ((unsigned char)*s < 0x20 && *s != '\t' && !(lines && *s == '\n'))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kg_verifier_finding f;
	gboolean found = kg_verifier_log_parse((const char *)data, size, &f);

	if (found != (f.reason != NULL) || !f.tail || strlen(f.tail) > 8 * 500 * 8)
		abort();
	check(f.reason, FALSE);
	check(f.insn, FALSE);
	check(f.source, FALSE);
	check(f.state, FALSE);
	check(f.tail, TRUE);
	kg_verifier_finding_clear(&f);
	return 0;
}
