/* One file of a spool: records behind each other, appended by one writer and read from a cursor.
 * Damaged places are stepped over to the next head that verifies. Not thread-safe. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/export/spool_record.h"

typedef struct {
    uint64_t id;   /* ascending: the oldest segment has the lowest */
    uint64_t seed; /* of the checksums, at random */
    char *path;
    int fd; /* -1 while it is closed */
    uint64_t size;
    uint64_t read_at;   /* the cursor */
    uint32_t n_live;    /* records that are not done */
    uint32_t n_unread;  /* of these, the ones at and behind the cursor */
    int64_t newest_ms;  /* time of the newest record */
    bool needs_syncing; /* written since the last spool_segment_sync */
} SpoolSegment;

/* Creates the file of a new segment in `dir`. */
SpoolSegment *spool_segment_create(const char *dir, uint64_t id, GError **error);
/* A segment that is there, by its name in `dir`: counts its records, all of them unread.
 * *ret_n_damaged tells how many places had to be stepped over. NULL without *error when the name is
 * none of a segment; with *error when the file cannot be read. */
SpoolSegment *
spool_segment_open(const char *dir, const char *name, uint64_t *ret_n_damaged, GError **error);
/* Closes it; the file stays. NULL is allowed. */
void spool_segment_free(SpoolSegment *segment);
/* Deletes the file and frees the segment. */
void spool_segment_remove(SpoolSegment *segment);

/* Appends a record, whose hash is filled in; `is_read` leaves the cursor behind it. On failure the
 * file ends where it did before. */
bool spool_segment_append(SpoolSegment *segment, SpoolHead *head, const char *tenant,
                          const void *payload, bool is_read, uint64_t *ret_offset, GError **error);
bool spool_segment_sync(SpoolSegment *segment, GError **error);

/* Reads the next record that is not done: its head, its offset, and the tenant followed by the
 * payload (freed with g_free); NULL for them when they do not verify, and the record is counted as
 * done then. False when none is left, though n_unread may say so: that many were lost. */
bool spool_segment_next(SpoolSegment *segment, SpoolHead *ret_head, uint64_t *ret_offset,
                        uint8_t **ret_content);
/* Marks the record at the offset as done. */
void spool_segment_done(SpoolSegment *segment, uint64_t offset);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpoolSegment, spool_segment_free)
