#include "server/server.h"

#include "lib/base/error.h"
#include "lib/base/memory.h"
#include "server/api/api.h"
#include "server/api/async_stacktraces.h"
#include "server/debuginfo/debug_files.h"
#include "server/debuginfo/fetcher.h"
#include "server/debuginfo/resolver.h"
#include "server/findings/findings.h"
#include "server/http/server.h"
#include "server/ingest/ingest.h"
#include "server/rules/evaluate.h"
#include "server/self/self_profile.h"
#include "server/store/store.h"
#include "server/tenant/auth.h"
#include "server/tenant/limits.h"
#include "server/tenant/tenant.h"

#define MIB              INT64_C(1048576)
#define QUERY_BODY_BYTES (4 * MIB)
/* Of the memory that there is: what threads, caches of files and the kernel need is the rest. */
#define MEMORY_SHARE 0.8

struct Server {
    const ServerOptions *options;
    TenantOverrides *overrides;
    TenantAuth *auth; /* NULL: no tokens are asked for */
    Store *store;
    Ingest *ingest;
    Findings *findings;
    Api *api;
    AsyncQueries *async_queries;
    HttpServer *http;
    SelfProfile *self; /* NULL: switched off */
    char *debug_dir;
    DebugFiles *debug_files;
    DebugFetcher *debug_fetcher; /* NULL: no debuginfod server is given */
    DebugResolver *debug_resolver;
    QueryResolver resolver; /* the former, for queries */
    Rules *rules;
};

/* Both files keep their last good content when a new one is not good. */
static void
on_reloaded(const char *path, const GError *error, void *data)
{
    (void)data;
    if (error != NULL)
        g_warning("%s is not used, what was read before stays in force: %s", path, error->message);
    else
        g_message("%s was read again", path);
}

static void
on_unused_limits(const char *path, const char *names)
{
    g_warning("%s has limits that mean nothing here: %s", path, names);
}

static int64_t
n_workers(const ServerOptions *options)
{
    return options->workers > 0 ? options->workers : g_get_num_processors();
}

static HttpConfig
http_config(const ServerOptions *options, Api *api, TenantMode mode)
{
    HttpConfig config = {
        .listen = options->listen,
        .connections_max = options->connections_max,
        .connections_per_ip_max = options->connections_per_ip_max,
        .header_memory_bytes = options->header_memory_bytes,
        .idle_timeout_ns = options->idle_timeout_ns,
        .workers = n_workers(options),
        .body_caps = {[HTTP_BODY_QUERY] = {QUERY_BODY_BYTES, "of a query"},
                      [HTTP_BODY_PUSH] = {options->limits.body_limit_mb * MIB,
                                          "ingestion_body_limit_mb"},
                      [HTTP_BODY_REPORT] = {options->findings_body_bytes, "findings-body-bytes"},
                      [HTTP_BODY_STATE] = {options->findings_state_bytes, "findings-state-bytes"},
                      [HTTP_BODY_FILE] = {options->debug_file_bytes, "debuginfo-file-bytes"}},
        .body_memory_bytes = options->body_memory_bytes,
        .tenant_mode = mode,
        .auth = api->auth,
        .on_done = api_request_done,
        .app = api,
    };
    if (options->tls_cert[0] != '\0') {
        config.tls_certificate = options->tls_cert;
        config.tls_key = options->tls_key;
        config.tls_notice = on_reloaded;
    }
    config.routes = api_routes(&config.n_routes);
    return config;
}

static void
on_self_stored(void *data, const GError *error)
{
    (void)data;
    if (error != NULL)
        g_warning("the server's own profile was not stored: %s", error->message);
}

static void
on_self_profile(const uint8_t *pprof, size_t size, void *data)
{
    Server *server = data;
    const Label labels[] = {{"__name__", "process_cpu"}, {"service_name", "cresset-server"}};
    IngestProfile profile = {
        .labels = labels, .n_labels = G_N_ELEMENTS(labels), .profile = pprof, .profile_size = size};
    ingest_push(server->ingest, TENANT_ANONYMOUS, &profile, 1, on_self_stored, NULL);
}

static void
write_more_metrics(GString *out, void *data)
{
    Server *server = data;
    debug_resolver_write_metrics(server->debug_resolver, out);
    if (server->debug_fetcher != NULL)
        debug_fetcher_write_metrics(server->debug_fetcher, out);
    rules_write_metrics(server->rules, out);
    findings_write_metrics(server->findings, out);
    async_queries_write_metrics(server->async_queries, out);
    if (server->self != NULL)
        self_profile_write_metrics(server->self, out);
}

static AddressLines *
resolve_addresses(void *data, const QueryMapping *mapping, const uint64_t *addresses, size_t n)
{
    const DebugMapping of = {.tenant = mapping->tenant,
                             .build_id = mapping->build_id,
                             .filename = mapping->filename,
                             .start = mapping->start,
                             .limit = mapping->limit,
                             .offset = mapping->offset};
    return debug_resolver_lines(data, &of, addresses, n);
}

static bool
wait_for_files(void *data, const char *const *build_ids)
{
    return debug_resolver_wait(data, build_ids);
}

static void
on_no_debug_file(const char *build_id, const char *text, void *data)
{
    (void)data;
    g_message("debuginfod: no debug file for build id %s: %s", build_id, text);
}

static void
open_debug_fetcher(Server *server)
{
    const ServerOptions *options = server->options;
    if (options->debuginfod_urls == NULL || options->debuginfod_urls[0] == NULL)
        return;
    g_autofree char *dir = g_build_filename(options->data_dir, "debuginfod", NULL);
    const DebugFetcherConfig config = {.dir = dir,
                                       .urls = (const char *const *)options->debuginfod_urls,
                                       .wait_ns = options->debuginfod_wait_ns,
                                       .file_bytes_max = options->debuginfod_file_bytes,
                                       .cache_bytes_max = options->debuginfod_cache_bytes,
                                       .notice = on_no_debug_file};
    server->debug_fetcher = debug_fetcher_new(&config);
}

/* Debug files lie beside the store. */
static void
open_debug_files(Server *server)
{
    server->debug_dir = g_build_filename(server->options->data_dir, "debug-info", NULL);
    const DebugFilesConfig config = {.dir = server->debug_dir,
                                     .file_bytes_max = server->options->debug_file_bytes,
                                     .tenant_bytes_max = server->options->debug_tenant_bytes};
    server->debug_files = debug_files_new(&config);
    open_debug_fetcher(server);
    const DebugResolverConfig resolver = {.fetcher = server->debug_fetcher};
    server->debug_resolver = debug_resolver_new(server->debug_files, &resolver);
    server->resolver = (QueryResolver){
        .resolve = resolve_addresses, .wait = wait_for_files, .data = server->debug_resolver};
}

static void
start_async_queries(Server *server)
{
    const AsyncQueriesConfig config = {.run = async_stacktraces_run,
                                       .data = server->api,
                                       .threads = n_workers(server->options),
                                       .keep_us = ASYNC_QUERY_KEEP_US,
                                       .bytes_max = server->options->async_query_bytes};
    server->async_queries = async_queries_new(&config);
    server->api->async_queries = server->async_queries;
}

/* A server that cannot profile itself serves all the same. */
static void
start_self_profile(Server *server)
{
    if (!server->options->self_profile)
        return;
    g_autoptr(GError) error = NULL;
    SelfProfileOptions options = {.func = on_self_profile, .data = server};
    server->self = self_profile_start(&options, &error);
    if (server->self == NULL)
        g_warning("the server does not profile itself: %s", error->message);
}

static bool
open_tenants(Server *server, GError **error)
{
    const ServerOptions *options = server->options;
    server->overrides = tenant_overrides_new(options->overrides_file, &options->limits, on_reloaded,
                                             on_unused_limits, error);
    if (server->overrides == NULL)
        return false;
    if (options->tokens_file[0] == '\0')
        return true;
    server->auth = tenant_auth_new(options->tokens_file, on_reloaded, error);
    return server->auth != NULL;
}

static bool
server_open(Server *server, GError **error)
{
    const ServerOptions *options = server->options;
    TenantMode mode;
    memory_set_ceiling(options->memory_max_bytes > 0
                           ? options->memory_max_bytes
                           : (int64_t)((double)memory_limit() * MEMORY_SHARE));
    if (!tenant_mode_parse(options->multitenancy, &mode, error) || !open_tenants(server, error))
        return false;
    const StoreConfig store = {.data_dir = options->data_dir,
                               .seal_bytes = options->seal_bytes,
                               .seal_age_ns = options->seal_age_ns};
    server->store = store_open(&store, error);
    if (server->store == NULL)
        return false;
    if (store_notice(server->store) != NULL)
        g_warning("store: %s", store_notice(server->store));
    open_debug_files(server);
    server->ingest = ingest_new(server->store, server->overrides);
    server->findings = findings_new(server->store, server->overrides);
    server->api = api_new(server->store, server->ingest, server->overrides);
    server->api->auth = server->auth;
    server->api->resolver = &server->resolver;
    server->api->debug_files = server->debug_files;
    server->api->findings = server->findings;
    server->api->option_table = &server_option_table;
    server->api->options = options;
    server->api->options_size = sizeof *options;
    start_async_queries(server);
    server->api->write_metrics_data = server;
    server->api->write_metrics = write_more_metrics;
    HttpConfig http = http_config(options, server->api, mode);
    http.spool_dir = server->debug_dir;
    server->http = http_server_new(&http, error);
    if (server->http == NULL)
        return false;
    server->api->http = server->http;
    start_self_profile(server);
    const RulesConfig rules = {.store = server->store,
                               .overrides = server->overrides,
                               .resolver = &server->resolver,
                               .remote_write_url = options->remote_write_url,
                               .remote_write_headers =
                                   (const char *const *)options->remote_write_headers,
                               .interval_ns = options->rules_interval_ns,
                               .delay_ns = options->rules_delay_ns};
    server->rules = rules_start(&rules, error);
    if (server->rules == NULL)
        return false;
    server->api->rules = server->rules;
    return http_server_start(server->http, error);
}

Server *
server_start(const ServerOptions *options, GError **error)
{
    g_autoptr(Server) server = g_new0(Server, 1);
    server->options = options;
    return server_open(server, error) ? g_steal_pointer(&server) : NULL;
}

const char *
server_address(const Server *server)
{
    return http_server_address(server->http);
}

void
server_stop(Server *server)
{
    if (server == NULL)
        return;
    debug_fetcher_stop(server->debug_fetcher);
    if (server->http != NULL &&
        !http_server_drain(server->http, server->options->shutdown_timeout_ns))
        g_warning("requests were cut off after shutdown-timeout");
    self_profile_stop(server->self);
    rules_stop(server->rules);
    async_queries_free(server->async_queries);
    /* Appends under way still report to the ingest pipeline and to the requests behind it. */
    ingest_stop(server->ingest);
    if (server->store != NULL)
        store_close(server->store);
    ingest_free(server->ingest);
    http_server_free(server->http);
    api_free(server->api);
    findings_free(server->findings);
    debug_resolver_free(server->debug_resolver);
    debug_fetcher_free(server->debug_fetcher);
    debug_files_free(server->debug_files);
    g_free(server->debug_dir);
    tenant_auth_free(server->auth);
    tenant_overrides_free(server->overrides);
    g_free(server);
}
