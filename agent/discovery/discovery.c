#include "agent/discovery/discovery.h"

#include "agent/discovery/local_containers.h"
#include "agent/discovery/newcomers.h"
#include "agent/discovery/pod_index.h"
#include "lib/base/metrics.h"
#include "lib/base/reloaded_file.h"
#include "lib/k8s/watcher.h"

enum {
    METRIC_PODS,
    METRIC_LISTS,
    METRIC_LIST_FAILURES,
    METRIC_EVENTS,
    METRIC_WATCH_ENDS,
    METRIC_CONTAINERS,
    METRIC_CONTAINER_REQUESTS,
    METRIC_SKIPPED,
};

enum {
    SKIPPED_OPT_OUT,
    SKIPPED_NOT_OPTED_IN,
    SKIPPED_NOT_LISTED,
    SKIPPED_RELABEL,
    SKIPPED_RELABEL_ERROR,
};

enum { REQUEST_ANSWERED, REQUEST_FAILED };

/* A kubelet tells of a new container in its next list: the second may be late. */
enum { POLLS_OF_PATIENCE = 2 };

/* Since the start: so long pods may have to be listed before they are profiled without a name. */
#define LIST_PATIENCE_US (60 * G_USEC_PER_SEC)

static const char *const watch_ends[] = {
#define X(name, label, text) [name] = (label),
    K8S_WATCH_ENDS(X)
#undef X
        NULL};
static const char *const skip_reasons[] = {"opt_out", "not_opted_in",  "not_listed",
                                           "relabel", "relabel_error", NULL};

static const char *const request_results[] = {
    [REQUEST_ANSWERED] = "answered", [REQUEST_FAILED] = "failed", NULL};

static const MetricRow metric_rows[] = {
    [METRIC_PODS] = {.name = "cresset_agent_pods",
                     .kind = METRIC_GAUGE,
                     .help = "Pods of the node that are known."},
    [METRIC_LISTS] = {.name = "cresset_agent_pod_lists_total",
                      .kind = METRIC_COUNTER,
                      .help = "Lists of the node's pods that the API server or kubelet gave."},
    [METRIC_LIST_FAILURES] = {.name = "cresset_agent_pod_list_failures_total",
                              .kind = METRIC_COUNTER,
                              .help = "Lists of the node's pods that failed."},
    [METRIC_EVENTS] = {.name = "cresset_agent_pod_events_total",
                       .kind = METRIC_COUNTER,
                       .help = "Events of the watch, bookmarks included."},
    [METRIC_WATCH_ENDS] = {.name = "cresset_agent_pod_watch_ends_total",
                           .kind = METRIC_COUNTER,
                           .help = "Watches of the node's pods that ended, and were begun anew.",
                           .label = "reason",
                           .label_values = watch_ends},
    [METRIC_CONTAINERS] = {.name = "cresset_agent_containers",
                           .kind = METRIC_GAUGE,
                           .help = "Containers of Docker and Podman that are known."},
    [METRIC_CONTAINER_REQUESTS] = {.name = "cresset_agent_container_requests_total",
                                   .kind = METRIC_COUNTER,
                                   .help = "Times that Docker or Podman was asked for containers.",
                                   .label = "result",
                                   .label_values = request_results},
    [METRIC_SKIPPED] = {.name = "cresset_agent_processes_skipped_total",
                        .kind = METRIC_COUNTER,
                        .help = "Processes of windows that no profile was made of.",
                        .label = "reason",
                        .label_values = skip_reasons},
};

struct Discovery {
    TargetScheme scheme;
    char *node, *tenant_label;
    PodIndex *pods;
    K8sClient *client;           /* NULL: no cluster */
    K8sWatcher *watcher;         /* likewise */
    Newcomers *newcomers;        /* of a kubelet; NULL: the API server tells of pods at once */
    LocalContainers *containers; /* NULL: there is a cluster, or nobody is asked */
    ReloadedFile *rules;         /* NULL: none */
    int64_t start_us;            /* g_get_monotonic_time */
    gint has_warned;             /* of a rule that fails */
    Metrics *metrics;
};

/* --- pods ------------------------------------------------------------------------------------- */

static void
on_list_begin(void *user)
{
    pod_index_begin(((Discovery *)user)->pods);
}

static void
on_object(const Value *object, void *user)
{
    g_autoptr(Pod) pod = pod_new(object);
    if (pod != NULL)
        pod_index_put(((Discovery *)user)->pods, pod, g_get_monotonic_time());
}

static void
on_list_end(void *user)
{
    pod_index_end(((Discovery *)user)->pods, g_get_monotonic_time());
}

static void
on_deleted(const Value *object, void *user)
{
    pod_index_remove(((Discovery *)user)->pods, value_text(object, "metadata.uid"),
                     g_get_monotonic_time());
}

static const K8sWatcherEvents pod_events = {
    .list_begin = on_list_begin,
    .object = on_object,
    .list_end = on_list_end,
    .deleted = on_deleted,
};

static void
follow_pods(Discovery *discovery, const DiscoveryConfig *config)
{
    g_autofree char *selector = g_strconcat("spec.nodeName=", config->node, NULL);
    g_autofree char *encoded = g_uri_escape_string(selector, NULL, FALSE);
    g_autofree char *query = g_strconcat("fieldSelector=", encoded, NULL);
    bool is_kubelet = config->poll_ms > 0;
    const K8sWatcherConfig watcher = {
        .path = is_kubelet ? "/pods" : "/api/v1/pods",
        .query = is_kubelet ? NULL : query,
        .start_spread_ms = config->start_spread_ms,
        .poll_ms = config->poll_ms,
        .pause_max_ms = config->retry_max_ms,
        .silence_ms = config->silence_ms,
        .events = &pod_events,
        .user = discovery,
    };
    if (is_kubelet)
        discovery->newcomers = newcomers_new(config->poll_ms * POLLS_OF_PATIENCE * 1000);
    discovery->client = k8s_client_new(config->cluster, "agent");
    discovery->watcher = k8s_watcher_new(discovery->client, &watcher);
}

/* --- relabel rules ---------------------------------------------------------------------------- */

typedef struct {
    RelabelRules *rules;
} RulesBox;

static void
clear_rules(void *data)
{
    relabel_rules_unref(((RulesBox *)data)->rules);
}

static void *
parse_rules(const char *path, void *data, GError **error)
{
    (void)data;
    g_autoptr(YamlTree) tree = yaml_tree_load(path, error);
    if (tree == NULL)
        return NULL;
    RelabelRules *rules = relabel_rules_read(tree, yaml_tree_root(tree), "the rules", error);
    if (rules == NULL)
        return NULL;
    RulesBox *box = g_atomic_rc_box_new0(RulesBox);
    box->rules = rules;
    return box;
}

static void
on_reloaded(const char *path, const GError *error, void *data)
{
    gint *has_warned = data;
    g_atomic_int_set(has_warned, FALSE);
    if (error != NULL)
        g_warning("%s is not taken, the rules before stay in force: %s", path, error->message);
    else
        g_message("%s was read again", path);
}

static bool
load_rules(Discovery *discovery, const char *path, GError **error)
{
    const ReloadedFileConfig config = {.parse = parse_rules,
                                       .clear = clear_rules,
                                       .notice = on_reloaded,
                                       .notice_data = &discovery->has_warned};
    if (path == NULL || *path == '\0')
        return true;
    discovery->rules = reloaded_file_new(path, &config, error);
    return discovery->rules != NULL;
}

/* Whether the rules keep it. What they cannot be asked about is not kept: they may be there to hide
 * something. */
static bool
relabel(Discovery *discovery, const Target *target, LabelSet *set)
{
    g_autoptr(GError) error = NULL;
    bool is_kept = false;
    if (discovery->rules == NULL)
        return true;
    target_add_meta_labels(target, set);
    RulesBox *box = reloaded_file_acquire(discovery->rules);
    bool applied = relabel_rules_apply(box->rules, set, &is_kept, &error);
    reloaded_file_release(discovery->rules, box);
    target_drop_meta_labels(set);
    if (!applied || !is_kept)
        metrics_add(discovery->metrics, METRIC_SKIPPED,
                    applied ? SKIPPED_RELABEL : SKIPPED_RELABEL_ERROR, 1);
    if (!applied && g_atomic_int_compare_and_exchange(&discovery->has_warned, FALSE, TRUE))
        g_warning("a relabel rule fails for process %u, which is not profiled: %s", target->pid,
                  error->message);
    return applied && is_kept;
}

/* --- public ----------------------------------------------------------------------------------- */

Discovery *
discovery_new(const DiscoveryConfig *config, GError **error)
{
    g_autoptr(K8sConfig) cluster = config->cluster;
    g_autoptr(Discovery) discovery = g_new0(Discovery, 1);
    discovery->scheme = config->scheme;
    discovery->node = g_strdup(config->node);
    discovery->tenant_label = g_strdup(config->tenant_label);
    discovery->start_us = g_get_monotonic_time();
    discovery->pods = pod_index_new();
    discovery->metrics = metrics_new(metric_rows, G_N_ELEMENTS(metric_rows));
    if (!load_rules(discovery, config->relabel_file, error))
        return NULL;
    if (cluster != NULL) {
        follow_pods(discovery, config);
        cluster = NULL;
    } else if (config->docker_socket != NULL && *config->docker_socket != '\0') {
        const LocalContainersConfig containers = {.socket = config->docker_socket};
        discovery->containers = local_containers_new(&containers);
    }
    return g_steal_pointer(&discovery);
}

void
discovery_free(Discovery *discovery)
{
    if (discovery == NULL)
        return;
    k8s_watcher_free(discovery->watcher);
    k8s_client_free(discovery->client);
    newcomers_free(discovery->newcomers);
    local_containers_free(discovery->containers);
    pod_index_free(discovery->pods);
    reloaded_file_free(discovery->rules);
    metrics_free(discovery->metrics);
    g_free(discovery->node);
    g_free(discovery->tenant_label);
    g_free(discovery);
}

/* Whether it is in a pod that is not known yet: it may have opted out. */
static bool
must_wait(Discovery *discovery, const Target *target)
{
    const Cgroup *cgroup = target->cgroup;
    const char *id = cgroup->container_id != NULL ? cgroup->container_id : cgroup->pod_uid;
    int64_t now_us = g_get_monotonic_time();
    if (discovery->watcher == NULL || target->pod != NULL || id == NULL)
        return false;
    if (!pod_index_is_listed(discovery->pods))
        return now_us - discovery->start_us < LIST_PATIENCE_US;
    return discovery->newcomers != NULL && newcomers_is_new(discovery->newcomers, id, now_us);
}

/* Whether it is to be profiled, by the annotation of its pod; counted when not. */
static bool
is_wanted(Discovery *discovery, const Target *target)
{
    if (must_wait(discovery, target)) {
        metrics_add(discovery->metrics, METRIC_SKIPPED, SKIPPED_NOT_LISTED, 1);
        return false;
    }
    if (target_is_wanted(target, discovery->scheme))
        return true;
    bool is_opt_in = discovery->scheme == TARGET_SCHEME_ANNOTATION;
    metrics_add(discovery->metrics, METRIC_SKIPPED,
                is_opt_in ? SKIPPED_NOT_OPTED_IN : SKIPPED_OPT_OUT, 1);
    return false;
}

/* The container of a process outside of pods, a new reference; NULL: in none, or not known. */
static LocalContainer *
find_container(Discovery *discovery, const Cgroup *cgroup)
{
    if (discovery->containers == NULL || cgroup->container_id == NULL)
        return NULL;
    return local_containers_find(discovery->containers, cgroup->container_id);
}

void
discovery_notice(Discovery *discovery, const Cgroup *cgroup)
{
    local_container_unref(find_container(discovery, cgroup));
}

bool
discovery_label(Discovery *discovery, const Target *target, const LabelSet *fixed, LabelSet *set)
{
    Target found = *target;
    g_autoptr(Pod) pod =
        pod_index_find(discovery->pods, target->cgroup->container_id, target->cgroup->pod_uid,
                       g_get_monotonic_time(), &found.container);
    found.pod = pod;
    g_autoptr(LocalContainer) container = find_container(discovery, target->cgroup);
    found.local = container;
    if (!is_wanted(discovery, &found))
        return false;
    target_add_labels(&found, set);
    for (size_t i = 0; i < label_set_size(fixed); i++) {
        const char *name, *value;
        label_set_at(fixed, i, &name, &value);
        label_set_set(set, name, value);
    }
    target_add_tenant(found.pod, discovery->tenant_label, set);
    return relabel(discovery, &found, set);
}

GPtrArray *
discovery_pods(Discovery *discovery)
{
    return pod_index_list(discovery->pods);
}

uint64_t
discovery_pods_version(Discovery *discovery)
{
    return pod_index_version(discovery->pods);
}

void
discovery_check(Discovery *discovery, GString *out)
{
    if (discovery->containers != NULL)
        local_containers_check(discovery->containers, out);
    if (discovery->watcher == NULL)
        return;
    g_auto(K8sWatcherState) state = {0};
    const char *who = discovery->newcomers != NULL ? "kubelet" : "kubernetes";
    k8s_watcher_get_state(discovery->watcher, &state);
    if (state.trouble != K8S_WATCH_DUE)
        g_string_append_printf(out, "%s: %s: %s\n", who, k8s_watch_end_text(state.trouble),
                               state.message);
    else if (!state.is_listed)
        g_string_append_printf(out, "%s: the pods of node %s are not listed yet\n", who,
                               discovery->node);
}

void
discovery_write_metrics(Discovery *discovery, GString *out)
{
    g_auto(K8sWatcherState) state = {0};
    LocalContainersState containers = {0};
    if (discovery->watcher != NULL)
        k8s_watcher_get_state(discovery->watcher, &state);
    if (discovery->containers != NULL)
        local_containers_get_state(discovery->containers, &containers);
    Metrics *metrics = discovery->metrics;
    metrics_set(metrics, METRIC_PODS, 0, (double)pod_index_size(discovery->pods));
    metrics_set(metrics, METRIC_LISTS, 0, (double)state.lists);
    metrics_set(metrics, METRIC_LIST_FAILURES, 0, (double)state.list_failures);
    metrics_set(metrics, METRIC_EVENTS, 0, (double)state.events);
    metrics_set(metrics, METRIC_CONTAINERS, 0, (double)containers.known);
    metrics_set(metrics, METRIC_CONTAINER_REQUESTS, REQUEST_ANSWERED, (double)containers.answers);
    metrics_set(metrics, METRIC_CONTAINER_REQUESTS, REQUEST_FAILED, (double)containers.failures);
    for (size_t i = 0; i < K8S_WATCH_N_ENDS; i++)
        metrics_set(metrics, METRIC_WATCH_ENDS, i, (double)state.ends[i]);
    metrics_write(metrics, out);
    if (discovery->rules != NULL)
        reloaded_file_write_metrics(discovery->rules, "cresset_agent_relabel_file", out);
}
