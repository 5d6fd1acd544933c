#include "server/store/meta_document.h"

#include <string.h>

#include "lib/base/error.h"
#include "server/store/meta_private.h"
#include "server/store/meta_sql.h"

static Document *
read_document(sqlite3_stmt *statement, bool with_content)
{
    Document *document = g_new0(Document, 1);
    document->name = g_strdup((const char *)sqlite3_column_text(statement, 0));
    document->version = sqlite3_column_int64(statement, 1);
    document->size = (uint64_t)sqlite3_column_int64(statement, 2);
    if (with_content)
        document->content = g_bytes_new(sqlite3_column_blob(statement, 3),
                                        (gsize)sqlite3_column_bytes(statement, 3));
    return document;
}

static void
bind_key(sqlite3_stmt *statement, const DocumentKey *key)
{
    meta_bind_text(statement, 1, key->tenant);
    meta_bind_text(statement, 2, key->kind);
    meta_bind_text(statement, 3, key->name);
}

/* The document on the given connection; false when that fails, *ret_document NULL without one. */
static bool
find(sqlite3 *db, const DocumentKey *key, Document **ret_document, GError **error)
{
    sqlite3_stmt *statement = meta_prepare(db, META_SQL_DOCUMENT, error);
    if (statement == NULL)
        return false;
    bind_key(statement, key);
    int result = sqlite3_step(statement);
    *ret_document = result == SQLITE_ROW ? read_document(statement, true) : NULL;
    bool is_ok = result == SQLITE_ROW || result == SQLITE_DONE || meta_failed(db, key->kind, error);
    sqlite3_finalize(statement);
    return is_ok;
}

static bool
count_others(sqlite3 *db, const DocumentKey *key, DocumentOthers *ret_others, GError **error)
{
    sqlite3_stmt *statement = meta_prepare(db, META_SQL_OTHER_DOCUMENTS, error);
    if (statement == NULL)
        return false;
    bind_key(statement, key);
    bool is_ok = sqlite3_step(statement) == SQLITE_ROW || meta_failed(db, key->kind, error);
    if (is_ok)
        *ret_others = (DocumentOthers){(uint64_t)sqlite3_column_int64(statement, 0),
                                       (uint64_t)sqlite3_column_int64(statement, 1)};
    sqlite3_finalize(statement);
    return is_ok;
}

static bool
put(sqlite3 *db, const DocumentKey *key, const Document *document, GError **error)
{
    bool deletes = document->content == NULL;
    sqlite3_stmt *statement =
        meta_prepare(db, deletes ? META_SQL_DELETE_DOCUMENT : META_SQL_PUT_DOCUMENT, error);
    if (statement == NULL)
        return false;
    bind_key(statement, key);
    if (!deletes) {
        gsize size;
        const void *data = g_bytes_get_data(document->content, &size);
        sqlite3_bind_int64(statement, 4, document->version);
        sqlite3_bind_blob64(statement, 5, size > 0 ? data : "", size, SQLITE_STATIC);
    }
    bool is_ok = meta_step_to_end(db, statement, key->kind, error);
    sqlite3_finalize(statement);
    return is_ok;
}

bool
meta_document_change(Meta *meta, const DocumentKey *key, DocumentChange change, void *data,
                     GError **error)
{
    g_autoptr(Document) old = NULL;
    DocumentOthers others = {0};
    Document new = {0};
    bool is_ok = meta_begin_write(meta, error) && find(meta->writer, key, &old, error) &&
                 count_others(meta->writer, key, &others, error) &&
                 change(old, &others, &new, data, error) && put(meta->writer, key, &new, error);
    g_clear_pointer(&new.content, g_bytes_unref);
    return meta_finish_write(meta, is_ok, error);
}

bool
meta_document_put(Meta *meta, const DocumentKey *key, const Document *document, GError **error)
{
    return put(meta->writer, key, document, error);
}

Document *
meta_document_get(Meta *meta, const DocumentKey *key, GError **error)
{
    Document *document = NULL;
    g_mutex_lock(&meta->read_lock);
    bool is_ok = find(meta->reader, key, &document, error);
    g_mutex_unlock(&meta->read_lock);
    if (is_ok && document == NULL)
        error_set(error, CRESSET_ERROR_NOT_FOUND, "there is no %s '%s'", key->kind, key->name);
    return document;
}

static void
free_document(void *document)
{
    document_free(document);
}

GPtrArray *
meta_document_list(Meta *meta, const char *tenant, const char *kind, bool with_content,
                   GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(free_document);
    g_mutex_lock(&meta->read_lock);
    sqlite3_stmt *statement = meta_prepare(
        meta->reader, with_content ? META_SQL_DOCUMENTS : META_SQL_DOCUMENT_NAMES, error);
    int result = SQLITE_ERROR;
    if (statement != NULL) {
        meta_bind_text(statement, 1, tenant);
        meta_bind_text(statement, 2, kind);
    }
    while (statement != NULL && (result = sqlite3_step(statement)) == SQLITE_ROW)
        g_ptr_array_add(list, read_document(statement, with_content));
    return meta_finish_read(meta, statement, result, kind, error) ? g_steal_pointer(&list) : NULL;
}

static void
free_parts(void *parts)
{
    g_strfreev(parts);
}

GPtrArray *
meta_document_keys(Meta *meta, GError **error)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(free_parts);
    g_mutex_lock(&meta->read_lock);
    sqlite3_stmt *statement = meta_prepare(meta->reader, META_SQL_DOCUMENT_KEYS, error);
    int result = SQLITE_ERROR;
    while (statement != NULL && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        GStrv parts = g_new0(char *, 4);
        for (int i = 0; i < 3; i++)
            parts[i] = g_strdup((const char *)sqlite3_column_text(statement, i));
        g_ptr_array_add(keys, parts);
    }
    return meta_finish_read(meta, statement, result, "documents", error) ? g_steal_pointer(&keys)
                                                                         : NULL;
}
