/* One record of a spool: a profile on its way to a server, as it lies in a segment file.
 *
 * A head of SPOOL_HEAD_SIZE bytes, all numbers little-endian, then the tenant and the payload, then
 * zeros up to a multiple of SPOOL_ALIGN bytes. Checksums are XXH3 with the seed of the segment,
 * which its name carries and nobody can guess: bytes of a profile never pass for a record. Only the
 * state is outside of the checksum, as it is overwritten in place. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SPOOL_HEAD_SIZE = 48,
    SPOOL_ALIGN = 8,
    SPOOL_STATE_OFFSET = 4, /* of the state in the head */
    SPOOL_STATE_SIZE = 4,
};

typedef struct {
    int64_t time_ms;       /* when it was added, since 1970 */
    uint64_t content_hash; /* of tenant and payload */
    uint32_t tenant_size, payload_size;
    uint32_t raw_size; /* of the profile before compression */
    uint8_t coding;    /* PushCoding of the payload */
    bool is_done;      /* it needs no sending any more */
} SpoolHead;

/* Bytes of the whole record in its file. */
uint64_t spool_record_size(const SpoolHead *head);
/* Writes the head of a record that waits. */
void spool_head_encode(const SpoolHead *head, uint64_t seed, uint8_t out[SPOOL_HEAD_SIZE]);
/* False when the bytes are no head of this seed. */
bool spool_head_decode(const uint8_t bytes[SPOOL_HEAD_SIZE], uint64_t seed, SpoolHead *ret_head);
/* The state that marks a record as done. */
void spool_state_done(uint8_t out[SPOOL_STATE_SIZE]);
/* Of tenant and payload, which lie behind each other. */
uint64_t spool_content_hash(const void *content, size_t size, uint64_t seed);
