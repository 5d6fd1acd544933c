#include "agent/unwind/table.h"

#include <string.h>

#include "agent/unwind/cfi.h"
#include "agent/unwind/code_scan.h"
#include "agent/unwind/go_table.h"
#include "agent/unwind/region.h"
#include "agent/unwind/table_writer.h"
#include "lib/base/error.h"

/* chromium, the largest program that people run, has 20 MiB. */
#define SECTION_BYTES_MAX (256u << 20)
/* FDEs of one file that are kept; 8 bytes each. */
#define FUNCTIONS_MAX (8u << 20)
#define PAGE_BYTES    (UINT64_C(1) << UNWIND_PAGE_SHIFT)
#define SPAN_MAX      (UINT64_C(1) << 32)
/* Functions are aligned to 16 bytes: a shorter hole is padding, where nothing runs. */
#define GAP_MIN 15
/* Shorter holes are start-up code and hand-written leaves, not worth reading the symbols for. */
#define SCAN_MIN 1024
/* Room of the musl _start code behind the entry point: about 20 bytes of assembly and the C half
 * that it calls, which the compiler places right behind it. */
#define START_SIZE_MAX 96

/* Where the rows of a function come from, in order of trust: an earlier one wins. */
typedef enum { SOURCE_GO, SOURCE_EH_FRAME, SOURCE_DEBUG_FRAME, N_SOURCES } Source;

/* A function to be: 30 bits of offset in its source's section (of Go: index), 2 bits of source. */
typedef struct {
    uint32_t start; /* from Builder.start_address */
    uint32_t origin;
} Function;

typedef struct {
    const ElfFile *elf;
    uint64_t start_address, end_address; /* of the executable regions, whole pages */
    GArray *regions;
    GBytes *bytes[N_SOURCES];
    CfiReader *readers[N_SOURCES];
    GoTable *go; /* NULL: not a Go program */
    Function *functions;
    size_t n_functions, capacity;
    TableWriter *writer;
    GArray *symbols;   /* function starts, for code without CFI; NULL: not read yet */
    uint16_t fallback; /* rule of code that cannot be followed */
    uint64_t limit;    /* rows of the function at hand at or behind this are not its own */
    UnwindTable *table;
} Builder;

static void
builder_clear(Builder *builder)
{
    for (size_t i = 0; i < N_SOURCES; i++) {
        cfi_reader_free(builder->readers[i]);
        g_clear_pointer(&builder->bytes[i], g_bytes_unref);
    }
    go_table_free(builder->go);
    g_clear_pointer(&builder->symbols, g_array_unref);
    g_clear_pointer(&builder->regions, g_array_unref);
    g_free(builder->functions);
    table_writer_free(builder->writer);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Builder, builder_clear)

static bool
find_span(Builder *builder, GError **error)
{
    if (elf_file_machine(builder->elf) != EM_X86_64)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "ELF machine %u is not x86-64",
                         elf_file_machine(builder->elf));
    builder->regions = region_list_new(builder->elf);
    guint n = builder->regions->len;
    if (n == 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "file has no executable segment");
    uint64_t start = g_array_index(builder->regions, Region, 0).start;
    uint64_t end = g_array_index(builder->regions, Region, n - 1).end;
    builder->start_address = start & ~(PAGE_BYTES - 1);
    if (end - builder->start_address > SPAN_MAX - PAGE_BYTES)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                         "code of file spans more than 4 GiB");
    builder->end_address = (end + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    return true;
}

static void
add_function(Builder *builder, uint64_t start, Source source, uint64_t origin)
{
    Region *region = region_list_find(builder->regions, start);
    if (region == NULL || builder->n_functions == FUNCTIONS_MAX)
        return; /* discarded by the linker, or not code */
    region->n_functions++;
    if (builder->n_functions == builder->capacity) {
        builder->capacity = MAX(1024, builder->capacity * 3 / 2);
        builder->functions = g_renew(Function, builder->functions, builder->capacity);
    }
    builder->functions[builder->n_functions++] =
        (Function){.start = (uint32_t)(start - builder->start_address),
                   .origin = (uint32_t)(origin | (uint64_t)source << 30)};
}

/* A file without that section is fine; one whose section cannot be read is not. */
static bool
add_source(Builder *builder, const ElfFile *elf, Source source, GError **error)
{
    g_autoptr(GError) problem = NULL;
    CfiSection section;
    bool is_debug_frame = source == SOURCE_DEBUG_FRAME;
    GBytes *bytes = cfi_section_read(elf, is_debug_frame, SECTION_BYTES_MAX, &section, &problem);
    if (bytes == NULL) {
        if (g_error_matches(problem, CRESSET_ERROR, CRESSET_ERROR_NOT_FOUND))
            return true;
        g_propagate_prefixed_error(error, g_steal_pointer(&problem), "unwind information: ");
        return false;
    }
    builder->bytes[source] = bytes;
    builder->readers[source] = cfi_reader_new(&section);
    CfiEntry entry;
    for (uint64_t offset = 0; cfi_reader_next(builder->readers[source], &offset, &entry);)
        if (entry.end > entry.start)
            add_function(builder, entry.start, source, entry.offset);
    builder->table->n_malformed += (uint32_t)cfi_reader_n_malformed(builder->readers[source]);
    return true;
}

/* Go's linker describes Go code in .debug_frame as well: then that is not needed. A pclntab that
 * cannot be read leaves the code to .debug_frame or frame pointers. */
static bool
add_sources(Builder *builder, const ElfFile *debug_file, GError **error)
{
    builder->go = elf_file_is_go(builder->elf) ? go_table_new(builder->elf, NULL) : NULL;
    size_t n = builder->go != NULL ? go_table_n_functions(builder->go) : 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t start, end;
        if (go_table_range(builder->go, i, &start, &end))
            add_function(builder, start, SOURCE_GO, i);
    }
    if (!add_source(builder, builder->elf, SOURCE_EH_FRAME, error))
        return false;
    return builder->go != NULL ||
           add_source(builder, debug_file != NULL ? debug_file : builder->elf, SOURCE_DEBUG_FRAME,
                      error);
}

/* Stable, by start: of two functions at one address the one added first comes first. Three passes
 * of 11 bits; the order is often right already. */
static void
sort_functions(Builder *builder)
{
    size_t n = builder->n_functions;
    bool is_sorted = true;
    for (size_t i = 1; i < n && is_sorted; i++)
        is_sorted = builder->functions[i - 1].start <= builder->functions[i].start;
    if (is_sorted)
        return;
    g_autofree Function *other = g_new(Function, n);
    for (unsigned shift = 0; shift < 32; shift += 11) {
        uint32_t at[2048] = {0};
        for (size_t i = 0; i < n; i++)
            at[builder->functions[i].start >> shift & 2047]++;
        uint32_t sum = 0;
        for (size_t i = 0; i < 2048; i++) {
            uint32_t count = at[i];
            at[i] = sum;
            sum += count;
        }
        for (size_t i = 0; i < n; i++)
            other[at[builder->functions[i].start >> shift & 2047]++] = builder->functions[i];
        Function *swapped = builder->functions;
        builder->functions = other;
        other = swapped;
    }
}

static bool
write_row(void *data, uint64_t address, const struct unwind_rule *rule)
{
    Builder *builder = data;
    return address < builder->limit && table_writer_set_rule(builder->writer, address, rule);
}

static bool
write_code_row(void *data, uint64_t address, const struct unwind_rule *rule)
{
    Builder *builder = data;
    return rule->cfa != UNWIND_CFA_NONE
               ? table_writer_set_rule(builder->writer, address, rule)
               : table_writer_set(builder->writer, address, builder->fallback);
}

/* What the code itself says, or `rule` where it cannot be followed. */
static void
write_code(Builder *builder, uint64_t from, uint64_t to, uint16_t rule)
{
    if (to <= from)
        return;
    if (to - from < SCAN_MIN || builder->go != NULL) {
        table_writer_set(builder->writer, from, rule);
        return;
    }
    if (builder->symbols == NULL)
        builder->symbols = code_symbols_new(builder->elf);
    builder->limit = to;
    builder->fallback = rule;
    if (!code_scan_rows(builder->elf, builder->symbols, from, to, write_code_row, builder))
        table_writer_set(builder->writer, from, rule);
}

static void
write_gap_piece(Builder *builder, const Region *region, uint64_t from, uint64_t to)
{
    bool is_whole = from == region->start || from == builder->writer->start_address;
    bool has_cfi = region->n_functions > 0;
    if (!has_cfi && is_whole && region_is_known(region)) {
        builder->limit = region->end;
        region_rows(region, builder->elf, write_row, builder);
        return;
    }
    if (has_cfi && to - from < GAP_MIN)
        return;
    uint16_t rule = has_cfi ? UNWIND_RULE_NONE : UNWIND_RULE_FRAME_POINTER;
    uint64_t entry = elf_file_entry(builder->elf);
    if (entry < from || entry >= to) {
        write_code(builder, from, to, rule);
        return;
    }
    write_code(builder, from, entry, rule);
    table_writer_set(builder->writer, entry, UNWIND_RULE_STOP);
    write_code(builder, MIN(entry + START_SIZE_MAX, to), to, rule);
}

/* What holds in [from, to), where no function with CFI is. */
static void
write_gap(Builder *builder, uint64_t from, uint64_t to)
{
    uint64_t at = from;
    for (guint i = 0; i < builder->regions->len && at < to; i++) {
        const Region *region = &g_array_index(builder->regions, Region, i);
        uint64_t start = MAX(region->start, at), end = MIN(region->end, to);
        if (start >= end)
            continue;
        if (start - at >= GAP_MIN)
            table_writer_set(builder->writer, at, UNWIND_RULE_NONE);
        write_gap_piece(builder, region, start, end);
        at = end;
    }
    if (to > at && to - at >= GAP_MIN)
        table_writer_set(builder->writer, at, UNWIND_RULE_NONE);
}

static bool
read_range(Builder *builder, const Function *function, CfiEntry *entry)
{
    Source source = function->origin >> 30;
    uint64_t offset = function->origin & ((1u << 30) - 1);
    if (source == SOURCE_GO)
        return go_table_range(builder->go, offset, &entry->start, &entry->end);
    return cfi_reader_read(builder->readers[source], offset, entry);
}

/* Returns where the function ends, or `from` when it adds nothing. */
static uint64_t
write_function(Builder *builder, const Function *function, uint64_t from, uint64_t next)
{
    CfiEntry entry;
    if (!read_range(builder, function, &entry))
        return from;
    uint64_t end = MIN(entry.end, builder->end_address);
    if (end <= from)
        return from; /* it lies before the first page */
    if (entry.start > from)
        write_gap(builder, from, entry.start);
    builder->limit = MIN(end, next);
    size_t index = function->origin & ((1u << 30) - 1);
    bool is_good = function->origin >> 30 == SOURCE_GO
                       ? go_table_rows(builder->go, index, write_row, builder)
                       : cfi_entry_rows(&entry, write_row, builder);
    if (!is_good)
        builder->table->n_malformed++;
    builder->table->n_functions++;
    return builder->limit;
}

static void
write_functions(Builder *builder)
{
    uint64_t from = builder->writer->start_address;
    for (size_t i = 0; i < builder->n_functions && !builder->writer->is_full; i++) {
        const Function *function = &builder->functions[i];
        size_t j = i + 1; /* the next one that starts behind this one */
        while (j < builder->n_functions && builder->functions[j].start == function->start)
            j++;
        uint64_t next = j < builder->n_functions
                            ? builder->start_address + builder->functions[j].start
                            : builder->end_address;
        from = write_function(builder, function, from, next);
        i = j - 1;
    }
    if (from < builder->end_address)
        write_gap(builder, from, builder->end_address);
}

static bool
write_table(Builder *builder, UnwindRules *rules, const UnwindTableOptions *options, GError **error)
{
    uint64_t start = MAX(builder->start_address, options->start_address & ~(PAGE_BYTES - 1));
    if (start >= builder->end_address)
        return error_set(error, CRESSET_ERROR_OUT_OF_RANGE,
                         "file has no code at or behind address 0x%" G_GINT64_MODIFIER "x", start);
    uint32_t max_rows = options->max_rows != 0 ? options->max_rows : UNWIND_TABLE_ROWS_MAX;
    size_t n_pages = (builder->end_address - start) >> UNWIND_PAGE_SHIFT;
    /* Compilers make about 8 rows per function. */
    size_t expected = MIN(n_pages + builder->n_functions * 8, UINT32_MAX);
    builder->writer =
        table_writer_new(rules, start, builder->end_address, (uint32_t)expected, max_rows);
    write_functions(builder);
    if (!table_writer_end(builder->writer, builder->table))
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                         "unwind table is limited to %u rows, too few for one page", max_rows);
    return true;
}

UnwindTable *
unwind_table_new(const ElfFile *elf, UnwindRules *rules, const UnwindTableOptions *options,
                 GError **error)
{
    static const UnwindTableOptions DEFAULTS = {0};
    if (options == NULL)
        options = &DEFAULTS;
    g_autoptr(UnwindTable) table = g_new0(UnwindTable, 1);
    g_auto(Builder) builder = {.elf = elf, .table = table};
    if (!find_span(&builder, error) || !add_sources(&builder, options->debug_file, error))
        return NULL;
    sort_functions(&builder);
    return write_table(&builder, rules, options, error) ? g_steal_pointer(&table) : NULL;
}

void
unwind_table_free(UnwindTable *table)
{
    if (table == NULL)
        return;
    g_free(table->first_row);
    g_free(table->rows);
    g_free(table);
}

size_t
unwind_table_bytes(const UnwindTable *table)
{
    return sizeof(uint32_t) * ((size_t)table->n_pages + 1 + table->n_rows);
}

uint16_t
unwind_table_find(const UnwindTable *table, uint64_t address)
{
    if (address < table->start_address || address >= table->end_address)
        return UNWIND_RULE_NONE;
    uint64_t into = address - table->start_address;
    size_t page = into >> UNWIND_PAGE_SHIFT;
    uint32_t low = (uint32_t)(into & (PAGE_BYTES - 1));
    uint32_t first = table->first_row[page], end = table->first_row[page + 1];
    while (end - first > 1) {
        uint32_t middle = first + (end - first) / 2;
        if (table->rows[middle] >> 16 <= low)
            first = middle;
        else
            end = middle;
    }
    return (uint16_t)table->rows[first];
}
