/* The CFI reader and the table builder. An input that begins like an ELF file is built into a
 * table; of any other the first byte says which section the rest is. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/unwind/cfi.h"
#include "agent/unwind/table.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

enum { SECTION_ADDRESS = 0x10000, ROWS_MAX = 100000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    const CfiEntry *entry;
    uint64_t last;
    size_t n_rows;
} Rows;

static bool
check_row(void *data, uint64_t address, const struct unwind_rule *rule)
{
    Rows *rows = data;
    CHECK(rows->n_rows == 0 ? address == rows->entry->start : address > rows->last);
    CHECK(address < rows->entry->end);
    CHECK(rule->cfa <= UNWIND_CFA_COMPLEX && rule->fp <= UNWIND_FP_FP && rule->reg < 16);
    rows->last = address;
    return ++rows->n_rows < ROWS_MAX;
}

static void
read_entries(const CfiSection *section)
{
    g_autoptr(CfiReader) reader = cfi_reader_new(section);
    CfiEntry entry;
    for (uint64_t offset = 0; cfi_reader_next(reader, &offset, &entry);) {
        CHECK(entry.end >= entry.start && offset <= section->size);
        Rows rows = {.entry = &entry};
        cfi_entry_rows(&entry, check_row, &rows);
        CHECK(rows.n_rows > 0 || entry.start == entry.end);
        CfiEntry again;
        CHECK(cfi_reader_read(reader, entry.offset, &again) && again.start == entry.start);
    }
}

static void
build_table(const uint8_t *data, size_t size)
{
    g_autoptr(ElfFile) elf = elf_file_open_memory(data, size, NULL);
    g_autoptr(UnwindRules) rules = unwind_rules_new();
    UnwindTableOptions options = {.max_rows = ROWS_MAX};
    g_autoptr(UnwindTable) table =
        elf != NULL ? unwind_table_new(elf, rules, &options, NULL) : NULL;
    if (table == NULL)
        return;
    CHECK(table->n_rows <= ROWS_MAX && table->first_row[0] == 0);
    CHECK(table->first_row[table->n_pages] == table->n_rows);
    for (uint32_t page = 0; page < table->n_pages; page++) {
        uint32_t first = table->first_row[page], end = table->first_row[page + 1];
        CHECK(first < end && table->rows[first] >> 16 == 0);
        for (uint32_t i = first + 1; i < end; i++)
            CHECK(table->rows[i] >> 16 > table->rows[i - 1] >> 16);
        for (uint32_t i = first; i < end; i++)
            CHECK((table->rows[i] & UINT16_MAX) < unwind_rules_count(rules));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= SELFMAG && memcmp(data, ELFMAG, SELFMAG) == 0) {
        build_table(data, size);
        return 0;
    }
    if (size == 0)
        return 0;
    CfiSection section = {.data = data + 1,
                          .size = size - 1,
                          .address = data[0] & 1 ? 0 : SECTION_ADDRESS,
                          .is_debug_frame = data[0] & 1};
    read_entries(&section);
    return 0;
}
