/*
 * What the models of helpers share.
 *
 * helper.c         the table; what is known of here and now, reading memory, records, texts
 * helper_map.c     maps of all kinds
 * helper_packet.c  packets
 * helper_dynptr.c  dynptrs
 *
 * A model asks all that it has to decide before it changes anything, since the instruction is executed again behind a fork.
 */
#pragma once

#include "state.h"

struct call {
	struct kg_state *s;
	struct kg_symex *x;
	const struct kg_word *arg; /* r1 to r5 */
	struct kg_word ret;        /* 0 where the model sets nothing */
	int helper;
	int which; /* what the table says of this helper */
};
typedef int (*helper_fn)(struct call *c);

#define MAX_READ 65536 /* bytes of one read */
#define ERROR(number) KG_WORD((uint64_t)-(int64_t)(number))

/* Remember what the helper answered, for the replay: a result that no input tells, and bytes that it wrote. Gives back [result]. */
struct kg_word helper_answered(struct call *c, struct kg_word result, struct kg_word *output, guint n_output);
/* 64 bits that only the kernel knows, others for each call. [i] tells several of one call apart. */
struct kg_word helper_unknown(struct call *c, guint i);
/* [n] bytes that only the kernel knows, stored at [to]; *ret: those bytes, owned by the executor. */
int helper_fill(struct call *c, struct kg_word to, guint n, struct kg_word **ret);
/* A size that is a number, or one that the path bounds: then *ret_exact holds the term. */
int helper_size(struct call *c, struct kg_word size, guint most, guint *ret, struct kg_word *ret_exact);

/* helper_map.c */
int model_lookup(struct call *c);
int model_lookup_percpu(struct call *c);
int model_update(struct call *c);
int model_delete(struct call *c);
int model_storage(struct call *c);
int model_storage_delete(struct call *c);
int model_local_storage(struct call *c);
int model_push(struct call *c);
int model_pop(struct call *c);

/* helper_packet.c */
int model_load_packet(struct call *c);
int model_store_packet(struct call *c);
int model_pull_packet(struct call *c);
int model_packet_length(struct call *c);
int model_redirect(struct call *c);
int model_redirect_map(struct call *c);

/* helper_dynptr.c */
int model_dynptr_from_mem(struct call *c);
int model_dynptr_reserve(struct call *c);
int model_dynptr_submit(struct call *c);
int model_dynptr_read(struct call *c);
int model_dynptr_write(struct call *c);
int model_dynptr_data(struct call *c);

/* helper.c */
int helper_record(struct call *c, int map, struct kg_word at, struct kg_word size);
int helper_reserve(struct call *c, int map, guint n, struct kg_word *ret);
