#include "analyzers/run_metrics.h"

/* One metric and its samples. */
typedef struct {
    const char *name, *type, *help;
    bool (*write)(const RunMetrics *metrics, RunSamples *out, GError **error);
} Row;

static bool
write_findings(const RunMetrics *metrics, RunSamples *out, GError **error)
{
    g_autoptr(GHashTable) counts = g_hash_table_new(NULL, NULL); /* by check and severity */
    (void)error;
    for (int severity = SEVERITY_INFO; severity <= SEVERITY_CRITICAL; severity++) {
        g_hash_table_remove_all(counts);
        for (guint i = 0; i < metrics->findings->n_roots; i++) {
            const Finding *finding = metrics->findings->all->pdata[i];
            gpointer check = (gpointer)(uintptr_t)finding->check;
            guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, check));
            if (finding->severity == (Severity)severity)
                g_hash_table_insert(counts, check, GUINT_TO_POINTER(n + 1));
        }
        size_t n_rows;
        const CheckRow *const *checks = check_rows(&n_rows);
        for (size_t i = 0; i < n_rows; i++) {
            const char *const labels[] = {"check", checks[i]->id, "severity",
                                          severity_name((Severity)severity), NULL};
            guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, checks[i]));
            if (n > 0)
                run_samples_add(out, labels, n);
        }
    }
    return true;
}

static bool
write_open(const RunMetrics *metrics, RunSamples *out, GError **error)
{
    uint32_t n;
    if (!state_count_open(metrics->state, &n, error))
        return false;
    run_samples_add(out, NULL, n);
    return true;
}

static bool
write_unverified(const RunMetrics *metrics, RunSamples *out, GError **error)
{
    g_autoptr(GHashTable) checks = g_hash_table_new(NULL, NULL);
    (void)error;
    for (guint i = 0; i < metrics->findings->unverified->len; i++) {
        const Unverified *unverified = metrics->findings->unverified->pdata[i];
        g_hash_table_add(checks, (gpointer)(uintptr_t)unverified->check);
    }
    run_samples_add(out, NULL, g_hash_table_size(checks));
    return true;
}

static bool
write_lists(const RunMetrics *metrics, RunSamples *out, GError **error)
{
    (void)error;
    for (int kind = KIND_NONE + 1; kind < KIND_COUNT; kind++) {
        const char *const labels[] = {"group", kind_row((Kind)kind)->group, "resource",
                                      kind_row((Kind)kind)->resource, NULL};
        if (snapshot_list_state(metrics->snapshot, (Kind)kind) == LIST_FAILED)
            run_samples_add(out, labels, 1);
    }
    return true;
}

static bool
write_duration(const RunMetrics *metrics, RunSamples *out, GError **error)
{
    (void)error;
    run_samples_add(out, NULL, metrics->duration_s);
    return true;
}

static bool
write_success(const RunMetrics *metrics, RunSamples *out, GError **error)
{
    (void)error;
    run_samples_add(out, NULL, (double)metrics->now_s);
    return true;
}

static void
append_answers(void *data, const char *receiver, const char *status_class, int64_t n)
{
    const char *const labels[] = {"receiver", receiver, "class", status_class, NULL};
    run_samples_add(data, labels, (double)n);
}

static bool
write_answers(const RunMetrics *metrics, RunSamples *out, GError **error)
{
    return state_each_answers(metrics->state, append_answers, out, error);
}

/* One number of each receiver. */
static bool
write_receivers(const RunMetrics *metrics, RunSamples *out, size_t offset, GError **error)
{
    for (guint i = 0; i < metrics->config->receivers->len; i++) {
        const Receiver *receiver = metrics->config->receivers->pdata[i];
        const char *const labels[] = {"receiver", receiver->name, NULL};
        StateReceiver health;
        if (!state_receiver(metrics->state, receiver->name, &health, error))
            return false;
        run_samples_add(out, labels, (double)G_STRUCT_MEMBER(int64_t, &health, offset));
    }
    return true;
}

static bool
write_outbox(const RunMetrics *metrics, RunSamples *out, GError **error)
{
    return write_receivers(metrics, out, offsetof(StateReceiver, n_waiting), error);
}

static bool
write_failures(const RunMetrics *metrics, RunSamples *out, GError **error)
{
    return write_receivers(metrics, out, offsetof(StateReceiver, failures), error);
}

static const Row rows[] = {
    {"cresset_analyzer_findings", "gauge", "Findings of the last run that no other one explains.",
     write_findings},
    {"cresset_analyzer_open_incidents", "gauge", "Incidents that have not ended.", write_open},
    {"cresset_analyzer_unverified_checks", "gauge",
     "Checks that could not look at all that they need.", write_unverified},
    {"cresset_analyzer_failed_lists", "gauge", "1 for each resource that could not be listed.",
     write_lists},
    {"cresset_analyzer_run_duration_seconds", "gauge",
     "How long the last run took, until its messages were sent.", write_duration},
    {"cresset_analyzer_last_success_timestamp_seconds", "gauge",
     "When the cluster was last read and what was found remembered.", write_success},
    {"cresset_analyzer_webhook_answers_total", "counter",
     "Answers of receivers by class of status: 2xx, 3xx, 4xx, 429, 5xx, none.", write_answers},
    {"cresset_analyzer_outbox_changes", "gauge", "Changes that wait for a receiver.", write_outbox},
    {"cresset_analyzer_receiver_failures", "gauge", "Tries in a row that a receiver has failed.",
     write_failures},
};

RunSamples *
run_metrics_collect(const RunMetrics *metrics, GError **error)
{
    g_autoptr(RunSamples) samples = run_samples_new(metrics->cluster);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        run_samples_begin(samples, rows[i].name, rows[i].type, rows[i].help);
        if (!rows[i].write(metrics, samples, error))
            return NULL;
    }
    return g_steal_pointer(&samples);
}
