#include "server/ingest/format/otlp_symbols.h"

#include <string.h>

#include "include/cresset/limits.h"
#include "lib/base/error.h"
#include "server/ingest/format/otlp_sample.h"
#include "server/ingest/format/stack.h"

enum { LACKS_FUNCTIONS = 1, LACKS_LINES = 2 };

enum {
    LOCATION_MAPPING = 1,
    LOCATION_ADDRESS = 2,
    LOCATION_LINE = 3,
    LINE_FUNCTION = 1,
    LINE_LINE = 2,
    MAPPING_ATTRIBUTES = 5,
    STACK_LOCATIONS = 1,
};

/* What decoding costs, at most. */
enum { WORK_PER_ENTRY = 16, WORK_PER_ENTRY_BYTE = 8, WORK_PER_ATTRIBUTE = 100 };

static const char BUILD_ID_KEY[] = "process.executable.build_id.gnu";

/* The mapping of a location, and what it lacks; false when it cannot be read. */
static bool
look_at_location(WireSpan location, uint64_t *ret_mapping, uint8_t *ret_lacks)
{
    uint64_t mapping = 0;
    bool has_function = false, has_line = false;
    for (WireField field; location.at < location.end;) {
        if (wire_next(&location, &field) != NULL)
            return false;
        if (field.number == LOCATION_MAPPING && field.type == WIRE_VARINT)
            mapping = field.value;
        if (field.number != LOCATION_LINE || field.type != WIRE_BYTES)
            continue;
        has_function = true;
        for (WireField line; field.bytes.at < field.bytes.end;) {
            if (wire_next(&field.bytes, &line) != NULL)
                return false;
            has_line |= line.number == LINE_LINE && line.value != 0;
        }
    }
    *ret_mapping = mapping;
    *ret_lacks = (uint8_t)((has_function ? 0 : LACKS_FUNCTIONS) | (has_line ? 0 : LACKS_LINES));
    return true;
}

bool
otlp_symbols_init(OtlpSymbols *symbols, const OtlpDictionary *dictionary, Arena *arena,
                  GError **error)
{
    const OtlpTable *locations = &dictionary->tables[OTLP_LOCATIONS];
    uint32_t n = dictionary->tables[OTLP_MAPPINGS].n;
    symbols->dictionary = dictionary;
    symbols->mapping_lacks = arena_alloc(arena, n);
    if (symbols->mapping_lacks == NULL)
        return error_set(
            error, CRESSET_ERROR_INVALID_ARGUMENT,
            "dictionary.mapping_table has too many entries: send fewer profiles at once");
    /* The first location stands for none. */
    for (uint32_t i = 1; i < locations->n; i++) {
        uint64_t mapping;
        uint8_t lacks;
        if (look_at_location(locations->entries[i], &mapping, &lacks) && mapping < n)
            symbols->mapping_lacks[mapping] |= lacks;
    }
    return true;
}

OtlpPprof *
otlp_pprof_new(const OtlpSymbols *symbols, uint64_t *work_left)
{
    OtlpPprof *pprof = g_new0(OtlpPprof, 1);
    pprof->symbols = symbols;
    pprof->builder = pprof_builder_new();
    pprof->locations = g_hash_table_new(NULL, NULL);
    pprof->mappings = g_hash_table_new(NULL, NULL);
    pprof->strings = g_hash_table_new(NULL, NULL);
    pprof->lines = g_array_new(FALSE, FALSE, sizeof(PprofLine));
    pprof->work_left = work_left;
    return pprof;
}

void
otlp_pprof_free(OtlpPprof *pprof)
{
    if (pprof == NULL)
        return;
    pprof_builder_free(pprof->builder);
    g_hash_table_unref(pprof->locations);
    g_hash_table_unref(pprof->mappings);
    g_hash_table_unref(pprof->strings);
    g_array_unref(pprof->lines);
    g_free(pprof);
}

bool
otlp_charge(uint64_t *work_left, uint64_t work, GError **error)
{
    if (work > *work_left)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "the stacks and attributes of the request's samples are far larger than "
                         "the request: send fewer profiles at once");
    *work_left -= work;
    return true;
}

/* Finds an entry that is going to be decoded. */
static bool
open_entry(OtlpPprof *pprof, OtlpTableId table, uint64_t index, const char *field,
           WireSpan *ret_entry, GError **error)
{
    return otlp_dictionary_entry(pprof->symbols->dictionary, table, index, field, ret_entry,
                                 error) &&
           otlp_charge(pprof->work_left,
                       WORK_PER_ENTRY +
                           WORK_PER_ENTRY_BYTE * (uint64_t)(ret_entry->end - ret_entry->at),
                       error);
}

bool
otlp_pprof_string(OtlpPprof *pprof, uint64_t index, const char *field, uint32_t *ret_string,
                  GError **error)
{
    WireSpan text;
    gpointer key = GSIZE_TO_POINTER(index + 1), known = g_hash_table_lookup(pprof->strings, key);
    if (known != NULL) {
        *ret_string = GPOINTER_TO_UINT(known) - 1;
        return true;
    }
    if (!open_entry(pprof, OTLP_STRINGS, index, field, &text, error))
        return false;
    *ret_string = stack_text(pprof->builder, (const char *)text.at, (size_t)(text.end - text.at));
    g_hash_table_insert(pprof->strings, key, GUINT_TO_POINTER(*ret_string + 1));
    return true;
}

/* ---- Mappings. ---- */

/* The build id among the attributes of a mapping. */
static bool
read_build_id(OtlpPprof *pprof, const GArray *attributes, uint32_t *ret_string, GError **error)
{
    for (guint i = 0; i < attributes->len; i++) {
        g_auto(OtlpAttribute) attribute = {0};
        if (!otlp_attribute_entry(pprof->symbols->dictionary,
                                  g_array_index(attributes, uint64_t, i), "attribute_indices",
                                  &attribute, error))
            return false;
        size_t length = attribute.value != NULL ? strlen(attribute.value) : 0;
        if (!otlp_charge(pprof->work_left, WORK_PER_ATTRIBUTE + length, error))
            return false;
        if (g_strcmp0(attribute.key, BUILD_ID_KEY) == 0 && attribute.value != NULL)
            *ret_string = pprof_builder_text(pprof->builder, attribute.value);
    }
    return true;
}

static bool
read_mapping_fields(OtlpPprof *pprof, WireSpan entry, PprofMapping *mapping, GError **error)
{
    uint64_t *const numbers[] = {NULL, &mapping->start, &mapping->limit, &mapping->offset};
    g_autoptr(GArray) attributes = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    for (WireField field; entry.at < entry.end;) {
        if (!otlp_next(&entry, &field, "mapping_table", error))
            return false;
        if (field.number == MAPPING_ATTRIBUTES) {
            if (!otlp_read_numbers(&field, attributes, "attribute_indices", error))
                return false;
            continue;
        }
        if (field.number > 4)
            continue;
        if (!otlp_expect(&field, WIRE_VARINT, "mapping_table", error))
            return false;
        if (field.number < 4)
            *numbers[field.number] = field.value;
        else if (!otlp_pprof_string(pprof, field.value, "filename_strindex", &mapping->filename,
                                    error))
            return false;
    }
    return read_build_id(pprof, attributes, &mapping->build_id, error);
}

/* The id of a mapping; 0 for the first one, which stands for none, when it is empty. */
static bool
find_mapping(OtlpPprof *pprof, uint64_t index, uint32_t *ret_id, GError **error)
{
    WireSpan entry;
    if (!otlp_dictionary_entry(pprof->symbols->dictionary, OTLP_MAPPINGS, index, "mapping_index",
                               &entry, error))
        return false;
    gpointer known = g_hash_table_lookup(pprof->mappings, GSIZE_TO_POINTER(index + 1));
    *ret_id = GPOINTER_TO_UINT(known);
    if (known != NULL || (index == 0 && entry.at == entry.end))
        return true;
    if (!open_entry(pprof, OTLP_MAPPINGS, index, "mapping_index", &entry, error))
        return false;
    uint8_t lacks = pprof->symbols->mapping_lacks[index];
    PprofMapping mapping = {.has_functions = (lacks & LACKS_FUNCTIONS) == 0,
                            .has_line_numbers = (lacks & LACKS_LINES) == 0};
    if (!read_mapping_fields(pprof, entry, &mapping, error))
        return false;
    *ret_id = pprof_builder_mapping(pprof->builder, &mapping);
    g_hash_table_insert(pprof->mappings, GSIZE_TO_POINTER(index + 1), GUINT_TO_POINTER(*ret_id));
    return true;
}

/* ---- Functions and locations. ---- */

static bool
find_function(OtlpPprof *pprof, uint64_t index, uint32_t *ret_id, GError **error)
{
    WireSpan entry;
    if (!open_entry(pprof, OTLP_FUNCTIONS, index, "function_index", &entry, error))
        return false;
    PprofFunction function = {0};
    static const char *const NAMES[] = {"", "name_strindex", "system_name_strindex",
                                        "filename_strindex", "start_line"};
    uint32_t *const strings[] = {NULL, &function.name, &function.system_name, &function.filename};
    for (WireField field; entry.at < entry.end;) {
        if (!otlp_next(&entry, &field, "function_table", error))
            return false;
        if (field.number >= G_N_ELEMENTS(NAMES))
            continue;
        if (!otlp_expect(&field, WIRE_VARINT, "function_table", error))
            return false;
        if (field.number == 4)
            function.start_line = (int64_t)field.value;
        else if (!otlp_pprof_string(pprof, field.value, NAMES[field.number], strings[field.number],
                                    error))
            return false;
    }
    *ret_id = pprof_builder_function(pprof->builder, &function);
    return true;
}

static bool
read_line(OtlpPprof *pprof, WireSpan message, GError **error)
{
    uint64_t function = 0;
    PprofLine line = {0};
    for (WireField field; message.at < message.end;) {
        if (!otlp_next(&message, &field, "location_table: a line", error))
            return false;
        if (field.number == LINE_FUNCTION && field.type == WIRE_VARINT)
            function = field.value;
        else if (field.number == LINE_LINE && field.type == WIRE_VARINT)
            line.line = (int64_t)field.value;
    }
    if (pprof->lines->len >= CRESSET_LOCATION_LINES_MAX)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "location_table: a location has more than %d lines",
                         CRESSET_LOCATION_LINES_MAX);
    if (!find_function(pprof, function, &line.function, error))
        return false;
    g_array_append_val(pprof->lines, line);
    return true;
}

static bool
read_location(OtlpPprof *pprof, WireSpan entry, uint32_t *ret_id, GError **error)
{
    uint64_t mapping = 0;
    PprofLocation location = {0};
    g_array_set_size(pprof->lines, 0);
    for (WireField field; entry.at < entry.end;) {
        if (!otlp_next(&entry, &field, "location_table", error))
            return false;
        if (field.number == LOCATION_MAPPING && field.type == WIRE_VARINT)
            mapping = field.value;
        else if (field.number == LOCATION_ADDRESS && field.type == WIRE_VARINT)
            location.address = field.value;
        else if (field.number == LOCATION_LINE &&
                 (!otlp_expect(&field, WIRE_BYTES, "location_table", error) ||
                  !read_line(pprof, field.bytes, error)))
            return false;
    }
    if (!find_mapping(pprof, mapping, &location.mapping, error))
        return false;
    location.lines = (const PprofLine *)(void *)pprof->lines->data;
    location.n_lines = pprof->lines->len;
    *ret_id = pprof_builder_location(pprof->builder, &location);
    return true;
}

bool
otlp_pprof_location(OtlpPprof *pprof, uint64_t index, uint32_t *ret_id, GError **error)
{
    WireSpan entry;
    gpointer known = g_hash_table_lookup(pprof->locations, GSIZE_TO_POINTER(index + 1));
    if (known != NULL) {
        *ret_id = GPOINTER_TO_UINT(known);
        return true;
    }
    if (!open_entry(pprof, OTLP_LOCATIONS, index, "location_indices", &entry, error) ||
        !read_location(pprof, entry, ret_id, error))
        return false;
    g_hash_table_insert(pprof->locations, GSIZE_TO_POINTER(index + 1), GUINT_TO_POINTER(*ret_id));
    return true;
}

bool
otlp_pprof_stack(OtlpPprof *pprof, uint64_t index, size_t depth_max, GArray *locations,
                 GError **error)
{
    WireSpan entry;
    if (!otlp_dictionary_entry(pprof->symbols->dictionary, OTLP_STACKS, index, "stack_index",
                               &entry, error))
        return false;
    g_autoptr(GArray) indices = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    for (WireField field; entry.at < entry.end;) {
        if (!otlp_next(&entry, &field, "stack_table", error))
            return false;
        if (field.number == STACK_LOCATIONS &&
            !otlp_read_numbers(&field, indices, "location_indices", error))
            return false;
    }
    g_array_set_size(locations, 0);
    for (guint i = indices->len > depth_max ? indices->len - (guint)depth_max : 0; i < indices->len;
         i++) {
        uint32_t id;
        if (!otlp_pprof_location(pprof, g_array_index(indices, uint64_t, i), &id, error))
            return false;
        g_array_append_val(locations, id);
    }
    return true;
}
