/* Deletions that do not come to an end. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_deletions(CheckRun *run);

enum { ROW_NAMESPACE, ROW_FINALIZER };

static const CheckRow rows[] = {
    [ROW_NAMESPACE] =
        {
            .id = "namespace-stuck-terminating",
            .kind = "Namespace",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .hold_s = 10 * 60,
            .symptom = "A namespace is being deleted and does not go away.",
            .meaning = "Its phase has been Terminating for ten minutes. Its conditions say whether "
                       "an API does not answer, or objects wait for their finalizers.",
            .fix = "Repair what serves the API, or the controller that owns the finalizer.",
            .run = run_deletions,
            .needs = {KIND_NAMESPACE},
        },
    [ROW_FINALIZER] =
        {
            .id = "object-stuck-finalizer",
            .kind = "any",
            .severity = SEVERITY_LOW,
            .stage = STAGE_SCALING,
            .tier = 1,
            .hold_s = 30 * 60,
            .is_umbrella = true,
            .symptom = "An object was deleted and does not go away.",
            .meaning = "metadata.deletionTimestamp is older than half an hour, and finalizers are "
                       "left.",
            .fix = "Restore the controller that owns the finalizer. Removing a finalizer by hand "
                   "can leave data or cloud resources behind.",
            .run = run_deletions,
        },
};

const CheckTopic check_topic_namespace = {rows, G_N_ELEMENTS(rows)};

enum { OBJECTS_MAX = 5 };

/* The names of the finalizers of an object, separated by commas; "" for none. */
static char *
finalizers_text(const Object *object)
{
    GString *text = g_string_new(NULL);
    for (const Value *f = value_first(object->value, "metadata.finalizers"); f != NULL; f = f->next)
        g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "", value_text(f, ""));
    return g_string_free(text, FALSE);
}

/* Kinds whose deletion other checks look at, or that are never deleted so. */
static bool
is_foreign(Kind kind)
{
    return kind == KIND_POD || kind == KIND_NODE || kind == KIND_NAMESPACE || kind == KIND_PVC ||
           kind == KIND_PV || kind == KIND_EVENT;
}

/* ---- Namespaces. ---- */

/* Objects of the namespace that wait for a finalizer, as far as they are listed. */
static void
add_objects(CheckRun *run, Finding *finding, const Object *ns)
{
    guint n = 0;
    for (int kind = KIND_NONE + 1; kind < KIND_COUNT && n < OBJECTS_MAX; kind++) {
        const GPtrArray *all = snapshot_in_namespace(run->snapshot, (Kind)kind, ns->name);
        for (guint i = 0; i < all->len && n < OBJECTS_MAX; i++) {
            const Object *object = all->pdata[i];
            if (!status_is_deleted(object) ||
                value_count(object->value, "metadata.finalizers") == 0)
                continue;
            g_autofree char *finalizers = finalizers_text(object);
            finding_about(finding, object);
            finding_evidence(finding, "%s %s has finalizer %s", kind_row(object->kind)->kind,
                             object->name, finalizers);
            n++;
        }
    }
}

/* What its conditions say holds it up; the most telling one. */
static const char *
reason_of(const Object *ns)
{
    static const char *const types[] = {
        "NamespaceDeletionDiscoveryFailure", "NamespaceDeletionGroupVersionParsingFailure",
        "NamespaceDeletionContentFailure", "NamespaceFinalizersRemaining",
        "NamespaceContentRemaining"};
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        if (status_is(ns, types[i], "True"))
            return value_text(condition_of(ns, types[i]), "message");
    }
    return "";
}

static void
look_at_namespace(CheckRun *run, const Object *ns)
{
    int64_t since_s = value_time(ns->value, "metadata.deletionTimestamp");
    if (!value_is(ns->value, "status.phase", "Terminating") ||
        !check_held(run, &rows[ROW_NAMESPACE], since_s))
        return;
    g_autofree char *span = span_text(run->now_s - since_s);
    const char *reason = reason_of(ns);
    Finding *finding = check_report(run, &rows[ROW_NAMESPACE], ns);
    finding_since(finding, since_s);
    add_objects(run, finding, ns);
    const char *object = finding->evidence->len > 0 ? finding->evidence->pdata[0] : "";
    finding_title(finding, "Namespace %s has been terminating for %s", ns->name, span);
    finding_cause(finding, "Its deletion waits%s%s.%s%s%s", reason[0] != '\0' ? ": " : "", reason,
                  object[0] != '\0' ? " " : "", object,
                  object[0] != '\0' ? ", and nothing removes it." : "");
    finding_evidence(finding, "%s",
                     value_text(condition_of(ns, "NamespaceContentRemaining"), "message"));
    finding_fix(finding, "%s", rows[ROW_NAMESPACE].fix);
    finding_fix(finding, "kubectl get namespace %s -o yaml", ns->name);
}

/* ---- Other objects. ---- */

static bool
is_in_terminating_namespace(const CheckRun *run, const Object *object)
{
    const Object *ns =
        object->ns[0] != '\0' ? snapshot_get(run->snapshot, KIND_NAMESPACE, "", object->ns) : NULL;
    return ns != NULL && status_is_deleted(ns);
}

static void
look_at_object(CheckRun *run, const Object *object)
{
    int64_t since_s = value_time(object->value, "metadata.deletionTimestamp");
    if (since_s == 0 || !check_held(run, &rows[ROW_FINALIZER], since_s) ||
        value_count(object->value, "metadata.finalizers") == 0 ||
        is_in_terminating_namespace(run, object))
        return;
    const KindRow *kind = kind_row(object->kind);
    g_autofree char *finalizers = finalizers_text(object);
    g_autofree char *span = span_text(run->now_s - since_s);
    Finding *finding = check_report(run, &rows[ROW_FINALIZER], object);
    finding_since(finding, since_s);
    finding_title(finding, "%s %s was deleted %s ago and is still there", kind->kind, object->name,
                  span);
    finding_cause(finding, "Its deletion waits for finalizer %s, which nothing removes.",
                  finalizers);
    finding_fix(finding, "%s", rows[ROW_FINALIZER].fix);
    finding_fix(finding, "kubectl%s%s get %s %s -o yaml", object->ns[0] != '\0' ? " -n " : "",
                object->ns, kind->resource, object->name);
}

static void
run_deletions(CheckRun *run)
{
    const GPtrArray *namespaces = snapshot_objects(run->snapshot, KIND_NAMESPACE);
    for (guint i = 0; i < namespaces->len; i++)
        look_at_namespace(run, namespaces->pdata[i]);
    for (int kind = KIND_NONE + 1; kind < KIND_COUNT; kind++) {
        const GPtrArray *all = snapshot_objects(run->snapshot, (Kind)kind);
        for (guint i = 0; !is_foreign((Kind)kind) && i < all->len; i++)
            look_at_object(run, all->pdata[i]);
    }
}
