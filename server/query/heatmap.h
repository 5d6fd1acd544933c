/* How values are spread over time: one point per stored profile, or per span of a profile, counted
 * in cells of a time slot and one of 20 equal ranges between the smallest and the largest value. */
#pragma once
#include "server/query/query.h"

/* HEATMAP_SLOTS_MAX bounds the slots of all series together: some 10 MiB, as an answer 30. */
enum { HEATMAP_BUCKETS = 20, HEATMAP_SLOTS_MAX = 65536 };

typedef struct {
    int64_t time_ms; /* right edge */
    int32_t counts[HEATMAP_BUCKETS];
    QueryExemplar *exemplars[HEATMAP_BUCKETS]; /* the largest of each cell, or NULL */
} HeatmapSlot;

typedef struct {
    Labels *labels;   /* of group_by only */
    GPtrArray *slots; /* HeatmapSlot, ascending, empty ones omitted */
    uint64_t n_points;
} HeatmapSeries;

typedef struct {
    double y_min[HEATMAP_BUCKETS]; /* lower bounds of the ranges */
    GPtrArray *series;             /* HeatmapSeries, most points first, ties by labels */
} Heatmap;

typedef struct {
    const char *const *group_by; /* NULL or empty: one series without labels */
    int64_t step_ns;
    size_t limit; /* 0 keeps all series */
    bool by_span, with_exemplars;
} HeatmapOptions;

/* Slots end at start, start + step, … and at the end of the range. RESOURCE_EXHAUSTED when there
 * are more than HEATMAP_SLOTS_MAX. The data is visited twice: first for the range of values. */
Heatmap *query_heatmap(const Query *query, const HeatmapOptions *options, GError **error);
void heatmap_free(Heatmap *heatmap);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Heatmap, heatmap_free)
