#include "lib/symbol/gopclntab.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/symbol/gomoduledata.h"

/* kubelet has 20 MiB; the whole of a program's pclntab. */
#define TABLE_BYTES_MAX (256u << 20)
#define MAGIC_16        UINT32_C(0xfffffffa)
#define MAGIC_18        UINT32_C(0xfffffff0)
#define MAGIC_20        UINT32_C(0xfffffff1)
/* internal/abi/symtab.go */
#define PCDATA_INLINE_INDEX  2
#define FUNCDATA_INLINE_TREE 3
/* The compiler inlines at most a few dozen levels deep; a malformed tree may be a ring. */
#define INLINE_DEPTH_MAX 64
/* Fixed part of _func, from nameOff on. */
#define RECORD_SIZE_MAX 48

/* One part of the table, read when first needed. */
typedef struct {
    uint64_t offset, size; /* in the file */
    char *data;            /* with a NUL behind; NULL: not read yet */
    bool is_bad;
} Area;

typedef enum { AREA_NAMES, AREA_UNITS, AREA_FILES, AREA_TABLES, AREA_FUNCTIONS, N_AREAS } AreaKind;

struct Gopclntab {
    const ElfFile *elf;
    uint64_t address; /* of the table */
    uint32_t magic;
    uint8_t quantum; /* 1 on x86-64 */
    size_t n_functions;
    GoModuledata module;
    Area areas[N_AREAS];
    Area inline_data; /* the section that holds go:func.* */
};

static bool
is_old(const Gopclntab *table)
{
    return table->magic == MAGIC_16; /* entries are addresses of 8 bytes */
}

static const char *
area_load(const Gopclntab *table, Area *area)
{
    if (area->data != NULL || area->is_bad)
        return area->data;
    char *data = g_try_malloc(area->size + 1);
    if (data == NULL || !elf_file_read(table->elf, area->offset, data, area->size, NULL)) {
        g_free(data);
        area->is_bad = true;
        return NULL;
    }
    data[area->size] = '\0';
    area->data = data;
    return data;
}

/* Copies `size` bytes at `offset` of an area; false beyond its end. */
static bool
area_read(Gopclntab *table, Area *area, uint64_t offset, void *buffer, size_t size)
{
    if (offset > area->size || size > area->size - offset || area_load(table, area) == NULL)
        return false;
    memcpy(buffer, area->data + offset, size);
    return true;
}

static uint32_t
read_u32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static const ElfSection *
find_table_section(const ElfFile *elf)
{
    static const char *const NAMES[] = {".gopclntab", ".data.rel.ro.gopclntab"};
    for (size_t i = 0; i < G_N_ELEMENTS(NAMES); i++) {
        const ElfSection *section = elf_file_find_section(elf, NAMES[i]);
        if (section != NULL && section->type != SHT_NOBITS)
            return section;
    }
    return NULL;
}

/* The offsets of the header, in the order of AreaKind, must rise and lie in the section. */
static bool
place_areas(Gopclntab *table, const ElfSection *section, const uint64_t offsets[N_AREAS])
{
    for (size_t i = 0; i < N_AREAS; i++) {
        uint64_t end = i + 1 < N_AREAS ? offsets[i + 1] : section->size;
        if (offsets[i] > end || end > section->size)
            return false;
        table->areas[i] = (Area){.offset = section->offset + offsets[i], .size = end - offsets[i]};
    }
    uint64_t entry_size = is_old(table) ? 16 : 8;
    return table->n_functions < table->areas[AREA_FUNCTIONS].size / entry_size;
}

static void
find_module(Gopclntab *table, uint64_t names_offset, uint64_t header_text_start)
{
    unsigned n_words = table->magic == MAGIC_20 ? 40 : table->magic == MAGIC_18 ? 38 : 0;
    if (gomoduledata_find(table->elf, table->address, names_offset, n_words, &table->module))
        return;
    const ElfSection *text = elf_file_find_section(table->elf, ".text");
    table->module = (GoModuledata){.text_start = header_text_start};
    if (header_text_start == 0 && text != NULL)
        table->module.text_start = text->address;
}

static void
find_inline_data(Gopclntab *table)
{
    for (size_t i = 0; i < elf_file_n_sections(table->elf) && table->module.function_data; i++) {
        const ElfSection *section = elf_file_section(table->elf, i);
        uint64_t into = table->module.function_data - section->address;
        if ((section->flags & SHF_ALLOC) == 0 || section->type == SHT_NOBITS ||
            table->module.function_data < section->address || into >= section->size)
            continue;
        table->inline_data = (Area){.offset = section->offset + into,
                                    .size = MIN(section->size - into, TABLE_BYTES_MAX)};
        return;
    }
}

static bool
read_header(Gopclntab *table, const ElfSection *section, GError **error)
{
    uint8_t header[72];
    if (section->size < sizeof(header))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "pclntab is too short");
    if (!elf_file_read(table->elf, section->offset, header, sizeof(header), error))
        return false;
    table->magic = read_u32(header);
    if (table->magic != MAGIC_16 && table->magic != MAGIC_18 && table->magic != MAGIC_20)
        return error_set(error, CRESSET_ERROR_UNIMPLEMENTED,
                         "pclntab of an unknown Go version: magic 0x%x", table->magic);
    table->quantum = header[6];
    /* Words behind the first 8 bytes: functions, files, from 1.18 the text start, 5 offsets. */
    uint64_t words[8];
    memcpy(words, header + 8, sizeof(words));
    const uint64_t *offsets = words + (is_old(table) ? 2 : 3);
    table->n_functions = words[0];
    if (header[4] != 0 || header[5] != 0 || header[7] != 8 || table->quantum == 0 ||
        !place_areas(table, section, offsets))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "pclntab header makes no sense");
    find_module(table, offsets[AREA_NAMES], is_old(table) ? 0 : words[2]);
    find_inline_data(table);
    return true;
}

Gopclntab *
gopclntab_open(const ElfFile *elf, GError **error)
{
    const ElfSection *section = find_table_section(elf);
    if (section == NULL) {
        error_set(error, CRESSET_ERROR_NOT_FOUND, "file has no pclntab");
        return NULL;
    }
    if (section->size > TABLE_BYTES_MAX) {
        error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "pclntab is larger than 256 MiB");
        return NULL;
    }
    g_autoptr(Gopclntab) table = g_new0(Gopclntab, 1);
    table->elf = elf;
    table->address = section->address;
    return read_header(table, section, error) ? g_steal_pointer(&table) : NULL;
}

void
gopclntab_free(Gopclntab *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < N_AREAS; i++)
        g_free(table->areas[i].data);
    g_free(table->inline_data.data);
    g_free(table);
}

size_t
gopclntab_n_functions(const Gopclntab *table)
{
    return table->n_functions;
}

bool
gopclntab_has_flags(const Gopclntab *table)
{
    return !is_old(table);
}

/* Entry `index` of the function table; entry n_functions is the end of the last function. */
static bool
read_slot(Gopclntab *table, size_t index, uint64_t *ret_start, uint64_t *ret_record)
{
    Area *area = &table->areas[AREA_FUNCTIONS];
    if (is_old(table)) {
        uint64_t slot[2] = {0};
        if (!area_read(table, area, index * 16, slot, index < table->n_functions ? 16 : 8))
            return false;
        *ret_start = slot[0];
        *ret_record = slot[1];
        return true;
    }
    uint32_t slot[2] = {0};
    if (!area_read(table, area, index * 8, slot, index < table->n_functions ? 8 : 4))
        return false;
    *ret_start = table->module.text_start + slot[0];
    *ret_record = slot[1];
    return true;
}

bool
gopclntab_function(Gopclntab *table, size_t index, GoFunction *ret_function)
{
    uint64_t start, end, record, unused;
    if (index >= table->n_functions || !read_slot(table, index, &start, &record) ||
        !read_slot(table, index + 1, &end, &unused) || end <= start)
        return false;
    /* entry, then: nameOff, args, deferreturn, pcsp, pcfile, pcln, npcdata, cuOffset,
     * (1.20: startLine,) funcID, flag, pad, nfuncdata. */
    uint8_t fields[RECORD_SIZE_MAX];
    size_t entry_size = is_old(table) ? 8 : 4;
    size_t size = entry_size + 8 * 4 + (table->magic == MAGIC_20 ? 4 : 0) + 4;
    if (!area_read(table, &table->areas[AREA_FUNCTIONS], record, fields, size))
        return false;
    *ret_function = (GoFunction){.index = (uint32_t)index,
                                 .start = start,
                                 .end = end,
                                 .flags = fields[size - 3],
                                 .id = fields[size - 4],
                                 .name_offset = read_u32(fields + entry_size),
                                 .stack_table = read_u32(fields + entry_size + 12),
                                 .record = record};
    return true;
}

bool
gopclntab_find(Gopclntab *table, uint64_t address, GoFunction *ret_function)
{
    size_t low = 0, high = table->n_functions;
    while (low < high) { /* the first function that starts behind address */
        size_t middle = low + (high - low) / 2;
        uint64_t start, record;
        if (!read_slot(table, middle, &start, &record))
            return false;
        if (start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    GoFunction function;
    if (low == 0 || !gopclntab_function(table, low - 1, &function) || address >= function.end)
        return false;
    *ret_function = function;
    return true;
}

/* The string at an offset of an area, "" beyond its end. */
static const char *
area_string(Gopclntab *table, AreaKind kind, uint64_t offset)
{
    Area *area = &table->areas[kind];
    return offset < area->size && area_load(table, area) != NULL ? area->data + offset : "";
}

const char *
gopclntab_name(Gopclntab *table, const GoFunction *function)
{
    return area_string(table, AREA_NAMES, function->name_offset);
}

bool
gopclntab_copy_name(Gopclntab *table, const GoFunction *function, char *buffer, size_t size)
{
    const Area *area = &table->areas[AREA_NAMES];
    if (function->name_offset >= area->size || size == 0)
        return false;
    size_t n = MIN(size - 1, area->size - function->name_offset);
    if (!elf_file_read(table->elf, area->offset + function->name_offset, buffer, n, NULL))
        return false;
    buffer[n] = '\0';
    return true;
}

/* A cursor over one table of (value delta, pc delta) pairs: runtime/symtab.go, step(). */
typedef struct {
    const uint8_t *at, *end;
    uint64_t address; /* where the value ends to hold */
    uint32_t quantum;
    int32_t value;
    bool is_first, is_bad;
} Steps;

static bool
steps_begin(Gopclntab *table, const GoFunction *function, uint32_t offset, Steps *ret)
{
    Area *area = &table->areas[AREA_TABLES];
    if (offset == 0 || offset >= area->size || area_load(table, area) == NULL)
        return false;
    *ret = (Steps){.at = (const uint8_t *)area->data + offset,
                   .end = (const uint8_t *)area->data + area->size,
                   .address = function->start,
                   .quantum = table->quantum,
                   .value = -1,
                   .is_first = true};
    return true;
}

static uint32_t
steps_varint(Steps *steps)
{
    uint32_t value = 0;
    for (unsigned shift = 0; steps->at < steps->end; shift += 7) {
        uint8_t byte = *steps->at++;
        if (shift < 32)
            value |= (uint32_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return value;
    }
    steps->is_bad = true;
    return 0;
}

/* Moves to the next value. False at the end. */
static bool
steps_next(Steps *steps)
{
    uint32_t delta = steps_varint(steps);
    if (steps->is_bad || (delta == 0 && !steps->is_first))
        return false;
    steps->is_first = false;
    uint32_t magnitude = delta & 1 ? ~(delta >> 1) : delta >> 1;
    steps->value = (int32_t)((uint32_t)steps->value + magnitude);
    steps->address += (uint64_t)steps_varint(steps) * steps->quantum;
    return !steps->is_bad;
}

bool
gopclntab_stack_rows(Gopclntab *table, const GoFunction *function, GoStackFunc on_row, void *data)
{
    Steps steps;
    if (!steps_begin(table, function, function->stack_table, &steps))
        return false;
    uint64_t start = steps.address;
    while (steps_next(&steps) && start < function->end) {
        if (!on_row(data, start, steps.value))
            return true;
        start = steps.address;
    }
    return !steps.is_bad;
}

/* The value of a table at an address, -1 when there is none. */
static int32_t
value_at(Gopclntab *table, const GoFunction *function, uint32_t offset, uint64_t address)
{
    Steps steps;
    if (!steps_begin(table, function, offset, &steps))
        return -1;
    while (steps_next(&steps))
        if (address < steps.address)
            return steps.value;
    return -1;
}

/* What of a _func the line lookup needs. */
typedef struct {
    uint32_t file_table, line_table, inline_table, unit, start_line;
    uint64_t inline_tree; /* offset in the inline data; UINT64_MAX: none */
} Details;

static bool
read_details(Gopclntab *table, const GoFunction *function, Details *ret)
{
    Area *area = &table->areas[AREA_FUNCTIONS];
    uint32_t fields[9];
    uint64_t at = function->record + (is_old(table) ? 8 : 4);
    size_t n = table->magic == MAGIC_20 ? 9 : 8;
    uint8_t tail[4];
    if (!area_read(table, area, at, fields, n * 4) ||
        !area_read(table, area, at + n * 4, tail, sizeof(tail)))
        return false;
    *ret = (Details){.file_table = fields[4],
                     .line_table = fields[5],
                     .unit = fields[7],
                     .start_line = n == 9 ? fields[8] : 0,
                     .inline_tree = UINT64_MAX};
    uint32_t n_tables = fields[6], n_data = tail[3], offset;
    uint64_t tables = at + n * 4 + 4;
    if (is_old(table) || n_tables <= PCDATA_INLINE_INDEX || n_data <= FUNCDATA_INLINE_TREE)
        return true;
    area_read(table, area, tables + 4 * PCDATA_INLINE_INDEX, &ret->inline_table, 4);
    if (area_read(table, area, tables + 4 * ((uint64_t)n_tables + FUNCDATA_INLINE_TREE), &offset,
                  4) &&
        offset != UINT32_MAX)
        ret->inline_tree = offset;
    return true;
}

static const char *
file_name(Gopclntab *table, const GoFunction *function, const Details *details, uint64_t address)
{
    int32_t number = value_at(table, function, details->file_table, address);
    uint32_t offset;
    uint64_t slot = ((uint64_t)details->unit + (uint32_t)number) * 4;
    if (number < 0 || !area_read(table, &table->areas[AREA_UNITS], slot, &offset, 4) ||
        offset == UINT32_MAX)
        return "";
    return area_string(table, AREA_FILES, offset);
}

/* One inlined call: runtime/symtabinl.go, inlinedCall. */
typedef struct {
    uint32_t name_offset, parent_offset, start_line;
} InlinedCall;

static bool
read_call(Gopclntab *table, const Details *details, int32_t index, InlinedCall *ret)
{
    bool is_new = table->magic == MAGIC_20;
    uint32_t fields[5] = {0};
    size_t size = is_new ? 16 : 20;
    if (index < 0 || details->inline_tree == UINT64_MAX ||
        !area_read(table, &table->inline_data, details->inline_tree + (uint64_t)index * size,
                   fields, size))
        return false;
    *ret = is_new ? (InlinedCall){fields[1], fields[2], fields[3]}
                  : (InlinedCall){fields[3], fields[4], 0};
    return true;
}

size_t
gopclntab_lines(Gopclntab *table, uint64_t address, SymbolLine *ret_lines, size_t max_lines)
{
    GoFunction function;
    Details details;
    if (!gopclntab_find(table, address, &function) || !read_details(table, &function, &details))
        return 0;
    size_t n = 0;
    for (unsigned depth = 0; n < max_lines; depth++) {
        int32_t line = value_at(table, &function, details.line_table, address);
        SymbolLine *out = &ret_lines[n++];
        *out = (SymbolLine){.name = gopclntab_name(table, &function),
                            .file = file_name(table, &function, &details, address),
                            .line = line > 0 ? (uint32_t)line : 0,
                            .start_line = details.start_line};
        InlinedCall call;
        int32_t index = value_at(table, &function, details.inline_table, address);
        if (depth == INLINE_DEPTH_MAX || !read_call(table, &details, index, &call))
            break;
        out->name = area_string(table, AREA_NAMES, call.name_offset);
        out->start_line = call.start_line;
        address = function.start + call.parent_offset;
    }
    return n;
}
