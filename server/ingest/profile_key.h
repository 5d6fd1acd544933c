/* What identifies a profile: the number of the UUID that it is stored by. */
#pragma once
#include <stdint.h>

#include "server/ingest/ingest.h"
#include "server/ingest/recent.h"

/* A UUID of version 8 (RFC 9562: a hash) made from the tenant, the client's id, which there must
 * be, the labels and the bytes: so a restart finds the recent ones again in the store. */
RecentKey profile_key_make(const char *tenant, const IngestProfile *profile);
/* A random UUID (version 4) for a profile that its client gave no id. */
RecentKey profile_key_random(void);

void profile_key_to_uuid(RecentKey key, uint8_t uuid[16]);
RecentKey profile_key_of_uuid(const uint8_t *uuid);

/* A lot in [0, 1) that is the same when the client sends the profile again; of the bits that a UUID
 * leaves to chance. */
double profile_key_lot(RecentKey key);
