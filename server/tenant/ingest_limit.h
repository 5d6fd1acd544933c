/* How much a tenant may push in an hour, a day or a month, as its overrides say:
 *
 *   ingestion_limit:
 *     period_type: hour              # hour, day or month of the calendar, in UTC
 *     period_limit_mb: 128           # MiB of profiles, uncompressed; 0: none
 *     limit_reached: true            # who counts elsewhere says so …
 *     limit_reset_time: 1700000000   # … until then, seconds since 1970; 0: as long as it stands
 *     sampling: {num_requests: 1, period: 1m}   # so many pushes are taken all the same
 *     usage_groups:
 *       web: {period_limit_mb: 32}   # of profiles in this group, and limit_reached
 *
 * Limits are immutable: threads may share them. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/yaml_tree.h"

typedef enum { INGEST_PERIOD_HOUR, INGEST_PERIOD_DAY, INGEST_PERIOD_MONTH } IngestPeriod;

typedef struct {
    int64_t limit_mb; /* 0: none */
    bool is_reached;
} IngestQuota;

typedef struct {
    gatomicrefcount n_refs;
    IngestPeriod period;
    IngestQuota all;
    int64_t reset_s; /* until when is_reached holds; 0: always */
    /* Pushes, or profiles of a group, of each sampling period that are taken beyond the limit. */
    int64_t sampling_requests;
    int64_t sampling_period_ns; /* more than 0 */
    GHashTable *groups;         /* usage group -> IngestQuota */
} IngestLimit;

/* The key of the overrides. */
#define INGEST_LIMIT_KEY "ingestion_limit"

/* Reads the value of the key; NULL with *error. */
IngestLimit *ingest_limit_read(YamlTree *tree, const YamlNode *value, GError **error);
IngestLimit *ingest_limit_ref(IngestLimit *limit);
void ingest_limit_unref(IngestLimit *limit);

/* "hour", "day", "month". */
const char *ingest_period_name(IngestPeriod period);
/* When the period began that `now_s` (seconds since 1970) lies in, and when the next begins. */
int64_t ingest_period_start(IngestPeriod period, int64_t now_s);
int64_t ingest_period_end(IngestPeriod period, int64_t now_s);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(IngestLimit, ingest_limit_unref)
