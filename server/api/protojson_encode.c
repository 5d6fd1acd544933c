#include <string.h>
#include <timestamp.pb-c.h>

#include "server/api/protojson.h"

#define FIELD_NAME_MAX 64

/* "label_selector" → "labelSelector". */
static void
write_name(JsonWriter *json, const char *name)
{
    char camel[FIELD_NAME_MAX];
    size_t length = 0;
    bool upper = false;
    for (; *name != '\0' && length + 1 < sizeof(camel); name++) {
        if (*name == '_') {
            upper = true;
            continue;
        }
        camel[length++] = upper ? g_ascii_toupper(*name) : *name;
        upper = false;
    }
    camel[length] = '\0';
    jsonw_key(json, camel);
}

static void
write_enum(JsonWriter *json, const ProtobufCEnumDescriptor *descriptor, int value)
{
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(descriptor, value);
    if (known != NULL)
        jsonw_string(json, known->name);
    else
        jsonw_int(json, value);
}

/* google.protobuf.Timestamp: "2024-05-01T10:00:00.250Z", with 0, 3, 6 or 9 digits behind the
 * second.
 */
static void
write_timestamp(JsonWriter *json, const ProtobufCMessage *message)
{
    const Google__Protobuf__Timestamp *time = (const void *)message;
    g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc(time->seconds);
    g_autofree char *seconds = date != NULL ? g_date_time_format(date, "%Y-%m-%dT%H:%M:%S") : NULL;
    char fraction[16] = "";
    if (time->nanos % 1000000 == 0 && time->nanos != 0)
        g_snprintf(fraction, sizeof(fraction), ".%03d", time->nanos / 1000000);
    else if (time->nanos % 1000 == 0 && time->nanos != 0)
        g_snprintf(fraction, sizeof(fraction), ".%06d", time->nanos / 1000);
    else if (time->nanos != 0)
        g_snprintf(fraction, sizeof(fraction), ".%09d", time->nanos);
    g_autofree char *text = g_strdup_printf("%s%sZ", seconds != NULL ? seconds : "", fraction);
    jsonw_string(json, text);
}

/* Writes the value that `member` points at. */
static void
write_value(JsonWriter *json, const ProtobufCFieldDescriptor *field, const void *member)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        jsonw_int(json, *(const int32_t *)member);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        jsonw_uint(json, *(const uint32_t *)member);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        jsonw_int_string(json, *(const int64_t *)member);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        jsonw_uint_string(json, *(const uint64_t *)member);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        jsonw_double(json, (double)*(const float *)member);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        jsonw_double(json, *(const double *)member);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        jsonw_bool(json, *(const protobuf_c_boolean *)member != 0);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        write_enum(json, field->descriptor, *(const int *)member);
        break;
    case PROTOBUF_C_TYPE_STRING:
        jsonw_string(json, *(char *const *)member);
        break;
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *bytes = member;
        jsonw_base64(json, bytes->data, bytes->len);
        break;
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        if (field->descriptor == &google__protobuf__timestamp__descriptor)
            write_timestamp(json, *(ProtobufCMessage *const *)member);
        else
            protojson_encode(json, *(ProtobufCMessage *const *)member);
        break;
    }
}

static size_t
value_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 4;
    }
}

/* Whether a field without presence has its default value, which is not written. */
static bool
is_default(const ProtobufCFieldDescriptor *field, const void *member)
{
    static const uint64_t zero = 0;
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = *(char *const *)member;
        return text == NULL || text[0] == '\0';
    }
    case PROTOBUF_C_TYPE_BYTES:
        return ((const ProtobufCBinaryData *)member)->len == 0;
    case PROTOBUF_C_TYPE_MESSAGE:
        return *(void *const *)member == NULL;
    default:
        return memcmp(member, &zero, value_size(field->type)) == 0;
    }
}

static void
write_list(JsonWriter *json, const ProtobufCFieldDescriptor *field, const char *items, size_t n)
{
    size_t size = value_size(field->type);
    write_name(json, field->name);
    jsonw_array_begin(json);
    for (size_t i = 0; i < n; i++)
        write_value(json, field, items + i * size);
    jsonw_array_end(json);
}

void
protojson_encode(JsonWriter *json, const ProtobufCMessage *message)
{
    const char *base = (const char *)message;
    jsonw_object_begin(json);
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const void *member = base + field->offset;
        const void *quantifier = base + field->quantifier_offset;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t n = *(const size_t *)quantifier;
            if (n > 0)
                write_list(json, field, *(char *const *)member, n);
            continue;
        }
        bool present = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0
                           ? *(const uint32_t *)quantifier == field->id
                           : !is_default(field, member);
        if (!present)
            continue;
        write_name(json, field->name);
        write_value(json, field, member);
    }
    jsonw_object_end(json);
}
