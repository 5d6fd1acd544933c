#include "server/query/call_site.h"

#include <stdbool.h>
#include <string.h>

static bool
node_is_named(const SymbolView *symbols, uint32_t node, const char *name, size_t name_length)
{
    uint32_t length;
    const char *text = symbol_string(symbols, symbols->function_name[node], &length);
    return name_length == length && memcmp(text, name, length) == 0;
}

uint8_t *
call_site_mark(const SymbolView *symbols, const char *const *call_site)
{
    guint n_names = call_site != NULL ? g_strv_length((GStrv)(uintptr_t)call_site) : 0;
    if (n_names == 0)
        return NULL;
    /* Names matched on the way to a node, plus 1; 0 when one of them was another. */
    g_autofree uint32_t *matched = g_new0(uint32_t, (size_t)symbols->n_function_nodes + 1);
    uint8_t *marks = g_malloc0((size_t)symbols->n_function_nodes + 1);
    g_autofree size_t *lengths = g_new(size_t, n_names);
    for (guint i = 0; i < n_names; i++)
        lengths[i] = strlen(call_site[i]);
    matched[0] = 1;
    for (uint32_t i = 1; i < symbols->n_function_nodes; i++) {
        uint32_t before = matched[symbols->function_parent[i]];
        if (before == n_names + 1)
            matched[i] = before;
        else if (before > 0 &&
                 node_is_named(symbols, i, call_site[before - 1], lengths[before - 1]))
            matched[i] = before + 1;
        marks[i] = matched[i] == n_names + 1;
    }
    return marks;
}
