/* The protobuf wire format (https://protobuf.dev/programming-guides/encoding/): varints, tags and
 * length-delimited fields, as inline functions over plain memory. Shared by every hand-written
 * encoder and decoder of the product. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef enum {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_BYTES = 2,
    WIRE_START_GROUP = 3,
    WIRE_END_GROUP = 4,
    WIRE_FIXED32 = 5,
} WireType;

#define WIRE_VARINT_MAX 10 /* bytes of the longest varint */

/* The tag of a field: its number and wire type. */
#define WIRE_TAG(field, type) ((uint32_t)(field) << 3 | (uint32_t)(type))

/* A growing output buffer; zeroed is empty. Free `data` with g_free. */
typedef struct {
    uint8_t *data;
    size_t size, capacity;
} WireBuffer;

/* Makes room for `more` bytes behind size. */
static inline void
wire_reserve(WireBuffer *buffer, size_t more)
{
    if (G_LIKELY(buffer->capacity - buffer->size >= more))
        return;
    size_t capacity = MAX(buffer->capacity * 2, (size_t)256);
    buffer->capacity = MAX(capacity, buffer->size + more);
    buffer->data = g_realloc(buffer->data, buffer->capacity);
}

/* Writes `value` at `out` (room for WIRE_VARINT_MAX bytes) and returns the end. */
static inline uint8_t *
wire_store_varint(uint8_t *out, uint64_t value)
{
    while (value >= 0x80) {
        *out++ = (uint8_t)value | 0x80;
        value >>= 7;
    }
    *out++ = (uint8_t)value;
    return out;
}

static inline size_t
wire_varint_size(uint64_t value)
{
    /* 9/64 is a little above 1/7, exact for every bit length from 1 to 64. */
    return (size_t)((64 - __builtin_clzll(value | 1)) * 9 + 64) / 64;
}

static inline void
wire_put_varint(WireBuffer *buffer, uint64_t value)
{
    wire_reserve(buffer, WIRE_VARINT_MAX);
    buffer->size = (size_t)(wire_store_varint(buffer->data + buffer->size, value) - buffer->data);
}

static inline void
wire_put_raw(WireBuffer *buffer, const void *data, size_t size)
{
    wire_reserve(buffer, size);
    if (size > 0)
        memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
}

/* A varint field; left out when it has the default value 0. */
static inline void
wire_put_uint(WireBuffer *buffer, uint32_t field, uint64_t value)
{
    if (value == 0)
        return;
    wire_put_varint(buffer, WIRE_TAG(field, WIRE_VARINT));
    wire_put_varint(buffer, value);
}

/* A length-delimited field. */
static inline void
wire_put_bytes(WireBuffer *buffer, uint32_t field, const void *data, size_t size)
{
    wire_put_varint(buffer, WIRE_TAG(field, WIRE_BYTES));
    wire_put_varint(buffer, size);
    wire_put_raw(buffer, data, size);
}

/* Packs the 7-bit groups of a little-endian word, whose high bits are clear, together. */
static inline uint64_t
wire_join_groups(uint64_t word)
{
    word = (word & UINT64_C(0x007f007f007f007f)) | (word & UINT64_C(0x7f007f007f007f00)) >> 1;
    word = (word & UINT64_C(0x00003fff00003fff)) | (word & UINT64_C(0x3fff00003fff0000)) >> 2;
    return (word & UINT64_C(0x000000000fffffff)) | (word & UINT64_C(0x0fffffff00000000)) >> 4;
}

/* Reads a varint at *at (before `end`) and moves *at behind it; false when it is cut or longer than
 * 10 bytes, *at is unchanged then. */
static inline bool
wire_read_varint(const uint8_t **at, const uint8_t *end, uint64_t *ret_value)
{
    const uint8_t *p = *at;
    if (G_LIKELY(p < end && *p < 0x80)) {
        *ret_value = *p;
        *at = p + 1;
        return true;
    }
    uint64_t value = 0;
    if (G_LIKELY(end - p >= 8)) {
        memcpy(&value, p, 8);
        value = GUINT64_FROM_LE(value);
        uint64_t ends = ~value & UINT64_C(0x8080808080808080);
        if (G_LIKELY(ends != 0)) {
            *ret_value = wire_join_groups(value & (ends ^ (ends - 1)));
            *at = p + (__builtin_ctzll(ends) + 1) / 8;
            return true;
        }
        value = 0;
    }
    for (unsigned shift = 0; shift < 70 && p < end; shift += 7) {
        uint8_t byte = *p++;
        value |= (uint64_t)(byte & 0x7f) << (shift < 64 ? shift : 63);
        if (byte < 0x80) {
            *ret_value = value;
            *at = p;
            return true;
        }
    }
    return false;
}

typedef struct {
    const uint8_t *at, *end;
} WireSpan;

/* One field of a message: a number (WIRE_VARINT) or a span of bytes. */
typedef struct {
    const uint8_t *start; /* of its tag */
    uint32_t number;
    WireType type;
    uint64_t value;
    WireSpan bytes;
} WireField;

/* Reads the field at span->at, which must be before its end, and moves on behind it. Returns NULL,
 * or what is wrong; field->start tells where, and field->number which field (0: its tag cannot be
 * read). */
static inline const char *
wire_next(WireSpan *span, WireField *field)
{
    uint64_t tag, length;
    field->start = span->at;
    field->number = 0;
    field->value = 0;
    field->bytes = (WireSpan){span->at, span->at};
    if (!wire_read_varint(&span->at, span->end, &tag))
        return "cut or overlong field tag";
    if (tag >> 3 == 0 || tag > UINT32_MAX)
        return "wrong field number";
    field->number = (uint32_t)(tag >> 3);
    field->type = tag & 7;
    switch (field->type) {
    case WIRE_VARINT:
        return wire_read_varint(&span->at, span->end, &field->value) ? NULL
                                                                     : "cut or overlong varint";
    case WIRE_BYTES:
        if (!wire_read_varint(&span->at, span->end, &length))
            return "cut or overlong length";
        break;
    case WIRE_FIXED64:
        length = 8;
        break;
    case WIRE_FIXED32:
        length = 4;
        break;
    default:
        return "unknown wire type";
    }
    if (length > (size_t)(span->end - span->at))
        return "the field is longer than what is left of the message";
    field->bytes = (WireSpan){span->at, span->at + length};
    span->at += length;
    return NULL;
}
