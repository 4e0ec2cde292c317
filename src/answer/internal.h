/* What the files of this part share. */
#pragma once

#include <kgent/answer.h>

/* A code block of an answer. */
struct block {
	char *info;        /* what stands behind the opening fence, in lower case: "bpftrace", "diff", "" */
	char *text;        /* without the fences; lines end with \n */
	gboolean is_open;  /* the closing fence is missing: the answer may have been cut */
};
/* The fenced blocks of a text (CommonMark 0.31, 4.5), in order: struct block *. Owned. */
GPtrArray *blocks_read(const char *text);
/* The text without the blocks, without what stands between <think> and </think>. */
char *blocks_prose(const char *text);
char *blocks_without_thinking(const char *text);

/* Is this a change instead of a program? */
gboolean diff_is(const struct block *block);
/* Apply it: the changed text, owned, or NULL where a part of it does not fit. */
char *diff_apply(const char *diff, const char *previous);
