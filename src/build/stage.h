/*
 * A stage: what one child sees in place of /sys/kernel, made from a profile. The child has a user and a mount namespace of its own; nothing of it
 * is seen by anybody else, and it is gone when the child ends.
 */
#pragma once

#include <kgent/child.h>
#include <kgent/profile.h>

/* The child's descriptor of the kernel's types: the third that kg_child_opts.fds names. */
#define STAGE_BTF_FD 5
#define STAGE_BTF_FILE "/dev/fd/5"

struct stage {
	struct kg_profile *profile;
	int btf;               /* a memory file with the kernel's types, or -1: the profile has none */
	GPtrArray *entries;    /* struct stage_entry *, a folder before what lies in it */
	GHashTable *folders;   /* those that are among the entries already */
	char *hidden[3];       /* folders with headers of the running kernel, which are not those of another one; NULL behind them */
};

/**
 * What [program] needs of the profile: its types, and the tracepoints and functions that the program can name.
 * @param ret release with stage_clear(), also on failure
 * @return 0; -KG_E_PARSE: of these a name could lead out of the stage, or a format is more than fields
 */
int stage_new(const char *program, struct kg_profile *profile, struct stage *ret, struct kg_error *err);
void stage_clear(struct stage *stage);
/* In the child, as kg_child_opts.prepare with the stage: only system calls. 0 or an errno value. */
int stage_enter(void *stage);

/* The answers to bpftrace's questions to the kernel, of which it learns by bpf(2) what there is: from the profile. */
struct answers {
	struct kg_profile *profile;
	int pretended;      /* a descriptor that stands for what was loaded */
	gboolean is_blind;  /* questions could not be read, so that what the child believes is not what the profile says */
	gboolean is_unsure; /* a question was answered with no because types do not tell */
};
/* 0, or an errno value. */
int answers_init(struct answers *a, struct kg_profile *profile);
void answers_clear(struct answers *a);
/* The filter that hands bpf(2) over, and nothing else; NULL with an errno value. Release with kg_child_filter_free(). */
struct sock_fprog *answers_filter(int *ret_errno);
/* Answer one call: kg_child.on_notify with the answers as its user. */
void answers_serve(struct kg_child *child, void *answers);
