#include "server/query/select.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/memory.h"

/* A node of a tree under construction, which is the largest. */
#define ITEM_BYTES 80
/* What a visitor takes for each node of a dataset: sums, marks and translated ids. */
#define NODE_BYTES 32

typedef struct {
    const Query *query;
    int64_t start_ns, end_ns;
    const char *profile_type;
    bool is_federated; /* several tenants: a label says which one a series is of */
    bool skips_stripped;
    SelectVisit visit;
    void *data;
} Job;

bool
profile_type_parse(const char *text, ProfileType *ret_type, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, ":", 7);
    guint n = g_strv_length(parts);
    bool is_delta = n == 6 && strcmp(parts[5], "delta") == 0;
    if ((n != 5 && !is_delta) || *parts[0] == '\0') {
        g_autofree char *valid = g_utf8_make_valid(text, (gssize)strnlen(text, 200));
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "profile type '%s' must be <name>:<type>:<unit>:<period type>:<period "
                         "unit>",
                         valid);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(ret_type->parts); i++)
        ret_type->parts[i] = g_strdup(parts[i]);
    ret_type->id =
        g_strdup_printf("%s:%s:%s:%s:%s", parts[0], parts[1], parts[2], parts[3], parts[4]);
    return true;
}

void
profile_type_clear(ProfileType *type)
{
    g_clear_pointer(&type->id, g_free);
    for (size_t i = 0; i < G_N_ELEMENTS(type->parts); i++)
        g_clear_pointer(&type->parts[i], g_free);
}

/* Which series match: one byte each. */
static uint8_t *
match_series(const Job *job, const StoreDataset *dataset)
{
    uint8_t *matches = g_malloc0((size_t)dataset->n_series + 1);
    for (uint32_t i = 0; i < dataset->n_series; i++) {
        const Labels *labels = dataset->series[i].labels;
        const char *type = labels_get(labels, "__profile_type__");
        if (job->profile_type != NULL && g_strcmp0(type, job->profile_type) != 0)
            continue;
        if (job->skips_stripped && g_strcmp0(labels_get(labels, LABEL_SAMPLED), "true") == 0)
            continue;
        matches[i] =
            job->query->matchers == NULL || matcher_set_match(job->query->matchers, labels);
    }
    return matches;
}

static int
compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, 16);
}

static bool
has_id(const Query *query, const uint8_t *id)
{
    return query->profile_ids == NULL ||
           bsearch(id, query->profile_ids, query->n_profile_ids, 16, compare_ids) != NULL;
}

static bool
visit_matching(const Job *job, const StoreDataset *dataset, GError **error)
{
    g_autofree uint8_t *matches = match_series(job, dataset);
    if (job->query->matchers != NULL && !matcher_set_check(job->query->matchers, error))
        return false;
    g_autofree uint32_t *rows = g_new(uint32_t, (size_t)dataset->n_rows + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < dataset->n_rows; i++) {
        const StoreRowView *row = &dataset->rows[i];
        if (matches[row->series] && row->time_ns >= job->start_ns && row->time_ns <= job->end_ns &&
            has_id(job->query, row->id))
            rows[n++] = i;
    }
    Selection selection = {.dataset = dataset, .rows = rows, .n_rows = n};
    return n == 0 || job->visit(&selection, job->data, error);
}

static Labels *
with_tenant(const Labels *labels, const char *tenant)
{
    g_autofree Label *pairs = g_new(Label, (size_t)labels->n_labels + 1);
    size_t n = 0;
    for (uint32_t i = 0; i < labels->n_labels; i++) {
        if (strcmp(labels->labels[i].name, QUERY_TENANT_LABEL) != 0)
            pairs[n++] = labels->labels[i];
    }
    pairs[n++] = (Label){QUERY_TENANT_LABEL, tenant};
    return labels_new(pairs, n);
}

/* Visits the dataset as if its series had been stored with their tenant as a label. */
static bool
visit_labelled(const Job *job, const StoreDataset *dataset, GError **error)
{
    StoreDataset labelled = *dataset;
    g_autofree StoreSeries *series = g_new(StoreSeries, (size_t)dataset->n_series + 1);
    for (uint32_t i = 0; i < dataset->n_series; i++) {
        series[i] = dataset->series[i];
        series[i].labels = with_tenant(dataset->series[i].labels, dataset->tenant);
    }
    labelled.series = series;
    bool ok = visit_matching(job, &labelled, error);
    for (uint32_t i = 0; i < dataset->n_series; i++)
        labels_unref((Labels *)series[i].labels);
    return ok;
}

static bool
visit_dataset(const StoreDataset *dataset, void *data, GError **error)
{
    const Job *job = data;
    size_t n_nodes = dataset->symbols != NULL ? dataset->symbols->n_nodes : 0;
    if (!memory_check(n_nodes * NODE_BYTES, error))
        return false;
    return job->is_federated ? visit_labelled(job, dataset, error)
                             : visit_matching(job, dataset, error);
}

bool
select_visit(const Query *query, int64_t start_ns, int64_t end_ns, StoreDetail detail,
             SelectVisit visit, void *data, GError **error)
{
    g_auto(ProfileType) type = {0};
    if (query->profile_type != NULL && !profile_type_parse(query->profile_type, &type, error))
        return false;
    Job job = {.query = query,
               .start_ns = start_ns,
               .end_ns = end_ns,
               .profile_type = type.id,
               .is_federated = strchr(query->tenant, '|') != NULL,
               .visit = visit,
               .data = data};
    job.skips_stripped =
        !query->include_stripped &&
        (query->matchers == NULL || !matcher_set_names(query->matchers, LABEL_SAMPLED));
    const char *service = query->matchers != NULL ? matcher_set_service(query->matchers) : NULL;
    g_auto(GStrv) tenants = g_strsplit(query->tenant, "|", -1);
    for (size_t i = 0; tenants[i] != NULL; i++) {
        if (!store_visit(query->store, tenants[i], service, start_ns, end_ns, detail, visit_dataset,
                         &job, query->ret_partial, error))
            return false;
    }
    return query->matchers == NULL || matcher_set_check(query->matchers, error);
}

bool
select_check_items(const Query *query, size_t n, GError **error)
{
    size_t max = query->items_max != 0 ? query->items_max : QUERY_ITEMS_MAX;
    if (n > max)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                         "the answer has more than %zu items: select fewer series or a shorter "
                         "range",
                         max);
    return memory_check(n * ITEM_BYTES, error); /* tables double when they are full */
}

Labels *
select_labels(const Labels *labels, const char *const *names)
{
    g_autofree Label *kept = g_new(Label, (size_t)labels->n_labels + 1);
    size_t n = 0;
    for (uint32_t i = 0; names != NULL && i < labels->n_labels; i++) {
        if (g_strv_contains(names, labels->labels[i].name))
            kept[n++] = labels->labels[i];
    }
    return labels_new(kept, n);
}

/* ---- Samples. ---- */

StoreDetail
select_detail(const Query *query)
{
    return query->spans != NULL ? STORE_WITH_SPANS : STORE_WITH_SAMPLES;
}

int
query_span_compare(const StoreSpan *a, const StoreSpan *b, bool by_trace)
{
    if (!by_trace)
        return (a->span > b->span) - (a->span < b->span);
    if (a->trace_high != b->trace_high)
        return a->trace_high < b->trace_high ? -1 : 1;
    return (a->trace_low > b->trace_low) - (a->trace_low < b->trace_low);
}

static bool
has_span(const Query *query, const StoreSpan *span)
{
    size_t first = 0, end = query->n_spans;
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        int order = query_span_compare(span, &query->spans[middle], query->by_trace);
        if (order == 0)
            return true;
        if (order < 0)
            end = middle;
        else
            first = middle + 1;
    }
    return false;
}

static bool
accumulate_spans(const Query *query, const StoreDataset *dataset, uint32_t row, GArray *samples,
                 int64_t *totals, GError **error)
{
    g_array_set_size(samples, 0);
    if (!store_dataset_spans(dataset, row, samples, error))
        return false;
    for (guint i = 0; i < samples->len; i++) {
        const StoreSpanSample *sample = &g_array_index(samples, StoreSpanSample, i);
        uint64_t *total = (uint64_t *)&totals[sample->node];
        if (has_span(query, &sample->span))
            *total += (uint64_t)sample->value;
    }
    return true;
}

bool
select_accumulate(const Query *query, const StoreDataset *dataset, const uint32_t *rows, uint32_t n,
                  int64_t *totals, GError **error)
{
    if (query->spans == NULL)
        return store_dataset_accumulate(dataset, rows, n, totals, error);
    g_autoptr(GArray) samples = g_array_new(FALSE, FALSE, sizeof(StoreSpanSample));
    for (uint32_t i = 0; i < n; i++) {
        if (!accumulate_spans(query, dataset, rows[i], samples, totals, error))
            return false;
    }
    return true;
}
