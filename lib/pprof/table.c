#include "lib/pprof/table.h"

#include <xxhash.h>

enum { TABLE_ENTRIES_MIN = 64 };

static void
place(PprofTable *table, uint32_t entry)
{
    uint32_t mask = table->n_slots - 1;
    uint32_t slot = table->hash[entry] & mask;
    while (table->slots[slot] != 0)
        slot = (slot + 1) & mask;
    table->slots[slot] = entry + 1;
}

/* Doubles the entries and keeps at most half of the slots in use. */
static void
grow(PprofTable *table)
{
    table->capacity = MAX(table->capacity * 2, (uint32_t)TABLE_ENTRIES_MIN);
    table->offset = g_renew(size_t, table->offset, (size_t)table->capacity + 1);
    table->hash = g_renew(uint32_t, table->hash, table->capacity);
    table->n_slots = table->capacity * 2;
    g_free(table->slots);
    table->slots = g_new0(uint32_t, table->n_slots);
    table->offset[0] = 0;
    for (uint32_t i = 0; i < table->n; i++)
        place(table, i);
}

static bool
entry_equals(const PprofTable *table, uint32_t entry, const void *data, size_t size)
{
    size_t start = table->offset[entry];
    return table->offset[entry + 1] - start == size &&
           (size == 0 || memcmp(table->bytes.data + start, data, size) == 0);
}

uint32_t
pprof_table_intern(PprofTable *table, const void *data, size_t size)
{
    if (table->n == table->capacity)
        grow(table);
    uint32_t hash = (uint32_t)XXH3_64bits(data, size);
    uint32_t mask = table->n_slots - 1;
    uint32_t slot = hash & mask;
    for (; table->slots[slot] != 0; slot = (slot + 1) & mask) {
        uint32_t entry = table->slots[slot] - 1;
        if (table->hash[entry] == hash && entry_equals(table, entry, data, size))
            return entry;
    }
    uint32_t entry = table->n++;
    wire_put_raw(&table->bytes, data, size);
    table->offset[table->n] = table->bytes.size;
    table->hash[entry] = hash;
    table->slots[slot] = entry + 1;
    return entry;
}

const uint8_t *
pprof_table_get(const PprofTable *table, uint32_t entry, size_t *ret_size)
{
    size_t start = table->offset[entry];
    *ret_size = table->offset[entry + 1] - start;
    /* There are no bytes at all while every entry is empty. */
    return *ret_size > 0 ? table->bytes.data + start : (const uint8_t *)"";
}

void
pprof_table_reset(PprofTable *table)
{
    if (table->n > 0)
        memset(table->slots, 0, table->n_slots * sizeof *table->slots);
    table->n = 0;
    table->bytes.size = 0;
}

void
pprof_table_clear(PprofTable *table)
{
    g_free(table->bytes.data);
    g_free(table->offset);
    g_free(table->hash);
    g_free(table->slots);
    memset(table, 0, sizeof *table);
}
