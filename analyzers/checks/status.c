#include "analyzers/checks/status.h"

#include <string.h>

bool
status_is(const Object *object, const char *type, const char *status)
{
    return value_is(condition_of(object, type), "status", status);
}

int64_t
status_since(const Object *object, const char *type)
{
    return value_time(condition_of(object, type), "lastTransitionTime");
}

bool
status_is_deleted(const Object *object)
{
    return value_text(object->value, "metadata.deletionTimestamp")[0] != '\0';
}

bool
status_is_settled(const CheckRun *run, const Object *object, int64_t seconds)
{
    int64_t changed_s = object_changed_s(object, NULL);
    return changed_s > 0 && run->now_s - changed_s >= seconds;
}

/* ---- Pods. ---- */

bool
pod_is_finished(const Object *pod)
{
    const char *phase = value_text(pod->value, "status.phase");
    return strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0;
}

bool
pod_is_unready(const Object *pod, int64_t *ret_since_s)
{
    *ret_since_s = 0;
    if (!pod_is_wanted(pod) || status_is(pod, "Ready", "True"))
        return false;
    *ret_since_s = status_since(pod, "Ready");
    if (*ret_since_s == 0)
        *ret_since_s = pod->created_s;
    return true;
}

bool
pod_is_down(const CheckRun *run, const CheckRow *row, const Object *pod, int64_t *ret_since_s)
{
    if (!pod_is_unready(pod, ret_since_s))
        return false;
    for (const Value *s = value_first(pod->value, "status.containerStatuses"); s != NULL;
         s = s->next) {
        if (value_is(s, "state.waiting.reason", "CrashLoopBackOff")) {
            *ret_since_s = 0;
            return check_held(run, row, pod->created_s);
        }
    }
    return check_held(run, row, *ret_since_s);
}

const char *
pod_node(const Object *pod)
{
    const char *name = value_text(pod->value, "spec.nodeName");
    if (name[0] != '\0')
        return name;
    const Value *term = value_first(pod->value, "spec.affinity.nodeAffinity."
                                                "requiredDuringSchedulingIgnoredDuringExecution."
                                                "nodeSelectorTerms");
    const Value *field = value_find(term, "matchFields", "key", "metadata.name");
    return value_text(value_first(field, "values"), "");
}

static char *
container_trouble(const Value *status, bool is_before_others)
{
    const char *name = value_text(status, "name");
    const Value *waiting = value_at(status, "state.waiting");
    const Value *ended = value_at(status, "state.terminated");
    if (ended == NULL)
        ended = value_at(status, "lastState.terminated");
    const char *why = value_text(waiting, "reason");
    if (ended != NULL && value_int(ended, "exitCode", 0) != 0)
        return g_strdup_printf("container %s exited with %s (%s)%s%s", name,
                               value_text(ended, "exitCode"), value_text(ended, "reason"),
                               why[0] != '\0' ? ", now " : "", why);
    if (waiting != NULL && strcmp(why, "ContainerCreating") != 0 &&
        strcmp(why, "PodInitializing") != 0)
        return g_strdup_printf("container %s waits: %s", name, why);
    if (value_at(status, "state.running") != NULL && !value_is_true(status, "ready"))
        return g_strdup_printf(is_before_others
                                   ? "init container %s has not ended, and the others wait for it"
                                   : "container %s runs but is not ready",
                               name);
    return NULL;
}

char *
pod_trouble(const Object *pod)
{
    const char *const lists[] = {"status.initContainerStatuses", "status.containerStatuses"};
    const Value *scheduled = condition_of(pod, "PodScheduled");
    if (value_is(scheduled, "status", "False"))
        return g_strdup_printf("not scheduled: %s", value_text(scheduled, "message"));
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (const Value *s = value_first(pod->value, lists[i]); s != NULL; s = s->next) {
            const Value *spec =
                value_find(pod->value, "spec.initContainers", "name", value_text(s, "name"));
            bool is_before_others = i == 0 && !value_is(spec, "restartPolicy", "Always");
            char *trouble = container_trouble(s, is_before_others);
            if (trouble != NULL)
                return trouble;
        }
    }
    return g_strdup(value_text(pod->value, "status.reason"));
}

/* ---- Who sends requests. ---- */

static bool
routes_to(const Object *ingress, const char *service)
{
    for (const Value *rule = value_first(ingress->value, "spec.rules"); rule != NULL;
         rule = rule->next) {
        for (const Value *path = value_first(rule, "http.paths"); path != NULL; path = path->next) {
            if (value_is(path, "backend.service.name", service))
                return true;
        }
    }
    return value_is(ingress->value, "spec.defaultBackend.service.name", service);
}

static void
add_hosts(const CheckRun *run, GString *text, const Object *service)
{
    const GPtrArray *all = snapshot_in_namespace(run->snapshot, KIND_INGRESS, service->ns);
    for (guint i = 0; i < all->len; i++) {
        const Object *ingress = all->pdata[i];
        if (!routes_to(ingress, service->name))
            continue;
        const char *host = value_text(value_first(ingress->value, "spec.rules"), "host");
        g_string_append_printf(text, " (%s%s)", host[0] != '\0' ? "" : "Ingress ",
                               host[0] != '\0' ? host : ingress->name);
        return;
    }
}

char *
served_text(const CheckRun *run, const Object *maker, guint *ret_n)
{
    enum { SERVICES_MAX = 3 };
    GString *text = g_string_new(NULL);
    const Value *labels = value_at(pod_template(maker), "metadata.labels");
    const GPtrArray *all = snapshot_in_namespace(run->snapshot, KIND_SERVICE, maker->ns);
    *ret_n = 0;
    for (guint i = 0; i < all->len; i++) {
        const Object *service = all->pdata[i];
        if (!service_selects(service, labels) || ++*ret_n > SERVICES_MAX)
            continue;
        g_string_append_printf(text, "%sService %s", text->len > 0 ? ", " : "", service->name);
        add_hosts(run, text, service);
    }
    return g_string_free(text, FALSE);
}
