/*
 * Model servers on this machine. Two steps: which of the usual ports somebody listens on (50 ms for all of them together), and whether that is a
 * model server: GET /v1/models must answer as one. Nothing else is sent.
 */
#include "internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 50
#define PORTS_MAX 8
#define LIST_MS 1000

static const char *usual_name(int port)
{
	static const struct {
		int port;
		const char *name;
	} servers[] = {{11434, "Ollama"}, {8080, "llama.cpp"}, {1234, "LM Studio"}, {8000, "vLLM"}};

	for (gsize i = 0; i < G_N_ELEMENTS(servers); i++)
		if (servers[i].port == port)
			return servers[i].name;
	return "a model server";
}

/* Begin to connect; the socket, or -1. */
static int begin(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((guint16)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

static gboolean is_connected(int fd)
{
	int e = 0;
	socklen_t len = sizeof(e);

	return !getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) && !e;
}

static void wait_for_all(struct pollfd *fds, nfds_t n)
{
	gint64 until = g_get_monotonic_time() + PATIENCE_MS * 1000;

	for (gint64 left = PATIENCE_MS; left > 0; left = (until - g_get_monotonic_time()) / 1000) {
		gboolean all = TRUE;

		for (nfds_t i = 0; i < n; i++)
			all = all && (fds[i].fd < 0 || fds[i].revents);
		if (all || poll(fds, n, (int)left) <= 0)
			return;
	}
}

/* A name that could not be shown as it is would not be one that a person can type, either. */
static gboolean is_name(const char *s)
{
	if (!s || !*s || strlen(s) > 200)
		return FALSE;
	for (; *s; s++)
		if (*s <= 0x20 || *s == 0x7f)
			return FALSE;
	return TRUE;
}

/* {"data": [{"id": "name"}, ...]}; of some servers {"models": [{"name": ...}]} stands beside it. */
int list_parse(const char *body, GPtrArray **ret)
{
	json_t *value = json_loads(body, 0, NULL), *data = json_object_get(value, "data"), *entry;
	GPtrArray *names = NULL;
	size_t i;

	if (json_is_array(data)) {
		names = g_ptr_array_new_with_free_func(g_free);
		json_array_foreach(data, i, entry)
			if (is_name(json_text(entry, "id")) && names->len < 1000)
				g_ptr_array_add(names, g_strdup(json_text(entry, "id")));
	}
	json_decref(value);
	if (!names)
		return -KG_E_PARSE;
	*ret = names;
	return 0;
}

static GPtrArray *models_at(int port)
{
	g_autofree char *url = g_strdup_printf("http://127.0.0.1:%d/v1/models", port);
	g_autoptr(GPtrArray) headers = g_ptr_array_new();
	struct http_answer answer;
	GPtrArray *names = NULL;

	http_get(url, headers, PATIENCE_MS * 4, LIST_MS, NULL, &answer);
	if (answer.end == HTTP_ANSWERED && answer.status == 200)
		list_parse(answer.body->str, &names);
	http_answer_clear(&answer);
	return names;
}

static void local_free(gpointer data)
{
	struct kg_model_local *local = data;

	if (local->models)
		g_ptr_array_unref(local->models);
	g_free(local);
}

GPtrArray *kg_model_find_local(const char *ports)
{
	g_auto(GStrv) list = g_strsplit(ports, ",", -1);
	GPtrArray *found = g_ptr_array_new_with_free_func(local_free);
	struct pollfd fds[PORTS_MAX];
	int numbers[PORTS_MAX];
	nfds_t n = 0;

	for (char **p = list; *p && n < PORTS_MAX; p++) {
		numbers[n] = atoi(*p);
		if (numbers[n] > 0 && numbers[n] < 65536) {
			fds[n] = (struct pollfd){.fd = begin(numbers[n]), .events = POLLOUT};
			n++;
		}
	}
	wait_for_all(fds, n);
	for (nfds_t i = 0; i < n; i++) {
		gboolean is_there = fds[i].fd >= 0 && (fds[i].revents & POLLOUT) && is_connected(fds[i].fd);
		if (fds[i].fd >= 0)
			close(fds[i].fd);
		if (!is_there)
			continue;
		struct kg_model_local *local = g_new0(struct kg_model_local, 1);
		*local = (struct kg_model_local){numbers[i], usual_name(numbers[i]), models_at(numbers[i])};
		g_ptr_array_add(found, local);
	}
	return found;
}
