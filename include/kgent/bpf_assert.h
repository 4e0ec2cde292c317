/**
 * @file
 * Assertions in BPF programs in C, for `kgent check OBJECT`: kg_assume(EXPRESSION) and kg_assert(EXPRESSION).
 *
 * Each stores 1 or 0 into a variable of its own in the section .data.kg, which is what the proof looks at; one that was not reached holds 2. What is
 * assumed counts for the assertions further down in the same function, and for nothing else. At most one of a kind on a line. In a loop the last
 * time counts. Compile with -DKG_NO_ASSERT to leave them out of the program that is loaded.
 *
 * This header is for clang's target bpf and needs nothing else.
 */
#pragma once

#ifdef KG_NO_ASSERT
#define kg_assert(e) ((void)0)
#define kg_assume(e) ((void)0)
#else
#define kg_assert(e) KG_MARK_AT_(assert, __LINE__, e)
#define kg_assume(e) KG_MARK_AT_(assume, __LINE__, e)
#define KG_MARK_AT_(kind, line, e) KG_MARK_(kind, line, e)
#define KG_MARK_(kind, line, e)                                                                                   \
	do {                                                                                                      \
		static volatile int __kg_##kind##_##line __attribute__((section(".data.kg"), used)) = 2;          \
		__kg_##kind##_##line = (e) ? 1 : 0;                                                               \
	} while (0)
#endif
