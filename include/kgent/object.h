/**
 * @file
 * A BPF object as the compiler made it: programs as instructions, maps, what is known of types and lines.
 *
 * Two makers are read: bpftrace (`--emit-elf`), whose objects carry no maps, no types and no lines (a map is an index there; the
 * shape of each comes from the program's text, see kg_object_bpftrace()), and clang (CO-RE objects with BTF-defined maps; libbpf
 * relocates them without any privilege).
 */
#pragma once

#include <kgent/bpftrace.h>
#include <kgent/bpftrace_tool.h>
#include <kgent/error.h>
#include <kgent/probe.h>
#include <linux/bpf.h>
#include <stdint.h>

struct kg_profile;
struct btf;

/** A map. Zero sizes: not known. */
struct kg_map {
	char *name;          /**< as the user wrote it: "@start", "events"; one that bpftrace adds for itself: "stack", "join", "elapsed", "data",
				  "printf" (bpftrace's own names for them); "" before kg_object_bpftrace() */
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
	char *attach;      /**< the attach point in bpftrace's spelling where it can be said ("kprobe:tcp_connect"), else the section. bpftrace
				compiles several that it can't tell apart once: "kprobe:a,kprobe:b" */
	enum kg_probe_kind kind; /**< KG_PROBE_NONE where there is no such kind of bpftrace (xdp, tc, ...) */
	enum bpf_prog_type type;
	struct bpf_insn *insns; /**< with sub-programs behind the main one; owned */
	guint n_insns;
	GArray *lines;     /**< struct kg_insn_line, by pc; empty where unknown */
};
struct kg_object {
	gboolean is_bpftrace;
	GPtrArray *programs; /**< struct kg_bpf_program * */
	GPtrArray *maps;     /**< struct kg_map *; ld_imm64 with BPF_PSEUDO_MAP_FD or BPF_PSEUDO_MAP_VALUE names one by its index in imm (it is
				  within the array) */
	GPtrArray *kfuncs;   /**< char *: names of kernel functions; a call of one (BPF_PSEUDO_KFUNC_CALL) names it by its index here in imm. NULL: imm is
				  the kernel's own number */
	struct btf *btf;     /**< the object's own, or NULL. Owned */
	GBytes *file;        /**< the ELF file; keeps borrowed strings alive */
	GStringChunk *strings;
};
struct kg_object *kg_object_free(struct kg_object *object);

/**
 * Read an object file. Needs no privilege and makes no call of bpf(2): clang's objects are read and relocated by libbpf in a child process that
 * can do nothing else, so that a hostile object can't hurt, and the child's death is an error like others.
 *
 * Limits: types of kernel modules are not looked up for CO-RE relocations; kernel functions and CONFIG_* externs are those of the running
 * kernel. A CO-RE relocation without a target becomes what libbpf makes of it, a call of the helper 195896080.
 *
 * @param elf     kept by reference
 * @param profile of the kernel that CO-RE relocations are applied for; NULL: the running kernel
 * @param ret     the caller's; its instructions are valid (kg_isa_validate())
 * @return 0; -KG_E_PARSE: not a BPF object, or a damaged one; -KG_E_UNSUPPORTED: it is one, but e.g. big endian, or the system has no way to
 *         read it safely; -KG_E_TOOL: libbpf can't read it or relocate it for that kernel, with libbpf's reason; -KG_E_LIMIT; -KG_E_IO
 */
int kg_object_read(GBytes *elf, struct kg_profile *profile, struct kg_object **ret, struct kg_error *err);
/**
 * Give the maps of a bpftrace object names and shapes, from the program that it was compiled from.
 *
 * The layout (bpftrace 0.17): indices go over the named maps in order of name, then one stack map for each kind of stack, then "join", "elapsed",
 * "data" (formats of iter probes), and last "printf", the perf event array.
 * Types and max_entries are exact, and so are sizes, or they are 0: where the text and the kernel's types do not say them (types that the
 * program itself defines, elements of arrays).
 *
 * @param object is_bpftrace; its maps are replaced
 * @param tool   the bpftrace that made it; NULL: of the layout that is known
 * @param limits that it was called with, or NULL
 * @param profile of the kernel that it was compiled for; NULL: sizes of the kernel's fields are not known
 * @return 0; -KG_E_UNSUPPORTED: the layout of that version is not known; -KG_E_INVAL: not bpftrace's, or not this program's (an index that
 *         has no map)
 */
int kg_object_bpftrace(struct kg_object *object, const struct kg_bt_program *program, const struct kg_bpftrace *tool,
		       const struct kg_bpftrace_limits *limits, struct kg_profile *profile, struct kg_error *err);
/** The name of a map type ("percpu_hash"), or NULL. Static. */
const char *kg_map_type_name(uint32_t type);
/** A variable of the program that lies in a map (.data, .bss, .rodata). */
struct kg_variable {
	const char *name;    /**< "on_exec.counter": of a function's own static the function first; borrowed from the object */
	uint32_t offset, size; /**< bytes, in the map's value */
};
/** Variables of a section of the object (".data.kg"), as its BTF has them: owned array of struct kg_variable, empty where there is none. */
GArray *kg_object_variables(const struct kg_object *object, const char *section);
/**
 * The disassembly of a program as the kernel's verifier prints it ("  12: (79) r1 = *(u64 *)(r6 +112)"), with its source lines ("; ...") where
 * they are known, and the names of maps behind the instructions that load them.
 */
void kg_object_print(const struct kg_object *object, guint program, GString *out);
/** Append the instruction at [pc] alone ("r1 = map[0]"); returns the pc of the next one in the code. */
guint kg_object_print_at(const struct kg_object *object, guint program, guint pc, GString *out);
