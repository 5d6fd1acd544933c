#include "server/store/block_cache.h"

#include "server/store/ulid.h"

typedef struct {
    Ulid id;
    Block *block;
} Entry;

static void
free_entry(Entry *entry)
{
    block_unref(entry->block);
    g_free(entry);
}

void
block_cache_init(BlockCache *cache, unsigned n_max, size_t symbol_bytes_max)
{
    *cache = (BlockCache){.n_max = n_max};
    g_mutex_init(&cache->lock);
    g_queue_init(&cache->used);
    cache->symbols = symbol_cache_new(symbol_bytes_max);
    cache->blocks = g_hash_table_new(g_str_hash, g_str_equal);
}

void
block_cache_clear(BlockCache *cache)
{
    for (Entry *entry; (entry = g_queue_pop_head(&cache->used)) != NULL;)
        free_entry(entry);
    g_hash_table_unref(cache->blocks);
    symbol_cache_free(cache->symbols);
    g_mutex_clear(&cache->lock);
}

static void
remove_link(BlockCache *cache, GList *link)
{
    Entry *entry = link->data;
    g_hash_table_remove(cache->blocks, entry->id.text);
    g_queue_delete_link(&cache->used, link);
    free_entry(entry);
}

static Block *
find_locked(BlockCache *cache, const char *id)
{
    GList *link = g_hash_table_lookup(cache->blocks, id);
    if (link == NULL)
        return NULL;
    g_queue_unlink(&cache->used, link);
    g_queue_push_head_link(&cache->used, link);
    return block_ref(((Entry *)link->data)->block);
}

Block *
block_cache_get(BlockCache *cache, Disk *disk, const char *id, const char *path, GError **error)
{
    g_mutex_lock(&cache->lock);
    Block *block = find_locked(cache, id);
    g_mutex_unlock(&cache->lock);
    if (block != NULL)
        return block;
    block = block_open(disk, path, error);
    if (block == NULL)
        return NULL;
    block_keep_symbols(block, cache->symbols);
    g_mutex_lock(&cache->lock);
    Block *other = find_locked(cache, id);
    if (other == NULL) {
        Entry *entry = g_new0(Entry, 1);
        g_strlcpy(entry->id.text, id, sizeof entry->id.text);
        entry->block = block_ref(block);
        g_queue_push_head(&cache->used, entry);
        g_hash_table_insert(cache->blocks, entry->id.text, cache->used.head);
        while (cache->used.length > cache->n_max)
            remove_link(cache, cache->used.tail);
    }
    g_mutex_unlock(&cache->lock);
    if (other == NULL)
        return block;
    block_unref(block);
    return other;
}

void
block_cache_drop(BlockCache *cache, const char *id)
{
    g_mutex_lock(&cache->lock);
    GList *link = g_hash_table_lookup(cache->blocks, id);
    if (link != NULL)
        remove_link(cache, link);
    g_mutex_unlock(&cache->lock);
}
