/* An interning table of byte strings: equal contents share one entry, entries are numbered from 0
 * in first-seen order. Open addressing over XXH3 hashes. A zeroed table is empty. */
#pragma once
#include <stdint.h>

#include "lib/pprof/wire.h"

typedef struct {
    WireBuffer bytes; /* the entries' contents, back to back */
    size_t *offset;   /* of every entry in bytes, and one more for the end; NULL when n is 0 */
    uint32_t *hash;   /* of every entry */
    uint32_t *slots;  /* entry + 1, or 0 */
    uint32_t n, capacity, n_slots;
} PprofTable;

/* The number of the entry with these contents, added when missing. */
uint32_t pprof_table_intern(PprofTable *table, const void *data, size_t size);
/* The contents of an entry; valid until the next call of pprof_table_intern. */
const uint8_t *pprof_table_get(const PprofTable *table, uint32_t entry, size_t *ret_size);
/* Forgets the entries and keeps the memory. */
void pprof_table_reset(PprofTable *table);
/* Frees everything; the table is empty afterwards. */
void pprof_table_clear(PprofTable *table);
