/* The inside of the sandbox: files of the cache, the guest's file system, QEMU, the frames. */
#pragma once

#include <kgent/child.h>
#include <kgent/guest.h>
#include <kgent/kernels.h>
#include <kgent/sandbox.h>

#define STAGE "sandbox"
#define KG_SANDBOX_MEMORY_MIB 1024
#define KG_SANDBOX_MEMORY_MIN_MIB 640

typedef void progress_fn(void *user, const char *what);

/* --- tree.c: files and directories of the cache --- */

/* CACHE/parts..., made with all that is above it. NULL with [err]. */
char *tree_dir(const char *cache_dir, const char *below, struct kg_error *err);
/* A file, whole or not at all. */
int tree_write(const char *path, const void *data, gsize len, struct kg_error *err);
/* Read a small file; NULL with errno. Has a NUL behind its end. */
char *tree_read(const char *path, gsize max, gsize *ret_len);
/* Remove a file or directory with all that is in it; symbolic links are not followed. 0 or -1 with errno of the first that stayed. */
int tree_remove(const char *path);
/* Bytes that it takes on disk. */
guint64 tree_bytes(const char *path);
/* A new directory beside [dir]'s entries, locked as long as *ret_lock is open: "DIR/.part-PID-XXXX". Owned. */
char *tree_part(const char *dir, int *ret_lock, struct kg_error *err);
/* Remove those whose process is gone. */
void tree_prune_parts(const char *dir);
/* Take the lock file [path], waiting for at most [timeout_ms]. A descriptor to close, or -1. */
int tree_lock(const char *path, int timeout_ms);

/* --- tool.c: programs that are called --- */

struct tool_call {
	const char *const *argv; /* argv[0] is looked for in PATH and the sbin directories */
	const char *dir;         /* working directory; NULL: / */
	int timeout_ms;
	gsize max;               /* bytes of standard output */
	const char *package;     /* what installs it, for the message */
};
/* Run it; its standard output, owned, on success. -KG_E_TOOL: missing, failed (with the last line that it said), too slow. */
int tool_run(const struct tool_call *call, GString **ret, struct kg_error *err);
/* Its absolute path, owned, or NULL. */
char *tool_find(const char *name);

/* --- archive.c: cpio archives as the kernel unpacks them --- */

struct archive;
struct archive *archive_new(void);
struct archive *archive_free(struct archive *a);
/* Entries; directories on the way are made. [path] begins with '/'. The last entry of a path wins nothing: the first one stays. */
void archive_dir(struct archive *a, const char *path, int mode);
void archive_link(struct archive *a, const char *path, const char *to);
void archive_data(struct archive *a, const char *path, const void *data, gsize len, int mode);
/* A file of the host's, read when the archive is written. */
void archive_file(struct archive *a, const char *path, const char *host_path, int mode);
gboolean archive_has(const struct archive *a, const char *path);
/* The host's files in it; char *, borrowed. */
GPtrArray *archive_host_files(const struct archive *a);
/* Write it to a descriptor, and hash what was written. */
int archive_write(struct archive *a, int fd, GChecksum *sum, struct kg_error *err);

/* --- closure.c: the libraries that a program needs --- */

/* What `ld.so --list` printed: absolute paths, char *, owned. Any bytes are taken. */
GPtrArray *closure_parse(const char *text, gsize len);
/* The interpreter that an ELF file names; owned; NULL: it has none (static), with errno 0, or can't be read, with errno. */
char *closure_interpreter(const char *path);
/* A program's libraries and interpreter; empty for a static one. */
int closure_of(const char *program, GPtrArray **ret, struct kg_error *err);

/* --- initramfs.c: the guest's file system --- */

/*
 * The archive that all kernels share, from the cache where nothing in it has changed. *ret_path (owned) is the file, named after the hash
 * of its content, *ret_hash the hash. Without [needs_file] the archive itself is only made when its hash is not known.
 */
int initramfs_shared(const char *cache_dir, gboolean needs_file, char **ret_path, char **ret_hash, struct kg_error *err);
/* A memory file with the shared archive and behind it the kernel's own: its modules and its configuration. */
int initramfs_open(const char *shared, const struct kg_kernel *kernel, int *ret_fd, struct kg_error *err);
/* Is everything there that goes into it? */
int initramfs_possible(struct kg_error *err);

/* --- vmlinuz.c --- */

/* The release that a kernel image (bzImage) names in its header. Any bytes are taken. Owned, or NULL: it is none. */
char *vmlinuz_release(const void *data, gsize len);

/* --- modules.c: a kernel's modules, and what they depend on --- */

/* Names in a module's .modinfo "depends="; char *, owned; NULL: it is no module. */
GPtrArray *modules_depends(const void *data, gsize len);
/*
 * Copy the modules of [wanted] ("name parameters" each) and all that they need from [from] (lib/modules/RELEASE) into [to], unpacked, with
 * `list`. What this kernel does not have is left out, except [asked], which must be there.
 */
int modules_copy(const char *from, const GPtrArray *wanted, const char *const *asked, const char *to, guint *ret_n, struct kg_error *err);
/* "name parameters" lines of data/sandbox/modules; char *, owned. */
GPtrArray *modules_wanted(void);

/* --- fetch.c: where kernels come from --- */

struct fetched {
	char *vmlinuz;  /* path */
	char *config;   /* path, or NULL */
	char *modules;  /* lib/modules/RELEASE, or NULL */
	char *from;
};
/* Find or download it; packages are unpacked below [part]. */
int fetch_kernel(const struct kg_kernel_add_opts *opts, const char *part, struct fetched *ret, struct kg_error *err);
void fetched_clear(struct fetched *f);
/* The best of the package names in `apt-cache search`'s output for "latest" or a version; owned, or NULL. Any bytes are taken. */
char *fetch_choose(const char *text, gsize len, const char *what);
/* The packages in a Depends field that hold a kernel or its modules: "name" or "name=version"; char *, owned. */
GPtrArray *fetch_depends(const char *field);

/* --- store.c --- */

/* The kernel in the directory [dir], which need not be in its place yet. */
int store_open(const char *dir, const char *name, struct kg_kernel **ret, struct kg_error *err);

/* --- vm.c: QEMU --- */

struct vm {
	struct kg_child child;
	int port, console, qmp; /* sockets; -1: none */
	GString *log;           /* the console's last bytes */
	GString *errors;        /* QEMU's own messages */
	gboolean is_kvm;
	int saved, save_to;     /* while its state is saved: a pipe from QEMU, and the file */
	int save_error;         /* errno value, or 0 */
};
#define VM_INIT {.child = KG_CHILD_INIT, .port = -1, .console = -1, .qmp = -1, .saved = -1, .save_to = -1}
struct vm_opts {
	gboolean is_kvm;
	int memory_mib;
	const char *vmlinuz; /* path */
	int initrd;          /* descriptor; -1: none */
	int ram;             /* descriptor of the file that is the guest's memory; -1: none */
	gboolean ram_is_shared; /* what the guest writes goes into the file; otherwise into a private copy */
	int incoming;        /* descriptor of a saved device state; -1: boot */
	gboolean has_qmp;
	const char *append;  /* further words of the kernel's command line, or NULL */
};
char *vm_qemu(struct kg_error *err); /* path, owned */
int vm_start(const struct vm_opts *opts, struct vm *ret, struct kg_error *err);
void vm_end(struct vm *vm);
/* Read what the console and QEMU said, without waiting. */
void vm_listen(struct vm *vm);
/* The console's text on a kernel panic, one line, owned; NULL: there was none. */
char *vm_panic(const char *log, gsize len, gboolean *ret_no_memory);
/* Why QEMU ended, one line, owned. */
char *vm_last_words(struct vm *vm);
/* Save the devices' state into [fd], which ends the machine's work. */
int vm_save(struct vm *vm, int fd, int timeout_ms, struct kg_error *err);

/* --- kvm.c --- */

/* Shall KVM be used? Tries it with this kernel where that is not known, which takes at most some seconds. */
gboolean kvm_use(const char *cache_dir, const char *vmlinuz, progress_fn *progress, void *user);
/* It did not work after all. */
void kvm_forget(const char *cache_dir, const char *why);

/* --- state.c: saved states --- */

struct state {
	char *dir;
	int ram, device; /* descriptors */
};
/* The key of a state: everything that it depends on. Owned. */
char *state_key(const struct kg_kernel *kernel, gboolean is_kvm, int memory_mib, const char *initramfs_hash);
/* Open a state that is there and looks whole. FALSE: there is none. */
gboolean state_open(const struct kg_kernel *kernel, const char *key, int memory_mib, struct state *ret);
void state_clear(struct state *s);
/* Begin a new one: a directory with a memory file whose room on disk is reserved. -KG_E_LIMIT: there is not enough. */
struct new_state {
	char *part, *final;
	int lock, ram;
	gint64 size;
};
int state_begin(const struct kg_kernel *kernel, const char *key, int memory_mib, struct new_state *ret, struct kg_error *err);
/* Put it in its place, once the machine was saved into [device] (its file "device" in .part). Removes states beyond the limit. */
int state_finish(struct new_state *s, const struct kg_kernel *kernel, struct kg_error *err);
void state_abandon(struct new_state *s);
void state_remove(const struct kg_kernel *kernel, const char *key);

/* --- load.c: kgent-inside's result --- */

/* Any bytes are taken. -KG_E_PARSE: it is none. */
int load_parse(const char *text, gsize len, struct kg_load_result *ret, struct kg_error *err);

/* --- frames.c: what comes from the guest --- */

struct frame {
	struct kg_guest_header head;
	const char *payload; /* borrowed until bytes are added */
};
struct frames {
	GByteArray *bytes;
	gsize at;
};
/* 1: a whole frame that makes sense; 0: more bytes are needed; -1: this is nonsense. */
int frames_next(struct frames *f, struct frame *ret);
void frames_add(struct frames *f, const void *data, gsize len);

/* --- open.c: from a kernel to a guest that answers --- */

/* kg_sandbox_open() with the kernel found. */
int open_box(const struct kg_kernel *kernel, const struct kg_sandbox_opts *opts, struct kg_sandbox **ret, struct kg_error *err);

/* --- box.c: the conversation --- */

struct kg_sandbox {
	struct vm vm;
	char *kernel, *release;
	gboolean is_restored;
	gint64 opened_ns;
	int silence_ms;
	struct frames in;
	GQueue *events;       /* struct held * */
	gsize queued_bytes;
	struct held *given;   /* what the last event's data is borrowed from */
	int next_id;
	guint32 next_request;
	gint64 heard_us, pinged_us; /* pinged_us 0: no ping is out */
	gint64 panicked_us;
	/* the answer that is waited for */
	guint16 wants;
	guint32 wants_id;
	gboolean has_answer;
	int answer;
	enum kg_sandbox_end end;
	char *why;
};
struct kg_sandbox *box_new(void);
/* Set clock and seed, and wait until the guest program answers. */
int box_wake(struct kg_sandbox *box, int timeout_ms, struct kg_error *err);
/* Ask the guest to get ready for being saved. */
int box_rest(struct kg_sandbox *box, int timeout_ms, struct kg_error *err);
/* Send a request and wait for its answer: 0 or an errno value in *ret_answer. */
int box_ask(struct kg_sandbox *box, guint16 type, guint32 id, guint16 wants, const void *payload, gsize len, int timeout_ms,
	    int *ret_answer, struct kg_error *err);
int box_send(struct kg_sandbox *box, guint16 type, guint32 id, const void *payload, gsize len, struct kg_error *err);
