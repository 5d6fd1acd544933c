#include "analyzers/run_metrics.h"

#include "lib/base/error.h"
#include "lib/base/metrics.h"
#include "lib/net/http_client.h"

/* One metric and its samples. */
typedef struct Row {
    const char *name, *type, *help;
    bool (*write)(const struct Row *row, const RunMetrics *metrics, GString *out, GError **error);
} Row;

/* A sample with up to two labels of its own; the cluster is one of all. */
static void
append_sample(GString *out, const Row *row, const RunMetrics *metrics, const char *const *labels,
              double value)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append_printf(out, "%s{cluster=\"", row->name);
    metrics_append_label_value(out, metrics->cluster);
    for (size_t i = 0; labels != NULL && labels[i] != NULL; i += 2) {
        g_string_append_printf(out, "\",%s=\"", labels[i]);
        metrics_append_label_value(out, labels[i + 1]);
    }
    g_string_append_printf(out, "\"} %s\n",
                           g_ascii_formatd(number, sizeof(number), "%.15g", value));
}

static bool
write_findings(const Row *row, const RunMetrics *metrics, GString *out, GError **error)
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
                append_sample(out, row, metrics, labels, n);
        }
    }
    return true;
}

static bool
write_open(const Row *row, const RunMetrics *metrics, GString *out, GError **error)
{
    uint32_t n;
    if (!state_count_open(metrics->state, &n, error))
        return false;
    append_sample(out, row, metrics, NULL, n);
    return true;
}

static bool
write_unverified(const Row *row, const RunMetrics *metrics, GString *out, GError **error)
{
    g_autoptr(GHashTable) checks = g_hash_table_new(NULL, NULL);
    (void)error;
    for (guint i = 0; i < metrics->findings->unverified->len; i++) {
        const Unverified *unverified = metrics->findings->unverified->pdata[i];
        g_hash_table_add(checks, (gpointer)(uintptr_t)unverified->check);
    }
    append_sample(out, row, metrics, NULL, g_hash_table_size(checks));
    return true;
}

static bool
write_lists(const Row *row, const RunMetrics *metrics, GString *out, GError **error)
{
    (void)error;
    for (int kind = KIND_NONE + 1; kind < KIND_COUNT; kind++) {
        const char *const labels[] = {"group", kind_row((Kind)kind)->group, "resource",
                                      kind_row((Kind)kind)->resource, NULL};
        if (snapshot_list_state(metrics->snapshot, (Kind)kind) == LIST_FAILED)
            append_sample(out, row, metrics, labels, 1);
    }
    return true;
}

static bool
write_duration(const Row *row, const RunMetrics *metrics, GString *out, GError **error)
{
    (void)error;
    append_sample(out, row, metrics, NULL, metrics->duration_s);
    return true;
}

static bool
write_success(const Row *row, const RunMetrics *metrics, GString *out, GError **error)
{
    (void)error;
    append_sample(out, row, metrics, NULL, (double)metrics->now_s);
    return true;
}

typedef struct {
    const Row *row;
    const RunMetrics *metrics;
    GString *out;
} Answers;

static void
append_answers(void *data, const char *receiver, const char *status_class, int64_t n)
{
    const Answers *answers = data;
    const char *const labels[] = {"receiver", receiver, "class", status_class, NULL};
    append_sample(answers->out, answers->row, answers->metrics, labels, (double)n);
}

static bool
write_answers(const Row *row, const RunMetrics *metrics, GString *out, GError **error)
{
    Answers answers = {row, metrics, out};
    return state_each_answers(metrics->state, append_answers, &answers, error);
}

/* One number of each receiver. */
static bool
write_receivers(const Row *row, const RunMetrics *metrics, GString *out, size_t offset,
                GError **error)
{
    for (guint i = 0; i < metrics->config->receivers->len; i++) {
        const Receiver *receiver = metrics->config->receivers->pdata[i];
        const char *const labels[] = {"receiver", receiver->name, NULL};
        StateReceiver health;
        if (!state_receiver(metrics->state, receiver->name, &health, error))
            return false;
        append_sample(out, row, metrics, labels, (double)G_STRUCT_MEMBER(int64_t, &health, offset));
    }
    return true;
}

static bool
write_outbox(const Row *row, const RunMetrics *metrics, GString *out, GError **error)
{
    return write_receivers(row, metrics, out, offsetof(StateReceiver, n_waiting), error);
}

static bool
write_failures(const Row *row, const RunMetrics *metrics, GString *out, GError **error)
{
    return write_receivers(row, metrics, out, offsetof(StateReceiver, failures), error);
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

GString *
run_metrics_text(const RunMetrics *metrics, GError **error)
{
    GString *out = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_string_append_printf(out, "# HELP %s %s\n# TYPE %s %s\n", rows[i].name, rows[i].help,
                               rows[i].name, rows[i].type);
        if (!rows[i].write(&rows[i], metrics, out, error)) {
            g_string_free(out, TRUE);
            return NULL;
        }
    }
    return out;
}

bool
run_metrics_write(const GString *text, const char *path, GError **error)
{
    enum { MODE = 0644 }; /* another user's collector reads it */
    return g_file_set_contents_full(path, text->str, (gssize)text->len,
                                    G_FILE_SET_CONTENTS_CONSISTENT, MODE, error);
}

bool
run_metrics_push(const GString *text, const char *url, GError **error)
{
    enum { TIMEOUT_MS = 10 * 1000 };
    static const char *const headers[] = {"Content-Type: text/plain; version=0.0.4", NULL};
    const HttpClientConfig config = {.user_agent = "cresset-analyzer"};
    g_autoptr(HttpClient) client = http_client_new(&config);
    g_autoptr(GBytes) body = g_bytes_new(text->str, text->len);
    g_auto(HttpClientReply) reply = {0};
    const HttpClientRequest request = {
        .method = "PUT", .url = url, .headers = headers, .body = body, .timeout_ms = TIMEOUT_MS};
    if (!http_client_send(client, &request, &reply, error))
        return false;
    return (reply.status >= 200 && reply.status < 300) ||
           error_set(error, CRESSET_ERROR_UNAVAILABLE, "the answer is %d", reply.status);
}
