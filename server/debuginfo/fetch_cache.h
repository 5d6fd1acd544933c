/* The cache folder of elfutils' debuginfod client, which removes what was not used for a week but
 * has no limit of its size: the limit. */
#pragma once
#include <stdint.h>

/* What downloads that were killed have left is removed at this age, seconds. */
#define FETCH_CACHE_PARTIAL_S (60 * 60)

/* Removes the files of `dir` that were not read for the longest until they have no more than
 * `bytes_max` together; 0 is no limit. From one thread at a time. */
void fetch_cache_trim(const char *dir, uint64_t bytes_max);
