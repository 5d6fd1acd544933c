#include "server/ingest/profile_key.h"

#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

RecentKey
profile_key_make(const char *tenant, const IngestProfile *profile)
{
    XXH3_state_t state;
    XXH3_128bits_reset(&state);
    XXH3_128bits_update(&state, tenant, strlen(tenant) + 1);
    XXH3_128bits_update(&state, profile->id, strlen(profile->id) + 1);
    for (size_t i = 0; i < profile->n_labels; i++) {
        const Label *label = &profile->labels[i];
        XXH3_128bits_update(&state, label->name, strlen(label->name) + 1);
        XXH3_128bits_update(&state, label->value, strlen(label->value) + 1);
    }
    if (profile->profile_size > 0)
        XXH3_128bits_update(&state, profile->profile, profile->profile_size);
    XXH128_hash_t hash = XXH3_128bits_digest(&state);
    return (RecentKey){(hash.high64 & ~UINT64_C(0xf000)) | UINT64_C(0x8000),
                       (hash.low64 & (UINT64_MAX >> 2)) | (UINT64_C(1) << 63)};
}

void
profile_key_to_uuid(RecentKey key, uint8_t uuid[16])
{
    uint64_t high = GUINT64_TO_BE(key.high), low = GUINT64_TO_BE(key.low);
    memcpy(uuid, &high, 8);
    memcpy(uuid + 8, &low, 8);
}

RecentKey
profile_key_of_uuid(const uint8_t *uuid)
{
    RecentKey key;
    memcpy(&key.high, uuid, 8);
    memcpy(&key.low, uuid + 8, 8);
    return (RecentKey){GUINT64_FROM_BE(key.high), GUINT64_FROM_BE(key.low)};
}

RecentKey
profile_key_random(void)
{
    uint64_t words[4];
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        words[i] = g_random_int();
    return (RecentKey){((words[0] << 32 | words[1]) & ~UINT64_C(0xf000)) | UINT64_C(0x4000),
                       ((words[2] << 32 | words[3]) & (UINT64_MAX >> 2)) | (UINT64_C(1) << 63)};
}

double
profile_key_lot(RecentKey key)
{
    enum { BITS = 48 };
    return (double)(key.high >> (64 - BITS)) / (double)(UINT64_C(1) << BITS);
}
