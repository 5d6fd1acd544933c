/* One profile of an OTLP request on its way to pprof. */
#pragma once
#include "server/ingest/format/otlp_sample.h"
#include "server/ingest/format/otlp_symbols.h"
#include "server/ingest/format/profile_set.h"

/* What all profiles of a request share. */
typedef struct {
    OtlpSymbols symbols;
    OtlpNumbering numbering;
    const TenantLimits *limits;
    int64_t now_ns;
    uint64_t work_left; /* what all profiles together may still take, in about nanoseconds */
    uint64_t size_left; /* bytes that they may have as pprof */
} OtlpContext;

/* Adds the profile to `set`, as one pprof for each value of the sample attribute service.name.
 * `attributes` (Label) are those of its resource and scope. INVALID_ARGUMENT says what is wrong;
 * nothing was added then. */
bool otlp_profile_read(OtlpContext *context, WireSpan message, const GArray *attributes,
                       ProfileSet *set, GError **error);
