#include "analyzers/collect/cluster.h"

#include <string.h>

#include "analyzers/collect/lookup.h"
#include "lib/base/error.h"
#include "lib/k8s/discovery.h"

typedef struct {
    Snapshot *snapshot;
    K8sClient *client;
    const Discovery *discovery;
    ValueReader *reader;
    GMutex lock; /* of the snapshot and the reader */
    K8sCall call;
    gint next; /* the next kind to list, atomic */
    const ClusterOptions *options;
} Cluster;

/* One list that comes page by page. */
typedef struct {
    Cluster *cluster;
    Kind kind;
} Listing;

/* Most events say that all is well: of those only what checks read is kept. */
static bool
is_kept(Kind kind, const Value *item)
{
    static const char *const reasons[] = {"SuccessfulCreate",
                                          "Killing",
                                          "Pulling",
                                          "Pulled",
                                          "TriggeredScaleUp",
                                          "Nominated",
                                          "NotTriggerScaleUp",
                                          "ExternalProvisioning",
                                          NULL};
    return kind != KIND_EVENT || !value_is(item, "type", "Normal") ||
           g_strv_contains(reasons, value_text(item, "reason"));
}

static bool
take_page(GBytes *page, void *data, GError **error)
{
    const Listing *listing = data;
    Cluster *cluster = listing->cluster;
    gsize size;
    const void *body = g_bytes_get_data(page, &size);
    g_mutex_lock(&cluster->lock);
    value_reader_begin(cluster->reader, VALUE_JSON);
    const Value *list = value_reader_feed(cluster->reader, body, size, error)
                            ? value_reader_end(cluster->reader, error)
                            : NULL;
    bool fits = true;
    /* A list that begins anew brings what was there already, which is then ignored. */
    for (const Value *item = value_first(list, "items"); item != NULL && fits; item = item->next)
        fits =
            !is_kept(listing->kind, item) || snapshot_add(cluster->snapshot, listing->kind, item);
    g_mutex_unlock(&cluster->lock);
    return list != NULL &&
           (fits || error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "the snapshot is full"));
}

static void
set_state(Cluster *cluster, Kind kind, ListState state, const char *why)
{
    g_mutex_lock(&cluster->lock);
    snapshot_set_list(cluster->snapshot, kind, state, why);
    g_mutex_unlock(&cluster->lock);
}

/* What is in Secrets is nobody's to read. */
static K8sRepresentation
representation_of(Kind kind)
{
    return kind == KIND_SECRET ? K8S_METADATA : K8S_OBJECTS;
}

/* "403 pods is forbidden", without a status when there was no answer or the status is not what is
 * wrong; free with g_free. */
static char *
outcome_text(const K8sOutcome *outcome)
{
    bool is_good = outcome->status == 0 || outcome->status == 200;
    return is_good ? g_strdup(outcome->message)
                   : g_strdup_printf("%d %s", outcome->status, outcome->message);
}

static void
list_query(Cluster *cluster, Kind kind, const DiscoveredResource *resource, const char *query)
{
    Listing listing = {cluster, kind};
    g_auto(K8sOutcome) outcome = {0};
    g_autofree char *path =
        k8s_path(resource->group, resource->version, NULL, resource->resource, NULL);
    const K8sList list = {.path = path, .query = query, .representation = representation_of(kind)};
    bool is_read =
        k8s_client_list(cluster->client, &list, &cluster->call, take_page, &listing, &outcome);
    if (is_read) {
        set_state(cluster, kind, LIST_READ, NULL);
    } else if (outcome.result == K8S_ABSENT) {
        set_state(cluster, kind, LIST_ABSENT, NULL);
    } else {
        g_autofree char *text = outcome_text(&outcome);
        g_autofree char *why = g_strdup_printf("%s could not be listed%s: %s", resource->resource,
                                               outcome.is_partial ? " to the end" : "", text);
        set_state(cluster, kind, LIST_FAILED, why);
    }
}

static void
list_served(Cluster *cluster, Kind kind, const DiscoveredResource *resource)
{
    bool is_tls = kind == KIND_TLS_SECRET;
    list_query(cluster, kind, resource, is_tls ? "fieldSelector=type%3Dkubernetes.io%2Ftls" : NULL);
}

static bool
has_managed(const Cluster *cluster)
{
    size_t n;
    const DiscoveredResource *all = discovery_resources(cluster->discovery, &n);
    for (size_t i = 0; i < n; i++) {
        if (all[i].is_managed)
            return true;
    }
    return false;
}

/* Why a kind is not listed, as nobody has asked for it; NULL when it is. */
static const char *
reason_to_leave_out(const Cluster *cluster, Kind kind)
{
    const ClusterOptions *options = cluster->options;
    if (kind == KIND_SECRET && !options->with_secrets)
        return "secrets are not listed without --secrets";
    if (kind == KIND_TLS_SECRET && !options->with_tls_secrets)
        return "the content of TLS secrets is not read without --tls-secrets";
    bool has_groups = options->managed_groups != NULL && options->managed_groups[0] != '\0';
    if (kind == KIND_MANAGED && !has_groups && has_managed(cluster))
        return "managed resources are not listed without --managed-groups";
    bool is_report = kind == KIND_POLICY_REPORT || kind == KIND_CLUSTER_POLICY_REPORT;
    return is_report && !options->with_reports
               ? "reports of policies are listed only for checks of tier 3"
               : NULL;
}

/* The types of the category "managed" in the groups that are asked for, each in the version that
 * the server prefers. */
static void
list_managed(Cluster *cluster)
{
    size_t n;
    const DiscoveredResource *all = discovery_resources(cluster->discovery, &n);
    g_auto(GStrv) groups = g_strsplit_set(cluster->options->managed_groups, ", ", -1);
    const char *const *wanted = (const char *const *)groups;
    g_autofree char *why = NULL;
    set_state(cluster, KIND_MANAGED, LIST_ABSENT, NULL);
    for (size_t i = 0; i < n; i++) {
        const DiscoveredResource *one = &all[i];
        if (!one->is_managed ||
            one != discovery_find(cluster->discovery, one->group, one->resource, NULL) ||
            (!g_strv_contains(wanted, "*") && !g_strv_contains(wanted, one->group)))
            continue;
        list_query(cluster, KIND_MANAGED, one, NULL);
        if (why == NULL && snapshot_list_state(cluster->snapshot, KIND_MANAGED) == LIST_FAILED)
            why = g_strdup(snapshot_list_problem(cluster->snapshot, KIND_MANAGED));
    }
    if (why != NULL)
        set_state(cluster, KIND_MANAGED, LIST_FAILED, why);
}

static void
list_kind(Cluster *cluster, Kind kind)
{
    const char *left_out = reason_to_leave_out(cluster, kind);
    const KindRow *row = kind_row(kind);
    const DiscoveredResource *resource =
        discovery_find(cluster->discovery, row->group, row->resource, NULL);
    if (left_out != NULL)
        set_state(cluster, kind, LIST_NOT_READ, left_out);
    else if (kind == KIND_MANAGED && has_managed(cluster))
        list_managed(cluster);
    else if (resource != NULL)
        list_served(cluster, kind, resource);
    else if (discovery_is_stale(cluster->discovery, row->group))
        set_state(cluster, kind, LIST_FAILED, "the API that has them does not answer");
    else
        set_state(cluster, kind, LIST_ABSENT, NULL);
}

static void *
list_kinds(void *data)
{
    Cluster *cluster = data;
    for (;;) {
        int kind = g_atomic_int_add(&cluster->next, 1);
        if (kind >= KIND_COUNT)
            return NULL;
        if (kind != KIND_CONFIG_MAP)
            list_kind(cluster, (Kind)kind);
    }
}

static void
list_all(Cluster *cluster)
{
    GThread *threads[CLUSTER_PARALLEL];
    cluster->next = KIND_NONE + 1;
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("list", list_kinds, cluster);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    /* They may be larger than everything else: the snapshot is full rather without them. */
    list_kind(cluster, KIND_CONFIG_MAP);
}

/* ---- The server itself. ---- */

static void
take_readiness(Cluster *cluster)
{
    enum { TIMEOUT_MS = 10 * 1000, BYTES_MAX = 64 * 1024 };
    g_auto(K8sReadiness) readiness = {0};
    g_auto(K8sOutcome) outcome = {0};
    K8sCall call = cluster->call;
    call.timeout_ms = TIMEOUT_MS;
    call.body_bytes_max = BYTES_MAX;
    if (!k8s_client_readiness(cluster->client, &call, &readiness, &outcome)) {
        g_autofree char *text = outcome_text(&outcome);
        g_autofree char *why = g_strconcat("/readyz was not answered: ", text, NULL);
        snapshot_set_fact(cluster->snapshot, FACT_READYZ, NULL, why);
        snapshot_set_fact(cluster->snapshot, FACT_CERTIFICATE, NULL, why);
        return;
    }
    gsize size;
    const char *bytes = g_bytes_get_data(readiness.text, &size);
    g_autofree char *text = g_utf8_make_valid(bytes != NULL ? bytes : "", (gssize)size);
    snapshot_set_fact(cluster->snapshot, FACT_READYZ, text, NULL);
    g_autofree char *pem = NULL;
    if (readiness.certificate_pem != NULL)
        pem = g_strndup(g_bytes_get_data(readiness.certificate_pem, NULL),
                        g_bytes_get_size(readiness.certificate_pem));
    snapshot_set_fact(cluster->snapshot, FACT_CERTIFICATE, pem,
                      "the API server was reached without TLS, or by way of a proxy");
}

/* ---- Logs. ---- */

typedef struct {
    K8sClient *client;
    GMutex lock;
    GHashTable *read; /* path of a log -> its text, or NULL when it was not to be had */
    int left;         /* how many more are read */
    int64_t left_us;  /* how much longer may be waited for them */
    Snapshot *snapshot;
} LogSource;

static void
log_source_free(gpointer data)
{
    LogSource *source = data;
    g_mutex_clear(&source->lock);
    g_hash_table_unref(source->read);
    g_free(source);
}

/* With the status 200 the kubelet says that the container, and with it the log, is gone. */
static bool
is_lost_log(const char *bytes, gsize size)
{
    static const char text[] = "unable to retrieve container logs for ";
    return size >= strlen(text) && memcmp(bytes, text, strlen(text)) == 0;
}

static char *
fetch_log(LogSource *source, const Object *pod, const char *container, bool previous)
{
    enum { LINES = 60, TIMEOUT_S = 10 };
    const int64_t begin_us = g_get_monotonic_time();
    g_autoptr(GBytes) text = NULL;
    g_auto(K8sOutcome) outcome = {0};
    const K8sLog log = {.namespace = pod->ns,
                        .pod = pod->name,
                        .container = container,
                        .previous = previous,
                        .tail_lines = LINES};
    const K8sCall call = {.end_us = begin_us + MIN(TIMEOUT_S * G_USEC_PER_SEC, source->left_us)};
    bool is_read = k8s_client_log(source->client, &log, &call, &text, &outcome);
    source->left_us -= g_get_monotonic_time() - begin_us;
    if (!is_read)
        return NULL;
    gsize size;
    const char *bytes = g_bytes_get_data(text, &size);
    if (is_lost_log(bytes, size))
        return NULL;
    return g_utf8_make_valid(bytes != NULL ? bytes : "", (gssize)size);
}

/* Whether one more may be asked for; says so of the first that may not for want of time. */
static bool
may_fetch(LogSource *source)
{
    const int64_t useful_us = G_USEC_PER_SEC / 100; /* timeouts are in ms */
    bool has_time = source->left_us >= useful_us;
    if (!has_time)
        snapshot_set_logs_problem(source->snapshot, "the API server takes too long to read logs");
    return source->left > 0 && has_time;
}

/* Each log once, as several checks look at the same. */
static char *
read_log(void *data, const Object *pod, const char *container, bool previous)
{
    LogSource *source = data;
    g_autofree char *key = g_strdup_printf("%s/%s/%s/%d", pod->ns, pod->name, container, previous);
    gpointer text = NULL;
    g_mutex_lock(&source->lock);
    if (!g_hash_table_lookup_extended(source->read, key, NULL, &text) && may_fetch(source)) {
        source->left--;
        text = fetch_log(source, pod, container, previous);
        g_hash_table_insert(source->read, g_steal_pointer(&key), text);
    }
    char *copy = g_strdup(text);
    g_mutex_unlock(&source->lock);
    return copy;
}

static CressetError
error_of_result(K8sResult result)
{
    switch (result) {
    case K8S_UNAUTHENTICATED:
        return CRESSET_ERROR_UNAUTHENTICATED;
    case K8S_FORBIDDEN:
        return CRESSET_ERROR_PERMISSION_DENIED;
    case K8S_ABSENT:
    case K8S_NOT_FOUND:
        return CRESSET_ERROR_NOT_FOUND;
    case K8S_TIMEOUT:
        return CRESSET_ERROR_DEADLINE_EXCEEDED;
    case K8S_CANCELLED:
        return CRESSET_ERROR_CANCELLED;
    default:
        return CRESSET_ERROR_UNAVAILABLE;
    }
}

static bool
fail_to_reach(const K8sClient *client, const K8sOutcome *outcome, GError **error)
{
    const K8sConfig *config = k8s_client_config(client);
    g_autofree char *text = outcome_text(outcome);
    return error_set(error, error_of_result(outcome->result),
                     "cannot read the cluster by %s (%s): %s", config->server, config->origin,
                     text);
}

static void
open_logs(Snapshot *snapshot, K8sClient *client, const ClusterOptions *options)
{
    const int64_t time_ms =
        options->logs_time_ms > 0 ? options->logs_time_ms : CLUSTER_LOGS_S * INT64_C(1000);
    LogSource *source = g_new0(LogSource, 1);
    *source = (LogSource){.client = client,
                          .read = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
                          .left = CLUSTER_LOGS_MAX,
                          .left_us = time_ms * (G_USEC_PER_SEC / 1000),
                          .snapshot = snapshot};
    g_mutex_init(&source->lock);
    snapshot_set_log_source(snapshot, read_log, source, log_source_free);
}

bool
cluster_read(Snapshot *snapshot, K8sClient *client, const ClusterOptions *options, GError **error)
{
    const int64_t deadline_us = CLUSTER_DEADLINE_S * G_USEC_PER_SEC;
    Cluster cluster = {.snapshot = snapshot,
                       .client = client,
                       .call = {.end_us = g_get_monotonic_time() + deadline_us},
                       .options = options};
    g_auto(K8sOutcome) outcome = {0};
    g_autoptr(Discovery) discovery = discovery_load(client, &cluster.call, &outcome);
    if (discovery == NULL)
        return fail_to_reach(client, &outcome, error);
    g_autoptr(ValueReader) reader = value_reader_new(snapshot_arena(snapshot));
    cluster.discovery = discovery;
    cluster.reader = reader;
    g_mutex_init(&cluster.lock);
    list_all(&cluster);
    take_readiness(&cluster);
    g_mutex_clear(&cluster.lock);
    open_logs(snapshot, client, options);
    lookup_open(snapshot, client, g_steal_pointer(&discovery));
    snapshot_finish(snapshot);
    return true;
}
