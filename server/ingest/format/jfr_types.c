#include "server/ingest/format/jfr_types.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"

enum {
    ELEMENT_DEPTH_MAX = 16, /* the JDK nests 5 deep */
    STRUCT_DEPTH_MAX = 16,
    NUMBER_BYTES_MAX = 9,
};

/* An element of the metadata and what is used of its attributes. */
typedef struct {
    const char *name;
    const char *attribute_name, *attribute_id, *attribute_class, *attribute_constant,
        *attribute_dimension;
} Element;

typedef struct {
    JfrTypes *types;
    WireSpan at;
    const char **strings;
    uint64_t n_strings;
    GError **error;
} Reader;

static bool
fail(GError **error, const char *what)
{
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s", what);
}

bool
jfr_read_number(WireSpan *at, uint64_t *ret_number)
{
    const uint8_t *p = at->at;
    uint64_t number = 0;
    for (unsigned i = 0; i < NUMBER_BYTES_MAX && p < at->end; i++) {
        uint8_t byte = *p++;
        bool is_last = i == NUMBER_BYTES_MAX - 1;
        number |= (uint64_t)(is_last ? byte : byte & 0x7f) << (7 * i);
        if (byte < 0x80 || is_last) {
            at->at = p;
            *ret_number = number;
            return true;
        }
    }
    return false;
}

static bool
skip_bytes(WireSpan *at, uint64_t n)
{
    if (n > (size_t)(at->end - at->at))
        return false;
    at->at += n;
    return true;
}

/* ---- Strings. ---- */

bool
jfr_skip_string(WireSpan *at)
{
    uint64_t length, number;
    if (at->at >= at->end)
        return false;
    switch (*at->at++) {
    case JFR_STRING_NULL:
    case JFR_STRING_EMPTY:
        return true;
    case JFR_STRING_CONSTANT:
        return jfr_read_number(at, &number);
    case JFR_STRING_UTF8:
    case JFR_STRING_LATIN1:
        return jfr_read_number(at, &length) && skip_bytes(at, length);
    case JFR_STRING_CHARS:
        if (!jfr_read_number(at, &length) || length > (size_t)(at->end - at->at))
            return false;
        while (length-- > 0) {
            if (!jfr_read_number(at, &number))
                return false;
        }
        return true;
    default:
        return false;
    }
}

static char *
chars_text(WireSpan at, uint64_t length)
{
    g_autoptr(GArray) units = g_array_new(FALSE, FALSE, sizeof(gunichar2));
    for (uint64_t i = 0, number; i < length && jfr_read_number(&at, &number); i++) {
        gunichar2 unit = (gunichar2)number;
        g_array_append_val(units, unit);
    }
    if (units->len == 0)
        return g_strdup("");
    char *text =
        g_utf16_to_utf8((const gunichar2 *)(void *)units->data, units->len, NULL, NULL, NULL);
    return text != NULL ? text : g_strdup("\xef\xbf\xbd");
}

char *
jfr_string_text(WireSpan string)
{
    uint64_t length;
    if (string.at >= string.end)
        return g_strdup("");
    uint8_t encoding = *string.at++;
    if (encoding < JFR_STRING_UTF8 || !jfr_read_number(&string, &length))
        return g_strdup("");
    if (encoding == JFR_STRING_CHARS)
        return chars_text(string, length);
    length = MIN(length, (size_t)(string.end - string.at));
    const char *bytes = (const char *)string.at;
    if (encoding == JFR_STRING_UTF8)
        return g_utf8_make_valid(bytes, (gssize)length);
    GString *text = g_string_sized_new(length);
    for (uint64_t i = 0; i < length; i++)
        g_string_append_unichar(text, (uint8_t)bytes[i]);
    return g_string_free(text, FALSE);
}

/* ---- Metadata. ---- */

static bool
fail_memory(GError **error)
{
    return fail(error, "metadata: too many types or fields for its size");
}

static bool
read_strings(Reader *reader)
{
    Arena *arena = reader->types->arena;
    if (!jfr_read_number(&reader->at, &reader->n_strings) ||
        reader->n_strings > (size_t)(reader->at.end - reader->at.at))
        return fail(reader->error, "metadata: the number of strings is wrong");
    reader->strings = arena_alloc_array(arena, reader->n_strings, sizeof *reader->strings);
    if (reader->strings == NULL)
        return fail_memory(reader->error);
    for (uint64_t i = 0; i < reader->n_strings; i++) {
        WireSpan string = reader->at;
        if (!jfr_skip_string(&reader->at))
            return fail(reader->error, "metadata: a string is cut");
        string.end = reader->at.at;
        g_autofree char *text = jfr_string_text(string);
        reader->strings[i] = arena_strndup(arena, text, strlen(text));
        if (reader->strings[i] == NULL)
            return fail_memory(reader->error);
    }
    return true;
}

static bool
read_string_index(Reader *reader, const char **ret_string)
{
    uint64_t index;
    if (!jfr_read_number(&reader->at, &index) || index >= reader->n_strings)
        return fail(reader->error, "metadata: the index of a string is wrong");
    *ret_string = reader->strings[index];
    return true;
}

static bool
read_attributes(Reader *reader, Element *element)
{
    const struct {
        const char *name;
        const char **value;
    } known[] = {{"name", &element->attribute_name},
                 {"id", &element->attribute_id},
                 {"class", &element->attribute_class},
                 {"constantPool", &element->attribute_constant},
                 {"dimension", &element->attribute_dimension}};
    uint64_t n;
    if (!jfr_read_number(&reader->at, &n))
        return fail(reader->error, "metadata: an element is cut");
    while (n-- > 0) {
        const char *key, *value;
        if (!read_string_index(reader, &key) || !read_string_index(reader, &value))
            return false;
        for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
            if (strcmp(key, known[i].name) == 0)
                *known[i].value = value;
        }
    }
    return true;
}

static JfrKind
kind_of(const char *name)
{
    static const struct {
        const char *name;
        JfrKind kind;
    } KINDS[] = {{"boolean", JFR_BYTE}, {"byte", JFR_BYTE},     {"short", JFR_NUMBER},
                 {"char", JFR_NUMBER},  {"int", JFR_NUMBER},    {"long", JFR_NUMBER},
                 {"float", JFR_FLOAT},  {"double", JFR_DOUBLE}, {"java.lang.String", JFR_STRING}};
    for (size_t i = 0; i < G_N_ELEMENTS(KINDS); i++) {
        if (strcmp(name, KINDS[i].name) == 0)
            return KINDS[i].kind;
    }
    return JFR_STRUCT;
}

static JfrFieldName
field_name(const char *name)
{
    static const char *const NAMES[JFR_FIELDS] = {
        "",         "duration",       "stackTrace", "state",      "contextId", "spanId", "spanName",
        "tlabSize", "allocationSize", "weight",     "samples",    "size",      "name",   "value",
        "string",   "frames",         "method",     "lineNumber", "type"};
    for (JfrFieldName i = 1; i < JFR_FIELDS; i++) {
        if (strcmp(name, NAMES[i]) == 0)
            return i;
    }
    return JFR_FIELD_NONE;
}

/* Makes room for one more element behind `n`; false when the arena is full. */
static bool
grow(Arena *arena, void **elements, uint32_t n, uint32_t *capacity, size_t size)
{
    if (n < *capacity)
        return true;
    uint32_t larger = MAX(*capacity * 2, 64);
    void *grown = arena_grow_array(arena, *elements, *capacity, larger, size);
    if (grown == NULL)
        return false;
    *elements = grown;
    *capacity = larger;
    return true;
}

static bool
add_type(Reader *reader, const Element *element)
{
    JfrTypes *types = reader->types;
    guint64 id;
    if (element->attribute_name == NULL || element->attribute_id == NULL ||
        !g_ascii_string_to_unsigned(element->attribute_id, 10, 0, G_MAXUINT64, &id, NULL))
        return fail(reader->error, "metadata: a class has no name or no id");
    if (!grow(types->arena, (void **)&types->types, types->n_types, &types->types_capacity,
              sizeof *types->types))
        return fail_memory(reader->error);
    types->types[types->n_types++] = (JfrType){.id = id,
                                               .name = element->attribute_name,
                                               .kind = kind_of(element->attribute_name),
                                               .first_field = types->n_fields};
    return true;
}

/* Adds a field to the last type. */
static bool
add_field(Reader *reader, const Element *element)
{
    JfrTypes *types = reader->types;
    guint64 type;
    if (element->attribute_name == NULL || element->attribute_class == NULL ||
        !g_ascii_string_to_unsigned(element->attribute_class, 10, 0, G_MAXUINT64, &type, NULL))
        return fail(reader->error, "metadata: a field has no name or no class");
    if (!grow(types->arena, (void **)&types->fields, types->n_fields, &types->fields_capacity,
              sizeof *types->fields))
        return fail_memory(reader->error);
    types->fields[types->n_fields++] =
        (JfrField){.type_id = type,
                   .name = field_name(element->attribute_name),
                   .is_array = g_strcmp0(element->attribute_dimension, "1") == 0,
                   .is_constant = g_strcmp0(element->attribute_constant, "true") == 0};
    types->types[types->n_types - 1].n_fields++;
    return true;
}

/* Reads an element with its children; `in_class` says that its parent is a class. */
static bool
read_element(Reader *reader, unsigned depth, bool in_class, bool below_class)
{
    Element element = {0};
    uint64_t n_children;
    if (depth > ELEMENT_DEPTH_MAX)
        return fail(reader->error, "metadata: elements are nested more than 16 deep");
    if (!read_string_index(reader, &element.name) || !read_attributes(reader, &element))
        return false;
    bool is_class = !below_class && strcmp(element.name, "class") == 0;
    if (is_class && !add_type(reader, &element))
        return false;
    if (in_class && strcmp(element.name, "field") == 0 && !add_field(reader, &element))
        return false;
    if (!jfr_read_number(&reader->at, &n_children))
        return fail(reader->error, "metadata: an element is cut");
    while (n_children-- > 0) {
        if (!read_element(reader, depth + 1, is_class, below_class || is_class))
            return false;
    }
    return true;
}

static int
compare_types(const void *a, const void *b)
{
    uint64_t left = ((const JfrType *)a)->id, right = ((const JfrType *)b)->id;
    return (left > right) - (left < right);
}

JfrType *
jfr_types_find(const JfrTypes *types, uint64_t id)
{
    const JfrType key = {.id = id};
    if (types->n_types == 0)
        return NULL;
    return bsearch(&key, types->types, types->n_types, sizeof key, compare_types);
}

JfrType *
jfr_types_find_name(const JfrTypes *types, const char *name)
{
    for (uint32_t i = 0; i < types->n_types; i++) {
        if (strcmp(types->types[i].name, name) == 0)
            return &types->types[i];
    }
    return NULL;
}

bool
jfr_types_read(JfrTypes *types, WireSpan event, Arena *arena, uint64_t steps_max, GError **error)
{
    *types = (JfrTypes){.arena = arena, .steps_left = steps_max};
    Reader reader = {.types = types, .at = event, .error = error};
    uint64_t header[4] = {1}; /* type, start, duration, id of the metadata */
    for (size_t i = 0; i < G_N_ELEMENTS(header); i++) {
        if (!jfr_read_number(&reader.at, &header[i]))
            return fail(error, "metadata: it is cut");
    }
    if (header[0] != 0)
        return fail(error, "metadata: it is another event");
    if (!read_strings(&reader) || !read_element(&reader, 0, false, false))
        return false;
    if (types->n_types > 1)
        qsort(types->types, types->n_types, sizeof *types->types, compare_types);
    for (uint32_t i = 0; i < types->n_fields; i++) {
        const JfrType *type = jfr_types_find(types, types->fields[i].type_id);
        if (type == NULL)
            return fail(error, "metadata: a field is of a class that is not there");
        types->fields[i].type = (uint32_t)(type - types->types);
    }
    return true;
}

/* ---- Values. ---- */

static bool skip_value(JfrTypes *types, const JfrType *type, WireSpan *at, unsigned depth);

static bool
skip_field(JfrTypes *types, const JfrField *field, WireSpan *at, unsigned depth)
{
    uint64_t n = 1, number;
    if (types->steps_left == 0)
        return false;
    types->steps_left--;
    /* An element takes a byte, or none where its type has no fields. */
    if (field->is_array && (!jfr_read_number(at, &n) || n > (size_t)(at->end - at->at)))
        return false;
    while (n-- > 0) {
        if (field->is_constant ? !jfr_read_number(at, &number)
                               : !skip_value(types, &types->types[field->type], at, depth))
            return false;
    }
    return true;
}

/* Steps end what nests without end or without taking a byte. */
static bool
skip_value(JfrTypes *types, const JfrType *type, WireSpan *at, unsigned depth)
{
    uint64_t number;
    if (types->steps_left == 0 || depth > STRUCT_DEPTH_MAX)
        return false;
    types->steps_left--;
    switch (type->kind) {
    case JFR_BYTE:
        return skip_bytes(at, 1);
    case JFR_NUMBER:
        return jfr_read_number(at, &number);
    case JFR_FLOAT:
        return skip_bytes(at, 4);
    case JFR_DOUBLE:
        return skip_bytes(at, 8);
    case JFR_STRING:
        return jfr_skip_string(at);
    case JFR_STRUCT:
        break;
    }
    for (uint32_t i = 0; i < type->n_fields; i++) {
        if (!skip_field(types, &types->fields[type->first_field + i], at, depth + 1))
            return false;
    }
    return true;
}

static bool
read_field(JfrTypes *types, const JfrField *field, WireSpan *at, JfrValue *value)
{
    WireSpan start = *at, number = *at;
    JfrKind kind = types->types[field->type].kind;
    if (!skip_field(types, field, at, 0))
        return false;
    value->bytes = (WireSpan){start.at, at->at};
    if (field->is_array)
        return true;
    if (field->is_constant || kind == JFR_NUMBER)
        return jfr_read_number(&number, &value->number);
    if (kind == JFR_BYTE)
        value->number = *start.at;
    return true;
}

bool
jfr_read_record(JfrTypes *types, const JfrType *type, WireSpan *at, JfrValue values[JFR_FIELDS],
                GError **error)
{
    memset(values, 0, JFR_FIELDS * sizeof *values);
    bool ok = true;
    if (type->kind != JFR_STRUCT) {
        WireSpan start = *at;
        ok = skip_value(types, type, at, 0);
        values[JFR_FIELD_STRING].bytes = (WireSpan){start.at, at->at};
    }
    for (uint32_t i = 0; ok && type->kind == JFR_STRUCT && i < type->n_fields; i++) {
        const JfrField *field = &types->fields[type->first_field + i];
        ok = read_field(types, field, at, &values[field->name]);
    }
    if (!ok && types->steps_left == 0)
        return fail(error, "the recording's types are too large to read for its size");
    return ok || error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                           "a value of type %.200s is cut or damaged", type->name);
}
