/* Addresses of servers: what two of them have in common decides whether a key may go there. */
#include "internal.h"

#include <arpa/inet.h>
#include <string.h>

static int default_port(const char *scheme)
{
	return !strcmp(scheme, "https") ? 443 : 80;
}

static GUri *parse(const char *url)
{
	g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED_PATH | G_URI_FLAGS_SCHEME_NORMALIZE, NULL);

	if (!uri || !g_uri_get_host(uri) || !*g_uri_get_host(uri) || g_uri_get_userinfo(uri))
		return NULL;
	if (strcmp(g_uri_get_scheme(uri), "http") && strcmp(g_uri_get_scheme(uri), "https"))
		return NULL;
	return g_steal_pointer(&uri);
}

char *kg_config_url_origin(const char *url)
{
	g_autoptr(GUri) uri = parse(url);

	if (!uri)
		return NULL;
	g_autofree char *host = g_ascii_strdown(g_uri_get_host(uri), -1);
	int port = g_uri_get_port(uri);
	const char *scheme = g_uri_get_scheme(uri);
	return g_strdup_printf(strchr(host, ':') ? "%s://[%s]:%d" : "%s://%s:%d", scheme, host, port > 0 ? port : default_port(scheme));
}

gboolean kg_config_url_is_loopback(const char *url)
{
	g_autoptr(GUri) uri = parse(url);
	struct in_addr v4;

	if (!uri)
		return FALSE;
	const char *host = g_uri_get_host(uri);
	if (!g_ascii_strcasecmp(host, "localhost") || !strcmp(host, "::1"))
		return TRUE;
	return inet_pton(AF_INET, host, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}
