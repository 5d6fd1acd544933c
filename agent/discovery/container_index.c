#include "agent/discovery/container_index.h"

typedef struct {
    LocalContainer *container; /* NULL: not known */
    int64_t seen_us, asked_us;
    uint64_t due; /* the lower, the longer it waits to be asked for; 0: it does not */
} Entry;

struct ContainerIndex {
    GHashTable *entries; /* char * → Entry */
    uint64_t last_due;
    size_t n_due, n_known;
};

static void
entry_free(void *data)
{
    Entry *entry = data;
    local_container_unref(entry->container);
    g_free(entry);
}

ContainerIndex *
container_index_new(void)
{
    ContainerIndex *index = g_new0(ContainerIndex, 1);
    index->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, entry_free);
    return index;
}

void
container_index_free(ContainerIndex *index)
{
    g_hash_table_unref(index->entries);
    g_free(index);
}

/* --- entries ---------------------------------------------------------------------------------- */

static void
set_due(ContainerIndex *index, Entry *entry, bool is_due)
{
    index->n_due -= entry->due != 0;
    entry->due = is_due ? ++index->last_due : 0;
    index->n_due += is_due;
}

static void
forget_unseen(ContainerIndex *index, int64_t before_us)
{
    GHashTableIter iter;
    void *value;
    g_hash_table_iter_init(&iter, index->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Entry *entry = value;
        if (entry->seen_us > before_us)
            continue;
        set_due(index, entry, false);
        index->n_known -= entry->container != NULL;
        g_hash_table_iter_remove(&iter);
    }
}

/* The entry of an id, which is new when there is none; NULL when there are too many. */
static Entry *
get_entry(ContainerIndex *index, const char *id, int64_t now_us)
{
    Entry *entry = g_hash_table_lookup(index->entries, id);
    if (entry != NULL)
        return entry;
    if (g_hash_table_size(index->entries) >= CONTAINER_INDEX_MAX)
        forget_unseen(index, now_us - CONTAINER_INDEX_KEPT_US);
    if (g_hash_table_size(index->entries) >= CONTAINER_INDEX_MAX)
        return NULL;
    entry = g_new(Entry, 1);
    *entry = (Entry){.seen_us = now_us, .asked_us = now_us - CONTAINER_INDEX_AGAIN_US};
    g_hash_table_insert(index->entries, g_strdup(id), entry);
    return entry;
}

/* --- public ----------------------------------------------------------------------------------- */

LocalContainer *
container_index_find(ContainerIndex *index, const char *id, int64_t now_us)
{
    Entry *entry = local_container_is_id(id) ? get_entry(index, id, now_us) : NULL;
    if (entry == NULL)
        return NULL;
    entry->seen_us = now_us;
    if (entry->due == 0 && now_us - entry->asked_us >= CONTAINER_INDEX_AGAIN_US)
        set_due(index, entry, true);
    return entry->container != NULL ? local_container_ref(entry->container) : NULL;
}

bool
container_index_has_due(const ContainerIndex *index)
{
    return index->n_due > 0;
}

static gint
by_due(gconstpointer a, gconstpointer b, gpointer data)
{
    const ContainerIndex *index = data;
    const Entry *left = g_hash_table_lookup(index->entries, *(char *const *)a);
    const Entry *right = g_hash_table_lookup(index->entries, *(char *const *)b);
    return (left->due > right->due) - (left->due < right->due);
}

GPtrArray *
container_index_due(const ContainerIndex *index, guint n_max)
{
    GPtrArray *ids = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    void *key, *value;
    g_hash_table_iter_init(&iter, index->entries);
    while (g_hash_table_iter_next(&iter, &key, &value))
        if (((const Entry *)value)->due != 0)
            g_ptr_array_add(ids, g_strdup(key));
    g_ptr_array_sort_with_data(ids, by_due, (gpointer)index);
    if (ids->len > n_max)
        g_ptr_array_set_size(ids, (gint)n_max);
    return ids;
}

void
container_index_put(ContainerIndex *index, LocalContainer *container, int64_t now_us)
{
    Entry *entry = get_entry(index, container->id, now_us);
    if (entry == NULL)
        return;
    index->n_known += entry->container == NULL;
    local_container_unref(entry->container);
    entry->container = local_container_ref(container);
    entry->asked_us = now_us;
    set_due(index, entry, false);
}

void
container_index_settle(ContainerIndex *index, const GPtrArray *ids, int64_t now_us)
{
    for (guint i = 0; i < ids->len; i++) {
        Entry *entry = g_hash_table_lookup(index->entries, ids->pdata[i]);
        if (entry == NULL || entry->due == 0)
            continue;
        entry->asked_us = now_us;
        set_due(index, entry, false);
    }
}

void
container_index_put_off(ContainerIndex *index, const GPtrArray *ids)
{
    for (guint i = 0; i < ids->len; i++) {
        Entry *entry = g_hash_table_lookup(index->entries, ids->pdata[i]);
        if (entry != NULL && entry->due != 0)
            set_due(index, entry, true);
    }
}

size_t
container_index_known(const ContainerIndex *index)
{
    return index->n_known;
}
