/* A bounded cursor over little-endian call frame information. Reading beyond the end gives 0 and
 * marks the cursor bad, so that a parser checks once at its end. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const uint8_t *at, *end;
    bool is_bad;
} CfiCursor;

static inline CfiCursor
cfi_cursor_new(const uint8_t *data, size_t size)
{
    return (CfiCursor){.at = data, .end = data + size};
}

static inline size_t
cfi_cursor_left(const CfiCursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

static inline const uint8_t *
cfi_cursor_take(CfiCursor *cursor, uint64_t size)
{
    if (size > cfi_cursor_left(cursor)) {
        cursor->is_bad = true;
        cursor->at = cursor->end;
        return NULL;
    }
    const uint8_t *data = cursor->at;
    cursor->at += size;
    return data;
}

static inline uint64_t
cfi_cursor_fixed(CfiCursor *cursor, size_t size)
{
    uint64_t value = 0;
    const uint8_t *data = cfi_cursor_take(cursor, size);
    if (data != NULL)
        memcpy(&value, data, size);
    return value;
}

static inline uint8_t
cfi_cursor_u8(CfiCursor *cursor)
{
    if (cursor->at == cursor->end) {
        cursor->is_bad = true;
        return 0;
    }
    return *cursor->at++;
}

static inline uint16_t
cfi_cursor_u16(CfiCursor *cursor)
{
    return (uint16_t)cfi_cursor_fixed(cursor, 2);
}

static inline uint32_t
cfi_cursor_u32(CfiCursor *cursor)
{
    return (uint32_t)cfi_cursor_fixed(cursor, 4);
}

static inline uint64_t
cfi_cursor_u64(CfiCursor *cursor)
{
    return cfi_cursor_fixed(cursor, 8);
}

/* Bits above 64 are dropped, as every consumer does. */
static inline uint64_t
cfi_cursor_uleb(CfiCursor *cursor)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte = cfi_cursor_u8(cursor);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return value;
    }
}

static inline int64_t
cfi_cursor_sleb(CfiCursor *cursor)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte = cfi_cursor_u8(cursor);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80)
            continue;
        if ((byte & 0x40) && shift + 7 < 64)
            value |= ~UINT64_C(0) << (shift + 7);
        return (int64_t)value;
    }
}
