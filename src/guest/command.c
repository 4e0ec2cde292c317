/*
 * Programs that run in the guest. Each has a session, two pipes and a cgroup (/sys/fs/cgroup/kgent/N), by which all its descendants are found
 * and killed, whatever they did to get away, and by which the kernel tells that it killed one for want of memory. The cgroup above them
 * all has a limit on memory and processes, so that the guest program itself is never the one that has none left.
 */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define GROUPS "/sys/fs/cgroup/kgent"
#define RESERVE_BYTES (32ull << 20)
#define PROCESSES_MAX "4096\n"
#define CHUNK 32768
#define DROP_PIPE (1 << 20)
#define LINGER_NS 1000000000ll /* for pipes that somebody outside of the cgroup still holds, after the first process has ended */

static struct command {
	uint32_t id; /* 0: free */
	pid_t pid;
	int in, out[2]; /* -1: closed */
	int64_t deadline_ns; /* 0: none */
	uint64_t left;       /* bytes of output that it may still write */
	uint64_t dropped;
	bool drops, has_ended;
	int64_t ended_ns;
	int wstatus;
	int how; /* why it was killed, or -1 */
} commands[KG_GUEST_COMMANDS];

static void group_path(char *path, size_t size, uint32_t id, const char *file)
{
	snprintf(path, size, GROUPS "/%u%s%s", id, file ? "/" : "", file ? file : "");
}

void command_limit_memory(void)
{
	uint64_t bytes = memory_available();
	char text[32];

	mkdir(GROUPS, 0755);
	write_text(GROUPS "/cgroup.subtree_control", "+memory +pids\n");
	write_text(GROUPS "/pids.max", PROCESSES_MAX);
	write_text(GROUPS "/memory.swap.max", "0\n");
	snprintf(text, sizeof(text), "%llu\n", (unsigned long long)(bytes > 2 * RESERVE_BYTES ? bytes - RESERVE_BYTES : bytes));
	write_text(GROUPS "/memory.max", text);
}

static struct command *find(uint32_t id)
{
	for (size_t i = 0; i < KG_GUEST_COMMANDS; i++)
		if (commands[i].id == id)
			return &commands[i];
	return NULL;
}

/* --- starting --- */

/* Strings that lie one behind the other; NULL when they do not all end in the payload. */
static char **take_strings(const char **s, const char *end, size_t n)
{
	char **list = calloc(n + 1, sizeof(*list));

	for (size_t i = 0; list && i < n; i++) {
		const char *nul = *s < end ? memchr(*s, '\0', (size_t)(end - *s)) : NULL;

		if (!nul) {
			free(list);
			return NULL;
		}
		list[i] = (char *)*s;
		*s = nul + 1;
	}
	return list;
}

struct start {
	struct kg_guest_start head;
	const char *dir;
	char **argv, **env;
};

static bool read_start(const char *payload, size_t len, struct start *st)
{
	const char *s = payload + sizeof(st->head), *end = payload + len;

	if (len < sizeof(st->head))
		return false;
	memcpy(&st->head, payload, sizeof(st->head));
	char **dir = take_strings(&s, end, 1);

	st->dir = dir ? dir[0] : NULL;
	free(dir);
	st->argv = st->dir ? take_strings(&s, end, st->head.argc) : NULL;
	st->env = st->argv ? take_strings(&s, end, st->head.envc) : NULL;
	return st->env && st->head.argc;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static const char *path_of(char *const *env)
{
	for (; *env; env++)
		if (!strncmp(*env, "PATH=", 5))
			return *env + 5;
	return "/bin:/usr/bin";
}

/* In the child: the program, where [env] says that programs are. Returns an errno value. */
static int execute(const struct start *st)
{
	const char *name = st->argv[0];
	char path[4096];
	int e = ENOENT;

	if (strchr(name, '/')) {
		execve(name, st->argv, st->env);
		return errno;
	}
	for (const char *s = path_of(st->env); *s; s += strcspn(s, ":"), s += *s == ':') {
		snprintf(path, sizeof(path), "%.*s/%s", (int)strcspn(s, ":"), s, name);
		execve(path, st->argv, st->env);
		if (errno != ENOENT && errno != ENOTDIR)
			e = errno;
	}
	return e;
}

static void child_main(uint32_t id, const struct start *st, int in, const int *out, int report)
{
	struct sched_param normal = {0};
	char path[128], self[16];
	sigset_t none;
	int e;

	setsid();
	group_path(path, sizeof(path), id, "cgroup.procs");
	snprintf(self, sizeof(self), "%d\n", (int)getpid());
	write_text(path, self);
	sched_setscheduler(0, SCHED_OTHER, &normal);
	write_text("/proc/self/oom_score_adj", "0\n");
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(in, 0) < 0 || dup2(out[0], 1) < 0 || dup2(out[1], 2) < 0 || chdir(st->dir))
		e = errno;
	else
		e = execute(st);
	if (write(report, &e, sizeof(e)) < 0)
		_exit(126);
	_exit(127);
}

struct pipes {
	int in[2], out[2], err[2], report[2];
};

static void close_pipes(struct pipes *p)
{
	int *all = (int *)p;

	for (size_t i = 0; i < sizeof(*p) / sizeof(int); i++)
		close_fd(&all[i]);
}

static int open_pipes(struct pipes *p, bool input)
{
	memset(p, 0xff, sizeof(*p));
	if (pipe2(p->out, O_CLOEXEC) || pipe2(p->err, O_CLOEXEC) || pipe2(p->report, O_CLOEXEC))
		return errno;
	if (input)
		return pipe2(p->in, O_CLOEXEC) ? errno : 0;
	p->in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return p->in[0] < 0 ? errno : 0;
}

static int take(int *fd)
{
	int r = *fd;

	*fd = -1;
	fcntl(r, F_SETFL, O_NONBLOCK);
	return r;
}

static int start_in(struct command *c, uint32_t id, const struct start *st, struct pipes *p)
{
	const int out[2] = {p->out[1], p->err[1]};
	int e = 0;
	pid_t pid = fork();

	if (pid == 0)
		child_main(id, st, p->in[0], out, p->report[1]);
	if (pid < 0)
		return errno;
	close_fd(&p->report[1]);
	if (read(p->report[0], &e, sizeof(e)) == (ssize_t)sizeof(e)) {
		waitpid(pid, NULL, 0);
		return e ? e : EIO;
	}
	*c = (struct command){.id = id, .pid = pid, .in = p->in[1] >= 0 ? take(&p->in[1]) : -1, .out = {take(&p->out[0]), take(&p->err[0])},
			      .deadline_ns = st->head.timeout_ms >= 0 ? now_ns() + st->head.timeout_ms * 1000000ll : 0,
			      .left = st->head.max_output, .drops = st->head.flags & KG_GUEST_START_DROPS, .how = -1};
	return 0;
}

int command_start(uint32_t id, const char *payload, size_t len)
{
	struct command *c = find(0);
	struct start st = {0};
	struct pipes p;
	char path[128];
	int e = EINVAL;

	if (!c)
		return EAGAIN;
	group_path(path, sizeof(path), id, NULL);
	if (id && read_start(payload, len, &st)) {
		mkdir(path, 0755);
		e = open_pipes(&p, st.head.flags & KG_GUEST_START_INPUT);
		if (!e)
			e = start_in(c, id, &st, &p);
		close_pipes(&p);
		if (e)
			rmdir(path);
	}
	free(st.argv);
	free(st.env);
	return e;
}

/* --- ending --- */

static void kill_all(const struct command *c)
{
	char path[128], text[8192];

	group_path(path, sizeof(path), c->id, "cgroup.kill");
	if (write_text(path, "1\n")) { /* before 5.14 */
		group_path(path, sizeof(path), c->id, "cgroup.procs");
		read_text(path, text, sizeof(text));
		for (char *save, *pid = strtok_r(text, "\n", &save); pid; pid = strtok_r(NULL, "\n", &save))
			kill(atoi(pid), SIGKILL);
	}
	kill(-c->pid, SIGKILL);
	if (!c->has_ended)
		kill(c->pid, SIGKILL);
}

static void end_because(struct command *c, int how)
{
	if (c->how < 0)
		c->how = how;
	c->deadline_ns = 0;
	kill_all(c);
}

void command_signal(uint32_t id, int sig)
{
	struct command *c = id ? find(id) : NULL;

	if (!c)
		return;
	if (sig > 0 && !c->has_ended)
		kill(c->pid, sig);
	else if (!sig)
		kill_all(c);
}

int command_input(uint32_t id, const void *data, size_t len)
{
	struct command *c = id ? find(id) : NULL;

	if (!c || c->in < 0)
		return EPIPE;
	if (!len) {
		close_fd(&c->in);
		return 0;
	}
	ssize_t n = write(c->in, data, len);

	return n < 0 ? errno : (size_t)n < len ? EAGAIN : 0;
}

static bool ran_out_of_memory(const struct command *c)
{
	char path[128], text[512];

	group_path(path, sizeof(path), c->id, "memory.events");
	read_text(path, text, sizeof(text));
	const char *at = strstr(text, "oom_kill ");

	return at && atoi(at + 9) > 0;
}

static bool is_failure(int wstatus)
{
	return WIFSIGNALED(wstatus) || WEXITSTATUS(wstatus);
}

static void report_exit(struct command *c)
{
	struct kg_guest_exit e = {.at_ns = c->ended_ns, .dropped = c->dropped, .how = c->how};
	char path[128];

	if (c->how < 0)
		e.how = WIFSIGNALED(c->wstatus) ? KG_GUEST_SIGNALED : KG_GUEST_EXITED;
	if (c->how < 0 && is_failure(c->wstatus) && ran_out_of_memory(c))
		e.how = KG_GUEST_OUT_OF_MEMORY;
	e.status = WIFSIGNALED(c->wstatus) ? WTERMSIG(c->wstatus) : WEXITSTATUS(c->wstatus);
	port_data(KG_GUEST_EXIT, 0, c->id, NULL, 0, &e, sizeof(e));
	group_path(path, sizeof(path), c->id, NULL);
	for (int tries = 0; rmdir(path) && errno == EBUSY && tries < 20; tries++)
		usleep(1000); /* what was killed goes in its own time */
	close_fd(&c->in);
	close_fd(&c->out[0]);
	close_fd(&c->out[1]);
	c->id = 0;
}

/* --- working --- */

static void reap(void)
{
	int wstatus;
	pid_t pid;

	while ((pid = waitpid(-1, &wstatus, WNOHANG)) > 0)
		for (size_t i = 0; i < KG_GUEST_COMMANDS; i++) {
			struct command *c = &commands[i];

			if (!c->id || c->pid != pid || c->has_ended)
				continue;
			c->has_ended = true;
			c->ended_ns = now_ns();
			c->wstatus = wstatus;
			kill_all(c);
		}
}

static void take_output(struct command *c, uint16_t stream, const char *bytes, size_t n)
{
	size_t keep = n < c->left ? n : (size_t)c->left;
	int64_t at = now_ns();

	if (keep)
		port_data(KG_GUEST_OUTPUT, stream, c->id, &at, sizeof(at), bytes, keep);
	c->left -= keep;
	c->dropped += n - keep;
	if (keep < n && !c->drops)
		end_because(c, KG_GUEST_TOO_MUCH);
}

/* What is only counted need not be copied. */
static ssize_t drop_output(int fd)
{
	static int null = -1;

	if (null < 0)
		null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	fcntl(fd, F_SETPIPE_SZ, DROP_PIPE);
	return splice(fd, NULL, null, NULL, DROP_PIPE, SPLICE_F_NONBLOCK);
}

/* FALSE when there was nothing to read now. */
static bool read_output(struct command *c, int stream)
{
	static char bytes[CHUNK];
	bool drops = c->drops && !c->left;
	ssize_t n = drops ? drop_output(c->out[stream - 1]) : read(c->out[stream - 1], bytes, sizeof(bytes));

	if (n < 0)
		return errno == EINTR;
	if (n == 0) {
		close_fd(&c->out[stream - 1]);
		return false;
	}
	if (drops)
		c->dropped += (size_t)n;
	else
		take_output(c, (uint16_t)stream, bytes, (size_t)n);
	return true;
}

static void work_on(struct command *c)
{
	bool more = true;

	if (c->deadline_ns && now_ns() >= c->deadline_ns)
		end_because(c, KG_GUEST_TIMED_OUT);
	for (int i = 0; i < 8 && more && port_has_room(); i++) {
		more = false;
		for (int stream = 1; stream <= 2; stream++)
			more |= c->out[stream - 1] >= 0 && read_output(c, stream);
	}
	bool is_closed = c->out[0] < 0 && c->out[1] < 0;

	if (c->has_ended && (is_closed || (!more && port_has_room() && now_ns() > c->ended_ns + LINGER_NS)))
		report_exit(c);
}

void command_work(void)
{
	reap();
	for (size_t i = 0; i < KG_GUEST_COMMANDS; i++)
		if (commands[i].id)
			work_on(&commands[i]);
}

size_t command_poll_fds(struct pollfd *fds)
{
	size_t n = 0;

	for (size_t i = 0; port_has_room() && i < KG_GUEST_COMMANDS; i++)
		for (int s = 0; commands[i].id && s < 2; s++)
			if (commands[i].out[s] >= 0)
				fds[n++] = (struct pollfd){.fd = commands[i].out[s], .events = POLLIN};
	return n;
}

int command_patience_ms(void)
{
	int64_t next = 0, now = now_ns();

	for (size_t i = 0; i < KG_GUEST_COMMANDS; i++) {
		const struct command *c = &commands[i];
		int64_t at = !c->id ? 0 : c->has_ended ? c->ended_ns + LINGER_NS : c->deadline_ns;

		if (at && (!next || at < next))
			next = at;
	}
	return !next ? -1 : next <= now ? 1 : (int)((next - now) / 1000000 < 60000 ? (next - now) / 1000000 + 1 : 60000);
}
