/* The store's state and what its parts do with it.
 *
 * Threads: any number append (append_lock) and visit; one commit thread owns the file of the active
 * segment; one seal thread turns frozen heads into blocks. Locks, in the order they may be nested:
 * append_lock, source_lock. No lock is held across a write or sync. */
#pragma once
#include "lib/base/metrics.h"
#include "server/store/disk.h"
#include "server/store/head.h"
#include "server/store/segment.h"
#include "server/store/store.h"

typedef enum {
    STORE_WRITABLE,
    STORE_FULL,   /* no space: appends are refused until the log can be written again */
    STORE_FAULTY, /* the log could not be written or synced: read-only until a restart */
} StoreState;

typedef struct {
    StoreDone done;
    void *data;
} Waiter;

struct Store {
    StoreConfig config;
    Disk *disk;
    char *data_dir, *segment_dir;
    int lock_fd;
    Metrics *metrics;
    char *notice;

    GMutex append_lock;
    GCond append_cond;
    Head *head;           /* active */
    Segment *segment;     /* of the active head */
    uint64_t sequence;    /* of its next frame */
    int64_t head_since;   /* monotonic µs of its first append, 0 when empty */
    uint64_t head_logged; /* bytes of frames appended to it */
    Wire pending;         /* frames not yet written */
    GArray *waiters;      /* Waiter, of the pending frames */
    StoreState state;
    GError *fault; /* why the state is not STORE_WRITABLE */
    bool is_stopping;
    GThread *commit_thread;

    GMutex source_lock;
    GPtrArray *frozen; /* Head, oldest first: full, not yet replaced by blocks */
};

/* Opens on a given disk: what store_open does on the system's. */
Store *store_open_on(const StoreConfig *config, Disk *disk, GError **error);

/* Body of the commit thread. */
void *store_commit_run(void *store);
/* Loads every segment found in the data directory as a frozen head. */
bool store_recover(Store *store, GError **error);

enum {
    STORE_METRIC_ROWS,
    STORE_METRIC_SAMPLES,
    STORE_METRIC_BYTES,
    STORE_METRIC_COMMITS,
    STORE_METRIC_SYNC_SECONDS,
    STORE_METRIC_RECOVERED,
    STORE_METRIC_BAD_TAILS,
    STORE_METRIC_HEAD_BYTES,
    STORE_METRIC_WRITABLE,
    STORE_N_METRICS,
};
extern const MetricRow store_metric_rows[STORE_N_METRICS];
