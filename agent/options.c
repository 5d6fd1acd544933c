#include "agent/options.h"

#include <string.h>

#include "agent/discovery/local_containers.h"
#include "agent/export/endpoint_file.h"
#include "lib/base/error.h"
#include "lib/base/log.h"

enum { NS_PER_MS = 1000000 };

#define OPTION(name, type, default_text, min, max, argument, field, help)                          \
    {                                                                                              \
        name, type, default_text, min, max, argument, help, offsetof(AgentOptions, field)          \
    }

static const OptionRow rows[] = {
    OPTION("server", OPTION_STRING, "http://127.0.0.1:4040", 0, 0, "URL", server,
           "Pyroscope-compatible server that profiles are pushed to."),
    OPTION("endpoints-file", OPTION_STRING, NULL, 0, 0, "FILE", endpoints_file,
           "YAML file with servers that profiles are pushed to, each of them to all, in place of "
           "--server and of the options for its requests; read again when it changes "
           "(docs/shipping.md)."),
    OPTION("tenant", OPTION_STRING, NULL, 0, 0, "ID", tenant,
           "Tenant to push as, sent as X-Scope-OrgID."),
    OPTION("ebpf", OPTION_BOOL, "true", 0, 0, NULL, ebpf,
           "Sample the stacks of every process; without, only what offers profiles is scraped, for "
           "which no privileges are needed."),
    OPTION(
        "tenant-label", OPTION_STRING, NULL, 0, 0, "LABEL", tenant_label,
        "Label of pods whose value is the tenant that their profiles are pushed as; --tenant for "
        "those that do not have it."),
    OPTION("header", OPTION_LIST, NULL, 0, 0, "NAME=VALUE", headers,
           "Header of every push to --server."),
    OPTION("header-file", OPTION_LIST, NULL, 0, 0, "NAME=FILE", header_files,
           "Likewise, with the value from a file that is read for each push."),
    OPTION("bearer-token-file", OPTION_STRING, NULL, 0, 0, "FILE", token_file,
           "Token for --server, read for each push."),
    OPTION("user", OPTION_STRING, NULL, 0, 0, "NAME", user, "User for --server (basic auth)."),
    OPTION("password-file", OPTION_STRING, NULL, 0, 0, "FILE", password_file,
           "Password of --user, read for each push."),
    OPTION(
        "ca-file", OPTION_STRING, NULL, 0, 0, "FILE", ca_file,
        "Authorities that may sign the certificate of --server; those of the system when empty."),
    OPTION("cert-file", OPTION_STRING, NULL, 0, 0, "FILE", cert_file,
           "Certificate to show to --server, read for each push."),
    OPTION("key-file", OPTION_STRING, NULL, 0, 0, "FILE", key_file, "Key of --cert-file."),
    OPTION("tls-insecure", OPTION_BOOL, "false", 0, 0, NULL, is_tls_unchecked,
           "Take any certificate of --server: whoever is in between reads along."),
    OPTION("push-timeout", OPTION_DURATION, "10s", 1e6, 3e11, "DURATION", push_timeout_ns,
           "Time for one push to --server."),
    OPTION(
        "compression", OPTION_STRING, "gzip", 0, 0, "CODING", compression,
        "How profiles travel to --server: gzip, which every server takes, zstd, which is smaller "
        "and for servers of Cresset, or none."),
    OPTION("rate", OPTION_DOUBLE, "97", 1, 1000, "HZ", rate_hz,
           "Samples per second of every busy CPU."),
    OPTION("window", OPTION_DURATION, "15s", 1e9, 3e11, "DURATION", window_ns,
           "Time that one profile covers."),
    OPTION("label", OPTION_LIST, NULL, 0, 0, "KEY=VALUE", labels,
           "Label of every profile; service_name replaces the name made from the executable."),
    OPTION("node", OPTION_STRING, NULL, 0, 0, "NAME", node,
           "Value of the label node, and in a cluster the name of the node whose pods are looked "
           "for; the host name when empty."),
    OPTION("kubernetes", OPTION_STRING, "auto", 0, 0, "WHETHER", kubernetes,
           "Name processes after the pods of the node: on, off, or auto, which is on in a pod of a "
           "cluster and with --kubeconfig or --kubelet."),
    OPTION("kubeconfig", OPTION_STRING, NULL, 0, 0, "FILE", kubeconfig,
           "How to reach the cluster; its service account when empty."),
    OPTION("kubernetes-retry-max", OPTION_DURATION, "60s", 1e7, 3.6e12, "DURATION",
           kubernetes_retry_max_ns,
           "Longest pause before an API server or kubelet that failed is asked again; the first "
           "is a second."),
    OPTION("kubernetes-silence", OPTION_DURATION, "3m", 1e9, 3.6e12, "DURATION",
           kubernetes_silence_ns,
           "Time after which a watch that tells nothing is begun anew; API servers tell "
           "something once a minute."),
    OPTION("kubelet", OPTION_STRING, NULL, 0, 0, "URL", kubelet,
           "Ask the kubelet of the node for its pods, and not the API server: its URL, or auto, "
           "which is https://NODE_IP:10250 with NODE_IP of the environment, else 127.0.0.1."),
    OPTION("kubelet-interval", OPTION_DURATION, "15s", 1e8, 3.6e12, "DURATION", kubelet_interval_ns,
           "How often it is asked, within a tenth by chance."),
    OPTION("kubelet-ca", OPTION_STRING, NULL, 0, 0, "FILE", kubelet_ca,
           "PEM file of the authorities that its certificate is of; those of the cluster when "
           "empty."),
    OPTION("kubelet-insecure", OPTION_BOOL, "false", 0, 0, NULL, kubelet_insecure,
           "Take any certificate of the kubelet: whoever is in between can read the token."),
    OPTION("docker-socket", OPTION_STRING, LOCAL_CONTAINERS_AUTO, 0, 0, "PATH", docker_socket,
           "Socket of Docker or Podman, which is asked for the names of containers where no pods "
           "are followed; auto: /var/run/docker.sock and /run/podman/podman.sock, where they are; "
           "none when empty."),
    OPTION(
        "targeting", OPTION_STRING, "all", 0, 0, "SCHEME", targeting,
        "Which processes are profiled: all but those of pods with the annotation "
        "profiles.grafana.com/cpu.ebpf.enabled: \"false\", or with annotation only those of pods "
        "where it is \"true\"."),
    OPTION("relabel-file", OPTION_STRING, NULL, 0, 0, "FILE", relabel_file,
           "YAML file with a list of relabel rules as Prometheus has them, which change the labels "
           "of processes or drop them; it is read again when it changes."),
    OPTION(
        "scrape-file", OPTION_STRING, NULL, 0, 0, "FILE", scrape_file,
        "YAML file with jobs that scrape profiles from programs that offer them over HTTP; it is "
        "read again when it changes."),
    OPTION("scrape-annotations", OPTION_BOOL, "true", 0, 0, NULL, scrape_annotations,
           "Scrape the pods of the node whose annotations profiles.grafana.com/TYPE.scrape ask for "
           "it."),
    OPTION("queue-bytes", OPTION_BYTES, "64MiB", 65536, 1e12, "BYTES", queue_bytes,
           "Memory for profiles that wait while the server is away, of each endpoint; beyond, the "
           "oldest are dropped."),
    OPTION(
        "spool-dir", OPTION_STRING, NULL, 0, 0, "DIR", spool_dir,
        "Folder for profiles that wait, which a restart finds again; none: they wait in memory."),
    OPTION("spool-bytes", OPTION_BYTES, "512MiB", 1048576, 1e13, "BYTES", spool_bytes,
           "Size of the files in it, of each endpoint; beyond, the oldest are dropped."),
    OPTION(
        "spool-age", OPTION_DURATION, "1h", 1e9, 3e16, "DURATION", spool_age_ns,
        "How long profiles wait, in memory or on the disk, before they are dropped; servers refuse "
        "those older than an hour unless they are told otherwise (reject-older-than)."),
    OPTION("symbol-cache-bytes", OPTION_BYTES, "6MiB", 65536, 1e12, "BYTES", symbol_cache_bytes,
           "Memory for symbols that were looked up before."),
    OPTION("unwind-table-bytes", OPTION_BYTES, "64MiB", 1048576, 1e12, "BYTES", unwind_table_bytes,
           "Kernel memory for unwind tables; beyond, stacks are copied and unwound by the agent."),
    OPTION("unwinder", OPTION_STRING, "auto", 0, 0, "KIND", unwinder,
           "BPF program that unwinds: loop (Linux 5.17), tail (Linux 5.10), or auto."),
    OPTION("kernel-stacks", OPTION_BOOL, "true", 0, 0, NULL, kernel_stacks,
           "Record the frames inside the kernel."),
    OPTION("bpf-statistics", OPTION_BOOL, "false", 0, 0, NULL, bpf_statistics,
           "Measure the run time of the BPF programs (sets kernel.bpf_stats_enabled)."),
    OPTION("listen", OPTION_STRING, NULL, 0, 0, "ADDR:PORT", listen,
           "Address to serve the agent's own /metrics, /ready and /targets on; none when empty."),
    OPTION("stop-timeout", OPTION_DURATION, "10s", 0, 3e11, "DURATION", stop_timeout_ns,
           "How long the last profiles may take to be delivered once the agent was asked to "
           "stop."),
    OPTION("log-level", OPTION_STRING, "info", 0, 0, "LEVEL", log_level,
           "error, warning, message, info or debug."),
    OPTION("log-format", OPTION_STRING, "text", 0, 0, "FORMAT", log_format, "text or json."),
};

const OptionTable agent_option_table = {
    .program = "cresset-agent",
    .summary = "Samples the CPU stacks of every process of this machine and pushes them to a "
               "server.",
    .rows = rows,
    .n_rows = G_N_ELEMENTS(rows),
};

/* Words that an option can be; the position is the value. */
static const char *const unwinders[] = {
    [SAMPLER_VARIANT_AUTO] = "auto",
    [SAMPLER_VARIANT_LOOP] = "loop",
    [SAMPLER_VARIANT_TAIL_CALL] = "tail",
    NULL,
};
static const char *const kubernetes[] = {"auto", "on", "off", NULL};
static const char *const targeting[] = {
    [TARGET_SCHEME_ALL] = "all",
    [TARGET_SCHEME_ANNOTATION] = "annotation",
    NULL,
};

/* The position of a word; 0 when it is none. */
static size_t
find_word(const char *const *words, const char *text)
{
    for (size_t i = 0; words[i] != NULL; i++)
        if (strcmp(words[i], text) == 0)
            return i;
    return 0;
}

SamplerVariant
agent_options_variant(const AgentOptions *options)
{
    return (SamplerVariant)find_word(unwinders, options->unwinder);
}

TargetScheme
agent_options_targeting(const AgentOptions *options)
{
    return (TargetScheme)find_word(targeting, options->targeting);
}

const char *
agent_options_node(const AgentOptions *options)
{
    bool has_node = options->node != NULL && options->node[0] != '\0';
    return has_node ? options->node : g_get_host_name();
}

bool
agent_options_asks_kubelet(const AgentOptions *options)
{
    return options->kubelet != NULL && options->kubelet[0] != '\0';
}

bool
agent_options_in_cluster(const AgentOptions *options)
{
    if (strcmp(options->kubernetes, "auto") != 0)
        return strcmp(options->kubernetes, "on") == 0;
    bool has_kubeconfig = options->kubeconfig != NULL && options->kubeconfig[0] != '\0';
    return has_kubeconfig || agent_options_asks_kubelet(options) ||
           g_getenv("KUBERNETES_SERVICE_HOST") != NULL;
}

/* ---- Endpoints. ---- */

/* NULL for a text that is empty. */
static const char *
given(const char *text)
{
    return text != NULL && *text != '\0' ? text : NULL;
}

/* Reads "NAME=VALUE" pairs into a table, which stays NULL when there are none. */
static bool
read_pairs(const char *option, char *const *pairs, GHashTable **table, GError **error)
{
    for (; pairs != NULL && *pairs != NULL; pairs++) {
        const char *equals = strchr(*pairs, '=');
        if (equals == NULL) /* it may be a secret: the value is not said */
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "option --%s: there is no '=' behind the name", option);
        if (*table == NULL)
            *table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        g_hash_table_insert(*table, g_strndup(*pairs, (gsize)(equals - *pairs)),
                            g_strdup(equals + 1));
    }
    return true;
}

/* The option of a key of the file of endpoints, in front of an error about it. */
static const char *
option_of(const char *message)
{
    static const struct {
        const char *key, *option;
    } names[] = {{"url", "server"},
                 {"tenant", "tenant"},
                 {"headers", "header"},
                 {"bearer_token_file", "bearer-token-file"},
                 {"basic_auth", "password-file"},
                 {"tls_config", "cert-file"},
                 {"compression", "compression"}};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (g_str_has_prefix(message, names[i].key))
            return names[i].option;
    return "server";
}

/* The endpoint of --server. */
static Endpoint *
make_endpoint(const AgentOptions *options, GError **error)
{
    g_autoptr(Endpoint) endpoint = endpoint_new();
    g_autoptr(GError) cause = NULL;
    endpoint->name = g_strdup("default");
    endpoint->url = g_strdup(options->server);
    endpoint->tenant = g_strdup(given(options->tenant));
    endpoint->token_file = g_strdup(given(options->token_file));
    endpoint->user = g_strdup(given(options->user));
    endpoint->password_file = g_strdup(given(options->password_file));
    endpoint->ca_file = g_strdup(given(options->ca_file));
    endpoint->cert_file = g_strdup(given(options->cert_file));
    endpoint->key_file = g_strdup(given(options->key_file));
    endpoint->is_tls_unchecked = options->is_tls_unchecked;
    endpoint->timeout_ms = options->push_timeout_ns / NS_PER_MS;
    if (!read_pairs("header", options->headers, &endpoint->headers, error) ||
        !read_pairs("header-file", options->header_files, &endpoint->header_files, error))
        return NULL;
    if (!endpoint_parse_coding(options->compression, &endpoint->coding, &cause) ||
        !endpoint_check(endpoint, &cause)) {
        (void)error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "option --%s: %s",
                        option_of(cause->message), cause->message);
        return NULL;
    }
    return g_steal_pointer(&endpoint);
}

static bool
check_no_request_options(const AgentOptions *options, GError **error)
{
    const struct {
        const char *name;
        bool is_given;
    } others[] = {
        {"header", options->headers != NULL && options->headers[0] != NULL},
        {"header-file", options->header_files != NULL && options->header_files[0] != NULL},
        {"bearer-token-file", given(options->token_file) != NULL},
        {"user", given(options->user) != NULL},
        {"password-file", given(options->password_file) != NULL},
        {"ca-file", given(options->ca_file) != NULL},
        {"cert-file", given(options->cert_file) != NULL},
        {"key-file", given(options->key_file) != NULL},
        {"tls-insecure", options->is_tls_unchecked}};
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        if (others[i].is_given)
            return error_set(
                error, CRESSET_ERROR_INVALID_ARGUMENT,
                "option --%s goes with --server: with --endpoints-file it belongs into "
                "the file",
                others[i].name);
    return true;
}

GPtrArray *
agent_options_endpoints(const AgentOptions *options, EndpointFile **ret_file, GError **error)
{
    *ret_file = NULL;
    if (given(options->endpoints_file) != NULL) {
        if (check_no_request_options(options, error))
            *ret_file = endpoint_file_open(options->endpoints_file, given(options->tenant), error);
        return *ret_file != NULL ? endpoint_file_endpoints(*ret_file) : NULL;
    }
    Endpoint *endpoint = make_endpoint(options, error);
    if (endpoint == NULL)
        return NULL;
    GPtrArray *endpoints = g_ptr_array_new_with_free_func((GDestroyNotify)endpoint_unref);
    g_ptr_array_add(endpoints, endpoint);
    return endpoints;
}

/* ---- Checks. ---- */

static bool
check_word(const char *option, const char *const *words, const char *text, GError **error)
{
    if (g_strv_contains(words, text))
        return true;
    g_autofree char *all = g_strjoinv(", ", (GStrv)words);
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "option --%s: '%s' is none of %s",
                     option, text, all);
}

bool
agent_options_check(const AgentOptions *options, GError **error)
{
    GLogLevelFlags level;
    if (!check_word("unwinder", unwinders, options->unwinder, error) ||
        !check_word("kubernetes", kubernetes, options->kubernetes, error) ||
        !check_word("targeting", targeting, options->targeting, error))
        return false;
    if (agent_options_asks_kubelet(options) && !agent_options_in_cluster(options))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "option --kubelet: nobody is asked for pods with --kubernetes=off");
    if (!log_level_parse(options->log_level, &level))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "option --log-level: '%s' is none of error, warning, message, info and "
                         "debug",
                         options->log_level);
    if (strcmp(options->log_format, "text") != 0 && strcmp(options->log_format, "json") != 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "option --log-format: '%s' is neither text nor json", options->log_format);
    return true;
}
