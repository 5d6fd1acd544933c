#include "analyzers/checks/metric.h"

#include <math.h>
#include <string.h>

/* What stands in braces: a name is a label. */
static char *
fill(const char *text, const Object *object, const MetricSeries *series, const char *part,
     const char *value)
{
    GString *filled = g_string_new(NULL);
    for (const char *at = text; *at != '\0'; at++) {
        const char *end = *at == '{' ? strchr(at, '}') : NULL;
        if (end == NULL) {
            g_string_append_c(filled, *at);
            continue;
        }
        g_autofree char *name = g_strndup(at + 1, (size_t)(end - at - 1));
        g_string_append(filled, strcmp(name, "object") == 0  ? object->name
                                : strcmp(name, "part") == 0  ? part
                                : strcmp(name, "value") == 0 ? value
                                                             : series_label(series, name));
        at = end;
    }
    return g_string_free(filled, FALSE);
}

static bool
is_worse(const MetricRule *rule, double value)
{
    if (rule->worse_below == 0 && rule->worse_above == 0)
        return false;
    return rule->worse_below != 0 ? value < rule->worse_below : value > rule->worse_above;
}

static void
tell_fix(Finding *finding, const Object *object)
{
    finding_fix(finding, "%s", finding->check->fix);
    g_autofree char *kind = g_ascii_strdown(kind_row(object->kind)->kind, -1);
    if (object->kind != KIND_NONE)
        finding_fix(finding, "kubectl%s%s describe %s %s", *object->ns != '\0' ? " -n " : "",
                    object->ns, kind, object->name);
}

/* `object`: a pod, or whom the finding is about. */
static void
report(CheckRun *run, const MetricRule *rule, const Object *object, const MetricSeries *series)
{
    const char *part = rule->part != NULL ? series_label(series, rule->part) : "";
    double number = series_last(series).value;
    bool is_new = true;
    Finding *finding = rule->place != PLACE_POD
                           ? findings_find(run->findings, rule->row, object, part)
                           : check_report_pod(run, rule->row, object, part, 0, &is_new);
    if (finding != NULL && rule->place != PLACE_POD)
        return;
    if (finding == NULL)
        finding = findings_add(run->findings, rule->row, object, part);
    g_autofree char *value = unit_text(rule->unit, number);
    if (is_new) {
        g_autofree char *title = fill(rule->title, finding->object, series, part, value);
        g_autofree char *cause = fill(rule->cause, finding->object, series, part, value);
        finding->severity = rule->row->severity;
        finding_title(finding, "%s", title);
        finding_cause(finding, "%s", cause);
        tell_fix(finding, finding->object);
    }
    if (is_worse(rule, number))
        finding->severity = MAX(finding->severity, rule->worse);
    finding_evidence(finding, "%s %s: %s", kind_row(object->kind)->kind, object->name, value);
}

static const Object *
place_of(const MetricRule *rule, const SeriesPlaces *places, const MetricSeries *series)
{
    switch (rule->place) {
    case PLACE_NODE:
        return series_node(places, series);
    case PLACE_POD:
        return series_pod(places, series);
    case PLACE_CLAIM:
        return series_claim(places, series);
    case PLACE_INGRESS:
        return series_ingress(places, series);
    case PLACE_AUTOSCALER:
        return series_autoscaler(places, series);
    default:
        return rule->subject;
    }
}

static gint
compare_values(gconstpointer left, gconstpointer right, gpointer data)
{
    const MetricRule *rule = data;
    const MetricSeries *first = *(const MetricSeries *const *)left;
    const MetricSeries *second = *(const MetricSeries *const *)right;
    double a = series_last(first).value, b = series_last(second).value;
    if (rule->unit == UNIT_SHORT) { /* a clock may be ahead or behind */
        a = fabs(a);
        b = fabs(b);
    }
    bool is_low_bad = rule->unit == UNIT_LEFT || rule->worse_below != 0;
    if (a == b)
        return (first > second) - (first < second); /* in the order of the answer */
    return (a > b) != is_low_bad ? -1 : 1;
}

/* The series of an answer, the worst first: of those about one thing it is told. */
static GPtrArray *
worst_first(const CheckRun *run, const MetricRule *rule)
{
    const Answer *answer = telemetry_answer(run->telemetry, rule->query);
    GPtrArray *all = g_ptr_array_new();
    for (uint32_t i = 0; i < answer->n; i++) {
        const MetricSeries *series = &answer->series[i];
        if (!isnan(series_last(series).value))
            g_ptr_array_add(all, (gpointer)(uintptr_t)series);
    }
    g_ptr_array_sort_with_data(all, compare_values, (gpointer)(uintptr_t)rule);
    return all;
}

void
metric_run(CheckRun *run, const MetricRule *rules, size_t n)
{
    g_autoptr(SeriesPlaces) places = series_places_new(run);
    for (size_t i = 0; i < n; i++) {
        g_autoptr(GPtrArray) all = worst_first(run, &rules[i]);
        for (guint k = 0; k < all->len; k++) {
            const MetricSeries *series = all->pdata[k];
            const Object *object = place_of(&rules[i], places, series);
            if (object != NULL &&
                (rules[i].is_told == NULL || rules[i].is_told(run, object, series)))
                report(run, &rules[i], object, series);
        }
    }
}
