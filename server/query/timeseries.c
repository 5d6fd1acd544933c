#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "server/query/location_lines.h"
#include "server/query/query.h"
#include "server/query/retry.h"
#include "server/query/select.h"
#include "server/query/stack_filter.h"

/* Nodes that filters may pass over in one query: some seconds. */
#define FILTER_NODES_MAX (UINT64_C(4) << 30)

/* On its way out a point takes as much memory as so many items. */
enum { POINT_ITEMS = 4 };

typedef struct {
    int64_t bucket;
    int64_t sum;
    uint64_t n_profiles;
    QueryExemplar *exemplar; /* or NULL */
    GPtrArray *annotations;  /* Labels among those of the job, or NULL */
} Bucket;

typedef struct {
    Labels *labels;
    GArray *buckets; /* Bucket, in the order they were met */
} Group;

typedef struct {
    const Query *query;
    const QueryTimeSeriesOptions *options;
    GHashTable *groups;    /* Labels to Group */
    uint64_t filter_nodes; /* passed over so far */
    size_t n_buckets;
    GHashTable *annotations; /* Labels: those that buckets have, each once */
    size_t n_annotations;    /* of all buckets */
} Job;

void
query_exemplar_free(QueryExemplar *exemplar)
{
    if (exemplar == NULL)
        return;
    labels_unref(exemplar->labels);
    g_free(exemplar);
}

static void
clear_bucket(void *data)
{
    Bucket *bucket = data;
    query_exemplar_free(bucket->exemplar);
    g_clear_pointer(&bucket->annotations, g_ptr_array_unref);
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
    g_autoptr(Labels) labels = select_labels(series, job->options->group_by);
    Group *group = g_hash_table_lookup(job->groups, labels);
    if (group == NULL) {
        group = g_new0(Group, 1);
        group->labels = g_steal_pointer(&labels);
        group->buckets = g_array_new(FALSE, FALSE, sizeof(Bucket));
        g_array_set_clear_func(group->buckets, clear_bucket);
        g_hash_table_insert(job->groups, group->labels, group);
    }
    return group;
}

/* A bucket at t covers (t - step, t]. */
static int64_t
bucket_of(const Job *job, int64_t time_ns)
{
    int64_t since = time_ns - job->query->start_ns;
    return since <= 0 ? 0 : (since - 1) / job->options->step_ns + 1;
}

/* The bucket of a time: the last one, or a new one behind it. */
static Bucket *
find_bucket(Job *job, GArray *buckets, int64_t bucket)
{
    Bucket *last = buckets->len > 0 ? &g_array_index(buckets, Bucket, buckets->len - 1) : NULL;
    if (last != NULL && last->bucket == bucket)
        return last;
    Bucket added = {.bucket = bucket};
    job->n_buckets++;
    g_array_append_val(buckets, added);
    return &g_array_index(buckets, Bucket, buckets->len - 1);
}

static void
add_value(Bucket *bucket, int64_t value, uint64_t n_profiles)
{
    bucket->sum = (int64_t)((uint64_t)bucket->sum + (uint64_t)value);
    bucket->n_profiles += n_profiles;
}

/* Makes the row the bucket's exemplar when its value is the largest so far. */
static void
offer_exemplar(Bucket *bucket, const StoreDataset *dataset, const StoreRowView *row, int64_t value)
{
    if (bucket->exemplar != NULL && value <= bucket->exemplar->value)
        return;
    query_exemplar_free(bucket->exemplar);
    QueryExemplar *exemplar = bucket->exemplar = g_new0(QueryExemplar, 1);
    exemplar->time_ns = row->time_ns;
    exemplar->value = value;
    exemplar->labels = labels_ref(dataset->series[row->series].labels);
    memcpy(exemplar->id, row->id, sizeof exemplar->id);
}

static void
unref_labels(void *labels)
{
    labels_unref(labels);
}

/* Gives the bucket an annotation that it does not have yet. */
static void
annotate(Job *job, Bucket *bucket, const Labels *annotation)
{
    Labels *known = g_hash_table_lookup(job->annotations, annotation);
    if (known == NULL) {
        known = labels_ref(annotation);
        g_hash_table_add(job->annotations, known);
    }
    if (bucket->annotations == NULL)
        bucket->annotations = g_ptr_array_new_with_free_func(unref_labels);
    if (bucket->annotations->len >= QUERY_POINT_ANNOTATIONS_MAX ||
        g_ptr_array_find(bucket->annotations, known, NULL))
        return;
    g_ptr_array_add(bucket->annotations, labels_ref(known));
    job->n_annotations++;
}

/* Gives the bucket what its rows are annotated with: those of the selection from `i` up to `end`.
 * *at is how far the dataset's annotations have been gone through. */
static void
annotate_rows(Job *job, Bucket *bucket, const Selection *selection, uint32_t i, uint32_t end,
              uint32_t *at)
{
    const StoreAnnotations *annotations = &selection->dataset->annotations;
    const StoreRowAnnotation *rows = annotations->rows;
    uint32_t n = job->options->with_annotations ? annotations->n_rows : 0;
    for (; i < end && *at < n; i++) {
        while (*at < n && rows[*at].row < selection->rows[i])
            ++*at;
        for (; *at < n && rows[*at].row == selection->rows[i]; ++*at)
            annotate(job, bucket, annotations->table[rows[*at].annotation]);
    }
}

/* Whether the points so far may be answered. */
static bool
check_points(const Job *job, GError **error)
{
    return select_check_items(job->query, POINT_ITEMS * job->n_buckets + job->n_annotations, error);
}

/* Rows come sorted by series and time, so that the rows of a bucket stand together. */
static bool
add_totals(const Selection *selection, void *data, GError **error)
{
    Job *job = data;
    const StoreDataset *dataset = selection->dataset;
    Group *group = NULL;
    for (uint32_t i = 0, annotation = 0; i < selection->n_rows; i++) {
        const StoreRowView *row = &dataset->rows[selection->rows[i]];
        if (i == 0 || dataset->rows[selection->rows[i - 1]].series != row->series)
            group = find_group(job, dataset->series[row->series].labels);
        Bucket *bucket = find_bucket(job, group->buckets, bucket_of(job, row->time_ns));
        add_value(bucket, row->total, 1);
        annotate_rows(job, bucket, selection, i, i + 1, &annotation);
        if (job->options->with_exemplars)
            offer_exemplar(bucket, dataset, row, row->total);
    }
    return check_points(job, error);
}

/* Where the run of rows of the same series and bucket ends that starts at `i`; for exemplars every
 * row is a run of its own. */
static uint32_t
end_of_run(const Job *job, const Selection *selection, uint32_t i)
{
    const StoreRowView *rows = selection->dataset->rows, *first = &rows[selection->rows[i]];
    int64_t bucket = bucket_of(job, first->time_ns);
    for (i++; i < selection->n_rows && !job->options->with_exemplars; i++) {
        const StoreRowView *row = &rows[selection->rows[i]];
        if (row->series != first->series || bucket_of(job, row->time_ns) != bucket)
            break;
    }
    return i;
}

/* Counts one pass over the nodes of a dataset. */
static bool
count_pass(Job *job, const SymbolView *symbols, GError **error)
{
    job->filter_nodes += symbols->n_nodes;
    return job->filter_nodes <= FILTER_NODES_MAX ||
           error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                     "filtering stacks for so many points takes too long: choose a larger step or "
                     "fewer series");
}

/* Which stacks are wanted: *ret_marks as stack_filter_mark gives them. Resolving needs to know
 * which stacks there are, in `totals` (scratch, by node). */
static bool
mark_nodes(Job *job, const Selection *selection, int64_t *totals, uint8_t **ret_marks,
           GError **error)
{
    const Query *query = job->query;
    const SymbolView *symbols = selection->dataset->symbols;
    g_autoptr(LocationLines) lines = NULL;
    if (stack_filter_is_set(query) && query->resolver != NULL) {
        memset(totals, 0, symbols->n_nodes * sizeof *totals);
        if (!count_pass(job, symbols, error) ||
            !select_accumulate(query, selection->dataset, selection->rows, selection->n_rows,
                               totals, error))
            return false;
        lines = location_lines_new(query, selection->dataset, totals);
    }
    return stack_filter_mark(query, symbols, lines, ret_marks, error);
}

/* The same as add_totals, with the values of the wanted stacks and spans only. */
static bool
add_filtered(const Selection *selection, void *data, GError **error)
{
    Job *job = data;
    const StoreDataset *dataset = selection->dataset;
    const SymbolView *symbols = dataset->symbols;
    g_autofree uint8_t *marks = NULL;
    g_autofree int64_t *totals = g_new(int64_t, (size_t)symbols->n_nodes + 1);
    if (!mark_nodes(job, selection, totals, &marks, error))
        return false;
    for (uint32_t i = 0, annotation = 0, end; i < selection->n_rows; i = end) {
        end = end_of_run(job, selection, i);
        memset(totals, 0, symbols->n_nodes * sizeof *totals);
        if (!count_pass(job, symbols, error) ||
            !select_accumulate(job->query, dataset, selection->rows + i, end - i, totals, error))
            return false;
        uint64_t sum = 0;
        for (uint32_t node = 0; node < symbols->n_nodes; node++) {
            if (marks == NULL || marks[node])
                sum += (uint64_t)totals[node];
        }
        if (sum == 0)
            continue;
        const StoreRowView *row = &dataset->rows[selection->rows[i]];
        Group *group = find_group(job, dataset->series[row->series].labels);
        Bucket *bucket = find_bucket(job, group->buckets, bucket_of(job, row->time_ns));
        add_value(bucket, (int64_t)sum, end - i);
        annotate_rows(job, bucket, selection, i, end, &annotation);
        if (job->options->with_exemplars)
            offer_exemplar(bucket, dataset, row, (int64_t)sum);
    }
    return check_points(job, error);
}

/* ---- The result. ---- */

static void
free_series(void *data)
{
    QueryTimeSeries *series = data;
    labels_unref(series->labels);
    g_array_unref(series->points);
    g_ptr_array_unref(series->exemplars);
    g_ptr_array_unref(series->annotations);
    g_free(series);
}

static int
compare_buckets(const void *a, const void *b)
{
    int64_t x = ((const Bucket *)a)->bucket, y = ((const Bucket *)b)->bucket;
    return (x > y) - (x < y);
}

static int
compare_annotations(const void *a, const void *b)
{
    return labels_compare(*(Labels *const *)a, *(Labels *const *)b);
}

/* Adds one bucket to another of the same time, which keeps the larger exemplar. */
static void
join_bucket(Job *job, Bucket *bucket, Bucket *other)
{
    add_value(bucket, other->sum, other->n_profiles);
    for (guint i = 0; other->annotations != NULL && i < other->annotations->len; i++)
        annotate(job, bucket, other->annotations->pdata[i]);
    if (other->exemplar != NULL && other->exemplar->value > bucket->exemplar->value) {
        QueryExemplar *smaller = bucket->exemplar;
        bucket->exemplar = other->exemplar;
        other->exemplar = smaller;
    }
}

static QueryPoint
make_point(const Job *job, const Bucket *bucket)
{
    if (bucket->annotations != NULL)
        g_ptr_array_sort(bucket->annotations, compare_annotations);
    QueryPoint point = {
        .time_ms = (job->query->start_ns + bucket->bucket * job->options->step_ns) / 1000000,
        .value = (double)bucket->sum,
        .exemplar = bucket->exemplar,
        .annotations = bucket->annotations,
    };
    if (job->options->aggregation == QUERY_AVERAGE)
        point.value /= (double)bucket->n_profiles;
    return point;
}

static void
free_exemplar(void *exemplar)
{
    query_exemplar_free(exemplar);
}

static void
unref_array(void *array)
{
    g_ptr_array_unref(array);
}

static QueryTimeSeries *
make_series(Job *job, Group *group)
{
    GArray *buckets = group->buckets;
    QueryTimeSeries *series = g_new0(QueryTimeSeries, 1);
    series->labels = labels_ref(group->labels);
    series->points = g_array_new(FALSE, FALSE, sizeof(QueryPoint));
    series->exemplars = g_ptr_array_new_with_free_func(free_exemplar);
    series->annotations = g_ptr_array_new_with_free_func(unref_array);
    /* Equal buckets come from different series. */
    g_array_sort(buckets, compare_buckets);
    for (guint i = 0; i < buckets->len;) {
        Bucket *bucket = &g_array_index(buckets, Bucket, i);
        for (i++; i < buckets->len; i++) {
            Bucket *next = &g_array_index(buckets, Bucket, i);
            if (next->bucket != bucket->bucket)
                break;
            join_bucket(job, bucket, next);
        }
        QueryPoint point = make_point(job, bucket);
        g_array_append_val(series->points, point);
        series->total += point.value;
        if (bucket->exemplar != NULL)
            g_ptr_array_add(series->exemplars, g_steal_pointer(&bucket->exemplar));
        if (bucket->annotations != NULL)
            g_ptr_array_add(series->annotations, g_steal_pointer(&bucket->annotations));
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

static void *
attempt(const Query *query, const void *data, GError **error)
{
    const QueryTimeSeriesOptions *options = data;
    int64_t step_ns = options->step_ns;
    if (step_ns <= 0 || query->end_ns < query->start_ns) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s",
                  step_ns <= 0 ? "step must be positive" : "the range ends before it starts");
        return NULL;
    }
    g_autoptr(GHashTable) groups =
        g_hash_table_new_full(labels_hash, labels_equal, NULL, free_group);
    g_autoptr(GHashTable) annotations =
        g_hash_table_new_full(labels_hash, labels_equal, unref_labels, NULL);
    Job job = {.query = query, .options = options, .groups = groups, .annotations = annotations};
    bool is_filtered = query->spans != NULL || stack_filter_is_set(query);
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
        g_ptr_array_add(result, make_series(&job, group));
    g_ptr_array_sort(result, compare_series);
    if (options->limit > 0 && result->len > options->limit)
        g_ptr_array_set_size(result, (gint)options->limit);
    return result;
}

GPtrArray *
query_time_series(const Query *query, const QueryTimeSeriesOptions *options, GError **error)
{
    return query_retry(query, attempt, options, unref_array, error);
}
