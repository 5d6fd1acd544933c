#include "analyzers/checks/rollout.h"

#include <string.h>

int64_t
rollout_revision(const Object *revision)
{
    const Value *annotations = value_at(revision->value, "metadata.annotations");
    return revision->kind == KIND_CONTROLLER_REVISION
               ? value_int(revision->value, "revision", 0)
               : value_int(value_get(annotations, "deployment.kubernetes.io/revision"), "", 0);
}

/* The kind that revisions of a controller are; KIND_NONE: it has none. */
static Kind
kind_of_revisions(Kind controller)
{
    if (controller == KIND_DEPLOYMENT)
        return KIND_REPLICA_SET;
    return controller == KIND_STATEFUL_SET || controller == KIND_DAEMON_SET
               ? KIND_CONTROLLER_REVISION
               : KIND_NONE;
}

Rollout
rollout_of(const CheckRun *run, const Object *controller)
{
    Rollout found = {NULL, NULL};
    Kind kind = kind_of_revisions(controller->kind);
    if (kind == KIND_NONE)
        return found;
    const GPtrArray *owned = relations_owned(run->relations, controller);
    for (guint i = 0; i < owned->len; i++) {
        const Object *one = owned->pdata[i];
        if (one->kind != kind)
            continue;
        if (found.now == NULL || rollout_revision(one) > rollout_revision(found.now)) {
            found.before = found.now;
            found.now = one;
        } else if (found.before == NULL || rollout_revision(one) > rollout_revision(found.before)) {
            found.before = one;
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

/* Adds a change behind a separator. */
static void add_change(GString *text, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
add_change(GString *text, const char *format, ...)
{
    va_list arguments;
    g_string_append(text, text->len > 0 ? "; " : "");
    va_start(arguments, format);
    g_string_append_vprintf(text, format, arguments);
    va_end(arguments);
}

/* Variables by their names: environments hold secrets. */
static void
add_env_changes(GString *text, const Value *now, const Value *before)
{
    const char *container = value_text(now, "name");
    for (const Value *env = value_first(now, "env"); env != NULL; env = env->next) {
        const char *name = value_text(env, "name");
        const Value *former = value_find(before, "env", "name", name);
        if (former == NULL)
            add_change(text, "variable %s of container %s, which is new", name, container);
        else if (!is_same(env, former))
            add_change(text, "variable %s of container %s", name, container);
    }
    for (const Value *env = value_first(before, "env"); env != NULL; env = env->next) {
        const char *name = value_text(env, "name");
        if (value_find(now, "env", "name", name) == NULL)
            add_change(text, "variable %s of container %s, which is gone", name, container);
    }
}

static const char *
or_none(const char *text)
{
    return *text != '\0' ? text : "none";
}

static void
add_resource_changes(GString *text, const Value *now, const Value *before)
{
    static const struct {
        const char *path, *name;
    } resources[] = {{"resources.requests.cpu", "CPU request"},
                     {"resources.limits.cpu", "CPU limit"},
                     {"resources.requests.memory", "memory request"},
                     {"resources.limits.memory", "memory limit"}};
    for (size_t i = 0; i < G_N_ELEMENTS(resources); i++) {
        const char *value = value_text(now, resources[i].path);
        const char *former = value_text(before, resources[i].path);
        if (strcmp(value, former) != 0)
            add_change(text, "%s of container %s from %s to %s", resources[i].name,
                       value_text(now, "name"), or_none(former), or_none(value));
    }
}

/* What differs in a container; of most fields only that they do. */
static void
add_changes(GString *text, const Value *now, const Value *before)
{
    static const char *const fields[] = {
        "command",        "args",         "envFrom",         "volumeMounts", "livenessProbe",
        "readinessProbe", "startupProbe", "securityContext", "ports"};
    const char *image = value_text(now, "image"), *former = value_text(before, "image");
    const char *name = value_text(now, "name");
    if (before == NULL) {
        add_change(text, "container %s is new", name);
        return;
    }
    if (strcmp(image, former) != 0)
        add_change(text, "image of container %s from %s to %s", name, former, image);
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (!is_same(value_get(now, fields[i]), value_get(before, fields[i])))
            add_change(text, "%s of container %s", fields[i], name);
    }
    add_env_changes(text, now, before);
    add_resource_changes(text, now, before);
}

static const Value *
template_of(const Object *revision)
{
    return revision->kind == KIND_CONTROLLER_REVISION
               ? value_at(revision->value, "data.spec.template")
               : pod_template(revision);
}

char *
rollout_changes(const Rollout *rollout)
{
    GString *text = g_string_new(NULL);
    const Value *former = template_of(rollout->before);
    for (const Value *c = value_first(template_of(rollout->now), "spec.containers"); c != NULL;
         c = c->next)
        add_changes(text, c, value_find(former, "spec.containers", "name", value_text(c, "name")));
    return g_string_free(text, FALSE);
}
