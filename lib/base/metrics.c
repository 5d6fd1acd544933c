#include "lib/base/metrics.h"

#include <dirent.h>
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cresset/version.h"

/* A double that threads add to without a lock: its bits in an atomic word. */
typedef struct {
    _Atomic uint64_t bits;
} Cell;

/* Cells of one label value: counters and gauges have one; a histogram has its sum, then one count
 * per bucket (not cumulative) and one for everything above the last bound. */
typedef struct {
    size_t first, per_label, n_labels, n_buckets;
} RowLayout;

struct Metrics {
    const MetricRow *rows;
    size_t n_rows;
    RowLayout *layout;
    Cell *cells;
};

static double
cell_get(const Cell *cell)
{
    uint64_t bits = atomic_load_explicit(&cell->bits, memory_order_relaxed);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void
cell_set(Cell *cell, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    atomic_store_explicit(&cell->bits, bits, memory_order_relaxed);
}

static void
cell_add(Cell *cell, double amount)
{
    uint64_t seen = atomic_load_explicit(&cell->bits, memory_order_relaxed), wanted;
    do {
        double value;
        memcpy(&value, &seen, sizeof value);
        value += amount;
        memcpy(&wanted, &value, sizeof wanted);
    } while (!atomic_compare_exchange_weak_explicit(&cell->bits, &seen, wanted,
                                                    memory_order_relaxed, memory_order_relaxed));
}

static RowLayout
row_layout(const MetricRow *row, size_t first)
{
    RowLayout layout = {.first = first, .per_label = 1, .n_labels = 1};
    if (row->label != NULL)
        layout.n_labels = g_strv_length((char **)row->label_values);
    if (row->kind == METRIC_HISTOGRAM) {
        while (row->buckets[layout.n_buckets] != 0)
            layout.n_buckets++;
        layout.per_label = layout.n_buckets + 2;
    }
    return layout;
}

Metrics *
metrics_new(const MetricRow *rows, size_t n_rows)
{
    Metrics *metrics = g_new0(Metrics, 1);
    metrics->rows = rows;
    metrics->n_rows = n_rows;
    metrics->layout = g_new0(RowLayout, n_rows);
    size_t n_cells = 0;
    for (size_t i = 0; i < n_rows; i++) {
        metrics->layout[i] = row_layout(&rows[i], n_cells);
        n_cells += metrics->layout[i].n_labels * metrics->layout[i].per_label;
    }
    metrics->cells = g_new0(Cell, n_cells);
    return metrics;
}

void
metrics_free(Metrics *metrics)
{
    if (metrics == NULL)
        return;
    g_free(metrics->layout);
    g_free(metrics->cells);
    g_free(metrics);
}

static Cell *
cell_of(Metrics *metrics, size_t row, size_t label)
{
    g_assert(row < metrics->n_rows && label < metrics->layout[row].n_labels);
    const RowLayout *layout = &metrics->layout[row];
    return &metrics->cells[layout->first + label * layout->per_label];
}

void
metrics_add(Metrics *metrics, size_t row, size_t label, double amount)
{
    cell_add(cell_of(metrics, row, label), amount);
}

void
metrics_set(Metrics *metrics, size_t row, size_t label, double value)
{
    cell_set(cell_of(metrics, row, label), value);
}

void
metrics_observe(Metrics *metrics, size_t row, size_t label, double value)
{
    Cell *cells = cell_of(metrics, row, label);
    const double *buckets = metrics->rows[row].buckets;
    size_t bucket = 0, n_buckets = metrics->layout[row].n_buckets;
    while (bucket < n_buckets && value > buckets[bucket])
        bucket++;
    cell_add(&cells[0], value);
    cell_add(&cells[1 + bucket], 1);
}

double
metrics_get(Metrics *metrics, size_t row, size_t label)
{
    return cell_get(cell_of(metrics, row, label));
}

/* The shortest text that reads back as the same number. */
static void
append_number(GString *out, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    if (isinf(value)) {
        g_string_append(out, value > 0 ? "+Inf" : "-Inf");
        return;
    }
    if (isnan(value)) {
        g_string_append(out, "NaN");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        char format[8];
        g_snprintf(format, sizeof format, "%%.%dg", digits);
        g_ascii_formatd(text, sizeof text, format, value);
        if (g_ascii_strtod(text, NULL) == value)
            break;
    }
    g_string_append(out, text);
}

static void
append_escaped(GString *out, const char *text, bool is_label)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            g_string_append(out, "\\n");
        else if (*text == '\\' || (is_label && *text == '"'))
            g_string_append_printf(out, "\\%c", *text);
        else
            g_string_append_c(out, *text);
    }
}

/* Appends `name{label="value",le="bound"} `; parts that are NULL are left out. */
static void
append_series(GString *out, const MetricRow *row, const char *suffix, const char *value,
              const double *bound)
{
    g_string_append_printf(out, "%s%s", row->name, suffix);
    if (value != NULL || bound != NULL)
        g_string_append_c(out, '{');
    if (value != NULL) {
        g_string_append_printf(out, "%s=\"", row->label);
        append_escaped(out, value, true);
        g_string_append_c(out, '"');
    }
    if (bound != NULL) {
        g_string_append(out, value != NULL ? ",le=\"" : "le=\"");
        append_number(out, *bound);
        g_string_append_c(out, '"');
    }
    if (value != NULL || bound != NULL)
        g_string_append_c(out, '}');
    g_string_append_c(out, ' ');
}

static void
append_histogram(GString *out, const MetricRow *row, const RowLayout *layout, const Cell *cells,
                 const char *value)
{
    double count = 0;
    for (size_t i = 0; i <= layout->n_buckets; i++) {
        double bound = i < layout->n_buckets ? row->buckets[i] : INFINITY;
        count += cell_get(&cells[1 + i]);
        append_series(out, row, "_bucket", value, &bound);
        append_number(out, count);
        g_string_append_c(out, '\n');
    }
    append_series(out, row, "_sum", value, NULL);
    append_number(out, cell_get(&cells[0]));
    g_string_append_c(out, '\n');
    append_series(out, row, "_count", value, NULL);
    append_number(out, count);
    g_string_append_c(out, '\n');
}

static void
append_head(GString *out, const char *name, const char *help, MetricKind kind)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    g_string_append_printf(out, "# HELP %s ", name);
    append_escaped(out, help, false);
    g_string_append_printf(out, "\n# TYPE %s %s\n", name, kinds[kind]);
}

void
metrics_write(Metrics *metrics, GString *out)
{
    for (size_t i = 0; i < metrics->n_rows; i++) {
        const MetricRow *row = &metrics->rows[i];
        append_head(out, row->name, row->help, row->kind);
        for (size_t label = 0; label < metrics->layout[i].n_labels; label++) {
            const Cell *cells = cell_of(metrics, i, label);
            const char *value = row->label != NULL ? row->label_values[label] : NULL;
            if (row->kind == METRIC_HISTOGRAM) {
                append_histogram(out, row, &metrics->layout[i], cells, value);
                continue;
            }
            append_series(out, row, "", value, NULL);
            append_number(out, cell_get(cells));
            g_string_append_c(out, '\n');
        }
    }
}

static void
append_single(GString *out, const char *name, MetricKind kind, const char *help, double value)
{
    append_head(out, name, help, kind);
    g_string_append_printf(out, "%s ", name);
    append_number(out, value);
    g_string_append_c(out, '\n');
}

static double
open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL)
        return 0;
    double n = -1; /* the directory itself */
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        n += entry->d_name[0] != '.';
    (void)closedir(dir);
    return n;
}

/* Reads field `n` (1-based, 4 or more) of /proc/self/stat; proc(5). */
static double
stat_field(unsigned n)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents("/proc/self/stat", &text, NULL, NULL))
        return 0;
    const char *at = strrchr(text, ')'); /* the name in field 2 may hold blanks */
    for (unsigned field = 2; at != NULL && field < n; field++)
        at = strchr(at + 1, ' ');
    return at == NULL ? 0 : g_ascii_strtod(at + 1, NULL);
}

static double
boot_time(void)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents("/proc/stat", &text, NULL, NULL))
        return 0;
    const char *line = strstr(text, "\nbtime ");
    return line == NULL ? 0 : g_ascii_strtod(line + strlen("\nbtime "), NULL);
}

void
metrics_write_process(GString *out, const char *program)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    struct rlimit files = {0};
    (void)getrlimit(RLIMIT_NOFILE, &files);
    append_single(out, "process_cpu_seconds_total", METRIC_COUNTER,
                  "User and system CPU time spent in seconds.", cpu);
    append_single(out, "process_resident_memory_bytes", METRIC_GAUGE,
                  "Resident memory size in bytes.", stat_field(24) * (double)sysconf(_SC_PAGESIZE));
    append_single(out, "process_virtual_memory_bytes", METRIC_GAUGE,
                  "Virtual memory size in bytes.", stat_field(23));
    append_single(out, "process_threads", METRIC_GAUGE, "Threads of the process.", stat_field(20));
    append_single(out, "process_open_fds", METRIC_GAUGE, "Open file descriptors.",
                  open_descriptors());
    append_single(out, "process_max_fds", METRIC_GAUGE, "Limit of open file descriptors.",
                  (double)files.rlim_cur);
    append_single(out, "process_start_time_seconds", METRIC_GAUGE,
                  "Start of the process since the Unix epoch in seconds.",
                  boot_time() + stat_field(22) / (double)sysconf(_SC_CLK_TCK));
    append_head(out, "cresset_build_info", "The version of the program.", METRIC_GAUGE);
    g_string_append_printf(out,
                           "cresset_build_info{program=\"%s\",version=\"%s\",revision=\"%s\","
                           "branch=\"%s\"} 1\n",
                           program, CRESSET_VERSION, CRESSET_REVISION, CRESSET_BRANCH);
}

void
metrics_append_label_value(GString *out, const char *value)
{
    for (; *value != '\0'; value++) {
        if (*value == '\n') {
            g_string_append(out, "\\n");
            continue;
        }
        if (*value == '\\' || *value == '"')
            g_string_append_c(out, '\\');
        g_string_append_c(out, *value);
    }
}
