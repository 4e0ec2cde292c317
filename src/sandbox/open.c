/*
 * From a kernel to a guest that answers: restore what was saved; where nothing was, boot, save, and restore that; where that can't be,
 * boot. Each step that fails falls back to the next one, and what did not work is not tried again.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BOOT_MS 120000
#define RESTORE_MS 20000
#define REST_MS 60000
#define LOCK_MS 240000 /* somebody else boots and saves it */
#define SAVE_MS 60000
#define SILENCE_MS 15000
#define NO_PORT "there is no port to the host" /* src/guest/main.c */

struct opening {
	const struct kg_kernel *kernel;
	const struct kg_sandbox_opts *opts;
	int memory_mib;
	gint64 until_us; /* of the boot that is under way; each has all of the time */
	gboolean is_kvm;
	char *vmlinuz, *hash, *key;
};

static void tell(const struct opening *o, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
static void tell(const struct opening *o, const char *fmt, ...)
{
	va_list ap;

	if (!o->opts->progress)
		return;
	va_start(ap, fmt);
	g_autofree char *text = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	o->opts->progress(o->opts->user, text);
}

static int left_ms(const struct opening *o, int at_most)
{
	return (int)CLAMP((o->until_us - g_get_monotonic_time()) / 1000, 1, at_most);
}

static struct kg_sandbox *make_box(const struct opening *o)
{
	struct kg_sandbox *box = box_new();

	box->kernel = g_strdup(o->kernel->name);
	box->silence_ms = o->opts->silence_timeout_ms > 0 ? o->opts->silence_timeout_ms : SILENCE_MS;
	return box;
}

/* The machine did not get as far as to answer: its last words are what is of use. */
static int not_awake(struct kg_sandbox *box, const struct kg_error *cause, const struct opening *o, struct kg_error *err)
{
	if (box->end == KG_SANDBOX_RUNS) {
		vm_listen(&box->vm);
		g_autofree char *words = vm_last_words(&box->vm);

		return kg_error_set(err, KG_E_LIMIT, STAGE, "%s: %s; %s", o->kernel->name, cause->msg, words);
	}
	kg_error_set(err, KG_E_TOOL, STAGE, "%s did not start: %s", o->kernel->name, box->why);
	if (strstr(box->why, NO_PORT))
		kg_error_hint(err, "it needs virtio_pci and virtio_console, built in or as modules; those of a kernel image: --modules-dir");
	return -KG_E_TOOL;
}

static int start(const struct opening *o, const struct vm_opts *vm, int timeout_ms, struct kg_sandbox **ret, struct kg_error *err)
{
	struct kg_sandbox *box = make_box(o);
	_cleanup_error_ struct kg_error e = {0};
	int r = vm_start(vm, &box->vm, err);

	if (!r && box_wake(box, timeout_ms, &e))
		r = not_awake(box, &e, o, err);
	/* what is said of a kernel must be of that kernel */
	if (!r && strcmp(box->release, o->kernel->release))
		r = kg_error_set(err, KG_E_TOOL, STAGE, "%s is kept as Linux %s, but Linux %s answered", o->kernel->name, o->kernel->release, box->release);
	if (r)
		kg_sandbox_free(box);
	else
		*ret = box;
	return r;
}

static void begin_boot(struct opening *o)
{
	int ms = o->opts->boot_timeout_ms > 0 ? o->opts->boot_timeout_ms : BOOT_MS;

	o->until_us = g_get_monotonic_time() + ms * (gint64)1000;
}

static int boot(struct opening *o, int ram, struct kg_sandbox **ret, struct kg_error *err)
{
	g_autofree char *shared = NULL, *hash = NULL;
	struct vm_opts vm = {.is_kvm = o->is_kvm, .memory_mib = o->memory_mib, .vmlinuz = o->vmlinuz, .ram = ram, .ram_is_shared = ram >= 0,
			     .incoming = -1, .has_qmp = ram >= 0};
	int r = initramfs_shared(o->opts->cache_dir, TRUE, &shared, &hash, err);

	begin_boot(o);
	if (!r)
		r = initramfs_open(shared, o->kernel, &vm.initrd, err);
	if (r)
		return r;
	r = start(o, &vm, left_ms(o, G_MAXINT32), ret, err);
	close(vm.initrd);
	return r;
}

static int restore(struct opening *o, struct kg_sandbox **ret, struct kg_error *err)
{
	struct state s;

	if (!state_open(o->kernel, o->key, o->memory_mib, &s))
		return -KG_E_NOTFOUND;
	struct vm_opts vm = {.is_kvm = o->is_kvm, .memory_mib = o->memory_mib, .vmlinuz = o->vmlinuz, .initrd = -1, .ram = s.ram,
			     .incoming = s.device, .has_qmp = TRUE};
	int r = start(o, &vm, RESTORE_MS, ret, err);

	state_clear(&s);
	if (!r)
		(*ret)->is_restored = TRUE;
	return r;
}

/* Boot with the memory in a file, and save the rest beside it. The machine is over then. */
static int boot_and_save(struct opening *o, struct kg_error *err)
{
	struct new_state s;
	struct kg_sandbox *box = NULL;
	int r = state_begin(o->kernel, o->key, o->memory_mib, &s, err);

	if (r)
		return r;
	g_autofree char *path = g_build_filename(s.part, "device", NULL);
	int device = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	tell(o, "booting %s once, to save its state%s", o->kernel->name, o->is_kvm ? "" : " (some 10 s without KVM)");
	if (device < 0)
		r = kg_error_set(err, KG_E_IO, STAGE, "%s can't be made: %s", path, g_strerror(errno));
	if (!r)
		r = boot(o, s.ram, &box, err);
	if (!r)
		r = box_rest(box, REST_MS, err);
	if (!r)
		r = vm_save(&box->vm, device, SAVE_MS, err);
	kg_sandbox_free(box);
	if (device >= 0)
		close(device);
	if (!r)
		return state_finish(&s, o->kernel, err);
	state_abandon(&s);
	return r;
}

/* One that was saved, or one that is made now. Only one process makes it; others wait for that. */
static int from_state(struct opening *o, struct kg_sandbox **ret, struct kg_error *err)
{
	_cleanup_error_ struct kg_error e = {0};
	g_autofree char *lock_path = g_build_filename(o->kernel->dir, "lock", NULL);
	int r = restore(o, ret, &e);

	if (!r)
		return 0;
	if (r != -KG_E_NOTFOUND)
		state_remove(o->kernel, o->key);
	kg_error_clear(&e);
	int lock = tree_lock(lock_path, LOCK_MS);

	r = restore(o, ret, &e);
	if (r) {
		r = boot_and_save(o, err);
		if (!r)
			r = restore(o, ret, err);
	}
	if (lock >= 0)
		close(lock);
	return r;
}

static int open_with(struct opening *o, struct kg_sandbox **ret, struct kg_error *err)
{
	_cleanup_error_ struct kg_error e = {0};
	g_autofree char *path = NULL;
	int r = initramfs_shared(o->opts->cache_dir, FALSE, &path, &o->hash, err);

	if (r)
		return r;
	o->key = state_key(o->kernel, o->is_kvm, o->memory_mib, o->hash);
	if (!o->opts->no_saved_state) {
		r = from_state(o, ret, &e);
		if (!r)
			return 0;
		if (e.msg && strstr(e.msg, NO_PORT)) { /* it would not be another one the second time */
			r = kg_error_set(err, e.code, STAGE, "%s", e.msg);
			kg_error_hint(err, "%s", e.hint);
			return r;
		}
		tell(o, "no saved state can be used: %s", e.msg ? e.msg : "it does not start");
	}
	return boot(o, -1, ret, err);
}

static void opening_clear(struct opening *o)
{
	g_clear_pointer(&o->vmlinuz, g_free);
	g_clear_pointer(&o->hash, g_free);
	g_clear_pointer(&o->key, g_free);
}

static int open_once(const struct kg_kernel *kernel, const struct kg_sandbox_opts *opts, gboolean is_kvm, struct kg_sandbox **ret,
		     struct kg_error *err)
{
	struct opening o = {.kernel = kernel, .opts = opts, .memory_mib = opts->memory_mib ? opts->memory_mib : KG_SANDBOX_MEMORY_MIB,
			    .is_kvm = is_kvm, .vmlinuz = g_build_filename(kernel->dir, "vmlinuz", NULL)};
	int r = open_with(&o, ret, err);

	opening_clear(&o);
	return r;
}

int open_box(const struct kg_kernel *kernel, const struct kg_sandbox_opts *opts, struct kg_sandbox **ret, struct kg_error *err)
{
	gint64 begin = g_get_monotonic_time();
	g_autofree char *vmlinuz = g_build_filename(kernel->dir, "vmlinuz", NULL);
	_cleanup_error_ struct kg_error e = {0};
	int r = -KG_E_TOOL;

	if (opts->memory_mib && opts->memory_mib < KG_SANDBOX_MEMORY_MIN_MIB)
		return kg_error_set(err, KG_E_INVAL, STAGE, "a sandbox needs %d MiB of memory at least", KG_SANDBOX_MEMORY_MIN_MIB);
	gboolean is_kvm = kvm_use(opts->cache_dir, vmlinuz, opts->progress, opts->user);

	if (is_kvm)
		r = open_once(kernel, opts, TRUE, ret, &e);
	if (is_kvm && r)
		kvm_forget(opts->cache_dir, e.msg);
	if (!is_kvm || r)
		r = open_once(kernel, opts, FALSE, ret, err);
	if (!r)
		(*ret)->opened_ns = (g_get_monotonic_time() - begin) * 1000;
	return r;
}

int kg_sandbox_possible(struct kg_error *err)
{
	g_autofree char *qemu = vm_qemu(err);

	return qemu ? initramfs_possible(err) : -(err && err->code ? err->code : KG_E_TOOL);
}

int kg_sandbox_open(const struct kg_sandbox_opts *opts, struct kg_sandbox **ret, struct kg_error *err)
{
	struct kg_kernel *kernel = NULL;

	if (!opts || !opts->kernel)
		return kg_error_set(err, KG_E_INVAL, STAGE, "no kernel was named");
	int r = kg_sandbox_possible(err);

	if (!r)
		r = kg_kernel_find(opts->cache_dir, opts->kernel, &kernel, err);
	if (!r)
		r = open_box(kernel, opts, ret, err);
	kg_kernel_free(kernel);
	return r;
}
