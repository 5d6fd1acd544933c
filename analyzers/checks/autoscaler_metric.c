/* Autoscalers that cannot make up their mind, by metrics. */
#include "analyzers/checks/metric.h"
#include "analyzers/checks/table.h"

static void run_autoscaler_metrics(CheckRun *run);

#define DESIRED  "kube_horizontalpodautoscaler_status_desired_replicas"
#define IN(func) func "(" DESIRED "{$S}[1h])"

/* resets() counts the steps down; the other changes are steps up. */
static const TelemetryQuery flapping = {
    .name = "autoscaler-flapping",
    .families = DESIRED,
    .text = IN("changes") " > 6 and " IN("resets") " > 3 and (" IN("changes") " - " IN(
        "resets") ") > 3",
};

static const CheckRow rows[] = {
    {
        .id = "hpa-flapping",
        .kind = "HorizontalPodAutoscaler",
        .severity = SEVERITY_LOW,
        .stage = STAGE_ADVICE,
        .tier = 2,
        .hold_s = 3600,
        .symptom = "Copies come and go all the time.",
        .meaning = "Within an hour the number that an autoscaler wants went up at least four "
                   "times, and down at least four times.",
        .fix = "Lengthen stabilizationWindowSeconds of the direction that is too quick, or choose "
               "a metric that new copies do not change at once.",
        .run = run_autoscaler_metrics,
        .needs = {KIND_HPA},
        .asks = {&flapping},
    },
};

const CheckTopic check_topic_autoscaler_metric = {rows, G_N_ELEMENTS(rows)};

static const MetricRule rules[] = {
    {
        .query = &flapping,
        .row = &rows[0],
        .place = PLACE_AUTOSCALER,
        .unit = UNIT_NUMBER,
        .title = "Autoscaler {object} changed its mind {value} times in an hour",
        .cause = "The number of copies that {object} wants changed {value} times within an hour, "
                 "up and down in turn.",
    },
};

static void
run_autoscaler_metrics(CheckRun *run)
{
    metric_run(run, rules, G_N_ELEMENTS(rules));
}
