/* Containers of which metrics say that they come up against a limit (cAdvisor, kube-state-metrics,
 * their own). */
#include <string.h>

#include "analyzers/checks/container.h"
#include "analyzers/checks/metric.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_containers(CheckRun *run);

#define BY   "by (namespace, pod, container) "
#define OF   "container!=\"\",container!=\"POD\",$S}"
#define USED "container_memory_working_set_bytes{" OF
#define SLOWED                                                                                     \
    "sum " BY "(rate(container_cpu_cfs_throttled_periods_total{" OF "[15m])) / sum " BY            \
    "(rate(container_cpu_cfs_periods_total{" OF "[15m]))"

/* ---- What is asked. ---- */

static const TelemetryQuery memory_peak = {
    .name = "container-memory-peak",
    .families = "container_memory_working_set_bytes",
    .text = "max " BY "(max_over_time(" USED "[30m])) > 16777216",
};
/* It grew in each of three windows, so that a step is no trend. */
static const TelemetryQuery memory_trend = {
    .name = "container-memory-trend",
    .families = "container_memory_working_set_bytes",
    .text =
        "max " BY "(predict_linear(" USED "[6h], 86400) > 67108864 and deriv(" USED
        "[2h]) > 0 and deriv(" USED "[2h] offset 2h) > 0 and deriv(" USED "[2h] offset 4h) > 0)",
};
static const TelemetryQuery throttled = {
    .name = "container-throttled",
    .families = "container_cpu_cfs_throttled_periods_total container_cpu_cfs_periods_total",
    .text = "min_over_time((" SLOWED ")[15m:5m]) > 0.25",
};
static const TelemetryQuery cpu_of_throttled = {
    .name = "container-cpu-of-throttled",
    .families = "container_cpu_usage_seconds_total container_cpu_cfs_throttled_periods_total "
                "container_cpu_cfs_periods_total",
    .text = "sum " BY "(rate(container_cpu_usage_seconds_total{" OF "[15m])) and " SLOWED " > 0.25",
};
static const TelemetryQuery starved = {
    .name = "container-cpu-starved",
    .families = "container_pressure_cpu_waiting_seconds_total",
    .text = "min_over_time((sum " BY "(rate(container_pressure_cpu_waiting_seconds_total{" OF
            "[15m])))[15m:5m]) > 0.3",
};
static const TelemetryQuery ephemeral = {
    .name = "pod-ephemeral-storage",
    .families = "container_fs_usage_bytes",
    .text =
        "sum by (namespace, pod) (min_over_time(container_fs_usage_bytes{" OF "[15m])) > 16777216",
};
static const TelemetryQuery descriptors = {
    .name = "container-file-descriptors",
    .families = "process_open_fds process_max_fds",
    .text = "min_over_time((process_open_fds{$S} / process_max_fds{$S})[10m:1m]) > 0.9",
};
static const TelemetryQuery oom_events = {
    .name = "container-oom-events",
    .families = "container_oom_events_total",
    .text = "sum " BY "(increase(container_oom_events_total{" OF "[15m])) > 0",
};
static const TelemetryQuery ready_changes = {
    .name = "pod-ready-changes",
    .families = "kube_pod_status_ready",
    .text = "changes(kube_pod_status_ready{condition=\"true\",$S}[30m]) > 4",
};

/* ---- The checks. ---- */

enum {
    ROW_NEAR,
    ROW_TREND,
    ROW_THROTTLED,
    ROW_STARVED,
    ROW_EPHEMERAL,
    ROW_DESCRIPTORS,
    ROW_OOM,
    ROW_FLAPPING,
};

enum { HALF_HOUR_S = 30 * 60, TREND_S = 6 * 3600, OOM_S = 15 * 60 };

#define CONTAINER_ROW(name, about, level, order, hold, seen, told_by, step, ...)                   \
    {                                                                                              \
        .id = name, .kind = about, .severity = level, .stage = order, .tier = 2, .hold_s = hold,   \
        .is_umbrella = true, .symptom = seen, .meaning = told_by, .fix = step,                     \
        .run = run_containers, .needs = {KIND_POD}, .asks = {                                      \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static const CheckRow rows[] = {
    [ROW_NEAR] =
        CONTAINER_ROW("near-memory-limit", "Container", SEVERITY_MEDIUM, STAGE_ADVICE, HALF_HOUR_S,
                      "A container is about to be killed for its memory.",
                      "Within 30 minutes it used more than 95 % of its memory limit.",
                      "Raise its memory limit, or find what takes the memory.", &memory_peak),
    [ROW_TREND] = CONTAINER_ROW(
        "memory-leak-trend", "Container", SEVERITY_LOW, STAGE_ADVICE, TREND_S,
        "The memory of a container grows without end.",
        "It has grown in each of the last three windows of two hours without a restart, and will "
        "reach its limit within a day.",
        "Compare a heap profile of now with one of some hours ago.", &memory_trend),
    [ROW_THROTTLED] = CONTAINER_ROW(
        "cpu-throttled", "Container", SEVERITY_LOW, STAGE_ADVICE, HALF_HOUR_S,
        "A container is slow because of its CPU limit.",
        "For 30 minutes it was stopped in more than half of its scheduling periods (a quarter, "
        "when its pod is not ready), and it uses more than half of its CPU limit.",
        "Raise or remove its CPU limit.", &throttled, &cpu_of_throttled),
    [ROW_STARVED] = CONTAINER_ROW(
        "cpu-starved-noderequest", "Container", SEVERITY_LOW, STAGE_ADVICE, HALF_HOUR_S,
        "A container waits for a CPU because its node is busy.",
        "For 30 minutes it waited for a CPU more than 30 % of the time (pressure stall "
        "information).",
        "Raise its CPU request to what it needs.", &starved),
    [ROW_EPHEMERAL] = CONTAINER_ROW(
        "ephemeral-storage-near", "Pod", SEVERITY_MEDIUM, STAGE_ADVICE, 15 * 60,
        "A pod is about to be evicted for the disk that it uses.",
        "For 15 minutes its containers used more than 90 % of its limit of ephemeral storage.",
        "Write logs and temporary files elsewhere, or raise the limit.", &ephemeral),
    [ROW_DESCRIPTORS] = CONTAINER_ROW(
        "fd-or-thread-exhaustion", "Container", SEVERITY_MEDIUM, STAGE_ADVICE, 10 * 60,
        "A process can soon open no more files and connections.",
        "For ten minutes it had more than 90 % of the open files that it may have.",
        "Find what does not close its files or connections, or raise the limit.", &descriptors),
    [ROW_OOM] = CONTAINER_ROW(
        "oom-invisible", "Container", SEVERITY_MEDIUM, STAGE_CONTAINER, 0,
        "Workers of a container vanish without a restart.",
        "Within 15 minutes the kernel has killed a process of it for its memory, and the "
        "container went on.",
        "Raise its memory limit, or run fewer workers in it.", &oom_events),
    [ROW_FLAPPING] = CONTAINER_ROW(
        "readiness-flapping", "Pod", SEVERITY_MEDIUM, STAGE_READINESS, HALF_HOUR_S,
        "A pod goes in and out of service.",
        "It changed between ready and not ready more than four times within 30 minutes.",
        "Look for slow answers to its readiness check: time-outs, pauses, a dependency.",
        &ready_changes),
};

const CheckTopic check_topic_container_metric = {rows, G_N_ELEMENTS(rows)};

/* ---- Values that are compared with what the pod says. ---- */

/* What one kind of answer is compared with, and how it is told. */
typedef struct {
    const TelemetryQuery *query;
    int row;
    const char *resource;
    double share;          /* of the limit, from which on it is told */
    int64_t age_s;         /* how long the container must have run */
    const char *does, *of; /* "has used", "memory" */
} LimitRule;

static const LimitRule limit_rules[] = {
    {&memory_peak, ROW_NEAR, "memory", 0.95, HALF_HOUR_S, "has used", "memory"},
    {&memory_trend, ROW_TREND, "memory", 1, TREND_S, "will within a day have used", "memory"},
    {&ephemeral, ROW_EPHEMERAL, "ephemeral-storage", 0.9, 0, "uses", "ephemeral storage"},
};

/* When a container was started, if it runs; 0. */
static int64_t
started_s(const Object *pod, const char *container)
{
    const Value *status = value_find(pod->value, "status.containerStatuses", "name", container);
    return value_time(status, "state.running.startedAt");
}

static void
report_limit(CheckRun *run, const LimitRule *rule, const Object *pod, const char *container,
             double value, double limit)
{
    bool is_new;
    const CheckRow *row = &rows[rule->row];
    Finding *finding = check_report_pod(run, row, pod, container, 0, &is_new);
    g_autofree char *used = unit_text(UNIT_BYTES, value), *may = unit_text(UNIT_BYTES, limit);
    finding_evidence(finding, "Pod %s: %s of %s", pod->name, used, may);
    if (!is_new)
        return;
    bool is_whole = *container == '\0';
    const char *name = is_whole ? finding->object->name : container;
    finding_title(finding, "%s %s %s %s of %s; its limit is %s",
                  is_whole ? "A pod of" : "Container", name, rule->does, used, rule->of, may);
    finding_cause(finding, "%s Beyond the limit it is %s.", row->meaning,
                  is_whole ? "evicted" : "killed");
    finding_fix(finding, "%s", row->fix);
    finding_fix(finding, "kubectl -n %s top pod %s --containers", pod->ns, pod->name);
}

static void
compare_with_limits(CheckRun *run, const LimitRule *rule, const SeriesPlaces *places)
{
    const Answer *answer = telemetry_answer(run->telemetry, rule->query);
    for (uint32_t i = 0; i < answer->n; i++) {
        const MetricSeries *series = &answer->series[i];
        const Object *pod = series_pod(places, series);
        const char *container = series_label(series, "container");
        if (pod == NULL || !pod_is_wanted(pod))
            continue;
        double limit = *container != '\0' ? pod_limit(pod, container, rule->resource)
                                          : pod_limits(pod, rule->resource);
        int64_t start_s = rule->age_s > 0 ? started_s(pod, container) : 1;
        double value = series_last(series).value;
        if (limit > 0 && value > rule->share * limit && start_s > 0 &&
            run->now_s - start_s >= rule->age_s)
            report_limit(run, rule, pod, container, value, limit);
    }
}

/* ---- Throttling: more telling where the pod suffers. ---- */

static bool
uses_its_limit(const CheckRun *run, const Object *pod, const MetricSeries *series)
{
    double limit = pod_limit(pod, series_label(series, "container"), "cpu");
    const Answer *used = telemetry_answer(run->telemetry, &cpu_of_throttled);
    for (uint32_t i = 0; limit > 0 && i < used->n; i++) {
        if (series_is_of_container(&used->series[i], series))
            return series_last(&used->series[i]).value > limit / 2;
    }
    return false;
}

static bool
is_slowed(const CheckRun *run, const Object *pod, const MetricSeries *series)
{
    int64_t since_s;
    return uses_its_limit(run, pod, series) &&
           (series_last(series).value > 0.5 || pod_is_unready(pod, &since_s));
}

/* A container that ended shows anyway that it was killed. */
static bool
has_survived(const CheckRun *run, const Object *pod, const MetricSeries *series)
{
    const Value *status = value_find(pod->value, "status.containerStatuses", "name",
                                     series_label(series, "container"));
    int64_t ended_s = value_time(status, "lastState.terminated.finishedAt");
    return value_at(status, "state.running") != NULL && run->now_s - ended_s > OOM_S;
}

static bool
is_limited(const CheckRun *run, const Object *pod, const MetricSeries *series)
{
    (void)run;
    (void)series;
    return pod_is_wanted(pod);
}

#define CONTAINER_RULE(asked, which, measure, told, head, text)                                    \
    {                                                                                              \
        .query = &(asked), .row = &rows[which], .place = PLACE_POD, .part = "container",           \
        .unit = measure, .is_told = told, .title = head, .cause = text                             \
    }

static const MetricRule rules[] = {
    CONTAINER_RULE(throttled, ROW_THROTTLED, UNIT_SHARE, is_slowed,
                   "The CPU limit of container {part} of {object} stops it {value} of the time",
                   "Container {part} was stopped in {value} of its scheduling periods, because it "
                   "had used up what its CPU limit allows: it answers late."),
    CONTAINER_RULE(starved, ROW_STARVED, UNIT_SHARE, is_limited,
                   "Container {part} of {object} waits for a CPU {value} of the time",
                   "The node is busy, and the CPU request of container {part} gives it too small a "
                   "share of it."),
    CONTAINER_RULE(descriptors, ROW_DESCRIPTORS, UNIT_SHARE, is_limited,
                   "{object} has {value} of the open files that it may have",
                   "A process of {object} has {value} of the open files that it may have; beyond "
                   "that it can open no file and no connection."),
    CONTAINER_RULE(oom_events, ROW_OOM, UNIT_NUMBER, has_survived,
                   "Processes of container {part} of {object} are killed for their memory",
                   "The kernel has killed a process in container {part} that was not its first "
                   "one, so that the container goes on and no restart tells of it."),
    CONTAINER_RULE(ready_changes, ROW_FLAPPING, UNIT_NUMBER, is_limited,
                   "Pods of {object} keep changing between ready and not ready",
                   "A pod of {object} became ready and not ready {value} times within 30 minutes."),
};

/* Where pods suffer from it, throttling is no mere advice. */
static void
raise_throttled(CheckRun *run)
{
    for (guint i = 0; i < run->findings->all->len; i++) {
        Finding *finding = run->findings->all->pdata[i];
        for (guint k = 0; finding->check == &rows[ROW_THROTTLED] && k < finding->about->len; k++) {
            int64_t since_s;
            if (pod_is_unready(finding->about->pdata[k], &since_s))
                finding->severity = SEVERITY_MEDIUM;
        }
    }
}

static void
run_containers(CheckRun *run)
{
    g_autoptr(SeriesPlaces) places = series_places_new(run);
    for (size_t i = 0; i < G_N_ELEMENTS(limit_rules); i++)
        compare_with_limits(run, &limit_rules[i], places);
    metric_run(run, rules, G_N_ELEMENTS(rules));
    raise_throttled(run);
}
