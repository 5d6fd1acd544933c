#include "server/options.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "server/tenant/tenant.h"

#define OPTION(name, type, default_text, min, max, argument, field, help)                          \
    {                                                                                              \
        name, type, default_text, min, max, argument, help, offsetof(ServerOptions, field)         \
    }

/* A row of the table of limits, within the options. */
#define LIMIT(name, type, default_text, min, max, argument, field, help)                           \
    OPTION(name, type, default_text, min, max, argument, limits.field, help),

static const OptionRow rows[] = {
    OPTION("listen", OPTION_STRING, "0.0.0.0:4040", 0, 0, "ADDR:PORT", listen,
           "Address to serve HTTP on; port 0 takes a free one."),
    OPTION("tls-cert", OPTION_STRING, "", 0, 0, "FILE", tls_cert,
           "PEM file of the server's certificate and its chain, read again when it changes; none: "
           "clear text."),
    OPTION("tls-key", OPTION_STRING, "", 0, 0, "FILE", tls_key,
           "PEM file of the key of tls-cert, read again when it changes."),
    OPTION("data-dir", OPTION_STRING, "data", 0, 0, "DIR", data_dir,
           "Directory of the profile store, created when missing."),
    OPTION("multitenancy", OPTION_STRING, "optional", 0, 0, "MODE", multitenancy,
           "off: one tenant, X-Scope-OrgID is ignored; optional: no header is tenant anonymous; "
           "required: no header is refused."),
    OPTION("tokens-file", OPTION_STRING, "", 0, 0, "FILE", tokens_file,
           "YAML file of the tokens that requests must carry, read again when it changes; none: "
           "requests need no token."),
    OPTION("overrides-file", OPTION_STRING, "", 0, 0, "FILE", overrides_file,
           "YAML file of limits of single tenants, read again when it changes."),
    OPTION("memory-max", OPTION_BYTES, "0", 0, 1e15, "BYTES", memory_max_bytes,
           "Memory of the process beyond which requests are refused with 503; 0 is four fifths of "
           "what its container, or the machine, has."),
    OPTION("workers", OPTION_INT, "0", 0, 1024, "N", workers,
           "Threads for queries, and as many for writes; 0 is one per core."),
    OPTION(
        "async-query-memory", OPTION_BYTES, "128MiB", 65536, 1e15, "BYTES", async_query_bytes,
        "Memory for asynchronous queries and their answers, which are kept for half an hour; when "
        "it is full the oldest answer of whoever has the most goes."),
    OPTION("segment-size", OPTION_BYTES, "64MiB", 4096, 4294967296.0, "BYTES", seal_bytes,
           "Size at which a log segment is sealed into a block."),
    OPTION("segment-age", OPTION_DURATION, "5m", 1e9, 8.64e13, "DURATION", seal_age_ns,
           "Age at which a log segment is sealed into a block."),

    TENANT_LIMITS(LIMIT)

        OPTION("http-connections-max", OPTION_INT, "4096", 1, 1e6, "N", connections_max,
               "Connections open at once."),
    OPTION("http-connections-per-ip-max", OPTION_INT, "0", 0, 1e6, "N", connections_per_ip_max,
           "Connections open at once from one address; 0 is no limit."),
    OPTION(
        "http-header-memory", OPTION_BYTES, "7KiB", 4096, 1048576, "BYTES", header_memory_bytes,
        "Memory of each connection of HTTP/1.1, open or idle, which bounds the head of a request; "
        "more is answered with 414 or 431."),
    OPTION("http-idle-timeout", OPTION_DURATION, "60s", 1e9, 3.6e12, "DURATION", idle_timeout_ns,
           "Time after which a connection without traffic is closed."),
    OPTION("http-body-memory", OPTION_BYTES, "512MiB", 1048576, 1e15, "BYTES", body_memory_bytes,
           "Memory for the bodies of all requests under way; more is answered with 503."),
    OPTION("shutdown-timeout", OPTION_DURATION, "10s", 0, 3.6e12, "DURATION", shutdown_timeout_ns,
           "How long requests under way may take once the server was asked to stop."),

    OPTION("findings-body-bytes", OPTION_BYTES, "16MiB", 4096, 1e9, "BYTES", findings_body_bytes,
           "Size of one report of findings."),
    OPTION("findings-state-bytes", OPTION_BYTES, "16MiB", 4096, 33554432, "BYTES",
           findings_state_bytes,
           "Size of what an analyzer keeps here of one cluster (--state URL of its run)."),
    OPTION("debuginfo-file-bytes", OPTION_BYTES, "1GiB", 4096, 1e15, "BYTES", debug_file_bytes,
           "Size of one uploaded debug file."),
    OPTION("debuginfo-tenant-bytes", OPTION_BYTES, "20GiB", 0, 1e15, "BYTES", debug_tenant_bytes,
           "Size of all debug files and uploads under way of one tenant; 0 is no limit."),
    OPTION("debuginfod-url", OPTION_LIST, NULL, 0, 0, "URL", debuginfod_urls,
           "debuginfod server that is asked for debug files that a tenant has not uploaded; none: "
           "no server is asked."),
    OPTION(
        "debuginfod-wait", OPTION_DURATION, "5s", 0, 3e11, "DURATION", debuginfod_wait_ns,
        "How long a query waits for a file from there, counted from when it was first asked for; "
        "without it the query is answered with addresses."),
    OPTION("debuginfod-file-bytes", OPTION_BYTES, "1GiB", 4096, 1e15, "BYTES",
           debuginfod_file_bytes, "Size of one file from there."),
    OPTION("debuginfod-cache-bytes", OPTION_BYTES, "20GiB", 0, 1e15, "BYTES",
           debuginfod_cache_bytes,
           "Size of all files from there that are kept in data-dir; 0 is no limit."),

    OPTION(
        "remote-write-url", OPTION_STRING, "", 0, 0, "URL", remote_write_url,
        "Where the samples of recording rules go, as Prometheus remote write; none: they are only "
        "shown."),
    OPTION("remote-write-header", OPTION_LIST, NULL, 0, 0, "NAME: VALUE", remote_write_headers,
           "Header of those requests; may be repeated."),
    OPTION("rules-interval", OPTION_DURATION, "1m", 1e9, 8.64e13, "DURATION", rules_interval_ns,
           "How often recording rules are evaluated, each time over that much."),
    OPTION("rules-delay", OPTION_DURATION, "15s", 0, 8.64e13, "DURATION", rules_delay_ns,
           "How long they wait for the profiles of an interval."),

    OPTION("self-profile", OPTION_BOOL, "true", 0, 0, NULL, self_profile,
           "Profile the server itself, as service cresset-server of tenant anonymous."),
    OPTION("log-level", OPTION_STRING, "info", 0, 0, "LEVEL", log_level,
           "error, warning, message, info or debug."),
    OPTION("log-format", OPTION_STRING, "text", 0, 0, "FORMAT", log_format, "text or json."),
};

static const char *const secrets[] = {"remote-write-header", NULL};

const OptionTable server_option_table = {
    .program = "cresset-server",
    .summary = "Stores profiles of many tenants and answers the Pyroscope API and the web "
               "interface. With health before its options it asks the server that runs with them "
               "whether it is ready, and ends with 0 or 1.",
    .rows = rows,
    .n_rows = G_N_ELEMENTS(rows),
    .secrets = secrets,
};

/* elfutils takes them as one text with blanks between them. */
static bool
check_debuginfod_urls(const ServerOptions *options, GError **error)
{
    for (char **url = options->debuginfod_urls; url != NULL && *url != NULL; url++) {
        g_autoptr(GUri) uri = http_url_parse(*url);
        if (uri == NULL || strpbrk(*url, " \t\n") != NULL)
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "debuginfod-url '%s' is no URL of http or https", *url);
    }
    return true;
}

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
    if ((options->tls_cert[0] == '\0') != (options->tls_key[0] == '\0'))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "tls-cert and tls-key are needed together");
    return check_debuginfod_urls(options, error) &&
           tenant_mode_parse(options->multitenancy, &mode, error);
}
