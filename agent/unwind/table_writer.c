#include "agent/unwind/table_writer.h"

#include <string.h>

#define PAGE_BYTES (UINT64_C(1) << UNWIND_PAGE_SHIFT)

TableWriter *
table_writer_new(UnwindRules *rules, uint64_t start_address, uint64_t end_address,
                 uint32_t expected_rows, uint32_t max_rows)
{
    TableWriter *writer = g_new0(TableWriter, 1);
    writer->rules = rules;
    writer->start_address = start_address;
    writer->n_pages = (uint32_t)((end_address - start_address) >> UNWIND_PAGE_SHIFT);
    writer->max_rows = MAX(max_rows, 2);
    writer->first_row = g_new0(uint32_t, (size_t)writer->n_pages + 1);
    writer->capacity = CLAMP(expected_rows, 64, writer->max_rows);
    writer->rows = g_new(uint32_t, writer->capacity);
    writer->rows[writer->n_rows++] = UNWIND_ROW(0, UNWIND_RULE_NONE);
    return writer;
}

void
table_writer_free(TableWriter *writer)
{
    if (writer == NULL)
        return;
    g_free(writer->first_row);
    g_free(writer->rows);
    g_free(writer);
}

static bool
push_row(TableWriter *writer, uint32_t low, uint16_t rule)
{
    if (writer->n_rows == writer->max_rows) {
        writer->is_full = true;
        return false;
    }
    if (writer->n_rows == writer->capacity) {
        uint64_t grown = (uint64_t)writer->capacity + writer->capacity / 4;
        writer->capacity = (uint32_t)MIN(grown, writer->max_rows);
        writer->rows = g_renew(uint32_t, writer->rows, writer->capacity);
    }
    writer->rows[writer->n_rows++] = UNWIND_ROW(low, rule);
    writer->last_rule = rule;
    return true;
}

/* Every page passed on the way begins with the rule in force. */
static bool
go_to_page(TableWriter *writer, uint32_t page)
{
    while (writer->page < page) {
        if (!push_row(writer, 0, writer->last_rule))
            return false;
        writer->first_row[++writer->page] = writer->n_rows - 1;
    }
    return true;
}

static void
replace_last(TableWriter *writer, uint32_t low, uint16_t rule)
{
    uint32_t at = writer->n_rows - 1;
    bool is_first = at == writer->first_row[writer->page];
    if (!is_first && (writer->rows[at - 1] & UINT16_MAX) == rule)
        writer->n_rows--;
    else
        writer->rows[at] = UNWIND_ROW(low, rule);
    writer->last_rule = rule;
}

bool
table_writer_set(TableWriter *writer, uint64_t address, uint16_t rule)
{
    if (writer->is_full)
        return false;
    if (rule == writer->last_rule)
        return true;
    uint64_t into = address > writer->start_address ? address - writer->start_address : 0;
    uint64_t page = into >> UNWIND_PAGE_SHIFT;
    if (page >= writer->n_pages)
        return true; /* behind the table */
    if (page > writer->page && !go_to_page(writer, (uint32_t)page))
        return false;
    uint32_t low = (uint32_t)(into & (PAGE_BYTES - 1));
    uint32_t last_low = writer->rows[writer->n_rows - 1] >> 16;
    if (page < writer->page || low <= last_low) {
        replace_last(writer, last_low, rule);
        return true;
    }
    return push_row(writer, low, rule);
}

bool
table_writer_set_rule(TableWriter *writer, uint64_t address, const struct unwind_rule *rule)
{
    size_t slot = unwind_rule_hash(rule) % TABLE_WRITER_CACHE;
    if (writer->cache[slot].index == UNWIND_RULE_NONE ||
        memcmp(&writer->cache[slot].rule, rule, sizeof(*rule)) != 0) {
        writer->cache[slot].rule = *rule;
        writer->cache[slot].index = unwind_rules_intern(writer->rules, rule);
    }
    return table_writer_set(writer, address, writer->cache[slot].index);
}

bool
table_writer_end(TableWriter *writer, UnwindTable *table)
{
    if (!writer->is_full)
        go_to_page(writer, writer->n_pages - 1);
    if (writer->is_full) {
        if (writer->page == 0)
            return false;
        writer->n_pages = writer->page;
        writer->n_rows = writer->first_row[writer->page];
        table->is_cut = true;
    }
    writer->first_row[writer->n_pages] = writer->n_rows;
    table->start_address = writer->start_address;
    table->end_address = writer->start_address + (uint64_t)writer->n_pages * PAGE_BYTES;
    table->n_pages = writer->n_pages;
    table->n_rows = writer->n_rows;
    table->first_row = g_renew(uint32_t, writer->first_row, (size_t)writer->n_pages + 1);
    table->rows = g_renew(uint32_t, writer->rows, writer->n_rows);
    writer->first_row = NULL;
    writer->rows = NULL;
    return true;
}
