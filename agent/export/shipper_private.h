/* What a shipper is made of. Private to shipper.c and shipper_metrics.c. */
#pragma once
#include "agent/export/push_queue.h"
#include "agent/export/shipper.h"

/* An endpoint and the way to it. */
typedef struct {
    Endpoint *endpoint;
    PushQueue *queue;
    bool is_removed; /* not named any more: the queue is suspended */
} ShipperRoute;

struct Shipper {
    size_t queue_bytes; /* these are as in ShipperConfig */
    char *spool_dir;
    int64_t spool_bytes, age_max_ms, patience_ms;
    GRWLock lock;      /* of the routes; what they point to is safe by itself */
    GPtrArray *routes; /* ShipperRoute: those that are named, then those removed, the last first */
    gint64 n_labels_dropped; /* atomic */
};
