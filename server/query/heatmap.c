#include "server/query/heatmap.h"

#include <string.h>

#include "lib/base/error.h"
#include "server/query/select.h"

typedef struct {
    int64_t value;
    const StoreDataset *dataset;
    const StoreRowView *row;
    StoreSpan span;
} Point;

typedef struct {
    HeatmapSeries *series;
    GHashTable *slots; /* int64_t number of the slot to HeatmapSlot, both inside the slot's cell */
} Group;

typedef struct Job Job;
struct Job {
    const Query *query;
    const HeatmapOptions *options;
    bool (*take)(Job *job, const Point *point, GError **error);
    GArray *spans; /* scratch */
    /* The first pass. */
    int64_t min, max;
    bool has_points;
    /* The second. */
    GHashTable *groups; /* Labels to Group */
    uint32_t n_slots;
};

static void
free_slot(void *data)
{
    HeatmapSlot *slot = data;
    for (size_t i = 0; i < HEATMAP_BUCKETS; i++)
        query_exemplar_free(slot->exemplars[i]);
    g_free(slot);
}

static void
free_series(void *data)
{
    HeatmapSeries *series = data;
    labels_unref(series->labels);
    g_ptr_array_unref(series->slots);
    g_free(series);
}

static void
free_group(void *data)
{
    Group *group = data;
    if (group->series != NULL)
        free_series(group->series);
    g_hash_table_unref(group->slots);
    g_free(group);
}

void
heatmap_free(Heatmap *heatmap)
{
    if (heatmap == NULL)
        return;
    g_ptr_array_unref(heatmap->series);
    g_free(heatmap);
}

/* ---- Points. ---- */

/* What each span of a row took; its samples stand together. */
static bool
take_spans(Job *job, Point *point, GError **error)
{
    g_array_set_size(job->spans, 0);
    uint32_t row = (uint32_t)(point->row - point->dataset->rows);
    if (!store_dataset_spans(point->dataset, row, job->spans, error))
        return false;
    const StoreSpanSample *samples = (const StoreSpanSample *)(void *)job->spans->data;
    for (guint i = 0; i < job->spans->len;) {
        uint64_t sum = 0;
        point->span = samples[i].span;
        for (;
             i < job->spans->len && memcmp(&samples[i].span, &point->span, sizeof point->span) == 0;
             i++)
            sum += (uint64_t)samples[i].value;
        point->value = (int64_t)sum;
        if (point->span.span != 0 && !job->take(job, point, error))
            return false;
    }
    return true;
}

static bool
visit_rows(const Selection *selection, void *data, GError **error)
{
    Job *job = data;
    for (uint32_t i = 0; i < selection->n_rows; i++) {
        const StoreRowView *row = &selection->dataset->rows[selection->rows[i]];
        Point point = {.value = row->total, .dataset = selection->dataset, .row = row};
        if (!(job->options->by_span ? take_spans(job, &point, error)
                                    : job->take(job, &point, error)))
            return false;
    }
    return true;
}

static bool
pass(Job *job, bool (*take)(Job *, const Point *, GError **), GError **error)
{
    job->take = take;
    return select_visit(job->query, job->query->start_ns, job->query->end_ns,
                        job->options->by_span ? STORE_WITH_SPANS : STORE_WITH_ROWS, visit_rows, job,
                        error);
}

static bool
take_range(Job *job, const Point *point, GError **error)
{
    (void)error;
    job->min = job->has_points ? MIN(job->min, point->value) : point->value;
    job->max = job->has_points ? MAX(job->max, point->value) : point->value;
    job->has_points = true;
    return true;
}

/* ---- Cells. ---- */

static Group *
find_group(Job *job, const Point *point)
{
    g_autoptr(Labels) labels =
        select_labels(point->dataset->series[point->row->series].labels, job->options->group_by);
    Group *group = g_hash_table_lookup(job->groups, labels);
    if (group != NULL)
        return group;
    group = g_new0(Group, 1);
    group->slots = g_hash_table_new(g_int64_hash, g_int64_equal);
    group->series = g_new0(HeatmapSeries, 1);
    group->series->labels = g_steal_pointer(&labels);
    group->series->slots = g_ptr_array_new_with_free_func(free_slot);
    g_hash_table_insert(job->groups, group->series->labels, group);
    return group;
}

/* The right edge of the slot of a time. */
static int64_t
slot_time_ms(const Job *job, int64_t time_ns)
{
    const Query *query = job->query;
    int64_t step_ns = job->options->step_ns, since = time_ns - query->start_ns, edge;
    int64_t n = since <= 0 ? 0 : (since - 1) / step_ns + 1;
    if (__builtin_mul_overflow(n, step_ns, &edge) ||
        __builtin_add_overflow(edge, query->start_ns, &edge) || edge > query->end_ns)
        edge = query->end_ns;
    return edge / 1000000;
}

static HeatmapSlot *
find_slot(Job *job, Group *group, int64_t time_ms, GError **error)
{
    HeatmapSlot *slot = g_hash_table_lookup(group->slots, &time_ms);
    if (slot != NULL)
        return slot;
    if (job->n_slots++ == HEATMAP_SLOTS_MAX) {
        error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                  "the heat map has more than %d slots: choose a larger step, a shorter range or "
                  "fewer groups",
                  HEATMAP_SLOTS_MAX);
        return NULL;
    }
    slot = g_new0(HeatmapSlot, 1);
    slot->time_ms = time_ms;
    g_ptr_array_add(group->series->slots, slot);
    g_hash_table_insert(group->slots, &slot->time_ms, slot);
    return slot;
}

/* Values that came since the first pass may lie outside of its range. */
static size_t
bucket_of(const Job *job, int64_t value)
{
    double width = ((double)job->max - (double)job->min) / HEATMAP_BUCKETS;
    double at = ((double)value - (double)job->min) / width;
    return at <= 0 ? 0 : MIN((size_t)at, HEATMAP_BUCKETS - 1);
}

static bool
take_cell(Job *job, const Point *point, GError **error)
{
    Group *group = find_group(job, point);
    HeatmapSlot *slot = find_slot(job, group, slot_time_ms(job, point->row->time_ns), error);
    if (slot == NULL)
        return false;
    size_t bucket = bucket_of(job, point->value);
    QueryExemplar **exemplar = &slot->exemplars[bucket];
    group->series->n_points++;
    slot->counts[bucket] = MIN(slot->counts[bucket], INT32_MAX - 1) + 1;
    if (!job->options->with_exemplars || (*exemplar != NULL && (*exemplar)->value >= point->value))
        return true;
    query_exemplar_free(*exemplar);
    *exemplar = g_new0(QueryExemplar, 1);
    (*exemplar)->time_ns = point->row->time_ns;
    (*exemplar)->value = point->value;
    (*exemplar)->span = point->span;
    (*exemplar)->labels = labels_ref(point->dataset->series[point->row->series].labels);
    memcpy((*exemplar)->id, point->row->id, sizeof(*exemplar)->id);
    return true;
}

/* ---- The result. ---- */

static int
compare_slots(const void *a, const void *b)
{
    const HeatmapSlot *x = *(HeatmapSlot *const *)a, *y = *(HeatmapSlot *const *)b;
    return (x->time_ms > y->time_ms) - (x->time_ms < y->time_ms);
}

static int
compare_series(const void *a, const void *b)
{
    const HeatmapSeries *x = *(HeatmapSeries *const *)a, *y = *(HeatmapSeries *const *)b;
    if (x->n_points != y->n_points)
        return x->n_points > y->n_points ? -1 : 1;
    return labels_compare(x->labels, y->labels);
}

static Heatmap *
make_heatmap(const Job *job)
{
    Heatmap *heatmap = g_new0(Heatmap, 1);
    heatmap->series = g_ptr_array_new_with_free_func(free_series);
    double width = ((double)job->max - (double)job->min) / HEATMAP_BUCKETS;
    for (size_t i = 0; i < HEATMAP_BUCKETS; i++)
        heatmap->y_min[i] = (double)job->min + (double)i * width;
    GHashTableIter iter;
    void *data;
    g_hash_table_iter_init(&iter, job->groups);
    while (g_hash_table_iter_next(&iter, NULL, &data)) {
        HeatmapSeries *series = g_steal_pointer(&((Group *)data)->series);
        g_ptr_array_sort(series->slots, compare_slots);
        g_ptr_array_add(heatmap->series, series);
    }
    g_ptr_array_sort(heatmap->series, compare_series);
    if (job->options->limit > 0 && heatmap->series->len > job->options->limit)
        g_ptr_array_set_size(heatmap->series, (gint)job->options->limit);
    return heatmap;
}

Heatmap *
query_heatmap(const Query *query, const HeatmapOptions *options, GError **error)
{
    if (options->step_ns <= 0) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "step must be positive");
        return NULL;
    }
    g_autoptr(GArray) spans = g_array_new(FALSE, FALSE, sizeof(StoreSpanSample));
    g_autoptr(GHashTable) groups =
        g_hash_table_new_full(labels_hash, labels_equal, NULL, free_group);
    Job job = {.query = query, .options = options, .spans = spans, .groups = groups};
    if (!pass(&job, take_range, error))
        return NULL;
    if (job.max == job.min)
        job.max = job.min == INT64_MAX ? job.min : job.min + 1;
    if (job.has_points && !pass(&job, take_cell, error))
        return NULL;
    return make_heatmap(&job);
}
