/* Profiles of any size for benchmarks: random walks over a call graph in which every location calls
 * a few others; the same for the same sizes. */
#pragma once
#include <glib.h>
#include <stdint.h>

typedef struct {
    const char *types[2], *unit; /* sample types; the first is counted in "count" */
    uint32_t samples, functions, locations;
    uint32_t depth; /* of stacks on average, at most 64 */
} GeneratedProfile;

/* The size of a large heap profile of Go. */
extern const GeneratedProfile GENERATED_LARGE_HEAP;

/* The plain pprof. */
GByteArray *generated_profile(const GeneratedProfile *size);
