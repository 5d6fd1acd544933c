/* A segment: one append-only log file of frames, data-dir/segments/ULID.seg.
 *
 * File: a 48-byte header {magic, version, ULID, xxh3}, then frames {magic, payload length,
 * sequence, xxh3 of segment, sequence and payload} with the payload behind. Sequences count from 0.
 * A reader takes frames up to the first one that does not verify; what follows is the tail that a
 * crash tore. Payloads (head_append.c) may gain parts at their end: logs of older versions are
 * read, those of newer ones only as far as they have no such part. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/store/disk.h"
#include "server/store/ulid.h"
#include "server/store/wire.h"

enum {
    SEGMENT_HEADER_SIZE = 48,
    SEGMENT_FRAME_HEADER_SIZE = 24,
};

typedef struct {
    Ulid id;
    Disk *disk;
    char *path;
    int fd;
    uint64_t size; /* where the next write goes */
} Segment;

/* Makes a new, durable, empty segment in `folder`. */
Segment *segment_create(Disk *disk, const char *folder, GError **error);
/* Closes the file; it stays. */
void segment_free(Segment *segment);
char *segment_path(const char *folder, const char *id);

/* Begins a frame at the end of `wire`; the payload follows. */
void segment_frame_begin(Wire *wire);
/* Completes the frame that begins at `start` and ends with `wire`. */
void segment_frame_end(Wire *wire, size_t start, const char *id, uint64_t sequence);

/* Called for each good frame; false stops: the frame is taken for a bad one. */
typedef bool (*SegmentFrame)(void *data, const uint8_t *payload, size_t size);

typedef struct {
    char id[ULID_LENGTH + 1];
    uint64_t n_frames;
    size_t good_size; /* bytes of header and good frames; 0 when the header is bad */
} SegmentScan;

/* Goes through the bytes of a segment file. Returns whether all of them are good. */
bool segment_scan(const uint8_t *bytes, size_t size, SegmentFrame frame, void *data,
                  SegmentScan *ret_scan);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Segment, segment_free)
