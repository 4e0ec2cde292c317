/* Files of the command line: see files.h. */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean is_stdin(const char *path)
{
	return !path || !strcmp(path, "-");
}

const char *kg_cli_file_name(const char *path)
{
	return is_stdin(path) ? "<stdin>" : path;
}

static int can_not(struct kg_error *err, int code, const char *what, const char *path)
{
	return kg_error_set(err, code, "file", "%s can't be %s: %s", path, what, g_strerror(errno));
}

/* Read up to one byte more than is allowed, so that "too long" is seen. */
static int read_all(int fd, const char *path, gsize max, GString *text, struct kg_error *err)
{
	char buffer[65536];

	for (;;) {
		ssize_t n = read(fd, buffer, sizeof(buffer));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return can_not(err, KG_E_INVAL, "read", path);
		if (n == 0)
			return 0;
		g_string_append_len(text, buffer, n);
		if (text->len > max)
			return kg_error_set(err, KG_E_LIMIT, "file", "%s is longer than %zu bytes", path, max);
	}
}

int kg_cli_read(const char *path, gsize max, char **ret, gsize *ret_len, struct kg_error *err)
{
	g_autoptr(GString) text = g_string_new(NULL);
	int fd = is_stdin(path) ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return can_not(err, KG_E_INVAL, "read", path);
	if (isatty(fd))
		fprintf(stderr, "kgent: reading from the terminal; Ctrl-D ends it\n");
	int code = read_all(fd, kg_cli_file_name(path), max, text, err);
	if (fd != STDIN_FILENO)
		close(fd);
	if (code)
		return code;
	*ret_len = text->len;
	*ret = g_string_free(g_steal_pointer(&text), FALSE);
	return 0;
}

static int write_all(int fd, const char *text)
{
	for (gsize left = strlen(text); left;) {
		ssize_t n = write(fd, text, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		text += n;
		left -= n;
	}
	return fsync(fd) && errno != EINVAL && errno != EROFS ? -1 : 0;
}

/* Give the new file its name. Without [force] a file that has appeared meanwhile stays, where the file system can promise that. */
static int put_in_place(const char *temp, const char *path, gboolean force)
{
	if (!force && renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return 0;
	if (!force && errno != EINVAL)
		return -1;
	return rename(temp, path);
}

int kg_cli_write(const char *path, const char *text, gboolean force, struct kg_error *err)
{
	struct stat st;
	gboolean exists = stat(path, &st) == 0;

	if (exists && !S_ISREG(st.st_mode)) {
		/* A device or a pipe is written to, not replaced. */
		int fd = S_ISDIR(st.st_mode) ? (errno = EISDIR, -1) : open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write_all(fd, text) || close(fd))
			return can_not(err, KG_E_IO, "written", path);
		return 0;
	}
	if (exists && !force) {
		kg_error_set(err, KG_E_INVAL, "file", "%s exists", path);
		kg_error_hint(err, "--force replaces it");
		return -KG_E_INVAL;
	}
	g_autofree char *temp = g_strdup_printf("%s.XXXXXX", path);
	int fd = g_mkstemp_full(temp, O_WRONLY | O_CLOEXEC, 0644);
	if (fd < 0)
		return can_not(err, KG_E_IO, "written", path);
	int failed = write_all(fd, text);
	int why = errno;
	if (close(fd) && !failed) {
		failed = -1;
		why = errno;
	}
	if (!failed && put_in_place(temp, path, force)) {
		failed = -1;
		why = errno;
	}
	if (!failed)
		return 0;
	unlink(temp);
	errno = why;
	return can_not(err, KG_E_IO, "written", path);
}

/* More than anybody says, and less than what would cost to read; kg_understand() refuses beyond its own, lower bound. */
#define MAX_PROMPT (64 << 10)

int kg_cli_prompt(GPtrArray *words, char **ret, struct kg_error *err)
{
	gsize len;

	if (words->len == 1 && !strcmp(words->pdata[0], "-")) {
		int code = kg_cli_read("-", MAX_PROMPT, ret, &len, err);
		if (code)
			return code;
		if (strlen(*ret) != len)
			return kg_error_set(err, KG_E_INVAL, "prompt", "this is no sentence: it has NUL bytes in it");
	} else {
		g_ptr_array_add(words, NULL);
		*ret = g_strjoinv(" ", (char **)words->pdata);
	}
	if (!g_utf8_validate(*ret, -1, NULL))
		return kg_error_set(err, KG_E_INVAL, "prompt", "this is no sentence: it is not UTF-8");
	g_strstrip(*ret);
	if (!**ret)
		return kg_error_set(err, KG_E_INVAL, "prompt", "the sentence is empty");
	return 0;
}
