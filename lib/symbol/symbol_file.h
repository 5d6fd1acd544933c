/* The names of one executable: from an address to the functions and source lines it belongs to.
 *
 * Sources, best first: Go's own function table; DWARF of the file or of its separate debug file
 * (inlined calls become lines of their own); .symtab, else .gnu_debugdata and .dynsym. A function
 * that none of them names is called by its file and where it begins, `libfoo.so+0x1230`. Each is
 * read when the first address needs it. Parsing is done by libdw and libelf on memory-mapped input:
 * a caller that must survive any file runs it in a process of its own. Not thread-safe. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/symbol/symbol_line.h"

typedef struct SymbolFile SymbolFile;

typedef struct {
    int fd;            /* the executable; borrowed until the object is freed */
    const void *image; /* instead of fd (which is -1 then): the file in memory, for the vDSO */
    size_t image_size;
    const char *path; /* as the process sees it: where debug files are looked for */
    int root_fd;      /* the root folder of the process, or -1; owned by the object from now on */
    bool no_inlines;  /* names only: DWARF is not read */
} SymbolFileOptions;

/* NULL with *error set when the file is not an ELF file. */
SymbolFile *symbol_file_new(const SymbolFileOptions *options, GError **error);
void symbol_file_free(SymbolFile *file);

/* Fills the lines of a virtual address of the ELF file, the innermost inlined function first, and
 * returns how many; 0 when nothing is known. Names are never NULL; strings live as long as `file`.
 */
size_t symbol_file_find(SymbolFile *file, uint64_t address, SymbolLine lines[SYMBOL_LINES_MAX]);

/* Gives back the pages of the mapped files; they are read again when needed. */
void symbol_file_trim(SymbolFile *file);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SymbolFile, symbol_file_free)
