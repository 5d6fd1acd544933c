#include "server/api/legacy_pprof.h"

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/pprof/wire.h"

/* Fields of the pprof message that matter here. */
enum { FIELD_SAMPLE_TYPE = 1, FIELD_STRING_TABLE = 6, FIELD_TIME_NANOS = 9, FIELD_TYPE = 1 };

#define SAMPLE_TYPES_MAX 64

typedef struct {
    uint32_t number;
    WireType type;
    uint64_t value; /* of a varint, or the size of what `data` points to */
    const uint8_t *data;
} Field;

/* Reads the next field and moves *at behind it. */
static bool
next_field(const uint8_t **at, const uint8_t *end, Field *ret_field)
{
    uint64_t tag, value = 0;
    if (!wire_read_varint(at, end, &tag) || tag > UINT32_MAX)
        return false;
    WireType type = (WireType)(tag & 7);
    if (type == WIRE_FIXED64 || type == WIRE_FIXED32)
        value = type == WIRE_FIXED64 ? 8 : 4;
    else if ((type != WIRE_VARINT && type != WIRE_BYTES) || !wire_read_varint(at, end, &value))
        return false;
    *ret_field = (Field){(uint32_t)(tag >> 3), type, value, *at};
    if (type == WIRE_VARINT)
        return true;
    if (value > (uint64_t)(end - *at))
        return false;
    *at += value;
    return true;
}

/* The `type` string index of a ValueType message. */
static bool
value_type_index(const Field *message, uint64_t *ret_index)
{
    const uint8_t *at = message->data, *end = at + message->value;
    *ret_index = 0;
    while (at < end) {
        Field field;
        if (!next_field(&at, end, &field))
            return false;
        if (field.number == FIELD_TYPE && field.type == WIRE_VARINT)
            *ret_index = field.value;
    }
    return true;
}

static bool
collect(const uint8_t *data, size_t size, GArray *indices, GArray *strings, int64_t *ret_time_ns)
{
    const uint8_t *at = data, *end = size > 0 ? data + size : data;
    while (at < end) {
        Field field;
        uint64_t index;
        if (!next_field(&at, end, &field))
            return false;
        if (field.number == FIELD_SAMPLE_TYPE && field.type == WIRE_BYTES) {
            if (indices->len >= SAMPLE_TYPES_MAX || !value_type_index(&field, &index))
                return false;
            g_array_append_val(indices, index);
        } else if (field.number == FIELD_STRING_TABLE && field.type == WIRE_BYTES) {
            g_array_append_val(strings, field);
        } else if (field.number == FIELD_TIME_NANOS && field.type == WIRE_VARINT) {
            *ret_time_ns = (int64_t)field.value;
        }
    }
    return true;
}

GStrv
legacy_pprof_sample_types(const uint8_t *data, size_t size, int64_t *ret_time_ns, GError **error)
{
    g_autoptr(GArray) indices = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    g_autoptr(GArray) strings = g_array_new(FALSE, FALSE, sizeof(Field));
    int64_t time_ns = 0;
    if (!collect(data, size, indices, strings, &time_ns)) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "profile is not a pprof message");
        return NULL;
    }
    if (indices->len == 0) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "profile: sample_type: a profile needs at least one");
        return NULL;
    }
    g_auto(GStrv) types = g_new0(char *, indices->len + 1);
    for (guint i = 0; i < indices->len; i++) {
        uint64_t index = g_array_index(indices, uint64_t, i);
        if (index >= strings->len) {
            error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                      "profile: sample_type[%u].type is string %" G_GUINT64_FORMAT
                      " of a string_table of %u",
                      i, index, strings->len);
            return NULL;
        }
        const Field *string = &g_array_index(strings, Field, index);
        types[i] = g_strndup((const char *)string->data, string->value);
    }
    *ret_time_ns = time_ns;
    return g_steal_pointer(&types);
}

/* The display name that a client without configuration means. */
static const char *
usual_display_name(const char *type)
{
    static const char *const names[][2] = {{"samples", "cpu"},
                                           {"goroutine", "goroutines"},
                                           {"contentions", "mutex_count"},
                                           {"delay", "mutex_duration"}};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(type, names[i][0]) == 0)
            return names[i][1];
    }
    return type;
}

static const char *
display_name(const char *type, json_t *config)
{
    if (config == NULL)
        return usual_display_name(type);
    const char *name =
        json_string_value(json_object_get(json_object_get(config, type), "display-name"));
    return name != NULL && name[0] != '\0' ? name : type;
}

static const char *
profile_name(const char *display)
{
    if (strstr(display, "cpu") != NULL)
        return "process_cpu";
    if (strstr(display, "alloc_") != NULL || strstr(display, "inuse_") != NULL ||
        strcmp(display, "space") == 0 || strcmp(display, "objects") == 0)
        return "memory";
    if (strstr(display, "mutex_") != NULL)
        return "mutex";
    if (strstr(display, "block_") != NULL)
        return "block";
    if (strstr(display, "goroutines") != NULL)
        return "goroutines";
    return NULL;
}

static const char *
name_by_types(const char *const *types, json_t *config)
{
    const char *last = "";
    for (size_t i = 0; types[i] != NULL; i++) {
        if (strcmp(types[i], "wall") == 0)
            return "wall";
    }
    for (size_t i = 0; types[i] != NULL; i++) {
        last = display_name(types[i], config);
        const char *name = profile_name(last);
        if (name != NULL)
            return name;
    }
    return last;
}

char *
legacy_pprof_name(const char *const *sample_types, const char *config, size_t config_size,
                  GError **error)
{
    json_t *json = NULL;
    if (config != NULL) {
        json_error_t why;
        json = json_loadb(config, config_size, 0, &why);
        if (!json_is_object(json)) {
            json_decref(json);
            error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                      "sample_type_config is not a JSON object");
            return NULL;
        }
    }
    char *name = g_strdup(name_by_types(sample_types, json));
    json_decref(json);
    return name;
}
