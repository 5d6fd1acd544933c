#include "analyzers/enrich/metric.h"

#include <math.h>
#include <string.h>

#include "analyzers/enrich/metric_owner.h"
#include "lib/k8s/quantity.h"

/* Of one row, in one finding: lines, and pods in a line about a node. */
enum { LINES_MAX = 2, PODS_MAX = 3, ANSWER_BYTES_MAX = 64 * 1024 * 1024 };

/* A series of a finding. */
typedef struct {
    const MetricSeries *series;
    const Object *owner;
    double value;
} OwnSeries;

/* ---- Words. ---- */

/* ", 98 % of its limit of 256Mi", or "". */
static char *
limit_words(const MetricRow *row, const OwnSeries *own)
{
    double limit;
    if (row->resource == NULL)
        return g_strdup("");
    const char *name = series_label(own->series, "container");
    const Value *spec = value_find(own->owner->value, "spec.containers", "name", name);
    const char *text = value_text(value_at(spec, "resources.limits"), row->resource);
    if (!quantity_parse(text, &limit) || limit <= 0)
        return g_strdup(", without a limit");
    return g_strdup_printf(", %.0f %% of its limit of %s", own->value / limit * 100, text);
}

static void
replace_word(GString *line, const char *name, const char *text)
{
    g_autofree char *word = g_strconcat("$", name, NULL);
    g_string_replace(line, word, text, 0);
}

static char *
line_of(const MetricRow *row, const OwnSeries *own)
{
    GString *line = g_string_new(row->says);
    g_autofree char *value = unit_text(row->unit, own->value), *limit = limit_words(row, own);
    replace_word(line, "value", value);
    replace_word(line, "limit", limit);
    for (const Value *label = own->series->labels->first; label != NULL; label = label->next)
        replace_word(line, label->key, value_text(label, ""));
    return g_string_free(line, FALSE);
}

/* What the containers of a pod ask for: "asks for 512Mi", or that they do not. */
static char *
request_words(const MetricRow *row, const Object *pod)
{
    double sum = 0, one;
    if (row->resource == NULL)
        return g_strdup("");
    for (const Value *spec = value_first(pod->value, "spec.containers"); spec != NULL;
         spec = spec->next) {
        const Value *requests = value_at(spec, "resources.requests");
        if (quantity_parse(value_text(requests, row->resource), &one))
            sum += one;
    }
    g_autofree char *words = unit_text(row->unit, sum);
    return sum > 0 ? g_strdup_printf(" (asks for %s)", words) : g_strdup(" (asks for nothing)");
}

/* "shop/web 3.1 GiB (asks for 512 MiB), …" */
static char *
pods_line(const MetricRow *row, const GArray *matches)
{
    g_autoptr(GString) pods = g_string_new(NULL);
    for (guint i = 0; i < MIN(matches->len, PODS_MAX); i++) {
        const OwnSeries *own = &g_array_index(matches, OwnSeries, i);
        g_autofree char *value = unit_text(row->unit, own->value),
                        *request = request_words(row, own->owner);
        g_string_append_printf(pods, "%s%s/%s %s%s", i > 0 ? ", " : "", own->owner->ns,
                               own->owner->name, value, request);
    }
    GString *line = g_string_new(row->says);
    replace_word(line, "pods", pods->str);
    return g_string_free(line, FALSE);
}

/* ---- One finding. ---- */

static gint
compare_matches(gconstpointer left, gconstpointer right)
{
    double a = ((const OwnSeries *)left)->value, b = ((const OwnSeries *)right)->value;
    return a > b ? -1 : a < b;
}

/* The largest first. */
static GArray *
find_matches(const Enquiry *enquiry, const MetricRow *row, const Finding *finding,
             const Answer *answer)
{
    GArray *matches = g_array_new(FALSE, FALSE, sizeof(OwnSeries));
    g_autoptr(GPtrArray) owners = metric_owner_list(enquiry, row, finding);
    for (uint32_t i = 0; i < answer->n; i++) {
        const MetricSeries *series = &answer->series[i];
        const OwnSeries own = {.series = series,
                               .owner = metric_owner_of(row, finding, owners, series),
                               .value = series_last(series).value};
        if (isfinite(own.value) && own.owner != NULL)
            g_array_append_val(matches, own);
    }
    g_array_sort(matches, compare_matches);
    return matches;
}

static void
tell(const Enquiry *enquiry, const MetricRow *row, Finding *finding, const Answer *answer)
{
    g_autoptr(GArray) matches = find_matches(enquiry, row, finding, answer);
    if (matches->len > 0 && row->owner == METRIC_OF_NODE_PODS) {
        g_autofree char *line = pods_line(row, matches);
        finding_evidence(finding, "%s", line);
        return;
    }
    for (guint i = 0; i < MIN(matches->len, LINES_MAX); i++) {
        g_autofree char *line = line_of(row, &g_array_index(matches, OwnSeries, i));
        finding_evidence(finding, "%s", line);
    }
}

/* ---- One row. ---- */

static GPtrArray *
find_findings(const Enquiry *enquiry, const MetricRow *row)
{
    GPtrArray *wanted = g_ptr_array_new();
    for (guint i = 0; i < enquiry->findings->n_roots; i++) {
        if (enquiry_is_about(enquiry->findings->all->pdata[i], row->checks))
            g_ptr_array_add(wanted, enquiry->findings->all->pdata[i]);
    }
    return wanted;
}

static bool
ask(Enquiry *enquiry, const char *query, Arena *arena, Answer *ret_answer, char **ret_why)
{
    g_autoptr(GBytes) body = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *coded = g_uri_escape_string(query, NULL, false);
    g_autofree char *form = g_strdup_printf("time=%" G_GINT64_FORMAT "&timeout=20s&query=%s",
                                            enquiry->options->now_s - TELEMETRY_DELAY_S, coded);
    const TelemetryCall call = {.path = "/api/v1/query", .form = form};
    if (!enquiry_ask(enquiry, SOURCE_METRICS, &call, &body, ret_why))
        return false;
    if (answer_read(body, arena, ret_answer, &error))
        return true;
    *ret_why = g_strdup(error->message);
    return false;
}

static void
enrich_row(Enquiry *enquiry, const MetricRow *row)
{
    g_autofree char *why = NULL;
    g_autoptr(GPtrArray) findings = find_findings(enquiry, row);
    g_autofree char *query = findings->len > 0 ? metric_owner_query(enquiry, row, findings) : NULL;
    if (query == NULL)
        return;
    Answer answer;
    g_autoptr(Arena) arena = arena_new(ANSWER_BYTES_MAX);
    bool ok = ask(enquiry, query, arena, &answer, &why);
    for (guint i = 0; i < findings->len; i++) {
        if (ok)
            tell(enquiry, row, findings->pdata[i], &answer);
        else
            enquiry_say_failed(findings->pdata[i], SOURCE_METRICS, why);
    }
}

void
metric_enrich(Enquiry *enquiry)
{
    for (size_t i = 0; enquiry->options->apis[SOURCE_METRICS] != NULL && i < n_metric_rows; i++)
        enrich_row(enquiry, &metric_rows[i]);
}
