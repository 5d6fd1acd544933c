/* The unwind table of one executable: which rule holds at which address, packed as the BPF side
 * reads it (include/cresset/event.h).
 *
 * Addresses are virtual addresses of the ELF file. They are cut into pages of 64 KiB; the rows of
 * page p are rows[first_row[p]] to rows[first_row[p + 1]], ascending. The first row of every page
 * starts at its first byte, so no page is empty, and the rule at an address is the rule of the last
 * row of its page that does not start behind it. Rule indexes are those of the UnwindRules that the
 * table was built with: uploading is one copy of first_row and one of rows.
 *
 * Rows come from .eh_frame and .debug_frame, for Go code from .gopclntab, and for the few known
 * places that have none of these (PLT, _start of musl) from what they are. Holes of 1 KiB and more
 * are followed instruction by instruction (musl has no CFI). Where else at least 15
 * bytes of code have no CFI, the rule is UNWIND_RULE_NONE; an executable section without any CFI at
 * all is UNWIND_RULE_FRAME_POINTER. Immutable once built; any thread. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/unwind/rules.h"
#include "lib/symbol/elf_file.h"

/* Rows of one table unless told otherwise: 16 MiB, five times what libLLVM needs. */
#define UNWIND_TABLE_ROWS_MAX (4u << 20)

typedef struct {
    uint64_t start_address; /* of page 0; a multiple of 64 KiB */
    uint64_t end_address;   /* behind the last page; a multiple of 64 KiB */
    uint32_t n_pages, n_rows;
    uint32_t *first_row; /* n_pages + 1 */
    uint32_t *rows;      /* UNWIND_ROW(); n_rows */
    bool is_cut;         /* the row limit was met: what lies at end_address or behind is missing,
                            and can be built as a table of its own from there */
    uint32_t n_functions, n_malformed; /* FDEs and Go functions used; entries that made no sense */
} UnwindTable;

typedef struct {
    uint32_t max_rows;         /* 0: UNWIND_TABLE_ROWS_MAX */
    uint64_t start_address;    /* build only what lies at this address or behind, rounded down
                                  to a page; 0: everything */
    const ElfFile *debug_file; /* separate debug file with a .debug_frame, or NULL */
} UnwindTableOptions;

/* Builds the table of `elf` (x86-64). `options` may be NULL. A file without unwind information
 * still gives a table (frame pointers for its executable sections). INVALID_ARGUMENT for another
 * machine or a file without executable segments, RESOURCE_EXHAUSTED when the unwind sections are
 * larger than 256 MiB or its code spans more than 4 GiB. Reading the file takes most of the time:
 * call it on a worker thread. */
UnwindTable *unwind_table_new(const ElfFile *elf, UnwindRules *rules,
                              const UnwindTableOptions *options, GError **error);
void unwind_table_free(UnwindTable *table);

/* Bytes that first_row and rows take together. */
size_t unwind_table_bytes(const UnwindTable *table);
/* The index of the rule at a virtual address; UNWIND_RULE_NONE outside the table. The search that
 * the BPF side does as well. */
uint16_t unwind_table_find(const UnwindTable *table, uint64_t address);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(UnwindTable, unwind_table_free)
