#include "agent/options.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/log.h"

#define OPTION(name, type, default_text, min, max, argument, field, help)                          \
    {                                                                                              \
        name, type, default_text, min, max, argument, help, offsetof(AgentOptions, field)          \
    }

static const OptionRow rows[] = {
    OPTION("server", OPTION_STRING, "http://127.0.0.1:4040", 0, 0, "URL", server,
           "Pyroscope-compatible server that profiles are pushed to."),
    OPTION("tenant", OPTION_STRING, NULL, 0, 0, "ID", tenant,
           "Tenant to push as, sent as X-Scope-OrgID."),
    OPTION("ebpf", OPTION_BOOL, "true", 0, 0, NULL, ebpf,
           "Sample the stacks of every process; without, only what offers profiles is scraped, for "
           "which no privileges are needed."),
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
           "Memory for profiles that wait while the server is away; beyond, the oldest are "
           "dropped."),
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
