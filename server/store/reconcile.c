#include <errno.h>
#include <string.h>

#include "lib/base/error.h"
#include "server/store/store_private.h"

/* What lies in the folders and what the metastore says lies there. */
typedef struct {
    GHashTable *segments; /* ids of log files */
    GHashTable *blocks;   /* ids of block files */
    GHashTable *known;    /* ids of blocks in the metastore */
    GHashTable *sealed;   /* segments that the metastore has whole blocks of */
} Inventory;

static void
inventory_clear(Inventory *inventory)
{
    GHashTable *tables[] = {inventory->segments, inventory->blocks, inventory->known,
                            inventory->sealed};
    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++)
        g_hash_table_unref(tables[i]);
}

/* Adds the ids of the files called ULID + suffix; leftovers of unfinished writes are removed. */
static bool
list_ids(Store *store, const char *folder, const char *suffix, GHashTable *ids, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    int result = store->disk->ops->list(store->disk, folder, names);
    if (result < 0)
        return error_set_errno(error, -result, "data directory %s: cannot list %s", store->data_dir,
                               folder);
    for (unsigned i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        if (g_str_has_suffix(name, ".tmp")) {
            g_autofree char *path = g_build_filename(folder, name, NULL);
            store->disk->ops->remove(store->disk, path);
        } else if (strlen(name) == ULID_LENGTH + strlen(suffix) && g_str_has_suffix(name, suffix)) {
            g_hash_table_add(ids, g_strndup(name, ULID_LENGTH));
        }
    }
    return true;
}

/* A block of the metastore whose file is gone: its segment, if it is still there, is replayed. */
static bool
check_known(Store *store, Inventory *inventory, const GArray *entries, GError **error)
{
    for (unsigned i = 0; i < entries->len; i++) {
        const MetaEntry *entry = &g_array_index(entries, MetaEntry, i);
        g_hash_table_add(inventory->known, g_strdup(entry->block.text));
        g_hash_table_add(inventory->sealed, g_strdup(entry->segment.text));
    }
    for (unsigned i = 0; i < entries->len; i++) {
        const MetaEntry *entry = &g_array_index(entries, MetaEntry, i);
        if (entry->is_bad || g_hash_table_contains(inventory->blocks, entry->block.text) ||
            !g_hash_table_contains(inventory->sealed, entry->segment.text))
            continue;
        if (!g_hash_table_contains(inventory->segments, entry->segment.text)) {
            if (!meta_quarantine(store->meta, entry->block.text, error))
                return false;
            continue;
        }
        if (!meta_forget_segment(store->meta, entry->segment.text, error))
            return false;
        g_hash_table_remove(inventory->sealed, entry->segment.text);
    }
    /* The blocks of a segment that is replayed are no longer known. */
    for (unsigned i = 0; i < entries->len; i++) {
        const MetaEntry *entry = &g_array_index(entries, MetaEntry, i);
        if (!g_hash_table_contains(inventory->sealed, entry->segment.text))
            g_hash_table_remove(inventory->known, entry->block.text);
    }
    return true;
}

/* A block file that the metastore does not know: of a seal that a crash cut short when its segment
 * is still there, else of a metastore that was lost. */
static bool
adopt_block(Store *store, const Inventory *inventory, const char *id, GError **error)
{
    g_autofree char *path = store_block_path(store, id);
    g_autoptr(GError) failure = NULL;
    g_autoptr(Block) block = block_open(store->disk, path, &failure);
    if (block == NULL) {
        g_autofree char *aside = g_strdup_printf("%s/%s.block", store->quarantine_dir, id);
        store->disk->ops->rename(store->disk, path, aside);
        metrics_add(store->metrics, STORE_METRIC_QUARANTINED, 0, 1);
        return true;
    }
    const BlockInfo *info = block_info(block);
    if (g_hash_table_contains(inventory->segments, info->segment)) {
        store->disk->ops->remove(store->disk, path);
        return true;
    }
    MetaBlock added = {.info = (BlockInfo *)(uintptr_t)info};
    g_strlcpy(added.id.text, id, sizeof added.id.text);
    return meta_add(store->meta, &added, 1, error);
}

static bool
adopt_unknown(Store *store, Inventory *inventory, GError **error)
{
    GHashTableIter iter;
    void *id;
    g_hash_table_iter_init(&iter, inventory->blocks);
    while (g_hash_table_iter_next(&iter, &id, NULL)) {
        if (!g_hash_table_contains(inventory->known, id) &&
            !adopt_block(store, inventory, id, error))
            return false;
    }
    return true;
}

/* Logs whose blocks are complete. */
static void
remove_sealed(Store *store, const Inventory *inventory)
{
    GHashTableIter iter;
    void *id;
    g_hash_table_iter_init(&iter, inventory->segments);
    while (g_hash_table_iter_next(&iter, &id, NULL)) {
        g_autofree char *path = segment_path(store->segment_dir, id);
        if (g_hash_table_contains(inventory->sealed, id))
            store->disk->ops->remove(store->disk, path);
    }
}

static GHashTable *
new_set(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

bool
store_reconcile(Store *store, GError **error)
{
    g_autoptr(GArray) entries = meta_list(store->meta, error);
    if (entries == NULL)
        return false;
    Inventory inventory = {new_set(), new_set(), new_set(), new_set()};
    bool is_ok = list_ids(store, store->segment_dir, ".seg", inventory.segments, error) &&
                 list_ids(store, store->block_dir, ".block", inventory.blocks, error) &&
                 check_known(store, &inventory, entries, error) &&
                 adopt_unknown(store, &inventory, error);
    if (is_ok)
        remove_sealed(store, &inventory);
    inventory_clear(&inventory);
    return is_ok;
}
