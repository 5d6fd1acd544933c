#include "analyzers/collect/relations.h"

#include <string.h>

#include "analyzers/collect/driver.h"

struct Relations {
    const Snapshot *snapshot;
    GHashTable *owned;        /* uid -> GPtrArray of Object */
    GHashTable *service_pods; /* Object -> GPtrArray of Object, of Services asked for so far */
    GPtrArray *none;
};

/* Kinds that own what is looked at, or are owned. */
static const Kind owned_kinds[] = {KIND_POD,
                                   KIND_REPLICA_SET,
                                   KIND_DEPLOYMENT,
                                   KIND_STATEFUL_SET,
                                   KIND_DAEMON_SET,
                                   KIND_JOB,
                                   KIND_CRON_JOB,
                                   KIND_REPLICATION_CONTROLLER,
                                   KIND_CONTROLLER_REVISION,
                                   KIND_CERTIFICATE_REQUEST,
                                   KIND_ORDER,
                                   KIND_CHALLENGE};
/* Kinds that make pods. */
static const Kind maker_kinds[] = {
    KIND_DEPLOYMENT, KIND_STATEFUL_SET,          KIND_DAEMON_SET, KIND_REPLICA_SET, KIND_JOB,
    KIND_CRON_JOB,   KIND_REPLICATION_CONTROLLER};

static const Value *
controller_ref(const Object *object)
{
    for (const Value *ref = value_first(object->value, "metadata.ownerReferences"); ref != NULL;
         ref = ref->next) {
        if (value_is_true(ref, "controller"))
            return ref;
    }
    return NULL;
}

static void
unref_array(gpointer array)
{
    g_ptr_array_unref(array);
}

Relations *
relations_new(const Snapshot *snapshot)
{
    Relations *relations = g_new0(Relations, 1);
    relations->snapshot = snapshot;
    relations->owned = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, unref_array);
    relations->service_pods = g_hash_table_new_full(NULL, NULL, NULL, unref_array);
    relations->none = g_ptr_array_new();
    for (size_t k = 0; k < G_N_ELEMENTS(owned_kinds); k++) {
        const GPtrArray *objects = snapshot_objects(snapshot, owned_kinds[k]);
        for (guint i = 0; i < objects->len; i++) {
            const Value *ref = controller_ref(objects->pdata[i]);
            const char *uid = value_text(ref, "uid");
            if (uid[0] == '\0')
                continue;
            GPtrArray *array = g_hash_table_lookup(relations->owned, uid);
            if (array == NULL) {
                array = g_ptr_array_new();
                g_hash_table_insert(relations->owned, (gpointer)(uintptr_t)uid, array);
            }
            g_ptr_array_add(array, objects->pdata[i]);
        }
    }
    return relations;
}

void
relations_free(Relations *relations)
{
    if (relations == NULL)
        return;
    g_hash_table_unref(relations->owned);
    g_hash_table_unref(relations->service_pods);
    g_ptr_array_unref(relations->none);
    g_free(relations);
}

const Object *
relations_owner(const Relations *relations, const Object *object)
{
    const char *uid = value_text(controller_ref(object), "uid");
    const Object *owner = uid[0] != '\0' ? snapshot_by_uid(relations->snapshot, uid) : NULL;
    /* A static pod names its node, which is not what makes it run. */
    return owner != NULL && owner->kind != KIND_NODE ? owner : NULL;
}

const Object *
relations_controller(const Relations *relations, const Object *object)
{
    enum { STEPS_MAX = 8 }; /* owners could be a circle */
    for (int i = 0; i < STEPS_MAX; i++) {
        const Object *owner = relations_owner(relations, object);
        if (owner == NULL)
            break;
        object = owner;
    }
    return object;
}

const GPtrArray *
relations_owned(const Relations *relations, const Object *owner)
{
    const GPtrArray *owned = g_hash_table_lookup(relations->owned, owner->uid);
    return owned != NULL ? owned : relations->none;
}

static void
collect_pods(const Relations *relations, const Object *owner, int depth, GPtrArray *pods)
{
    const GPtrArray *owned = relations_owned(relations, owner);
    for (guint i = 0; i < owned->len; i++) {
        Object *object = owned->pdata[i];
        if (object->kind == KIND_POD)
            g_ptr_array_add(pods, object);
        else if (depth > 0)
            collect_pods(relations, object, depth - 1, pods);
    }
}

GPtrArray *
relations_pods(const Relations *relations, const Object *owner)
{
    enum { DEPTH_MAX = 3 }; /* CronJob, Job; Deployment, ReplicaSet */
    GPtrArray *pods = g_ptr_array_new();
    collect_pods(relations, owner, DEPTH_MAX, pods);
    return pods;
}

GPtrArray *
relations_select(const Relations *relations, const char *ns, const Value *selector)
{
    GPtrArray *pods = g_ptr_array_new();
    const GPtrArray *all = snapshot_in_namespace(relations->snapshot, KIND_POD, ns);
    for (guint i = 0; i < all->len; i++) {
        const Object *pod = all->pdata[i];
        if (selector_match(selector, value_at(pod->value, "metadata.labels")) == MATCH_YES)
            g_ptr_array_add(pods, all->pdata[i]);
    }
    return pods;
}

bool
service_selects(const Object *service, const Value *labels)
{
    const Value *selector = value_at(service->value, "spec.selector");
    return value_count(selector, "") > 0 && selector_match_map(selector, labels);
}

const GPtrArray *
relations_service_pods(const Relations *relations, const Object *service)
{
    GPtrArray *pods = g_hash_table_lookup(relations->service_pods, service);
    if (pods != NULL)
        return pods;
    pods = g_ptr_array_new();
    const GPtrArray *all = snapshot_in_namespace(relations->snapshot, KIND_POD, service->ns);
    for (guint i = 0; i < all->len; i++) {
        const Object *pod = all->pdata[i];
        if (service_selects(service, value_at(pod->value, "metadata.labels")))
            g_ptr_array_add(pods, all->pdata[i]);
    }
    g_hash_table_insert(relations->service_pods, (gpointer)(uintptr_t)service, pods);
    return pods;
}

GPtrArray *
relations_pod_services(const Relations *relations, const Object *pod)
{
    GPtrArray *services = g_ptr_array_new();
    const GPtrArray *all = snapshot_in_namespace(relations->snapshot, KIND_SERVICE, pod->ns);
    const Value *labels = value_at(pod->value, "metadata.labels");
    for (guint i = 0; i < all->len; i++) {
        if (service_selects(all->pdata[i], labels))
            g_ptr_array_add(services, all->pdata[i]);
    }
    return services;
}

GPtrArray *
relations_templates(const Relations *relations, const char *ns, const Value *selector, bool is_map)
{
    GPtrArray *makers = g_ptr_array_new();
    for (size_t k = 0; k < G_N_ELEMENTS(maker_kinds); k++) {
        const GPtrArray *all = snapshot_in_namespace(relations->snapshot, maker_kinds[k], ns);
        for (guint i = 0; i < all->len; i++) {
            const Value *labels = value_at(pod_template(all->pdata[i]), "metadata.labels");
            if (is_map ? selector_match_map(selector, labels)
                       : selector_match(selector, labels) == MATCH_YES)
                g_ptr_array_add(makers, all->pdata[i]);
        }
    }
    return makers;
}

const Value *
pod_template(const Object *object)
{
    switch (object->kind) {
    case KIND_POD:
        return object->value;
    case KIND_CRON_JOB:
        return value_at(object->value, "spec.jobTemplate.spec.template");
    case KIND_DEPLOYMENT:
    case KIND_REPLICA_SET:
    case KIND_STATEFUL_SET:
    case KIND_DAEMON_SET:
    case KIND_JOB:
    case KIND_REPLICATION_CONTROLLER:
        return value_at(object->value, "spec.template");
    default:
        return NULL;
    }
}

/* ---- What an object needs. ---- */

typedef struct {
    const Relations *relations;
    const Object *of;
    GPtrArray *needs;
} Needs;

static void
need(const Needs *needs, const Object *object)
{
    if (object != NULL && object != needs->of)
        g_ptr_array_add(needs->needs, (gpointer)(uintptr_t)object);
}

static void
need_named(const Needs *needs, Kind kind, const char *ns, const char *name)
{
    if (name[0] != '\0')
        need(needs, snapshot_get(needs->relations->snapshot, kind, ns, name));
}

static void
need_all(const Needs *needs, GPtrArray *objects)
{
    for (guint i = 0; i < objects->len; i++)
        need(needs, objects->pdata[i]);
    g_ptr_array_unref(objects);
}

static void
need_namespace(const Needs *needs)
{
    if (needs->of->ns[0] != '\0')
        need_named(needs, KIND_NAMESPACE, "", needs->of->ns);
}

static void
need_of_template(const Needs *needs, const Value *template)
{
    const char *ns = needs->of->ns;
    for (const Value *v = value_first(template, "spec.volumes"); v != NULL; v = v->next) {
        need_named(needs, KIND_PVC, ns, value_text(v, "persistentVolumeClaim.claimName"));
        need_named(needs, KIND_CONFIG_MAP, ns, value_text(v, "configMap.name"));
        need_named(needs, KIND_SECRET, ns, value_text(v, "secret.secretName"));
    }
    need_named(needs, KIND_SERVICE_ACCOUNT, ns, value_text(template, "spec.serviceAccountName"));
}

static void
need_of_pod(const Needs *needs)
{
    need_named(needs, KIND_NODE, "", value_text(needs->of->value, "spec.nodeName"));
    need_of_template(needs, needs->of->value);
}

static void
need_of_maker(const Needs *needs)
{
    need_all(needs, relations_pods(needs->relations, needs->of));
    const GPtrArray *owned = relations_owned(needs->relations, needs->of);
    for (guint i = 0; i < owned->len; i++)
        need(needs, owned->pdata[i]);
    need_of_template(needs, pod_template(needs->of));
    need(needs, relations_controller(needs->relations, needs->of));
    for (const Value *claim = value_first(needs->of->value, "spec.volumeClaimTemplates");
         claim != NULL; claim = claim->next)
        need_named(needs, KIND_STORAGE_CLASS, "", value_text(claim, "spec.storageClassName"));
}

static void
need_driver(const Needs *needs, const char *driver)
{
    need_named(needs, KIND_CSI_DRIVER, "", driver);
    need_all(needs, driver_pods(needs->relations, needs->relations->snapshot, driver));
}

static void
need_of_claim(const Needs *needs)
{
    const Snapshot *snapshot = needs->relations->snapshot;
    const char *class_name = value_text(needs->of->value, "spec.storageClassName");
    const Object *class = snapshot_get(snapshot, KIND_STORAGE_CLASS, "", class_name);
    need(needs, class);
    need_named(needs, KIND_PV, "", value_text(needs->of->value, "spec.volumeName"));
    if (class != NULL)
        need_driver(needs, value_text(class->value, "provisioner"));
    const GPtrArray *pods = snapshot_in_namespace(snapshot, KIND_POD, needs->of->ns);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        for (const Value *v = value_first(pod->value, "spec.volumes"); v != NULL; v = v->next) {
            if (value_is(v, "persistentVolumeClaim.claimName", needs->of->name))
                need(needs, pod);
        }
    }
}

static void
need_of_ingress(const Needs *needs)
{
    const Value *ingress = needs->of->value;
    const char *ns = needs->of->ns;
    need_named(needs, KIND_SERVICE, ns, value_text(ingress, "spec.defaultBackend.service.name"));
    need_named(needs, KIND_INGRESS_CLASS, "", value_text(ingress, "spec.ingressClassName"));
    for (const Value *rule = value_first(ingress, "spec.rules"); rule != NULL; rule = rule->next) {
        for (const Value *path = value_first(rule, "http.paths"); path != NULL; path = path->next)
            need_named(needs, KIND_SERVICE, ns, value_text(path, "backend.service.name"));
    }
    const GPtrArray *certificates =
        snapshot_in_namespace(needs->relations->snapshot, KIND_CERTIFICATE, ns);
    for (const Value *tls = value_first(ingress, "spec.tls"); tls != NULL; tls = tls->next) {
        for (guint i = 0; i < certificates->len; i++) {
            const Object *certificate = certificates->pdata[i];
            if (value_is(certificate->value, "spec.secretName", value_text(tls, "secretName")))
                need(needs, certificate);
        }
    }
}

static void
need_of_route(const Needs *needs)
{
    const char *own_ns = needs->of->ns;
    for (const Value *rule = value_first(needs->of->value, "spec.rules"); rule != NULL;
         rule = rule->next) {
        for (const Value *ref = value_first(rule, "backendRefs"); ref != NULL; ref = ref->next) {
            const char *ns = value_text(ref, "namespace");
            need_named(needs, KIND_SERVICE, ns[0] != '\0' ? ns : own_ns, value_text(ref, "name"));
        }
    }
    for (const Value *ref = value_first(needs->of->value, "spec.parentRefs"); ref != NULL;
         ref = ref->next) {
        const char *ns = value_text(ref, "namespace");
        need_named(needs, KIND_GATEWAY, ns[0] != '\0' ? ns : own_ns, value_text(ref, "name"));
    }
}

static void
need_of_hpa(const Needs *needs)
{
    const Value *target = value_at(needs->of->value, "spec.scaleTargetRef");
    g_autofree char *group = kind_group(value_text(target, "apiVersion"));
    Kind kind = kind_of(group, value_text(target, "kind"));
    if (kind != KIND_NONE)
        need_named(needs, kind, needs->of->ns, value_text(target, "name"));
    const GPtrArray *services = snapshot_objects(needs->relations->snapshot, KIND_API_SERVICE);
    for (guint i = 0; i < services->len; i++) {
        if (g_str_has_suffix(((const Object *)services->pdata[i])->name, "metrics.k8s.io"))
            need(needs, services->pdata[i]);
    }
}

static void
need_of_webhooks(const Needs *needs)
{
    for (const Value *hook = value_first(needs->of->value, "webhooks"); hook != NULL;
         hook = hook->next)
        need_named(needs, KIND_SERVICE, value_text(hook, "clientConfig.service.namespace"),
                   value_text(hook, "clientConfig.service.name"));
}

/* Deleting what is in a namespace needs every API to answer. */
static void
need_of_namespace(const Needs *needs)
{
    if (!value_is(needs->of->value, "status.phase", "Terminating"))
        return;
    const GPtrArray *services = snapshot_objects(needs->relations->snapshot, KIND_API_SERVICE);
    for (guint i = 0; i < services->len; i++)
        need(needs, services->pdata[i]);
}

static void
need_of_certificate(const Needs *needs)
{
    const Value *ref = value_at(needs->of->value, "spec.issuerRef");
    bool is_cluster = value_is(ref, "kind", "ClusterIssuer");
    need_named(needs, is_cluster ? KIND_CLUSTER_ISSUER : KIND_ISSUER,
               is_cluster ? "" : needs->of->ns, value_text(ref, "name"));
    const GPtrArray *owned = relations_owned(needs->relations, needs->of);
    for (guint i = 0; i < owned->len; i++)
        need(needs, owned->pdata[i]);
}

static void
need_of_service(const Needs *needs)
{
    const Value *selector = value_at(needs->of->value, "spec.selector");
    if (value_count(selector, "") == 0) /* it selects nothing */
        return;
    const GPtrArray *pods = relations_service_pods(needs->relations, needs->of);
    for (guint i = 0; i < pods->len; i++)
        need(needs, pods->pdata[i]);
    need_all(needs, relations_templates(needs->relations, needs->of->ns, selector, true));
}

static void
need_of_volume(const Needs *needs)
{
    need_driver(needs, value_text(needs->of->value, "spec.csi.driver"));
}

static void
need_of_class(const Needs *needs)
{
    need_driver(needs, value_text(needs->of->value, "provisioner"));
}

static void
need_of_gateway(const Needs *needs)
{
    need_named(needs, KIND_GATEWAY_CLASS, "",
               value_text(needs->of->value, "spec.gatewayClassName"));
}

static void
need_of_budget(const Needs *needs)
{
    const Value *selector = value_at(needs->of->value, "spec.selector");
    need_all(needs, relations_select(needs->relations, needs->of->ns, selector));
}

static void
need_of_api_service(const Needs *needs)
{
    const Value *service = value_at(needs->of->value, "spec.service");
    need_named(needs, KIND_SERVICE, value_text(service, "namespace"), value_text(service, "name"));
}

static void (*const needs_of[KIND_COUNT])(const Needs *needs) = {
    [KIND_POD] = need_of_pod,
    [KIND_DEPLOYMENT] = need_of_maker,
    [KIND_REPLICA_SET] = need_of_maker,
    [KIND_STATEFUL_SET] = need_of_maker,
    [KIND_DAEMON_SET] = need_of_maker,
    [KIND_JOB] = need_of_maker,
    [KIND_CRON_JOB] = need_of_maker,
    [KIND_REPLICATION_CONTROLLER] = need_of_maker,
    [KIND_SERVICE] = need_of_service,
    [KIND_PVC] = need_of_claim,
    [KIND_PV] = need_of_volume,
    [KIND_STORAGE_CLASS] = need_of_class,
    [KIND_INGRESS] = need_of_ingress,
    [KIND_HTTP_ROUTE] = need_of_route,
    [KIND_GRPC_ROUTE] = need_of_route,
    [KIND_TCP_ROUTE] = need_of_route,
    [KIND_TLS_ROUTE] = need_of_route,
    [KIND_GATEWAY] = need_of_gateway,
    [KIND_HPA] = need_of_hpa,
    [KIND_PDB] = need_of_budget,
    [KIND_API_SERVICE] = need_of_api_service,
    [KIND_VALIDATING_WEBHOOK] = need_of_webhooks,
    [KIND_MUTATING_WEBHOOK] = need_of_webhooks,
    [KIND_NAMESPACE] = need_of_namespace,
    [KIND_CERTIFICATE] = need_of_certificate,
    [KIND_CERTIFICATE_REQUEST] = need_of_certificate,
    [KIND_ORDER] = need_of_certificate,
    [KIND_CHALLENGE] = need_of_certificate,
};

GPtrArray *
relations_needs(const Relations *relations, const Object *object)
{
    Needs needs = {relations, object, g_ptr_array_new()};
    need_namespace(&needs);
    if (needs_of[object->kind] != NULL)
        needs_of[object->kind](&needs);
    return needs.needs;
}
