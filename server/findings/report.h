/* A report of an analyzer, as `cresset-analyzer scan --output json` prints it: the whole present
 * state of one cluster. Members that are not known are passed over. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/store/finding.h"

enum {
    FINDING_NAME_MAX = 512,       /* bytes of a cluster, check, kind, namespace or object name */
    FINDING_FINGERPRINT_MAX = 128 /* hexadecimal digits */
};

typedef struct {
    int64_t findings_max; /* max_findings_per_cluster */
    int64_t text_max;     /* max_finding_text_length */
} FindingReportLimits;

/* What a check could not see. */
typedef struct {
    char *check, *kind, *ns, *name; /* of the object that it needed; "" for all of the kind */
} FindingUnverified;

typedef struct {
    char *cluster;
    int64_t clock_ns;
    GPtrArray *findings;   /* Finding, without opened, seen and resolved; no fingerprint twice */
    GPtrArray *unverified; /* FindingUnverified */
    GHashTable *explained; /* finding_object_key of what other findings explain */
} FindingReport;

/* INVALID_ARGUMENT names the field, OUT_OF_RANGE also the limit. NULL with *error. */
FindingReport *finding_report_decode(const void *text, size_t size,
                                     const FindingReportLimits *limits, GError **error);
void finding_report_free(FindingReport *report);

/* What tells a check of an object from others; free with g_free. */
char *finding_object_key(const char *check, const char *kind, const char *ns, const char *name);

/* The time of an RFC 3339 text in nanoseconds; false when it is none. */
bool finding_time_parse(const char *text, int64_t *ret_ns);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FindingReport, finding_report_free)
