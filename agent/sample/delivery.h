/* Turns records of the ring buffer into samples: finds the process, ties every address to the file
 * it lies in, unwinds copied stacks, and keeps those that wait for a table. Loop thread only. */
#pragma once
#include <glib.h>

#include "agent/process/process_table.h"
#include "agent/sample/sample.h"
#include "agent/sample/slab_store.h"
#include "agent/sample/table_store.h"
#include "cresset/event.h"

typedef struct Delivery Delivery;

Delivery *delivery_new(ProcessTable *processes, SlabStore *slabs, TableStore *tables,
                       SampleFunc func, void *data);
void delivery_free(Delivery *delivery);

/* Takes CLOCK_REALTIME - CLOCK_MONOTONIC anew; once for each batch. */
void delivery_set_clock(Delivery *delivery);
void delivery_sample(Delivery *delivery, const struct event_sample *event);
void delivery_copy(Delivery *delivery, const struct event_copy *event);
/* Tries the stacks that wait; with `is_last` those that cannot be unwound yet are handed over as
 * far as they go. */
void delivery_retry(Delivery *delivery, bool is_last);

typedef struct {
    uint64_t samples, copied, dropped_copies, waiting;
    uint64_t stops[UNWIND_STOP_COUNT];
    uint64_t copies[UNWIND_STOP_COUNT]; /* copied stacks by why they were copied */
} DeliveryCounts;

const DeliveryCounts *delivery_counts(const Delivery *delivery);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Delivery, delivery_free)
