#include "analyzers/enrich/backfill.h"

#include <string.h>

#include "analyzers/checks/heartbeat.h"

/* With so much of what was to be expected a node has its data, and with so little none: a sample is
 * missing here and there on any day. */
#define SHARE_WHOLE 0.9
#define SHARE_NONE  0.1

enum { HOUR_S = 3600, SAMPLES_MIN = 3 };

static const struct {
    const char *check;
    const Collector *collector;
} rows[] = {
    {"alloy-silent-on-node", &collector_alloy},
    {"alloy-running-not-shipping", &collector_alloy},
    {"alloy-silent-on-fleet", &collector_alloy},
    {"cresset-agent-silent-on-node", &collector_cresset_agent},
    {"cresset-agent-silent-on-fleet", &collector_cresset_agent},
};

/* Of whom incidents of a check are; NULL: of no collector. */
static const Collector *
find_collector(const char *check)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strcmp(rows[i].check, check) == 0)
            return rows[i].collector;
    }
    return NULL;
}

bool
backfill_is_about(const char *check)
{
    return find_collector(check) != NULL;
}

/* Samples of each beat in a gap: double, in the order of the heartbeat's. */
typedef struct {
    const Heartbeat *heartbeat;
    GArray *n;
} Counts;

static void
add_count(Beat *beat, const MetricSeries *series, void *data)
{
    const Counts *counts = data;
    gsize at = (gsize)(beat - (const Beat *)(const void *)counts->heartbeat->beats->data);
    g_array_index(counts->n, double, at) += series_last(series).value;
}

/* Asks how many samples of the gap there are by now. Prometheus 2 counts the one at the beginning
 * of a range too, which is the one before the gap. */
static bool
count_samples(const CheckRun *run, const TelemetryAsk *ask, const Gap *gap, const Counts *counts)
{
    g_autofree char *text =
        g_strdup_printf("sum by (" NODE_LABELS ") (count_over_time(%s[%" G_GINT64_FORMAT "s]))",
                        counts->heartbeat->collector->series, gap->until_s - gap->from_s - 1);
    const TelemetryQuery query = {"gap", SOURCE_METRICS, NULL, text};
    const TelemetryQuery *const queries[] = {&query};
    TelemetryAsk then = *ask;
    then.now_s = gap->until_s + TELEMETRY_DELAY_S;
    g_autoptr(Telemetry) telemetry = telemetry_new();
    telemetry_ask(telemetry, &then, queries, G_N_ELEMENTS(queries));
    if (telemetry_state(telemetry, &query) != ANSWER_GIVEN)
        return false;
    heartbeat_visit(counts->heartbeat, run, telemetry_answer(telemetry, &query), add_count,
                    (void *)(uintptr_t)counts);
    return true;
}

static bool
is_it(const Object *object, const Gap *gap)
{
    return object != NULL && strcmp(object->ns, gap->ns) == 0 &&
           strcmp(object->name, gap->name) == 0;
}

/* Whether the incident was about a beat. */
static bool
is_meant(const Beat *beat, const Gap *gap)
{
    if (strcmp(gap->kind, "Node") == 0)
        return is_it(beat->node, gap);
    return is_it(strcmp(gap->kind, "Pod") == 0 ? beat->pod : beat->set, gap);
}

/* Nodes by what they have of a gap. */
typedef struct {
    guint n, n_lacking; /* of all, those that lack some of it */
    double share;       /* of the last one */
} Result;

static Result
judge(const Counts *counts, const Gap *gap, double n_expected)
{
    Result result = {0};
    for (guint i = 0; i < counts->n->len; i++) {
        if (!is_meant(&g_array_index(counts->heartbeat->beats, Beat, i), gap))
            continue;
        result.share = g_array_index(counts->n, double, i) / n_expected;
        result.n++;
        result.n_lacking += result.share < SHARE_WHOLE;
    }
    return result;
}

static char *
result_text(const Result *result)
{
    enum { PERCENT = 100 };
    if (result->n == 0)
        return NULL;
    if (result->n_lacking == 0)
        return g_strdup("data was back-filled");
    if (result->n > 1)
        return g_strdup_printf("data of that time is lost on %u of %u nodes", result->n_lacking,
                               result->n);
    if (result->share <= SHARE_NONE)
        return g_strdup("data of that time is lost");
    return g_strdup_printf("%.0f %% of the data of that time is lost",
                           PERCENT * (1 - result->share));
}

char *
backfill_text(const CheckRun *run, const TelemetryAsk *ask, const Gap *gap)
{
    const Collector *collector = find_collector(gap->check);
    g_autoptr(Heartbeat) heartbeat =
        collector != NULL && gap->from_s > 0 ? heartbeat_new(run, collector) : NULL;
    if (heartbeat == NULL || heartbeat->why != NULL)
        return NULL;
    const Answer *rate = telemetry_answer(run->telemetry, collector->rate);
    double n_hour = rate->n > 0 ? series_last(rate->series).value : 0;
    double n_expected = n_hour * (double)(gap->until_s - gap->from_s) / HOUR_S;
    if (!(n_expected >= SAMPLES_MIN))
        return NULL;
    g_autoptr(GArray) n = g_array_new(FALSE, TRUE, sizeof(double));
    g_array_set_size(n, heartbeat->beats->len);
    const Counts counts = {heartbeat, n};
    if (!count_samples(run, ask, gap, &counts))
        return NULL;
    const Result result = judge(&counts, gap, n_expected);
    return result_text(&result);
}
