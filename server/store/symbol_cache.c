#include "server/store/symbol_cache.h"

typedef struct {
    uint64_t serial;
    uint32_t number;
    BlockSymbols *symbols;
} Entry;

struct SymbolCache {
    GMutex lock;
    GHashTable *entries; /* Entry → link of `used` */
    GQueue used;         /* most recently used first */
    size_t bytes, bytes_max;
};

static unsigned
hash_entry(const void *data)
{
    const Entry *entry = data;
    return (unsigned)(entry->serial * 0x9E3779B1u + entry->number * 0x85EBCA77u);
}

static gboolean
is_same_entry(const void *a, const void *b)
{
    const Entry *one = a, *other = b;
    return one->serial == other->serial && one->number == other->number;
}

SymbolCache *
symbol_cache_new(size_t bytes_max)
{
    SymbolCache *cache = g_new0(SymbolCache, 1);
    g_mutex_init(&cache->lock);
    g_queue_init(&cache->used);
    cache->entries = g_hash_table_new(hash_entry, is_same_entry);
    cache->bytes_max = bytes_max;
    return cache;
}

static void
drop_link(SymbolCache *cache, GList *link)
{
    Entry *entry = link->data;
    g_hash_table_remove(cache->entries, entry);
    g_queue_delete_link(&cache->used, link);
    cache->bytes -= entry->symbols->size;
    block_symbols_unref(entry->symbols);
    g_free(entry);
}

void
symbol_cache_free(SymbolCache *cache)
{
    if (cache == NULL)
        return;
    while (cache->used.head != NULL)
        drop_link(cache, cache->used.head);
    g_hash_table_unref(cache->entries);
    g_mutex_clear(&cache->lock);
    g_free(cache);
}

BlockSymbols *
symbol_cache_get(SymbolCache *cache, uint64_t serial, uint32_t number)
{
    Entry key = {serial, number, NULL};
    BlockSymbols *symbols = NULL;
    g_mutex_lock(&cache->lock);
    GList *link = g_hash_table_lookup(cache->entries, &key);
    if (link != NULL) {
        g_queue_unlink(&cache->used, link);
        g_queue_push_head_link(&cache->used, link);
        symbols = block_symbols_ref(((Entry *)link->data)->symbols);
    }
    g_mutex_unlock(&cache->lock);
    return symbols;
}

void
symbol_cache_put(SymbolCache *cache, uint64_t serial, uint32_t number, BlockSymbols *symbols)
{
    Entry key = {serial, number, symbols};
    g_mutex_lock(&cache->lock);
    if (symbols->size <= cache->bytes_max && !g_hash_table_contains(cache->entries, &key)) {
        Entry *entry = g_memdup2(&key, sizeof key);
        block_symbols_ref(symbols);
        g_queue_push_head(&cache->used, entry);
        g_hash_table_insert(cache->entries, entry, cache->used.head);
        cache->bytes += symbols->size;
        while (cache->bytes > cache->bytes_max)
            drop_link(cache, cache->used.tail);
    }
    g_mutex_unlock(&cache->lock);
}
