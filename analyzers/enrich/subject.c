#include "analyzers/enrich/subject.h"

/* Pods that a pattern or a selector is made of. */
enum { PODS_MAX = 200 };

static void
add_pod(GPtrArray *pods, const Object *pod)
{
    if (pod->kind == KIND_POD && pods->len < PODS_MAX)
        g_ptr_array_add(pods, (gpointer)(uintptr_t)pod);
}

static void
add_pods(GPtrArray *pods, const GPtrArray *objects)
{
    for (guint i = 0; i < objects->len; i++)
        add_pod(pods, objects->pdata[i]);
}

static void
add_pods_of_node(const CheckRun *run, GPtrArray *pods, const Object *node)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_POD);
    for (guint i = 0; i < all->len; i++) {
        const Object *pod = all->pdata[i];
        if (value_is(pod->value, "spec.nodeName", node->name))
            add_pod(pods, pod);
    }
}

const Object *
subject_workload(const CheckRun *run, const Finding *finding)
{
    if (finding->object->kind != KIND_HPA)
        return finding->object;
    g_autoptr(GPtrArray) needs = relations_needs(run->relations, finding->object);
    return needs->len > 0 ? needs->pdata[0] : finding->object;
}

GPtrArray *
subject_pods(const CheckRun *run, const Finding *finding)
{
    GPtrArray *pods = g_ptr_array_new();
    add_pod(pods, finding->object);
    add_pods(pods, finding->about);
    if (pods->len > 0)
        return pods;
    if (finding->object->kind == KIND_NODE) {
        add_pods_of_node(run, pods, finding->object);
    } else {
        g_autoptr(GPtrArray) owned = relations_pods(run->relations, subject_workload(run, finding));
        add_pods(pods, owned);
    }
    return pods;
}

/* ---- Names. ---- */

/* What stands behind the name of an object in the names of its pods. */
static const char *
pod_suffix(Kind kind)
{
    switch (kind) {
    case KIND_POD:
        return "";
    case KIND_STATEFUL_SET:
        return "-[0-9]+";
    case KIND_CRON_JOB:
        return "-[0-9]+-[a-z0-9-]+";
    case KIND_JOB: /* an indexed one has the index too */
        return "(-[0-9]+)?-[a-z0-9]+";
    case KIND_REPLICA_SET:
    case KIND_DAEMON_SET:
        return "-[a-z0-9]+";
    default:
        return NULL;
    }
}

static void
add_name(GString *pattern, const Object *object)
{
    const char *suffix = pod_suffix(object->kind);
    if (suffix == NULL)
        return;
    g_autofree char *escaped = g_regex_escape_string(object->name, -1);
    g_string_append_printf(pattern, "%s%s%s", pattern->len > 0 ? "|" : "", escaped, suffix);
}

char *
subject_pod_pattern(const CheckRun *run, const Object *object)
{
    GString *pattern = g_string_new(NULL);
    add_name(pattern, object);
    if (object->kind == KIND_DEPLOYMENT) {
        const GPtrArray *sets = relations_owned(run->relations, object);
        for (guint i = 0; i < sets->len; i++)
            add_name(pattern, sets->pdata[i]);
    }
    return g_string_free(pattern, pattern->len == 0);
}

/* ---- Containers. ---- */

static const Value *
find_container(const Object *pod, const char *name)
{
    const Value *found = value_find(pod->value, "spec.containers", "name", name);
    return found != NULL ? found : value_find(pod->value, "spec.initContainers", "name", name);
}

bool
subject_is_container(const Finding *finding, const Object *pod)
{
    return *finding->what != '\0' && find_container(pod, finding->what) != NULL;
}

const Value *
subject_container(const Finding *finding, const Object *pod)
{
    return subject_is_container(finding, pod) ? find_container(pod, finding->what)
                                              : value_first(pod->value, "spec.containers");
}

const Value *
subject_container_status(const Object *pod, const char *container)
{
    const Value *found = value_find(pod->value, "status.containerStatuses", "name", container);
    return found != NULL
               ? found
               : value_find(pod->value, "status.initContainerStatuses", "name", container);
}

int64_t
subject_ended(const CheckRun *run, const Finding *finding)
{
    int64_t ended_s = 0;
    g_autoptr(GPtrArray) pods = subject_pods(run, finding);
    for (guint i = 0; i < pods->len; i++) {
        const char *name = value_text(subject_container(finding, pods->pdata[i]), "name");
        const Value *status = subject_container_status(pods->pdata[i], name);
        ended_s = MAX(ended_s, value_time(status, "lastState.terminated.finishedAt"));
        ended_s = MAX(ended_s, value_time(status, "state.terminated.finishedAt"));
    }
    return ended_s;
}
