/* Queries over the store: what the API layer renders.
 *
 * Every call takes one tenant or several, a closed time range in nanoseconds and selectors; results
 * are plain structs owned by the caller. Errors are INVALID_ARGUMENT for a bad selector or profile
 * type. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/pprof/address_lines.h"
#include "server/query/matcher.h"
#include "server/query/tree.h"
#include "server/store/store.h"

/* Where addresses lie: a mapping as its profile said, with a build id. */
typedef struct {
    const char *tenant, *build_id, *filename;
    uint64_t start, limit, offset;
} QueryMapping;

/* Who resolves addresses that were stored without lines. */
typedef struct {
    /* The lines of each address; NULL: there is no debug file, or none yet. */
    AddressLines *(*resolve)(void *data, const QueryMapping *mapping, const uint64_t *addresses,
                             size_t n);
    /* Waits, within limits of its own, for files with these build ids that are on their way. True
     * when one of them is there now. NULL: none ever is on its way. */
    bool (*wait)(void *data, const char *const *build_ids);
    void *data;
} QueryResolver;

/* What a series of several tenants has beside its own labels. */
#define QUERY_TENANT_LABEL "__tenant_id__"

typedef struct {
    Store *store;
    const char *tenant;         /* or several, joined by '|' */
    int64_t start_ns, end_ns;   /* both inclusive */
    const MatcherSet *matchers; /* NULL matches everything */
    const char *profile_type; /* five-part id (a sixth part "delta" is ignored), or NULL for all */
    const uint8_t *profile_ids; /* 16 bytes each, sorted: only these stored profiles; NULL is all */
    size_t n_profile_ids;
    const StoreSpan *spans; /* only samples of these, sorted (query_span_compare); NULL is all */
    size_t n_spans;
    bool by_trace;   /* the spans stand for traces: their own ids do not count */
    GStrv call_site; /* root first, NULL for no filter (StackTraceSelector) */
    const struct FrameFilter *frame_filter; /* of the stacks; NULL for none */
    /* For pprof only (GoPGO of the Pyroscope API): the leaf-most frames to keep, 0 keeps all, and
     * whether samples in one function are added up whatever the line. */
    uint32_t keep_locations;
    bool aggregate_callees;
    const QueryResolver *resolver; /* NULL: what is stored stands */
    bool include_stripped; /* also series with LABEL_SAMPLED, which a matcher on it includes, too */
    uint32_t items_max;    /* of the answer; 0 is QUERY_ITEMS_MAX */
    GHashTable *missing;   /* private: build ids that had no file; see retry.h */
    bool *ret_partial;     /* set when a block had to be left out; may be NULL */
} Query;

/* Names, values, sets of labels, points or nodes that an answer is made of: more are
 * RESOURCE_EXHAUSTED. A node of a tree under construction is the largest, with some 80 bytes. */
enum { QUERY_ITEMS_MAX = 16 * 1024 * 1024 };

/* The order of Query.spans: by span, or by trace. */
int query_span_compare(const StoreSpan *a, const StoreSpan *b, bool by_trace);

/* Sorted, unique; free with g_strfreev. */
GStrv query_profile_types(const Query *query, GError **error);
GStrv query_label_names(const Query *query, GError **error);
GStrv query_label_values(const Query *query, const char *name, GError **error);

/* Unique label sets restricted to `names` (NULL or empty: all labels), sorted; elements are Labels,
 * the array frees them. */
GPtrArray *query_series(const Query *query, const char *const *names, GError **error);

/* What a query has to read: a dataset is a service in one block or in the log. */
typedef struct {
    uint64_t n_datasets, n_series, n_profiles, n_samples;
} QueryCost;

bool query_cost(const Query *query, QueryCost *ret_cost, GError **error);

/* One stored profile, or what one span took in it, that stands for others. */
typedef struct {
    int64_t time_ns, value;
    uint8_t id[16];
    StoreSpan span;
    Labels *labels; /* of its series */
} QueryExemplar;

void query_exemplar_free(QueryExemplar *exemplar);

typedef struct {
    int64_t time_ms; /* right edge of the bucket */
    double value;
    const QueryExemplar *exemplar; /* the profile with the largest value, or NULL */
    /* What the profiles of the bucket are annotated with: distinct Labels of one pair, a name and
     * a text, sorted, at most QUERY_POINT_ANNOTATIONS_MAX; NULL is none. */
    const GPtrArray *annotations;
} QueryPoint;

/* Far more than a tenant has rules that annotate. */
enum { QUERY_POINT_ANNOTATIONS_MAX = 256 };

typedef struct {
    Labels *labels; /* of group_by only */
    GArray *points; /* QueryPoint, ascending, empty buckets omitted */
    double total;
    GPtrArray *exemplars, *annotations; /* own those of the points */
} QueryTimeSeries;

typedef enum { QUERY_SUM, QUERY_AVERAGE } QueryAggregation;

typedef struct {
    const char *const *group_by; /* NULL or empty: one series without labels */
    int64_t step_ns;
    QueryAggregation aggregation;
    size_t limit; /* 0 keeps all series */
    bool with_exemplars, with_annotations;
} QueryTimeSeriesOptions;

/* Values are sums of sample values, or their average over the profiles in a bucket.
 * One series per distinct set of `group_by` values.
 * A bucket at t covers (t - step, t]; buckets are start, start + step, … <= end, and data is read
 * from start - step. Labels that a series does not have are not in its set. Ordered by total,
 * largest first, ties by labels. The array frees its QueryTimeSeries. Filtering stacks costs a pass
 * over all of them per series and step: RESOURCE_EXHAUSTED when that becomes too much. */
GPtrArray *
query_time_series(const Query *query, const QueryTimeSeriesOptions *options, GError **error);

/* The merged stacks of every matching row, by function name. */
Tree *query_tree(const Query *query, GError **error);

/* The merged stacks as one uncompressed pprof of one sample type, with mappings, lines and the
 * addresses of what has no lines; needs a profile type. Its time is the end of the range, down to
 * the millisecond that a request gave.
 * RESOURCE_EXHAUSTED when it becomes larger than QUERY_PPROF_BYTES_MAX. */
enum { QUERY_PPROF_BYTES_MAX = 256 * 1024 * 1024 };
GBytes *query_pprof(const Query *query, GError **error);
