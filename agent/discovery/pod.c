#include "agent/discovery/pod.h"

#include <string.h>

static void
clear_port(void *data)
{
    PodPort *port = data;
    g_free(port->name);
    g_free(port->protocol);
}

static void
clear_container(void *data)
{
    PodContainer *container = data;
    g_free(container->name);
    g_free(container->image);
    g_free(container->runtime_id);
    g_array_unref(container->ports);
}

static void
clear_pod(void *data)
{
    Pod *pod = data;
    char *const texts[] = {
        pod->namespace,      pod->name,  pod->uid,           pod->node,     pod->ip,
        pod->host_ip,        pod->phase, pod->manifest_hash, pod->workload, pod->controller_kind,
        pod->controller_name};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    label_set_free(pod->labels);
    label_set_free(pod->annotations);
    g_array_unref(pod->containers);
}

Pod *
pod_ref(Pod *pod)
{
    return g_atomic_rc_box_acquire(pod);
}

void
pod_unref(Pod *pod)
{
    if (pod != NULL)
        g_atomic_rc_box_release_full(pod, clear_pod);
}

const char *
pod_container_id(const PodContainer *container)
{
    if (container->runtime_id == NULL)
        return NULL;
    const char *id = strstr(container->runtime_id, "://");
    return id != NULL ? id + strlen("://") : container->runtime_id;
}

/* A copy; NULL where there is none. */
static char *
copy(const Value *value, const char *path)
{
    const char *text = value_text(value, path);
    return *text != '\0' ? g_strdup(text) : NULL;
}

/* "web-5d4f" without "-5d4f", or NULL when it does not end so. */
static char *
without_suffix(const char *name, const char *suffix)
{
    size_t length = strlen(name), n = strlen(suffix);
    if (n == 0 || length < n + 2 || name[length - n - 1] != '-' || !g_str_has_suffix(name, suffix))
        return NULL;
    return g_strndup(name, length - n - 1);
}

/* The CronJob of a Job, which is called NAME-MINUTES, minutes since 1970; NULL: of none. */
static char *
cron_job_of(const char *job)
{
    enum { MINUTES_DIGITS = 8 }; /* from 1989 to 2160 */
    const char *dash = strrchr(job, '-');
    if (dash == NULL || dash == job || strlen(dash + 1) != MINUTES_DIGITS ||
        strspn(dash + 1, "0123456789") != MINUTES_DIGITS)
        return NULL;
    return g_strndup(job, (gsize)(dash - job));
}

static char *
workload_of(const Pod *pod)
{
    const char *kind = pod->controller_kind, *name = pod->controller_name;
    /* A static pod is the node's, which is no workload. */
    if (kind == NULL || name == NULL || strcmp(kind, "Node") == 0)
        return NULL;
    char *workload = NULL;
    if (strcmp(kind, "ReplicaSet") == 0)
        workload = without_suffix(name, label_set_get(pod->labels, "pod-template-hash"));
    else if (strcmp(kind, "Job") == 0)
        workload = cron_job_of(name);
    return workload != NULL ? workload : g_strdup(name);
}

static void
read_owner(Pod *pod, const Value *object)
{
    const Value *owner = value_first(object, "metadata.ownerReferences");
    while (owner != NULL && !value_is_true(owner, "controller"))
        owner = owner->next;
    pod->controller_kind = copy(owner, "kind");
    pod->controller_name = copy(owner, "name");
    pod->workload = workload_of(pod);
}

static LabelSet *
read_texts(const Value *object, const char *path)
{
    LabelSet *set = label_set_new();
    for (const Value *text = value_first(object, path); text != NULL; text = text->next)
        if (text->type == VALUE_TEXT && *text->key != '\0' && text->n <= POD_ANNOTATION_BYTES_MAX &&
            label_set_size(set) < POD_LABELS_MAX)
            label_set_set(set, text->key, text->text);
    return set;
}

static GArray *
read_ports(const Value *container)
{
    GArray *ports = g_array_new(FALSE, FALSE, sizeof(PodPort));
    g_array_set_clear_func(ports, clear_port);
    for (const Value *port = value_first(container, "ports");
         port != NULL && ports->len < POD_CONTAINERS_MAX; port = port->next) {
        const char *protocol = value_text(port, "protocol");
        PodPort added = {
            .name = g_strdup(value_text(port, "name")),
            .number = (uint16_t)CLAMP(value_int(port, "containerPort", 0), 0, G_MAXUINT16),
            .protocol = g_strdup(*protocol != '\0' ? protocol : "TCP"),
        };
        g_array_append_val(ports, added);
    }
    return ports;
}

static int64_t
start_of(const Value *status)
{
    static const int64_t second_ns = INT64_C(1000000000);
    g_autoptr(GDateTime) started =
        g_date_time_new_from_iso8601(value_text(status, "state.running.startedAt"), NULL);
    int64_t started_s = started != NULL ? g_date_time_to_unix(started) : 0;
    bool is_good = started_s > 0 && started_s < INT64_MAX / second_ns;
    return is_good ? (started_s + 1) * second_ns : 0;
}

static void
read_containers(Pod *pod, const Value *object, const char *specs, const char *statuses,
                bool is_init)
{
    for (const Value *spec = value_first(object, specs);
         spec != NULL && pod->containers->len < POD_CONTAINERS_MAX; spec = spec->next) {
        const char *name = value_text(spec, "name");
        const Value *status = value_find(object, statuses, "name", name);
        PodContainer container = {
            .name = g_strdup(name),
            .image = g_strdup(value_text(spec, "image")),
            .runtime_id = copy(status, "containerID"),
            .start_ns = start_of(status),
            .is_init = is_init,
            .ports = read_ports(spec),
        };
        g_array_append_val(pod->containers, container);
    }
}

/* The hash of the manifest of a static pod (MD5); NULL: none. Whoever makes a pod can write into
 * its annotations, but no id of another pod or container looks like that. */
static char *
manifest_hash_of(const LabelSet *annotations)
{
    enum { DIGITS = 32 };
    const char *hash = label_set_get(annotations, "kubernetes.io/config.hash");
    bool is_hash = strlen(hash) == DIGITS && strspn(hash, "0123456789abcdef") == DIGITS;
    return is_hash ? g_strdup(hash) : NULL;
}

Pod *
pod_new(const Value *object)
{
    const Value *metadata = value_get(object, "metadata");
    if (*value_text(metadata, "namespace") == '\0' || *value_text(metadata, "name") == '\0' ||
        *value_text(metadata, "uid") == '\0')
        return NULL;
    Pod *pod = g_atomic_rc_box_new0(Pod);
    pod->namespace = copy(metadata, "namespace");
    pod->name = copy(metadata, "name");
    pod->uid = copy(metadata, "uid");
    pod->node = copy(object, "spec.nodeName");
    pod->ip = copy(object, "status.podIP");
    pod->host_ip = copy(object, "status.hostIP");
    pod->phase = copy(object, "status.phase");
    pod->labels = read_texts(object, "metadata.labels");
    pod->annotations = read_texts(object, "metadata.annotations");
    pod->manifest_hash = manifest_hash_of(pod->annotations);
    read_owner(pod, object);
    pod->containers = g_array_new(FALSE, FALSE, sizeof(PodContainer));
    g_array_set_clear_func(pod->containers, clear_container);
    read_containers(pod, object, "spec.initContainers", "status.initContainerStatuses", true);
    read_containers(pod, object, "spec.containers", "status.containerStatuses", false);
    read_containers(pod, object, "spec.ephemeralContainers", "status.ephemeralContainerStatuses",
                    false);
    return pod;
}
