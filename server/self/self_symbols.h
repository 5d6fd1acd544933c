/* Names of this process's own code, kept once looked up.
 *
 * Files are opened when an address of theirs is new and closed again afterwards, so that their
 * debug information takes no memory in between. One thread. */
#pragma once
#include <glib.h>
#include <stdint.h>

typedef struct SelfSymbols SelfSymbols;

typedef struct {
    const char *name, *system_name, *file; /* UTF-8; the name is demangled */
    uint32_t line, start_line;
} SelfLine;

typedef struct {
    const char *path;      /* of the file that the address lies in; "" for none */
    const SelfLine *lines; /* the innermost inlined call first; at least one */
    uint32_t n_lines;
} SelfAddress;

SelfSymbols *self_symbols_new(void);
void self_symbols_free(SelfSymbols *symbols);

/* Looks up an address of this process. The answer lives until the next self_symbols_close. */
const SelfAddress *self_symbols_find(SelfSymbols *symbols, uint64_t address);
/* Closes the files; forgets the names when there are very many. */
void self_symbols_close(SelfSymbols *symbols);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SelfSymbols, self_symbols_free)
