#include "server/ingest/format/otlp_dictionary.h"

#include <inttypes.h>

#include "lib/base/error.h"

enum { REQUEST_DICTIONARY = 2 };

/* Fields of KeyValue and AnyValue (common/v1), and of KeyValueAndUnit of the attribute table. */
enum {
    KEY_VALUE_KEY = 1,
    KEY_VALUE_VALUE = 2,
    KEY_VALUE_KEY_STRINDEX = 3,
    ENTRY_KEY_STRINDEX = 1,
    ENTRY_VALUE = 2,
    VALUE_STRING = 1,
    VALUE_INT = 3,
    VALUE_ARRAY = 5,
    VALUE_STRING_STRINDEX = 8,
};

static const char *const TABLE_NAMES[OTLP_TABLES] = {
    "",           "mapping_table", "location_table",  "function_table",
    "link_table", "string_table",  "attribute_table", "stack_table"};

bool
otlp_next(WireSpan *message, WireField *field, const char *what, GError **error)
{
    const char *problem = wire_next(message, field);
    return problem == NULL || error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s: field %u: %s",
                                        what, field->number, problem);
}

bool
otlp_expect(const WireField *field, WireType type, const char *what, GError **error)
{
    return field->type == type || error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                                            "%s: field %u has the wire type %d, not %d", what,
                                            field->number, (int)field->type, (int)type);
}

/* ---- Tables. ---- */

/* Calls for every entry of every table; `fill` false only counts. */
static bool
scan_tables(OtlpDictionary *dictionary, WireSpan message, bool fill, GError **error)
{
    for (WireField field; message.at < message.end;) {
        if (!otlp_next(&message, &field, "dictionary", error))
            return false;
        if (field.number >= OTLP_TABLES)
            continue;
        if (!otlp_expect(&field, WIRE_BYTES, "dictionary", error))
            return false;
        OtlpTable *table = &dictionary->tables[field.number];
        if (fill)
            table->entries[table->n] = field.bytes;
        table->n++;
    }
    return true;
}

static bool
scan_dictionaries(OtlpDictionary *dictionary, WireSpan request, bool fill, bool *ret_found,
                  GError **error)
{
    *ret_found = false;
    for (WireField field; request.at < request.end;) {
        if (!otlp_next(&request, &field, "request", error))
            return false;
        if (field.number != REQUEST_DICTIONARY)
            continue;
        if (!otlp_expect(&field, WIRE_BYTES, "request", error) ||
            !scan_tables(dictionary, field.bytes, fill, error))
            return false;
        *ret_found = true;
    }
    return true;
}

bool
otlp_dictionary_read(OtlpDictionary *dictionary, WireSpan request, Arena *arena, GError **error)
{
    bool found;
    *dictionary = (OtlpDictionary){0};
    if (!scan_dictionaries(dictionary, request, false, &found, error))
        return false;
    if (!found)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "request: there is no dictionary");
    for (size_t i = 1; i < OTLP_TABLES; i++) {
        OtlpTable *table = &dictionary->tables[i];
        table->entries = arena_alloc_array(arena, table->n, sizeof *table->entries);
        if (table->entries == NULL)
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "dictionary.%s has too many entries: send fewer profiles at once",
                             TABLE_NAMES[i]);
        table->n = 0;
    }
    if (!scan_dictionaries(dictionary, request, true, &found, error))
        return false;
    const OtlpTable *strings = &dictionary->tables[OTLP_STRINGS];
    if (strings->n > 0 && strings->entries[0].at != strings->entries[0].end)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "dictionary.string_table[0] is not empty");
    return true;
}

bool
otlp_dictionary_entry(const OtlpDictionary *dictionary, OtlpTableId table, uint64_t index,
                      const char *field, WireSpan *ret_entry, GError **error)
{
    const OtlpTable *from = &dictionary->tables[table];
    /* What is not there by default is empty. */
    if (index == 0 && from->n == 0) {
        *ret_entry = (WireSpan){(const uint8_t *)"", (const uint8_t *)""};
        return true;
    }
    if (index >= from->n)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "%s is %" PRId64 ", the %s has %u entries", field, (int64_t)index,
                         TABLE_NAMES[table], from->n);
    *ret_entry = from->entries[index];
    return true;
}

/* ---- Attributes. ---- */

void
otlp_attribute_clear(OtlpAttribute *attribute)
{
    g_free(attribute->key);
    g_free(attribute->value);
    *attribute = (OtlpAttribute){0};
}

static char *
copy_text(WireSpan bytes)
{
    return g_utf8_make_valid((const char *)bytes.at, bytes.end - bytes.at);
}

/* The string that a field names by its position. */
static bool
copy_string(const OtlpDictionary *dictionary, const WireField *field, const char *what,
            char **ret_text, GError **error)
{
    WireSpan bytes;
    if (!otlp_expect(field, WIRE_VARINT, what, error) ||
        !otlp_dictionary_entry(dictionary, OTLP_STRINGS, field->value, what, &bytes, error))
        return false;
    g_free(*ret_text);
    *ret_text = copy_text(bytes);
    return true;
}

static bool read_value(const OtlpDictionary *dictionary, WireSpan message, bool is_element,
                       char **ret_text, GError **error);

/* A list of one value is that value. */
static bool
read_list(const OtlpDictionary *dictionary, WireSpan message, char **ret_text, GError **error)
{
    size_t n = 0;
    WireSpan only = {0};
    for (WireField field; message.at < message.end;) {
        if (!otlp_next(&message, &field, "a list", error))
            return false;
        if (field.number != 1)
            continue;
        if (!otlp_expect(&field, WIRE_BYTES, "a list", error))
            return false;
        only = field.bytes;
        n++;
    }
    return n != 1 || read_value(dictionary, only, true, ret_text, error);
}

/* Lists in lists are no labels: so this nests twice at most. */
static bool
read_value(const OtlpDictionary *dictionary, WireSpan message, bool is_element, char **ret_text,
           GError **error)
{
    for (WireField field; message.at < message.end;) {
        if (!otlp_next(&message, &field, "an attribute's value", error))
            return false;
        if (field.number == VALUE_STRING && field.type == WIRE_BYTES) {
            g_free(*ret_text);
            *ret_text = copy_text(field.bytes);
        } else if (field.number == VALUE_INT && field.type == WIRE_VARINT) {
            g_free(*ret_text);
            *ret_text = g_strdup_printf("%" PRId64, (int64_t)field.value);
        } else if (field.number == VALUE_STRING_STRINDEX) {
            if (!copy_string(dictionary, &field, "string_value_strindex", ret_text, error))
                return false;
        } else if (field.number == VALUE_ARRAY && field.type == WIRE_BYTES && !is_element) {
            if (!read_list(dictionary, field.bytes, ret_text, error))
                return false;
        }
    }
    return true;
}

bool
otlp_attribute_read(const OtlpDictionary *dictionary, WireSpan key_value,
                    OtlpAttribute *ret_attribute, GError **error)
{
    g_auto(OtlpAttribute) attribute = {0};
    for (WireField field; key_value.at < key_value.end;) {
        if (!otlp_next(&key_value, &field, "an attribute", error))
            return false;
        if (field.number == KEY_VALUE_KEY && field.type == WIRE_BYTES) {
            g_free(attribute.key);
            attribute.key = copy_text(field.bytes);
        } else if (field.number == KEY_VALUE_KEY_STRINDEX) {
            if (!copy_string(dictionary, &field, "key_strindex", &attribute.key, error))
                return false;
        } else if (field.number == KEY_VALUE_VALUE && field.type == WIRE_BYTES) {
            if (!read_value(dictionary, field.bytes, false, &attribute.value, error))
                return false;
        }
    }
    *ret_attribute = attribute;
    attribute = (OtlpAttribute){0};
    return true;
}

bool
otlp_attribute_entry(const OtlpDictionary *dictionary, uint64_t index, const char *field_name,
                     OtlpAttribute *ret_attribute, GError **error)
{
    WireSpan entry;
    if (!otlp_dictionary_entry(dictionary, OTLP_ATTRIBUTES, index, field_name, &entry, error))
        return false;
    g_auto(OtlpAttribute) attribute = {0};
    for (WireField field; entry.at < entry.end;) {
        if (!otlp_next(&entry, &field, "attribute_table", error))
            return false;
        if (field.number == ENTRY_KEY_STRINDEX) {
            if (!copy_string(dictionary, &field, "key_strindex", &attribute.key, error))
                return false;
        } else if (field.number == ENTRY_VALUE && field.type == WIRE_BYTES) {
            if (!read_value(dictionary, field.bytes, false, &attribute.value, error))
                return false;
        }
    }
    *ret_attribute = attribute;
    attribute = (OtlpAttribute){0};
    return true;
}
