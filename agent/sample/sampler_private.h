/* The parts of a sampler. */
#pragma once
#include <bpf/libbpf.h>
#include <glib.h>

#include "agent/process/executable_cache.h"
#include "agent/process/process_table.h"
#include "agent/sample/blocks.h"
#include "agent/sample/delivery.h"
#include "agent/sample/programs.h"
#include "agent/sample/sampler.h"
#include "agent/sample/slab_store.h"
#include "agent/sample/table_store.h"

struct Sampler {
    SamplerConfig config;
    GMainContext *context;
    Programs *programs;
    SlabStore *slabs;
    TableStore *tables;
    ExecutableCache *executables;
    ProcessTable *processes;
    Blocks *blocks;
    Delivery *delivery;
    struct ring_buffer *ring;
    gint64 drain_end_us;   /* when reading it ends, although there is more */
    uint64_t lost_records; /* when the processes were last read again because of them */
    GSource *ring_source, *gather_source, *batch_source, *clocks_source, *sweep_source,
        *scan_source;
};

/* Appends for each capability that is wanted whether it is missing, as metrics. */
void sampler_probe_write_metrics(GString *out);
/* Appends a line where `profile`, the text of /proc/self/attr/current, is of AppArmor and enforced.
 */
void sampler_probe_apparmor(const char *profile, GString *report);
/* Adds to an error of loading or attaching what the probe finds missing. */
void sampler_explain(GError **error);
