/* What extends the API: custom types, certificates that nodes ask for, metrics. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"
#include "analyzers/collect/backend.h"

static void run_definitions(CheckRun *run);
static void run_requests(CheckRun *run);
static void run_metrics(CheckRun *run);

enum { ROW_ESTABLISHED, ROW_CONVERSION, ROW_STORED, ROW_REQUEST, ROW_METRICS };

static const CheckRow rows[] = {
    [ROW_ESTABLISHED] =
        {
            .id = "crd-not-established",
            .kind = "CustomResourceDefinition",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_ADMISSION,
            .tier = 2,
            .hold_s = 5 * 60,
            .symptom = "Objects of a custom type cannot be used.",
            .meaning = "The condition Established or NamesAccepted is False, "
                       "NonStructuralSchema is True, or the definition is being deleted for ten "
                       "minutes.",
            .fix = "Correct the schema or the names of the definition.",
            .run = run_definitions,
            .needs = {KIND_CRD},
        },
    [ROW_CONVERSION] =
        {
            .id = "crd-conversion-webhook-down",
            .kind = "CustomResourceDefinition",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ADMISSION,
            .tier = 2,
            .symptom = "Objects of a custom type can be neither read nor written.",
            .meaning = "The Service that converts between the versions of the type does not exist "
                       "or has no ready endpoint.",
            .fix = "Mend the pods behind the conversion webhook.",
            .run = run_definitions,
            .needs = {KIND_CRD, KIND_SERVICE, KIND_ENDPOINT_SLICE},
        },
    [ROW_STORED] =
        {
            .id = "crd-stored-version-stale",
            .kind = "CustomResourceDefinition",
            .severity = SEVERITY_INFO,
            .stage = STAGE_ADVICE,
            .tier = 3,
            .symptom = "The next upgrade of an operator may be refused.",
            .meaning = "status.storedVersions names a version that the definition does not serve.",
            .fix = "Write the objects anew in the present version before the next upgrade.",
            .run = run_definitions,
            .needs = {KIND_CRD},
        },
    [ROW_REQUEST] =
        {
            .id = "csr-pending",
            .kind = "CertificateSigningRequest",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_SCALING,
            .tier = 2,
            .hold_s = 3600,
            .symptom = "A node gets no certificate.",
            .meaning = "The request of a kubelet is neither approved nor denied for an hour.",
            .fix = "Approve the request if the node is yours, or mend what approves them.",
            .run = run_requests,
            .needs = {KIND_CSR},
        },
    [ROW_METRICS] =
        {
            .id = "metrics-server-missing",
            .kind = "HorizontalPodAutoscaler",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_ADMISSION,
            .tier = 2,
            .hold_s = 3600,
            .symptom = "Autoscalers see neither CPU nor memory.",
            .meaning = "Autoscalers use metrics of kind Resource, and no APIService serves "
                       "metrics.k8s.io.",
            .fix = "Install metrics-server, or what else serves metrics.k8s.io.",
            .run = run_metrics,
            .needs = {KIND_HPA, KIND_API_SERVICE},
        },
};

const CheckTopic check_topic_definition = {rows, G_N_ELEMENTS(rows)};

/* ---- Custom types. ---- */

static Finding *
report(CheckRun *run, size_t which, const Object *definition)
{
    Finding *finding = check_report(run, &rows[which], definition);
    check_advise(finding, definition);
    return finding;
}

static void
look_at_state(CheckRun *run, const Object *definition)
{
    static const struct {
        const char *type, *bad;
    } conditions[] = {
        {"NamesAccepted", "False"}, {"NonStructuralSchema", "True"}, {"Established", "False"}};
    enum { DELETION_S = 10 * 60 };
    const CheckRow *row = &rows[ROW_ESTABLISHED];
    int64_t deleted_s = value_time(definition->value, "metadata.deletionTimestamp");
    const Value *trouble = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(conditions) && trouble == NULL; i++) {
        const Value *c = condition_of(definition, conditions[i].type);
        if (value_is(c, "status", conditions[i].bad) &&
            check_held(run, row, value_time(c, "lastTransitionTime")))
            trouble = c;
    }
    const Value *terminating = condition_of(definition, "Terminating");
    if (deleted_s != 0 && run->now_s - deleted_s >= DELETION_S && terminating != NULL)
        trouble = terminating;
    if (trouble == NULL)
        return;
    Finding *finding = report(run, ROW_ESTABLISHED, definition);
    finding_since(finding, deleted_s != 0 ? deleted_s : value_time(trouble, "lastTransitionTime"));
    finding_title(finding, "Custom type %s is not usable: %s is %s", definition->name,
                  value_text(trouble, "type"), value_text(trouble, "status"));
    finding_cause(finding, "The API server says: %s", value_text(trouble, "message"));
}

static void
look_at_conversion(CheckRun *run, const Backends *backends, const Object *definition)
{
    const Value *ref = value_at(definition->value, "spec.conversion.webhook.clientConfig.service");
    const char *ns = value_text(ref, "namespace"), *name = value_text(ref, "name");
    guint n_ready = 0, n_all = 0;
    if (ref == NULL || !value_is(definition->value, "spec.conversion.strategy", "Webhook"))
        return;
    Presence presence = snapshot_presence(run->snapshot, KIND_SERVICE, ns, name);
    const Object *service = snapshot_get(run->snapshot, KIND_SERVICE, ns, name);
    if (presence == PRESENCE_UNKNOWN ||
        value_is(service != NULL ? service->value : NULL, "spec.type", "ExternalName"))
        return;
    if (service != NULL && (!backends_count(backends, service, &n_ready, &n_all) || n_ready > 0))
        return;
    Finding *finding = report(run, ROW_CONVERSION, definition);
    const GPtrArray *pods =
        service != NULL ? relations_service_pods(run->relations, service) : NULL;
    finding_about(finding, service);
    if (service == NULL)
        finding_misses(finding, KIND_SERVICE, ns, name);
    for (guint i = 0; pods != NULL && i < pods->len; i++) {
        finding_since(finding, backend_unready_since(pods->pdata[i]));
        finding_blame(finding, pods->pdata[i]);
    }
    finding_title(finding, "Objects of type %s cannot be converted", definition->name);
    finding_cause(finding,
                  "The API server asks Service %s/%s to convert them between versions, and it %s; "
                  "reading and writing them fails.",
                  ns, name, service != NULL ? "has no ready pod" : "does not exist");
}

static void
look_at_versions(CheckRun *run, const Object *definition)
{
    for (const Value *stored = value_first(definition->value, "status.storedVersions");
         stored != NULL; stored = stored->next) {
        const Value *version =
            value_find(definition->value, "spec.versions", "name", value_text(stored, ""));
        if (version != NULL && value_is_true(version, "served"))
            continue;
        Finding *finding = report(run, ROW_STORED, definition);
        finding_title(finding, "Custom type %s has objects of an old version", definition->name);
        finding_cause(finding, "Objects may still be stored as %s, which is not served any more.",
                      value_text(stored, ""));
        return;
    }
}

static void
run_definitions(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_CRD);
    g_autoptr(Backends) backends = backends_new(run->snapshot);
    for (guint i = 0; i < all->len; i++) {
        look_at_state(run, all->pdata[i]);
        look_at_conversion(run, backends, all->pdata[i]);
        look_at_versions(run, all->pdata[i]);
    }
}

/* ---- Certificates of nodes. ---- */

/* A kubelet asks again and again: one finding for each. */
static void
run_requests(CheckRun *run)
{
    static const char *const signers[] = {"kubernetes.io/kubelet-serving",
                                          "kubernetes.io/kube-apiserver-client-kubelet", NULL};
    const CheckRow *row = &rows[ROW_REQUEST];
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_CSR);
    g_autoptr(GHashTable) users = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < all->len; i++) {
        const Object *request = all->pdata[i];
        const char *user = value_text(request->value, "spec.username");
        const char *signer = value_text(request->value, "spec.signerName");
        if (value_count(request->value, "status.conditions") > 0 ||
            !g_strv_contains(signers, signer) || !check_held(run, row, request->created_s))
            continue;
        Finding *other = g_hash_table_lookup(users, user);
        if (other != NULL) {
            finding_since(other, request->created_s);
            continue;
        }
        Finding *finding = check_report(run, row, request);
        g_hash_table_insert(users, (gpointer)(uintptr_t)user, finding);
        finding_since(finding, request->created_s);
        finding_title(finding, "%s waits for a certificate", user);
        finding_cause(finding,
                      "Its request to %s is neither approved nor denied; without it the API server "
                      "cannot get logs and metrics of the node, or the node cannot join.",
                      signer);
        check_advise(finding, request);
    }
}

/* ---- Metrics of pods. ---- */

static bool
is_served(const CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_API_SERVICE);
    for (guint i = 0; i < all->len; i++) {
        if (value_is(((const Object *)all->pdata[i])->value, "spec.group", "metrics.k8s.io"))
            return true;
    }
    return !snapshot_knows(run->snapshot, KIND_API_SERVICE) || all->len == 0;
}

static bool
uses_resources(const Object *autoscaler)
{
    return value_find(autoscaler->value, "spec.metrics", "type", "Resource") != NULL ||
           value_find(autoscaler->value, "spec.metrics", "type", "ContainerResource") != NULL ||
           value_get(value_at(autoscaler->value, "spec"), "targetCPUUtilizationPercentage") != NULL;
}

static void
run_metrics(CheckRun *run)
{
    const CheckRow *row = &rows[ROW_METRICS];
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_HPA);
    Finding *finding = NULL;
    guint n = 0;
    if (is_served(run))
        return;
    for (guint i = 0; i < all->len; i++) {
        const Object *autoscaler = all->pdata[i];
        if (!uses_resources(autoscaler) || !check_held(run, row, autoscaler->created_s))
            continue;
        n++;
        if (finding == NULL)
            finding = check_report(run, row, autoscaler);
        else
            finding_about(finding, autoscaler);
    }
    if (finding == NULL)
        return;
    finding_title(finding, "Autoscalers need metrics.k8s.io, which nothing serves");
    finding_cause(finding,
                  "%u autoscalers, %s/%s the first, scale by CPU or memory, and no APIService "
                  "serves these metrics: they do not scale.",
                  n, finding->object->ns, finding->object->name);
    finding_fix(finding, "%s", row->fix);
    finding_fix(finding, "kubectl get apiservice v1beta1.metrics.k8s.io");
}
