/* Documents that clients keep: settings, rules, uploaded files. Each has a tenant, a kind and a
 * name; they lie in the metastore and each in a file of its own (document_file.h), and are durable
 * in both when a call returns. Any thread. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/store/store.h"

typedef struct {
    const char *tenant, *kind, *name;
} DocumentKey;

typedef struct {
    char *name;
    GBytes *content; /* NULL when only listed */
    int64_t version; /* the owner's own number */
    uint64_t size;   /* of the content */
} Document;

void document_free(Document *document);

/* All documents of a tenant and kind but the one in question. */
typedef struct {
    uint64_t n, bytes;
} DocumentOthers;

/* What to make of a document: `old` is NULL when there is none. Fills content and version of
 * `ret_new`, or leaves its content NULL to delete; false with *error changes nothing. */
typedef bool (*DocumentChange)(const Document *old, const DocumentOthers *others, Document *ret_new,
                               void *data, GError **error);

/* Reads and writes a document in one transaction. */
bool store_document_change(Store *store, const DocumentKey *key, DocumentChange change, void *data,
                           GError **error);
/* Deletes a document, if there is one. */
bool store_document_delete(Store *store, const DocumentKey *key, GError **error);
/* NOT_FOUND when there is none. */
Document *store_document_get(Store *store, const DocumentKey *key, GError **error);
/* Document, sorted by name; the array frees them. */
GPtrArray *store_document_list(Store *store, const char *tenant, const char *kind,
                               bool with_content, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Document, document_free)
