#include "analyzers/checks/metric.h"

#include <math.h>
#include <string.h>

enum { SHORT_LIMIT_S = 10 };

/* GLib puts a no-break space before the unit. */
static char *
bytes_text(double bytes)
{
    g_autofree char *text =
        g_format_size_full((guint64)CLAMP(bytes, 0, 1e18), G_FORMAT_SIZE_IEC_UNITS);
    g_autoptr(GString) plain = g_string_new(text);
    g_string_replace(plain, "\u00a0", " ", 0);
    return g_string_free(g_steal_pointer(&plain), FALSE);
}

char *
metric_text(MetricUnit unit, double value)
{
    switch (unit) {
    case UNIT_SHARE:
        return g_strdup_printf("%.0f %%", value * 100);
    case UNIT_LEFT:
        return g_strdup_printf("%.0f %%", floor((1 - value) * 100));
    case UNIT_BYTES:
        return bytes_text(value);
    case UNIT_SECONDS:
        return span_text((int64_t)CLAMP(value, 0, 1e15));
    case UNIT_SHORT:
        return fabs(value) < SHORT_LIMIT_S ? g_strdup_printf("%.0f ms", fabs(value) * 1000)
                                           : g_strdup_printf("%.0f s", fabs(value));
    default:
        return g_strdup_printf("%.3g", value);
    }
}

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
    g_autofree char *value = metric_text(rule->unit, number);
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

void
metric_run(CheckRun *run, const MetricRule *rules, size_t n)
{
    g_autoptr(SeriesPlaces) places = series_places_new(run);
    for (size_t i = 0; i < n; i++) {
        const Answer *answer = telemetry_answer(run->telemetry, rules[i].query);
        for (uint32_t k = 0; k < answer->n; k++) {
            const MetricSeries *series = &answer->series[k];
            const Object *object = place_of(&rules[i], places, series);
            if (object != NULL && !isnan(series_last(series).value) &&
                (rules[i].is_told == NULL || rules[i].is_told(run, object, series)))
                report(run, &rules[i], object, series);
        }
    }
}
