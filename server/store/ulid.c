#include "server/store/ulid.h"

#include <glib.h>
#include <stdint.h>
#include <string.h>

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static GMutex lock;
static uint64_t last_ms;
static uint8_t last_random[10];

static void
draw_random(uint8_t bytes[10])
{
    for (size_t i = 0; i < 10; i++)
        bytes[i] = (uint8_t)g_random_int_range(0, 256);
    bytes[0] &= 0x7f; /* room to count up within one millisecond */
}

static void
count_up(uint8_t bytes[10])
{
    for (size_t i = 10; i-- > 0;) {
        if (++bytes[i] != 0)
            return;
    }
}

/* Five bits at bit `at` (from the left) of the 130-bit number 00 | 48 bits | 80 bits. */
static unsigned
five_bits(uint64_t ms, const uint8_t random[10], unsigned at)
{
    unsigned digit = 0;
    for (unsigned bit = at; bit < at + 5; bit++) {
        unsigned value = 0;
        if (bit >= 2 && bit < 50)
            value = ms >> (49 - bit) & 1;
        else if (bit >= 50)
            value = random[(bit - 50) / 8] >> (7 - (bit - 50) % 8) & 1;
        digit = digit << 1 | value;
    }
    return digit;
}

Ulid
ulid_new(void)
{
    Ulid ulid;
    g_mutex_lock(&lock);
    uint64_t now = (uint64_t)(g_get_real_time() / 1000);
    if (now > last_ms) {
        last_ms = now;
        draw_random(last_random);
    } else {
        count_up(last_random);
    }
    for (unsigned i = 0; i < ULID_LENGTH; i++)
        ulid.text[i] = alphabet[five_bits(last_ms, last_random, i * 5)];
    g_mutex_unlock(&lock);
    ulid.text[ULID_LENGTH] = 0;
    return ulid;
}

bool
ulid_is_valid(const char *text)
{
    return strlen(text) == ULID_LENGTH && strspn(text, alphabet) == ULID_LENGTH;
}
