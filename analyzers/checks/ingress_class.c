#include "analyzers/checks/ingress_class.h"

#include <string.h>

#include "analyzers/collect/backend.h"

/* spec.controller of well-known classes, the class that charts call it, and the label that their
 * pods carry. */
static const struct {
    const char *controller, *class, *name;
} controllers[] = {
    {"k8s.io/ingress-nginx", "nginx", "ingress-nginx"},
    {"nginx.org/ingress-controller", "nginx", "nginx-ingress"},
    {"traefik.io/ingress-controller", "traefik", "traefik"},
    {"haproxy-ingress.github.io/controller", "haproxy", "haproxy-ingress"},
    {"haproxy.org/ingress-controller/haproxy", "haproxy", "kubernetes-ingress"},
    {"projectcontour.io/ingress-controller", "contour", "contour"},
    {"ingress-controllers.konghq.com/kong", "kong", "kong"},
};

const char *
ingress_class_name(const Object *ingress)
{
    const char *name = value_text(ingress->value, "spec.ingressClassName");
    const Value *annotations = value_at(ingress->value, "metadata.annotations");
    return name[0] != '\0' ? name
                           : value_text(value_get(annotations, "kubernetes.io/ingress.class"), "");
}

static GPtrArray *
labelled(const GPtrArray *all, const char *key, const char *text)
{
    GPtrArray *pods = g_ptr_array_new();
    for (guint i = 0; i < all->len; i++) {
        const Object *pod = all->pdata[i];
        const Value *label = value_get(value_at(pod->value, "metadata.labels"), key);
        if (value_is(label, "", text) && backend_is_live(pod))
            g_ptr_array_add(pods, all->pdata[i]);
    }
    return pods;
}

/* Contour's envoys take the requests, not its controller. */
static GPtrArray *
pods_named(const Snapshot *snapshot, const char *name)
{
    const GPtrArray *all = snapshot_objects(snapshot, KIND_POD);
    GPtrArray *pods = labelled(all, "app.kubernetes.io/name", name);
    for (guint i = pods->len; i > 0; i--) {
        const Object *pod = pods->pdata[i - 1];
        const Value *labels = value_at(pod->value, "metadata.labels");
        const char *part = value_text(value_get(labels, "app.kubernetes.io/component"), "");
        if (strcmp(part, "admission-webhook") == 0 || strcmp(part, "default-backend") == 0 ||
            (strcmp(name, "contour") == 0 && strcmp(part, "envoy") != 0))
            g_ptr_array_remove_index(pods, i - 1);
    }
    return pods;
}

GPtrArray *
ingress_class_pods(const Snapshot *snapshot, const Object *class)
{
    for (size_t i = 0; i < G_N_ELEMENTS(controllers); i++) {
        if (value_is(class->value, "spec.controller", controllers[i].controller))
            return pods_named(snapshot, controllers[i].name);
    }
    return g_ptr_array_new();
}

GPtrArray *
ingress_pods(const Snapshot *snapshot, const Object *ingress)
{
    const char *name = ingress_class_name(ingress);
    const Object *class = snapshot_get(snapshot, KIND_INGRESS_CLASS, "", name);
    if (class != NULL)
        return ingress_class_pods(snapshot, class);
    for (size_t i = 0; i < G_N_ELEMENTS(controllers); i++) {
        if (strcmp(controllers[i].class, name) == 0)
            return pods_named(snapshot, controllers[i].name);
    }
    return g_ptr_array_new();
}

GPtrArray *
gateway_pods(const Snapshot *snapshot, const Object *gateway)
{
    const GPtrArray *all = snapshot_in_namespace(snapshot, KIND_POD, gateway->ns);
    return labelled(all, "gateway.networking.k8s.io/gateway-name", gateway->name);
}
