/* The two codecs of the API over one message model: protobuf and its JSON form. */
#pragma once
#include <glib.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "lib/base/arena.h"

typedef enum { CODEC_PROTO, CODEC_JSON } Codec;

/* The media type of bodies in `codec`. */
const char *codec_media_type(Codec codec);

/* Decodes a request. The message lives in `arena` and may point into `data`. Its strings are valid
 * UTF-8. INVALID_ARGUMENT says what is wrong; an empty protobuf body is the empty message, an empty
 * JSON body an error. */
ProtobufCMessage *codec_decode(Codec codec, const ProtobufCMessageDescriptor *descriptor,
                               const uint8_t *data, size_t size, Arena *arena, GError **error);

GBytes *codec_encode(Codec codec, const ProtobufCMessage *message);
