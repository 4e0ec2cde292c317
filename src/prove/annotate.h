/* What stands between the lines of an annotated program. annotate_lines.c finds it, annotate.c shows it. */
#pragma once

#include <kgent/annotate.h>

enum note_origin { NOTE_CONTRACT, NOTE_INLINE, NOTE_BUILT_IN };
struct note {
	int line;                /* stands below this line; behind the last: about the program as a whole */
	gboolean is_assert;
	enum note_origin origin;
	char *text;              /* "destination port: sk->__sk_common.skc_dport as port" */
	const struct kg_obligation_result *result; /* of assertions */
};
const char *note_origin_name(enum note_origin origin);
/* All notes in the order of their lines; owned array of struct note *. [n_lines] of the source. */
GPtrArray *notes_of(const struct kg_annotated *in, int n_lines);
