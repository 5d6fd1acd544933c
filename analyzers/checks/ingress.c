/* Classes and controllers of Ingresses. */
#include <string.h>

#include "analyzers/checks/ingress_class.h"
#include "analyzers/checks/label_hint.h"
#include "analyzers/checks/table.h"
#include "analyzers/collect/backend.h"
#include "analyzers/collect/change.h"

#define DEFAULT_ANNOTATION "ingressclass.kubernetes.io/is-default-class"

static void run_ingresses(CheckRun *run);
static void run_ingress_classes(CheckRun *run);

enum {
    ROW_CLASS_MISSING,
    ROW_CLASS_NONE,
    ROW_MULTI_DEFAULT,
    ROW_CONTROLLER_ABSENT,
    ROW_NO_ADDRESS,
    ROW_REJECTED,
    ROW_ANNOTATION,
    ROW_CONFLICT,
};

static const CheckRow rows[] = {
    [ROW_CLASS_MISSING] =
        {
            .id = "ingress-class-missing",
            .kind = "Ingress",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ROUTE,
            .tier = 1,
            .is_own_cause = true,
            .hold_s = 300,
            .symptom = "An Ingress is served by nobody because its class does not exist.",
            .meaning =
                "spec.ingressClassName names an IngressClass that the cluster does not have, and "
                "that no cloud provides by itself.",
            .fix = "Set spec.ingressClassName to a class that exists.",
            .run = run_ingresses,
            .needs = {KIND_INGRESS_CLASS},
        },
    [ROW_CLASS_NONE] =
        {
            .id = "ingress-class-none",
            .kind = "Ingress",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ROUTE,
            .tier = 1,
            .is_own_cause = true,
            .hold_s = 300,
            .symptom = "An Ingress is served by nobody because it names no class.",
            .meaning =
                "The Ingress has neither a class nor the older annotation, no IngressClass is the "
                "default, and no controller has given it an address.",
            .fix = "Set spec.ingressClassName.",
            .run = run_ingresses,
            .needs = {KIND_INGRESS_CLASS},
        },
    [ROW_MULTI_DEFAULT] =
        {
            .id = "ingressclass-multi-default",
            .kind = "IngressClass",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_ROUTE,
            .tier = 1,
            .is_own_cause = true,
            .symptom = "New Ingresses without a class are refused.",
            .meaning = "More than one IngressClass is marked as the default.",
            .fix = "Keep the annotation " DEFAULT_ANNOTATION " on one class only.",
            .run = run_ingress_classes,
        },
    [ROW_CONTROLLER_ABSENT] =
        {
            .id = "ingressclass-controller-absent",
            .kind = "IngressClass",
            .severity = SEVERITY_CRITICAL,
            .stage = STAGE_ROUTE,
            .tier = 1,
            .hold_s = 300,
            .symptom = "All addresses of an Ingress class are down.",
            .meaning =
                "Ingresses use the class, and the well-known controller behind it has no ready "
                "pod.",
            .fix = "Look at the pods of the Ingress controller.",
            .run = run_ingress_classes,
            .needs = {KIND_POD, KIND_INGRESS, KIND_DEPLOYMENT, KIND_DAEMON_SET},
        },
    [ROW_NO_ADDRESS] =
        {
            .id = "ingress-no-address",
            .kind = "Ingress",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_ROUTE,
            .tier = 1,
            .hold_s = 600,
            .is_umbrella = true,
            .symptom = "No controller has taken an Ingress.",
            .meaning =
                "status.loadBalancer.ingress is empty, though other Ingresses of the same class "
                "have an address, or an event tells why.",
            .fix = "Check the class of the Ingress and the events and log of its controller.",
            .run = run_ingresses,
        },
    [ROW_REJECTED] =
        {
            .id = "ingress-controller-rejected",
            .kind = "Ingress",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ROUTE,
            .tier = 1,
            .is_own_cause = true,
            .hold_s = 300,
            .symptom = "The controller does not accept an Ingress, or a part of it.",
            .meaning = "The controller has reported an error about the Ingress as an event.",
            .fix = "Correct the field that the message names.",
            .run = run_ingresses,
            .needs = {KIND_EVENT},
        },
    [ROW_ANNOTATION] =
        {
            .id = "ingress-annotation-snippet-blocked",
            .kind = "Ingress",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_ROUTE,
            .tier = 2,
            .is_own_cause = true,
            .hold_s = 300,
            .symptom = "The controller ignores an Ingress because of one of its annotations.",
            .meaning = "The controller reports as an event that an annotation is not allowed.",
            .fix = "Remove the annotation, or allow it in the configuration of the controller.",
            .run = run_ingresses,
            .needs = {KIND_EVENT},
        },
    [ROW_CONFLICT] =
        {
            .id = "ingress-host-conflict",
            .kind = "Ingress",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_ROUTE,
            .tier = 1,
            .is_own_cause = true,
            .hold_s = 3600,
            .symptom = "Two Ingresses claim the same address; one of them is ignored.",
            .meaning =
                "Two Ingresses of one class have a rule with the same host, path and path type, "
                "and different backends. Usually the oldest wins.",
            .fix = "Remove the rule from one of them.",
            .run = run_ingresses,
        },
};

const CheckTopic check_topic_ingress = {rows, G_N_ELEMENTS(rows)};

/* ---- Classes. ---- */

/* Classes that clouds serve without an IngressClass. */
static bool
is_provided(const char *name)
{
    static const char *const names[] = {"gce", "gce-internal", "alb", NULL};
    return g_strv_contains(names, name);
}

static bool
is_default(const Object *class)
{
    const Value *annotations = value_at(class->value, "metadata.annotations");
    return value_is(value_get(annotations, DEFAULT_ANNOTATION), "", "true");
}

static bool
has_address(const Object *ingress)
{
    return value_count(ingress->value, "status.loadBalancer.ingress") > 0;
}

static char *
urls_text(const Object *ingress)
{
    GString *text = g_string_new(NULL);
    guint n = 0;
    for (const Value *rule = value_first(ingress->value, "spec.rules"); rule != NULL && n < 3;
         rule = rule->next, n++) {
        g_autofree char *url = ingress_url_text(ingress, rule, value_first(rule, "http.paths"));
        g_string_append_printf(text, "%s%s", n > 0 ? ", " : "", url);
    }
    if (n == 0)
        g_string_append(text, "its addresses");
    return g_string_free(text, FALSE);
}

static char *
class_list_text(const CheckRun *run)
{
    GString *text = g_string_new(NULL);
    const GPtrArray *classes = snapshot_objects(run->snapshot, KIND_INGRESS_CLASS);
    for (guint i = 0; i < classes->len && i < 8; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "",
                               ((const Object *)classes->pdata[i])->name);
    return g_string_free(text, FALSE);
}

static void
look_for_class(CheckRun *run, const Object *ingress)
{
    const CheckRow *row = &rows[ROW_CLASS_MISSING];
    const char *name = value_text(ingress->value, "spec.ingressClassName");
    if (name[0] == '\0' || is_provided(name) ||
        snapshot_presence(run->snapshot, KIND_INGRESS_CLASS, "", name) != PRESENCE_MISSING ||
        !check_held(run, row, object_changed_s(ingress, NULL)))
        return;
    const GPtrArray *classes = snapshot_objects(run->snapshot, KIND_INGRESS_CLASS);
    const Object *near = name_hint(classes, name);
    g_autofree char *urls = urls_text(ingress), *list = class_list_text(run);
    Finding *finding = check_report(run, row, ingress);
    if (has_address(ingress)) /* a controller that does not mind serves it, or did */
        finding->severity = SEVERITY_MEDIUM;
    finding_misses(finding, KIND_INGRESS_CLASS, "", name);
    finding_title(finding, "Ingress %s names class %s, which does not exist", ingress->name, name);
    if (near != NULL)
        finding_cause(finding,
                      "There is no IngressClass %s (there is %s), so no controller serves %s.",
                      name, near->name, urls);
    else
        finding_cause(finding, "There is no IngressClass %s%s%s, so no controller serves %s.", name,
                      list[0] != '\0' ? "; the cluster has " : " and no other either", list, urls);
    finding_fix(finding, "Set spec.ingressClassName of Ingress %s to a class that exists%s%s.",
                ingress->name, near != NULL ? ", probably " : "", near != NULL ? near->name : "");
    finding_fix(finding, "kubectl get ingressclass");
}

static void
look_for_default(CheckRun *run, const Object *ingress)
{
    const CheckRow *row = &rows[ROW_CLASS_NONE];
    if (ingress_class_name(ingress)[0] != '\0' || has_address(ingress) ||
        !snapshot_knows(run->snapshot, KIND_INGRESS_CLASS) ||
        !check_held(run, row, object_changed_s(ingress, NULL)))
        return;
    const GPtrArray *classes = snapshot_objects(run->snapshot, KIND_INGRESS_CLASS);
    for (guint i = 0; i < classes->len; i++) {
        if (is_default(classes->pdata[i]))
            return;
    }
    g_autofree char *urls = urls_text(ingress), *list = class_list_text(run);
    Finding *finding = check_report(run, row, ingress);
    finding_title(finding, "Ingress %s names no class and the cluster has no default",
                  ingress->name);
    finding_cause(finding,
                  "Without ingressClassName and without a default IngressClass no controller takes "
                  "the Ingress, so nobody serves %s.",
                  urls);
    if (list[0] != '\0')
        finding_evidence(finding, "IngressClasses: %s", list);
    finding_fix(finding, "Set spec.ingressClassName%s%s.", list[0] != '\0' ? ": " : "", list);
    finding_fix(finding, "kubectl get ingressclass");
}

/* ---- What the controller says. ---- */

/* Whether the controller of a class writes addresses at all. */
static bool
has_sibling_address(const CheckRun *run, const Object *ingress)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_INGRESS);
    for (guint i = 0; i < all->len; i++) {
        if (strcmp(ingress_class_name(all->pdata[i]), ingress_class_name(ingress)) == 0 &&
            has_address(all->pdata[i]))
            return true;
    }
    return false;
}

static const Event *
failure_of(const CheckRun *run, const Object *ingress)
{
    const GPtrArray *events = snapshot_events(run->snapshot, ingress);
    static const char *const reasons[] = {"AddedOrUpdatedWithError",
                                          "Rejected",
                                          "FailedBuildModel",
                                          "FailedDeployModel",
                                          "Translate",
                                          "TranslationFailed",
                                          "Sync",
                                          NULL};
    for (guint i = 0; i < events->len; i++) {
        const Event *event = events->pdata[i];
        if (strcmp(event->type, "Warning") == 0 && g_strv_contains(reasons, event->reason))
            return event;
    }
    return NULL;
}

static void
look_at_address(CheckRun *run, const Object *ingress)
{
    const CheckRow *row = &rows[ROW_NO_ADDRESS];
    int64_t changed_s = object_changed_s(ingress, NULL);
    if (has_address(ingress) || !check_held(run, row, changed_s) ||
        !has_sibling_address(run, ingress))
        return;
    g_autofree char *urls = urls_text(ingress), *span = span_text(run->now_s - changed_s);
    Finding *finding = check_report(run, row, ingress);
    finding_title(finding, "No controller has taken Ingress %s for %s", ingress->name, span);
    finding_cause(finding,
                  "Other Ingresses of its class have an address and this one has none, so the "
                  "controller does not serve %s.",
                  urls);
    finding_fix(finding, "Look at what the Ingress controller says about it.");
    finding_describe(finding, ingress);
}

/* Whether the policy of the controller forbids an annotation. */
static bool
is_about_annotation(const Event *event)
{
    g_autofree char *text = g_ascii_strdown(event->message, -1);
    bool is_forbidden = strstr(text, "not allowed") != NULL || strstr(text, "disabled") != NULL ||
                        strstr(text, "disallowed") != NULL || strstr(text, "blocked") != NULL ||
                        strstr(text, "risky") != NULL;
    return is_forbidden && strstr(text, "annotation") != NULL;
}

static void
look_at_events(CheckRun *run, const Object *ingress)
{
    const Event *event = failure_of(run, ingress);
    const CheckRow *row =
        &rows[event != NULL && is_about_annotation(event) ? ROW_ANNOTATION : ROW_REJECTED];
    if (event == NULL || !check_held(run, row, event->first_s))
        return;
    Finding *finding = check_report(run, row, ingress);
    finding_since(finding, event->first_s);
    finding_title(finding, "The controller refuses Ingress %s (%s)", ingress->name, event->reason);
    finding_cause(finding, "The Ingress controller reports: \"%s\".", event->message);
    finding_fix(finding, "%s", row->fix);
    finding_describe(finding, ingress);
}

/* ---- Conflicts. ---- */

static void
report_conflict(CheckRun *run, const Object *ingress, const Object *older, const char *url)
{
    const CheckRow *row = &rows[ROW_CONFLICT];
    if (!check_held(run, row, MAX(ingress->created_s, older->created_s)))
        return;
    Finding *finding = check_report_once(run, row, ingress, "");
    if (finding == NULL)
        return;
    finding_title(finding, "Ingress %s claims %s, which Ingress %s/%s has already", ingress->name,
                  url, older->ns, older->name);
    finding_cause(finding,
                  "Both have a rule for %s with different backends; the controller usually takes "
                  "the older one, so the rule of %s is ignored.",
                  url, ingress->name);
    finding_fix(finding, "Remove the rule from one of the two Ingresses.");
    finding_fix(finding, "kubectl get ingress -A");
}

typedef struct {
    const Object *ingress;
    const char *service;
} Claim;

static void
claim_paths(CheckRun *run, GHashTable *claims, const Object *ingress, const Value *rule)
{
    const Value *annotations = value_at(ingress->value, "metadata.annotations");
    if (value_is(value_get(annotations, "nginx.ingress.kubernetes.io/canary"), "", "true"))
        return;
    for (const Value *path = value_first(rule, "http.paths"); path != NULL; path = path->next) {
        g_autofree char *key =
            g_strjoin("\n", ingress_class_name(ingress), value_text(rule, "host"),
                      value_text(path, "path"), value_text(path, "pathType"), NULL);
        const char *service = value_text(path, "backend.service.name");
        Claim *claim = g_hash_table_lookup(claims, key);
        if (claim == NULL) {
            claim = g_new(Claim, 1);
            *claim = (Claim){ingress, service};
            g_hash_table_insert(claims, g_steal_pointer(&key), claim);
            continue;
        }
        if (claim->ingress == ingress ||
            (strcmp(claim->ingress->ns, ingress->ns) == 0 && strcmp(claim->service, service) == 0))
            continue;
        bool is_younger = ingress->created_s >= claim->ingress->created_s;
        g_autofree char *url = ingress_url_text(ingress, rule, path);
        report_conflict(run, is_younger ? ingress : claim->ingress,
                        is_younger ? claim->ingress : ingress, url);
    }
}

static void
run_ingresses(CheckRun *run)
{
    g_autoptr(GHashTable) claims = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_INGRESS);
    for (guint i = 0; i < all->len; i++) {
        const Object *ingress = all->pdata[i];
        if (value_time(ingress->value, "metadata.deletionTimestamp") > 0)
            continue;
        look_for_class(run, ingress);
        look_for_default(run, ingress);
        look_at_address(run, ingress);
        look_at_events(run, ingress);
        for (const Value *rule = value_first(ingress->value, "spec.rules"); rule != NULL;
             rule = rule->next) {
            if (value_text(rule, "host")[0] != '\0')
                claim_paths(run, claims, ingress, rule);
        }
    }
}

/* ---- Controllers. ---- */

static bool
is_class_used(const CheckRun *run, const char *name)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_INGRESS);
    for (guint i = 0; i < all->len; i++) {
        if (strcmp(ingress_class_name(all->pdata[i]), name) == 0)
            return true;
    }
    return false;
}

static void
look_at_controller(CheckRun *run, const Object *class)
{
    const CheckRow *row = &rows[ROW_CONTROLLER_ABSENT];
    if (!snapshot_knows(run->snapshot, KIND_POD) || !is_class_used(run, class->name))
        return;
    g_autoptr(GPtrArray) pods = ingress_class_pods(run->snapshot, class);
    int64_t held_s = 0;
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        int64_t since_s = backend_unready_since(pod);
        if (backend_is_ready(pod))
            return;
        held_s = MAX(held_s, since_s > 0 ? since_s : pod->created_s);
    }
    /* No pod at all: it may be labelled otherwise, so that nobody can say. */
    if (pods->len == 0 || !check_held(run, row, held_s))
        return;
    const Object *maker = relations_controller(run->relations, pods->pdata[0]);
    Finding *finding = check_report(run, row, class);
    finding_about(finding, maker);
    finding_title(finding, "The controller of Ingress class %s has no ready pod", class->name);
    finding_cause(finding,
                  "None of the %u pods of %s %s/%s is ready, so every Ingress of class %s is down.",
                  pods->len, kind_row(maker->kind)->kind, maker->ns, maker->name, class->name);
    finding_fix(finding, "Look at the pods of %s %s.", kind_row(maker->kind)->kind, maker->name);
    finding_fix(finding, "kubectl -n %s get pods -o wide", maker->ns);
}

static void
run_ingress_classes(CheckRun *run)
{
    const GPtrArray *classes = snapshot_objects(run->snapshot, KIND_INGRESS_CLASS);
    const Object *first = NULL;
    Finding *finding = NULL;
    for (guint i = 0; i < classes->len; i++) {
        const Object *class = classes->pdata[i];
        look_at_controller(run, class);
        if (!is_default(class))
            continue;
        if (first != NULL && finding == NULL) {
            finding = check_report(run, &rows[ROW_MULTI_DEFAULT], class);
            finding_about(finding, first);
            finding_title(finding, "IngressClasses %s and %s are both the default", first->name,
                          class->name);
            finding_cause(finding, "With more than one default class the API server refuses new "
                                   "Ingresses that name none.");
            finding_fix(finding, "Remove the annotation " DEFAULT_ANNOTATION " from one of them.");
            finding_fix(finding, "kubectl get ingressclass");
        }
        first = first != NULL ? first : class;
    }
}
