#include "analyzers/checks/policy_text.h"

#include <string.h>

#include "analyzers/collect/backend.h"
#include "analyzers/collect/change.h"

enum { ITEMS_MAX = 3 };

static bool
is_map(const Value *value)
{
    return value != NULL && value->type == VALUE_MAP;
}

char *
peer_text(const Value *peer)
{
    const Value *pods = value_get(peer, "podSelector");
    const Value *namespaces = value_get(peer, "namespaceSelector");
    g_autofree char *of_pods = is_map(pods) ? selector_text(pods) : g_strdup("");
    g_autofree char *of_ns = is_map(namespaces) ? selector_text(namespaces) : g_strdup("");
    bool is_every_pod = !is_map(pods) || selector_is_empty(pods);
    if (is_map(value_get(peer, "ipBlock")))
        return g_strdup(value_text(peer, "ipBlock.cidr"));
    if (!is_map(namespaces))
        return is_every_pod ? g_strdup("all pods of the namespace") : g_strdup(of_pods);
    if (selector_is_empty(namespaces))
        return is_every_pod ? g_strdup("all pods") : g_strdup_printf("%s anywhere", of_pods);
    return is_every_pod ? g_strdup_printf("namespaces with %s", of_ns)
                        : g_strdup_printf("%s in namespaces with %s", of_pods, of_ns);
}

static void
add_list(GString *text, const Value *list, char *(*describe)(const Value *))
{
    int n = 0;
    for (const Value *one = value_first(list, ""); one != NULL; one = one->next, n++) {
        if (n >= ITEMS_MAX)
            continue;
        g_autofree char *item = describe(one);
        g_string_append_printf(text, "%s%s", n > 0 ? ", " : "", item);
    }
    if (n > ITEMS_MAX)
        g_string_append_printf(text, " and %d more", n - ITEMS_MAX);
}

static char *
port_text(const Value *port)
{
    const char *number = value_text(port, "port"), *end = value_text(port, "endPort");
    return g_strdup_printf("%s%s%s%s%s", port_protocol(port), number[0] != '\0' ? " " : "", number,
                           end[0] != '\0' ? "-" : "", end);
}

static void
add_rule(GString *text, const Value *rule, PolicyDirection direction)
{
    const Value *peers = value_get(rule, direction == POLICY_INGRESS ? "from" : "to");
    const Value *ports = value_get(rule, "ports");
    if (value_count(peers, "") > 0)
        add_list(text, peers, peer_text);
    else
        g_string_append(text, "everybody");
    if (value_count(ports, "") == 0)
        return;
    g_string_append(text, " on ");
    add_list(text, ports, port_text);
}

char *
policies_text(const GPtrArray *policies, PolicyDirection direction)
{
    GString *text = g_string_new(NULL);
    int n = 0;
    for (guint i = 0; i < policies->len; i++) {
        for (const Value *rule = policy_rules(policies->pdata[i], direction); rule != NULL;
             rule = rule->next, n++) {
            if (n >= ITEMS_MAX)
                continue;
            g_string_append(text, n > 0 ? "; " : "");
            add_rule(text, rule, direction);
        }
    }
    if (n > ITEMS_MAX)
        g_string_append_printf(text, "; and %d more rules", n - ITEMS_MAX);
    if (n == 0)
        g_string_append(text, "nothing");
    return g_string_free(text, FALSE);
}

bool
policies_have_rules(const GPtrArray *policies, PolicyDirection direction)
{
    for (guint i = 0; i < policies->len; i++) {
        if (policy_rules(policies->pdata[i], direction) != NULL)
            return true;
    }
    return false;
}

char *
policy_names_text(const GPtrArray *policies)
{
    GString *text = g_string_new(policies->len == 1 ? "NetworkPolicy " : "NetworkPolicies ");
    for (guint i = 0; i < policies->len && i < ITEMS_MAX; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "",
                               ((const Object *)policies->pdata[i])->name);
    if (policies->len > ITEMS_MAX)
        g_string_append_printf(text, " and %u more", policies->len - ITEMS_MAX);
    return g_string_free(text, FALSE);
}

const Object *
policy_newest(const GPtrArray *policies)
{
    const Object *newest = NULL;
    int64_t newest_s = 0;
    for (guint i = 0; i < policies->len; i++) {
        int64_t changed_s = object_changed_s(policies->pdata[i], NULL);
        if (newest == NULL || changed_s > newest_s) {
            newest = policies->pdata[i];
            newest_s = changed_s;
        }
    }
    return newest;
}
