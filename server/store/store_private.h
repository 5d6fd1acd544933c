/* The store's state and what its parts do with it.
 *
 * Threads: any number append (append_lock) and visit; one commit thread owns the file of the active
 * segment; one seal thread turns frozen heads into blocks. Locks, in the order they may be nested:
 * append_lock, source_lock. Neither is held across a write or sync; document_lock is held across
 * a change of a document, outside of all others. */
#pragma once
#include "lib/base/metrics.h"
#include "server/store/block_cache.h"
#include "server/store/disk.h"
#include "server/store/head.h"
#include "server/store/meta.h"
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
    char *data_dir, *segment_dir, *block_dir, *document_dir, *quarantine_dir;
    int lock_fd;
    Metrics *metrics;
    char *notice;
    Meta *meta;
    BlockCache cache;

    GMutex document_lock;

    GMutex append_lock;
    GCond append_cond;
    GCond pace_cond;       /* the store closes */
    Head *head;            /* active */
    Segment *segment;      /* of the active head */
    uint64_t sequence;     /* of its next frame */
    int64_t head_since;    /* monotonic µs of its first append, 0 when empty */
    uint64_t head_logged;  /* bytes of frames appended to it */
    Wire pending;          /* frames not yet written */
    GArray *waiters;       /* Waiter, of the pending frames */
    int64_t next_rotation; /* monotonic µs; the commit thread's own */
    StoreState state;
    GError *fault; /* why the state is not STORE_WRITABLE */
    bool is_stopping;
    GThread *commit_thread;

    GMutex source_lock;
    GCond source_cond;
    GPtrArray *frozen; /* Head, oldest first: full, not yet replaced by blocks */
    GQueue seal_queue; /* Head: frozen and wholly on disk */
    bool is_sealing, is_seal_failing, is_seal_stopping;
    GThread *seal_thread;
};

/* Opens on a given disk, with the metastore at `meta_path`: what store_open does on the system's
 * disk. */
Store *store_open_on(const StoreConfig *config, Disk *disk, const char *meta_path, GError **error);
char *store_block_path(const Store *store, const char *id);

/* Body of the commit thread. */
void *store_commit_run(void *store);
/* Body of the seal thread; hands it a frozen head; waits until it has nothing to do, or returns
 * false when a seal has failed and is to be tried again. */
void *store_seal_run(void *store);
void store_seal_later(Store *store, Head *head);
bool store_wait_sealed(Store *store);
/* Moves a bad block out of the way. */
void store_quarantine(Store *store, const char *id);
/* Makes metastore and folders agree after whatever a crash left. */
bool store_reconcile(Store *store, GError **error);
/* Makes metastore and the files of documents agree. */
bool store_recover_documents(Store *store, GError **error);
/* Adds to the notice what had to be set aside. */
void store_add_notice(Store *store, const char *text);
/* Loads every segment still found in the data directory as a frozen head. */
bool store_recover(Store *store, GError **error);

enum {
    STORE_METRIC_ROWS,
    STORE_METRIC_SAMPLES,
    STORE_METRIC_BYTES,
    STORE_METRIC_COMMITS,
    STORE_METRIC_SYNC_SECONDS,
    STORE_METRIC_RECOVERED,
    STORE_METRIC_BAD_TAILS,
    STORE_METRIC_SEAL_SECONDS,
    STORE_METRIC_SEAL_FAILURES,
    STORE_METRIC_QUARANTINED,
    STORE_METRIC_BLOCKS,
    STORE_METRIC_BLOCK_BYTES,
    STORE_METRIC_HEAD_BYTES,
    STORE_METRIC_WRITABLE,
    STORE_N_METRICS,
};
extern const MetricRow store_metric_rows[STORE_N_METRICS];
