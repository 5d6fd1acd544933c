/* Little-endian reading and writing of the store's own formats, bounds-checked on the read side. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

_Static_assert(G_BYTE_ORDER == G_LITTLE_ENDIAN, "arrays are stored as they stand in memory");

/* A growing byte buffer. */
typedef struct {
    uint8_t *data;
    size_t size, capacity;
} Wire;

static inline void
wire_clear(Wire *wire)
{
    g_free(wire->data);
    *wire = (Wire){0};
}

/* Room for `size` bytes at the end, counted in. */
static inline uint8_t *
wire_push(Wire *wire, size_t size)
{
    if (size > wire->capacity - wire->size) {
        wire->capacity = MAX(wire->capacity + wire->capacity / 2, wire->size + size + 256);
        wire->data = g_realloc(wire->data, wire->capacity);
    }
    uint8_t *at = wire->data + wire->size;
    wire->size += size;
    return at;
}

static inline void
wire_put(Wire *wire, const void *data, size_t size)
{
    if (size > 0)
        memcpy(wire_push(wire, size), data, size);
}

static inline void
wire_put_u32(Wire *wire, uint32_t value)
{
    wire_put(wire, &value, sizeof value);
}

static inline void
wire_put_u64(Wire *wire, uint64_t value)
{
    wire_put(wire, &value, sizeof value);
}

/* Writes LEB128 at `at`, which has room for 10 bytes; returns the end. */
static inline uint8_t *
varint_put(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)value | 0x80;
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

static inline void
wire_put_varint(Wire *wire, uint64_t value)
{
    uint8_t bytes[10];
    wire_put(wire, bytes, (size_t)(varint_put(bytes, value) - bytes));
}

static inline uint64_t
zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline int64_t
unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

/* A string as varint length and bytes. */
static inline void
wire_put_text(Wire *wire, const char *text)
{
    size_t length = strlen(text);
    wire_put_varint(wire, length);
    wire_put(wire, text, length);
}

/* A reader over borrowed bytes. After the first failed read `bad` stays set and every read returns
 * zero or NULL, so that a run of reads needs one check at the end. */
typedef struct {
    const uint8_t *at, *end;
    bool bad;
} Scan;

static inline Scan
scan_of(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    return (Scan){bytes, size > 0 ? bytes + size : bytes, false};
}

static inline size_t
scan_left(const Scan *scan)
{
    return (size_t)(scan->end - scan->at);
}

static inline const uint8_t *
scan_bytes(Scan *scan, size_t size)
{
    if (scan->bad || size > scan_left(scan)) {
        scan->bad = true;
        return NULL;
    }
    const uint8_t *at = scan->at;
    scan->at += size;
    return at;
}

static inline uint32_t
scan_u32(Scan *scan)
{
    uint32_t value = 0;
    const uint8_t *at = scan_bytes(scan, sizeof value);
    if (at != NULL)
        memcpy(&value, at, sizeof value);
    return value;
}

static inline uint64_t
scan_u64(Scan *scan)
{
    uint64_t value = 0;
    const uint8_t *at = scan_bytes(scan, sizeof value);
    if (at != NULL)
        memcpy(&value, at, sizeof value);
    return value;
}

static __attribute__((noinline, unused)) uint64_t
scan_long_varint(Scan *scan)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && !scan->bad; shift += 7) {
        if (scan->at == scan->end)
            break;
        uint8_t byte = *scan->at++;
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    scan->bad = true;
    return 0;
}

static inline uint64_t
scan_varint(Scan *scan)
{
    /* Most numbers are small. */
    if (G_LIKELY(scan->at < scan->end && *scan->at < 0x80 && !scan->bad))
        return *scan->at++;
    return scan_long_varint(scan);
}

/* A varint that has to fit 32 bits. */
static inline uint32_t
scan_varint32(Scan *scan)
{
    uint64_t value = scan_varint(scan);
    if (value > UINT32_MAX)
        scan->bad = true;
    return scan->bad ? 0 : (uint32_t)value;
}

/* A copy of a string written by wire_put_text; NULL when it is cut or holds a NUL. */
static inline char *
scan_text(Scan *scan)
{
    uint64_t length = scan_varint(scan);
    const uint8_t *at = scan_bytes(scan, length);
    if (at == NULL || memchr(at, 0, length) != NULL) {
        scan->bad = true;
        return NULL;
    }
    return g_strndup((const char *)at, length);
}
