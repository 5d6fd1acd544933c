/* A document (document.h) as a file of its own, beside the metastore: the documents survive it.
 *
 * The file is called by the SHA-256 of tenant, kind and name, with the suffix .document; it holds
 * all three, the version, the content, and a checksum of everything. A write is staged under the
 * suffix .new and takes its place by a rename. */
#pragma once
#include "server/store/disk.h"
#include "server/store/document.h"

#define DOCUMENT_FILE_SUFFIX   ".document"
#define DOCUMENT_STAGED_SUFFIX ".new"

typedef struct {
    Disk *disk;
    const char *dir;
} DocumentFolder;

typedef struct {
    char *tenant, *kind;
    Document *document;
} DocumentFile;

/* The name of the file, with the suffix. */
char *document_file_name(const DocumentKey *key, const char *suffix);

/* Writes a document durably beside what is there. */
bool document_file_stage(const DocumentFolder *folder, const DocumentKey *key,
                         const Document *document, GError **error);
/* Puts the staged document in the place of the file, durably. */
bool document_file_settle(const DocumentFolder *folder, const DocumentKey *key, GError **error);
/* Forgets a staged document, if there is one. */
void document_file_unstage(const DocumentFolder *folder, const DocumentKey *key);
/* Removes the file, durably; that there is none is fine. */
bool document_file_remove(const DocumentFolder *folder, const DocumentKey *key, GError **error);

/* Reads a file by its name. NULL: DATA_LOSS when it is torn or damaged. */
DocumentFile *document_file_read(const DocumentFolder *folder, const char *name, GError **error);
DocumentKey document_file_key(const DocumentFile *file);
void document_file_free(DocumentFile *file);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DocumentFile, document_file_free)
