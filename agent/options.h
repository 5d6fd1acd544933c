/* The options of cresset-agent, as one table: flags, environment, configuration file and help. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/discovery/target.h"
#include "agent/sample/sampler.h"
#include "lib/base/option.h"

typedef struct {
    char *server, *tenant, *node, *unwinder, *listen, *log_level, *log_format;
    char *kubernetes, *kubeconfig, *kubelet, *kubelet_ca, *targeting, *relabel_file, *scrape_file;
    GStrv labels;
    double rate_hz;
    int64_t window_ns, stop_timeout_ns;
    int64_t kubelet_interval_ns, kubernetes_retry_max_ns, kubernetes_silence_ns;
    int64_t queue_bytes, symbol_cache_bytes, unwind_table_bytes;
    bool ebpf, kernel_stacks, bpf_statistics, kubelet_insecure, scrape_annotations;
} AgentOptions;

extern const OptionTable agent_option_table;

/* Checks the values that are words, and what contradicts each other; INVALID_ARGUMENT names the
 * option. */
bool agent_options_check(const AgentOptions *options, GError **error);
/* The value of --node, or the name of this host when it is empty. */
const char *agent_options_node(const AgentOptions *options);
/* Whether --kubelet names one. */
bool agent_options_asks_kubelet(const AgentOptions *options);
/* Whether the pods of the node are followed: --kubernetes, where auto means in a pod of a cluster,
 * or with --kubeconfig or --kubelet. */
bool agent_options_in_cluster(const AgentOptions *options);
/* The value of --targeting, checked before. */
TargetScheme agent_options_targeting(const AgentOptions *options);
/* The value of --unwinder, checked before. */
SamplerVariant agent_options_variant(const AgentOptions *options);
