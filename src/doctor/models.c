/*
 * Model servers. None is needed: a machine without one is in order. Only the loopback address is tried, each port for 50 ms at most, and nothing
 * is sent; that something listens is all that is known. Of keys only that they are set.
 */
#include "internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 50
#define PORTS_MAX 8

static const char section[] = "models";

static const struct {
	guint16 port;
	const char *name;
} servers[] = {{11434, "Ollama"}, {8080, "llama.cpp"}, {1234, "LM Studio"}, {8000, "vLLM"}};

static const char *server_name(guint16 port)
{
	for (gsize i = 0; i < G_N_ELEMENTS(servers); i++)
		if (servers[i].port == port)
			return servers[i].name;
	return "a model server";
}

/* Begin to connect; the socket, or -1. */
static int begin(guint16 port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
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

static guint add_listening(struct kg_doctor *d, const guint16 *ports)
{
	struct pollfd fds[PORTS_MAX];
	gint64 until = g_get_monotonic_time() + PATIENCE_MS * 1000;
	nfds_t n = 0;
	guint found = 0;

	for (; n < PORTS_MAX && ports[n]; n++)
		fds[n] = (struct pollfd){.fd = begin(ports[n]), .events = POLLOUT};
	for (gint64 left = PATIENCE_MS; left > 0; left = (until - g_get_monotonic_time()) / 1000) {
		gboolean all = TRUE;

		for (nfds_t i = 0; i < n; i++)
			all = all && (fds[i].fd < 0 || fds[i].revents);
		if (all || poll(fds, n, (int)left) <= 0)
			break;
	}
	for (nfds_t i = 0; i < n; i++) {
		if (fds[i].fd < 0)
			continue;
		if ((fds[i].revents & POLLOUT) && is_connected(fds[i].fd)) {
			g_autofree char *text = g_strdup_printf("something listens on 127.0.0.1:%u, where %s usually does", ports[i], server_name(ports[i]));

			kg_doctor_add(d, section, server_name(ports[i]), KG_DOCTOR_NOTE, text, NULL, NULL);
			found++;
		}
		close(fds[i].fd);
	}
	return found;
}

void kg_doctor_models(struct kg_doctor *d, const guint16 *ports)
{
	static const char *const variables[] = {"ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OLLAMA_HOST"};
	guint16 usual[G_N_ELEMENTS(servers) + 1] = {0};
	guint found;

	for (gsize i = 0; i < G_N_ELEMENTS(servers); i++)
		usual[i] = servers[i].port;
	found = add_listening(d, ports ? ports : usual);
	for (gsize i = 0; i < G_N_ELEMENTS(variables); i++) {
		const char *value = g_getenv(variables[i]);

		if (!value || !*value)
			continue;
		kg_doctor_add(d, section, variables[i], KG_DOCTOR_NOTE, "is set", NULL, NULL);
		found++;
	}
	if (!found)
		kg_doctor_add(d, section, "none", KG_DOCTOR_NOTE, "no model server was found; the builtin engine needs none", NULL, NULL);
}
