/* One profile on its way to the store: decompressed, decoded, checked, normalised and split into
 * the rows that the store appends. Pure: needs no store and no clock. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "lib/base/arena.h"
#include "server/ingest/ingest.h"
#include "server/ingest/reason.h"

typedef struct {
    const TenantLimits *limits;
    const TenantRelabel *relabel;    /* NULL: no rules of the tenant */
    const UsageGroups *usage_groups; /* NULL: it has none */
    double lot; /* of the next profile, in [0, 1): one at or above its part to keep is dropped */
    int64_t now_ns;
    Arena *arena;       /* of the profile's tables and rows; prepare_memory_max() is a fit cap */
    uint64_t body_left; /* uncompressed bytes that the batch may still take; prepare takes its own
                         */
} PrepareContext;

typedef struct {
    GByteArray *raw; /* the uncompressed profile when it was compressed, else NULL */
    Profile profile; /* its strings point into raw or into the input */
    StoreRow *rows;  /* owned labels; everything else is in the arena */
    size_t n_rows;
    size_t raw_size;    /* uncompressed bytes */
    uint64_t n_samples; /* over all rows */
    size_t n_dropped;   /* rows that relabel rules dropped */
    size_t n_refused;   /* rows whose series are too many (active_series.h) */
    UsageMatch usage;   /* without names where the tenant has no groups */
    bool is_stripped;   /* sampling has left the totals, as rows with LABEL_SAMPLED */
} PreparedProfile;

size_t prepare_memory_max(const TenantLimits *limits);

/* Fills `ret_prepared`, which must be cleared with prepared_profile_clear. No rows is a success: a
 * profile without a sample that counts, or of which relabel rules dropped everything.
 * REASON_SAMPLED, without an error, is a profile that sampling drops. Any other reason has
 * INVALID_ARGUMENT in *error. */
IngestReason prepare_profile(PrepareContext *context, const IngestProfile *from,
                             PreparedProfile *ret_prepared, GError **error);
void prepared_profile_clear(PreparedProfile *prepared);
