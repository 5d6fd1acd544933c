/* Profiles on the disk, on their way to one server: a folder of segment files of its own, first in,
 * first out.
 *
 * A record is written before it is sent and marked in place once it is done; a segment whose
 * records are all done is deleted. spool_sync makes what was written durable: without it a crash of
 * the machine, not one of the program, loses what the kernel had not written yet. Marks are never
 * synced: a mark that is lost has a profile sent twice, and its id tells the server. After a start
 * nothing is appended to an older file, and what is torn or damaged is stepped over and counted.
 * Not thread-safe. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const char *dir;    /* made when it is missing; nobody else may use it at the same time */
    int64_t bytes_max;  /* of all files */
    int64_t part_bytes; /* of one file, unless a record is larger; 0: a share of bytes_max */
} SpoolConfig;

/* Where a record lies. */
typedef struct {
    uint64_t segment, offset;
} SpoolPlace;

typedef struct {
    const char *tenant; /* "": none */
    GBytes *payload;
    uint32_t raw_size;
    uint8_t coding;
    int64_t time_ms; /* when it was added */
} SpoolRecord;

typedef struct Spool Spool;

/* Touches no file yet. */
Spool *spool_new(const SpoolConfig *config);
/* Closes the files, which stay. NULL is allowed. */
void spool_free(Spool *spool);

/* Takes the folder for this process and counts what lies in it: all of it is unread. True when that
 * was done before. FAILED_PRECONDITION when another process has the folder; else by errno. */
bool spool_open(Spool *spool, GError **error);

/* Whether the record is not larger than all files may be. */
bool spool_fits(const Spool *spool, const SpoolRecord *record);
/* Whether the oldest segment has to go before this record, which fits, is appended. */
bool spool_is_full(const Spool *spool, const SpoolRecord *record);
/* Appends a record to the open spool; `is_read` when it stays in memory, so that spool_next shall
 * not return it, which is possible only when nothing is unread. RESOURCE_EXHAUSTED when the record
 * does not fit, or the disk is full. */
bool spool_append(Spool *spool, const SpoolRecord *record, bool is_read, SpoolPlace *ret_place,
                  GError **error);
/* Makes what was appended durable. */
bool spool_sync(Spool *spool, GError **error);

typedef enum {
    SPOOL_RECORD, /* *ret_record is filled; its payload is the caller's, its tenant the spool's
                     until the next call */
    SPOOL_LOST,   /* *ret_n_lost unread records cannot be read and are gone */
    SPOOL_END,    /* nothing is unread */
} SpoolRead;

SpoolRead
spool_next(Spool *spool, SpoolRecord *ret_record, SpoolPlace *ret_place, uint32_t *ret_n_lost);
/* Marks a record that was read, or appended as such; one that was dropped meanwhile is allowed. */
void spool_done(Spool *spool, SpoolPlace place);

/* Deletes the oldest segment: its id, and how many of its records were not read yet. False when
 * there is none. */
bool spool_drop_oldest(Spool *spool, uint64_t *ret_segment, uint32_t *ret_n_unread);
/* The time of the newest record in the oldest segment; INT64_MAX when there is none. */
int64_t spool_oldest_ms(const Spool *spool);

typedef struct {
    uint64_t bytes;     /* of all files */
    uint64_t records;   /* not done */
    uint64_t unread;    /* of these, not returned by spool_next yet */
    uint64_t n_damaged; /* places that were stepped over when the folder was taken */
    uint64_t segments;
} SpoolCounts;

SpoolCounts spool_counts(const Spool *spool);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Spool, spool_free)
