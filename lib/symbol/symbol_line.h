/* What one address means in the source: the unit that every symbol source of this folder returns.
 */
#pragma once
#include <stdint.h>

/* Deepest inlining that is kept for one address; outer frames win nothing beyond this. */
#define SYMBOL_LINES_MAX 64

/* Strings belong to the source that returned them (see there), end in NUL and may hold any bytes
 * (symbol tables are input). `name` is the name as linked: demangle_name() makes it readable. */
typedef struct {
    const char *name;
    const char *file;    /* "" when unknown */
    uint32_t line;       /* 0 when unknown */
    uint32_t start_line; /* where the function begins; 0 when unknown */
} SymbolLine;
