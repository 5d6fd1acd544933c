/* The pclntab of a Go program: which function, file, line and inlined calls an address belongs to,
 * and how deep the stack is there. It is in every Go binary, stripped ones too, because the
 * runtime unwinds with it.
 *
 * Layouts: Go 1.16 and 1.17 (magic 0xfffffffa), 1.18 and 1.19 (0xfffffff0), 1.20 and later
 * (0xfffffff1); 64-bit little-endian (cmd/link/internal/ld/pcln.go, runtime/symtab.go). Inlined
 * calls need 1.18 or later. Addresses are virtual addresses of the ELF file. Its parts are read
 * when first needed and kept; nothing in it is trusted. One thread at a time; the ElfFile must stay
 * open as long as the result. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/symbol/elf_file.h"
#include "lib/symbol/symbol_line.h"

/* internal/abi/symtab.go, FuncFlag. */
enum {
    GO_FUNCTION_TOP_FRAME = 1, /* the outermost frame of a stack */
    GO_FUNCTION_WRITES_SP = 2, /* switches stacks: its stack depth is not known */
    GO_FUNCTION_ASSEMBLY = 4,
};

typedef struct Gopclntab Gopclntab;

typedef struct {
    uint32_t index;
    uint64_t start, end; /* virtual addresses, [start, end) */
    uint8_t flags;       /* GO_FUNCTION_…; 0 before Go 1.17 */
    uint8_t id;          /* runtime's funcID; its values differ between versions; 0 is ordinary */
    uint32_t name_offset, stack_table; /* stack_table 0: none */
    uint64_t record;                   /* offset of its _func */
} GoFunction;

/* Returns NULL with NOT_FOUND when the file has no pclntab, INVALID_ARGUMENT when it makes no
 * sense, UNIMPLEMENTED for the layout of another version, RESOURCE_EXHAUSTED above 256 MiB. */
Gopclntab *gopclntab_open(const ElfFile *elf, GError **error);
void gopclntab_free(Gopclntab *table);

size_t gopclntab_n_functions(const Gopclntab *table);
/* True from Go 1.17 on, where GoFunction.flags means something. */
bool gopclntab_has_flags(const Gopclntab *table);
/* Functions stand in address order. False when the entry makes no sense. */
bool gopclntab_function(Gopclntab *table, size_t index, GoFunction *ret_function);
/* The function that holds `address`. */
bool gopclntab_find(Gopclntab *table, uint64_t address, GoFunction *ret_function);
/* The name of a function, "" when it makes no sense. Valid as long as `table`. */
const char *gopclntab_name(Gopclntab *table, const GoFunction *function);
/* Copies the name's first size - 1 bytes and a NUL without loading the names of all functions. */
bool gopclntab_copy_name(Gopclntab *table, const GoFunction *function, char *buffer, size_t size);

/* Hands out (address, depth): from `address` on the return address lies at sp + depth. False when
 * the table is malformed; returning false from `on_row` ends it early, with true. */
typedef bool (*GoStackFunc)(void *data, uint64_t address, int32_t depth);
bool
gopclntab_stack_rows(Gopclntab *table, const GoFunction *function, GoStackFunc on_row, void *data);

/* Fills up to `max_lines` levels for an address, the innermost inlined call first and the function
 * itself last, and returns how many; 0 when no function holds it. For a return address ask for
 * address - 1. The strings are valid as long as `table`; start_line is 0 before Go 1.20. */
size_t gopclntab_lines(Gopclntab *table, uint64_t address, SymbolLine *ret_lines, size_t max_lines);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Gopclntab, gopclntab_free)
