#include <errno.h>
#include <string.h>

#include "lib/base/error.h"
#include "server/store/store_private.h"

static bool
restore_frame(void *data, const uint8_t *payload, size_t size)
{
    return head_restore(data, payload, size);
}

/* Keeps a copy of what could not be read beside the segment, for whoever wants to look. */
static int
set_aside(Store *store, const char *path, const uint8_t *tail, size_t size, size_t offset)
{
    const DiskOps *ops = store->disk->ops;
    g_autofree char *aside = g_strdup_printf("%s.corrupt-%zu", path, offset);
    ops->remove(store->disk, aside);
    int fd = ops->create(store->disk, aside);
    if (fd < 0)
        return fd;
    int result = disk_write_all(store->disk, fd, tail, size, 0);
    if (result == 0)
        result = ops->sync(store->disk, fd);
    ops->close(store->disk, fd);
    if (result == 0)
        result = ops->sync_dir(store->disk, store->segment_dir);
    return result;
}

static void
add_notice(Store *store, const char *path, size_t size, size_t offset)
{
    g_autofree char *text =
        g_strdup_printf("%zu bytes at offset %zu of %s were torn or corrupt and are set aside "
                        "beside it",
                        size, offset, path);
    store_add_notice(store, text);
}

/* Takes the good frames of one segment; an empty segment is removed. */
static bool
recover_bytes(Store *store, const char *path, const uint8_t *bytes, size_t size, GError **error)
{
    g_autofree char *name = g_path_get_basename(path);
    name[ULID_LENGTH] = 0;
    g_autoptr(Head) head = head_new(name);
    SegmentScan scan;
    bool is_whole = segment_scan(bytes, size, restore_frame, head, &scan);
    metrics_add(store->metrics, STORE_METRIC_RECOVERED, 0, (double)scan.n_frames);
    if (!is_whole && size > SEGMENT_HEADER_SIZE) {
        int result =
            set_aside(store, path, bytes + scan.good_size, size - scan.good_size, scan.good_size);
        if (result < 0)
            return error_set_errno(error, -result, "segment %s: cannot set its bad tail aside",
                                   path);
        metrics_add(store->metrics, STORE_METRIC_BAD_TAILS, 0, 1);
        add_notice(store, path, size - scan.good_size, scan.good_size);
    }
    if (scan.n_frames == 0) {
        store->disk->ops->remove(store->disk, path);
        return true;
    }
    head_freeze(head);
    g_ptr_array_add(store->frozen, g_steal_pointer(&head));
    return true;
}

static bool
recover_segment(Store *store, const char *path, GError **error)
{
    const DiskOps *ops = store->disk->ops;
    int fd = ops->open(store->disk, path);
    int64_t size = fd < 0 ? fd : ops->size(store->disk, fd);
    int failure = size < 0 ? (int)size : 0;
    const uint8_t *bytes = size > 0 ? ops->map(store->disk, fd, (size_t)size, &failure) : NULL;
    bool is_ok = failure == 0 ? recover_bytes(store, path, bytes, (size_t)size, error)
                              : error_set_errno(error, -failure, "segment %s: cannot read", path);
    if (bytes != NULL)
        ops->unmap(store->disk, bytes, (size_t)size);
    if (fd >= 0)
        ops->close(store->disk, fd);
    return is_ok;
}

static int
compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool
store_recover(Store *store, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    int result = store->disk->ops->list(store->disk, store->segment_dir, names);
    if (result < 0)
        return error_set_errno(error, -result, "data directory %s: cannot list segments",
                               store->data_dir);
    g_ptr_array_sort(names, compare_texts);
    for (unsigned i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        if (strlen(name) != ULID_LENGTH + 4 || !g_str_has_suffix(name, ".seg"))
            continue;
        g_autofree char *path = g_build_filename(store->segment_dir, name, NULL);
        if (!recover_segment(store, path, error))
            return false;
    }
    return true;
}
