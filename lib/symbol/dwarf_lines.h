/* Source lines and inlined calls of an address, from the DWARF data (versions 2 to 5) of one file.
 *
 * Work is done on demand: the ranges of all compilation units are indexed at the first lookup, the
 * functions and the line table of a unit at its first address. What has been read stays in memory
 * until the object is freed. Not thread-safe. Source: the DWARF standard, sections 3.3.8 and 6.2.
 */
#pragma once
#include <gelf.h>
#include <glib.h>
#include <stddef.h>

#include "lib/symbol/symbol_line.h"

typedef struct DwarfLines DwarfLines;

/* `elf` must outlive the result. NULL when it has no DWARF data. */
DwarfLines *dwarf_lines_new(Elf *elf);
void dwarf_lines_free(DwarfLines *dwarf);

/* Fills up to SYMBOL_LINES_MAX lines of the (virtual) address, the innermost inlined function first
 * and the function that really holds the code last, and returns how many. 0 when no unit holds the
 * address. A line whose name is NULL has a source line but no function of its own in the data
 * (assembly): its name is to be taken from the symbol table. Strings live as long as `dwarf`. */
size_t dwarf_lines_find(DwarfLines *dwarf, uint64_t address, SymbolLine lines[SYMBOL_LINES_MAX]);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DwarfLines, dwarf_lines_free)
