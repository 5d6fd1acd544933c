#include "analyzers/checks/collector.h"

#include <string.h>

#include "analyzers/checks/placement.h"
#include "analyzers/checks/status.h"
#include "analyzers/collect/backend.h"

/* The name of an image without registry, tag and digest has the word, and not as a part of another:
 * alloydb-auth-proxy is no alloy, pgvector no vector. */
static bool
image_has(const char *image, const char *word)
{
    const char *slash = strrchr(image, '/');
    const char *name = slash != NULL ? slash + 1 : image, *end = name + strcspn(name, ":@");
    for (const char *at = strstr(name, word); at != NULL && at < end; at = strstr(at + 1, word)) {
        const char *next = at + strlen(word);
        if ((at == name || !g_ascii_isalnum(at[-1])) && next <= end && !g_ascii_isalnum(*next))
            return true;
    }
    return false;
}

bool
collector_runs_image(const Object *set, const char *const *words)
{
    for (const Value *c = value_first(set->value, "spec.template.spec.containers"); c != NULL;
         c = c->next) {
        for (size_t i = 0; words[i] != NULL; i++) {
            if (image_has(value_text(c, "image"), words[i]))
                return true;
        }
    }
    return false;
}

static bool
is_named(const Object *set, const char *name)
{
    static const char *const label = "app.kubernetes.io/name";
    const Value *labels = value_at(set->value, "spec.template.metadata.labels");
    const char *const words[] = {name, NULL};
    return value_is(value_get(labels, label), "", name) || collector_runs_image(set, words);
}

bool
collector_is_alloy(const Object *set)
{
    return is_named(set, "alloy");
}

bool
pod_runs_image(const Object *pod, const char *word)
{
    const Value *c = value_first(pod->value, "spec.containers");
    while (c != NULL && !image_has(value_text(c, "image"), word))
        c = c->next;
    return c != NULL;
}

bool
pod_is_alloy(const Object *pod)
{
    return pod_runs_image(pod, "alloy");
}

bool
collector_is_cresset_agent(const Object *set)
{
    return is_named(set, "cresset-agent");
}

bool
collector_belongs_on(const Object *set, const Object *node)
{
    const Value *template = value_at(set->value, "spec.template");
    return placement_is_kept(node) && placement_selects(template, node) &&
           placement_taint(template, node) == NULL;
}

const char *
collector_container(const Object *pod, const char *word)
{
    const Value *containers = value_first(pod->value, "spec.containers");
    for (const Value *c = containers; c != NULL; c = c->next) {
        if (image_has(value_text(c, "image"), word))
            return value_text(c, "name");
    }
    return containers != NULL ? value_text(containers, "name") : NULL;
}

char *
collectors_ready_text(const CheckRun *run)
{
    const GPtrArray *sets = snapshot_objects(run->snapshot, KIND_DAEMON_SET);
    guint n = 0, n_ready = 0;
    if (!snapshot_knows(run->snapshot, KIND_POD))
        return g_strdup("");
    for (guint i = 0; i < sets->len; i++) {
        const Object *set = sets->pdata[i];
        if (!collector_is_alloy(set) && !collector_is_cresset_agent(set))
            continue;
        g_autoptr(GPtrArray) pods = relations_pods(run->relations, set);
        for (guint k = 0; k < pods->len; k++) {
            n += backend_is_live(pods->pdata[k]);
            n_ready += backend_is_ready(pods->pdata[k]);
        }
    }
    if (n == 0)
        return g_strdup("");
    return g_strdup_printf("%u of %u pods of Alloy and cresset-agent are Ready in Kubernetes.",
                           n_ready, n);
}
