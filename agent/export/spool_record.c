#include "agent/export/spool_record.h"

#include <glib.h>
#include <string.h>
#include <xxhash.h>

/* Where the fields lie. A state that is neither of the two counts as waiting: a profile that is
 * sent twice is known by its id, one that is not sent is lost. */
enum {
    MAGIC_AT = 0,
    STATE_AT = SPOOL_STATE_OFFSET,
    HASH_AT = 8, /* of what follows it */
    CONTENT_HASH_AT = 16,
    TIME_AT = 24,
    PAYLOAD_SIZE_AT = 32,
    RAW_SIZE_AT = 36,
    TENANT_SIZE_AT = 40,
    CODING_AT = 42,
};

static const uint32_t MAGIC = 0x31505343;      /* "CSP1" */
static const uint32_t STATE_DONE = 0x454e4f44; /* "DONE" */

static void
put32(uint8_t *out, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    memcpy(out, &value, sizeof(value));
}

static void
put64(uint8_t *out, uint64_t value)
{
    value = GUINT64_TO_LE(value);
    memcpy(out, &value, sizeof(value));
}

static uint32_t
get32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof(value));
    return GUINT32_FROM_LE(value);
}

static uint64_t
get64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof(value));
    return GUINT64_FROM_LE(value);
}

static uint64_t
head_hash(const uint8_t *head, uint64_t seed)
{
    return XXH3_64bits_withSeed(head + CONTENT_HASH_AT, SPOOL_HEAD_SIZE - CONTENT_HASH_AT, seed);
}

uint64_t
spool_record_size(const SpoolHead *head)
{
    uint64_t size = SPOOL_HEAD_SIZE + (uint64_t)head->tenant_size + head->payload_size;
    return (size + SPOOL_ALIGN - 1) / SPOOL_ALIGN * SPOOL_ALIGN;
}

void
spool_head_encode(const SpoolHead *head, uint64_t seed, uint8_t out[SPOOL_HEAD_SIZE])
{
    g_assert(head->tenant_size <= UINT16_MAX);
    memset(out, 0, SPOOL_HEAD_SIZE);
    put32(out + MAGIC_AT, MAGIC);
    put64(out + CONTENT_HASH_AT, head->content_hash);
    put64(out + TIME_AT, (uint64_t)head->time_ms);
    put32(out + PAYLOAD_SIZE_AT, head->payload_size);
    put32(out + RAW_SIZE_AT, head->raw_size);
    out[TENANT_SIZE_AT] = (uint8_t)head->tenant_size;
    out[TENANT_SIZE_AT + 1] = (uint8_t)(head->tenant_size >> 8);
    out[CODING_AT] = head->coding;
    put64(out + HASH_AT, head_hash(out, seed));
}

bool
spool_head_decode(const uint8_t bytes[SPOOL_HEAD_SIZE], uint64_t seed, SpoolHead *ret_head)
{
    if (get32(bytes + MAGIC_AT) != MAGIC || get64(bytes + HASH_AT) != head_hash(bytes, seed))
        return false;
    *ret_head = (SpoolHead){
        .time_ms = (int64_t)get64(bytes + TIME_AT),
        .content_hash = get64(bytes + CONTENT_HASH_AT),
        .tenant_size = bytes[TENANT_SIZE_AT] | (uint32_t)bytes[TENANT_SIZE_AT + 1] << 8,
        .payload_size = get32(bytes + PAYLOAD_SIZE_AT),
        .raw_size = get32(bytes + RAW_SIZE_AT),
        .coding = bytes[CODING_AT],
        .is_done = get32(bytes + STATE_AT) == STATE_DONE,
    };
    return true;
}

void
spool_state_done(uint8_t out[SPOOL_STATE_SIZE])
{
    put32(out, STATE_DONE);
}

uint64_t
spool_content_hash(const void *content, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(content, size, seed);
}
