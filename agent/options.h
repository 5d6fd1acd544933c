/* The options of cresset-agent, as one table: flags, environment, configuration file and help. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/discovery/target.h"
#include "agent/export/endpoint_file.h"
#include "agent/sample/sampler.h"
#include "lib/base/option.h"

typedef struct {
    char *server, *tenant, *node, *unwinder, *listen, *log_level, *log_format;
    char *endpoints_file, *token_file, *user, *password_file, *ca_file, *cert_file, *key_file;
    char *compression, *tenant_label, *spool_dir;
    char *kubernetes, *kubeconfig, *kubelet, *kubelet_ca, *docker_socket;
    char *targeting, *relabel_file, *scrape_file;
    GStrv labels, headers, header_files;
    double rate_hz;
    int64_t window_ns, stop_timeout_ns;
    int64_t push_timeout_ns, spool_age_ns;
    int64_t kubelet_interval_ns, kubernetes_retry_max_ns, kubernetes_silence_ns;
    int64_t queue_bytes, spool_bytes, symbol_cache_bytes, unwind_table_bytes;
    bool ebpf, kernel_stacks, bpf_statistics, is_tls_unchecked, kubelet_insecure,
        scrape_annotations;
} AgentOptions;

extern const OptionTable agent_option_table;

/* Checks the values that are words, and what contradicts each other; INVALID_ARGUMENT names the
 * option. */
bool agent_options_check(const AgentOptions *options, GError **error);
/* The value of --node, or the name of this host when it is empty. */
const char *agent_options_node(const AgentOptions *options);
/* Whether --kubelet names one. */
bool agent_options_asks_kubelet(const AgentOptions *options);
/* The endpoints (Endpoint) that profiles go to: those of --endpoints-file, or the one of --server
 * and the options beside it. *ret_file is the file that they are from, to be closed; NULL: none.
 * INVALID_ARGUMENT names the option, or the line of the file. */
GPtrArray *
agent_options_endpoints(const AgentOptions *options, EndpointFile **ret_file, GError **error);
/* Whether the pods of the node are followed: --kubernetes, where auto means in a pod of a cluster,
 * or with --kubeconfig or --kubelet. */
bool agent_options_in_cluster(const AgentOptions *options);
/* The value of --targeting, checked before. */
TargetScheme agent_options_targeting(const AgentOptions *options);
/* The value of --unwinder, checked before. */
SamplerVariant agent_options_variant(const AgentOptions *options);
