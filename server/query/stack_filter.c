#include "server/query/stack_filter.h"

#include "server/query/call_site.h"
#include "server/query/frame_filter.h"

bool
stack_filter_is_set(const Query *query)
{
    return query->frame_filter != NULL || (query->call_site != NULL && query->call_site[0] != NULL);
}

bool
stack_filter_mark(const Query *query, const SymbolView *symbols, const LocationLines *lines,
                  uint8_t **ret_marks, GError **error)
{
    *ret_marks = NULL;
    g_autofree uint8_t *at_site =
        call_site_mark(symbols, lines, (const char *const *)query->call_site);
    if (query->frame_filter != NULL) {
        g_autofree uint8_t *passing = frame_filter_mark(query->frame_filter, symbols, lines, error);
        if (passing == NULL)
            return false;
        for (uint32_t i = 0; at_site != NULL && i < symbols->n_nodes; i++)
            passing[i] &= at_site[i];
        *ret_marks = g_steal_pointer(&passing);
    } else {
        *ret_marks = g_steal_pointer(&at_site);
    }
    return true;
}
