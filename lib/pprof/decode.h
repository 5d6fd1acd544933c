/* The pprof decoder (github.com/google/pprof/proto/profile.proto): from uncompressed bytes to the
 * profile model of include/cresset/profile.h.
 *
 * Two passes over the input: one counts, so that every array is allocated once, the second fills.
 * Strings are not copied. Everything that later code relies on is checked here: string_table[0] is
 * empty, strings are UTF-8, every string index and id refers to something, ids are non-zero and
 * unique, every sample has one value per sample type, there is a sample type and no sample type
 * contains '-'. */
#pragma once
#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#include "include/cresset/profile.h"
#include "lib/base/arena.h"

typedef struct {
    const uint8_t *data; /* must outlive the profile */
    size_t size;
    uint64_t samples_max, sample_labels_max; /* 0 is no limit */
    Arena *arena; /* the profile's memory; its cap bounds what the decoded profile may cost */
} PprofInput;

typedef enum {
    PPROF_OK = 0,
    PPROF_MALFORMED,     /* the wire format or a rule above is violated */
    PPROF_SIZE,          /* over the cap of the arena: "max_profile_size_bytes" */
    PPROF_SAMPLES,       /* more than samples_max: "max_profile_stacktrace_samples" */
    PPROF_SAMPLE_LABELS, /* "max_profile_stacktrace_sample_labels" */
} PprofResult;

/* Decodes one profile. Unless PPROF_OK, *error is INVALID_ARGUMENT and says where: wire errors name
 * the byte, others the message by its position (from 0), the field and what is wrong; limits name
 * their knob. *ret_profile is untouched then. */
PprofResult pprof_decode(const PprofInput *input, Profile *ret_profile, GError **error);
