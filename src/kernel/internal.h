/*
 * What the files of this folder share. A profile is a few texts (formats, functions, ...) that are read whole when it is
 * opened, indexes into them that are made when first asked for, and BTF that is parsed when first asked for.
 *
 * The way of the data: gather.c collects the texts from the running kernel (or cache.c / saved.c read them back),
 * formats.c, functions.c, config.c and btf*.c answer single questions about one source each, and kinds.c, find.c, search.c
 * and nearest.c put them together.
 */
#pragma once

#include <kgent/profile.h>

#define STAGE "profile"

/* The texts of a profile; file_names[] in saved.c names their files. All may be NULL. */
enum kg_text_id {
	KG_TEXT_FORMATS,     /* "@ system:name\n" and the format file, sorted by system:name */
	KG_TEXT_FUNCTIONS,   /* "name\n" or "name [module]\n", sorted, each once */
	KG_TEXT_UNTRACEABLE, /* text symbols that are not among the functions; same form */
	KG_TEXT_AMBIGUOUS,   /* names that several functions share */
	KG_TEXT_NOKPROBE,    /* functions that kprobes may not touch (NOKPROBE_SYMBOL) */
	KG_TEXT_CONFIG,      /* "CONFIG_X=y\n" */
	KG_TEXTS
};

/* What was tried on the running kernel. One table (features.c) has their names and what each needs of the configuration. */
enum kg_feature_id {
	KG_FEATURE_KPROBE,
	KG_FEATURE_KRETPROBE,
	KG_FEATURE_FENTRY,
	KG_FEATURE_ITER,
	KG_FEATURE_TRACEPOINT,
	KG_FEATURE_RAWTRACEPOINT,
	KG_FEATURE_UPROBE,
	KG_FEATURE_SOFTWARE,
	KG_FEATURE_HARDWARE,
	KG_FEATURE_WATCHPOINT,
	KG_FEATURES
};

struct kg_feature {
	enum kg_answer answer;
	char *why; /* why not, or why unknown; owned */
};

/* A line of an indexed text. */
struct kg_line {
	uint32_t off;  /* of the name */
	uint16_t len;  /* of the name */
	uint16_t rest; /* functions: length of the module's name behind " [", or 0 */
	uint32_t body; /* formats: offset of the format's text */
	uint32_t body_len;
};

/* A sorted index over a text. */
struct kg_index {
	const char *text;
	gsize text_len;
	struct kg_line *lines;
	guint n;
	guint bad; /* lines that are not of the text's form, left out */
};

struct kg_btf;

struct kg_profile {
	char *release, *version, *arch, *made;
	gboolean is_running;
	char *dir;     /* a saved profile's directory, where its BTF is; NULL for the running kernel */
	char *tracefs; /* where it is mounted, of the running kernel, or NULL */
	gboolean is_root_view;   /* made with the privileges to see everything */
	gboolean functions_sure; /* the functions are the kernel's own list of traceable ones */
	GPtrArray *sources;      /* struct kg_source * */
	GBytes *texts[KG_TEXTS];
	struct kg_feature features[KG_FEATURES];
	GPtrArray *modules; /* char *: modules that have BTF of their own */

	/* made when first asked for */
	struct kg_index *formats, *functions, *untraceable, *ambiguous, *nokprobe;
	struct kg_btf *btf;
	gboolean btf_tried;
	GHashTable *module_btf;  /* name to struct kg_btf *, NULL where it can't be read */
	GHashTable *fields;      /* "kind:target" to GPtrArray of kg_field, or NULL value */
	GHashTable *members;     /* type to GPtrArray of kg_field, or NULL value */
	GHashTable *enumerators; /* name to int64_t * */
	gboolean has_module_enumerators;
	char *points;            /* search: one line a tracepoint, its name and fields */
	char *kind_why[KG_PROBE_KINDS];
	GStringChunk *strings;
};

/* profile.c */
struct kg_profile *kg_profile_new(void);
/* The source of this name; where there is none yet, a new one that is missing. */
struct kg_source *kg_source_get(struct kg_profile *p, const char *name);
/* Set a source's state; why, cost and mend may be NULL and are copied. */
void kg_source_set(struct kg_profile *p, const char *name, enum kg_source_state state, unsigned n, const char *why,
		   const char *cost, const char *mend);
const char *kg_profile_str(struct kg_profile *p, const char *s); /* a copy that lives as long as [p] */
GPtrArray *kg_fields_new(void);
guint64 kg_hash64(const void *data, gsize len, guint64 seed);
/* A whole file, also of /proc and /sys; NULL with errno. At most max bytes, else errno = EFBIG. */
GBytes *kg_read_file(const char *path, gsize max);

/* index.c */
struct kg_index *kg_index_functions(GBytes *text);
struct kg_index *kg_index_formats(GBytes *text);
struct kg_index *kg_index_free(struct kg_index *ix);
/* The first line whose name is [name], or NULL. */
const struct kg_line *kg_index_find(const struct kg_index *ix, const char *name, gsize len);
/* The position of the first line whose name is not below [name]. */
guint kg_index_lower(const struct kg_index *ix, const char *name, gsize len);
static inline const char *kg_index_name(const struct kg_index *ix, const struct kg_line *l) { return ix->text + l->off; }
/* The module of a function's line, owned, or NULL. */
char *kg_index_module(const struct kg_index *ix, const struct kg_line *l);

/* sources */
void kg_gather(struct kg_profile *p, const struct kg_profile_opts *opts);
char *kg_tracefs_find(const char *wanted, char **ret_why, char **ret_mend);
void kg_gather_formats(struct kg_profile *p);
void kg_gather_functions(struct kg_profile *p);
void kg_gather_config(struct kg_profile *p);
void kg_gather_features(struct kg_profile *p);
void kg_gather_btf(struct kg_profile *p);
/* Features that a configuration alone decides; for profiles of kernels that do not run here. */
void kg_features_from_config(struct kg_profile *p);
const char *kg_feature_name(enum kg_feature_id id);
gboolean kg_has_capability(int cap); /* is it effective in this process? */
enum { KG_CAP_NET_ADMIN = 12, KG_CAP_SYS_ADMIN = 21, KG_CAP_SYS_RESOURCE = 24, KG_CAP_PERFMON = 38, KG_CAP_BPF = 39 };

/* formats.c */
struct kg_index *kg_profile_formats(struct kg_profile *p);
/* Fields of one format's text without the common_ ones, or NULL with [ret_why] (may be NULL; static) if it is damaged. */
GPtrArray *kg_format_parse(struct kg_profile *p, const char *text, gsize len, const char **ret_why);
/* Check all formats, and say in the source "tracepoints" if some are damaged. */
void kg_formats_check(struct kg_profile *p);

/* functions.c */
struct kg_index *kg_profile_functions(struct kg_profile *p);
struct kg_index *kg_profile_untraceable(struct kg_profile *p);
struct kg_index *kg_profile_ambiguous(struct kg_profile *p);
struct kg_index *kg_profile_nokprobe(struct kg_profile *p);

/* btf.c */
struct kg_btf *kg_profile_btf(struct kg_profile *p); /* vmlinux; NULL where there is none */
struct kg_btf *kg_profile_module_btf(struct kg_profile *p, const char *module);
struct btf *kg_btf_raw(struct kg_btf *b);
struct kg_btf *kg_btf_new(const void *data, gsize size, struct kg_btf *base, char **ret_why);
struct kg_btf *kg_btf_free(struct kg_btf *b);
/* The id of the first type of that kind and name, 0 if there is none. */
uint32_t kg_btf_find(const struct kg_btf *b, const char *name, unsigned kind);
uint32_t kg_btf_first(const struct kg_btf *b); /* the first id that is not the base's */
/* The type behind modifiers (and typedefs, if wanted); 0 is void, also for loops. */
uint32_t kg_btf_strip(const struct kg_btf *b, uint32_t id, gboolean typedefs);
void kg_btf_spell(const struct kg_btf *b, uint32_t id, GString *out);
void kg_btf_fill(struct kg_profile *p, const struct kg_btf *b, uint32_t id, struct kg_field *f);
/* Arguments of a function, typedef btf_trace_NAME's or a bpf_iter__*'s members: new arrays, or NULL. */
GPtrArray *kg_btf_function_fields(struct kg_profile *p, const char *function, const char *module, gboolean args, gboolean retval);
GPtrArray *kg_btf_rawtracepoint_fields(struct kg_profile *p, const char *name);
/* Is there BTF for it? Finds which module's, too. */
struct kg_btf *kg_profile_find_type(struct kg_profile *p, const char *name, unsigned kind, const char *module, uint32_t *ret_id);
void kg_btf_names(struct kg_profile *p, unsigned kind, const char *prefix, GPtrArray *names);

/* find.c */
gboolean kg_is_function_kind(enum kg_probe_kind kind);
extern const char *const kg_software_events[], *const kg_hardware_events[]; /* NULL-terminated */
/* An iterator has a context, struct bpf_iter__NAME, and a function bpf_iter_NAME (the verifier's helper structs have none). */
gboolean kg_is_iterator(struct kg_profile *p, const char *name);
/* "[module:]function[+offset]" apart; owned; ret_module may be NULL (none, or not wanted). */
char *kg_function_of(const char *target, char **ret_module);

/* elf.c: owned arrays of owned names; functions each once in no order; usdt as "provider:name", NULL if it is no ELF file */
GPtrArray *kg_elf_functions(const char *path);
GPtrArray *kg_elf_usdt(const char *path);

/* nearest.c */
/* Names of [names] (char *) near to [word], best first, at most max; owned strings. */
GPtrArray *kg_nearest_of(const char *word, const GPtrArray *names, guint max);

/* saved.c */
int kg_saved_open(struct kg_profile *p, const char *dir, gboolean is_cache, struct kg_error *err);
int kg_saved_write(struct kg_profile *p, const char *dir, gboolean with_btf, struct kg_error *err);

/* lend.c: what other profiles of the same kernel have and this one lacks; and what of them a cached profile depends on */
void kg_gather_lent(struct kg_profile *p, const struct kg_profile_opts *opts);
guint64 kg_mix_lent(guint64 h, const struct kg_profile *p, const struct kg_profile_opts *opts);

/* cache.c */
int kg_cache_open(struct kg_profile *p, const struct kg_profile_opts *opts);
void kg_cache_write(struct kg_profile *p, const struct kg_profile_opts *opts);
