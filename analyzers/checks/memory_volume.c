/* emptyDir volumes in memory, as metrics of cAdvisor show them. */
#include <math.h>
#include <string.h>

#include "analyzers/checks/container.h"
#include "analyzers/checks/metric.h"
#include "analyzers/checks/table.h"

static void run_volumes(CheckRun *run);

#define BY "by (namespace, pod, container) "
#define OF "container!=\"\",container!=\"POD\",$S}"
/* Page cache that is on none of the lists of files: what lies in tmpfs, and other shared memory. */
#define SHARED                                                                                     \
    "(container_memory_cache{" OF " - container_memory_total_active_file_bytes{" OF                \
    " - container_memory_total_inactive_file_bytes{" OF ")"
#define FAMILIES                                                                                   \
    "container_memory_cache container_memory_total_active_file_bytes "                             \
    "container_memory_total_inactive_file_bytes"

static const TelemetryQuery shared_memory = {
    .name = "container-shared-memory",
    .families = FAMILIES,
    .text = "sum " BY "(min_over_time(" SHARED "[15m:1m])) > 16777216",
};
/* What the kernel cannot take back. */
static const TelemetryQuery fixed_memory = {
    .name = "container-fixed-memory",
    .families = FAMILIES " container_memory_rss",
    .text = "sum " BY "(min_over_time((container_memory_rss{" OF " + " SHARED ")[15m:1m])) and "
            "sum " BY "(min_over_time(" SHARED "[15m:1m])) > 16777216",
};

static const CheckRow rows[] = {
    {
        .id = "emptydir-memory-full",
        .kind = "Container",
        .severity = SEVERITY_LOW,
        .stage = STAGE_CONTAINER,
        .tier = 2,
        .hold_s = 15 * 60,
        .symptom = "A container is about to be killed for what it keeps in a volume in memory.",
        .meaning = "For 15 minutes a container that mounts an emptyDir with medium Memory had more "
                   "than 90 % of its memory limit in use, at least half of it shared memory, in "
                   "which such volumes lie.",
        .fix = "Give the volume a sizeLimit well below the memory limit, or keep it on disk.",
        .run = run_volumes,
        .needs = {KIND_POD},
        .asks = {&shared_memory, &fixed_memory},
    },
};

const CheckTopic check_topic_memory_volume = {rows, G_N_ELEMENTS(rows)};

/* The first volume in memory that a container mounts, or NULL. */
static const char *
volume_of(const Object *pod, const char *container)
{
    const Value *spec = value_find(pod->value, "spec.containers", "name", container);
    for (const Value *mount = value_first(spec, "volumeMounts"); mount != NULL;
         mount = mount->next) {
        const char *name = value_text(mount, "name");
        const Value *volume = value_find(pod->value, "spec.volumes", "name", name);
        if (value_is(volume, "emptyDir.medium", "Memory"))
            return name;
    }
    return NULL;
}

/* The value of the series about the same container; 0 without one. */
static double
value_for(const Answer *answer, const MetricSeries *series)
{
    for (uint32_t i = 0; i < answer->n; i++) {
        if (series_is_of_container(&answer->series[i], series))
            return series_last(&answer->series[i]).value;
    }
    return 0;
}

static void
look_at(CheckRun *run, const Object *pod, const char *container, double used, double shared)
{
    double limit = pod_limit(pod, container, "memory");
    const char *volume = volume_of(pod, container);
    if (volume == NULL || limit <= 0 || !(used > 0.9 * limit) || !(shared >= used / 2))
        return;
    bool is_new;
    Finding *finding = check_report_pod(run, &rows[0], pod, container, 0, &is_new);
    g_autofree char *in_use = unit_text(UNIT_BYTES, used), *may = unit_text(UNIT_BYTES, limit);
    g_autofree char *held = unit_text(UNIT_BYTES, shared);
    finding_evidence(finding, "Pod %s: %s of %s, %s of it shared", pod->name, in_use, may, held);
    if (!is_new)
        return;
    finding_title(finding, "Volume %s of container %s takes %s of its memory limit of %s", volume,
                  container, held, may);
    finding_cause(finding,
                  "The volume lies in memory and counts against the limit of the container, of "
                  "which %s are in use; beyond it the container is killed.",
                  in_use);
    finding_fix(finding, "%s", rows[0].fix);
    finding_fix(finding, "kubectl -n %s exec %s -c %s -- df -h", pod->ns, pod->name, container);
}

static void
run_volumes(CheckRun *run)
{
    g_autoptr(SeriesPlaces) places = series_places_new(run);
    const Answer *shared = telemetry_answer(run->telemetry, &shared_memory);
    const Answer *used = telemetry_answer(run->telemetry, &fixed_memory);
    for (uint32_t i = 0; i < shared->n; i++) {
        const MetricSeries *series = &shared->series[i];
        const Object *pod = series_pod(places, series);
        if (pod != NULL && pod_is_wanted(pod))
            look_at(run, pod, series_label(series, "container"), value_for(used, series),
                    series_last(series).value);
    }
}
