/* Runs a fuzz target over its seeds, so that the whole suite holds every crash that was once found: replay FOLDER. */
#include <glib.h>
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

int main(int argc, char **argv)
{
	GDir *dir = argc > 1 ? g_dir_open(argv[1], 0, NULL) : NULL;
	const char *name;
	int n = 0;

	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	/* The empty input is everybody's seed. */
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	n++;
	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(argv[1], name, NULL);
		g_autofree char *text = NULL;
		gsize len;

		if (!g_file_get_contents(path, &text, &len, NULL)) {
			printf("not ok %s: can't be read\n0 passed, 1 failed, 0 skipped\n", path);
			return 1;
		}
		printf("# %s\n", path);
		fflush(stdout);
		LLVMFuzzerTestOneInput((const uint8_t *)text, len);
		n++;
	}
	if (dir)
		g_dir_close(dir);
	printf("%d passed, 0 failed, 0 skipped\n", n);
	return 0;
}
