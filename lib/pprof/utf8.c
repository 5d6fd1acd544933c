#include "lib/pprof/utf8.h"

#include <glib.h>
#include <stdint.h>
#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Bytes of the sequence that starts at `p` (at least one byte before `end`), 0 when it is wrong. */
static size_t
sequence_length(const uint8_t *p, const uint8_t *end)
{
    size_t left = (size_t)(end - p);
    uint8_t lead = p[0], low = 0x80, high = 0xbf;
    size_t length;
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        length = 2;
    else if (lead >= 0xe0 && lead <= 0xef)
        length = 3;
    else if (lead >= 0xf0 && lead <= 0xf4)
        length = 4;
    else
        return 0;
    if (lead == 0xe0)
        low = 0xa0;
    else if (lead == 0xed)
        high = 0x9f;
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xf4)
        high = 0x8f;
    if (left < length || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    return length;
}

static bool
is_valid_slow(const uint8_t *p, const uint8_t *end)
{
    while (p < end) {
        size_t length = sequence_length(p, end);
        if (length == 0)
            return false;
        p += length;
    }
    return true;
}

bool
utf8_is_valid(const char *text, size_t length)
{
    const uint8_t *p = (const uint8_t *)text, *end = p + length;
    uint64_t word = 0, bits = 0;
    if (length >= 8) {
        for (; end - p > 8; p += 8) {
            memcpy(&word, p, 8);
            bits |= word;
        }
        memcpy(&word, end - 8, 8);
        bits |= word;
    } else {
        for (; p < end; p++)
            bits |= *p;
    }
    if (G_LIKELY((bits & HIGH_BITS) == 0))
        return true;
    return is_valid_slow((const uint8_t *)text, end);
}
