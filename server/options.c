#include "server/options.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/log.h"
#include "server/tenant/tenant.h"

#define OPTION(name, type, default_text, min, max, argument, field, help)                          \
    {                                                                                              \
        name, type, default_text, min, max, argument, help, offsetof(ServerOptions, field)         \
    }

static const OptionRow rows[] = {
    OPTION("listen", OPTION_STRING, "0.0.0.0:4040", 0, 0, "ADDR:PORT", listen,
           "Address to serve HTTP on; port 0 takes a free one."),
    OPTION("data-dir", OPTION_STRING, "data", 0, 0, "DIR", data_dir,
           "Directory of the profile store, created when missing."),
    OPTION("multitenancy", OPTION_STRING, "optional", 0, 0, "MODE", multitenancy,
           "off: one tenant, X-Scope-OrgID is ignored; optional: no header is tenant anonymous; "
           "required: no header is refused."),
    OPTION("workers", OPTION_INT, "0", 0, 1024, "N", workers,
           "Threads for queries, and as many for writes; 0 is one per core."),
    OPTION("segment-size", OPTION_BYTES, "64MiB", 4096, 4294967296.0, "BYTES", seal_bytes,
           "Size at which a log segment is sealed into a block."),
    OPTION("segment-age", OPTION_DURATION, "5m", 1e9, 8.64e13, "DURATION", seal_age_ns,
           "Age at which a log segment is sealed into a block."),

    OPTION("max-profile-size-bytes", OPTION_BYTES, "4MiB", 1024, 4294967296.0, "BYTES",
           profile_bytes_max, "Uncompressed size of one profile."),
    OPTION("max-profile-stacktrace-samples", OPTION_INT, "16000", 1, 1e8, "N", samples_max,
           "Samples of one profile."),
    OPTION("max-profile-stacktrace-sample-labels", OPTION_INT, "100", 0, 1e6, "N",
           sample_labels_max, "Labels of one sample."),
    OPTION("max-profile-stacktrace-depth", OPTION_INT, "1000", 1, 1e5, "N", stack_depth_max,
           "Frames of one stack; leaf-most ones beyond are cut."),
    OPTION("max-profile-symbol-value-length", OPTION_INT, "65535", 1, 1e7, "BYTES",
           symbol_length_max, "Length of one name in a profile; of longer ones the tail is kept."),
    OPTION("max-label-names-per-series", OPTION_INT, "30", 1, 1e4, "N", label_names_max,
           "Labels of one series."),
    OPTION("max-label-name-length", OPTION_INT, "1024", 1, 1e6, "BYTES", label_name_length_max,
           "Length of a label name."),
    OPTION("max-label-value-length", OPTION_INT, "2048", 1, 1e6, "BYTES", label_value_length_max,
           "Length of a label value."),
    OPTION("ingestion-body-limit-mb", OPTION_INT, "256", 1, 4096, "MB", body_limit_mb,
           "Size of one push in MiB, uncompressed."),
    OPTION("reject-older-than", OPTION_DURATION, "1h", 0, 0, "DURATION", reject_older_ns,
           "Age from which a profile is refused; 0 accepts any."),
    OPTION("reject-newer-than", OPTION_DURATION, "10m", 0, 0, "DURATION", reject_newer_ns,
           "How far in the future a profile may lie; 0 accepts any."),

    OPTION("max-query-lookback", OPTION_DURATION, "7d", 0, 0, "DURATION", query_lookback_ns,
           "How far back queries reach; 0 is no limit."),
    OPTION("max-query-length", OPTION_DURATION, "8d", 0, 0, "DURATION", query_length_ns,
           "Time range of one query, more than the look-back as clocks differ; 0 is no limit."),
    OPTION("max-flamegraph-nodes-default", OPTION_INT, "8192", 1, 1e9, "N", nodes_default,
           "Nodes of a flame graph when the query does not say."),
    OPTION("max-flamegraph-nodes-max", OPTION_INT, "1048576", 0, 1e9, "N", nodes_max,
           "Nodes that a query may ask for; 0 is no limit."),

    OPTION("http-connections-max", OPTION_INT, "4096", 1, 1e6, "N", connections_max,
           "Connections open at once."),
    OPTION("http-connections-per-ip-max", OPTION_INT, "0", 0, 1e6, "N", connections_per_ip_max,
           "Connections open at once from one address; 0 is no limit."),
    OPTION("http-idle-timeout", OPTION_DURATION, "60s", 1e9, 3.6e12, "DURATION", idle_timeout_ns,
           "Time after which a connection without traffic is closed."),
    OPTION("http-body-memory", OPTION_BYTES, "512MiB", 1048576, 1e15, "BYTES", body_memory_bytes,
           "Memory for the bodies of all requests under way; more is answered with 503."),
    OPTION("shutdown-timeout", OPTION_DURATION, "10s", 0, 3.6e12, "DURATION", shutdown_timeout_ns,
           "How long requests under way may take once the server was asked to stop."),

    OPTION("self-profile", OPTION_BOOL, "true", 0, 0, NULL, self_profile,
           "Profile the server itself, as service cresset-server of tenant anonymous."),
    OPTION("log-level", OPTION_STRING, "info", 0, 0, "LEVEL", log_level,
           "error, warning, message, info or debug."),
    OPTION("log-format", OPTION_STRING, "text", 0, 0, "FORMAT", log_format, "text or json."),
};

const OptionTable server_option_table = {
    .program = "cresset-server",
    .summary = "Stores profiles of many tenants and answers the Pyroscope API and the web "
               "interface.",
    .rows = rows,
    .n_rows = G_N_ELEMENTS(rows),
};

bool
server_options_check(const ServerOptions *options, GError **error)
{
    GLogLevelFlags level;
    TenantMode mode;
    if (!log_level_parse(options->log_level, &level))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "log-level '%s' is none of error, warning, message, info, debug",
                         options->log_level);
    if (strcmp(options->log_format, "text") != 0 && strcmp(options->log_format, "json") != 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "log-format '%s' is none of text, json", options->log_format);
    return tenant_mode_parse(options->multitenancy, &mode, error);
}
