/* Packs rows that come in ascending order into the pages of an UnwindTable. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "agent/unwind/table.h"

/* A power of two. */
#define TABLE_WRITER_CACHE 512

typedef struct {
    UnwindRules *rules;
    uint64_t start_address; /* of page 0 */
    uint32_t n_pages, n_rows, max_rows, capacity;
    uint32_t page;      /* being written */
    uint16_t last_rule; /* in force behind the last row */
    bool is_full;
    uint32_t *first_row, *rows;
    struct {
        struct unwind_rule rule;
        uint16_t index; /* UNWIND_RULE_NONE: slot is free */
    } cache[TABLE_WRITER_CACHE];
} TableWriter;

/* For the pages [start_address, end_address), both multiples of 64 KiB, not equal and at most
 * 4 GiB apart. `expected_rows` sizes the first allocation. */
TableWriter *table_writer_new(UnwindRules *rules, uint64_t start_address, uint64_t end_address,
                              uint32_t expected_rows, uint32_t max_rows);
void table_writer_free(TableWriter *writer);

/* From `address` on `rule` holds. An address before the table counts as its start; the same
 * address twice: the later rule holds. False once the table is full. */
bool table_writer_set(TableWriter *writer, uint64_t address, uint16_t rule);
/* The same for a rule that is not interned yet. */
bool table_writer_set_rule(TableWriter *writer, uint64_t address, const struct unwind_rule *rule);

/* Moves what was written into `table`: pages, rows, addresses and is_cut. When the writer became
 * full, only the complete pages. False when not even one page is complete. */
bool table_writer_end(TableWriter *writer, UnwindTable *table);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TableWriter, table_writer_free)
