#include <jansson.h>
#include <math.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/json_text.h"
#include "server/api/protojson.h"

/* A parsed value takes up to 250 bytes, a hundred times its text: what keeps a small request from
 * becoming a huge one. Real requests have less than a thousand values. */
#define JSON_VALUES_MAX (256 * 1024)

typedef struct {
    Arena *arena;
    GError **error;
} Decoder;

static bool read_message(const Decoder *decoder, const json_t *json, ProtobufCMessage *message);

/* Whether `key` is the field's proto name or its lowerCamel form. */
static bool
name_matches(const char *name, const char *key)
{
    if (strcmp(name, key) == 0)
        return true;
    bool upper = false;
    for (; *name != '\0'; name++) {
        if (*name == '_') {
            upper = true;
            continue;
        }
        if (*key++ != (upper ? g_ascii_toupper(*name) : *name))
            return false;
        upper = false;
    }
    return *key == '\0';
}

static const ProtobufCFieldDescriptor *
find_field(const ProtobufCMessageDescriptor *descriptor, const char *key)
{
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        if (name_matches(descriptor->fields[i].name, key))
            return &descriptor->fields[i];
    }
    return NULL;
}

static bool
wants(const Decoder *decoder, const ProtobufCFieldDescriptor *field, const char *what)
{
    return error_set(decoder->error, CRESSET_ERROR_INVALID_ARGUMENT, "field %s wants %s",
                     field->name, what);
}

static bool
out_of_memory(const Decoder *decoder, const ProtobufCFieldDescriptor *field)
{
    return error_set(decoder->error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "request is too large to decode at field %s", field->name);
}

/* Reads a whole number, given as one or as a string, within the bounds. */
static bool
read_integer(const Decoder *decoder, const ProtobufCFieldDescriptor *field, const json_t *json,
             int64_t min, int64_t max, int64_t *ret_value)
{
    int64_t value = 0;
    if (json_is_integer(json)) {
        value = json_integer_value(json);
    } else if (json_is_real(json)) {
        double real = json_real_value(json);
        if (real != floor(real) || fabs(real) > 9.0e18)
            return wants(decoder, field, "a whole number");
        value = (int64_t)real;
    } else if (!json_is_string(json) ||
               !g_ascii_string_to_signed(json_string_value(json), 10, G_MININT64, G_MAXINT64,
                                         &value, NULL)) {
        return wants(decoder, field, "a whole number");
    }
    if (value < min || value > max)
        return wants(decoder, field, "a smaller number");
    *ret_value = value;
    return true;
}

static bool
read_unsigned(const Decoder *decoder, const ProtobufCFieldDescriptor *field, const json_t *json,
              uint64_t *ret_value)
{
    if (json_is_string(json)) {
        guint64 value;
        if (!g_ascii_string_to_unsigned(json_string_value(json), 10, 0, G_MAXUINT64, &value, NULL))
            return wants(decoder, field, "a whole number that is not negative");
        *ret_value = value;
        return true;
    }
    int64_t value;
    if (!read_integer(decoder, field, json, 0, G_MAXINT64, &value))
        return false;
    *ret_value = (uint64_t)value;
    return true;
}

static bool
read_double(const Decoder *decoder, const ProtobufCFieldDescriptor *field, const json_t *json,
            double *ret_value)
{
    if (json_is_number(json)) {
        *ret_value = json_number_value(json);
        return true;
    }
    if (!json_is_string(json))
        return wants(decoder, field, "a number");
    const char *text = json_string_value(json);
    char *end = NULL;
    if (strcmp(text, "Infinity") == 0)
        *ret_value = INFINITY;
    else if (strcmp(text, "-Infinity") == 0)
        *ret_value = -INFINITY;
    else if (strcmp(text, "NaN") == 0)
        *ret_value = NAN;
    else
        *ret_value = g_ascii_strtod(text, &end);
    return end == NULL || (end != text && *end == '\0') || wants(decoder, field, "a number");
}

/* An unknown name leaves the value as it is. */
static bool
read_enum(const Decoder *decoder, const ProtobufCFieldDescriptor *field, const json_t *json,
          int *ret_value)
{
    if (json_is_string(json)) {
        const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value_by_name(
            field->descriptor, json_string_value(json));
        if (known != NULL)
            *ret_value = known->value;
        return true;
    }
    int64_t value;
    if (!read_integer(decoder, field, json, G_MININT32, G_MAXINT32, &value))
        return false;
    *ret_value = (int)value;
    return true;
}

static bool
read_string(const Decoder *decoder, const ProtobufCFieldDescriptor *field, const json_t *json,
            char **ret_value)
{
    if (!json_is_string(json))
        return wants(decoder, field, "a string");
    char *copy = arena_strndup(decoder->arena, json_string_value(json), json_string_length(json));
    if (copy == NULL)
        return out_of_memory(decoder, field);
    *ret_value = copy;
    return true;
}

/* Standard or URL-safe base64, with or without padding. */
static bool
read_bytes(const Decoder *decoder, const ProtobufCFieldDescriptor *field, const json_t *json,
           ProtobufCBinaryData *ret_value)
{
    if (!json_is_string(json))
        return wants(decoder, field, "a base64 string");
    const char *text = json_string_value(json);
    size_t length = json_string_length(json);
    while (length > 0 && text[length - 1] == '=')
        length--;
    uint8_t *data = arena_alloc(decoder->arena, length + 3);
    if (data == NULL)
        return out_of_memory(decoder, field);
    size_t size = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < length; i++) {
        static const char alphabet[] =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        char c = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
        const char *found = c != '\0' ? memchr(alphabet, c, sizeof(alphabet) - 1) : NULL;
        if (found == NULL)
            return wants(decoder, field, "a base64 string");
        bits = bits << 6 | (uint32_t)(found - alphabet);
        if (i % 4 != 0)
            data[size++] = (uint8_t)(bits >> (6 - i % 4 * 2));
    }
    if (length % 4 == 1)
        return wants(decoder, field, "a base64 string");
    *ret_value = (ProtobufCBinaryData){.data = data, .len = size};
    return true;
}

static bool
read_submessage(const Decoder *decoder, const ProtobufCFieldDescriptor *field, const json_t *json,
                ProtobufCMessage **ret_value)
{
    const ProtobufCMessageDescriptor *descriptor = field->descriptor;
    ProtobufCMessage *message = arena_alloc(decoder->arena, descriptor->sizeof_message);
    if (message == NULL)
        return out_of_memory(decoder, field);
    if (!json_is_object(json))
        return wants(decoder, field, "an object");
    protobuf_c_message_init(descriptor, message);
    if (!read_message(decoder, json, message))
        return false;
    *ret_value = message;
    return true;
}

/* Reads one value into `member`. */
static bool
read_value(const Decoder *decoder, const ProtobufCFieldDescriptor *field, const json_t *json,
           void *member)
{
    int64_t integer = 0;
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        if (!read_integer(decoder, field, json, G_MININT32, G_MAXINT32, &integer))
            return false;
        *(int32_t *)member = (int32_t)integer;
        return true;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        if (!read_integer(decoder, field, json, 0, G_MAXUINT32, &integer))
            return false;
        *(uint32_t *)member = (uint32_t)integer;
        return true;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return read_integer(decoder, field, json, G_MININT64, G_MAXINT64, member);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return read_unsigned(decoder, field, json, member);
    case PROTOBUF_C_TYPE_DOUBLE:
        return read_double(decoder, field, json, member);
    case PROTOBUF_C_TYPE_BOOL:
        if (!json_is_boolean(json))
            return wants(decoder, field, "true or false");
        *(protobuf_c_boolean *)member = json_is_true(json);
        return true;
    case PROTOBUF_C_TYPE_ENUM:
        return read_enum(decoder, field, json, member);
    case PROTOBUF_C_TYPE_STRING:
        return read_string(decoder, field, json, member);
    case PROTOBUF_C_TYPE_BYTES:
        return read_bytes(decoder, field, json, member);
    case PROTOBUF_C_TYPE_MESSAGE:
        return read_submessage(decoder, field, json, member);
    case PROTOBUF_C_TYPE_FLOAT:
        break;
    }
    return wants(decoder, field, "a type that this server knows");
}

static size_t
element_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_BOOL:
        return 4;
    default:
        return 8;
    }
}

static bool
read_list(const Decoder *decoder, const ProtobufCFieldDescriptor *field, const json_t *json,
          size_t *ret_n, void **ret_items)
{
    if (!json_is_array(json))
        return wants(decoder, field, "a list");
    size_t n = json_array_size(json), size = element_size(field->type);
    char *items = arena_alloc_array(decoder->arena, n, size);
    if (items == NULL)
        return out_of_memory(decoder, field);
    for (size_t i = 0; i < n; i++) {
        if (!read_value(decoder, field, json_array_get(json, i), items + i * size))
            return false;
    }
    *ret_n = n;
    *ret_items = n > 0 ? items : NULL;
    return true;
}

static bool
read_message(const Decoder *decoder, const json_t *json, ProtobufCMessage *message)
{
    char *base = (char *)message;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)json, key, value)
    {
        const ProtobufCFieldDescriptor *field = find_field(message->descriptor, key);
        if (field == NULL || json_is_null(value))
            continue;
        void *member = base + field->offset, *quantifier = base + field->quantifier_offset;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            if (!read_list(decoder, field, value, quantifier, member))
                return false;
            continue;
        }
        if (!read_value(decoder, field, value, member))
            return false;
        if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
            *(uint32_t *)quantifier = field->id;
    }
    return true;
}

ProtobufCMessage *
protojson_decode(const ProtobufCMessageDescriptor *descriptor, const char *text, size_t size,
                 Arena *arena, GError **error)
{
    json_error_t why;
    if (json_text_has_more_values(text, size, JSON_VALUES_MAX)) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "a JSON request is limited to %d values: send application/proto",
                  JSON_VALUES_MAX);
        return NULL;
    }
    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
    ProtobufCMessage *message = arena_alloc(arena, descriptor->sizeof_message);
    bool ok = false;
    if (json == NULL) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "request is not valid JSON at byte %d: %s",
                  why.position, why.text);
    } else if (!json_is_object(json)) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "request is not a JSON object");
    } else if (message == NULL) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "request is too large to decode");
    } else {
        const Decoder decoder = {.arena = arena, .error = error};
        protobuf_c_message_init(descriptor, message);
        ok = read_message(&decoder, json, message);
    }
    json_decref(json);
    return ok ? message : NULL;
}
