/* User space: functions and USDT probes of this very program, and a shell on a pseudo-terminal. */
#include "stimulus.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sys/sdt.h>

/* Attach points: uprobe:PATH:kgent_stimulus_called, and the USDT probe kgent:tick with the number of the round and the value. */
#ifdef __clang__
#define AS_IT_IS __attribute__((noinline, used))
#else
#define AS_IT_IS __attribute__((noipa, used)) /* no copy of it under another name either */
#endif
long kgent_stimulus_called(long value);
AS_IT_IS long kgent_stimulus_called(long value)
{
	__asm__ volatile("" : "+r"(value) : : "memory");
	return value + 1;
}

static void call_function(struct stim *s, void *data)
{
	long n = stim_number(s, "count"), value = stim_number(s, "value");

	stim_begin(s);
	for (long i = 0; i < n; i++)
		if (kgent_stimulus_called(value) != value + 1)
			stim_fail(s, "the function does not work");
	stim_end(s);
}

static void run_function(struct stim *s)
{
	stim_act(s, call_function, NULL);
	stim_tell(s, "function.count", stim_number(s, "count"));
	stim_tell(s, "function.argument", stim_number(s, "value"));
	stim_tell(s, "function.returns", stim_number(s, "value") + 1);
	stim_tell_text(s, "function.name", "kgent_stimulus_called");
	stim_tell_text(s, "function.program", s->self);
	stim_tell(s, "syscalls", 1);
}

static void fire_probe(struct stim *s, void *data)
{
	long n = stim_number(s, "count"), value = stim_number(s, "value");

	stim_begin(s);
	for (long i = 0; i < n; i++)
		DTRACE_PROBE2(kgent, tick, i, value);
	stim_end(s);
}

static void run_usdt(struct stim *s)
{
	stim_act(s, fire_probe, NULL);
	stim_tell(s, "usdt.count", stim_number(s, "count"));
	stim_tell(s, "usdt.value", stim_number(s, "value"));
	stim_tell_text(s, "usdt.provider", "kgent");
	stim_tell_text(s, "usdt.name", "tick");
	stim_tell_text(s, "usdt.program", s->self);
	stim_tell(s, "syscalls", 1);
}

/* ---------------------------------------------------------------- a shell on a terminal */

#define PROMPT "kgstim-prompt>"

/* Read what the shell says until [what] has come. FALSE: it ended, or was silent for too long. */
static bool await(int fd, const char *what)
{
	char text[65536] = "";
	size_t len = 0;
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (len < sizeof(text) - 1 && poll(&p, 1, 10000) > 0) {
		ssize_t n = read(fd, text + len, sizeof(text) - 1 - len);
		if (n <= 0)
			return false;
		len += (size_t)n;
		text[len] = '\0';
		if (strstr(text, what))
			return true;
	}
	return false;
}

static _Noreturn void be_shell(void)
{
	setenv("PS1", PROMPT, 1);
	setenv("TERM", "dumb", 1);
	unsetenv("HISTFILE");
	execl("/bin/bash", "bash", "--norc", "--noprofile", "-i", NULL);
	execl("/usr/bin/bash", "bash", "--norc", "--noprofile", "-i", NULL);
	_exit(127);
}

/* Each line is typed when the prompt is there, so that readline reads it as one. */
static void type_lines(struct stim *s, void *data)
{
	long n = stim_number(s, "count");
	const char *command = stim_text(s, "line");
	char line[300];
	int terminal, status;
	pid_t shell = forkpty(&terminal, NULL, NULL, NULL);

	stim_must(s, shell, "forkpty");
	if (!shell)
		be_shell();
	s->ids[0] = shell;
	snprintf(line, sizeof(line), "%.290s\n", command);
	if (!await(terminal, PROMPT))
		stim_cannot(s, "there is no bash that shows a prompt");
	stim_begin(s);
	for (long i = 0; i < n; i++) {
		if (syscall(SYS_write, terminal, line, strlen(line)) != (long)strlen(line))
			stim_fail(s, "write: %s", strerror(errno));
		if (!await(terminal, PROMPT))
			stim_fail(s, "the shell did not come back");
	}
	stim_end(s);
	if (write(terminal, "exit\n", 5) == 5)
		await(terminal, "no such text");
	close(terminal);
	while (waitpid(shell, &status, 0) < 0 && errno == EINTR)
		;
}

static void run_shell(struct stim *s)
{
	const char *line = stim_text(s, "line");

	if (strpbrk(line, "\n\r\t") || strlen(line) > 200)
		stim_cannot(s, "--line takes one line of at most 200 characters, without tabs");
	stim_act(s, type_lines, NULL);
	stim_tell(s, "shell.lines", stim_number(s, "count"));
	stim_tell_text(s, "shell.line", line);
	stim_tell(s, "shell.pid", s->ids[0]);
	stim_tell_text(s, "shell.comm", "bash");
	stim_tell(s, "shell.exit_lines", 1); /* "exit", typed at the end */
}

static const struct stim_option call_options[] = {
	{"count", "N", "100", "how many", 0, 10000000, NULL}, {"value", "N", "42", "the argument", 0, 1LL << 40, NULL}, {NULL}};
static const struct stim_option shell_options[] = {
	{"count", "N", "3", "how many lines", 0, 1000, NULL}, {"line", "TEXT", "echo kgstim", "what is typed", 0, 0, NULL}, {NULL}};

const struct stimulus stim_user[] = {
	{"function", "call the function kgent_stimulus_called of this program", run_function, call_options,
	 "function.count function.argument function.returns function.name function.program syscalls", NULL},
	{"usdt", "pass the USDT probe kgent:tick of this program", run_usdt, call_options,
	 "usdt.count usdt.value usdt.provider usdt.name usdt.program syscalls", NULL},
	{"shell", "type lines into a bash on a pseudo-terminal", run_shell, shell_options, "shell.lines shell.line shell.pid shell.comm shell.exit_lines",
	 "bash"},
	{NULL},
};
