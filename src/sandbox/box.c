/*
 * The conversation with the guest program: requests go out, events come in. Everything that waits does so in pump(), which also watches the
 * console and QEMU itself, so that whatever happens to the machine is seen at once and said in the same words everywhere.
 *
 * A guest that says nothing for two seconds is asked (PING); when it does not answer in time, it hangs.
 */
#include "internal.h"

#include <kgent/text.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define QUIET_US (2 * G_USEC_PER_SEC)
#define PANIC_US (3 * G_USEC_PER_SEC) /* after a panic was seen on the console, until the machine ends by itself */
#define QUEUE_MAX (16u << 20)
#define PUT_MAX (64u << 20)
#define START_MAX 60000u

/* An event with its bytes. */
struct held {
	struct kg_sandbox_event event;
	char *data;
};

static void held_free(gpointer data)
{
	struct held *h = data;

	if (h)
		g_free(h->data);
	g_free(h);
}

const char *kg_sandbox_exit_name(enum kg_sandbox_exit how)
{
	static const char *const names[] = {"exited", "signaled", "timed out", "too much output", "out of memory"};

	return (guint)how < G_N_ELEMENTS(names) ? names[how] : "?";
}

const char *kg_sandbox_end_name(enum kg_sandbox_end end)
{
	static const char *const names[] = {"runs", "hung", "panicked", "out of memory", "died"};

	return (guint)end < G_N_ELEMENTS(names) ? names[end] : "?";
}

struct kg_sandbox *box_new(void)
{
	struct kg_sandbox *box = g_new0(struct kg_sandbox, 1);

	box->vm = (struct vm)VM_INIT;
	box->in.bytes = g_byte_array_new();
	box->events = g_queue_new();
	box->next_id = 1;
	box->next_request = 0x80000000u;
	return box;
}

struct kg_sandbox *kg_sandbox_free(struct kg_sandbox *box)
{
	if (!box)
		return NULL;
	vm_end(&box->vm);
	g_byte_array_unref(box->in.bytes);
	g_queue_free_full(box->events, held_free);
	held_free(box->given);
	g_free(box->kernel);
	g_free(box->release);
	g_free(box->why);
	g_free(box);
	return NULL;
}

/* --- the end --- */

static void is_over(struct kg_sandbox *box, enum kg_sandbox_end end, char *why)
{
	if (box->end == KG_SANDBOX_RUNS) {
		box->end = end;
		box->why = why;
		kg_child_end(&box->vm.child);
	} else {
		g_free(why);
	}
}

/* The port is closed, or the console shows a panic: what was it? */
static void find_end(struct kg_sandbox *box)
{
	gboolean no_memory = FALSE;

	kg_child_wait(&box->vm.child, 2000);
	vm_listen(&box->vm);
	char *panic = vm_panic(box->vm.log->str, box->vm.log->len, &no_memory);

	if (panic) {
		is_over(box, no_memory ? KG_SANDBOX_STARVED : KG_SANDBOX_PANICKED, g_strdup_printf("the guest's kernel panicked: %s", panic));
		g_free(panic);
	} else {
		is_over(box, KG_SANDBOX_DIED, vm_last_words(&box->vm));
	}
}

/* --- what comes in --- */

static void queue(struct kg_sandbox *box, struct kg_sandbox_event event, const char *data, gsize len)
{
	struct held *h = g_new0(struct held, 1);

	h->event = event;
	h->data = len ? g_memdup2(data, len) : NULL;
	h->event.data = h->data ? h->data : "";
	h->event.len = len;
	box->queued_bytes += len;
	g_queue_push_tail(box->events, h);
}

static void take_output(struct kg_sandbox *box, const struct frame *f)
{
	struct kg_sandbox_event e = {.kind = KG_SANDBOX_OUTPUT, .id = (int)f->head.id, .stream = f->head.aux};

	memcpy(&e.at_ns, f->payload, sizeof(e.at_ns));
	queue(box, e, f->payload + sizeof(e.at_ns), f->head.len - sizeof(e.at_ns));
}

static void take_exit(struct kg_sandbox *box, const struct frame *f)
{
	struct kg_sandbox_event e = {.kind = KG_SANDBOX_EXIT, .id = (int)f->head.id};
	struct kg_guest_exit x;

	memcpy(&x, f->payload, sizeof(x));
	e.at_ns = x.at_ns;
	e.how = CLAMP(x.how, KG_SANDBOX_EXITED, KG_SANDBOX_OUT_OF_MEMORY);
	e.status = x.status;
	e.dropped_bytes = x.dropped;
	queue(box, e, NULL, 0);
}

static void take_ready(struct kg_sandbox *box, const struct frame *f)
{
	struct kg_guest_ready r;

	memcpy(&r, f->payload, sizeof(r));
	g_free(box->release);
	box->release = g_strndup(f->payload + sizeof(r), strnlen(f->payload + sizeof(r), f->head.len - sizeof(r)));
	if (r.version != KG_GUEST_VERSION)
		is_over(box, KG_SANDBOX_DIED, g_strdup("the guest program is of another version than kgent"));
}

static void take_frame(struct kg_sandbox *box, const struct frame *f)
{
	gboolean is_answer = f->head.type == box->wants && f->head.id == box->wants_id;

	if (f->head.type == KG_GUEST_OUTPUT)
		take_output(box, f);
	else if (f->head.type == KG_GUEST_EXIT)
		take_exit(box, f);
	else if (f->head.type == KG_GUEST_READY)
		take_ready(box, f);
	else if (f->head.type == KG_GUEST_PONG)
		box->pinged_us = 0;
	if (is_answer) {
		box->has_answer = TRUE;
		box->answer = 0;
		if (f->head.type == KG_GUEST_DONE)
			memcpy(&box->answer, f->payload, sizeof(box->answer));
	}
}

static void read_port(struct kg_sandbox *box)
{
	char buf[65536];
	struct frame f;
	ssize_t n = read(box->vm.port, buf, sizeof(buf));
	int r;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		find_end(box);
		return;
	}
	box->heard_us = g_get_monotonic_time();
	frames_add(&box->in, buf, (gsize)n);
	while (box->end == KG_SANDBOX_RUNS && (r = frames_next(&box->in, &f)))
		if (r < 0)
			is_over(box, KG_SANDBOX_DIED, g_strdup("what came from the guest made no sense"));
		else
			take_frame(box, &f);
}

/* --- what goes out --- */

/* Write it all; the guest always reads, so that this only takes long when it is slow. */
static int write_port(struct kg_sandbox *box, const char *s, gsize len, gint64 until_us)
{
	while (len && box->end == KG_SANDBOX_RUNS) {
		ssize_t n = send(box->vm.port, s, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		struct pollfd p[2] = {{box->vm.port, POLLOUT, 0}, {box->vm.console, POLLIN, 0}};

		if (n > 0) {
			s += n;
			len -= (gsize)n;
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			find_end(box);
			break;
		}
		if (g_get_monotonic_time() > until_us) {
			is_over(box, KG_SANDBOX_HUNG, g_strdup_printf("the guest took nothing for %d s", box->silence_ms / 1000));
			break;
		}
		poll(p, 2, 100);
		vm_listen(&box->vm);
	}
	return len ? -1 : 0;
}

static int end_error(const struct kg_sandbox *box, struct kg_error *err)
{
	return kg_error_set(err, KG_E_TOOL, STAGE, "the sandbox is over (%s): %s", kg_sandbox_end_name(box->end), box->why);
}

int box_send(struct kg_sandbox *box, guint16 type, guint32 id, const void *payload, gsize len, struct kg_error *err)
{
	struct kg_guest_header h = {.len = (guint32)len, .type = type, .id = id};
	gint64 until = g_get_monotonic_time() + box->silence_ms * (gint64)1000;

	if (box->end == KG_SANDBOX_RUNS && !write_port(box, (const char *)&h, sizeof(h), until) && !write_port(box, payload, len, until))
		return 0;
	return end_error(box, err);
}

static void ask_for_life(struct kg_sandbox *box, gint64 now)
{
	if (!box->pinged_us && now - box->heard_us > QUIET_US) {
		box->pinged_us = now;
		box_send(box, KG_GUEST_PING, 0, NULL, 0, NULL);
	} else if (box->pinged_us && now - box->pinged_us > box->silence_ms * (gint64)1000) {
		is_over(box, KG_SANDBOX_HUNG, g_strdup_printf("the guest has not answered for %d s", box->silence_ms / 1000));
	}
}

/* A panic ends QEMU by itself; where it does not, after a while. */
static void watch_panic(struct kg_sandbox *box, gint64 now)
{
	if (!box->panicked_us && strstr(box->vm.log->str, "Kernel panic - not syncing"))
		box->panicked_us = now;
	if (box->panicked_us && now - box->panicked_us > PANIC_US)
		find_end(box);
}

/* Wait for anything, at most until [until_us]. [reads]: the port may be read. */
static void pump(struct kg_sandbox *box, gint64 until_us, gboolean reads, gboolean is_watched)
{
	gint64 now = g_get_monotonic_time();
	struct pollfd p[3] = {{box->vm.port, reads ? POLLIN : 0, 0}, {box->vm.console, POLLIN, 0}, {box->vm.child.err, POLLIN, 0}};

	if (poll(p, 3, (int)CLAMP((until_us - now) / 1000, 0, 250)) < 0 && errno != EINTR)
		return;
	if (p[1].revents || p[2].revents) {
		gsize before = box->vm.log->len;

		vm_listen(&box->vm);
		if (box->vm.log->len != before || box->panicked_us)
			watch_panic(box, g_get_monotonic_time());
	} else if (box->panicked_us) {
		watch_panic(box, g_get_monotonic_time());
	}
	if (p[0].revents)
		read_port(box);
	if (box->end == KG_SANDBOX_RUNS && is_watched && reads)
		ask_for_life(box, g_get_monotonic_time());
}

static int wait_answer(struct kg_sandbox *box, gint64 until_us, gboolean is_watched, struct kg_error *err)
{
	while (!box->has_answer && box->end == KG_SANDBOX_RUNS) {
		if (g_get_monotonic_time() > until_us)
			return kg_error_set(err, KG_E_LIMIT, STAGE, "the guest did not answer in time");
		if (box->queued_bytes > QUEUE_MAX)
			return kg_error_set(err, KG_E_LIMIT, STAGE, "more than %u MiB of output were not fetched", QUEUE_MAX >> 20);
		pump(box, until_us, TRUE, is_watched);
	}
	return box->has_answer ? 0 : end_error(box, err);
}

int box_ask(struct kg_sandbox *box, guint16 type, guint32 id, guint16 wants, const void *payload, gsize len, int timeout_ms,
	    int *ret_answer, struct kg_error *err)
{
	gboolean is_watched = type != KG_GUEST_WAKE && type != KG_GUEST_REST; /* these take long, and have a time of their own */

	box->wants = wants;
	box->wants_id = id;
	box->has_answer = FALSE;
	box->heard_us = g_get_monotonic_time();
	int r = box_send(box, type, id, payload, len, err);

	if (!r)
		r = wait_answer(box, g_get_monotonic_time() + timeout_ms * (gint64)1000, is_watched, err);
	box->wants = 0;
	if (!r && ret_answer)
		*ret_answer = box->answer;
	return r;
}

int box_wake(struct kg_sandbox *box, int timeout_ms, struct kg_error *err)
{
	struct {
		gint64 now_ns;
		guint8 seed[128];
	} wake;
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	wake.now_ns = t.tv_sec * (gint64)1000000000 + t.tv_nsec;
	if (getrandom(wake.seed, sizeof(wake.seed), 0) != (ssize_t)sizeof(wake.seed))
		return kg_error_set(err, KG_E_IO, STAGE, "no random numbers: %s", g_strerror(errno));
	return box_ask(box, KG_GUEST_WAKE, 0, KG_GUEST_READY, &wake, sizeof(wake), timeout_ms, NULL, err);
}

int box_rest(struct kg_sandbox *box, int timeout_ms, struct kg_error *err)
{
	guint32 id = box->next_request++;

	return box_ask(box, KG_GUEST_REST, id, KG_GUEST_DONE, NULL, 0, timeout_ms, NULL, err);
}

/* --- the calls --- */

#define ANSWER_MS 60000

int kg_sandbox_put(struct kg_sandbox *box, const char *path, const void *data, gsize len, int mode, struct kg_error *err)
{
	gsize head = 5 + strlen(path) + 1, room = KG_GUEST_FRAME_MAX - head, at = 0;
	guint32 id = box->next_request++, bits = (guint32)mode;
	g_autofree char *payload = g_malloc(KG_GUEST_FRAME_MAX);
	int answer = 0, r = 0;

	if (path[0] != '/' || head > 4096)
		return kg_error_set(err, KG_E_INVAL, STAGE, "\"%s\" is no absolute path", path);
	if (len > PUT_MAX)
		return kg_error_set(err, KG_E_LIMIT, STAGE, "%s: %zu bytes; at most %u can be put into a sandbox", path, len, PUT_MAX);
	memcpy(payload, &bits, 4);
	memcpy(payload + 5, path, head - 5);
	do {
		gsize n = MIN(room, len - at);
		gboolean is_last = at + n == len;

		payload[4] = (char)((at ? 0 : KG_GUEST_PUT_FIRST) | (is_last ? KG_GUEST_PUT_LAST : 0));
		if (n)
			memcpy(payload + head, (const char *)data + at, n);
		at += n;
		r = is_last ? box_ask(box, KG_GUEST_PUT, id, KG_GUEST_DONE, payload, head + n, ANSWER_MS, &answer, err) :
			      box_send(box, KG_GUEST_PUT, id, payload, head + n, err);
	} while (!r && at < len);
	if (!r && answer)
		r = kg_error_set(err, KG_E_IO, STAGE, "%s can't be written in the sandbox: %s", path, g_strerror(answer));
	return r;
}

static gboolean names(const char *const *env, const char *name)
{
	for (; env && *env; env++)
		if (!strncmp(*env, name, strlen(name)))
			return TRUE;
	return FALSE;
}

static guint16 add_strings(GString *s, const char *const *list)
{
	guint n = 0;

	for (; list && list[n] && n < G_MAXUINT16; n++)
		g_string_append_len(s, list[n], (gssize)strlen(list[n]) + 1);
	return (guint16)n;
}

static GString *make_start(const struct kg_sandbox_command *c)
{
	static const char *const defaults[] = {"PATH=/usr/bin:/bin", "HOME=/root", "TERM=dumb"};
	struct kg_guest_start st = {.timeout_ms = c->timeout_ms ? c->timeout_ms : 60000, .max_output = c->max_output_bytes ?: 16u << 20,
				    .flags = (c->drops_output ? KG_GUEST_START_DROPS : 0u) | (c->input_is_pipe ? KG_GUEST_START_INPUT : 0u)};
	const char *dir = c->dir ? c->dir : "/root";
	GString *s = g_string_new_len((const char *)&st, sizeof(st));

	g_string_append_len(s, dir, (gssize)strlen(dir) + 1);
	st.argc = add_strings(s, c->argv);
	for (gsize i = 0; i < G_N_ELEMENTS(defaults); i++) {
		g_autofree char *name = g_strndup(defaults[i], strcspn(defaults[i], "=") + 1);

		if (names(c->env, name))
			continue;
		g_string_append_len(s, defaults[i], (gssize)strlen(defaults[i]) + 1);
		st.envc++;
	}
	st.envc = (guint16)(st.envc + add_strings(s, c->env));
	memcpy(s->str, &st, sizeof(st));
	return s;
}

int kg_sandbox_start(struct kg_sandbox *box, const struct kg_sandbox_command *command, int *ret_id, struct kg_error *err)
{
	g_autoptr(GString) payload = command->argv && command->argv[0] ? make_start(command) : NULL;
	int answer = 0, id = box->next_id;

	if (!payload)
		return kg_error_set(err, KG_E_INVAL, STAGE, "there is no command");
	if (payload->len > START_MAX)
		return kg_error_set(err, KG_E_LIMIT, STAGE, "arguments and environment of %s take more than %u bytes", command->argv[0], START_MAX);
	box->next_id++;
	int r = box_ask(box, KG_GUEST_START, (guint32)id, KG_GUEST_DONE, payload->str, payload->len, ANSWER_MS, &answer, err);

	if (r)
		return r;
	if (answer == ENOENT)
		return kg_error_set(err, KG_E_NOTFOUND, STAGE, "there is no %s in the sandbox", command->argv[0]);
	if (answer == EAGAIN)
		return kg_error_set(err, KG_E_LIMIT, STAGE, "%u commands run in the sandbox already", KG_GUEST_COMMANDS);
	if (answer)
		return kg_error_set(err, KG_E_IO, STAGE, "%s can't be started in the sandbox: %s", command->argv[0], g_strerror(answer));
	*ret_id = id;
	return 0;
}

static int send_signal(struct kg_sandbox *box, int id, gint32 signal, struct kg_error *err)
{
	if (id < 1 || id >= box->next_id)
		return kg_error_set(err, KG_E_NOTFOUND, STAGE, "there was never a command %d in the sandbox", id);
	return box_send(box, KG_GUEST_SIGNAL, (guint32)id, &signal, sizeof(signal), err);
}

int kg_sandbox_signal(struct kg_sandbox *box, int id, int signal, struct kg_error *err)
{
	if (signal <= 0 || signal >= NSIG)
		return kg_error_set(err, KG_E_INVAL, STAGE, "%d is no signal", signal);
	return send_signal(box, id, signal, err);
}

int kg_sandbox_kill(struct kg_sandbox *box, int id, struct kg_error *err)
{
	return send_signal(box, id, 0, err);
}

int kg_sandbox_input(struct kg_sandbox *box, int id, const void *data, gsize len, struct kg_error *err)
{
	int answer = 0;

	if (len > KG_GUEST_FRAME_MAX)
		return kg_error_set(err, KG_E_INVAL, STAGE, "at most %u bytes can be written to a command at once", KG_GUEST_FRAME_MAX);
	int r = box_ask(box, KG_GUEST_INPUT, (guint32)id, KG_GUEST_DONE, data, len, ANSWER_MS, &answer, err);

	return r ? r : answer ? kg_error_set(err, KG_E_IO, STAGE, "the command does not take its input: %s", g_strerror(answer)) : 0;
}

/* --- events --- */

static void give(struct kg_sandbox *box, struct held *h, struct kg_sandbox_event *ret)
{
	held_free(box->given);
	box->given = h;
	box->queued_bytes -= h->event.len;
	*ret = h->event;
}

int kg_sandbox_next(struct kg_sandbox *box, int timeout_ms, struct kg_sandbox_event *ret, struct kg_error *err)
{
	gint64 until = timeout_ms < 0 ? G_MAXINT64 : g_get_monotonic_time() + timeout_ms * (gint64)1000;

	*ret = (struct kg_sandbox_event){.kind = KG_SANDBOX_NOTHING};
	box->heard_us = MAX(box->heard_us, box->pinged_us ? 0 : g_get_monotonic_time() - QUIET_US / 2);
	for (gboolean is_first = TRUE;; is_first = FALSE) {
		struct held *h = g_queue_pop_head(box->events);

		if (h) {
			give(box, h, ret);
			return 0;
		}
		if (box->end != KG_SANDBOX_RUNS) {
			ret->kind = KG_SANDBOX_OVER;
			ret->end = box->end;
			ret->why = box->why;
			return 0;
		}
		if (!is_first && g_get_monotonic_time() >= until)
			return 0;
		pump(box, until, TRUE, TRUE);
	}
}

/* --- a whole command --- */

void kg_sandbox_output_clear(struct kg_sandbox_output *o)
{
	if (o && o->out)
		g_string_free(o->out, TRUE);
	if (o && o->err)
		g_string_free(o->err, TRUE);
	if (o)
		*o = (struct kg_sandbox_output){0};
}

/* The next event of [id]; those of others stay in the queue. */
static struct held *next_of(struct kg_sandbox *box, int id)
{
	for (GList *l = box->events->head; l; l = l->next) {
		struct held *h = l->data;

		if (h->event.id == id) {
			g_queue_delete_link(box->events, l);
			box->queued_bytes -= h->event.len;
			return h;
		}
	}
	return NULL;
}

static int collect(struct kg_sandbox *box, int id, struct kg_sandbox_output *o, struct kg_error *err)
{
	for (;;) {
		struct held *h = next_of(box, id);

		if (!h && box->end != KG_SANDBOX_RUNS)
			return end_error(box, err);
		if (!h && box->queued_bytes > QUEUE_MAX)
			return kg_error_set(err, KG_E_LIMIT, STAGE, "more than %u MiB of other commands' output were not fetched", QUEUE_MAX >> 20);
		if (!h) {
			pump(box, G_MAXINT64, TRUE, TRUE);
			continue;
		}
		gboolean is_exit = h->event.kind == KG_SANDBOX_EXIT;

		if (is_exit) {
			o->how = h->event.how;
			o->status = h->event.status;
		} else {
			g_string_append_len(h->event.stream == 1 ? o->out : o->err, h->event.data, (gssize)h->event.len);
		}
		held_free(h);
		if (is_exit)
			return 0;
	}
}

int kg_sandbox_run(struct kg_sandbox *box, const struct kg_sandbox_command *command, struct kg_sandbox_output *ret, struct kg_error *err)
{
	struct kg_sandbox_output o = {.out = g_string_new(NULL), .err = g_string_new(NULL)};
	gint64 start = g_get_monotonic_time();
	int id, r = kg_sandbox_start(box, command, &id, err);

	if (!r)
		r = collect(box, id, &o, err);
	o.took_ns = (g_get_monotonic_time() - start) * 1000;
	if (r)
		kg_sandbox_output_clear(&o);
	else
		*ret = o;
	return r;
}

/* --- what it is --- */

const char *kg_sandbox_kernel(const struct kg_sandbox *box)
{
	return box->kernel;
}

const char *kg_sandbox_release(const struct kg_sandbox *box)
{
	return box->release;
}

gboolean kg_sandbox_is_kvm(const struct kg_sandbox *box)
{
	return box->vm.is_kvm;
}

gboolean kg_sandbox_is_restored(const struct kg_sandbox *box)
{
	return box->is_restored;
}

gint64 kg_sandbox_opened_ns(const struct kg_sandbox *box)
{
	return box->opened_ns;
}

pid_t kg_sandbox_pid(const struct kg_sandbox *box)
{
	return box->vm.child.is_reaped ? 0 : box->vm.child.pid;
}

enum kg_sandbox_end kg_sandbox_end(const struct kg_sandbox *box, const char **ret_why)
{
	if (ret_why && box->end != KG_SANDBOX_RUNS)
		*ret_why = box->why;
	return box->end;
}

const char *kg_sandbox_console(const struct kg_sandbox *box, gsize *ret_len)
{
	if (ret_len)
		*ret_len = box->vm.log->len;
	return box->vm.log->str;
}
