/**
 * @file
 * The memory: pairs of a sentence and a program, with what became of them; and the examples that ship with kgent.
 *
 * One SQLite file, by default $XDG_DATA_HOME/kgent/memory.db, mode 0600, for several processes at once. It holds the shipped corpus
 * (data/corpus/, taken up again whenever it changes), what was learned from this user's requests, and what was imported. Nothing else
 * of a request is kept: no output of programs, no configuration, no key.
 *
 * Pairs are found by their words (BM25 of SQLite's FTS5, English stems) and by a vector of their sentence, both merged by rank. The
 * vector comes from an embedding function where one is given, else from a built-in one that needs no model (src/memory/embed.c).
 *
 * Text in memory is untrusted: it may come from an import. Escape it before it goes to a terminal.
 *
 * A handle is for one thread at a time.
 */
#pragma once

#include <kgent/error.h>

/** A sentence with its program, and what became of it last. Strings are owned by the pair. */
struct kg_memory_pair {
	gint64 id;      /**< 0: not in memory yet */
	char *prompt;   /**< the sentence */
	char *program;  /**< its text */
	char *language; /**< "bpftrace"; NULL is taken for it when learning */
	char *engine;   /**< who wrote it: "builtin", "model", ...; NULL: not known */
	char *verdict;  /**< what kg_verdict_name() gives; NULL: never checked here (corpus, import) */
	char *kernel;   /**< release of the kernel that the verdict is about; NULL: none in particular */
	char *reason;   /**< of a failure, one line; or NULL */
	char *source;   /**< "corpus", "run" or "import"; NULL is taken for "run" when learning */
	gint64 when;    /**< last seen, seconds since 1970; 0: never (corpus); when learning: now */
	gint64 first;   /**< first seen; when learning: ignored if 0 or later than [when] */
	gint64 count;   /**< how often it was seen, 0 for what was only shipped or imported; when learning: 0 counts as 1 */
	GPtrArray *also;/**< char *: further wordings of the sentence; or NULL. Of corpus pairs and imports */
	char *name;     /**< of a corpus pair: its name; else NULL */
};
struct kg_memory_pair *kg_memory_pair_new(void);
struct kg_memory_pair *kg_memory_pair_free(struct kg_memory_pair *pair);
/** Release what the pair owns, not the pair itself, and make it empty. */
void kg_memory_pair_clear(struct kg_memory_pair *pair);

/** A pair that was found. Lives in a GPtrArray that frees it. */
struct kg_memory_hit {
	struct kg_memory_pair pair;
	double score;    /**< of the merged ranks; larger is better; says nothing across searches */
	double likeness; /**< cosine of the angle between the vectors of both sentences: 1 is the same; 0 where it was not found by vector */
	int rank_words;  /**< place among those found by words, from 1; 0: not among them */
	int rank_vector; /**< the same by vector */
};
struct kg_memory_hit *kg_memory_hit_free(struct kg_memory_hit *hit);

/** Which pairs are meant. */
enum kg_memory_which {
	KG_MEMORY_ANY,
	KG_MEMORY_GOOD,   /**< fit to be an example: "proved", "checked", "loaded"; corpus pairs and imports that nothing speaks against.
			       A pair that was only "not loaded" is not among them */
	KG_MEMORY_FAILED, /**< "refuted", "rejected", or with a reason: fit to show what goes wrong */
};
/** Which ranking: both, or one alone (to measure them). */
enum kg_memory_legs { KG_MEMORY_HYBRID, KG_MEMORY_WORDS, KG_MEMORY_VECTOR };

/** All zero: the ten best of all pairs. Pointers are borrowed for the call. */
struct kg_memory_query {
	guint limit;        /**< at most so many; 0: 10 (of a list: all) */
	enum kg_memory_which which;
	const char *kernel; /**< only what was seen on this kernel release, and what belongs to no kernel (corpus, imports); NULL: any */
	const char *source; /**< only of this source; NULL: any */
	enum kg_memory_legs legs;
	gint64 not_id;      /**< leave this pair out; 0: none */
};

/**
 * Turn texts into vectors.
 * @param texts n texts, borrowed
 * @param ret_dims how many numbers a vector has: the same for all texts and calls of one embedding
 * @param ret n * dims numbers, text after text; g_free(). Untouched on failure
 * @return 0 or a negative kg_errc with [err] set
 */
typedef int (*kg_embed_fn)(void *user, const char *const *texts, gsize n, gsize *ret_dims, float **ret, struct kg_error *err);

/** All zero: the user's own memory, with the built-in embedding. Pointers but [embed_user] are copied. */
struct kg_memory_opts {
	const char *path;       /**< NULL: $KGENT_MEMORY, else $XDG_DATA_HOME/kgent/memory.db. ":memory:": no file */
	const char *corpus_dir; /**< NULL: kg_paths_data("corpus"), all of them; "": no corpus */
	gboolean read_only;     /**< change nothing, create nothing; where there is no file, the corpus alone is searched */
	const char *embed_name; /**< names the embedding: vectors of another name are not compared with. NULL with [embed] NULL */
	kg_embed_fn embed;      /**< NULL: the built-in embedding */
	void *embed_user;
};

struct kg_memory;

/** FALSE: the user switched the memory off ($KGENT_MEMORY is "off", "none" or "0"). kg_memory_open() does not ask this. */
gboolean kg_memory_is_on(void);
/** The file that [path] NULL stands for; owned. NULL: there is no home to keep it in. */
char *kg_memory_path(void);

/**
 * Open the memory; where it does not exist, make it. A file that is damaged is moved aside, a new one is begun with what could be read
 * of it, and a note says where it is. A file that can't be written is opened for reading alone, with a note.
 *
 * @return 0; -KG_E_UNSUPPORTED: a newer kgent wrote it (it is not touched); -KG_E_PARSE: the file is something else (not touched);
 *         -KG_E_NOTFOUND: there is no home to keep it in; -KG_E_IO, -KG_E_PERM
 */
int kg_memory_open(const struct kg_memory_opts *opts, struct kg_memory **ret, struct kg_error *err);
struct kg_memory *kg_memory_free(struct kg_memory *m);
/** What the user has to know (moved aside, read only, embedding not to be had): char *, borrowed; grows with each call. */
const GPtrArray *kg_memory_notes(const struct kg_memory *m);
gboolean kg_memory_is_read_only(const struct kg_memory *m);
const char *kg_memory_file(const struct kg_memory *m); /**< its path, or ":memory:"; borrowed */

/**
 * The pairs most like a sentence, best first. Those that have neither a word nor much of a vector in common with it are not among them.
 * @param q    NULL: all zero
 * @param ret_hits struct kg_memory_hit *, frees its members; may be empty. The caller's
 * @return 0; -KG_E_IO. An embedding function that fails is no error: a note says so, and words alone are searched
 */
int kg_memory_search(struct kg_memory *m, const char *query, const struct kg_memory_query *q, GPtrArray **ret_hits,
		     struct kg_error *err);
/**
 * Keep a pair with its outcome. One with the same sentence (but for white space) and the same program is the same pair: its count grows
 * and its outcome becomes this one. All of it is written, or nothing.
 * @return 0; -KG_E_INVAL: no sentence or no program, or longer than kg_memory_learn() takes (64 KiB, 1 MiB); -KG_E_PERM: the memory
 *         is read only; -KG_E_LIMIT: the disk is full, or another process kept it locked for longer than 30 s; -KG_E_IO
 */
int kg_memory_learn(struct kg_memory *m, const struct kg_memory_pair *pair, struct kg_error *err);

/** Pairs, the last seen first. [q] as for a search; ret: struct kg_memory_pair *, frees its members. */
int kg_memory_list(struct kg_memory *m, const struct kg_memory_query *q, GPtrArray **ret, struct kg_error *err);
/** One pair by its id. -KG_E_NOTFOUND. */
int kg_memory_get(struct kg_memory *m, gint64 id, struct kg_memory_pair **ret, struct kg_error *err);

/** One outcome of a pair: what it came to, on which kernel, how often. */
struct kg_memory_outcome {
	char *verdict, *kernel, *reason; /**< may be NULL */
	gint64 count, when;
};
/** All outcomes of a pair, the last one first: struct kg_memory_outcome *, frees its members. */
int kg_memory_outcomes(struct kg_memory *m, gint64 id, GPtrArray **ret, struct kg_error *err);

/**
 * Remove a pair for good: its text is overwritten in the file. A forgotten pair of the corpus stays forgotten until kg_memory_recall().
 * @return 0; -KG_E_NOTFOUND; as kg_memory_learn()
 */
int kg_memory_forget(struct kg_memory *m, gint64 id, struct kg_error *err);
/** Remove all pairs of a source, or of all sources (NULL). ret_n: how many; may be NULL. */
int kg_memory_forget_all(struct kg_memory *m, const char *source, guint *ret_n, struct kg_error *err);
/** Take the forgotten pairs of the corpus up again. ret_n: how many. */
int kg_memory_recall(struct kg_memory *m, guint *ret_n, struct kg_error *err);

/** What an import came to. Release with kg_memory_imported_clear(). */
struct kg_memory_imported {
	guint n_new;     /**< pairs that were not there */
	guint n_merged;  /**< pairs that were */
	guint n_skipped; /**< bad records */
	GPtrArray *skipped; /**< char *: "record 3 (line 7): it has no request"; the first 100 of them */
};
void kg_memory_imported_clear(struct kg_memory_imported *r);
/**
 * Take pairs from a text: a JSON array of objects, or JSON Lines (one object a line). Of an object, the sentence is "request" (or
 * "prompt"), the program "bpf" (or "program"); what kg_memory_export() writes is read back whole; other members are ignored.
 * Bad records are skipped and counted. All of the others are taken, or none.
 * @return 0; -KG_E_PARSE: it is neither; -KG_E_LIMIT: longer than 1 GiB; as kg_memory_learn()
 */
int kg_memory_import(struct kg_memory *m, const char *text, gsize len, struct kg_memory_imported *ret, struct kg_error *err);
/**
 * The pairs as JSON Lines, oldest first; [write] is called once a line and ends it by returning FALSE (-KG_E_IO then).
 * Forgotten ones are gone; pairs of the corpus are left out unless [with_corpus].
 */
int kg_memory_export(struct kg_memory *m, gboolean with_corpus, gboolean (*write)(void *user, const char *line, gsize len), void *user,
		     struct kg_error *err);

/** What is in it. */
struct kg_memory_stats {
	gint64 n_pairs, n_corpus, n_run, n_import;
	gint64 n_good, n_failed;
	gint64 n_seen;      /**< outcomes counted: how often any pair was seen */
	gint64 n_forgotten; /**< pairs of the corpus that are forgotten */
	gint64 oldest, newest; /**< when, of what was learned or imported; 0: nothing */
	gint64 size_bytes;  /**< of the file; 0: there is none */
	int schema;         /**< version of its tables */
	char *embedding;    /**< name; owned */
	gint64 n_vectors;   /**< sentences (with further wordings) that have a vector of that embedding */
	gint64 n_wordings;  /**< sentences in all */
};
void kg_memory_stats_clear(struct kg_memory_stats *stats);
int kg_memory_stats(struct kg_memory *m, struct kg_memory_stats *ret, struct kg_error *err);

/* ---------------------------------------------------------------- the corpus */

/**
 * One pair of data/corpus/ as its file has it (the format: docs/memory.md). The sections `contract` and `trial` are other
 * parts' business: they are carried along as the YAML text that stands in the file.
 */
struct kg_corpus_case {
	char *name;      /**< unique: what the file says, else the file's name without .yaml */
	char *file;
	int line;        /**< where the case begins, from 1 */
	char *request;
	GPtrArray *also; /**< char *: further wordings; may be empty */
	char *program;
	char *language;  /**< "bpftrace" */
	char *about;     /**< one line: what is to be learned from it, or NULL */
	GPtrArray *needs;/**< char *: what the kernel must have, beyond its attach points: "kprobe", "fentry", "uprobe:/path", "CONFIG_X" */
	GPtrArray *tags; /**< char * */
	char *verdict;   /**< of a failed example: "rejected" or "refuted"; else NULL */
	char *reason;    /**< of a failed example: why, one line; else NULL */
	char *contract;  /**< YAML of the section, or NULL */
	char *trial;
	int contract_line, trial_line; /**< the file's line on which that text begins; 0: none */
	char *hash;      /**< of what is learned from it (not of contract and trial) */
};
struct kg_corpus_case *kg_corpus_case_free(struct kg_corpus_case *c);
/** The cases of a text (several YAML documents). [file] is for messages and the name. ret: frees its members. */
int kg_corpus_parse(const char *file, const char *text, gsize len, GPtrArray **ret, struct kg_error *err);
/**
 * All cases of the *.yaml files of the folders; a later folder's case of the same name replaces an earlier one's.
 * @param dirs NULL-terminated; NULL: kg_paths_data("corpus")
 * @return 0; -KG_E_PARSE with file and line; -KG_E_IO
 */
int kg_corpus_open(const char *const *dirs, GPtrArray **ret, struct kg_error *err);

/* ---------------------------------------------------------------- the built-in embedding */

/** Its name, with its version: vectors of one version only are compared with each other. */
#define KG_EMBED_BUILTIN "builtin-1"
#define KG_EMBED_DIMS 256
/** A kg_embed_fn (user is not used): see src/memory/embed.c. */
int kg_embed_builtin(void *user, const char *const *texts, gsize n, gsize *ret_dims, float **ret, struct kg_error *err);
