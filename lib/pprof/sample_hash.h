/* What a sample is, as a hash of 128 bits: of its stack by content and its labels, not of ids and
 * positions, which differ from one profile of a process to the next. */
#pragma once
#include <stdint.h>

#include "include/cresset/profile.h"
#include "lib/base/arena.h"

typedef struct {
    uint64_t low, high;
} PprofHash;

/* Returns the hash of every sample, in memory of `arena`; NULL when its cap would be exceeded.
 *
 * Of a location count the address and its lines (of a function: names, file and start line), and
 * the file of the mapping where it has no lines; the order of labels does not count. The rest of a
 * mapping is left out: Go reads it anew for every profile, and bounds, path and build id change
 * under a living process when its binary is replaced or its text moves to huge pages, while its
 * addresses stay. */
PprofHash *pprof_hash_samples(const Profile *profile, Arena *arena);

/* The hash of bytes (XXH3). */
PprofHash pprof_hash_bytes(const void *data, size_t size);
