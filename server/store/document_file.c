#include "server/store/document_file.h"

#include <errno.h>
#include <xxhash.h>

#include "lib/base/error.h"
#include "server/store/wire.h"

/* "CRSDOCU1", little-endian: magic and version of the format in one. */
static const uint64_t MAGIC = UINT64_C(0x3155434f44535243);

char *
document_file_name(const DocumentKey *key, const char *suffix)
{
    g_autoptr(GChecksum) hash = g_checksum_new(G_CHECKSUM_SHA256);
    const char *parts[] = {key->tenant, key->kind, key->name};
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
        g_checksum_update(hash, (const guchar *)parts[i], (gssize)strlen(parts[i]) + 1);
    return g_strconcat(g_checksum_get_string(hash), suffix, NULL);
}

static char *
path_of(const DocumentFolder *folder, const DocumentKey *key, const char *suffix)
{
    g_autofree char *name = document_file_name(key, suffix);
    return g_build_filename(folder->dir, name, NULL);
}

static void
encode(Wire *wire, const DocumentKey *key, const Document *document)
{
    gsize size;
    const void *content = g_bytes_get_data(document->content, &size);
    wire_put_u64(wire, MAGIC);
    wire_put_text(wire, key->tenant);
    wire_put_text(wire, key->kind);
    wire_put_text(wire, key->name);
    wire_put_u64(wire, (uint64_t)document->version);
    wire_put_u64(wire, size);
    wire_put(wire, content, size);
    wire_put_u64(wire, XXH3_64bits(wire->data, wire->size));
}

static int
write_file(Disk *disk, const char *path, const Wire *wire)
{
    (void)disk->ops->remove(disk, path); /* of a write that a crash cut short */
    int fd = disk->ops->create(disk, path);
    if (fd < 0)
        return fd;
    int result = disk_write_all(disk, fd, wire->data, wire->size, 0);
    if (result == 0)
        result = disk->ops->sync(disk, fd);
    disk->ops->close(disk, fd);
    return result;
}

bool
document_file_stage(const DocumentFolder *folder, const DocumentKey *key, const Document *document,
                    GError **error)
{
    g_autofree char *path = path_of(folder, key, DOCUMENT_STAGED_SUFFIX);
    Wire wire = {0};
    encode(&wire, key, document);
    int result = write_file(folder->disk, path, &wire);
    wire_clear(&wire);
    if (result == 0)
        result = folder->disk->ops->sync_dir(folder->disk, folder->dir);
    return result >= 0 ||
           error_set_errno(error, -result, "%s '%s': cannot write %s", key->kind, key->name, path);
}

bool
document_file_settle(const DocumentFolder *folder, const DocumentKey *key, GError **error)
{
    g_autofree char *from = path_of(folder, key, DOCUMENT_STAGED_SUFFIX);
    g_autofree char *to = path_of(folder, key, DOCUMENT_FILE_SUFFIX);
    int result = folder->disk->ops->rename(folder->disk, from, to);
    if (result >= 0)
        result = folder->disk->ops->sync_dir(folder->disk, folder->dir);
    return result >= 0 ||
           error_set_errno(error, -result, "%s '%s': cannot rename %s", key->kind, key->name, from);
}

void
document_file_unstage(const DocumentFolder *folder, const DocumentKey *key)
{
    g_autofree char *path = path_of(folder, key, DOCUMENT_STAGED_SUFFIX);
    (void)folder->disk->ops->remove(folder->disk, path);
}

bool
document_file_remove(const DocumentFolder *folder, const DocumentKey *key, GError **error)
{
    g_autofree char *path = path_of(folder, key, DOCUMENT_FILE_SUFFIX);
    int result = folder->disk->ops->remove(folder->disk, path);
    if (result == -ENOENT)
        return true;
    if (result >= 0)
        result = folder->disk->ops->sync_dir(folder->disk, folder->dir);
    return result >= 0 ||
           error_set_errno(error, -result, "%s '%s': cannot remove %s", key->kind, key->name, path);
}

/* NULL when the bytes are not a whole document. */
static DocumentFile *
decode(const uint8_t *bytes, size_t size)
{
    uint64_t hash;
    if (size < sizeof hash)
        return NULL;
    memcpy(&hash, bytes + size - sizeof hash, sizeof hash);
    if (XXH3_64bits(bytes, size - sizeof hash) != hash)
        return NULL;
    g_autoptr(DocumentFile) file = g_new0(DocumentFile, 1);
    file->document = g_new0(Document, 1);
    Scan scan = scan_of(bytes, size - sizeof hash);
    scan.bad = scan_u64(&scan) != MAGIC;
    file->tenant = scan_text(&scan);
    file->kind = scan_text(&scan);
    file->document->name = scan_text(&scan);
    file->document->version = (int64_t)scan_u64(&scan);
    file->document->size = scan_u64(&scan);
    const uint8_t *content = scan_bytes(&scan, file->document->size);
    if (scan.bad || scan_left(&scan) > 0)
        return NULL;
    file->document->content = g_bytes_new(content, file->document->size);
    return g_steal_pointer(&file);
}

DocumentFile *
document_file_read(const DocumentFolder *folder, const char *name, GError **error)
{
    const DiskOps *ops = folder->disk->ops;
    g_autofree char *path = g_build_filename(folder->dir, name, NULL);
    int fd = ops->open(folder->disk, path);
    int64_t size = fd < 0 ? fd : ops->size(folder->disk, fd);
    int failure = size < 0 ? (int)size : 0;
    const uint8_t *bytes = size > 0 ? ops->map(folder->disk, fd, (size_t)size, &failure) : NULL;
    DocumentFile *file = bytes != NULL ? decode(bytes, (size_t)size) : NULL;
    if (bytes != NULL)
        ops->unmap(folder->disk, bytes, (size_t)size);
    if (fd >= 0)
        ops->close(folder->disk, fd);
    if (failure < 0)
        error_set_errno(error, -failure, "document %s: cannot read", path);
    else if (file == NULL)
        error_set(error, CRESSET_ERROR_DATA_LOSS, "document %s: torn or damaged", path);
    return file;
}

DocumentKey
document_file_key(const DocumentFile *file)
{
    return (DocumentKey){file->tenant, file->kind, file->document->name};
}

void
document_file_free(DocumentFile *file)
{
    if (file == NULL)
        return;
    g_free(file->tenant);
    g_free(file->kind);
    document_free(file->document);
    g_free(file);
}
