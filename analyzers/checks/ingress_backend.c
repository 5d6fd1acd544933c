/* What Ingresses refer to: Services, their ports, other objects, TLS Secrets. */
#include <string.h>

#include "analyzers/checks/label_hint.h"
#include "analyzers/checks/table.h"
#include "analyzers/collect/backend.h"
#include "analyzers/collect/change.h"

static void run_ingress_backends(CheckRun *run);

enum { ROW_SERVICE, ROW_PORT, ROW_ENDPOINTS, ROW_RESOURCE, ROW_SECRET, ROW_SECRET_INVALID };

static const CheckRow rows[] = {
    [ROW_SERVICE] =
        {
            .id = "ingress-backend-service-missing",
            .kind = "Ingress",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ROUTE,
            .tier = 1,
            .is_own_cause = true,
            .symptom = "Requests for an address fail because its Service does not exist.",
            .meaning =
                "A rule or the default backend of the Ingress names a Service that its namespace "
                "does not have. An Ingress cannot send to another namespace.",
            .fix = "Correct the name of the Service in the rule, or create the Service.",
            .run = run_ingress_backends,
            .needs = {KIND_SERVICE},
        },
    [ROW_PORT] =
        {
            .id = "ingress-backend-port-missing",
            .kind = "Ingress",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ROUTE,
            .tier = 1,
            .is_own_cause = true,
            .symptom = "Requests for an address fail because its Service has no such port.",
            .meaning =
                "The Service of the rule exists, but has no port of the number or name that the "
                "rule gives.",
            .fix = "Give one of the Service's ports in the rule.",
            .run = run_ingress_backends,
            .needs = {KIND_SERVICE},
        },
    [ROW_ENDPOINTS] =
        {
            .id = "ingress-backend-no-endpoints",
            .kind = "Ingress",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ROUTE,
            .tier = 1,
            .hold_s = 300,
            .symptom = "Requests for an address are answered with 502 or 503.",
            .meaning = "The Service of the rule selects pods, and none of them is ready.",
            .fix = "Look at the pods of the Service.",
            .run = run_ingress_backends,
            .needs = {KIND_SERVICE, KIND_ENDPOINT_SLICE},
        },
    [ROW_RESOURCE] =
        {
            .id = "ingress-resource-backend-missing",
            .kind = "Ingress",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_ROUTE,
            .tier = 1,
            .is_own_cause = true,
            .symptom = "Requests for an address fail because what should answer does not exist.",
            .meaning = "backend.resource of a rule names an object that its namespace does not "
                       "have.",
            .fix = "Create the object, or correct its kind and name.",
            .run = run_ingress_backends,
        },
    [ROW_SECRET] =
        {
            .id = "ingress-tls-secret-missing",
            .kind = "Ingress",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ROUTE,
            .tier = 1,
            .is_own_cause = true,
            .hold_s = 300,
            .symptom = "Visitors of an address get a certificate that is not meant for it.",
            .meaning = "tls[].secretName names a Secret that the namespace does not have, and no "
                       "annotation and no Certificate says that cert-manager will make it.",
            .fix = "Create the TLS Secret, or correct its name.",
            .run = run_ingress_backends,
            .needs = {KIND_SECRET},
        },
    [ROW_SECRET_INVALID] =
        {
            .id = "ingress-tls-secret-invalid",
            .kind = "Ingress",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ROUTE,
            .tier = 1,
            .is_own_cause = true,
            .symptom = "Visitors of an address get a certificate that is not meant for it.",
            .meaning =
                "The Secret of tls[].secretName has another type than kubernetes.io/tls and is no "
                "Opaque one with both keys. Only its type and the names of its keys are looked at.",
            .fix = "Create the Secret anew with type kubernetes.io/tls.",
            .run = run_ingress_backends,
            .needs = {KIND_SECRET},
        },
};

const CheckTopic check_topic_ingress_backend = {rows, G_N_ELEMENTS(rows)};

typedef struct {
    CheckRun *run;
    const Backends *backends;
    const Object *ingress;
    const Value *rule, *path; /* NULL for the default backend */
} IngressPath;

/* One finding per Ingress and what it refers to; NULL when it is there already. */
static Finding *
report(const IngressPath *p, size_t row, const char *what)
{
    bool is_new;
    Finding *finding = check_report_part(p->run, &rows[row], p->ingress, what, &is_new);
    if (is_new)
        return finding;
    g_autofree char *url = ingress_url_text(p->ingress, p->rule, p->path);
    finding_evidence(finding, "%s is concerned as well", url);
    return NULL;
}

/* ---- Services. ---- */

static const Object *
elsewhere(const CheckRun *run, Kind kind, const char *name)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, kind);
    for (guint i = 0; i < all->len; i++) {
        if (strcmp(((const Object *)all->pdata[i])->name, name) == 0)
            return all->pdata[i];
    }
    return NULL;
}

static void
report_service(const IngressPath *p, const char *name)
{
    const Object *ingress = p->ingress;
    Finding *finding = report(p, ROW_SERVICE, name);
    if (finding == NULL)
        return;
    const Object *other = elsewhere(p->run, KIND_SERVICE, name);
    const Object *near =
        name_hint(snapshot_in_namespace(p->run->snapshot, KIND_SERVICE, ingress->ns), name);
    g_autofree char *url = ingress_url_text(ingress, p->rule, p->path);
    finding_misses(finding, KIND_SERVICE, ingress->ns, name);
    finding_title(finding, "Ingress %s sends %s to Service %s, which does not exist", ingress->name,
                  url, name);
    if (near != NULL)
        finding_cause(finding,
                      "Namespace %s has no Service %s (there is %s), so requests for %s are "
                      "answered with an error.",
                      ingress->ns, name, near->name, url);
    else if (other != NULL)
        finding_cause(finding,
                      "Namespace %s has no Service %s; there is one in namespace %s, where an "
                      "Ingress cannot send to. Requests for %s are answered with an error.",
                      ingress->ns, name, other->ns, url);
    else
        finding_cause(finding,
                      "Namespace %s has no Service %s, so requests for %s are answered with an "
                      "error.",
                      ingress->ns, name, url);
    finding_fix(finding, "Correct the Service's name in the rule of Ingress %s%s%s.", ingress->name,
                near != NULL ? ", probably to " : "", near != NULL ? near->name : "");
    finding_fix(finding, "kubectl -n %s get services", ingress->ns);
}

static void
report_port(const IngressPath *p, const Object *service, const char *port)
{
    const Object *ingress = p->ingress;
    g_autofree char *what = g_strdup_printf("%s:%s", service->name, port);
    Finding *finding = report(p, ROW_PORT, what);
    if (finding == NULL)
        return;
    g_autofree char *url = ingress_url_text(ingress, p->rule, p->path);
    g_autofree char *ports = service_ports_text(service);
    finding_title(finding, "Ingress %s sends %s to port %s of Service %s, which has none such",
                  ingress->name, url, port, service->name);
    finding_cause(finding,
                  "Service %s offers %s, but not port %s, so requests for %s are answered with an "
                  "error.",
                  service->name, ports[0] != '\0' ? ports : "no port", port, url);
    finding_fix(finding, "Correct the port in the rule of Ingress %s.", ingress->name);
    finding_fix(finding, "kubectl -n %s get service %s", ingress->ns, service->name);
}

static bool
is_any_pod_ready(const GPtrArray *pods, int64_t *ret_held_s)
{
    *ret_held_s = 0;
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        int64_t since_s = backend_unready_since(pod);
        if (backend_is_ready(pod))
            return true;
        if (backend_is_live(pod))
            *ret_held_s = MAX(*ret_held_s, since_s > 0 ? since_s : pod->created_s);
    }
    return false;
}

static void
look_at_endpoints(const IngressPath *p, const Object *service)
{
    guint n_ready, n_all;
    int64_t held_s;
    if (value_count(service->value, "spec.selector") == 0 ||
        !backends_count(p->backends, service, &n_ready, &n_all) || n_ready > 0)
        return;
    const GPtrArray *pods = relations_service_pods(p->run->relations, service);
    if (is_any_pod_ready(pods, &held_s) || !check_held(p->run, &rows[ROW_ENDPOINTS], held_s))
        return;
    Finding *finding = report(p, ROW_ENDPOINTS, service->name);
    if (finding == NULL)
        return;
    g_autofree char *url = ingress_url_text(p->ingress, p->rule, p->path);
    finding_title(finding, "%s is down: Service %s has no ready pod", url, service->name);
    finding_cause(finding,
                  "Ingress %s sends %s to Service %s, none of whose %u pods is ready, so requests "
                  "are answered with 502 or 503.",
                  p->ingress->name, url, service->name, pods->len);
    finding_fix(finding, "Look at why the pods of Service %s are not ready.", service->name);
    finding_fix(finding, "kubectl -n %s get pods -o wide", p->ingress->ns);
}

static void
look_at_service(const IngressPath *p, const Value *backend)
{
    const Snapshot *snapshot = p->run->snapshot;
    const char *name = value_text(backend, "name");
    const Value *annotations = value_at(p->ingress->value, "metadata.annotations");
    g_autofree char *action = g_strdup_printf("alb.ingress.kubernetes.io/actions.%s", name);
    /* The ALB controller takes names of actions for Services. */
    if (name[0] == '\0' || value_get(annotations, action) != NULL ||
        value_is(backend, "port.name", "use-annotation"))
        return;
    Presence presence = snapshot_presence(snapshot, KIND_SERVICE, p->ingress->ns, name);
    if (presence == PRESENCE_MISSING)
        report_service(p, name);
    if (presence != PRESENCE_THERE)
        return;
    const Object *service = snapshot_get(snapshot, KIND_SERVICE, p->ingress->ns, name);
    const char *port_name = value_text(backend, "port.name");
    int number = (int)value_int(backend, "port.number", 0);
    if ((number > 0 || port_name[0] != '\0') && service_port(service, number, port_name) == NULL &&
        !value_is(service->value, "spec.type", "ExternalName"))
        report_port(p, service, number > 0 ? value_text(backend, "port.number") : port_name);
    else
        look_at_endpoints(p, service);
}

/* ---- Other objects. ---- */

static void
look_at_resource(const IngressPath *p, const Value *resource)
{
    const char *name = value_text(resource, "name"), *word = value_text(resource, "kind");
    Kind kind = kind_of(value_text(resource, "apiGroup"), word);
    if (name[0] == '\0' || kind == KIND_NONE ||
        snapshot_presence(p->run->snapshot, kind,
                          kind_row(kind)->is_namespaced ? p->ingress->ns : "",
                          name) != PRESENCE_MISSING)
        return;
    Finding *finding = report(p, ROW_RESOURCE, name);
    if (finding == NULL)
        return;
    g_autofree char *url = ingress_url_text(p->ingress, p->rule, p->path);
    finding_title(finding, "Ingress %s sends %s to %s %s, which does not exist", p->ingress->name,
                  url, word, name);
    finding_cause(finding, "Namespace %s has no %s %s, so nothing answers requests for %s.",
                  p->ingress->ns, word, name, url);
    finding_fix(finding, "Create %s %s, or correct the rule.", word, name);
    finding_describe(finding, p->ingress);
}

static void
look_at_backend(const IngressPath *p, const Value *backend)
{
    look_at_service(p, value_get(backend, "service"));
    look_at_resource(p, value_get(backend, "resource"));
}

/* ---- TLS. ---- */

/* Whether cert-manager or another one will make the Secret, and says itself what is wrong. */
static bool
is_made_by_other(const IngressPath *p, const char *secret)
{
    static const char *const keys[] = {
        "cert-manager.io/issuer",    "cert-manager.io/cluster-issuer",
        "certmanager.k8s.io/issuer", "certmanager.k8s.io/cluster-issuer",
        "kubernetes.io/tls-acme",    "cert.gardener.cloud/purpose"};
    const Value *annotations = value_at(p->ingress->value, "metadata.annotations");
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (value_get(annotations, keys[i]) != NULL)
            return true;
    }
    const Kind makers[] = {KIND_CERTIFICATE, KIND_EXTERNAL_SECRET, KIND_SEALED_SECRET};
    const char *const names[] = {"spec.secretName", "spec.target.name", "metadata.name"};
    for (size_t k = 0; k < G_N_ELEMENTS(makers); k++) {
        const GPtrArray *all = snapshot_in_namespace(p->run->snapshot, makers[k], p->ingress->ns);
        for (guint i = 0; i < all->len; i++) {
            if (value_is(((const Object *)all->pdata[i])->value, names[k], secret))
                return true;
        }
    }
    return false;
}

static char *
hosts_text(const Value *tls)
{
    GString *text = g_string_new(NULL);
    for (const Value *host = value_first(tls, "hosts"); host != NULL; host = host->next)
        g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "", value_text(host, ""));
    if (text->len == 0)
        g_string_append(text, "its hosts");
    return g_string_free(text, FALSE);
}

static void
report_secret(const IngressPath *p, const Value *tls, const char *name)
{
    Finding *finding = report(p, ROW_SECRET, name);
    if (finding == NULL)
        return;
    g_autofree char *hosts = hosts_text(tls);
    const Object *near =
        name_hint(snapshot_in_namespace(p->run->snapshot, KIND_SECRET, p->ingress->ns), name);
    finding_misses(finding, KIND_SECRET, p->ingress->ns, name);
    finding_title(finding, "Ingress %s needs TLS Secret %s, which does not exist", p->ingress->name,
                  name);
    finding_cause(finding,
                  "Namespace %s has no Secret %s, so visitors of %s get the default certificate of "
                  "the controller and a warning.",
                  p->ingress->ns, name, hosts);
    if (near != NULL)
        finding_evidence(finding, "Namespace %s has Secret %s", p->ingress->ns, near->name);
    finding_fix(finding, "Create TLS Secret %s in namespace %s, or correct tls[].secretName.", name,
                p->ingress->ns);
    finding_fix(finding, "kubectl -n %s get secrets", p->ingress->ns);
}

static void
look_at_secret(const IngressPath *p, const Object *secret)
{
    const char *type = value_text(secret->value, "type");
    const Value *data = value_get(secret->value, "data");
    bool has_keys = value_get(data, "tls.crt") != NULL && value_get(data, "tls.key") != NULL;
    /* Metadata alone says neither. */
    if (type[0] == '\0' || strcmp(type, "kubernetes.io/tls") == 0 || data == NULL || has_keys)
        return;
    Finding *finding = report(p, ROW_SECRET_INVALID, secret->name);
    if (finding == NULL)
        return;
    finding_title(finding, "Secret %s of Ingress %s is no TLS Secret", secret->name,
                  p->ingress->name);
    finding_cause(finding,
                  "It is of type %s and lacks tls.crt or tls.key, so visitors get the default "
                  "certificate of the controller.",
                  type);
    finding_fix(finding, "Create it anew with type kubernetes.io/tls.");
    finding_describe(finding, secret);
}

static void
look_at_tls(const IngressPath *p)
{
    const Snapshot *snapshot = p->run->snapshot;
    int64_t changed_s = object_changed_s(p->ingress, NULL);
    for (const Value *tls = value_first(p->ingress->value, "spec.tls"); tls != NULL;
         tls = tls->next) {
        const char *name = value_text(tls, "secretName");
        if (name[0] == '\0')
            continue;
        const Object *secret = snapshot_get(snapshot, KIND_SECRET, p->ingress->ns, name);
        if (secret != NULL)
            look_at_secret(p, secret);
        else if (snapshot_knows(snapshot, KIND_SECRET) && !is_made_by_other(p, name) &&
                 check_held(p->run, &rows[ROW_SECRET], changed_s))
            report_secret(p, tls, name);
    }
}

static void
run_ingress_backends(CheckRun *run)
{
    g_autoptr(Backends) backends = backends_new(run->snapshot);
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_INGRESS);
    for (guint i = 0; i < all->len; i++) {
        IngressPath p = {run, backends, all->pdata[i], NULL, NULL};
        if (value_time(p.ingress->value, "metadata.deletionTimestamp") > 0)
            continue;
        look_at_tls(&p);
        look_at_backend(&p, value_at(p.ingress->value, "spec.defaultBackend"));
        for (p.rule = value_first(p.ingress->value, "spec.rules"); p.rule != NULL;
             p.rule = p.rule->next) {
            for (p.path = value_first(p.rule, "http.paths"); p.path != NULL; p.path = p.path->next)
                look_at_backend(&p, value_get(p.path, "backend"));
        }
    }
}
