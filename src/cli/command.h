/*
 * The command of -c: started, held before its first instruction, let go once the program observes, and waited for.
 *
 * It is held with ptrace(2) (as a debugger starts a program), so that its process id is known before the program is written, and nothing
 * that kgent does to start it is mistaken for what it does itself.
 */
#pragma once

#include <kgent/error.h>
#include <sys/types.h>

struct kg_command {
	pid_t pid;    /* 0: none */
	int end_fd;   /* readable once it has ended */
	gboolean is_going;
};
#define KG_COMMAND_INIT {.end_fd = -1}

/* Start [line], split as a shell splits words, and hold it. Its standard output is our standard error: ours is for the answer. */
int kg_command_start(struct kg_command *command, const char *line, struct kg_error *err);
/* Let it go. No effect a second time. */
void kg_command_go(struct kg_command *command);
/* Wait for it, or end it where it still runs: SIGTERM, and SIGKILL two seconds later. NULL-safe for one that was never started. */
void kg_command_end(struct kg_command *command);
