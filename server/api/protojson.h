/* The JSON form of protobuf messages (https://protobuf.dev/programming-guides/json/), for any
 * message that protoc-c describes.
 *
 * Out: lowerCamel names, 64-bit integers as strings, enums by name, bytes as base64, times as RFC
 * 3339, defaults omitted. In: both name styles, integers as numbers or strings, enums by name or
 * number, unknown fields and enum names ignored, null as absent. */
#pragma once
#include <glib.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "lib/base/arena.h"
#include "lib/base/jsonw.h"

void protojson_encode(JsonWriter *json, const ProtobufCMessage *message);

/* The message lives in `arena`. INVALID_ARGUMENT names the field and what it wants;
 * RESOURCE_EXHAUSTED when the arena is full. */
ProtobufCMessage *protojson_decode(const ProtobufCMessageDescriptor *descriptor, const char *text,
                                   size_t size, Arena *arena, GError **error);
