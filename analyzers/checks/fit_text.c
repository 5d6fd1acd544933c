#include "analyzers/checks/fit_text.h"

#include <string.h>

#include "analyzers/checks/placement.h"
#include "lib/base/nearest.h"
#include "lib/k8s/selector.h"

enum { NAMES_MAX = 5 };

static char *
units_text(const char *resource, double units)
{
    if (strcmp(resource, "memory") == 0 || strstr(resource, "storage") != NULL ||
        g_str_has_prefix(resource, "hugepages-"))
        return g_strdup_printf("%.1f GiB of %s", units / 0x1p30, resource);
    return g_strdup_printf("%g %s", units, resource);
}

char *
fit_resource_text(const FitResult *fit)
{
    g_autofree char *wants = units_text(fit->resource, fit->wanted);
    if (fit_is_impossible(fit)) {
        g_autofree char *has = units_text(fit->resource, fit->largest);
        return g_strdup_printf("it asks for %s, and the largest node that it may use has %s", wants,
                               has);
    }
    g_autofree char *has = units_text(fit->resource, fit->most_free);
    return g_strdup_printf(
        "it asks for %s, and no node that it may use has more than %s free%s%s%s", wants, has,
        fit->emptiest != NULL ? " (" : "", fit->emptiest != NULL ? fit->emptiest->name : "",
        fit->emptiest != NULL ? ")" : "");
}

/* ---- Labels. ---- */

/* What nodes have instead of a label: other values of it, or a key that is nearly the same. */
static char *
near_text(const Snapshot *snapshot, const char *key)
{
    g_autoptr(GString) values = g_string_new(NULL);
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    const GPtrArray *nodes = snapshot_objects(snapshot, KIND_NODE);
    guint n = 0;
    for (guint i = 0; i < nodes->len && n < NAMES_MAX; i++) {
        const Value *labels = value_at(((const Object *)nodes->pdata[i])->value, "metadata.labels");
        const char *text = value_text(value_get(labels, key), "");
        g_autofree char *one = g_strdup_printf("%s=%s", key, text);
        if (text[0] != '\0' && strstr(values->str, one) == NULL) {
            g_string_append_printf(values, "%s%s", n > 0 ? ", " : "", one);
            n++;
        }
        for (const Value *label = value_first(labels, ""); label != NULL && i == 0;
             label = label->next)
            g_ptr_array_add(keys, (gpointer)(uintptr_t)label->key);
    }
    if (n > 0)
        return g_strdup_printf(" (nodes have %s)", values->str);
    int nearest = nearest_name(key, (const char *const *)keys->pdata, keys->len);
    return nearest < 0
               ? g_strdup("")
               : g_strdup_printf(" (nodes have a label %s)", (const char *)keys->pdata[nearest]);
}

static bool
is_on_any_node(const Snapshot *snapshot, const Value *label)
{
    const GPtrArray *nodes = snapshot_objects(snapshot, KIND_NODE);
    for (guint i = 0; i < nodes->len; i++) {
        const Value *labels = value_at(((const Object *)nodes->pdata[i])->value, "metadata.labels");
        const Value *other = value_get(labels, label->key);
        if (other != NULL && value_is(other, "", value_text(label, "")))
            return true;
    }
    return false;
}

char *
fit_selector_text(const Snapshot *snapshot, const Object *pod)
{
    const Value *selector = value_at(pod->value, "spec.nodeSelector");
    for (const Value *label = value_first(selector, ""); label != NULL; label = label->next) {
        if (is_on_any_node(snapshot, label))
            continue;
        g_autofree char *near = near_text(snapshot, label->key);
        return g_strdup_printf("no node has the label %s=%s that its nodeSelector asks for%s",
                               label->key, value_text(label, ""), near);
    }
    if (value_count(selector, "") > 0) {
        g_autofree char *text = selector_map_text(selector);
        return g_strdup_printf("no node has all that its nodeSelector (%s) and its node affinity "
                               "ask for",
                               text);
    }
    return g_strdup("its node affinity matches no node");
}

/* ---- Closed nodes. ---- */

char *
fit_taints_text(const FitResult *fit)
{
    GString *text = g_string_new("the nodes that it may use have taints that it does not "
                                 "tolerate: ");
    for (guint i = 0; i < MIN(fit->barriers->len, (guint)NAMES_MAX); i++) {
        g_autofree char *one = placement_taint_text(fit->barriers->pdata[i]);
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", one);
    }
    return g_string_free(text, FALSE);
}

char *
fit_cordoned_text(const FitResult *fit)
{
    GString *text = g_string_new("the nodes that it may use are cordoned: ");
    for (guint i = 0; i < MIN(fit->cordoned->len, (guint)NAMES_MAX); i++)
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "",
                               ((const Object *)fit->cordoned->pdata[i])->name);
    if (fit->cordoned->len > NAMES_MAX)
        g_string_append_printf(text, " and %u more", fit->cordoned->len - NAMES_MAX);
    return g_string_free(text, FALSE);
}

char *
fit_counts_text(const FitResult *fit)
{
    const struct {
        guint n;
        const char *text;
    } parts[] = {
        {fit->n_cordoned, "cordoned"},         {fit->n_tainted, "closed by taints"},
        {fit->n_full, "full of pods"},         {fit->n_short, "without room"},
        {fit->n_port, "with its port in use"},
    };
    if (fit->n_nodes == 0 || fit->n_selected == 0)
        return NULL;
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "Its labels allow %u of %u nodes", fit->n_selected, fit->n_nodes);
    bool is_first = true;
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (parts[i].n == 0)
            continue;
        g_string_append_printf(text, "%s%u %s", is_first ? ": " : ", ", parts[i].n, parts[i].text);
        is_first = false;
    }
    g_string_append_c(text, '.');
    return g_string_free(text, FALSE);
}

char *
scheduler_words(const char *message)
{
    const char *available = strstr(message, "available: ");
    const char *from = available != NULL ? available + strlen("available: ") : message;
    const char *end = strstr(from, "preemption:");
    char *words = end != NULL ? g_strndup(from, (gsize)(end - from)) : g_strdup(from);
    char *claims = strstr(words, " no new claims to deallocate,");
    if (claims != NULL)
        *claims = '\0';
    g_strstrip(words);
    while (words[0] != '\0' && strchr(".,", words[strlen(words) - 1]) != NULL)
        words[strlen(words) - 1] = '\0';
    return words;
}
