/* Admission webhooks and aggregated APIs whose server does not answer. */
#include <string.h>

#include "analyzers/checks/authority.h"
#include "analyzers/checks/container.h"
#include "analyzers/checks/table.h"
#include "analyzers/collect/backend.h"

static void run_webhooks(CheckRun *run);
static void run_api_services(CheckRun *run);

enum { ROW_SERVICE, ROW_ENDPOINTS, ROW_PORT, ROW_CA, ROW_BLOCKS, ROW_API, ROW_COUNT };

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
         .needs = {KIND_VALIDATING_WEBHOOK, KIND_MUTATING_WEBHOOK, KIND_SERVICE}},
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
         .needs = {KIND_VALIDATING_WEBHOOK, KIND_MUTATING_WEBHOOK, KIND_SERVICE,
                   KIND_ENDPOINT_SLICE}},
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
                  .needs = {KIND_VALIDATING_WEBHOOK, KIND_MUTATING_WEBHOOK, KIND_SERVICE}},
    [ROW_CA] = {.id = "webhook-ca-invalid",
                .kind = "WebhookConfiguration",
                .severity = SEVERITY_HIGH,
                .stage = STAGE_ADMISSION,
                .tier = 1,
                .symptom = "The API server cannot trust a webhook.",
                .meaning = "The caBundle of a webhook is empty for ten minutes, or all of its "
                           "certificates have ended.",
                .fix = "Let the certificate authority be put in again.",
                .run = run_webhooks,
                .needs = {KIND_VALIDATING_WEBHOOK, KIND_MUTATING_WEBHOOK}},
    [ROW_BLOCKS] =
        {.id = "webhook-blocks-system",
         .kind = "WebhookConfiguration",
         .severity = SEVERITY_CRITICAL,
         .stage = STAGE_ADMISSION,
         .tier = 1,
         .symptom = "No pod can be created, nor can those of the webhook that must judge them.",
         .meaning = "A webhook with failurePolicy Fail judges the pods of its own namespace, and "
                    "none of its own pods is there to do so.",
         .fix = "Set failurePolicy to Ignore until its pods run, then exclude its namespace.",
         .run = run_webhooks,
         .needs = {KIND_VALIDATING_WEBHOOK, KIND_MUTATING_WEBHOOK, KIND_SERVICE, KIND_POD,
                   KIND_NAMESPACE}},
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
    const char *ns, *name; /* of its Service */
    int64_t port;
} Hook;

static bool
is_ignored(const Hook *hook)
{
    return value_is(hook->hook, "failurePolicy", "Ignore");
}

/* The finding about the same Service: a dead one is one fault, however many webhooks want it. */
static Finding *
find_report(const Hook *hook, int row, const char *what)
{
    const GPtrArray *all = hook->run->findings->all;
    for (guint i = 0; i < all->len; i++) {
        Finding *finding = all->pdata[i];
        if (finding->check == &rows[row] && strcmp(finding->what, what) == 0)
            return finding;
    }
    return NULL;
}

static void
write_report(const Hook *hook, Finding *finding, const char *why)
{
    const Object *configuration = hook->configuration;
    g_autofree char *resources = rule_resources(hook->hook);
    finding_title(finding, "%s %s: %s", kind_row(configuration->kind)->kind, configuration->name,
                  why);
    finding_cause(finding, "Webhook %s judges %s, and %s; %s.", value_text(hook->hook, "name"),
                  resources, why,
                  is_ignored(hook) ? "its check is skipped (failurePolicy Ignore)"
                                   : "creating or changing them is refused (failurePolicy Fail)");
    check_advise(finding, configuration);
}

static void
report(const Hook *hook, int row, const Object *service, const char *why)
{
    g_autofree char *what =
        g_strdup_printf("%s/%s:%" G_GINT64_FORMAT, hook->ns, hook->name, hook->port);
    Finding *finding = find_report(hook, row, what);
    if (finding != NULL) {
        finding_about(finding, hook->configuration);
        finding_evidence(finding, "%s %s has webhook %s at the same Service",
                         kind_row(hook->configuration->kind)->kind, hook->configuration->name,
                         value_text(hook->hook, "name"));
        return;
    }
    finding = findings_add(hook->run->findings, &rows[row], hook->configuration, what);
    finding->severity = is_ignored(hook) ? SEVERITY_LOW : rows[row].severity;
    write_report(hook, finding, why);
    if (row == ROW_SERVICE)
        finding_misses(finding, KIND_SERVICE, hook->ns, hook->name);
    if (service == NULL)
        return;
    const GPtrArray *pods = relations_service_pods(hook->run->relations, service);
    finding_about(finding, service);
    for (guint i = 0; i < pods->len; i++) {
        if (backend_is_ready(pods->pdata[i]))
            continue;
        finding_blame(finding, pods->pdata[i]);
        finding_since(finding, backend_unready_since(pods->pdata[i]));
    }
}

/* ---- Whether it can be reached. ---- */

/* Whether a pod of the Service was ready a moment ago: a roll-out of one copy. */
static bool
was_ready_just_now(const Hook *hook, const Object *service)
{
    enum { HOLD_S = 120 };
    const GPtrArray *pods = relations_service_pods(hook->run->relations, service);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        int64_t since_s = value_time(condition_of(pod, "Ready"), "lastTransitionTime");
        since_s = MAX(since_s, pod->created_s);
        if (pod_is_wanted(pod) && since_s > 0 && hook->run->now_s - since_s < HOLD_S)
            return true;
    }
    return false;
}

static bool
list_has(const Value *map, const char *path, const char *text)
{
    for (const Value *v = value_first(map, path); v != NULL; v = v->next) {
        if (value_is(v, "", text) || value_is(v, "", "*"))
            return true;
    }
    return false;
}

static bool
judges_new_pods(const Value *hook)
{
    for (const Value *rule = value_first(hook, "rules"); rule != NULL; rule = rule->next) {
        if (list_has(rule, "operations", "CREATE") && list_has(rule, "apiGroups", "") &&
            (list_has(rule, "resources", "pods") || list_has(rule, "resources", "*/*")))
            return true;
    }
    return false;
}

/* A selector that is not there selects everything. */
static bool
selects(const Value *selector, const Value *labels)
{
    return selector == NULL || selector_match(selector, labels) == MATCH_YES;
}

/* Whether its pods, of which there are none, would have to be judged by themselves. */
static bool
blocks_itself(const Hook *hook, const Object *service)
{
    const CheckRun *run = hook->run;
    const Object *ns = snapshot_get(run->snapshot, KIND_NAMESPACE, "", hook->ns);
    const GPtrArray *pods = relations_service_pods(run->relations, service);
    for (guint i = 0; i < pods->len; i++) {
        if (pod_is_wanted(pods->pdata[i]))
            return false;
    }
    if (is_ignored(hook) || ns == NULL || !snapshot_knows(run->snapshot, KIND_POD) ||
        !judges_new_pods(hook->hook) ||
        !selects(value_get(hook->hook, "namespaceSelector"),
                 value_at(ns->value, "metadata.labels")))
        return false;
    g_autoptr(GPtrArray) makers = relations_templates(
        run->relations, hook->ns, value_at(service->value, "spec.selector"), true);
    for (guint i = 0; i < makers->len; i++) {
        const Object *maker = makers->pdata[i];
        const Value *labels = value_at(pod_template(maker), "metadata.labels");
        if (relations_owner(run->relations, maker) == NULL &&
            value_int(maker->value, "spec.replicas", 1) > 0 &&
            selects(value_get(hook->hook, "objectSelector"), labels))
            return true;
    }
    return false;
}

static void
report_dead(const Hook *hook, const Object *service)
{
    g_autofree char *why =
        g_strdup_printf("its Service %s/%s has no ready pod", hook->ns, hook->name);
    g_autofree char *deadlock = g_strdup_printf(
        "its Service %s/%s has no pod, and its own pods would have to be judged by it", hook->ns,
        hook->name);
    if (blocks_itself(hook, service))
        report(hook, ROW_BLOCKS, service, deadlock);
    else if (!was_ready_just_now(hook, service))
        report(hook, ROW_ENDPOINTS, service, why);
}

/* Whether its Service is there, with the port. */
static bool
look_at_service(const Hook *hook)
{
    const Snapshot *snapshot = hook->run->snapshot;
    const Object *service = snapshot_get(snapshot, KIND_SERVICE, hook->ns, hook->name);
    if (service == NULL) {
        g_autofree char *why =
            g_strdup_printf("its Service %s/%s does not exist", hook->ns, hook->name);
        if (snapshot_presence(snapshot, KIND_SERVICE, hook->ns, hook->name) == PRESENCE_MISSING)
            report(hook, ROW_SERVICE, NULL, why);
        return false;
    }
    if (service_port(service, (int)hook->port, "") == NULL) {
        g_autofree char *why = g_strdup_printf("its Service %s/%s has no port %" G_GINT64_FORMAT,
                                               hook->ns, hook->name, hook->port);
        report(hook, ROW_PORT, service, why);
        return false;
    }
    if (ready_endpoints(hook->run, service) == 0)
        report_dead(hook, service);
    return true;
}

/* ---- Whether it can be trusted. ---- */

static void
look_at_authority(const Hook *hook)
{
    enum { INJECTION_S = 600 }; /* others put it in after the configuration was made */
    const char *bundle = value_text(hook->hook, "clientConfig.caBundle");
    int64_t created_s = hook->configuration->created_s, ends_s = authority_end(bundle);
    g_autofree char *ended = span_text(hook->run->now_s - ends_s);
    g_autofree char *why = bundle[0] == '\0'
                               ? g_strdup("its certificate authority has not been put in")
                               : g_strdup_printf("its certificate authority ended %s ago", ended);
    bool is_empty =
        bundle[0] == '\0' && created_s > 0 && hook->run->now_s - created_s >= INJECTION_S;
    if (is_empty || (ends_s > 0 && ends_s <= hook->run->now_s))
        report(hook, ROW_CA, NULL, why);
}

static void
look_at_hook(CheckRun *run, const Object *configuration, const Value *hook_value)
{
    enum { PORT_DEFAULT = 443 };
    const Value *ref = value_at(hook_value, "clientConfig.service");
    const Hook hook = {.run = run,
                       .configuration = configuration,
                       .hook = hook_value,
                       .ns = value_text(ref, "namespace"),
                       .name = value_text(ref, "name"),
                       .port = value_int(ref, "port", PORT_DEFAULT)};
    if (ref == NULL)
        return;
    /* Who would put the authority in is gone with the Service. */
    if (look_at_service(&hook))
        look_at_authority(&hook);
}

/* Those that refuse come first: findings are about them. */
static void
run_webhooks(CheckRun *run)
{
    static const Kind kinds[] = {KIND_VALIDATING_WEBHOOK, KIND_MUTATING_WEBHOOK};
    for (size_t pass = 0; pass < 2 * G_N_ELEMENTS(kinds); pass++) {
        const GPtrArray *all = snapshot_objects(run->snapshot, kinds[pass % 2]);
        for (guint i = 0; i < all->len; i++) {
            const Object *configuration = all->pdata[i];
            for (const Value *h = value_first(configuration->value, "webhooks"); h != NULL;
                 h = h->next) {
                if (value_is(h, "failurePolicy", "Ignore") == (pass >= G_N_ELEMENTS(kinds)))
                    look_at_hook(run, configuration, h);
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
        check_advise(finding, api);
    }
}
