#include "analyzers/checks/placement.h"

#include <string.h>

#include "analyzers/checks/status.h"

enum { GRACE_S = 10 * 60 };

/* ---- Which nodes a template chooses. ---- */

/* matchFields knows one field only: the name. */
static bool
fields_match(const Value *term, const Object *node)
{
    for (const Value *field = value_first(term, "matchFields"); field != NULL;
         field = field->next) {
        bool is_listed = false;
        if (!value_is(field, "key", "metadata.name"))
            return false;
        for (const Value *name = value_first(field, "values"); name != NULL; name = name->next)
            is_listed = is_listed || value_is(name, "", node->name);
        if (is_listed != value_is(field, "operator", "In"))
            return false;
    }
    return true;
}

static bool
term_matches(const Value *term, const Object *node)
{
    if (value_count(term, "matchExpressions") == 0 && value_count(term, "matchFields") == 0)
        return false;
    /* A term is written like a LabelSelector; what that does not know (Gt, Lt) is not sure. */
    return selector_match(term, value_at(node->value, "metadata.labels")) == MATCH_YES &&
           fields_match(term, node);
}

bool
placement_selects(const Value *template, const Object *node)
{
    const Value *labels = value_at(node->value, "metadata.labels");
    const Value *selector = value_at(template, "spec.nodeSelector");
    if (selector != NULL && !selector_match_map(selector, labels))
        return false;
    const Value *required = value_at(
        template, "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution");
    if (required == NULL)
        return true;
    for (const Value *term = value_first(required, "nodeSelectorTerms"); term != NULL;
         term = term->next) {
        if (term_matches(term, node))
            return true;
    }
    return false;
}

/* ---- Taints. ---- */

static bool
tolerates(const Value *toleration, const Value *taint)
{
    const char *key = value_text(toleration, "key"), *effect = value_text(toleration, "effect");
    const char *operator= value_text(toleration, "operator");
    if (effect[0] != '\0' && !value_is(taint, "effect", effect))
        return false;
    if (key[0] == '\0')
        return strcmp(operator, "Exists") == 0;
    if (!value_is(taint, "key", key))
        return false;
    if (operator[0] == '\0' || strcmp(operator, "Equal") == 0)
        return strcmp(value_text(taint, "value"), value_text(toleration, "value")) == 0;
    return true; /* Exists; what is not known here may match */
}

bool
placement_tolerates(const Value *template, const Value *taint)
{
    bool is_tolerated = value_is(taint, "effect", "PreferNoSchedule");
    for (const Value *t = value_first(template, "spec.tolerations"); t != NULL && !is_tolerated;
         t = t->next)
        is_tolerated = tolerates(t, taint);
    return is_tolerated;
}

/* Taints that the controller of DaemonSets tolerates for them, and those that a node carries for a
 * moment only, until an agent of its own has started. */
static bool
is_harmless(const char *key)
{
    static const char *const prefixes[] = {"node.kubernetes.io/",
                                           "node.cloudprovider.kubernetes.io/", "karpenter.sh/"};
    static const char *const suffixes[] = {"not-ready", "uninitialized", "unregistered"};
    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (g_str_has_prefix(key, prefixes[i]))
            return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        if (g_str_has_suffix(key, suffixes[i]))
            return true;
    }
    return false;
}

const Value *
placement_taint(const Value *template, const Object *node)
{
    for (const Value *taint = value_first(node->value, "spec.taints"); taint != NULL;
         taint = taint->next) {
        if (!is_harmless(value_text(taint, "key")) && !placement_tolerates(template, taint))
            return taint;
    }
    return NULL;
}

char *
placement_taint_text(const Value *taint)
{
    const char *value = value_text(taint, "value");
    return g_strdup_printf("%s%s%s:%s", value_text(taint, "key"), value[0] != '\0' ? "=" : "",
                           value, value_text(taint, "effect"));
}

/* ---- Nodes. ---- */

static bool
is_virtual(const Object *node)
{
    const Value *labels = value_at(node->value, "metadata.labels");
    return value_is(value_get(labels, "eks.amazonaws.com/compute-type"), "", "fargate") ||
           value_is(value_get(labels, "type"), "", "virtual-kubelet") ||
           value_find(node->value, "spec.taints", "key", "virtual-kubelet.io/provider") != NULL;
}

bool
placement_is_leaving(const Object *node)
{
    static const char *const keys[] = {"ToBeDeletedByClusterAutoscaler",
                                       "DeletionCandidateOfClusterAutoscaler",
                                       "cloud.google.com/impending-node-termination",
                                       "karpenter.sh/disrupted",
                                       "karpenter.sh/disruption",
                                       "node.cluster.x-k8s.io/uninitialized"};
    for (const Value *taint = value_first(node->value, "spec.taints"); taint != NULL;
         taint = taint->next) {
        const char *key = value_text(taint, "key");
        if (g_str_has_prefix(key, "aws-node-termination-handler/"))
            return true;
        for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
            if (strcmp(key, keys[i]) == 0)
                return true;
        }
    }
    return status_is_deleted(node);
}

bool
placement_is_kept(const Object *node)
{
    return !is_virtual(node) && !placement_is_leaving(node);
}

bool
placement_is_expected(const CheckRun *run, const Object *node)
{
    if (!placement_is_kept(node) || !status_is(node, "Ready", "True"))
        return false;
    for (const Value *taint = value_first(node->value, "spec.taints"); taint != NULL;
         taint = taint->next) {
        if (run->now_s - value_time(taint, "timeAdded") < GRACE_S)
            return false;
    }
    int64_t ready_s = MAX(status_since(node, "Ready"), node->created_s);
    return run->now_s - ready_s >= GRACE_S;
}

bool
placement_is_control_plane(const Object *node)
{
    static const char *const keys[] = {"node-role.kubernetes.io/control-plane",
                                       "node-role.kubernetes.io/master",
                                       "node-role.kubernetes.io/etcd"};
    const Value *labels = value_at(node->value, "metadata.labels");
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (value_get(labels, keys[i]) != NULL ||
            value_find(node->value, "spec.taints", "key", keys[i]) != NULL)
            return true;
    }
    return false;
}
