/* The options of cresset-server, as one table: flags, environment, configuration file and help. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/option.h"
#include "server/tenant/limits.h"

typedef struct {
    char *listen, *tls_cert, *tls_key, *data_dir, *multitenancy, *overrides_file, *tokens_file,
        *log_level, *log_format;
    int64_t memory_max_bytes; /* 0: MEMORY_SHARE of what there is */
    int64_t workers;
    int64_t async_query_bytes;
    int64_t seal_bytes, seal_age_ns;
    TenantLimits limits; /* of every tenant that has no others */
    int64_t connections_max, connections_per_ip_max, header_memory_bytes, idle_timeout_ns,
        body_memory_bytes;
    int64_t shutdown_timeout_ns;
    int64_t findings_body_bytes, findings_state_bytes;
    int64_t debug_file_bytes, debug_tenant_bytes;
    GStrv debuginfod_urls;
    int64_t debuginfod_wait_ns, debuginfod_file_bytes, debuginfod_cache_bytes;
    char *remote_write_url;
    GStrv remote_write_headers;
    int64_t rules_interval_ns, rules_delay_ns;
    bool self_profile;
} ServerOptions;

extern const OptionTable server_option_table;

/* Checks the values that are words; INVALID_ARGUMENT names the option. */
bool server_options_check(const ServerOptions *options, GError **error);
