/* What a shipper is made of. Private to shipper.c and shipper_metrics.c. */
#pragma once
#include "agent/export/push_queue.h"
#include "agent/export/shipper.h"

struct Shipper {
    GPtrArray *endpoints; /* Endpoint */
    PushQueue **queues;   /* one for each of them */
    int64_t patience_ms;
    gint64 n_labels_dropped; /* atomic */
};
