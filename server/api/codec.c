#include "server/api/codec.h"

#include "lib/base/error.h"
#include "server/api/protojson.h"

/* A parsed JSON document costs up to thirty times its text; profiles belong into the binary form.
 */
#define JSON_BYTES_MAX (32 * 1024 * 1024)

const char *
codec_media_type(Codec codec)
{
    return codec == CODEC_JSON ? "application/json" : "application/proto";
}

static void *
allocate(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void
release(void *arena, void *pointer)
{
    (void)arena;
    (void)pointer;
}

static bool check_utf8(const ProtobufCMessage *message, GError **error);

static bool
check_value(const ProtobufCFieldDescriptor *field, const void *member, GError **error)
{
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        const char *text = *(char *const *)member;
        if (text != NULL && !g_utf8_validate(text, -1, NULL))
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "field %s is not valid UTF-8",
                             field->name);
    } else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const ProtobufCMessage *message = *(ProtobufCMessage *const *)member;
        return message == NULL || check_utf8(message, error);
    }
    return true;
}

/* Whether every string of the message is valid UTF-8, as proto3 demands. */
static bool
check_utf8(const ProtobufCMessage *message, GError **error)
{
    const char *base = (const char *)message;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const char *member = base + field->offset;
        if (field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        size_t n = 1;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            n = *(const size_t *)(const void *)(base + field->quantifier_offset);
            member = *(char *const *)(const void *)member;
        }
        for (size_t k = 0; k < n; k++) {
            if (!check_value(field, member + k * sizeof(void *), error))
                return false;
        }
    }
    return true;
}

ProtobufCMessage *
codec_decode(Codec codec, const ProtobufCMessageDescriptor *descriptor, const uint8_t *data,
             size_t size, Arena *arena, GError **error)
{
    if (codec == CODEC_JSON) {
        if (size > JSON_BYTES_MAX) {
            error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                      "a JSON request is limited to %d bytes: send application/proto",
                      JSON_BYTES_MAX);
            return NULL;
        }
        if (size == 0) {
            error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                      "request body is empty: the smallest JSON request is {}");
            return NULL;
        }
        return protojson_decode(descriptor, (const char *)data, size, arena, error);
    }
    ProtobufCAllocator allocator = {.alloc = allocate, .free = release, .allocator_data = arena};
    static const uint8_t nothing[1];
    ProtobufCMessage *message =
        protobuf_c_message_unpack(descriptor, &allocator, size, size > 0 ? data : nothing);
    if (message == NULL) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "request is not a valid %s message",
                  descriptor->name);
        return NULL;
    }
    return check_utf8(message, error) ? message : NULL;
}

GBytes *
codec_encode(Codec codec, const ProtobufCMessage *message)
{
    if (codec == CODEC_JSON) {
        JsonWriter json;
        jsonw_init(&json, 256);
        protojson_encode(&json, message);
        return jsonw_finish(&json);
    }
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = g_malloc(MAX(size, 1));
    protobuf_c_message_pack(message, data);
    return g_bytes_new_take(data, size);
}
