/* Unwind rows of Go code, from the stack depths in its pclntab.
 *
 * The depths are exact at every instruction, so frameless leaves keep their caller. Stacks end at
 * the functions that the runtime marks as outermost (runtime.goexit, runtime.mstart, …), and where
 * mcall and morestack leave a goroutine's stack for good. Functions that switch stacks and come
 * back (systemstack, asmcgocall, the vDSO callers) keep the goroutine's frame pointer in rbp:
 * behind the switch their CFA is rbp + 16. Signal handlers return into runtime.sigreturn, whose
 * rule is the kernel's signal frame. One thread at a time. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/unwind/rules.h"
#include "lib/symbol/elf_file.h"

typedef struct GoTable GoTable;

/* Errors as gopclntab_open(). */
GoTable *go_table_new(const ElfFile *elf, GError **error);
void go_table_free(GoTable *table);

size_t go_table_n_functions(const GoTable *table);
/* False when the function makes no sense or has no stack depths. */
bool go_table_range(GoTable *table, size_t index, uint64_t *ret_start, uint64_t *ret_end);
/* Hands out the function's rows; false when its stack depths are malformed. Fastest in the order of
 * the functions. */
bool go_table_rows(GoTable *table, size_t index, UnwindRowFunc on_row, void *data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(GoTable, go_table_free)
