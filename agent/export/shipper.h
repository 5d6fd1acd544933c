/* Takes every profile of the agent to every endpoint: each has a queue of its own, so that one that
 * is away holds up no other. Any thread may call. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/export/endpoint.h"
#include "lib/relabel/label_set.h"

typedef struct {
    GPtrArray *endpoints; /* Endpoint, checked, each name once; new references are taken */
    size_t queue_bytes;   /* of memory, of each endpoint; 0: 64 MiB */
    const char
        *spool_dir;      /* copied; each endpoint has a folder of its name in it; NULL: no spool */
    int64_t spool_bytes; /* of each endpoint */
    int64_t age_max_ms;  /* of what waits; 0: none */
    int64_t patience_ms; /* how long pushes may fail before shipper_check says so; 0: 45 s */
} ShipperConfig;

typedef struct Shipper Shipper;

Shipper *shipper_new(const ShipperConfig *config);
/* From now on profiles go to these, given as in ShipperConfig. One whose name is known keeps its
 * queue, spool and counts, and the next push is made as it says. A new one gets a queue. One that
 * is not named any more is sent nothing: what waits in its spool stays there until it is named
 * again, what waits in memory alone is dropped. What was counted of the ENDPOINTS_MAX that were
 * removed last stays among the metrics. Not at the same time as another call of it, or after
 * shipper_stop. */
void shipper_set_endpoints(Shipper *shipper, const GPtrArray *endpoints);
/* Sends what waits, for at most `timeout_ms`. What is left stays in the spool, or is dropped. */
void shipper_stop(Shipper *shipper, int64_t timeout_ms);
/* Stops it without waiting when it still runs. NULL is allowed. */
void shipper_free(Shipper *shipper);

/* Adds a profile: its labels and the plain pprof, both borrowed. Without TARGET_TENANT_LABEL the
 * tenant of the endpoint counts. A value of it that is no tenant has the profile dropped and
 * counted: whom else it might go to nobody can know. */
void shipper_add(Shipper *shipper, const LabelSet *labels, const uint8_t *pprof, size_t size);
/* Ends a group of adds: they are sent at once, and with a spool they are on the disk by the time
 * this returns. Others are sent within seconds. */
void shipper_flush(Shipper *shipper);

/* Appends the metrics of every endpoint, also of those removed. Does not wait for the disk or a
 * server. */
void shipper_write_metrics(Shipper *shipper, GString *out);
/* Appends a line for each endpoint that takes nothing for longer than the patience, and for each
 * spool that takes nothing. Likewise. */
void shipper_check(Shipper *shipper, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Shipper, shipper_free)
