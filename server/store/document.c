#include "server/store/document.h"

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

bool
store_document_change(Store *store, const DocumentKey *key, DocumentChange change, void *data,
                      GError **error)
{
    return meta_document_change(store->meta, key, change, data, error);
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
