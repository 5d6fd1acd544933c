#include "server/store/document.h"

#include "server/store/document_file.h"
#include "server/store/meta_document.h"
#include "server/store/store_private.h"

void
document_free(Document *document)
{
    if (document == NULL)
        return;
    g_free(document->name);
    g_clear_pointer(&document->content, g_bytes_unref);
    g_free(document);
}

/* A change on its way through the metastore's transaction. */
typedef struct {
    DocumentFolder folder;
    const DocumentKey *key;
    DocumentChange change;
    void *data;
    bool is_staged;
} Staging;

/* What the change makes of the document is a file before the transaction ends. */
static bool
change_and_stage(const Document *old, const DocumentOthers *others, Document *ret_new, void *data,
                 GError **error)
{
    Staging *staging = data;
    if (!staging->change(old, others, ret_new, staging->data, error))
        return false;
    staging->is_staged = ret_new->content != NULL;
    return !staging->is_staged ||
           document_file_stage(&staging->folder, staging->key, ret_new, error);
}

bool
store_document_change(Store *store, const DocumentKey *key, DocumentChange change, void *data,
                      GError **error)
{
    Staging staging = {{store->disk, store->document_dir}, key, change, data, false};
    g_mutex_lock(&store->document_lock);
    bool is_ok = meta_document_change(store->meta, key, change_and_stage, &staging, error);
    if (!is_ok && staging.is_staged)
        document_file_unstage(&staging.folder, key);
    if (is_ok)
        is_ok = staging.is_staged ? document_file_settle(&staging.folder, key, error)
                                  : document_file_remove(&staging.folder, key, error);
    g_mutex_unlock(&store->document_lock);
    return is_ok;
}

static bool
leave_nothing(const Document *old, const DocumentOthers *others, Document *ret_new, void *data,
              GError **error)
{
    (void)old;
    (void)others;
    (void)ret_new;
    (void)data;
    (void)error;
    return true;
}

bool
store_document_delete(Store *store, const DocumentKey *key, GError **error)
{
    return store_document_change(store, key, leave_nothing, NULL, error);
}

Document *
store_document_get(Store *store, const DocumentKey *key, GError **error)
{
    return meta_document_get(store->meta, key, error);
}

GPtrArray *
store_document_list(Store *store, const char *tenant, const char *kind, bool with_content,
                    GError **error)
{
    return meta_document_list(store->meta, tenant, kind, with_content, error);
}
