#include "agent/export/spool_segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/base/error.h"

/* "0000000000000001-89abcdef01234567.spool": id and seed. */
#define NAME_FORMAT "%016" G_GINT64_MODIFIER "x-%016" G_GINT64_MODIFIER "x.spool"

enum { BLOCK_SIZE = 64 * 1024 };

/* ---- Files. ---- */

static bool
parse_name(const char *name, uint64_t *ret_id, uint64_t *ret_seed)
{
    guint64 id, seed;
    if (sscanf(name, "%16" G_GINT64_MODIFIER "x-%16" G_GINT64_MODIFIER "x.spool", &id, &seed) != 2)
        return false;
    g_autofree char *expected = g_strdup_printf(NAME_FORMAT, id, seed);
    *ret_id = id;
    *ret_seed = seed;
    return strcmp(name, expected) == 0;
}

static int
segment_fd(SpoolSegment *segment)
{
    if (segment->fd < 0)
        segment->fd = open(segment->path, O_RDWR | O_CLOEXEC);
    return segment->fd;
}

static void
segment_close(SpoolSegment *segment)
{
    if (segment->fd >= 0)
        (void)close(segment->fd);
    segment->fd = -1;
}

SpoolSegment *
spool_segment_create(const char *dir, uint64_t id, GError **error)
{
    g_autoptr(SpoolSegment) segment = g_new0(SpoolSegment, 1);
    segment->id = id;
    segment->seed = (uint64_t)g_random_int() << 32 | g_random_int();
    g_autofree char *name = g_strdup_printf(NAME_FORMAT, segment->id, segment->seed);
    segment->path = g_build_filename(dir, name, NULL);
    segment->newest_ms = INT64_MIN;
    segment->fd = open(segment->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (segment->fd < 0) {
        (void)error_set_errno(error, errno, "cannot create %s", segment->path);
        return NULL;
    }
    return g_steal_pointer(&segment);
}

void
spool_segment_free(SpoolSegment *segment)
{
    if (segment == NULL)
        return;
    segment_close(segment);
    g_free(segment->path);
    g_free(segment);
}

void
spool_segment_remove(SpoolSegment *segment)
{
    (void)unlink(segment->path);
    spool_segment_free(segment);
}

/* ---- Reading. ---- */

/* Reads up to `size` bytes; fewer at the end of the file, or when it cannot be read. */
static size_t
read_at(SpoolSegment *segment, void *data, size_t size, uint64_t offset)
{
    size_t done = 0;
    int fd = segment_fd(segment);
    while (fd >= 0 && done < size) {
        ssize_t got =
            pread(fd, (uint8_t *)data + done, size - done, (off_t)(offset + (uint64_t)done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    return done;
}

/* Whether a whole record is said to lie at the offset. */
static bool
is_record(const SpoolSegment *segment, const uint8_t *bytes, uint64_t offset, SpoolHead *ret_head)
{
    return spool_head_decode(bytes, segment->seed, ret_head) &&
           spool_record_size(ret_head) <= segment->size - offset;
}

/* Looks for the next head behind a place that holds none. */
static bool
find_head(SpoolSegment *segment, uint64_t *offset, SpoolHead *ret_head)
{
    g_autofree uint8_t *block = g_malloc(BLOCK_SIZE);
    for (;;) {
        size_t n = read_at(segment, block, BLOCK_SIZE, *offset);
        if (n < SPOOL_HEAD_SIZE)
            return false;
        size_t last = (n - SPOOL_HEAD_SIZE) / SPOOL_ALIGN * SPOOL_ALIGN;
        for (size_t at = 0; at <= last; at += SPOOL_ALIGN)
            if (is_record(segment, block + at, *offset + at, ret_head)) {
                *offset += at;
                return true;
            }
        *offset += last + SPOOL_ALIGN;
    }
}

/* The head at or behind the offset; *ret_stepped when bytes were stepped over. */
static bool
next_head(SpoolSegment *segment, uint64_t *offset, SpoolHead *ret_head, bool *ret_stepped)
{
    uint8_t bytes[SPOOL_HEAD_SIZE];
    *ret_stepped = false;
    if (*offset >= segment->size)
        return false;
    if (read_at(segment, bytes, sizeof(bytes), *offset) == sizeof(bytes) &&
        is_record(segment, bytes, *offset, ret_head))
        return true;
    *ret_stepped = true;
    return find_head(segment, offset, ret_head);
}

static void
count_records(SpoolSegment *segment, uint64_t *ret_n_damaged)
{
    uint64_t offset = 0;
    SpoolHead head;
    bool stepped;
    while (next_head(segment, &offset, &head, &stepped)) {
        *ret_n_damaged += stepped;
        segment->n_live += !head.is_done;
        segment->newest_ms = MAX(segment->newest_ms, head.time_ms);
        offset += spool_record_size(&head);
    }
    *ret_n_damaged += stepped;
    segment->n_unread = segment->n_live;
}

SpoolSegment *
spool_segment_open(const char *dir, const char *name, uint64_t *ret_n_damaged, GError **error)
{
    g_autoptr(SpoolSegment) segment = g_new0(SpoolSegment, 1);
    struct stat status;
    *ret_n_damaged = 0;
    segment->fd = -1;
    if (!parse_name(name, &segment->id, &segment->seed))
        return NULL;
    segment->path = g_build_filename(dir, name, NULL);
    segment->newest_ms = INT64_MIN;
    if (segment_fd(segment) < 0 || fstat(segment->fd, &status) < 0) {
        (void)error_set_errno(error, errno, "cannot read %s", segment->path);
        return NULL;
    }
    segment->size = (uint64_t)status.st_size;
    count_records(segment, ret_n_damaged);
    segment_close(segment);
    return g_steal_pointer(&segment);
}

/* NULL when it does not verify. */
static uint8_t *
read_content(SpoolSegment *segment, const SpoolHead *head, uint64_t offset)
{
    size_t size = (size_t)head->tenant_size + head->payload_size;
    g_autofree uint8_t *content = g_malloc(size);
    if (read_at(segment, content, size, offset + SPOOL_HEAD_SIZE) != size ||
        spool_content_hash(content, size, segment->seed) != head->content_hash)
        return NULL;
    return g_steal_pointer(&content);
}

bool
spool_segment_next(SpoolSegment *segment, SpoolHead *ret_head, uint64_t *ret_offset,
                   uint8_t **ret_content)
{
    bool stepped;
    *ret_content = NULL;
    while (segment->n_unread > 0 && next_head(segment, &segment->read_at, ret_head, &stepped)) {
        *ret_offset = segment->read_at;
        segment->read_at += spool_record_size(ret_head);
        if (ret_head->is_done)
            continue;
        segment->n_unread--;
        *ret_content = read_content(segment, ret_head, *ret_offset);
        if (*ret_content == NULL)
            spool_segment_done(segment, *ret_offset);
        return true;
    }
    return false;
}

/* ---- Writing. ---- */

bool
spool_segment_append(SpoolSegment *segment, SpoolHead *head, const char *tenant,
                     const void *payload, bool is_read, uint64_t *ret_offset, GError **error)
{
    uint64_t size = spool_record_size(head);
    g_autofree uint8_t *record = g_malloc0(size);
    uint8_t *content = record + SPOOL_HEAD_SIZE;
    memcpy(content, tenant, head->tenant_size);
    memcpy(content + head->tenant_size, payload, head->payload_size);
    head->content_hash =
        spool_content_hash(content, (size_t)head->tenant_size + head->payload_size, segment->seed);
    spool_head_encode(head, segment->seed, record);
    errno = 0;
    ssize_t written = pwrite(segment_fd(segment), record, size, (off_t)segment->size);
    if (written != (ssize_t)size) {
        int cause = written < 0 ? errno : ENOSPC;
        (void)!ftruncate(segment->fd, (off_t)segment->size);
        return error_set_errno(error, cause, "cannot write %s", segment->path);
    }
    *ret_offset = segment->size;
    segment->size += size;
    segment->n_live++;
    segment->n_unread += !is_read;
    if (is_read)
        segment->read_at = segment->size;
    segment->newest_ms = MAX(segment->newest_ms, head->time_ms);
    segment->needs_syncing = true;
    return true;
}

bool
spool_segment_sync(SpoolSegment *segment, GError **error)
{
    if (segment->needs_syncing && fdatasync(segment_fd(segment)) < 0)
        return error_set_errno(error, errno, "cannot write %s", segment->path);
    segment->needs_syncing = false;
    return true;
}

void
spool_segment_done(SpoolSegment *segment, uint64_t offset)
{
    uint8_t state[SPOOL_STATE_SIZE];
    spool_state_done(state);
    segment->n_live--;
    /* What cannot be marked is sent again after a restart, and known by its id. */
    (void)!pwrite(segment_fd(segment), state, sizeof(state), (off_t)(offset + SPOOL_STATE_OFFSET));
}
