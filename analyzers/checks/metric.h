/* Checks that the value of a metric decides: a question whose answer has one series for every
 * object, or part of one, that is not well. */
#pragma once
#include "analyzers/checks/series_place.h"
#include "analyzers/checks/unit.h"

typedef enum {
    PLACE_NODE,
    PLACE_POD, /* told of its controller, once for each container (label container) */
    PLACE_CLAIM,
    PLACE_INGRESS,
    PLACE_AUTOSCALER,
    PLACE_CLUSTER, /* of a part of the control plane that is no object: `subject` names it */
} MetricPlace;

/* Texts have {object}, {value}, {part}, and names of labels in braces. */
typedef struct {
    const TelemetryQuery *query;
    const CheckRow *row;
    MetricPlace place;
    const Object *subject;
    const char *part; /* label of the part that it is about: "mountpoint"; NULL: the whole */
    Unit unit;
    const char *title, *cause;
    Severity worse; /* from `worse_below` down, or `worse_above` up; both 0: never */
    double worse_below, worse_above;
    /* Whether it is to be told after all; NULL: always. `object` is the pod for PLACE_POD. */
    bool (*is_told)(const CheckRun *run, const Object *object, const MetricSeries *series);
} MetricRule;

/* Reports what the rules find in the answers. */
void metric_run(CheckRun *run, const MetricRule *rules, size_t n);
