#include "agent/export/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "agent/export/spool_segment.h"
#include "lib/base/error.h"

enum {
    PART_SHARE = 32, /* of the spool is one file: so much is dropped at once when it is full */
    PART_BYTES_MIN = 64 * 1024,
    PART_BYTES_MAX = 16 * 1024 * 1024,
};

struct Spool {
    char *dir;
    uint64_t bytes_max, part_bytes;
    int lock_fd;          /* -1 until it is open */
    GQueue segments;      /* SpoolSegment, the oldest first */
    SpoolSegment *active; /* the last of them, while records are appended to it */
    uint64_t next_id;
    uint64_t n_damaged;
    char *tenant; /* of the record returned last */
    bool has_new_file;
};

static SpoolSegment *
oldest(const Spool *spool)
{
    return g_queue_peek_head((GQueue *)&spool->segments);
}

SpoolCounts
spool_counts(const Spool *spool)
{
    SpoolCounts counts = {.n_damaged = spool->n_damaged, .segments = spool->segments.length};
    for (const GList *link = spool->segments.head; link != NULL; link = link->next) {
        const SpoolSegment *segment = link->data;
        counts.bytes += segment->size;
        counts.records += segment->n_live;
        counts.unread += segment->n_unread;
    }
    return counts;
}

/* ---- Opening. ---- */

Spool *
spool_new(const SpoolConfig *config)
{
    Spool *spool = g_new0(Spool, 1);
    spool->dir = g_strdup(config->dir);
    spool->bytes_max = (uint64_t)config->bytes_max;
    spool->part_bytes = config->part_bytes > 0
                            ? (uint64_t)config->part_bytes
                            : CLAMP(spool->bytes_max / PART_SHARE, PART_BYTES_MIN, PART_BYTES_MAX);
    spool->lock_fd = -1;
    spool->next_id = 1;
    g_queue_init(&spool->segments);
    return spool;
}

void
spool_free(Spool *spool)
{
    if (spool == NULL)
        return;
    g_queue_clear_full(&spool->segments, (GDestroyNotify)spool_segment_free);
    if (spool->lock_fd >= 0)
        (void)close(spool->lock_fd);
    g_free(spool->tenant);
    g_free(spool->dir);
    g_free(spool);
}

static bool
take_folder(Spool *spool, GError **error)
{
    if (g_mkdir_with_parents(spool->dir, 0700) < 0)
        return error_set_errno(error, errno, "cannot make the folder %s", spool->dir);
    g_autofree char *path = g_build_filename(spool->dir, "lock", NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set_errno(error, errno, "cannot create %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        (void)close(fd);
        return error_set(error, CRESSET_ERROR_FAILED_PRECONDITION,
                         "another process uses the folder %s", spool->dir);
    }
    spool->lock_fd = fd;
    return true;
}

static int
compare_segments(const void *left, const void *right, void *data)
{
    (void)data;
    const SpoolSegment *a = left, *b = right;
    return a->id < b->id ? -1 : a->id > b->id;
}

/* Takes a file in; what cannot be read stays where it is, and counts as damaged. */
static void
add_file(Spool *spool, const char *name)
{
    g_autoptr(GError) error = NULL;
    uint64_t n_damaged;
    SpoolSegment *segment = spool_segment_open(spool->dir, name, &n_damaged, &error);
    spool->n_damaged += n_damaged + (error != NULL);
    if (segment == NULL)
        return;
    spool->next_id = MAX(spool->next_id, segment->id + 1);
    if (segment->n_live == 0)
        spool_segment_remove(segment);
    else
        g_queue_insert_sorted(&spool->segments, segment, compare_segments, NULL);
}

bool
spool_open(Spool *spool, GError **error)
{
    if (spool->lock_fd >= 0)
        return true;
    if (!take_folder(spool, error))
        return false;
    g_autoptr(GDir) folder = g_dir_open(spool->dir, 0, NULL);
    for (const char *name; folder != NULL && (name = g_dir_read_name(folder)) != NULL;)
        add_file(spool, name);
    return true;
}

/* ---- Writing. ---- */

static SpoolHead
head_of(const SpoolRecord *record)
{
    return (SpoolHead){
        .time_ms = record->time_ms,
        .tenant_size = (uint32_t)strlen(record->tenant),
        .payload_size = (uint32_t)g_bytes_get_size(record->payload),
        .raw_size = record->raw_size,
        .coding = record->coding,
    };
}

static uint64_t
size_of(const SpoolRecord *record)
{
    const SpoolHead head = head_of(record);
    return spool_record_size(&head);
}

bool
spool_fits(const Spool *spool, const SpoolRecord *record)
{
    return size_of(record) <= spool->bytes_max;
}

bool
spool_is_full(const Spool *spool, const SpoolRecord *record)
{
    return spool->segments.length > 0 &&
           spool_counts(spool).bytes + size_of(record) > spool->bytes_max;
}

/* Nothing is appended to the active segment any more. */
static bool
end_active(Spool *spool, GError **error)
{
    SpoolSegment *segment = spool->active;
    if (segment == NULL)
        return true;
    if (segment->n_live > 0)
        return spool_segment_sync(segment, error) && (spool->active = NULL, true);
    spool->active = NULL;
    g_queue_remove(&spool->segments, segment);
    spool_segment_remove(segment);
    return true;
}

static bool
begin_active(Spool *spool, GError **error)
{
    spool->active = spool_segment_create(spool->dir, spool->next_id, error);
    if (spool->active == NULL)
        return false;
    spool->next_id++;
    spool->has_new_file = true;
    g_queue_push_tail(&spool->segments, spool->active);
    return true;
}

bool
spool_append(Spool *spool, const SpoolRecord *record, bool is_read, SpoolPlace *ret_place,
             GError **error)
{
    SpoolHead head = head_of(record);
    uint64_t size = spool_record_size(&head);
    g_assert(spool->lock_fd >= 0);
    if (size > spool->bytes_max)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                         "a profile of %" G_GUINT64_FORMAT " bytes is more than spool-bytes", size);
    bool is_active_full = spool->active != NULL && spool->active->size > 0 &&
                          spool->active->size + size > spool->part_bytes;
    if ((is_active_full && !end_active(spool, error)) ||
        (spool->active == NULL && !begin_active(spool, error)))
        return false;
    ret_place->segment = spool->active->id;
    return spool_segment_append(spool->active, &head, record->tenant,
                                g_bytes_get_data(record->payload, NULL), is_read,
                                &ret_place->offset, error);
}

static bool
sync_folder(Spool *spool, GError **error)
{
    int fd = open(spool->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_synced = fd >= 0 && fsync(fd) == 0;
    int cause = errno;
    if (fd >= 0)
        (void)close(fd);
    return is_synced || error_set_errno(error, cause, "cannot write %s", spool->dir);
}

bool
spool_sync(Spool *spool, GError **error)
{
    if (spool->active != NULL && !spool_segment_sync(spool->active, error))
        return false;
    if (spool->has_new_file && !sync_folder(spool, error))
        return false;
    spool->has_new_file = false;
    return true;
}

/* ---- Reading. ---- */

/* Deletes a segment that nobody needs any more. */
static void
remove_if_done(Spool *spool, SpoolSegment *segment)
{
    if (segment->n_live > 0 || segment == spool->active)
        return;
    g_queue_remove(&spool->segments, segment);
    spool_segment_remove(segment);
}

static SpoolSegment *
first_unread(const Spool *spool)
{
    for (const GList *link = spool->segments.head; link != NULL; link = link->next)
        if (((const SpoolSegment *)link->data)->n_unread > 0)
            return link->data;
    return NULL;
}

SpoolRead
spool_next(Spool *spool, SpoolRecord *ret_record, SpoolPlace *ret_place, uint32_t *ret_n_lost)
{
    SpoolHead head;
    SpoolSegment *segment = first_unread(spool);
    uint64_t offset;
    g_autofree uint8_t *content = NULL;
    *ret_n_lost = 0;
    if (segment == NULL)
        return SPOOL_END;
    if (spool_segment_next(segment, &head, &offset, &content)) {
        *ret_n_lost = content == NULL;
    } else {
        *ret_n_lost = segment->n_unread;
        segment->n_live -= segment->n_unread;
        segment->n_unread = 0;
    }
    if (content == NULL) {
        remove_if_done(spool, segment);
        return SPOOL_LOST;
    }
    g_free(spool->tenant);
    spool->tenant = g_strndup((const char *)content, head.tenant_size);
    *ret_place = (SpoolPlace){segment->id, offset};
    *ret_record = (SpoolRecord){
        .tenant = spool->tenant,
        .payload = g_bytes_new(content + head.tenant_size, head.payload_size),
        .raw_size = head.raw_size,
        .coding = head.coding,
        .time_ms = head.time_ms,
    };
    return SPOOL_RECORD;
}

void
spool_done(Spool *spool, SpoolPlace place)
{
    for (GList *link = spool->segments.head; link != NULL; link = link->next) {
        SpoolSegment *segment = link->data;
        if (segment->id != place.segment)
            continue;
        spool_segment_done(segment, place.offset);
        remove_if_done(spool, segment);
        return;
    }
}

/* ---- Dropping. ---- */

bool
spool_drop_oldest(Spool *spool, uint64_t *ret_segment, uint32_t *ret_n_unread)
{
    SpoolSegment *segment = oldest(spool);
    if (segment == NULL)
        return false;
    *ret_segment = segment->id;
    *ret_n_unread = segment->n_unread;
    if (segment == spool->active)
        spool->active = NULL;
    g_queue_remove(&spool->segments, segment);
    spool_segment_remove(segment);
    return true;
}

int64_t
spool_oldest_ms(const Spool *spool)
{
    const SpoolSegment *segment = oldest(spool);
    return segment != NULL ? segment->newest_ms : INT64_MAX;
}
