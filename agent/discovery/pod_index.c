#include "agent/discovery/pod_index.h"

#include <string.h>

typedef struct {
    Pod *pod;
    guint container; /* of the pod; NO_CONTAINER: the key is the pod's own */
    int64_t gone_us; /* 0: it is there */
    uint64_t list;   /* number of the list that told of it last */
} Entry;

#define NO_CONTAINER G_MAXUINT

struct PodIndex {
    GMutex lock;      /* guards what follows */
    GHashTable *keys; /* char * → Entry */
    GHashTable *uids; /* char * of pods that are there */
    uint64_t list;
    uint64_t version; /* grows with each change */
    bool is_listed;
    bool has_gone; /* some of the keys are of what is gone */
};

static void
entry_free(void *data)
{
    Entry *entry = data;
    pod_unref(entry->pod);
    g_free(entry);
}

PodIndex *
pod_index_new(void)
{
    PodIndex *index = g_new0(PodIndex, 1);
    g_mutex_init(&index->lock);
    index->keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, entry_free);
    index->uids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return index;
}

void
pod_index_free(PodIndex *index)
{
    if (index == NULL)
        return;
    g_hash_table_unref(index->keys);
    g_hash_table_unref(index->uids);
    g_mutex_clear(&index->lock);
    g_free(index);
}

/* Forgets what was gone before `before_us`. */
static void
forget_locked(PodIndex *index, int64_t before_us)
{
    GHashTableIter iter;
    void *value;
    if (!index->has_gone)
        return;
    index->has_gone = false;
    g_hash_table_iter_init(&iter, index->keys);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Entry *entry = value;
        if (entry->gone_us > 0 && entry->gone_us <= before_us)
            g_hash_table_iter_remove(&iter);
        else
            index->has_gone |= entry->gone_us > 0;
    }
}

static void
set_locked(PodIndex *index, const char *key, Pod *pod, guint container)
{
    if (key == NULL || *key == '\0')
        return;
    bool is_known = g_hash_table_contains(index->keys, key);
    if (!is_known && g_hash_table_size(index->keys) >= POD_KEYS_MAX) {
        forget_locked(index, G_MAXINT64);
        if (g_hash_table_size(index->keys) >= POD_KEYS_MAX)
            return;
    }
    Entry *entry = g_new(Entry, 1);
    *entry = (Entry){.pod = pod_ref(pod), .container = container, .list = index->list};
    g_hash_table_insert(index->keys, g_strdup(key), entry);
}

static void
set_gone_locked(PodIndex *index, Entry *entry, int64_t now_us)
{
    entry->gone_us = now_us;
    index->has_gone = true;
}

/* Marks what is of the pod but not of this list or of this object any more. */
static void
mark_gone_locked(PodIndex *index, const char *uid, const Pod *pod, int64_t now_us)
{
    GHashTableIter iter;
    void *value;
    g_hash_table_iter_init(&iter, index->keys);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Entry *entry = value;
        if (entry->gone_us == 0 && entry->pod != pod && strcmp(entry->pod->uid, uid) == 0)
            set_gone_locked(index, entry, now_us);
    }
}

void
pod_index_begin(PodIndex *index)
{
    g_mutex_lock(&index->lock);
    index->list++;
    g_mutex_unlock(&index->lock);
}

void
pod_index_end(PodIndex *index, int64_t now_us)
{
    GHashTableIter iter;
    void *value;
    g_mutex_lock(&index->lock);
    index->is_listed = true;
    index->version++;
    g_hash_table_iter_init(&iter, index->keys);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Entry *entry = value;
        if (entry->list == index->list || entry->gone_us > 0)
            continue;
        set_gone_locked(index, entry, now_us);
        if (entry->container == NO_CONTAINER)
            g_hash_table_remove(index->uids, entry->pod->uid);
    }
    forget_locked(index, now_us - POD_GRACE_US);
    g_mutex_unlock(&index->lock);
}

void
pod_index_put(PodIndex *index, Pod *pod, int64_t now_us)
{
    g_mutex_lock(&index->lock);
    index->version++;
    set_locked(index, pod->uid, pod, NO_CONTAINER);
    set_locked(index, pod->manifest_hash, pod, NO_CONTAINER);
    for (guint i = 0; i < pod->containers->len; i++)
        set_locked(index, pod_container_id(&g_array_index(pod->containers, PodContainer, i)), pod,
                   i);
    if (!g_hash_table_add(index->uids, g_strdup(pod->uid))) {
        mark_gone_locked(index, pod->uid, pod, now_us);
        forget_locked(index, now_us - POD_GRACE_US);
    }
    g_mutex_unlock(&index->lock);
}

void
pod_index_remove(PodIndex *index, const char *uid, int64_t now_us)
{
    g_mutex_lock(&index->lock);
    index->version++;
    mark_gone_locked(index, uid, NULL, now_us);
    g_hash_table_remove(index->uids, uid);
    forget_locked(index, now_us - POD_GRACE_US);
    g_mutex_unlock(&index->lock);
}

static const Entry *
look_up_locked(PodIndex *index, const char *key, int64_t now_us)
{
    const Entry *entry = key != NULL ? g_hash_table_lookup(index->keys, key) : NULL;
    bool is_over = entry != NULL && entry->gone_us > 0 && now_us - entry->gone_us > POD_GRACE_US;
    return is_over ? NULL : entry;
}

Pod *
pod_index_find(PodIndex *index, const char *container_id, const char *pod_uid, int64_t now_us,
               const PodContainer **ret_container)
{
    g_mutex_lock(&index->lock);
    const Entry *entry = look_up_locked(index, container_id, now_us);
    if (entry == NULL)
        entry = look_up_locked(index, pod_uid, now_us);
    Pod *pod = entry != NULL ? pod_ref(entry->pod) : NULL;
    *ret_container = NULL;
    if (entry != NULL && entry->container != NO_CONTAINER)
        *ret_container = &g_array_index(pod->containers, PodContainer, entry->container);
    g_mutex_unlock(&index->lock);
    return pod;
}

size_t
pod_index_size(PodIndex *index)
{
    g_mutex_lock(&index->lock);
    size_t size = g_hash_table_size(index->uids);
    g_mutex_unlock(&index->lock);
    return size;
}

bool
pod_index_is_listed(PodIndex *index)
{
    g_mutex_lock(&index->lock);
    bool is_listed = index->is_listed;
    g_mutex_unlock(&index->lock);
    return is_listed;
}

GPtrArray *
pod_index_list(PodIndex *index)
{
    GPtrArray *pods = g_ptr_array_new_with_free_func((GDestroyNotify)pod_unref);
    GHashTableIter iter;
    void *uid;
    g_mutex_lock(&index->lock);
    g_hash_table_iter_init(&iter, index->uids);
    while (g_hash_table_iter_next(&iter, &uid, NULL)) {
        const Entry *entry = g_hash_table_lookup(index->keys, uid);
        if (entry != NULL)
            g_ptr_array_add(pods, pod_ref(entry->pod));
    }
    g_mutex_unlock(&index->lock);
    return pods;
}

uint64_t
pod_index_version(PodIndex *index)
{
    g_mutex_lock(&index->lock);
    uint64_t version = index->version;
    g_mutex_unlock(&index->lock);
    return version;
}
