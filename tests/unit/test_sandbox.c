/* The host's side of a sandbox, as far as it needs no machine: what is parsed, archives, the cache, names of kernels, guest frames. */
#include "../../src/sandbox/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char *make_dir(void)
{
	char *dir = g_dir_make_tmp("kgent-sandbox-XXXXXX", NULL);

	assert_non_null(dir);
	return dir;
}

/* --- frames --- */

static void add(struct frames *f, guint16 type, guint16 aux, guint32 id, const char *payload, gsize len)
{
	struct kg_guest_header h = {.len = (guint32)len, .type = type, .aux = aux, .id = id};

	frames_add(f, &h, sizeof(h));
	frames_add(f, payload, len);
}

static void test_frames(void **state)
{
	struct frames f = {.bytes = g_byte_array_new()};
	struct frame frame;

	add(&f, KG_GUEST_OUTPUT, 2, 7, "12345678out", 11);
	add(&f, KG_GUEST_DONE, 0, 9, "\1\0\0\0", 4);
	assert_int_equal(frames_next(&f, &frame), 1);
	assert_int_equal(frame.head.id, 7);
	assert_memory_equal(frame.payload + 8, "out", 3);
	assert_int_equal(frames_next(&f, &frame), 1);
	assert_int_equal(frames_next(&f, &frame), 0);
	g_byte_array_unref(f.bytes);
}

static void expect_nonsense(guint16 type, guint16 aux, guint32 len)
{
	struct frames f = {.bytes = g_byte_array_new()};
	struct kg_guest_header h = {.len = len, .type = type, .aux = aux};
	struct frame frame;

	frames_add(&f, &h, sizeof(h));
	assert_int_equal(frames_next(&f, &frame), -1);
	g_byte_array_unref(f.bytes);
}

static void test_frames_nonsense(void **state)
{
	expect_nonsense(KG_GUEST_START, 0, 4);                       /* only hosts say that */
	expect_nonsense(200, 0, 4);                                  /* unknown */
	expect_nonsense(KG_GUEST_OUTPUT, 3, 20);                     /* no such stream */
	expect_nonsense(KG_GUEST_OUTPUT, 1, 7);                      /* shorter than its time */
	expect_nonsense(KG_GUEST_OUTPUT, 1, KG_GUEST_FRAME_MAX + 1); /* seen before its bytes are waited for */
	expect_nonsense(KG_GUEST_EXIT, 0, 23);
	expect_nonsense(KG_GUEST_DONE, 0, 5);
	expect_nonsense(KG_GUEST_READY, 0, 100000);
}

/* --- the console --- */

static void expect_panic(const char *log, const char *want, gboolean want_no_memory)
{
	gboolean no_memory = FALSE;
	g_autofree char *why = vm_panic(log, strlen(log), &no_memory);

	if (!want)
		assert_null(why);
	else
		assert_string_equal(why, want);
	assert_int_equal(no_memory, want_no_memory);
}

static void test_panic(void **state)
{
	expect_panic("", NULL, FALSE);
	expect_panic("[ 1.0] all is well\n", NULL, FALSE);
	expect_panic("[    1.3] Kernel panic - not syncing: sysrq triggered crash\r\n[ 1.4] CPU: 0\r\n", "sysrq triggered crash", FALSE);
	expect_panic("[ 9.0] Kernel panic - not syncing: System is deadlocked on memory\n", "System is deadlocked on memory", TRUE);
	expect_panic("[ 3.0] BUG: kernel NULL pointer dereference, address: 0\n[ 3.1] Kernel panic - not syncing: Fatal exception\n",
		     "Fatal exception (BUG: kernel NULL pointer dereference, address: 0)", FALSE);
	expect_panic("Kernel panic - not syncing: \033[2Jboo", "\\x1b[2Jboo", FALSE);
}

/* --- libraries --- */

static void test_closure(void **state)
{
	static const char text[] = "\tlinux-vdso.so.1 (0x00007ffd1a3f2000)\n\tlibbpf.so.1 => /lib/x86_64-linux-gnu/libbpf.so.1 (0x00007f2c1a200000)\n"
				   "\tliba.so => not found\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f2c1a6d1000)\n\tlibb.so => /a b/libb.so (0x1)\n"
				   "\tlibbpf.so.1 => /lib/x86_64-linux-gnu/libbpf.so.1 (0x1)\n";
	g_autoptr(GPtrArray) paths = closure_parse(text, strlen(text));

	assert_int_equal(paths->len, 3);
	assert_string_equal(paths->pdata[0], "/lib/x86_64-linux-gnu/libbpf.so.1");
	assert_string_equal(paths->pdata[1], "/lib64/ld-linux-x86-64.so.2");
	assert_string_equal(paths->pdata[2], "/a b/libb.so");
}

static void test_closure_real(void **state)
{
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL), *interpreter = closure_interpreter(self);
	g_autoptr(GPtrArray) libraries = NULL;
	_cleanup_error_ struct kg_error err = {0};
	gboolean has_libc = FALSE;

	assert_non_null(interpreter);
	assert_int_equal(closure_of(self, &libraries, &err), 0);
	for (guint i = 0; i < libraries->len; i++) {
		assert_true(g_file_test(libraries->pdata[i], G_FILE_TEST_EXISTS));
		has_libc |= strstr(libraries->pdata[i], "/libc.so") != NULL;
	}
	assert_true(has_libc);
	g_clear_pointer(&libraries, g_ptr_array_unref);
	assert_int_equal(closure_of("/no/such/file", &libraries, &err), -KG_E_IO);
}

/* --- kernel images and packages --- */

static void test_vmlinuz(void **state)
{
	char image[0x400] = {0};

	assert_null(vmlinuz_release("", 0));
	assert_null(vmlinuz_release("\177ELF", 4));
	memcpy(image + 0x202, "HdrS", 4);
	image[0x20f] = 1; /* the text is at 0x200 + 0x100 */
	strcpy(image + 0x300, "6.12.117+deb12-cloud-amd64 (debian-kernel@lists.debian.org) #1 SMP");
	g_autofree char *release = vmlinuz_release(image, sizeof(image));
	assert_string_equal(release, "6.12.117+deb12-cloud-amd64");
	strcpy(image + 0x300, "../../etc/passwd ");
	assert_null(vmlinuz_release(image, sizeof(image)));
	strcpy(image + 0x300, "6.1/../x ");
	assert_null(vmlinuz_release(image, sizeof(image)));
	image[0x20f] = (char)0xff; /* beyond the end */
	assert_null(vmlinuz_release(image, sizeof(image)));
}

static void expect_package(const char *what, const char *want)
{
	static const char text[] =
		"linux-image-6.1.0-9-cloud-amd64 - Linux 6.1\nlinux-image-6.1.0-56-cloud-amd64 - Linux 6.1\nlinux-image-6.1.0-57-amd64 - full\n"
		"linux-image-6.1.0-99-cloud-amd64-dbg - symbols\nlinux-image-6.1.0-99-rt-amd64 - rt\nlinux-image-6.12-amd64-dbg - meta\n"
		"linux-image-6.12.117+deb12-cloud-amd64 - Linux 6.12\nlinux-image-6.12.99+deb12-cloud-amd64 - Linux 6.12\n"
		"linux-image-6.12.200+deb12-cloud-amd64-unsigned - Linux 6.12\nlinux-image-5.10.0-1-amd64 - only full\nnonsense\n";
	g_autofree char *name = fetch_choose(text, strlen(text), what);

	if (want)
		assert_string_equal(name, want);
	else
		assert_null(name);
}

static void test_choose(void **state)
{
	expect_package("6.1", "linux-image-6.1.0-56-cloud-amd64");
	expect_package("6.1.0-9", "linux-image-6.1.0-9-cloud-amd64");
	expect_package("6.12", "linux-image-6.12.117+deb12-cloud-amd64");
	expect_package("latest", "linux-image-6.12.117+deb12-cloud-amd64");
	expect_package("5.10", "linux-image-5.10.0-1-amd64");
	expect_package("6", "linux-image-6.12.117+deb12-cloud-amd64");
	expect_package("7.0", NULL);
}

static void test_depends(void **state)
{
	g_autoptr(GPtrArray) found = fetch_depends("kmod, linux-base (>= 4.3), linux-image-6.1.0-56-amd64 (= 6.1.192-2), linux-modules-6.8.0-45-generic | x");

	assert_int_equal(found->len, 2);
	assert_string_equal(found->pdata[0], "linux-image-6.1.0-56-amd64=6.1.192-2");
	assert_string_equal(found->pdata[1], "linux-modules-6.8.0-45-generic");
}

static void test_modules_data(void **state)
{
	g_autoptr(GPtrArray) wanted = modules_wanted();
	gboolean has_console = FALSE;

	for (guint i = 0; i < wanted->len; i++) {
		assert_null(strchr(wanted->pdata[i], '#'));
		has_console |= !strcmp(wanted->pdata[i], "virtio_console");
	}
	assert_true(has_console); /* without it older kernels have no port to us */
	assert_null(modules_depends("no ELF", 6));
}

/* This very program has a section as modules have one. */
static const char modinfo[] __attribute__((section(".modinfo"), used)) = "license=GPL\0depends=virtio,virtio-ring\0name=x";

static void test_modules_depends(void **state)
{
	gsize len;
	g_autofree char *self = tree_read("/proc/self/exe", 1u << 28, &len);
	g_autoptr(GPtrArray) names = modules_depends(self, len);

	assert_int_equal(strlen(modinfo), 11);
	assert_non_null(names);
	assert_int_equal(names->len, 2);
	assert_string_equal(names->pdata[1], "virtio_ring");
}

static void test_modules_copy(void **state)
{
	g_autofree char *dir = make_dir(), *from = g_build_filename(dir, "from", NULL), *to = g_build_filename(dir, "to", NULL);
	g_autofree char *file = g_build_filename(from, "kernel/drivers/some-thing.ko", NULL), *below = g_path_get_dirname(file);
	g_autofree char *list = g_build_filename(to, "list", NULL);
	g_autoptr(GPtrArray) wanted = g_ptr_array_new();
	_cleanup_error_ struct kg_error err = {0};
	const char *asked[] = {"some_thing x=1", NULL}, *missing[] = {"not_there", NULL};
	guint n;

	assert_int_equal(g_mkdir_with_parents(below, 0700), 0);
	assert_true(g_file_set_contents(file, "no ELF, so nothing is known of what it needs", -1, NULL));
	g_ptr_array_add(wanted, (gpointer)"absent y=2");
	g_ptr_array_add(wanted, (gpointer)"some-thing z=3");
	assert_int_equal(modules_copy(from, wanted, asked, to, &n, &err), 0);
	assert_int_equal(n, 1);
	g_autofree char *text = tree_read(list, 1000, NULL);
	assert_string_equal(text, "some_thing.ko z=3\n");
	assert_int_equal(modules_copy(from, wanted, missing, to, &n, &err), -KG_E_NOTFOUND);
	assert_non_null(strstr(err.msg, "not_there"));
	assert_int_equal(tree_remove(dir), 0);
}

/* --- the result of kgent-inside --- */

static int parse(const char *text, struct kg_load_result *res)
{
	return load_parse(text, strlen(text), res, NULL);
}

static void test_result(void **state)
{
	struct kg_load_result res = {0};

	assert_int_equal(parse("", &res), -KG_E_PARSE);
	assert_int_equal(parse("{}", &res), -KG_E_PARSE);
	assert_int_equal(parse("{\"outcome\":\"splendid\"}", &res), -KG_E_PARSE);
	assert_int_equal(parse("{\"outcome\":\"passed\",\"n_probes\":2,\"n_loaded\":2}", &res), 0);
	assert_int_equal(res.outcome, KG_LOAD_ACCEPTED);
	assert_int_equal(res.n_loaded, 2);
	kg_load_result_clear(&res);
	assert_int_equal(parse("{\"outcome\":\"failed\",\"probe\":\"kprobe:a\",\"why\":\"x\\u001b[2Jy\",\"finding\":{\"reason\":\"R1\",\"insn_index\":3},"
			       "\"diags\":[{\"severity\":\"error\",\"line\":1,\"col\":2,\"len\":-5,\"msg\":\"m\"},{\"severity\":\"what\",\"msg\":\"n\"}]}",
			       &res), 0);
	assert_string_equal(res.why, "x\\x1b[2Jy");
	assert_int_equal(res.finding.insn_index, 3);
	assert_int_equal(res.diags->len, 1);
	kg_load_result_clear(&res);
	assert_int_equal(parse("{\"outcome\":\"failed\"}", &res), 0); /* a refusal says why in any case */
	assert_non_null(res.why);
	kg_load_result_clear(&res);
}

/* --- archives --- */

/* As the kernel would: the entry's data by its name, from an archive. */
static char *extract(const char *data, gsize len, const char *name)
{
	for (gsize at = 0; at + 110 <= len;) {
		char number[9] = {0};

		assert_memory_equal(data + at, "070701", 6);
		memcpy(number, data + at + 54, 8);
		gsize size = strtoul(number, NULL, 16);
		memcpy(number, data + at + 94, 8);
		gsize name_len = strtoul(number, NULL, 16), body = (at + 110 + name_len + 3) & ~(gsize)3;

		if (!strcmp(data + at + 110, name))
			return g_strndup(data + body, size);
		at = (body + size + 3) & ~(gsize)3;
	}
	return NULL;
}

static void test_archive(void **state)
{
	g_autofree char *dir = make_dir(), *path = g_build_filename(dir, "a.cpio", NULL), *host = g_build_filename(dir, "host", NULL);
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	struct archive *a = archive_new();
	gsize len;

	assert_true(g_file_set_contents(host, "of the host", -1, NULL));
	archive_data(a, "/etc/deep/file", "text", 4, 0644);
	archive_data(a, "/etc/deep/file", "second", 6, 0644); /* the first one stays */
	archive_link(a, "/bin", "usr/bin");
	archive_file(a, "/host", host, 0755);
	assert_true(archive_has(a, "/etc/deep"));
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(archive_write(a, fd, sum, NULL), 0);
	close(fd);
	g_autofree char *data = tree_read(path, 1 << 20, &len);
	g_autofree char *file = extract(data, len, "etc/deep/file"), *link = extract(data, len, "bin"), *its = extract(data, len, "host");
	g_autofree char *want = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (guchar *)data, len);
	assert_string_equal(file, "text");
	assert_string_equal(link, "usr/bin");
	assert_string_equal(its, "of the host");
	assert_string_equal(g_checksum_get_string(sum), want);
	archive_free(a);
	assert_int_equal(tree_remove(dir), 0);
}

/* A full disk is an error, and not a short archive. */
static void test_archive_full(void **state)
{
	struct archive *a = archive_new();
	_cleanup_error_ struct kg_error err = {0};
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	archive_data(a, "/x", "y", 1, 0644);
	assert_int_equal(archive_write(a, fd, NULL, &err), -KG_E_IO);
	assert_non_null(strstr(err.msg, "No space left"));
	close(fd);
	archive_free(a);
}

/* --- the cache --- */

static void test_tree(void **state)
{
	g_autofree char *dir = make_dir(), *outside = make_dir();
	g_autofree char *kept = g_build_filename(outside, "kept", NULL), *link = g_build_filename(dir, "link", NULL);
	g_autofree char *deep = g_build_filename(dir, "a/b", NULL), *file = g_build_filename(deep, "file", NULL);
	_cleanup_error_ struct kg_error err = {0};

	assert_true(g_file_set_contents(kept, "x", -1, NULL));
	assert_int_equal(symlink(outside, link), 0);
	assert_int_equal(g_mkdir_with_parents(deep, 0700), 0);
	assert_int_equal(tree_write(file, "data", 4, &err), 0);
	assert_int_equal(chmod(deep, 0500), 0);
	assert_int_equal(tree_remove(dir), 0);
	assert_false(g_file_test(dir, G_FILE_TEST_EXISTS));
	assert_true(g_file_test(kept, G_FILE_TEST_EXISTS)); /* links are not followed */
	assert_int_equal(tree_remove(outside), 0);
	assert_int_equal(tree_write("/no/such/directory/file", "x", 1, &err), -KG_E_IO);
}

/* What a killed process left goes; what a living one works on stays. */
static void test_parts(void **state)
{
	g_autofree char *dir = make_dir(), *dead = g_build_filename(dir, ".part-1-dead", NULL), *normal = g_build_filename(dir, "normal", NULL);
	int lock;
	g_autofree char *mine = tree_part(dir, &lock, NULL);

	assert_non_null(mine);
	assert_int_equal(mkdir(dead, 0700), 0);
	assert_int_equal(mkdir(normal, 0700), 0);
	tree_prune_parts(dir);
	assert_true(g_file_test(mine, G_FILE_TEST_IS_DIR));
	assert_false(g_file_test(dead, G_FILE_TEST_EXISTS));
	assert_true(g_file_test(normal, G_FILE_TEST_IS_DIR));
	close(lock);
	tree_prune_parts(dir);
	assert_false(g_file_test(mine, G_FILE_TEST_EXISTS));
	assert_int_equal(tree_remove(dir), 0);
}

static void test_lock(void **state)
{
	g_autofree char *dir = make_dir(), *path = g_build_filename(dir, "lock", NULL);
	int first = tree_lock(path, 0);

	assert_true(first >= 0);
	assert_int_equal(tree_lock(path, 50), -1);
	close(first);
	first = tree_lock(path, 50);
	assert_true(first >= 0);
	close(first);
	assert_int_equal(tree_remove(dir), 0);
}

static void put_kernel(const char *cache, const char *name, const char *meta)
{
	g_autofree char *dir = g_build_filename(cache, "kernels", name, NULL), *path = g_build_filename(dir, "meta.json", NULL);

	assert_int_equal(g_mkdir_with_parents(dir, 0700), 0);
	assert_true(g_file_set_contents(path, meta, -1, NULL));
}

static void expect_kernel(const char *cache, const char *name, const char *want)
{
	struct kg_kernel *k = NULL;
	_cleanup_error_ struct kg_error err = {0};
	int r = kg_kernel_find(cache, name, &k, &err);

	if (want) {
		assert_int_equal(r, 0);
		assert_string_equal(k->name, want);
	} else {
		assert_int_equal(r, -KG_E_NOTFOUND);
		assert_non_null(err.hint);
	}
	kg_kernel_free(k);
}

static void test_store(void **state)
{
	g_autofree char *cache = make_dir();
	g_autoptr(GPtrArray) all = NULL;
	_cleanup_error_ struct kg_error err = {0};
	struct kg_kernel *k = NULL;

	expect_kernel(cache, "6.1", NULL);
	put_kernel(cache, "6.12.117-cloud", "{\"release\": \"6.12.117-cloud\"}");
	put_kernel(cache, "6.1.0-9", "{\"release\": \"6.1.0-9\"}");
	put_kernel(cache, "6.1.0-56", "{\"release\": \"6.1.0-56\"}");
	put_kernel(cache, ".part-1", "{\"release\": \"never\"}");
	put_kernel(cache, "damaged", "{");
	expect_kernel(cache, "6.12", "6.12.117-cloud");
	expect_kernel(cache, "6.1", NULL);      /* several */
	expect_kernel(cache, "6.1.0-5", NULL);  /* goes on with a digit */
	expect_kernel(cache, "6.1.0-56", "6.1.0-56");
	expect_kernel(cache, "", NULL);
	expect_kernel(cache, "../kernels", NULL);
	expect_kernel(cache, ".part-1", NULL);
	assert_int_equal(kg_kernel_find(cache, "damaged", &k, &err), -KG_E_PARSE);
	assert_int_equal(kg_kernels_list(cache, &all, NULL), 0);
	assert_int_equal(all->len, 3);
	assert_string_equal(((struct kg_kernel *)all->pdata[0])->name, "6.1.0-9"); /* as versions, not as texts */
	assert_string_equal(((struct kg_kernel *)all->pdata[1])->name, "6.1.0-56");
	assert_int_equal(kg_kernel_remove(cache, "6.1", NULL), -KG_E_NOTFOUND); /* the name must be whole */
	assert_int_equal(kg_kernel_remove(cache, "..", NULL), -KG_E_NOTFOUND);
	assert_int_equal(kg_kernel_remove(cache, "6.1.0-9", NULL), 0);
	assert_int_equal(kg_kernel_remove(cache, "damaged", NULL), 0);
	expect_kernel(cache, "6.1", "6.1.0-56");
	assert_int_equal(tree_remove(cache), 0);
}

/* States: whole ones are found, half ones are not, the oldest goes. */
static void make_state(const struct kg_kernel *k, const char *key, gboolean is_whole, int age_s)
{
	g_autofree char *dir = g_strdup_printf("%s/state-%s", k->dir, key), *ram = g_build_filename(dir, "ram", NULL);
	g_autofree char *device = g_build_filename(dir, "device", NULL), *whole = g_build_filename(dir, "whole", NULL);
	struct timespec times[2] = {{.tv_sec = time(NULL) - age_s}, {.tv_sec = time(NULL) - age_s}};

	assert_int_equal(g_mkdir_with_parents(dir, 0700), 0);
	assert_true(g_file_set_contents(ram, "", 0, NULL) && g_file_set_contents(device, "d", 1, NULL));
	assert_int_equal(truncate(ram, 1 << 20), 0);
	if (is_whole)
		assert_true(g_file_set_contents(whole, "", 0, NULL));
	assert_int_equal(utimensat(AT_FDCWD, device, times, 0), 0);
}

static gboolean has_state(const struct kg_kernel *k, const char *key, int memory_mib)
{
	struct state s;
	gboolean ok = state_open(k, key, memory_mib, &s);

	if (ok)
		state_clear(&s);
	return ok;
}

static void test_states(void **state)
{
	g_autofree char *dir = make_dir();
	struct kg_kernel k = {.dir = dir};
	struct new_state s;
	_cleanup_error_ struct kg_error err = {0};

	make_state(&k, "old", TRUE, 1000);
	make_state(&k, "half", FALSE, 10);
	make_state(&k, "new", TRUE, 10);
	assert_true(has_state(&k, "new", 1));
	assert_false(has_state(&k, "new", 2)); /* of another size */
	assert_false(has_state(&k, "half", 1));
	assert_false(has_state(&k, "none", 1));
	if (state_begin(&k, "made", 1, &s, &err)) {
		print_message("skip: %s\n", err.msg);
		skip();
	}
	g_autofree char *device = g_build_filename(s.part, "device", NULL);
	assert_true(g_file_set_contents(device, "d", 1, NULL));
	assert_int_equal(state_finish(&s, &k, &err), 0);
	assert_true(has_state(&k, "made", 1));
	assert_false(has_state(&k, "old", 1)); /* two stay */
	/* so much room has nobody */
	assert_int_equal(state_begin(&k, "huge", 1 << 30, &s, &err), -KG_E_LIMIT);
	assert_int_equal(tree_remove(dir), 0);
}

static void test_kvm(void **state)
{
	g_autofree char *cache = make_dir(), *why = NULL;

	kvm_forget(cache, "it stands still");
	enum kg_kvm_state found = kg_kvm_state(cache, &why);

	/* without the device, or where this user may not use it, that is what counts */
	assert_true(found == KG_KVM_BROKEN || found == KG_KVM_ABSENT || found == KG_KVM_FORBIDDEN);
	assert_non_null(why);
	if (found == KG_KVM_BROKEN)
		assert_string_equal(why, "it stands still");
	assert_int_equal(tree_remove(cache), 0);
}

static void test_add_wrong(void **state)
{
	g_autofree char *cache = make_dir(), *file = g_build_filename(cache, "text", NULL), *deb = g_build_filename(cache, "x.deb", NULL);
	const char *const what[] = {"-o", "a b", "/no/such/file", "no-such.deb", file, deb};
	_cleanup_error_ struct kg_error possible = {0};

	if (kg_sandbox_possible(&possible)) {
		print_message("skip: %s\n", possible.msg);
		skip();
	}
	assert_true(g_file_set_contents(file, "this is no kernel", -1, NULL) && g_file_set_contents(deb, "this is no package", -1, NULL));
	for (gsize i = 0; i < G_N_ELEMENTS(what); i++) {
		struct kg_kernel_add_opts opts = {.what = what[i], .cache_dir = cache};
		_cleanup_error_ struct kg_error err = {0};
		struct kg_kernel *k = NULL;

		assert_int_not_equal(kg_kernel_add(&opts, &k, &err), 0);
		assert_non_null(err.msg);
	}
	/* nothing is left behind */
	g_autofree char *kernels = g_build_filename(cache, "kernels", NULL);
	g_autoptr(GDir) d = g_dir_open(kernels, 0, NULL);
	assert_null(d ? g_dir_read_name(d) : NULL);
	assert_int_equal(tree_remove(cache), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames), cmocka_unit_test(test_frames_nonsense), cmocka_unit_test(test_panic), cmocka_unit_test(test_closure),
		cmocka_unit_test(test_closure_real), cmocka_unit_test(test_vmlinuz), cmocka_unit_test(test_choose), cmocka_unit_test(test_depends),
		cmocka_unit_test(test_modules_data), cmocka_unit_test(test_modules_depends), cmocka_unit_test(test_modules_copy), cmocka_unit_test(test_result), cmocka_unit_test(test_archive),
		cmocka_unit_test(test_archive_full), cmocka_unit_test(test_tree), cmocka_unit_test(test_parts), cmocka_unit_test(test_lock),
		cmocka_unit_test(test_store), cmocka_unit_test(test_states), cmocka_unit_test(test_kvm), cmocka_unit_test(test_add_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
