/* The command of -c: see command.h. */
#include "command.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child. What goes wrong is told by the exit code: an errno value. */
static void become(char **argv)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0 || ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(errno & 0xff);
	execvp(argv[0], argv);
	_exit(errno & 0xff);
}

static int failed(struct kg_command *command, struct kg_error *err, const char *line, int why)
{
	command->pid = 0;
	return kg_error_set(err, KG_E_INVAL, "command", "the command \"%s\" can't be started: %s", line, g_strerror(why));
}

int kg_command_start(struct kg_command *command, const char *line, struct kg_error *err)
{
	g_auto(GStrv) argv = NULL;
	g_autoptr(GError) problem = NULL;
	int status;

	if (!g_shell_parse_argv(line, NULL, &argv, &problem))
		return kg_error_set(err, KG_E_INVAL, "command", "the command \"%s\" can't be read: %s", line, problem->message);
	command->pid = fork();
	if (command->pid < 0)
		return failed(command, err, line, errno);
	if (command->pid == 0)
		become(argv);
	while (waitpid(command->pid, &status, 0) < 0)
		if (errno != EINTR)
			return failed(command, err, line, errno);
	if (WIFEXITED(status))
		return failed(command, err, line, WEXITSTATUS(status));
	if (WIFSIGNALED(status))
		return failed(command, err, line, EINTR);
	ptrace(PTRACE_SETOPTIONS, command->pid, NULL, PTRACE_O_EXITKILL);
	command->end_fd = (int)syscall(SYS_pidfd_open, command->pid, 0);
	if (command->end_fd < 0) {
		int why = errno;
		kg_command_end(command);
		return failed(command, err, line, why);
	}
	return 0;
}

void kg_command_go(struct kg_command *command)
{
	if (command->pid <= 0 || command->is_going)
		return;
	command->is_going = TRUE;
	ptrace(PTRACE_DETACH, command->pid, NULL, NULL);
}

static gboolean has_ended(struct kg_command *command, int timeout_ms)
{
	struct pollfd poll_end = {.fd = command->end_fd, .events = POLLIN};

	return command->end_fd < 0 ? FALSE : poll(&poll_end, 1, timeout_ms) > 0;
}

void kg_command_end(struct kg_command *command)
{
	if (command->pid > 0) {
		if (!command->is_going)
			kill(command->pid, SIGKILL);
		else if (!has_ended(command, 0))
			kill(command->pid, SIGTERM);
		if (command->is_going && !has_ended(command, 2000))
			kill(command->pid, SIGKILL);
		while (waitpid(command->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (command->end_fd >= 0)
		close(command->end_fd);
	*command = (struct kg_command)KG_COMMAND_INIT;
}
