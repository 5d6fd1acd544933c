/* What one tenant may do: limits of its pushes and queries, with the names of the Pyroscope API.
 *
 * The options of the server set them for every tenant; a file of overrides sets some of them for
 * some tenants:
 *
 *   overrides:
 *     team-a:
 *       ingestion_rate_mb: 16
 *       max_query_length: 3d
 *
 * The rules of tenant_relabel.h, the groups of usage_groups.h and the limit of ingest_limit.h stand
 * there too, and the limits of Pyroscope that mean nothing here (unused_limits.h) may.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/jsonw.h"
#include "lib/base/option.h"
#include "lib/base/reloaded_file.h"
#include "server/tenant/ingest_limit.h"
#include "server/tenant/tenant_relabel.h"
#include "server/tenant/usage_groups.h"

typedef struct {
    double ingestion_rate_mb, ingestion_burst_size_mb; /* MiB per second, and MiB; rate 0: none */
    int64_t body_limit_mb;                             /* MiB of one push, uncompressed */
    int64_t profile_bytes_max;                         /* uncompressed */
    int64_t samples_max, sample_labels_max;            /* of one profile; of one sample */
    int64_t stack_depth_max, symbol_length_max;        /* beyond is cut */
    int64_t label_names_max, label_name_length_max, label_value_length_max;
    bool sanitization_disabled;                  /* of label names: they are kept as they are */
    int64_t sessions_max;                        /* of one series; 0: sessions are not told apart */
    int64_t global_series_max, local_series_max; /* active ones of the tenant; 0 is no limit */
    int64_t reject_older_ns, reject_newer_ns;    /* of now; 0 is no bound */
    bool keep_stripped, include_stripped;        /* totals of what sampling drops */
    int64_t query_lookback_ns, query_length_ns;
    int64_t nodes_default, nodes_max; /* of a flame graph; a maximum of 0 is none */
    int64_t async_queries_max;        /* under way */
    int64_t recording_rules_max;
    int64_t finding_clusters_max, findings_max, finding_text_max, transitions_max;
    int64_t findings_retention_ns;
} TenantLimits;

/* One row of the option table for every limit: X(name, type, default, min, max, argument, field,
 * help). In the file of overrides the names have underscores, as the Pyroscope API has them. */
#define TENANT_LIMITS(X)                                                                           \
    X("ingestion-rate-mb", OPTION_DOUBLE, "0", 0, 1e6, "MB", ingestion_rate_mb,                    \
      "MiB per second that a tenant may push, uncompressed; 0 is no limit.")                       \
    X("ingestion-burst-size-mb", OPTION_DOUBLE, "64", 0.001, 1e6, "MB", ingestion_burst_size_mb,   \
      "MiB that a tenant may push at once where ingestion-rate-mb is set.")                        \
    X("ingestion-body-limit-mb", OPTION_INT, "256", 1, 4096, "MB", body_limit_mb,                  \
      "Size of one push in MiB, uncompressed; of one tenant no more than of the server.")          \
    X("max-profile-size-bytes", OPTION_BYTES, "4MiB", 1024, 4294967296.0, "BYTES",                 \
      profile_bytes_max, "Uncompressed size of one profile.")                                      \
    X("max-profile-stacktrace-samples", OPTION_INT, "16000", 1, 1e8, "N", samples_max,             \
      "Samples of one profile.")                                                                   \
    X("max-profile-stacktrace-sample-labels", OPTION_INT, "100", 0, 1e6, "N", sample_labels_max,   \
      "Labels of one sample.")                                                                     \
    X("max-profile-stacktrace-depth", OPTION_INT, "1000", 1, 1e5, "N", stack_depth_max,            \
      "Frames of one stack; leaf-most ones beyond are cut.")                                       \
    X("max-profile-symbol-value-length", OPTION_INT, "65535", 1, 1e7, "BYTES", symbol_length_max,  \
      "Length of one name in a profile; of longer ones the tail is kept.")                         \
    X("max-label-names-per-series", OPTION_INT, "30", 1, 1e4, "N", label_names_max,                \
      "Labels of one series.")                                                                     \
    X("max-label-name-length", OPTION_INT, "1024", 1, 1e6, "BYTES", label_name_length_max,         \
      "Length of a label name.")                                                                   \
    X("max-label-value-length", OPTION_INT, "2048", 1, 1e6, "BYTES", label_value_length_max,       \
      "Length of a label value.")                                                                  \
    X("disable-label-sanitization", OPTION_BOOL, "true", 0, 0, NULL, sanitization_disabled,        \
      "Keep label names as they are; false rewrites dots to underscores, and refuses names with "  \
      "other characters than letters of ASCII, digits and underscores.")                           \
    X("max-sessions-per-series", OPTION_INT, "0", 0, 1e6, "N", sessions_max,                       \
      "Values that the label __session_id__ of a series may have; 0 drops the label.")             \
    X("max-global-series-per-tenant", OPTION_INT, "0", 0, 1e7, "N", global_series_max,             \
      "Active series of a tenant: those that it has pushed within 10 minutes; 0 is no limit.")     \
    X("max-local-series-per-tenant", OPTION_INT, "0", 0, 1e7, "N", local_series_max,               \
      "The same, of one server: the smaller of the two holds, other than 0.")                      \
    X("reject-older-than", OPTION_DURATION, "1h", 0, 0, "DURATION", reject_older_ns,               \
      "Age from which a profile is refused; 0 accepts any.")                                       \
    X("reject-newer-than", OPTION_DURATION, "10m", 0, 0, "DURATION", reject_newer_ns,              \
      "How far in the future a profile, or a report of findings, may lie; 0 accepts any.")         \
    X("keep-stripped-profiles", OPTION_BOOL, "false", 0, 0, NULL, keep_stripped,                   \
      "Keep the totals of profiles that sampling drops, without their stacks.")                    \
    X("include-stripped-profiles", OPTION_BOOL, "false", 0, 0, NULL, include_stripped,             \
      "Let queries see these totals; otherwise only selectors with the label __sampled__ do.")     \
    X("max-query-lookback", OPTION_DURATION, "7d", 0, 0, "DURATION", query_lookback_ns,            \
      "How far back queries reach; 0 is no limit.")                                                \
    X("max-query-length", OPTION_DURATION, "8d", 0, 0, "DURATION", query_length_ns,                \
      "Time range of one query, more than the look-back as clocks differ; 0 is no limit.")         \
    X("max-flamegraph-nodes-default", OPTION_INT, "8192", 1, 1e9, "N", nodes_default,              \
      "Nodes of a flame graph when the query does not say.")                                       \
    X("max-flamegraph-nodes-max", OPTION_INT, "1048576", 0, 1e9, "N", nodes_max,                   \
      "Nodes that a query may ask for; 0 is no limit.")                                            \
    X("max-async-query-concurrency", OPTION_INT, "5", 1, 1e6, "N", async_queries_max,              \
      "Asynchronous queries of a tenant that run or wait to.")                                     \
    X("max-recording-rules", OPTION_INT, "25", 0, 1000, "N", recording_rules_max,                  \
      "Recording rules of a tenant; those that are there stay.")                                   \
    X("max-finding-clusters", OPTION_INT, "100", 1, 1e5, "N", finding_clusters_max,                \
      "Clusters that findings are reported of.")                                                   \
    X("max-findings-per-cluster", OPTION_INT, "5000", 1, 1e6, "N", findings_max,                   \
      "Findings of one report, and open ones of one cluster.")                                     \
    X("max-finding-text-length", OPTION_INT, "16384", 256, 1e6, "BYTES", finding_text_max,         \
      "Length of the title, the cause and each line of a finding.")                                \
    X("max-finding-transitions", OPTION_INT, "20000", 1, 1e7, "N", transitions_max,                \
      "Transitions of findings that are kept of one cluster, the newest.")                         \
    X("findings-retention", OPTION_DURATION, "90d", 1e9, 3.2e17, "DURATION",                       \
      findings_retention_ns,                                                                       \
      "How long transitions and resolved findings are kept, and clusters that became silent.")

/* How many active series the tenant may have; 0 is no limit. */
int64_t tenant_limits_series_max(const TenantLimits *limits);

/* Sets every limit to the default of its row. */
void tenant_limits_init(TenantLimits *limits);

/* Writes an object with every limit: numbers, and durations as the file has them. */
void tenant_limits_write_json(const TenantLimits *limits, JsonWriter *json);

typedef struct TenantOverrides TenantOverrides;

/* Told of every good reading of the file which of its limits are not used: "a, b". They may be of
 * usage groups that are not there. */
typedef void (*TenantOverridesUnused)(const char *path, const char *names);

/* `path` NULL: every tenant has `defaults`. NULL with *error when the file is not good. The file is
 * read again within 10 s of a change; `notice` is told. Both may be NULL. */
TenantOverrides *
tenant_overrides_new(const char *path, const TenantLimits *defaults, ReloadedFileNotice notice,
                     TenantOverridesUnused unused, GError **error);
void tenant_overrides_free(TenantOverrides *overrides);

/* The limits of a tenant; of several, joined by '|', the strictest. From any thread. */
void tenant_overrides_get(TenantOverrides *overrides, const char *tenant, TenantLimits *ret_limits);

/* The relabelling of one tenant, to be cleared with tenant_relabel_clear. From any thread. */
void tenant_overrides_get_relabel(TenantOverrides *overrides, const char *tenant,
                                  TenantRelabel *ret_relabel);

/* The usage groups of one tenant, to be unreferenced; NULL when its overrides have none. From any
 * thread. */
UsageGroups *tenant_overrides_get_usage_groups(TenantOverrides *overrides, const char *tenant);

/* The limit of what one tenant may push in a period, to be unreferenced; NULL when its overrides
 * have none. From any thread. */
IngestLimit *tenant_overrides_get_ingest_limit(TenantOverrides *overrides, const char *tenant);

/* Whether a tenant is to be shown. */
typedef bool (*TenantFilter)(const char *tenant, void *data);
/* The file of overrides that is in force, in its own form, of the tenants that pass `filter` (NULL:
 * all): each with all its limits, or only with those that differ from everybody's. From any thread.
 */
GBytes *tenant_overrides_yaml(TenantOverrides *overrides, bool only_different, TenantFilter filter,
                              void *data);

/* The largest profile that any tenant may push. */
int64_t tenant_overrides_profile_bytes_max(TenantOverrides *overrides);

/* Appends cresset_server_overrides_… as Prometheus text. */
void tenant_overrides_write_metrics(TenantOverrides *overrides, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TenantOverrides, tenant_overrides_free)
