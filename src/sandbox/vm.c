/*
 * QEMU: a machine without disk and network, with three sockets to us: the guest program's port, the console, and (only to save it) QEMU's
 * own protocol, QMP. All are socket pairs, so that there are no names in the file system that could be left over or taken by others, and
 * everything that is a file reaches QEMU as a descriptor.
 *
 * QEMU dies with us (PR_SET_PDEATHSIG); should that fail, the guest program switches the machine off when its port closes.
 */
#include "internal.h"

#include <kgent/text.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG_MAX (64u << 10)
#define QMP_LINE_MAX (1u << 20)
#define TAKE_MS 10000
#define STATE_PIPE_MAX (1 << 20) /* what an ordinary user may have: pipe(7) */
#define QEMU "qemu-system-x86_64"
/*
 * panic=-1: restart at once, which -no-reboot makes the end of QEMU. no_timer_check: on a busy host an emulated timer can be late, which the
 * kernel would take for a broken one. nokaslr: addresses stay the same in a saved state anyway, and are no secret.
 */
#define APPEND "console=ttyS0 quiet panic=-1 oops=panic no_timer_check mitigations=off nokaslr"

char *vm_qemu(struct kg_error *err)
{
	char *path = tool_find(QEMU);

#ifndef __x86_64__
	kg_error_set(err, KG_E_UNSUPPORTED, STAGE, "there are sandboxes on x86_64 only");
	g_clear_pointer(&path, g_free);
	return NULL;
#endif
	if (!path) {
		kg_error_set(err, KG_E_TOOL, STAGE, QEMU " is not installed");
		kg_error_hint(err, "sudo apt-get install qemu-system-x86");
	}
	return path;
}

/* --- QEMU's own protocol --- */

/* Move what lies in the pipe into the file. QEMU answers nothing while the pipe is full, so this is done wherever it is waited for. */
static void move_saved(struct vm *vm)
{
	char buf[65536];
	ssize_t n;

	while (vm->saved >= 0 && (n = read(vm->saved, buf, sizeof(buf))) > 0)
		if (!vm->save_error && write(vm->save_to, buf, (size_t)n) != n)
			vm->save_error = errno ? errno : EIO;
}

/* One line of QMP, without waiting longer than until [until_us]. Owned, or NULL. */
static json_t *qmp_read(struct vm *vm, GString *in, gint64 until_us)
{
	for (;;) {
		char *nl = memchr(in->str, '\n', in->len), buf[4096];

		if (nl) {
			json_t *line = json_loadb(in->str, (size_t)(nl - in->str), 0, NULL);

			g_string_erase(in, 0, nl + 1 - in->str);
			return line;
		}
		gint64 left = (until_us - g_get_monotonic_time()) / 1000;
		struct pollfd p[2] = {{.fd = vm->qmp, .events = POLLIN}, {.fd = vm->saved, .events = POLLIN}};

		if (left <= 0 || in->len > QMP_LINE_MAX || poll(p, 2, (int)MIN(left, 100)) < 0)
			return NULL;
		vm_listen(vm); /* a full console must not hold it up */
		move_saved(vm);
		if (!p[0].revents)
			continue;
		ssize_t n = read(vm->qmp, buf, sizeof(buf));

		if (n <= 0)
			return NULL;
		g_string_append_len(in, buf, n);
	}
}

static int qmp_send(struct vm *vm, const char *text, int fd)
{
	char room[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {(char *)text, strlen(text)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		msg.msg_control = room;
		msg.msg_controllen = sizeof(room);
		*CMSG_FIRSTHDR(&msg) = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), &fd, sizeof(fd));
	}
	return sendmsg(vm->qmp, &msg, MSG_NOSIGNAL) == (ssize_t)iov.iov_len ? 0 : -1;
}

/* Send a command and take its answer; events in between are dropped. Owned, or NULL with [err]. */
static json_t *qmp_ask(struct vm *vm, GString *in, const char *text, int fd, gint64 until_us, struct kg_error *err)
{
	json_t *line = qmp_send(vm, text, fd) ? NULL : qmp_read(vm, in, until_us);

	while (line && !json_object_get(line, "return") && !json_object_get(line, "error")) {
		json_decref(line);
		line = qmp_read(vm, in, until_us);
	}
	const char *why = json_string_value(json_object_get(json_object_get(line, "error"), "desc"));

	if (line && json_object_get(line, "return"))
		return line;
	kg_error_set(err, KG_E_TOOL, STAGE, "QEMU refuses: %s", why ? why : "QEMU does not answer");
	json_decref(line);
	return NULL;
}

/* Memory that is a shared file is not part of what is saved or restored: the file has it. */
#define IGNORE_SHARED "{\"execute\":\"migrate-set-capabilities\",\"arguments\":{\"capabilities\":[" \
	"{\"capability\":\"x-ignore-shared\",\"state\":true}]}}"

/* Ask one thing after the other; [fd] goes with the one at [fd_at]. */
static int qmp_steps(struct vm *vm, GString *in, const char *const *steps, int fd_at, int fd, gint64 until_us, struct kg_error *err)
{
	for (int i = 0; steps[i]; i++) {
		json_t *line = qmp_ask(vm, in, steps[i], i == fd_at ? fd : -1, until_us, err);

		if (!line)
			return -KG_E_TOOL;
		json_decref(line);
	}
	return 0;
}

/* --- starting --- */

/* Descriptors of the child, in the order in which they get their numbers from 3. */
struct fds {
	int list[8];
	guint n;
};

static int pass(struct fds *f, int fd)
{
	f->list[f->n] = fd;
	return 3 + (int)f->n++;
}

static void word(GPtrArray *argv, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
static void word(GPtrArray *argv, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	g_ptr_array_add(argv, g_strdup_vprintf(fmt, ap));
	va_end(ap);
}

static void words(GPtrArray *argv, const char *const *list)
{
	for (; *list; list++)
		g_ptr_array_add(argv, g_strdup(*list));
}

static void add_memory(const struct vm_opts *o, GPtrArray *argv, struct fds *f)
{
	word(argv, "-m");
	word(argv, "%d", o->memory_mib);
	word(argv, "-machine");
	if (o->ram < 0) {
		word(argv, "pc");
		return;
	}
	word(argv, "pc,memory-backend=mem");
	word(argv, "-object");
	word(argv, "memory-backend-file,id=mem,size=%dM,mem-path=/dev/fd/%d,share=%s", o->memory_mib, pass(f, o->ram),
	     o->ram_is_shared ? "on" : "off");
}

static void add_kernel(const struct vm_opts *o, GPtrArray *argv, struct fds *f)
{
	word(argv, "-kernel");
	word(argv, "%s", o->vmlinuz);
	word(argv, "-append");
	word(argv, APPEND "%s%s", o->append ? " " : "", o->append ?: "");
	if (o->initrd >= 0) {
		word(argv, "-initrd");
		word(argv, "/dev/fd/%d", pass(f, o->initrd));
	}
	if (o->incoming >= 0) {
		pass(f, o->incoming); /* always the last one */
		word(argv, "-incoming");
		word(argv, "defer");
	}
}

static GPtrArray *make_argv(const char *qemu, const struct vm_opts *o, const int *theirs, struct fds *f)
{
	static const char *const common[] = {"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-nic", "none", "-smp", "2",
		"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", "-device", "virtio-serial-pci", NULL};
	static const char *const kvm[] = {"-accel", "kvm", "-cpu", "host", NULL};
	static const char *const tcg[] = {"-accel", "tcg,thread=multi", "-cpu", "max,la57=off", NULL};
	GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);

	word(argv, "%s", qemu);
	words(argv, o->is_kvm ? kvm : tcg);
	words(argv, common);
	word(argv, "-chardev");
	word(argv, "socket,id=port,fd=%d", pass(f, theirs[0]));
	word(argv, "-device");
	word(argv, "virtserialport,chardev=port,name=" KG_GUEST_PORT);
	word(argv, "-chardev");
	word(argv, "socket,id=console,fd=%d", pass(f, theirs[1]));
	word(argv, "-serial");
	word(argv, "chardev:console");
	if (o->has_qmp) {
		word(argv, "-chardev");
		word(argv, "socket,id=qmp,fd=%d", pass(f, theirs[2]));
		word(argv, "-mon");
		word(argv, "chardev=qmp,mode=control");
	}
	add_memory(o, argv, f);
	add_kernel(o, argv, f);
	g_ptr_array_add(argv, NULL);
	return argv;
}

static int start_child(const char *qemu, const struct vm_opts *o, const int *theirs, struct vm *vm, int *ret_last, struct kg_error *err)
{
	static const char *const env[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", NULL};
	struct fds f = {.n = 0};
	g_autoptr(GPtrArray) argv = make_argv(qemu, o, theirs, &f);
	struct kg_child_opts opts = {.argv = (const char *const *)argv->pdata, .env = env, .fds = f.list, .n_fds = f.n};

	*ret_last = 2 + (int)f.n;
	return kg_child_start(&opts, &vm->child, NULL, err);
}

/* Have QEMU take the devices' state from its descriptor [theirs]; the machine then goes on by itself. */
static int take_state(struct vm *vm, int theirs, struct kg_error *err)
{
	g_autofree char *take = g_strdup_printf("{\"execute\":\"migrate-incoming\",\"arguments\":{\"uri\":\"fd:%d\"}}", theirs);
	const char *const steps[] = {"{\"execute\":\"qmp_capabilities\"}", IGNORE_SHARED, take, NULL};
	g_autoptr(GString) in = g_string_new(NULL);
	_cleanup_error_ struct kg_error e = {0};

	if (!qmp_steps(vm, in, steps, -1, -1, g_get_monotonic_time() + TAKE_MS * (gint64)1000, &e))
		return 0;
	kg_child_wait(&vm->child, 500);
	vm_listen(vm);
	g_autofree char *words = vm_last_words(vm);

	return kg_error_set(err, KG_E_TOOL, STAGE, "the saved state can't be restored: %s; %s", e.msg, words);
}

/*
 * The saved state as QEMU takes it: through a pipe, since reading it from a file by descriptor is deprecated in newer ones. It fits into one
 * (some hundred KiB); where it does not, the file itself is given.
 */
static int state_pipe(int file)
{
	g_autofree char *data = NULL;
	struct stat st;
	int ends[2], r = -1;

	if (fstat(file, &st) || st.st_size > STATE_PIPE_MAX || pipe2(ends, O_CLOEXEC))
		return dup(file);
	data = g_malloc((gsize)st.st_size + 1);
	if (fcntl(ends[1], F_SETPIPE_SZ, STATE_PIPE_MAX) >= st.st_size && pread(file, data, (gsize)st.st_size, 0) == st.st_size &&
	    write(ends[1], data, (gsize)st.st_size) == st.st_size)
		r = ends[0];
	close(ends[1]);
	if (r < 0)
		close(ends[0]);
	return r < 0 ? dup(file) : r;
}

int vm_start(const struct vm_opts *given, struct vm *ret, struct kg_error *err)
{
	struct vm_opts copy = *given, *opts = &copy;
	g_autofree char *qemu = vm_qemu(err);
	int pairs[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}}, theirs[3];
	struct vm vm = VM_INIT;
	int r = qemu ? 0 : -KG_E_TOOL, incoming = -1;

	if (given->incoming >= 0)
		copy.incoming = state_pipe(given->incoming);

	for (int i = 0; i < 3 && !r; i++)
		if ((i < 2 || opts->has_qmp) && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i]))
			r = kg_error_set(err, KG_E_IO, STAGE, "no socket: %s", g_strerror(errno));
	for (int i = 0; i < 3; i++)
		theirs[i] = pairs[i][1];
	if (!r)
		r = start_child(qemu, opts, theirs, &vm, &incoming, err);
	for (int i = 0; i < 3; i++) {
		if (pairs[i][1] >= 0)
			close(pairs[i][1]);
		if (r && pairs[i][0] >= 0)
			close(pairs[i][0]);
	}
	if (copy.incoming >= 0)
		close(copy.incoming);
	if (r)
		return r;
	vm.port = pairs[0][0];
	vm.console = pairs[1][0];
	vm.qmp = pairs[2][0];
	fcntl(vm.port, F_SETFL, O_NONBLOCK);
	fcntl(vm.console, F_SETFL, O_NONBLOCK);
	vm.log = g_string_new(NULL);
	vm.errors = g_string_new(NULL);
	vm.is_kvm = opts->is_kvm;
	r = given->incoming >= 0 ? take_state(&vm, incoming, err) : 0;
	if (r)
		vm_end(&vm);
	else
		*ret = vm;
	return r;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void vm_end(struct vm *vm)
{
	kg_child_end(&vm->child);
	close_fd(&vm->port);
	close_fd(&vm->console);
	close_fd(&vm->qmp);
	if (vm->log)
		g_string_free(vm->log, TRUE);
	if (vm->errors)
		g_string_free(vm->errors, TRUE);
	vm->log = vm->errors = NULL;
}

/* --- what it says --- */

void vm_listen(struct vm *vm)
{
	char buf[16384];
	ssize_t n = 0;

	while (vm->console >= 0 && (n = read(vm->console, buf, sizeof(buf))) > 0) {
		g_string_append_len(vm->log, buf, n);
		if (vm->log->len > LOG_MAX)
			g_string_erase(vm->log, 0, (gssize)(vm->log->len - LOG_MAX));
	}
	if (n == 0)
		close_fd(&vm->console);
	kg_child_drain(&vm->child.out, 0, vm->errors);
	kg_child_drain(&vm->child.err, LOG_MAX, vm->errors);
}

/* "[    1.234567] text" -> text. */
static struct kg_text_line without_time(struct kg_text_line line)
{
	const char *close = line.len && *line.s == '[' ? memchr(line.s, ']', MIN(line.len, 20)) : NULL;

	if (close) {
		line.len -= (gsize)(close + 1 - line.s);
		line.s = close + 1;
	}
	while (line.len && (*line.s == ' ' || *line.s == '\r')) {
		line.s++;
		line.len--;
	}
	while (line.len && (line.s[line.len - 1] == '\r' || line.s[line.len - 1] == ' '))
		line.len--;
	return line;
}

static char *harmless(struct kg_text_line line)
{
	GString *out = g_string_new(NULL);

	kg_text_escape(line.s, (gssize)MIN(line.len, 300), out);
	return g_string_free(out, FALSE);
}

char *vm_panic(const char *log, gsize len, gboolean *ret_no_memory)
{
	static const char mark[] = "Kernel panic - not syncing: ";
	const char *s = log, *end = log + len;
	struct kg_text_line line, bug = {0};

	while (kg_text_next_line(&s, end, &line)) {
		const char *at = g_strstr_len(line.s, (gssize)line.len, mark);
		struct kg_text_line what = without_time(line);

		/* the panic after an oops only says "Fatal exception": the line before it says why */
		if (!bug.len && (g_strstr_len(line.s, (gssize)line.len, "BUG: ") || g_strstr_len(line.s, (gssize)line.len, "Oops: ")))
			bug = what;
		if (!at)
			continue;
		*ret_no_memory = g_strstr_len(line.s, (gssize)line.len, "memory") != NULL;
		what.s = at + strlen(mark);
		what.len = (gsize)(line.s + line.len - what.s);
		g_autofree char *why = harmless(without_time(what)), *cause = bug.len ? harmless(bug) : NULL;

		return cause ? g_strdup_printf("%s (%s)", why, cause) : g_steal_pointer(&why);
	}
	return NULL;
}

/* The last line of [text], of those that contain [with] when that is given. */
static struct kg_text_line last_line(const GString *text, const char *with)
{
	const char *s = text->str, *end = s + text->len;
	struct kg_text_line line, best = {0};

	while (kg_text_next_line(&s, end, &line)) {
		line = without_time(line);
		if (line.len && (!with || kg_text_line_has(&line, with)))
			best = line;
	}
	return best;
}

char *vm_last_words(struct vm *vm)
{
	struct kg_text_line guest = last_line(vm->log, "kgent: "), qemu = last_line(vm->errors, NULL), console = last_line(vm->log, NULL);
	g_autofree char *how = vm->child.is_reaped ? kg_child_status_text(vm->child.wstatus) : g_strdup("still runs");
	g_autofree char *words = harmless(qemu.len ? qemu : guest.len ? guest : console);

	if (vm->child.is_reaped && WIFEXITED(vm->child.wstatus) && !WEXITSTATUS(vm->child.wstatus) && !qemu.len)
		return g_strdup_printf("the guest switched the machine off%s%s", *words ? ": " : "", words);
	return g_strdup_printf("QEMU %s%s%s", how, *words ? ": " : "", words);
}

/* --- saving and restoring --- */

static int wait_saved(struct vm *vm, GString *in, gint64 until_us, struct kg_error *err)
{
	for (;;) {
		json_t *line = qmp_ask(vm, in, "{\"execute\":\"query-migrate\"}", -1, until_us, err);
		const char *status = json_string_value(json_object_get(json_object_get(line, "return"), "status"));
		gboolean is_done = !g_strcmp0(status, "completed"), has_failed = !g_strcmp0(status, "failed");

		json_decref(line);
		if (!line)
			return -KG_E_TOOL;
		move_saved(vm);
		if (vm->save_error)
			return kg_error_set(err, KG_E_IO, STAGE, "the machine's state can't be saved: %s", g_strerror(vm->save_error));
		if (is_done)
			return 0;
		if (has_failed)
			return kg_error_set(err, KG_E_TOOL, STAGE, "the machine's state can't be saved: QEMU failed to write it");
		g_usleep(5000);
	}
}

int vm_save(struct vm *vm, int fd, int timeout_ms, struct kg_error *err)
{
	static const char *const steps[] = {"{\"execute\":\"qmp_capabilities\"}", IGNORE_SHARED,
		"{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"state\"}}", "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"fd:state\"}}", NULL};
	gint64 until = g_get_monotonic_time() + timeout_ms * (gint64)1000;
	g_autoptr(GString) in = g_string_new(NULL);
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC))
		return kg_error_set(err, KG_E_IO, STAGE, "no pipe: %s", g_strerror(errno));
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	vm->saved = ends[0];
	vm->save_to = fd;
	r = qmp_steps(vm, in, steps, 2, ends[1], until, err);
	close(ends[1]);
	if (!r)
		r = wait_saved(vm, in, until, err);
	close_fd(&vm->saved);
	return r;
}
