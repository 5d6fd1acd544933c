/* Answers of Prometheus, Loki and stores of profiles, or of a proxy in front of them: any bytes.
 * What was read is whole, and adds up. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "analyzers/checks/log_line.h"
#include "analyzers/telemetry/function_shares.h"
#include "analyzers/telemetry/log_entries.h"
#include "analyzers/telemetry/loki.h"
#include "analyzers/telemetry/profile_series.h"
#include "analyzers/telemetry/series.h"

enum { ARENA_BYTES_MAX = 1 << 22 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_series(GBytes *body, Arena *arena)
{
    Answer answer;
    g_autoptr(GError) error = NULL;
    if (answer_read(body, arena, &answer, &error) != (error == NULL))
        __builtin_trap();
    for (uint32_t i = 0; error == NULL && i < answer.n; i++) {
        if (answer.series[i].n == 0 || series_label(&answer.series[i], "pod") == NULL)
            __builtin_trap();
    }
}

static void
check_names(GBytes *body, Arena *arena)
{
    Answer answer;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) texts = answer_read_texts(body, NULL);
    for (guint i = 0; texts != NULL && i < texts->len; i++)
        (void)strlen(texts->pdata[i]);
    if (answer_read_names(body, "name", arena, &answer, &error) != (error == NULL))
        __builtin_trap();
    for (uint32_t i = 0; error == NULL && i < answer.n; i++)
        (void)strlen(series_label(&answer.series[i], "name"));
}

/* Lines are sorted, and what is shown of them is one valid line. */
static void
check_lines(GBytes *body, Arena *arena)
{
    LogEntries entries;
    g_autoptr(GError) error = NULL;
    if (!log_entries_read(body, arena, &entries, &error))
        return;
    for (uint32_t i = 1; i < entries.n; i++) {
        if (entries.entries[i - 1].time_ns > entries.entries[i].time_ns)
            __builtin_trap();
    }
    g_autofree char *text = log_entries_text(&entries), *line = log_line_of(text);
    if (line != NULL && (!g_utf8_validate(line, -1, NULL) || strchr(line, '\n') != NULL))
        __builtin_trap();
}

/* Names of labels come from our own table, and what else is in a query is quoted. */
static void
check_labels(GBytes *body)
{
    g_auto(LokiLabels) labels = {0};
    if (!loki_labels_read(body, "cluster=\"prod\"", &labels, NULL))
        return;
    g_autofree char *query = loki_pods_query(&labels, "shop", "web-.+", "app");
    if (*query != '{' || strchr(query, '}') == NULL)
        __builtin_trap();
}

/* Shares are sorted, and together one. */
static void
check_shares(GBytes *body)
{
    guint n;
    double sum = 0;
    g_autoptr(GError) error = NULL;
    g_autoptr(FunctionShares) shares = function_shares_read(body, &error);
    if ((shares == NULL) != (error != NULL))
        __builtin_trap();
    if (shares == NULL)
        return;
    const FunctionShare *all = function_shares_all(shares, &n);
    for (guint i = 0; i < n; i++) {
        sum += all[i].share;
        if ((i > 0 && all[i].share > all[i - 1].share) ||
            fabs(function_shares_of(shares, all[i].name) - all[i].share) > 0)
            __builtin_trap();
    }
    if (n > 0 && fabs(sum - 1) > 1e-6)
        __builtin_trap();
}

static void
check_profiles(GBytes *body, Arena *arena)
{
    ProfileSeriesList list;
    if (!profile_series_read(body, arena, &list, NULL))
        return;
    for (uint32_t i = 0; i < list.n; i++)
        (void)strlen(profile_series_label(&list.series[i], "pod"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) body = g_bytes_new_static(data, size);
    g_autoptr(Arena) arena = arena_new(ARENA_BYTES_MAX);
    check_series(body, arena);
    check_names(body, arena);
    check_lines(body, arena);
    check_labels(body);
    check_shares(body);
    check_profiles(body, arena);
    return 0;
}
