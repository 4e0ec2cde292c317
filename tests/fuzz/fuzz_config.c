/* The configuration file. */
#include <kgent/config.h>

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const environment[] = {"OPENAI_API_KEY=sk-12345678", NULL};
	_cleanup_error_ struct kg_error err = {0};
	struct kg_config_server server = {0};
	struct kg_config *config = NULL;
	int fd = memfd_create("config", MFD_CLOEXEC);
	g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);

	if (fd < 0 || fchmod(fd, 0600) || write(fd, data, size) != (ssize_t)size)
		abort();
	const struct kg_config_opts opts = {.file = path, .environment = environment};
	int code = kg_config_open(&opts, &config, &err);
	if ((code != 0) != (config == NULL) || (code && !err.msg))
		abort();
	/* the environment's key is for one address only, whatever the file says */
	if (config && !kg_config_server(config, &server, &err) && !g_strcmp0(server.key_where, "OPENAI_API_KEY") &&
	    g_ascii_strncasecmp(server.base_url, "https://api.openai.com", 22))
		abort();
	kg_config_free(config);
	close(fd);
	return 0;
}
