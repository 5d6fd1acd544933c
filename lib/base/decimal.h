/* Whole numbers as decimal text, without branches on their length: what large answers of integers
 * are made of. */
#pragma once
#include <glib.h>
#include <stdint.h>
#include <string.h>

#define DECIMAL_DIGITS_MAX 20 /* of 64 bits */
/* What decimal_store() may touch from where it starts: it stores eight bytes at a time. */
#define DECIMAL_ROOM 24

/* The digits of `value`; 1 for 0. */
static inline unsigned
decimal_digits(uint64_t value)
{
    static const uint64_t powers[DECIMAL_DIGITS_MAX] = {
        0,
        UINT64_C(10),
        UINT64_C(100),
        UINT64_C(1000),
        UINT64_C(10000),
        UINT64_C(100000),
        UINT64_C(1000000),
        UINT64_C(10000000),
        UINT64_C(100000000),
        UINT64_C(1000000000),
        UINT64_C(10000000000),
        UINT64_C(100000000000),
        UINT64_C(1000000000000),
        UINT64_C(10000000000000),
        UINT64_C(100000000000000),
        UINT64_C(1000000000000000),
        UINT64_C(10000000000000000),
        UINT64_C(100000000000000000),
        UINT64_C(1000000000000000000),
        UINT64_C(10000000000000000000),
    };
    /* 1233/4096 is a little above log10(2): one less than the digits, or one too many of that. */
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    unsigned guess = bits * 1233 >> 12;
    return guess + (value >= powers[guess]);
}

/* The eight digits of a value below 10^8, each in a byte of its own, the first in the lowest: split
 * into halves by multiplications that stand for divisions. */
static inline uint64_t
decimal_spread(uint32_t value)
{
    uint64_t halves = value / 10000 | (uint64_t)(value % 10000) << 32;
    /* floor(x * 10486 / 2^20) is x / 100 for x below 10^4, floor(x * 103 / 2^10) x / 10 below 100.
     */
    uint64_t hundreds = (halves * 10486 >> 20) & UINT64_C(0x7f0000007f);
    uint64_t pairs = hundreds | (halves - 100 * hundreds) << 16;
    uint64_t tens = (pairs * 103 >> 10) & UINT64_C(0xf000f000f000f);
    return tens | (pairs - 10 * tens) << 8;
}

#define DECIMAL_ZEROS UINT64_C(0x3030303030303030) /* "00000000" */

/* Writes eight digits. */
static inline char *
decimal_store_eight(char *to, uint32_t value)
{
    uint64_t text = GUINT64_TO_LE(decimal_spread(value) + DECIMAL_ZEROS);
    memcpy(to, &text, sizeof text);
    return to + sizeof text;
}

/* Writes a value below 10^8 without leading zeros. */
static inline char *
decimal_store_short(char *to, uint32_t value)
{
    uint64_t spread = decimal_spread(value);
    unsigned zeros = (unsigned)__builtin_ctzll(spread | UINT64_C(1) << 56) / 8;
    uint64_t text = GUINT64_TO_LE((spread + DECIMAL_ZEROS) >> 8 * zeros);
    memcpy(to, &text, sizeof text);
    return to + sizeof text - zeros;
}

/* Writes the digits of `value` and returns where they end; touches up to DECIMAL_ROOM bytes. */
static inline char *
decimal_store(char *to, uint64_t value)
{
    const uint64_t unit = 100000000;
    if (value < unit)
        return decimal_store_short(to, (uint32_t)value);
    uint64_t high = value / unit;
    if (high < unit)
        to = decimal_store_short(to, (uint32_t)high);
    else
        to = decimal_store_eight(decimal_store_short(to, (uint32_t)(high / unit)),
                                 (uint32_t)(high % unit));
    return decimal_store_eight(to, (uint32_t)(value % unit));
}
