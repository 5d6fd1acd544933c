#include "server/query/call_site.h"

#include <stdbool.h>
#include <string.h>

typedef struct {
    const char *const *names;
    guint n;
} CallSite;

/* Whether the way to a node is decided: it has left the call site, or has all of it. */
static bool
is_decided(const CallSite *site, uint32_t matched)
{
    return matched == 0 || matched == site->n + 1;
}

/* `matched` counts the names met on the way to a frame, plus 1; 0 is a way that met another.
 * Returns the same with the frame. */
static uint32_t
match_frame(const CallSite *site, uint32_t matched, const char *text, size_t length)
{
    if (is_decided(site, matched))
        return matched;
    const char *name = site->names[matched - 1]; /* the text may hold a NUL */
    return strlen(name) == length && memcmp(name, text, length) == 0 ? matched + 1 : 0;
}

/* The same with all frames of a location. */
static uint32_t
match_location(const CallSite *site, uint32_t matched, const SymbolView *symbols,
               const LocationLines *lines, uint32_t id)
{
    const SymbolLocation *location = &symbols->locations[id];
    const AddressLine *resolved;
    uint32_t length;
    size_t n = location_lines_get(lines, id, &resolved);
    if (n == 0 && location->n_lines == 0) {
        const char *text = symbol_string(symbols, location->first_line, &length);
        return match_frame(site, matched, text, length);
    }
    for (size_t i = n; i-- > 0;)
        matched = match_frame(site, matched, resolved[i].name, strlen(resolved[i].name));
    for (uint32_t i = location->n_lines; i-- > 0;) {
        uint32_t function = symbols->lines[location->first_line + i].function;
        const char *text = symbol_string(symbols, symbols->functions[function].name, &length);
        matched = match_frame(site, matched, text, length);
    }
    return matched;
}

uint8_t *
call_site_mark(const SymbolView *symbols, const LocationLines *lines, const char *const *call_site)
{
    guint n_names = call_site != NULL ? g_strv_length((GStrv)(uintptr_t)call_site) : 0;
    const CallSite site = {call_site, n_names};
    if (n_names == 0)
        return NULL;
    g_autofree uint32_t *matched = g_new0(uint32_t, (size_t)symbols->n_nodes + 1);
    uint8_t *marks = g_malloc0((size_t)symbols->n_nodes + 1);
    matched[0] = 1;
    for (uint32_t i = 1; i < symbols->n_nodes; i++) {
        uint32_t before = matched[symbols->node_parent[i]];
        matched[i] = is_decided(&site, before)
                         ? before
                         : match_location(&site, before, symbols, lines, symbols->node_location[i]);
        marks[i] = matched[i] == n_names + 1;
    }
    return marks;
}
