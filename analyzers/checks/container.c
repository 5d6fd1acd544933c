#include "analyzers/checks/container.h"

#include <string.h>

#include "lib/k8s/quantity.h"

bool
container_has_event(const Container *container, const Event *event)
{
    return event->container[0] == '\0' || strcmp(event->container, container->name) == 0;
}

const char *
probe_words(const Event *event)
{
    const char *colon = event != NULL ? strstr(event->message, ": ") : NULL;
    return colon != NULL ? colon + 2 : "";
}

bool
pod_is_static(const Object *pod)
{
    return value_get(value_at(pod->value, "metadata.annotations"), "kubernetes.io/config.mirror") !=
           NULL;
}

const Value *
condition_of(const Object *object, const char *type)
{
    return value_find(object->value, "status.conditions", "type", type);
}

bool
pod_is_wanted(const Object *pod)
{
    const char *phase = value_text(pod->value, "status.phase");
    if (value_text(pod->value, "metadata.deletionTimestamp")[0] != '\0')
        return false;
    if (value_is(condition_of(pod, "DisruptionTarget"), "status", "True"))
        return false;
    return strcmp(phase, "Succeeded") != 0 && strcmp(phase, "Failed") != 0;
}

bool
container_is_sidecar(const Container *container)
{
    return container->is_init && value_is(container->spec, "restartPolicy", "Always");
}

bool
pod_has_running(const Object *pod)
{
    for (const Value *c = value_first(pod->value, "status.containerStatuses"); c != NULL;
         c = c->next) {
        if (value_at(c, "state.running") != NULL)
            return true;
    }
    return false;
}

static void
visit_containers(CheckRun *run, const Object *pod, bool is_init, ContainerFunc func)
{
    const char *specs = is_init ? "spec.initContainers" : "spec.containers";
    const char *statuses = is_init ? "status.initContainerStatuses" : "status.containerStatuses";
    for (const Value *spec = value_first(pod->value, specs); spec != NULL; spec = spec->next) {
        const char *name = value_text(spec, "name");
        const Container container = {pod, name, spec,
                                     value_find(pod->value, statuses, "name", name), is_init};
        func(run, &container);
    }
}

void
containers_visit(CheckRun *run, ContainerFunc func)
{
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        if (!pod_is_wanted(pod))
            continue;
        visit_containers(run, pod, true, func);
        visit_containers(run, pod, false, func);
    }
}

char *
pod_service_names(const CheckRun *run, const Object *pod)
{
    g_autoptr(GPtrArray) services = relations_pod_services(run->relations, pod);
    if (services->len == 0)
        return NULL;
    GString *names = g_string_new(NULL);
    for (guint i = 0; i < services->len; i++)
        g_string_append_printf(names, "%s%s", i > 0 ? ", " : "",
                               ((const Object *)services->pdata[i])->name);
    return g_string_free(names, FALSE);
}

/* The limit of an item of spec.containers. */
static double
limit_of(const Value *container, const char *resource)
{
    double limit = 0;
    const Value *limits = value_at(container, "resources.limits");
    return quantity_parse(value_text(value_get(limits, resource), ""), &limit) ? limit : 0;
}

double
pod_limits(const Object *pod, const char *resource)
{
    double sum = 0;
    for (const Value *c = value_first(pod->value, "spec.containers"); c != NULL; c = c->next)
        sum += limit_of(c, resource);
    return sum;
}

double
pod_limit(const Object *pod, const char *container, const char *resource)
{
    return limit_of(value_find(pod->value, "spec.containers", "name", container), resource);
}
