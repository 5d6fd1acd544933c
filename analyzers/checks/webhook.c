/* Admission webhooks and aggregated APIs whose server does not answer. */
#include <string.h>

#include "analyzers/checks/container.h"
#include "analyzers/checks/table.h"

static void run_webhooks(CheckRun *run);
static void run_api_services(CheckRun *run);

enum { ROW_SERVICE, ROW_ENDPOINTS, ROW_PORT, ROW_CA, ROW_API, ROW_COUNT };

static const CheckRow rows[ROW_COUNT] = {
    [ROW_SERVICE] =
        {.id = "webhook-service-missing",
         .kind = "WebhookConfiguration",
         .severity = SEVERITY_CRITICAL,
         .stage = STAGE_ADMISSION,
         .tier = 1,
         .symptom = "The API refuses objects because the webhook that should judge them is gone.",
         .meaning = "A webhook's Service does not exist.",
         .fix = "Bring the Service back, or delete the webhook configuration.",
         .run = run_webhooks,
         .needs = {KIND_SERVICE}},
    [ROW_ENDPOINTS] =
        {.id = "webhook-no-ready-endpoints",
         .kind = "WebhookConfiguration",
         .severity = SEVERITY_CRITICAL,
         .stage = STAGE_ADMISSION,
         .tier = 1,
         .symptom =
             "The API refuses objects because the webhook that should judge them does not answer.",
         .meaning = "The Service of a webhook has no ready endpoint.",
         .fix = "Mend the pods of the webhook; until then exclude the namespace, or set "
                "failurePolicy to Ignore.",
         .run = run_webhooks,
         .needs = {KIND_SERVICE, KIND_ENDPOINT_SLICE}},
    [ROW_PORT] = {.id = "webhook-port-missing",
                  .kind = "WebhookConfiguration",
                  .severity = SEVERITY_CRITICAL,
                  .stage = STAGE_ADMISSION,
                  .tier = 1,
                  .symptom = "The API refuses objects because the webhook is called on a port that "
                             "its Service does not have.",
                  .meaning = "The port of a webhook is not among those of its Service.",
                  .fix = "Correct the port in the webhook configuration.",
                  .run = run_webhooks,
                  .needs = {KIND_SERVICE}},
    [ROW_CA] = {.id = "webhook-ca-invalid",
                .kind = "WebhookConfiguration",
                .severity = SEVERITY_HIGH,
                .stage = STAGE_ADMISSION,
                .tier = 1,
                .symptom = "The API server cannot trust a webhook.",
                .meaning = "A webhook has no caBundle, and no annotation that asks for one.",
                .fix = "Let the certificate authority be put in again.",
                .run = run_webhooks},
    [ROW_API] = {.id = "apiservice-unavailable",
                 .kind = "APIService",
                 .severity = SEVERITY_HIGH,
                 .stage = STAGE_SERVICE,
                 .tier = 1,
                 .hold_s = 180,
                 .symptom = "A part of the API is not served.",
                 .meaning = "The condition Available of an APIService is not True.",
                 .fix = "Mend the pods behind its Service.",
                 .run = run_api_services,
                 .needs = {KIND_API_SERVICE}},
};

const CheckTopic check_topic_webhook = {rows, G_N_ELEMENTS(rows)};

/* Ready endpoints of a Service; -1 when they are not known. */
static int
ready_endpoints(const CheckRun *run, const Object *service)
{
    const GPtrArray *slices =
        snapshot_in_namespace(run->snapshot, KIND_ENDPOINT_SLICE, service->ns);
    int n = 0;
    if (!snapshot_knows(run->snapshot, KIND_ENDPOINT_SLICE))
        return -1;
    for (guint i = 0; i < slices->len; i++) {
        const Value *slice = ((const Object *)slices->pdata[i])->value;
        if (!value_is(value_get(value_at(slice, "metadata.labels"), "kubernetes.io/service-name"),
                      "", service->name))
            continue;
        for (const Value *e = value_first(slice, "endpoints"); e != NULL; e = e->next)
            n += !value_is(e, "conditions.ready", "false");
    }
    return n;
}

/* "pods, deployments": what a webhook is asked about. */
static char *
rule_resources(const Value *hook)
{
    GString *text = g_string_new(NULL);
    for (const Value *rule = value_first(hook, "rules"); rule != NULL; rule = rule->next) {
        for (const Value *r = value_first(rule, "resources"); r != NULL && text->len < 100;
             r = r->next)
            g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "", value_text(r, ""));
    }
    return g_string_free(text, FALSE);
}

typedef struct {
    CheckRun *run;
    const Object *configuration;
    const Value *hook;
} Hook;

static void
report(const Hook *hook, int row, const Object *service, const char *why)
{
    const char *name = value_text(hook->hook, "name");
    if (findings_find(hook->run->findings, &rows[row], hook->configuration, name) != NULL)
        return;
    bool is_ignored = value_is(hook->hook, "failurePolicy", "Ignore");
    g_autofree char *resources = rule_resources(hook->hook);
    Finding *finding = findings_add(hook->run->findings, &rows[row], hook->configuration, name);
    finding->severity = is_ignored ? SEVERITY_LOW : rows[row].severity;
    if (service != NULL) {
        g_autoptr(GPtrArray) pods = relations_service_pods(hook->run->relations, service);
        finding_about(finding, service);
        for (guint i = 0; i < pods->len; i++)
            finding_blame(finding, pods->pdata[i]);
        for (guint i = 0; i < pods->len; i++)
            finding_since(finding,
                          value_time(condition_of(pods->pdata[i], "Ready"), "lastTransitionTime"));
    }
    finding_title(finding, "%s %s: %s", kind_row(hook->configuration->kind)->kind,
                  hook->configuration->name, why);
    finding_cause(finding, "Webhook %s judges %s, and %s; %s.", name, resources, why,
                  is_ignored ? "its check is skipped (failurePolicy Ignore)"
                             : "creating or changing them is refused (failurePolicy Fail)");
    finding_fix(finding, "%s", rows[row].fix);
    finding_fix(finding, "kubectl describe %s %s", kind_row(hook->configuration->kind)->resource,
                hook->configuration->name);
}

static bool
has_port(const Object *service, int64_t port)
{
    for (const Value *p = value_first(service->value, "spec.ports"); p != NULL; p = p->next) {
        if (value_int(p, "port", 0) == port)
            return true;
    }
    return false;
}

static void
look_at_hook(const Hook *hook)
{
    enum { PORT_DEFAULT = 443 };
    const Value *ref = value_at(hook->hook, "clientConfig.service");
    const char *ns = value_text(ref, "namespace"), *name = value_text(ref, "name");
    int64_t port = value_int(ref, "port", PORT_DEFAULT);
    if (ref == NULL)
        return;
    const Object *service = snapshot_get(hook->run->snapshot, KIND_SERVICE, ns, name);
    if (service == NULL) {
        g_autofree char *why = g_strdup_printf("its Service %s/%s does not exist", ns, name);
        if (snapshot_presence(hook->run->snapshot, KIND_SERVICE, ns, name) == PRESENCE_MISSING)
            report(hook, ROW_SERVICE, NULL, why);
    } else if (!has_port(service, port)) {
        g_autofree char *why =
            g_strdup_printf("its Service %s/%s has no port %" G_GINT64_FORMAT, ns, name, port);
        report(hook, ROW_PORT, service, why);
    } else if (ready_endpoints(hook->run, service) == 0) {
        g_autofree char *why = g_strdup_printf("its Service %s/%s has no ready pod", ns, name);
        report(hook, ROW_ENDPOINTS, service, why);
    }
}

static bool
gets_ca(const Object *configuration)
{
    static const char *const annotations[] = {
        "cert-manager.io/inject-ca-from", "cert-manager.io/inject-ca-from-secret",
        "cert-manager.io/inject-apiserver-ca", "service.beta.openshift.io/inject-cabundle"};
    for (size_t i = 0; i < G_N_ELEMENTS(annotations); i++) {
        if (value_get(value_at(configuration->value, "metadata.annotations"), annotations[i]) !=
            NULL)
            return true;
    }
    return false;
}

static void
run_webhooks(CheckRun *run)
{
    static const Kind kinds[] = {KIND_VALIDATING_WEBHOOK, KIND_MUTATING_WEBHOOK};
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        const GPtrArray *all = snapshot_objects(run->snapshot, kinds[k]);
        for (guint i = 0; i < all->len; i++) {
            for (const Value *h = value_first(((const Object *)all->pdata[i])->value, "webhooks");
                 h != NULL; h = h->next) {
                const Hook hook = {run, all->pdata[i], h};
                look_at_hook(&hook);
                if (value_at(h, "clientConfig.service") != NULL &&
                    value_text(h, "clientConfig.caBundle")[0] == '\0' &&
                    gets_ca(hook.configuration))
                    report(&hook, ROW_CA, NULL, "its certificate authority has not been put in");
            }
        }
    }
}

static void
run_api_services(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_API_SERVICE);
    for (guint i = 0; i < all->len; i++) {
        const Object *api = all->pdata[i];
        const Value *available = condition_of(api, "Available");
        int64_t since_s = value_time(available, "lastTransitionTime");
        if (available == NULL || value_is(available, "status", "True") ||
            !check_held(run, &rows[ROW_API], since_s))
            continue;
        Finding *finding = check_report(run, &rows[ROW_API], api);
        finding->severity = g_str_has_suffix(api->name, "metrics.k8s.io") ? SEVERITY_MEDIUM
                                                                          : rows[ROW_API].severity;
        finding_since(finding, since_s);
        finding_title(finding, "APIService %s is not available: %s", api->name,
                      value_text(available, "reason"));
        finding_cause(finding,
                      "The API %s is not served: %s What asks it fails: autoscalers, kubectl top, "
                      "the deletion of namespaces.",
                      api->name, value_text(available, "message"));
        finding_fix(finding, "%s", rows[ROW_API].fix);
        finding_fix(finding, "kubectl describe apiservice %s", api->name);
    }
}
