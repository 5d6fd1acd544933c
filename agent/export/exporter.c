#include "agent/export/exporter.h"

#include <malloc.h>

#include "agent/export/profile_writer.h"
#include "agent/export/series.h"
#include "agent/export/window.h"
#include "lib/base/metrics.h"
#include "lib/base/text.h"

enum {
    WINDOW_BYTES_DEFAULT = 16 * 1024 * 1024,
    WINDOWS_WAITING_MAX = 4, /* more means that symbolizing is too slow: the newest is dropped */
    /* Even a machine that rests runs something in so many windows, this agent for one. */
    EMPTY_WINDOWS_MAX = 4,
};

enum {
    METRIC_SAMPLES,
    METRIC_STACKS,
    METRIC_PROFILES,
    METRIC_RAW_BYTES,
    METRIC_WINDOWS,
    METRIC_WINDOWS_DROPPED,
    METRIC_WINDOW_BYTES,
    METRIC_WINDOW_PROCESSES,
    METRIC_WINDOW_SECONDS,
    METRIC_SYMBOLS,
    METRIC_SYMBOLIZER_STARTS,
    METRIC_SYMBOLIZER_FAILURES,
    METRIC_SYMBOLIZER_BAD_FILES,
    METRIC_SYMBOLIZER_CACHE_BYTES,
};

static const char *const cache_results[] = {"hit", "miss", NULL};
static const double seconds[] = {0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 0};

static const MetricRow metric_rows[] = {
    [METRIC_SAMPLES] = {.name = "cresset_agent_samples_total",
                        .kind = METRIC_COUNTER,
                        .help = "Stacks sampled."},
    [METRIC_STACKS] = {.name = "cresset_agent_stacks_total",
                       .kind = METRIC_COUNTER,
                       .help = "Different stacks per process and window."},
    [METRIC_PROFILES] = {.name = "cresset_agent_profiles_total",
                         .kind = METRIC_COUNTER,
                         .help = "Profiles made."},
    [METRIC_RAW_BYTES] = {.name = "cresset_agent_profile_bytes_total",
                          .kind = METRIC_COUNTER,
                          .help = "Bytes of the profiles made, before compression."},
    [METRIC_WINDOWS] = {.name = "cresset_agent_windows_total",
                        .kind = METRIC_COUNTER,
                        .help = "Windows that ended."},
    [METRIC_WINDOWS_DROPPED] = {.name = "cresset_agent_windows_dropped_total",
                                .kind = METRIC_COUNTER,
                                .help = "Windows given up because earlier ones were still being "
                                        "symbolized."},
    [METRIC_WINDOW_BYTES] = {.name = "cresset_agent_window_bytes",
                             .kind = METRIC_GAUGE,
                             .help = "Memory of the last window when it ended."},
    [METRIC_WINDOW_PROCESSES] = {.name = "cresset_agent_window_processes",
                                 .kind = METRIC_GAUGE,
                                 .help = "Processes that the last window made profiles of."},
    [METRIC_WINDOW_SECONDS] = {.name = "cresset_agent_export_seconds",
                               .kind = METRIC_HISTOGRAM,
                               .help = "Time to symbolize and encode a window.",
                               .buckets = seconds},
    [METRIC_SYMBOLS] = {.name = "cresset_agent_symbols_total",
                        .kind = METRIC_COUNTER,
                        .help = "Addresses symbolized.",
                        .label = "cache",
                        .label_values = cache_results},
    [METRIC_SYMBOLIZER_STARTS] = {.name = "cresset_agent_symbolizer_starts_total",
                                  .kind = METRIC_COUNTER,
                                  .help = "Starts of the symbolizer process."},
    [METRIC_SYMBOLIZER_FAILURES] = {.name = "cresset_agent_symbolizer_failures_total",
                                    .kind = METRIC_COUNTER,
                                    .help = "Requests during which the symbolizer died or hung."},
    [METRIC_SYMBOLIZER_BAD_FILES] = {.name = "cresset_agent_symbolizer_bad_files_total",
                                     .kind = METRIC_COUNTER,
                                     .help = "Files left without symbols because of that."},
    [METRIC_SYMBOLIZER_CACHE_BYTES] = {.name = "cresset_agent_symbolizer_cache_bytes",
                                       .kind = METRIC_GAUGE,
                                       .help = "Memory of the cache of symbols."},
};

struct Exporter {
    Discovery *discovery;
    LabelSet *labels; /* of every profile */
    Shipper *shipper;
    Symbolizer *symbolizer;
    ProfileWriter *writer;
    Metrics *metrics;
    size_t window_bytes_max;
    Window *window;         /* loop thread, as the next two */
    unsigned empty_windows; /* without samples, since the last that had some */
    int64_t empty_since_ns;
    GAsyncQueue *windows; /* Window, sealed; an empty one at last */
    GThread *thread;
    GMutex mutex;
    GCond finished;
    bool is_finished; /* under the mutex: the thread has taken the last window */
};

/* One process on its way through the writer. */
typedef struct {
    Exporter *exporter;
    const LabelSet *labels;
} Part;

static void
on_part(const uint8_t *pprof, size_t size, void *data)
{
    const Part *part = data;
    Exporter *exporter = part->exporter;
    shipper_add(exporter->shipper, part->labels, pprof, size);
    metrics_add(exporter->metrics, METRIC_PROFILES, 0, 1);
    metrics_add(exporter->metrics, METRIC_RAW_BYTES, 0, (double)size);
}

/* The labels of the process; NULL when it is not to be profiled. */
static LabelSet *
labels_of(Exporter *exporter, const WindowProcess *process)
{
    g_autoptr(LabelSet) labels = label_set_new();
    const Target target = {
        .pid = process->pid,
        .comm = process->comm,
        .executable_path = process->executable_path,
        .is_kernel_thread = process->is_kernel_thread,
        .cgroup = &process->cgroup,
    };
    if (!discovery_label(exporter->discovery, &target, exporter->labels, labels))
        return NULL;
    if (*label_set_get(labels, "__name__") == '\0') /* which a rule can take away */
        label_set_set(labels, "__name__", label_set_get(exporter->labels, "__name__"));
    return g_steal_pointer(&labels);
}

static void
export_window(Exporter *exporter, const Window *window)
{
    gint64 start_us = g_get_monotonic_time();
    unsigned n_processes = 0;
    profile_writer_begin(exporter->writer, window);
    for (guint i = 0; i < window->processes->len; i++) {
        const WindowProcess *process = window->processes->pdata[i];
        g_autoptr(LabelSet) labels = labels_of(exporter, process);
        if (labels == NULL)
            continue;
        Part part = {exporter, labels};
        profile_writer_write(exporter->writer, window, process, on_part, &part);
        metrics_add(exporter->metrics, METRIC_STACKS, 0, process->stacks->len);
        n_processes++;
    }
    shipper_flush(exporter->shipper);
    metrics_set(exporter->metrics, METRIC_WINDOW_PROCESSES, 0, n_processes);
    metrics_observe(exporter->metrics, METRIC_WINDOW_SECONDS, 0,
                    (double)(g_get_monotonic_time() - start_us) / 1e6);
}

static gpointer
exporter_run(gpointer data)
{
    Exporter *exporter = data;
    for (bool is_last = false; !is_last;) {
        g_autoptr(Window) window = g_async_queue_pop(exporter->windows);
        is_last = window->start_ns < 0;
        if (!is_last)
            export_window(exporter, window);
        g_clear_pointer(&window, window_free);
        malloc_trim(0);
    }
    g_mutex_lock(&exporter->mutex);
    exporter->is_finished = true;
    g_cond_signal(&exporter->finished);
    g_mutex_unlock(&exporter->mutex);
    return NULL;
}

static int64_t
now_ns(void)
{
    return g_get_real_time() * 1000;
}

Exporter *
exporter_new(const ExporterConfig *config, GError **error)
{
    g_autoptr(LabelSet) labels = series_fixed_labels(config->node, config->labels, error);
    if (labels == NULL)
        return NULL;
    Exporter *exporter = g_new0(Exporter, 1);
    exporter->discovery = config->discovery;
    exporter->labels = g_steal_pointer(&labels);
    exporter->shipper = config->shipper;
    exporter->symbolizer = symbolizer_new(&config->symbolizer);
    exporter->writer = profile_writer_new(exporter->symbolizer, config->period_ns);
    exporter->metrics = metrics_new(metric_rows, G_N_ELEMENTS(metric_rows));
    exporter->window_bytes_max =
        config->window_bytes_max > 0 ? config->window_bytes_max : WINDOW_BYTES_DEFAULT;
    exporter->window = window_new(now_ns());
    exporter->windows = g_async_queue_new_full((GDestroyNotify)window_free);
    g_mutex_init(&exporter->mutex);
    g_cond_init(&exporter->finished);
    exporter->thread = g_thread_new("export", exporter_run, exporter);
    return exporter;
}

void
exporter_add(const Sample *sample, void *data)
{
    Exporter *exporter = data;
    const Window *window = exporter->window;
    guint n_processes = window->processes->len;
    window_add(exporter->window, sample);
    if (window->processes->len > n_processes)
        discovery_notice(exporter->discovery, &sample->process->cgroup);
    if (exporter->window->bytes > exporter->window_bytes_max)
        exporter_end_window(exporter);
}

static void
note_samples(Exporter *exporter, const Window *window)
{
    if (window->n_samples > 0)
        exporter->empty_windows = 0;
    else if (exporter->empty_windows++ == 0)
        exporter->empty_since_ns = window->start_ns;
}

void
exporter_push(const LabelSet *labels, const uint8_t *pprof, size_t size, void *data)
{
    Exporter *exporter = data;
    g_autoptr(LabelSet) set = label_set_new();
    const LabelSet *const sources[] = {exporter->labels, labels};
    for (size_t i = 0; i < G_N_ELEMENTS(sources); i++)
        for (size_t j = 0; j < label_set_size(sources[i]); j++) {
            const char *name, *value;
            label_set_at(sources[i], j, &name, &value);
            label_set_set(set, name, value);
        }
    shipper_add(exporter->shipper, set, pprof, size);
}

unsigned
exporter_processes(Exporter *exporter)
{
    return (unsigned)metrics_get(exporter->metrics, METRIC_WINDOW_PROCESSES, 0);
}

void
exporter_end_window(Exporter *exporter)
{
    int64_t end_ns = now_ns();
    Window *window = exporter->window;
    exporter->window = window_new(end_ns);
    window_seal(window, end_ns);
    note_samples(exporter, window);
    metrics_add(exporter->metrics, METRIC_WINDOWS, 0, 1);
    metrics_add(exporter->metrics, METRIC_SAMPLES, 0, (double)window->n_samples);
    metrics_set(exporter->metrics, METRIC_WINDOW_BYTES, 0, (double)window->bytes);
    if (g_async_queue_length(exporter->windows) < WINDOWS_WAITING_MAX) {
        g_async_queue_push(exporter->windows, window);
        return;
    }
    metrics_add(exporter->metrics, METRIC_WINDOWS_DROPPED, 0, 1);
    window_free(window);
}

void
exporter_stop(Exporter *exporter, int64_t timeout_ms)
{
    if (exporter->thread == NULL)
        return;
    gint64 deadline_us = g_get_monotonic_time() + timeout_ms * 1000;
    exporter_end_window(exporter);
    Window *last = window_new(-1);
    window_seal(last, -1);
    g_async_queue_push(exporter->windows, last);
    g_mutex_lock(&exporter->mutex);
    while (!exporter->is_finished &&
           g_cond_wait_until(&exporter->finished, &exporter->mutex, deadline_us))
        continue;
    g_mutex_unlock(&exporter->mutex);
    /* A symbolizer that hangs is killed by its own deadline, so that this ends. */
    g_thread_join(g_steal_pointer(&exporter->thread));
}

void
exporter_free(Exporter *exporter)
{
    if (exporter == NULL)
        return;
    exporter_stop(exporter, 0);
    window_free(exporter->window);
    g_async_queue_unref(exporter->windows);
    profile_writer_free(exporter->writer);
    symbolizer_free(exporter->symbolizer);
    metrics_free(exporter->metrics);
    label_set_free(exporter->labels);
    g_mutex_clear(&exporter->mutex);
    g_cond_clear(&exporter->finished);
    g_free(exporter);
}

void
exporter_check(const Exporter *exporter, GString *out)
{
    if (exporter->empty_windows < EMPTY_WINDOWS_MAX)
        return;
    g_autofree char *since = rfc3339_text(exporter->empty_since_ns / G_GINT64_CONSTANT(1000000000));
    g_string_append_printf(out, "sampling: there was no sample since %s\n", since);
}

void
exporter_write_metrics(Exporter *exporter, GString *out)
{
    SymbolizerCounts symbols;
    symbolizer_get_counts(exporter->symbolizer, &symbols);
    const struct {
        size_t row, label;
        uint64_t value;
    } values[] = {
        {METRIC_SYMBOLS, 0, symbols.hits},
        {METRIC_SYMBOLS, 1, symbols.misses},
        {METRIC_SYMBOLIZER_STARTS, 0, symbols.starts},
        {METRIC_SYMBOLIZER_FAILURES, 0, symbols.failures},
        {METRIC_SYMBOLIZER_BAD_FILES, 0, symbols.bad_files},
        {METRIC_SYMBOLIZER_CACHE_BYTES, 0, symbols.cache_bytes},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(values); i++)
        metrics_set(exporter->metrics, values[i].row, values[i].label, (double)values[i].value);
    metrics_write(exporter->metrics, out);
}
