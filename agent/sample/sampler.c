#include "agent/sample/sampler.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <glib-unix.h>

#include "agent/process/process_private.h"
#include "agent/process/process_table.h"
#include "agent/sample/blocks.h"
#include "agent/sample/delivery.h"
#include "agent/sample/programs.h"
#include "agent/sample/sampler_private.h"
#include "lib/base/error.h"

enum {
    RATE_HZ = 97,
    BATCH_MS = 200,
    DRAIN_MS_MAX = 50, /* of one turn: what else is on the loop waits meanwhile */
    GATHER_MS = 2,     /* at least between two wake-ups: events of one exec come together */
    CLOCKS_SECONDS = 5,
    SWEEP_SECONDS = 20,
    SCAN_STEP = 4, /* processes read in one step of the loop at the start */
    TABLE_BYTES_MAX = 64 * 1024 * 1024,
};

static void
on_changed(Process *process, void *data)
{
    Sampler *sampler = data;
    blocks_mark(sampler->blocks, process);
}

static void
on_gone(Process *process, void *data)
{
    Sampler *sampler = data;
    blocks_drop(sampler->blocks, process);
}

static uint32_t
sequence_of(uint32_t pid, void *data)
{
    Sampler *sampler = data;
    struct process_state state = {0};
    bpf_map_lookup_elem(programs_states_fd(sampler->programs), &pid, &state);
    return state.sequence;
}

static const ProcessTableOps process_ops = {on_changed, on_gone, sequence_of};

typedef struct {
    Sampler *sampler;
    Executable *executable;
    uint64_t word;
} ReadyTable;

static void
enter_word(Process *process, void *data)
{
    const ReadyTable *ready = data;
    blocks_set_word(ready->sampler->blocks, process, ready->executable, ready->word);
}

static void
on_table_ready(Executable *executable, uint64_t word, void *data)
{
    Sampler *sampler = data;
    ReadyTable ready = {sampler, executable, word};
    process_table_foreach(sampler->processes, enter_word, &ready);
    delivery_retry(sampler->delivery, false);
}

/* Below 0 ends the reading behind this record. */
static int
on_record(void *data, void *record, size_t size G_GNUC_UNUSED)
{
    Sampler *sampler = data;
    const struct event_header *header = record;
    switch (header->kind) {
    case EVENT_SAMPLE:
        delivery_sample(sampler->delivery, record);
        break;
    case EVENT_COPY:
        delivery_copy(sampler->delivery, record);
        break;
    default:
        process_table_apply(sampler->processes, header);
        break;
    }
    return g_get_monotonic_time() < sampler->drain_end_us ? 0 : -ECANCELED;
}

/* Whether nothing is left. Records may come faster than they are taken, so that reading has no end
 * of its own. */
static bool
drain_until(Sampler *sampler, gint64 end_us)
{
    sampler->drain_end_us = end_us;
    delivery_set_clock(sampler->delivery);
    programs_begin_reading(sampler->programs);
    bool is_empty = ring_buffer__consume(sampler->ring) >= 0;
    blocks_flush(sampler->blocks);
    return is_empty;
}

static bool
drain(Sampler *sampler)
{
    return drain_until(sampler, g_get_monotonic_time() + DRAIN_MS_MAX * G_TIME_SPAN_MILLISECOND);
}

void
sampler_drain(Sampler *sampler)
{
    (void)drain(sampler);
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer data);

static GSource *
add_source(Sampler *sampler, GSource *source, GSourceFunc func)
{
    g_source_set_callback(source, func, sampler, NULL);
    g_source_attach(source, sampler->context);
    return source;
}

static void
clear_source(GSource **source)
{
    if (*source == NULL)
        return;
    g_source_destroy(*source);
    g_clear_pointer(source, g_source_unref);
}

static void
watch_ring(Sampler *sampler)
{
    GSource *source = g_unix_fd_source_new(ring_buffer__epoll_fd(sampler->ring), G_IO_IN);
    sampler->ring_source = add_source(sampler, source, G_SOURCE_FUNC(on_readable));
}

static gboolean
on_gathered(gpointer data)
{
    Sampler *sampler = data;
    clear_source(&sampler->gather_source);
    watch_ring(sampler);
    return G_SOURCE_REMOVE;
}

static gboolean
on_readable(gint fd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED, gpointer data)
{
    Sampler *sampler = data;
    if (!drain(sampler))
        return G_SOURCE_CONTINUE;
    clear_source(&sampler->ring_source);
    sampler->gather_source = add_source(sampler, g_timeout_source_new(GATHER_MS), on_gathered);
    return G_SOURCE_REMOVE;
}

/* A full ring buffer may have swallowed news of mappings. */
static void
make_up_for_losses(Sampler *sampler)
{
    uint64_t lost = programs_counter(sampler->programs, BPF_COUNTER_LOST);
    if (lost == sampler->lost_records)
        return;
    sampler->lost_records = lost;
    process_table_resync(sampler->processes);
    blocks_flush(sampler->blocks);
}

static gboolean
on_batch(gpointer data)
{
    Sampler *sampler = data;
    sampler_drain(sampler);
    make_up_for_losses(sampler);
    slab_store_collect(sampler->slabs, g_get_monotonic_time());
    slab_store_trim(sampler->slabs, g_get_monotonic_time());
    return G_SOURCE_CONTINUE;
}

static gboolean
on_scan(gpointer data)
{
    Sampler *sampler = data;
    bool is_more = process_table_scan(sampler->processes, SCAN_STEP);
    blocks_flush(sampler->blocks);
    if (is_more)
        return G_SOURCE_CONTINUE;
    clear_source(&sampler->scan_source);
    return G_SOURCE_REMOVE;
}

static gboolean
on_clocks(gpointer data)
{
    Sampler *sampler = data;
    programs_adjust_clocks(sampler->programs);
    return G_SOURCE_CONTINUE;
}

static void
mark_tables(Process *process, void *data)
{
    Sampler *sampler = data;
    for (guint i = 0; i < process->mappings->len; i++) {
        Executable *executable = g_array_index(process->mappings, Mapping, i).executable;
        if (executable != NULL)
            table_store_mark(sampler->tables, executable);
    }
}

static gboolean
on_sweep(gpointer data)
{
    Sampler *sampler = data;
    process_table_sweep(sampler->processes);
    process_table_foreach(sampler->processes, mark_tables, sampler);
    table_store_sweep(sampler->tables);
    executable_cache_sweep(sampler->executables);
    return G_SOURCE_CONTINUE;
}

static bool
make_parts(Sampler *sampler, SampleFunc func, void *data, GError **error)
{
    const SamplerConfig *config = &sampler->config;
    sampler->programs = programs_load(config, error);
    if (sampler->programs == NULL)
        return false;
    sampler->slabs = slab_store_new(programs_slabs_fd(sampler->programs), config->table_bytes_max);
    sampler->tables = table_store_new(sampler->slabs, programs_rules_fd(sampler->programs),
                                      on_table_ready, sampler, error);
    if (sampler->tables == NULL)
        return false;
    sampler->executables = executable_cache_new();
    sampler->processes = process_table_new(sampler->executables, &process_ops, sampler);
    sampler->blocks =
        blocks_new(sampler->slabs, sampler->tables, programs_processes_fd(sampler->programs));
    sampler->delivery =
        delivery_new(sampler->processes, sampler->slabs, sampler->tables, func, data);
    sampler->ring =
        ring_buffer__new(programs_events_fd(sampler->programs), on_record, sampler, NULL);
    if (sampler->ring == NULL)
        return error_set_errno(error, errno, "map the ring buffer of events");
    return true;
}

Sampler *
sampler_new(const SamplerConfig *config, SampleFunc func, void *data, GError **error)
{
    g_autoptr(Sampler) sampler = g_new0(Sampler, 1);
    if (config != NULL)
        sampler->config = *config;
    if (sampler->config.rate_hz == 0)
        sampler->config.rate_hz = RATE_HZ;
    if (sampler->config.batch_ms == 0)
        sampler->config.batch_ms = BATCH_MS;
    if (sampler->config.table_bytes_max == 0)
        sampler->config.table_bytes_max = TABLE_BYTES_MAX;
    sampler->context = g_main_context_ref_thread_default();
    if (!make_parts(sampler, func, data, error)) {
        sampler_explain(error);
        return NULL;
    }
    return g_steal_pointer(&sampler);
}

bool
sampler_start(Sampler *sampler, GError **error)
{
    /* Events first: what changes while /proc is read is then not missed. */
    if (!programs_attach(sampler->programs, sampler->config.rate_hz, error)) {
        sampler_explain(error);
        return false;
    }
    watch_ring(sampler);
    sampler->batch_source =
        add_source(sampler, g_timeout_source_new(sampler->config.batch_ms), on_batch);
    sampler->clocks_source =
        add_source(sampler, g_timeout_source_new_seconds(CLOCKS_SECONDS), on_clocks);
    sampler->sweep_source =
        add_source(sampler, g_timeout_source_new_seconds(SWEEP_SECONDS), on_sweep);
    sampler->scan_source = add_source(sampler, g_idle_source_new(), on_scan);
    return true;
}

void
sampler_stop(Sampler *sampler)
{
    if (sampler->batch_source == NULL)
        return;
    programs_detach(sampler->programs);
    clear_source(&sampler->ring_source);
    clear_source(&sampler->gather_source);
    clear_source(&sampler->batch_source);
    clear_source(&sampler->clocks_source);
    clear_source(&sampler->sweep_source);
    clear_source(&sampler->scan_source);
    (void)drain_until(sampler, G_MAXINT64);
    delivery_retry(sampler->delivery, true);
}

void
sampler_free(Sampler *sampler)
{
    if (sampler == NULL)
        return;
    if (sampler->delivery != NULL)
        sampler_stop(sampler);
    g_clear_pointer(&sampler->ring, ring_buffer__free);
    g_clear_pointer(&sampler->delivery, delivery_free);
    g_clear_pointer(&sampler->blocks, blocks_free);
    g_clear_pointer(&sampler->processes, process_table_free);
    g_clear_pointer(&sampler->tables, table_store_free);
    g_clear_pointer(&sampler->executables, executable_cache_free);
    g_clear_pointer(&sampler->slabs, slab_store_free);
    g_clear_pointer(&sampler->programs, programs_free);
    g_main_context_unref(sampler->context);
    g_free(sampler);
}

bool
sampler_set_rate(Sampler *sampler, double rate_hz, GError **error)
{
    sampler->config.rate_hz = rate_hz;
    return programs_set_rate(sampler->programs, rate_hz, error);
}

void
sampler_get_counts(Sampler *sampler, SamplerCounts *ret_counts)
{
    const DeliveryCounts *delivered = delivery_counts(sampler->delivery);
    TableCounts tables;
    table_store_get_counts(sampler->tables, &tables);
    SamplerCounts counts = {
        .samples = delivered->samples,
        .copied = delivered->copied,
        .lost_records = programs_counter(sampler->programs, BPF_COUNTER_LOST),
        .processes = process_table_size(sampler->processes),
        .executables = executable_cache_size(sampler->executables),
        .tables = tables.tables,
        .tables_pending = tables.pending,
        .table_bytes = slab_store_used_bytes(sampler->slabs),
        .map_bytes = programs_map_bytes(sampler->programs) + slab_store_total_bytes(sampler->slabs),
    };
    for (guint i = 0; i < UNWIND_STOP_COUNT; i++) {
        counts.stops[i] = delivered->stops[i];
        counts.taken += programs_counter(sampler->programs, BPF_COUNTER_STOPS + i);
    }
    programs_run_time(sampler->programs, &counts.bpf_ns, &counts.bpf_runs);
    *ret_counts = counts;
}
