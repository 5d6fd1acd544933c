/* The functions and source lines of addresses, as whoever can resolve them answers: of each address
 * none, one, or several where calls were inlined. */
#pragma once
#include <glib.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *name;        /* for people, demangled; valid UTF-8 like the others */
    const char *system_name; /* of the symbol */
    const char *filename;    /* "": not known */
    uint32_t line;           /* of the call or the code; 0: not known */
    uint32_t start_line;     /* where the function begins; 0: not known */
} AddressLine;

typedef struct AddressLines AddressLines;

/* Of `n` addresses, all without lines yet. */
AddressLines *address_lines_new(size_t n);
void address_lines_free(AddressLines *lines);

/* Gives an address one more line, the innermost inlined function first; texts are copied. All lines
 * of an address come one after the other. */
void address_lines_append(AddressLines *lines, size_t address, const AddressLine *line);
/* How many lines an address has; *ret_lines are valid until the next append. */
size_t address_lines_get(const AddressLines *lines, size_t address, const AddressLine **ret_lines);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(AddressLines, address_lines_free)
