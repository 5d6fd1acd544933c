/* Profiles of OpenTelemetry (opentelemetry-proto, collector/profiles/v1development,
 * ExportProfilesServiceRequest) of the releases from 1.8 on. Earlier ones, which had no table of
 * stacks, are refused. */
#pragma once
#include "server/ingest/format/otlp_sample.h"
#include "server/ingest/format/profile_set.h"

/* An ExportProfilesServiceRequest in its binary form. */
typedef struct {
    const uint8_t *data;
    size_t size;
    OtlpNumbering numbering; /* UNKNOWN: what its samples say */
} OtlpRequest;

/* Profiles of a request that could not be taken. */
typedef struct {
    uint64_t n;      /* so many */
    GString *reason; /* why, of the first of them; NULL when n is 0 */
} OtlpRejected;

void otlp_rejected_clear(OtlpRejected *rejected);

/* Reads every profile of a request into `set`, one per value of the sample attribute service.name.
 * Attributes of the resource and the scope become labels, those of samples labels of samples.
 * *ret_n is the number of profiles in the request; what is wrong with some of them is in
 * *ret_rejected. INVALID_ARGUMENT when the request as a whole cannot be read. */
bool otlp_read(const OtlpRequest *request, const TenantLimits *limits, int64_t now_ns,
               ProfileSet *set, uint64_t *ret_n, OtlpRejected *ret_rejected, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OtlpRejected, otlp_rejected_clear)
