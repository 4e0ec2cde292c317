/*
 * What the files of this part share.
 *
 * object.c   decides who made the file, and checks what the readers made of it
 * elf.c      sections and symbols of an ELF file, through libelf
 * attach.c   sections' names as attach points
 * bpftrace_017.c  all that depends on the layout of bpftrace 0.17's objects
 * clang.c    clang's objects: the child that reads and relocates them, and its answer
 * cage.c     what that child may do
 * print.c    disassembly
 */
#pragma once

#include <kgent/object.h>

#define STAGE "object"

struct kg_bpf_program *object_program_new(struct kg_object *object, const char *name, const char *section, const struct bpf_insn *insns, gsize n);
struct kg_map *object_map_new(struct kg_object *object, const char *name);

/* A section of code, data or BTF. Borrowed from the file. */
struct elf_section {
	const char *name;
	const void *data;
	gsize size;
	gsize index;
	gboolean is_code;
};
struct elf_file {
	GArray *sections;   /* struct elf_section */
	GHashTable *functions; /* section's index -> name of the first function in it */
	void *elf;
};
int elf_file_open(GBytes *file, struct elf_file *ret, struct kg_error *err);
void elf_file_clear(struct elf_file *f);
const struct elf_section *elf_file_find(const struct elf_file *f, const char *name);

/* Fill attach, kind and (for bpftrace's) type. */
void attach_of_bpftrace(struct kg_bpf_program *p);
void attach_of_clang(struct kg_bpf_program *p);

int bpftrace_read(const struct elf_file *file, struct kg_object *object, struct kg_error *err);
int clang_read(GBytes *elf, const struct elf_file *file, const char *btf_path, struct kg_object *object, struct kg_error *err);

/* In the child: from here on it can compute and read files, and bpf(2) pretends success. 0 or an errno value. */
int cage_enter(void);
