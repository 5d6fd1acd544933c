#include "analyzers/checks/rollout.h"

#include <string.h>

/* How long after a roll-out trouble is still its. */
enum { SOON_S = 30 * 60 };

/* The two newest ReplicaSets of a Deployment. */
typedef struct {
    const Object *now, *before;
} Revisions;

static int64_t
revision_of(const Object *set)
{
    const Value *annotations = value_at(set->value, "metadata.annotations");
    return value_int(value_get(annotations, "deployment.kubernetes.io/revision"), "", 0);
}

static Revisions
find_revisions(const CheckRun *run, const Object *deployment)
{
    Revisions found = {NULL, NULL};
    const GPtrArray *sets = relations_owned(run->relations, deployment);
    for (guint i = 0; i < sets->len; i++) {
        const Object *set = sets->pdata[i];
        if (set->kind != KIND_REPLICA_SET)
            continue;
        if (found.now == NULL || revision_of(set) > revision_of(found.now)) {
            found.before = found.now;
            found.now = set;
        } else if (found.before == NULL || revision_of(set) > revision_of(found.before)) {
            found.before = set;
        }
    }
    return found;
}

/* Depth is bounded by that of what is read. */
static bool
is_same(const Value *a, const Value *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    if (a->type != b->type || a->n != b->n)
        return false;
    if (a->type != VALUE_LIST && a->type != VALUE_MAP)
        return strcmp(a->text, b->text) == 0;
    const Value *left = a->first, *right = b->first;
    for (; left != NULL && right != NULL; left = left->next, right = right->next) {
        if (strcmp(left->key, right->key) != 0 || !is_same(left, right))
            return false;
    }
    return left == right;
}

/* "image a to b", or the fields of a container that differ, never their values: environments hold
 * secrets. */
static void
add_changes(GString *text, const Value *now, const Value *before)
{
    static const char *const fields[] = {"command",         "args",           "env",
                                         "envFrom",         "resources",      "volumeMounts",
                                         "livenessProbe",   "readinessProbe", "startupProbe",
                                         "securityContext", "ports"};
    const char *image = value_text(now, "image"), *former = value_text(before, "image");
    const char *name = value_text(now, "name");
    if (before == NULL) {
        g_string_append_printf(text, "%scontainer %s is new", text->len > 0 ? "; " : "", name);
        return;
    }
    if (strcmp(image, former) != 0)
        g_string_append_printf(text, "%simage of container %s from %s to %s",
                               text->len > 0 ? "; " : "", name, former, image);
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (!is_same(value_get(now, fields[i]), value_get(before, fields[i])))
            g_string_append_printf(text, "%s%s of container %s", text->len > 0 ? "; " : "",
                                   fields[i], name);
    }
}

void
rollout_explain(const CheckRun *run, Finding *finding)
{
    const Object *deployment = finding->object;
    if (deployment->kind != KIND_DEPLOYMENT || finding->since_s == 0)
        return;
    Revisions revisions = find_revisions(run, deployment);
    if (revisions.before == NULL || revisions.now->created_s == 0)
        return;
    int64_t after_s = finding->since_s - revisions.now->created_s;
    if (after_s < 0 || after_s > SOON_S)
        return;
    g_autoptr(GString) text = g_string_new(NULL);
    const Value *former = pod_template(revisions.before);
    for (const Value *c = value_first(pod_template(revisions.now), "spec.containers"); c != NULL;
         c = c->next)
        add_changes(text, c, value_find(former, "spec.containers", "name", value_text(c, "name")));
    g_autofree char *span = span_text(after_s);
    finding_evidence(finding, "It began %s after the roll-out of revision %" G_GINT64_FORMAT "%s%s",
                     span, revision_of(revisions.now), text->len > 0 ? ", which changed " : "",
                     text->str);
    finding_fix(finding,
                "kubectl -n %s rollout history deployment/%s (suggestion to go back: "
                "kubectl -n %s rollout undo deployment/%s)",
                deployment->ns, deployment->name, deployment->ns, deployment->name);
}
