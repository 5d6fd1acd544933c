/* The documents (document.h) in the metastore. */
#pragma once
#include "server/store/document.h"
#include "server/store/meta.h"

bool meta_document_change(Meta *meta, const DocumentKey *key, DocumentChange change, void *data,
                          GError **error);
/* Puts a document as it is, within a write transaction (meta_private.h). */
bool
meta_document_put(Meta *meta, const DocumentKey *key, const Document *document, GError **error);
Document *meta_document_get(Meta *meta, const DocumentKey *key, GError **error);
GPtrArray *meta_document_list(Meta *meta, const char *tenant, const char *kind, bool with_content,
                              GError **error);
/* A GStrv {tenant, kind, name} for every document; the array frees them. */
GPtrArray *meta_document_keys(Meta *meta, GError **error);
