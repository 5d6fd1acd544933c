#include "server/query/location_names.h"

#include <string.h>

/* Of one dataset; beyond, addresses keep the names they were stored with. */
#define ADDRESSES_MAX 100000

/* The locations of one mapping that are asked for. */
typedef struct {
    GArray *locations; /* uint32_t */
    GArray *addresses; /* uint64_t */
} Wanted;

static void
wanted_free(gpointer pointer)
{
    Wanted *wanted = pointer;
    g_array_unref(wanted->locations);
    g_array_unref(wanted->addresses);
    g_free(wanted);
}

static bool
can_be_resolved(const SymbolView *symbols, const SymbolLocation *location)
{
    uint32_t length = 0;
    if (location->n_lines > 0 || location->address == 0 || location->mapping == 0)
        return false;
    symbol_string(symbols, symbols->mappings[location->mapping - 1].build_id, &length);
    return length > 0;
}

static void
want(GHashTable *by_mapping, uint32_t id, const SymbolLocation *location)
{
    gpointer key = GUINT_TO_POINTER(location->mapping);
    Wanted *wanted = g_hash_table_lookup(by_mapping, key);
    if (wanted == NULL) {
        wanted = g_new0(Wanted, 1);
        wanted->locations = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        wanted->addresses = g_array_new(FALSE, FALSE, sizeof(uint64_t));
        g_hash_table_insert(by_mapping, key, wanted);
    }
    g_array_append_val(wanted->locations, id);
    g_array_append_val(wanted->addresses, location->address);
}

/* What is asked for, by mapping id + 1: the locations of the nodes that have a value below them. */
static GHashTable *
collect(const SymbolView *symbols, const int64_t *totals)
{
    g_autofree uint8_t *has_value = g_malloc0((size_t)symbols->n_nodes + 1);
    g_autofree uint8_t *is_seen = g_malloc0((size_t)symbols->n_locations + 1);
    GHashTable *by_mapping = g_hash_table_new_full(NULL, NULL, NULL, wanted_free);
    uint32_t n = 0;
    for (uint32_t i = symbols->n_nodes; i-- > 1;) {
        uint32_t id = symbols->node_location[i];
        has_value[i] |= totals[i] != 0;
        has_value[symbols->node_parent[i]] |= has_value[i];
        if (!has_value[i] || is_seen[id] || n == ADDRESSES_MAX)
            continue;
        is_seen[id] = 1;
        if (can_be_resolved(symbols, &symbols->locations[id])) {
            want(by_mapping, id, &symbols->locations[id]);
            n++;
        }
    }
    return by_mapping;
}

static char *
text_of(const SymbolView *symbols, uint32_t string)
{
    uint32_t length;
    const char *text = symbol_string(symbols, string, &length);
    return g_strndup(text, length);
}

static void
names_free(gpointer names)
{
    g_strfreev(names);
}

static void
resolve(const Query *query, const StoreDataset *dataset, uint32_t mapping, const Wanted *wanted,
        GHashTable *names)
{
    const SymbolView *symbols = dataset->symbols;
    const SymbolMapping *from = &symbols->mappings[mapping - 1];
    g_autofree char *build_id = text_of(symbols, from->build_id);
    g_autofree char *filename = text_of(symbols, from->filename);
    const QueryMapping of = {.tenant = dataset->tenant,
                             .build_id = build_id,
                             .filename = filename,
                             .start = from->start,
                             .limit = from->limit,
                             .offset = from->offset};
    g_autoptr(GPtrArray) found = query->resolver->resolve(
        query->resolver->data, &of, (const uint64_t *)(const void *)wanted->addresses->data,
        wanted->addresses->len);
    for (guint i = 0; found != NULL && i < found->len; i++) {
        uint32_t id = g_array_index(wanted->locations, uint32_t, i);
        if (found->pdata[i] != NULL && ((GStrv)found->pdata[i])[0] != NULL)
            g_hash_table_insert(names, GUINT_TO_POINTER(id), g_strdupv(found->pdata[i]));
    }
}

GHashTable *
location_names(const Query *query, const StoreDataset *dataset, const int64_t *totals)
{
    const SymbolView *symbols = dataset->symbols;
    if (query->resolver == NULL)
        return NULL;
    g_autoptr(GHashTable) by_mapping = collect(symbols, totals);
    g_autoptr(GHashTable) names = g_hash_table_new_full(NULL, NULL, NULL, names_free);
    GHashTableIter iter;
    gpointer mapping, wanted;
    g_hash_table_iter_init(&iter, by_mapping);
    while (g_hash_table_iter_next(&iter, &mapping, &wanted))
        resolve(query, dataset, GPOINTER_TO_UINT(mapping), wanted, names);
    return g_hash_table_size(names) > 0 ? g_steal_pointer(&names) : NULL;
}
