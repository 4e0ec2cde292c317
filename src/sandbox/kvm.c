/*
 * KVM: used where it works. That /dev/kvm can be opened says little: in a machine that is virtual itself it can be there and guests never start,
 * or stop at their first unusual instruction. So it is tried once, with a real kernel, and what came of it is remembered in
 * CACHE/sandbox/kvm.json until this machine is booted again, or its kernel or QEMU changes:
 *
 *   {"host": "BOOT-ID RELEASE QEMU-SIZE QEMU-TIME", "works": false, "why": "..."}
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define FIRST_WORD_MS 3000 /* until the kernel says its version */
#define ALL_MS 10000       /* until it has nothing more to do, for want of a file system */

static enum kg_kvm_state look(char **ret_why)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		close(fd);
		return KG_KVM_UNTRIED;
	}
	if (errno == EACCES || errno == EPERM) {
		*ret_why = g_strdup("/dev/kvm is there, but this user may not use it");
		return KG_KVM_FORBIDDEN;
	}
	*ret_why = errno == ENOENT ? g_strdup("there is no /dev/kvm") : g_strdup_printf("/dev/kvm can't be opened: %s", g_strerror(errno));
	return KG_KVM_ABSENT;
}

/* What a finding is about. */
static char *this_host(void)
{
	g_autofree char *qemu = vm_qemu(NULL), *id = NULL;
	struct utsname u = {0};
	struct stat st = {0};

	uname(&u);
	if (qemu && stat(qemu, &st))
		memset(&st, 0, sizeof(st));
	g_file_get_contents("/proc/sys/kernel/random/boot_id", &id, NULL, NULL);
	return g_strdup_printf("%s %s %lld %lld", id ? g_strchomp(id) : "?", u.release, (long long)st.st_size, (long long)st.st_mtim.tv_sec);
}

static char *finding_path(const char *cache_dir)
{
	g_autofree char *dir = tree_dir(cache_dir, "sandbox", NULL);

	return dir ? g_build_filename(dir, "kvm.json", NULL) : NULL;
}

static gboolean recall(const char *cache_dir, gboolean *ret_works, char **ret_why)
{
	g_autofree char *path = finding_path(cache_dir), *host = this_host();
	json_t *known = path ? json_load_file(path, 0, NULL) : NULL;
	gboolean fits = known && !g_strcmp0(json_string_value(json_object_get(known, "host")), host);

	if (fits) {
		*ret_works = json_is_true(json_object_get(known, "works"));
		*ret_why = g_strdup(json_string_value(json_object_get(known, "why")));
	}
	json_decref(known);
	return fits;
}

static void remember(const char *cache_dir, gboolean works, const char *why)
{
	g_autofree char *path = finding_path(cache_dir), *host = this_host();
	json_t *o = json_pack("{s:s, s:b, s:s?}", "host", host, "works", works, "why", why);
	char *text = o ? json_dumps(o, 0) : NULL;

	if (path && text)
		tree_write(path, text, strlen(text), NULL); /* not remembered: tried again the next time */
	free(text);
	json_decref(o);
}

void kvm_forget(const char *cache_dir, const char *why)
{
	remember(cache_dir, FALSE, why);
}

/* Boot the kernel with nothing else; it works when it gets as far as to miss its file system. NULL, or why not. */
static char *try_boot(const char *vmlinuz)
{
	struct vm_opts o = {.is_kvm = TRUE, .memory_mib = 256, .vmlinuz = vmlinuz, .initrd = -1, .ram = -1, .incoming = -1,
			    .append = "earlyprintk=serial,ttyS0 loglevel=7"};
	struct vm vm = VM_INIT;
	_cleanup_error_ struct kg_error err = {0};
	gint64 start = g_get_monotonic_time();
	char *why = NULL;
	gboolean works = FALSE;

	if (vm_start(&o, &vm, &err))
		return g_strdup(err.msg);
	while (!works && !why) {
		gint64 ms = (g_get_monotonic_time() - start) / 1000;
		struct pollfd p[2] = {{vm.console, POLLIN, 0}, {vm.child.err, POLLIN, 0}};

		poll(p, 2, 50);
		vm_listen(&vm);
		works = strstr(vm.log->str, "Kernel panic - not syncing") != NULL;
		if (works)
			break;
		if (strstr(vm.errors->str, "KVM internal error"))
			why = g_strdup("the guest stops with a KVM internal error");
		else if (kg_child_wait(&vm.child, 0))
			why = vm_last_words(&vm);
		else if (ms > ALL_MS || (ms > FIRST_WORD_MS && !strstr(vm.log->str, "Linux version")))
			why = g_strdup_printf("the guest did not start within %d s", (int)(ms / 1000));
	}
	vm_end(&vm);
	return why;
}

enum kg_kvm_state kg_kvm_state(const char *cache_dir, char **ret_why)
{
	g_autofree char *why = NULL;
	enum kg_kvm_state state = look(&why);
	gboolean works;

	if (state == KG_KVM_UNTRIED && recall(cache_dir, &works, &why))
		state = works ? KG_KVM_WORKS : KG_KVM_BROKEN;
	if (ret_why)
		*ret_why = g_steal_pointer(&why);
	return state;
}

gboolean kvm_use(const char *cache_dir, const char *vmlinuz, progress_fn *progress, void *user)
{
	enum kg_kvm_state state = kg_kvm_state(cache_dir, NULL);

	if (g_getenv("KGENT_NO_KVM") || state != KG_KVM_UNTRIED)
		return state == KG_KVM_WORKS && !g_getenv("KGENT_NO_KVM");
	if (progress)
		progress(user, "trying whether KVM works here");
	g_autofree char *why = try_boot(vmlinuz);

	remember(cache_dir, !why, why);
	if (progress && why) {
		g_autofree char *text = g_strdup_printf("KVM does not work here (%s); emulation is used", why);

		progress(user, text);
	}
	return !why;
}
