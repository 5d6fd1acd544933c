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
    OPTION("rate", OPTION_DOUBLE, "97", 1, 1000, "HZ", rate_hz,
           "Samples per second of every busy CPU."),
    OPTION("window", OPTION_DURATION, "15s", 1e9, 3e11, "DURATION", window_ns,
           "Time that one profile covers."),
    OPTION("label", OPTION_LIST, NULL, 0, 0, "KEY=VALUE", labels,
           "Label of every profile; service_name replaces the name made from the executable."),
    OPTION("node", OPTION_STRING, NULL, 0, 0, "NAME", node,
           "Value of the label node; the host name when empty."),
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
           "Address to serve the agent's own /metrics on; none when empty."),
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

static const char *const unwinders[] = {
    [SAMPLER_VARIANT_AUTO] = "auto",
    [SAMPLER_VARIANT_LOOP] = "loop",
    [SAMPLER_VARIANT_TAIL_CALL] = "tail",
};

SamplerVariant
agent_options_variant(const AgentOptions *options)
{
    for (size_t i = 0; i < G_N_ELEMENTS(unwinders); i++)
        if (strcmp(options->unwinder, unwinders[i]) == 0)
            return (SamplerVariant)i;
    return SAMPLER_VARIANT_AUTO;
}

bool
agent_options_check(const AgentOptions *options, GError **error)
{
    GLogLevelFlags level;
    bool is_known = false;
    for (size_t i = 0; i < G_N_ELEMENTS(unwinders); i++)
        is_known |= strcmp(options->unwinder, unwinders[i]) == 0;
    if (!is_known)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "option --unwinder: '%s' is none of auto, loop and tail",
                         options->unwinder);
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
