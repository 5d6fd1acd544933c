/* Makes the metastore and the files of documents agree when the store opens.
 *
 * A file is what was acknowledged: it wins over the metastore. What is staged counts when the
 * metastore has it, for then only the rename was missing. A document without a file gets one. */
#include <errno.h>
#include <string.h>

#include "lib/base/error.h"
#include "server/store/document_file.h"
#include "server/store/meta_document.h"
#include "server/store/meta_private.h"
#include "server/store/store_private.h"

/* The document in the metastore; false with *error, *ret_document NULL without one. */
static bool
find(Store *store, const DocumentKey *key, Document **ret_document, GError **error)
{
    g_autoptr(GError) failure = NULL;
    *ret_document = meta_document_get(store->meta, key, &failure);
    if (failure == NULL || g_error_matches(failure, CRESSET_ERROR, CRESSET_ERROR_NOT_FOUND))
        return true;
    g_propagate_error(error, g_steal_pointer(&failure));
    return false;
}

static bool
is_equal(const Document *a, const Document *b)
{
    return a != NULL && a->version == b->version && g_bytes_equal(a->content, b->content);
}

static bool
resolve_staged(Store *store, const DocumentFolder *folder, const char *name, GError **error)
{
    g_autoptr(DocumentFile) file = document_file_read(folder, name, NULL);
    if (file != NULL) {
        DocumentKey key = document_file_key(file);
        g_autoptr(Document) known = NULL;
        if (!find(store, &key, &known, error))
            return false;
        if (is_equal(known, file->document))
            return document_file_settle(folder, &key, error);
    }
    g_autofree char *path = g_build_filename(folder->dir, name, NULL);
    (void)folder->disk->ops->remove(folder->disk, path);
    return true;
}

static bool
set_file_aside(Store *store, const DocumentFolder *folder, const char *name, const GError *failure)
{
    g_autofree char *from = g_build_filename(folder->dir, name, NULL);
    g_autofree char *to = g_build_filename(store->quarantine_dir, name, NULL);
    (void)folder->disk->ops->rename(folder->disk, from, to);
    metrics_add(store->metrics, STORE_METRIC_QUARANTINED, 0, 1);
    store_add_notice(store, failure->message);
    return true;
}

static bool
adopt_file(Store *store, const DocumentFolder *folder, const char *name, GHashTable *present,
           GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(DocumentFile) file = document_file_read(folder, name, &failure);
    if (g_error_matches(failure, CRESSET_ERROR, CRESSET_ERROR_DATA_LOSS))
        return set_file_aside(store, folder, name, failure);
    if (file == NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    DocumentKey key = document_file_key(file);
    g_autoptr(Document) known = NULL;
    if (!find(store, &key, &known, error))
        return false;
    g_hash_table_add(present, g_strdup(name));
    return is_equal(known, file->document) ||
           meta_document_put(store->meta, &key, file->document, error);
}

/* Of metastores that are older than the files, and in the place of damaged ones. */
static bool
write_missing(Store *store, const DocumentFolder *folder, GHashTable *present, GError **error)
{
    g_autoptr(GPtrArray) keys = meta_document_keys(store->meta, error);
    if (keys == NULL)
        return false;
    for (unsigned i = 0; i < keys->len; i++) {
        const char *const *parts = keys->pdata[i];
        DocumentKey key = {parts[0], parts[1], parts[2]};
        g_autofree char *name = document_file_name(&key, DOCUMENT_FILE_SUFFIX);
        if (g_hash_table_contains(present, name))
            continue;
        g_autoptr(Document) document = meta_document_get(store->meta, &key, error);
        if (document == NULL || !document_file_stage(folder, &key, document, error) ||
            !document_file_settle(folder, &key, error))
            return false;
    }
    return true;
}

static GPtrArray *
list_files(Store *store, const DocumentFolder *folder, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    int result = folder->disk->ops->list(folder->disk, folder->dir, names);
    if (result >= 0)
        return g_steal_pointer(&names);
    error_set_errno(error, -result, "data directory %s: cannot list documents", store->data_dir);
    return NULL;
}

/* Every staged document before any file, as it may become one. */
static bool
resolve_all_staged(Store *store, const DocumentFolder *folder, GError **error)
{
    g_autoptr(GPtrArray) names = list_files(store, folder, error);
    bool is_ok = names != NULL;
    for (unsigned i = 0; is_ok && i < names->len; i++) {
        const char *name = names->pdata[i];
        if (g_str_has_suffix(name, DOCUMENT_STAGED_SUFFIX))
            is_ok = resolve_staged(store, folder, name, error);
    }
    return is_ok;
}

/* In one transaction: a lost metastore may lack thousands of them. */
static bool
adopt_all_files(Store *store, const DocumentFolder *folder, GHashTable *present, GError **error)
{
    g_autoptr(GPtrArray) names = list_files(store, folder, error);
    if (names == NULL)
        return false;
    bool is_ok = meta_begin_write(store->meta, error);
    for (unsigned i = 0; is_ok && i < names->len; i++) {
        const char *name = names->pdata[i];
        if (g_str_has_suffix(name, DOCUMENT_FILE_SUFFIX))
            is_ok = adopt_file(store, folder, name, present, error);
    }
    return meta_finish_write(store->meta, is_ok, error);
}

bool
store_recover_documents(Store *store, GError **error)
{
    DocumentFolder folder = {store->disk, store->document_dir};
    if (!resolve_all_staged(store, &folder, error))
        return false;
    g_autoptr(GHashTable) present = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return adopt_all_files(store, &folder, present, error) &&
           write_missing(store, &folder, present, error);
}
