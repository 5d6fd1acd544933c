#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "server/query/call_site.h"
#include "server/query/query.h"
#include "server/query/select.h"

typedef struct {
    int64_t bucket;
    int64_t sum;
    uint64_t n_profiles;
} Bucket;

typedef struct {
    Labels *labels;
    GArray *buckets; /* Bucket, in the order they were met */
} Group;

typedef struct {
    const Query *query;
    const char *const *group_by;
    int64_t step_ns;
    GHashTable *groups; /* Labels to Group */
} Job;

static guint
hash_labels(gconstpointer labels)
{
    return (guint)labels_hash(labels);
}

static gboolean
equal_labels(gconstpointer a, gconstpointer b)
{
    return labels_compare(a, b) == 0;
}

static void
free_group(void *data)
{
    Group *group = data;
    labels_unref(group->labels);
    g_array_unref(group->buckets);
    g_free(group);
}

static Group *
find_group(Job *job, const Labels *series)
{
    size_t n_names = job->group_by != NULL ? g_strv_length((GStrv)(uintptr_t)job->group_by) : 0,
           n = 0;
    g_autofree Label *kept = g_new(Label, n_names + 1);
    for (uint32_t i = 0; i < series->n_labels && n < n_names; i++) {
        if (g_strv_contains(job->group_by, series->labels[i].name))
            kept[n++] = series->labels[i];
    }
    g_autoptr(Labels) labels = labels_new(kept, n);
    Group *group = g_hash_table_lookup(job->groups, labels);
    if (group == NULL) {
        group = g_new0(Group, 1);
        group->labels = g_steal_pointer(&labels);
        group->buckets = g_array_new(FALSE, FALSE, sizeof(Bucket));
        g_hash_table_insert(job->groups, group->labels, group);
    }
    return group;
}

/* A bucket at t covers (t - step, t]. */
static int64_t
bucket_of(const Job *job, int64_t time_ns)
{
    int64_t since = time_ns - job->query->start_ns;
    return since <= 0 ? 0 : (since - 1) / job->step_ns + 1;
}

static void
add_value(GArray *buckets, int64_t bucket, int64_t value, uint64_t n_profiles)
{
    Bucket *last = buckets->len > 0 ? &g_array_index(buckets, Bucket, buckets->len - 1) : NULL;
    if (last != NULL && last->bucket == bucket) {
        last->sum = (int64_t)((uint64_t)last->sum + (uint64_t)value);
        last->n_profiles += n_profiles;
        return;
    }
    Bucket added = {bucket, value, n_profiles};
    g_array_append_val(buckets, added);
}

/* Rows come sorted by series and time, so that the rows of a bucket stand together. */
static bool
add_totals(const Selection *selection, void *data, GError **error)
{
    (void)error;
    Job *job = data;
    const StoreDataset *dataset = selection->dataset;
    Group *group = NULL;
    for (uint32_t i = 0; i < selection->n_rows; i++) {
        const StoreRowView *row = &dataset->rows[selection->rows[i]];
        if (i == 0 || dataset->rows[selection->rows[i - 1]].series != row->series)
            group = find_group(job, dataset->series[row->series].labels);
        add_value(group->buckets, bucket_of(job, row->time_ns), row->total, 1);
    }
    return true;
}

/* Where the run of rows of the same series and bucket ends that starts at `i`. */
static uint32_t
end_of_run(const Job *job, const Selection *selection, uint32_t i)
{
    const StoreRowView *rows = selection->dataset->rows, *first = &rows[selection->rows[i]];
    int64_t bucket = bucket_of(job, first->time_ns);
    for (i++; i < selection->n_rows; i++) {
        const StoreRowView *row = &rows[selection->rows[i]];
        if (row->series != first->series || bucket_of(job, row->time_ns) != bucket)
            break;
    }
    return i;
}

/* The same, with the values of the stacks below the call site and of the spans only. */
static bool
add_filtered(const Selection *selection, void *data, GError **error)
{
    Job *job = data;
    const StoreDataset *dataset = selection->dataset;
    const SymbolView *symbols = dataset->symbols;
    g_autofree uint8_t *marks = call_site_mark(symbols, (const char *const *)job->query->call_site);
    g_autofree int64_t *totals = g_new(int64_t, (size_t)symbols->n_nodes + 1);
    for (uint32_t i = 0, end; i < selection->n_rows; i = end) {
        end = end_of_run(job, selection, i);
        memset(totals, 0, symbols->n_nodes * sizeof *totals);
        if (!select_accumulate(job->query, dataset, selection->rows + i, end - i, totals, error))
            return false;
        uint64_t sum = 0;
        for (uint32_t node = 0; node < symbols->n_nodes; node++) {
            if (marks == NULL || marks[symbols->function_of_node[node]])
                sum += (uint64_t)totals[node];
        }
        if (sum == 0)
            continue;
        const StoreRowView *row = &dataset->rows[selection->rows[i]];
        Group *group = find_group(job, dataset->series[row->series].labels);
        add_value(group->buckets, bucket_of(job, row->time_ns), (int64_t)sum, end - i);
    }
    return true;
}

/* ---- The result. ---- */

static void
free_series(void *data)
{
    QueryTimeSeries *series = data;
    labels_unref(series->labels);
    g_array_unref(series->points);
    g_free(series);
}

static int
compare_buckets(const void *a, const void *b)
{
    int64_t x = ((const Bucket *)a)->bucket, y = ((const Bucket *)b)->bucket;
    return (x > y) - (x < y);
}

/* Sorts the buckets and adds up the equal ones, which came from different series. */
static void
join_buckets(GArray *buckets)
{
    g_array_sort(buckets, compare_buckets);
    guint n = 0;
    for (guint i = 0; i < buckets->len; i++) {
        Bucket from = g_array_index(buckets, Bucket, i);
        Bucket *last = n > 0 ? &g_array_index(buckets, Bucket, n - 1) : NULL;
        if (last != NULL && last->bucket == from.bucket) {
            last->sum = (int64_t)((uint64_t)last->sum + (uint64_t)from.sum);
            last->n_profiles += from.n_profiles;
        } else {
            g_array_index(buckets, Bucket, n++) = from;
        }
    }
    g_array_set_size(buckets, n);
}

static QueryTimeSeries *
make_series(const Job *job, Group *group, QueryAggregation aggregation)
{
    join_buckets(group->buckets);
    QueryTimeSeries *series = g_new0(QueryTimeSeries, 1);
    series->labels = labels_ref(group->labels);
    series->points = g_array_sized_new(FALSE, FALSE, sizeof(QueryPoint), group->buckets->len);
    for (guint i = 0; i < group->buckets->len; i++) {
        const Bucket *bucket = &g_array_index(group->buckets, Bucket, i);
        QueryPoint point = {
            .time_ms = (job->query->start_ns + bucket->bucket * job->step_ns) / 1000000,
            .value = (double)bucket->sum,
        };
        if (aggregation == QUERY_AVERAGE)
            point.value /= (double)bucket->n_profiles;
        series->total += point.value;
        g_array_append_val(series->points, point);
    }
    return series;
}

static int
compare_series(const void *a, const void *b)
{
    const QueryTimeSeries *x = *(QueryTimeSeries *const *)a, *y = *(QueryTimeSeries *const *)b;
    if (x->total != y->total)
        return x->total > y->total ? -1 : 1;
    return labels_compare(x->labels, y->labels);
}

GPtrArray *
query_time_series(const Query *query, const char *const *group_by, int64_t step_ns,
                  QueryAggregation aggregation, size_t limit, GError **error)
{
    if (step_ns <= 0 || query->end_ns < query->start_ns) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s",
                  step_ns <= 0 ? "step must be positive" : "the range ends before it starts");
        return NULL;
    }
    g_autoptr(GHashTable) groups =
        g_hash_table_new_full(hash_labels, equal_labels, NULL, free_group);
    Job job = {query, group_by, step_ns, groups};
    bool is_filtered =
        query->spans != NULL || (query->call_site != NULL && query->call_site[0] != NULL);
    int64_t span = query->end_ns - query->start_ns;
    int64_t first = 0, last = query->start_ns + span / step_ns * step_ns;
    if (__builtin_sub_overflow(query->start_ns, step_ns - 1, &first))
        first = INT64_MIN;
    if (!select_visit(query, first, last, is_filtered ? select_detail(query) : STORE_WITH_ROWS,
                      is_filtered ? add_filtered : add_totals, &job, error))
        return NULL;
    GPtrArray *result = g_ptr_array_new_with_free_func(free_series);
    GHashTableIter iter;
    void *group;
    g_hash_table_iter_init(&iter, groups);
    while (g_hash_table_iter_next(&iter, NULL, &group))
        g_ptr_array_add(result, make_series(&job, group, aggregation));
    g_ptr_array_sort(result, compare_series);
    if (limit > 0 && result->len > limit)
        g_ptr_array_set_size(result, (gint)limit);
    return result;
}
