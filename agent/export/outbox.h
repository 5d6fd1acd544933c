/* Profiles that wait for one server: in bounded memory, and in a spool on the disk where there is
 * one.
 *
 * With a spool each profile is written to it before it is sent, a few MiB of the oldest are in
 * memory too, and the rest is read when these are gone. While the disk takes nothing profiles wait
 * in memory alone, and may overtake those on the disk. Over the limits of size and age the oldest
 * are dropped.
 *
 * Nothing is lost silently: added + recovered = acknowledged + dropped + waiting, at any time.
 *
 * No clock is read and no thread started here: callers say what time it is. Any thread may call;
 * the disk is never waited for by outbox_get_counts and outbox_check. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/export/drop_reason.h"
#include "agent/export/spool.h"

typedef struct {
    int64_t mono_ms; /* for pauses: never set back */
    int64_t real_ms; /* for ages, which last over restarts: since 1970 */
} OutboxTime;

OutboxTime outbox_time_now(void);

typedef struct {
    size_t bytes_max;    /* of profiles in memory, but for one request; 0: 64 MiB */
    const char *dir;     /* of the spool; NULL: none */
    int64_t spool_bytes; /* of its files */
    int64_t age_max_ms;  /* of what waits; 0: none */
} OutboxConfig;

typedef struct Outbox Outbox;

/* Takes the spool and what lies in it; that this is not possible is said, and tried again. */
Outbox *outbox_new(const OutboxConfig *config, OutboxTime now);
/* Forgets what waits in memory; what is on the disk stays there. NULL is allowed. */
void outbox_free(Outbox *outbox);

/* One profile on its way. */
typedef struct {
    char *tenant;    /* "": none */
    GBytes *payload; /* see series_encode */
    uint32_t raw_size;
    uint8_t coding;
    int64_t time_ms;       /* real */
    int64_t added_mono_ms; /* since when it is in memory */
    SpoolPlace place;      /* segment 0: not on the disk */
} OutboxItem;

/* Adds a profile: `payload` is shared, `raw_size` its size before compression. */
void outbox_add(Outbox *outbox, const char *tenant, GBytes *payload, size_t raw_size,
                uint8_t coding, OutboxTime now);
/* Ends a group of adds, which then are not waited for any longer, and makes them durable. */
void outbox_flush(Outbox *outbox, OutboxTime now);
/* Counts a profile as added and dropped at once. */
void outbox_refuse(Outbox *outbox, DropReason reason);

/* Up to `items_max` profiles of one tenant and coding that are to be sent now, the oldest first:
 * OutboxItem, borrowed until outbox_finish or outbox_give_back. NULL when there are none, or they
 * are fewer than fill a request and may wait for more, unless `is_hurried`; *ret_wait_ms tells for
 * how long (-1: until something is added). */
GPtrArray *
outbox_take(Outbox *outbox, guint items_max, bool is_hurried, OutboxTime now, int64_t *ret_wait_ms);
/* What became of a batch: `n_dropped` were refused for the reason, the others acknowledged. Frees
 * the batch. */
void outbox_finish(Outbox *outbox, GPtrArray *batch, guint n_dropped, DropReason reason);
/* Returns a batch that was not delivered to where it was taken from. */
void outbox_give_back(Outbox *outbox, GPtrArray *batch);
/* Nothing of the tenant is taken for so long. */
void outbox_hold(Outbox *outbox, const char *tenant, int64_t pause_ms, OutboxTime now);

/* Waits until something is added or flushed, outbox_wake is called, or `wait_ms` are over (-1:
 * never). Returns at once when that happened since the last call. */
void outbox_wait(Outbox *outbox, int64_t wait_ms);
void outbox_wake(Outbox *outbox);

/* Whether nothing waits; `in_memory_alone`: but on the disk. */
bool outbox_is_empty(Outbox *outbox, bool in_memory_alone);
/* Drops what is in memory alone. */
void outbox_close(Outbox *outbox);
/* Nothing is held back any longer. */
void outbox_release_holds(Outbox *outbox);

/* Leaves the spool, with what lies there, to itself, and drops what is in memory alone as
 * DROP_REMOVED. No batch may be out, and nothing be added until outbox_resume. */
void outbox_suspend(Outbox *outbox);
/* Takes the spool again. What is gone from it meanwhile is dropped as DROP_REMOVED too. */
void outbox_resume(Outbox *outbox, OutboxTime now);

typedef struct {
    uint64_t added;        /* since the start */
    uint64_t recovered;    /* found in the spool */
    uint64_t acknowledged; /* by the server */
    uint64_t dropped[DROP_REASON_COUNT];
    uint64_t waiting;          /* in memory, on the disk, also a suspended one, or being sent */
    uint64_t waiting_bytes;    /* of memory */
    uint64_t spooled;          /* of those waiting, on the disk */
    uint64_t spool_bytes;      /* of its files */
    uint64_t spool_damaged;    /* damaged places found */
    uint64_t spool_failures;   /* writes that failed */
    uint64_t acknowledged_raw; /* bytes of profiles before compression */
} OutboxCounts;

void outbox_get_counts(Outbox *outbox, OutboxCounts *ret_counts);
/* Why the disk takes nothing; NULL when it does, or there is no spool. The caller frees. */
char *outbox_check(Outbox *outbox);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Outbox, outbox_free)
