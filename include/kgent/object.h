/**
 * @file
 * A BPF object as the compiler made it: programs as instructions, maps, what is known of types and lines.
 *
 * Two makers are read: bpftrace (`--emit-elf`), whose objects carry no maps, no types and no lines (a map is an index there; the
 * shape of each comes from the program's text, see kg_object_bpftrace()), and clang (CO-RE objects with BTF-defined maps; libbpf
 * relocates them without any privilege).
 */
#pragma once

#include <kgent/error.h>
#include <kgent/probe.h>
#include <linux/bpf.h>

struct kg_profile;

/** A map. Zero sizes: not known. */
struct kg_map {
	char *name;          /**< as the user wrote it: "@start", "events"; "" for one that bpftrace adds for itself */
	uint32_t type;       /**< enum bpf_map_type; BPF_MAP_TYPE_UNSPEC where unknown */
	uint32_t key_size, value_size, max_entries; /**< bytes; entries; 0 unknown */
	GBytes *initial;     /**< .rodata, .data, .bss: what it begins with; else NULL */
	gboolean is_constant;/**< .rodata: programs can't change it */
	uint32_t key_type, value_type; /**< BTF type ids in the object's BTF; 0 none */
};
/** A line of the source that an instruction came from. */
struct kg_insn_line {
	unsigned pc;
	const char *file, *text; /**< borrowed from the object */
	unsigned line, col;
};
struct kg_bpf_program {
	char *name;        /**< function name in the object */
	char *section;     /**< "kprobe/tcp_connect", "s_kprobe:tcp_connect_1" */
	char *attach;      /**< the attach point in bpftrace's spelling where it can be said ("kprobe:tcp_connect"), else the section */
	enum kg_probe_kind kind; /**< KG_PROBE_NONE where there is no such kind of bpftrace (xdp, tc, ...) */
	enum bpf_prog_type type;
	struct bpf_insn *insns; /**< with sub-programs behind the main one; owned */
	guint n_insns;
	GArray *lines;     /**< struct kg_insn_line, by pc; empty where unknown */
};
struct kg_object {
	gboolean is_bpftrace;
	GPtrArray *programs; /**< struct kg_bpf_program * */
	GPtrArray *maps;     /**< struct kg_map *; ld_imm64 with BPF_PSEUDO_MAP_FD, _MAP_IDX or _MAP_VALUE names one by its index in imm */
	struct btf *btf;     /**< the object's own, or NULL. Owned */
	GBytes *file;        /**< the ELF file; keeps borrowed strings alive */
	GStringChunk *strings;
};
struct kg_object *kg_object_free(struct kg_object *object);

/**
 * Read an object file.
 *
 * @param elf     kept by reference
 * @param profile of the kernel that CO-RE relocations are applied for; NULL: the running kernel
 * @param ret     the caller's
 * @return 0; -KG_E_PARSE: not a BPF object, or a damaged one; -KG_E_UNSUPPORTED: it is one, but e.g. big endian; -KG_E_TOOL: libbpf can't
 *         relocate it for that kernel, with libbpf's reason
 */
int kg_object_read(GBytes *elf, struct kg_profile *profile, struct kg_object **ret, struct kg_error *err);
/** The disassembly of a program, with its source lines where they are known. */
void kg_object_print(const struct kg_object *object, guint program, GString *out);
