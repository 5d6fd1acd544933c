/* What an outbox is made of: its items, and their way to the disk and back. Private to outbox.c and
 * outbox_disk.c. */
#pragma once
#include "agent/export/outbox.h"

struct Outbox {
    size_t bytes_max;
    int64_t spool_bytes, age_max_ms;
    char *dir;

    GMutex disk;           /* taken before `mutex`; what may wait for the disk is done under it */
    Spool *spool;          /* NULL: none */
    bool is_open;          /* the folder is taken */
    bool is_failing;       /* the last write failed */
    int64_t disk_retry_ms; /* while it is failing: when to try again, mono */
    uint64_t dropped_segments; /* up to this one they are gone */

    GMutex mutex;
    GCond changed;
    GQueue items; /* OutboxItem, the oldest first */
    size_t bytes, in_flight_bytes;
    uint64_t raw_bytes;
    guint n_in_flight;
    bool is_flushed; /* what waits is to be sent although it is less than a batch */
    bool is_changed;
    GHashTable *holds; /* tenant → int64_t *, mono */
    SpoolCounts spooled;
    uint64_t n_left;  /* lie in the spool since it was left to itself */
    char *disk_error; /* while it is failing */
    OutboxCounts counts;
};

void outbox_item_free(void *item);
/* Bytes of memory that it counts for. */
size_t outbox_item_bytes(const OutboxItem *item);
bool outbox_item_is_spooled(const OutboxItem *item);

/* ---- Under the mutex. ---- */

void outbox_insert_locked(Outbox *outbox, OutboxItem *item, bool is_oldest);
OutboxItem *outbox_remove_locked(Outbox *outbox, GList *link);
/* Bytes of all items in memory. */
size_t outbox_memory_locked(const Outbox *outbox);
/* Shows what the spool holds now: to be called whenever that has changed. */
void outbox_show_spool_locked(Outbox *outbox);

/* ---- Under the lock of the disk, without the mutex. ---- */

/* Lets go of the spool when there is one, and makes it anew, not taken yet. */
void outbox_renew_spool(Outbox *outbox);
/* Whether the disk is to be used; takes the folder when that was not done before. */
bool outbox_disk_is_usable(Outbox *outbox, OutboxTime now);
void outbox_note_failure(Outbox *outbox, const GError *error, OutboxTime now);
/* Marks records (SpoolPlace) whose items are gone. */
void outbox_mark_done(Outbox *outbox, const GArray *places);
/* The time before which nothing waits any longer. */
int64_t outbox_oldest_allowed_ms(const Outbox *outbox, OutboxTime now);
void outbox_drop_old_segments(Outbox *outbox, OutboxTime now);
/* Writes an item to the spool; *ret_is_read when it is to stay in memory. False when it can be kept
 * there alone. */
bool outbox_write(Outbox *outbox, OutboxItem *item, OutboxTime now, bool *ret_is_read);
/* Reads the next record into memory; false when there is none, or no room. */
bool outbox_load(Outbox *outbox);
