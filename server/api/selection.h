/* What a request selects: profile type, labels, call site and time, checked and ready to query. */
#pragma once
#include "server/api/api.h"
#include "server/api/time_range.h"
#include "server/query/diff.h"
#include "server/query/dot.h"
#include "server/query/frame_filter.h"
#include "server/query/query.h"

typedef struct {
    const char *profile_type;     /* five parts, or six with ":delta"; NULL for all types */
    const char *selector;         /* "" and "{}" select everything */
    const char *const *selectors; /* further ones, or NULL; `n_selectors` of them */
    size_t n_selectors;
    int64_t start_ms, end_ms;
    GStrv call_site;               /* taken; root first, or NULL */
    FrameList frames[FRAME_LISTS]; /* of the frame filter; all empty for none */
    uint32_t keep_locations;       /* of Query, as the next one */
    bool aggregate_callees;
    const char *const *profile_ids; /* UUIDs of stored profiles; none selects all */
    const char *const *trace_ids;   /* 32 hexadecimal digits each; none selects all samples */
    const char *const *span_ids;    /* 16; not together with trace_ids */
    size_t n_profile_ids, n_trace_ids, n_span_ids;
} SelectionInput;

typedef struct {
    Query query; /* points into the rest: a selection must not be copied */
    char *profile_type;
    MatcherSet *matchers;
    GStrv call_site;
    FrameFilter *frame_filter;
    uint8_t *profile_ids;
    StoreSpan *spans;
    bool partial;
} Selection;

/* TIME_RANGE_EMPTY when the range lies before the look-back: answer with nothing. Clear the
 * selection in any case. */
TimeRangeResult selection_init(Selection *selection, const Api *api, const char *tenant,
                               const SelectionInput *input, GError **error);
void selection_clear(Selection *selection);

/* Parts of a profile type id, joined: 0 name, 1 type, 2 unit, 3 period type, 4 period unit. */
char *profile_type_part(const char *profile_type, unsigned part);

/* The number of nodes to send; INVALID_ARGUMENT over the limit or below 0. */
bool selection_max_nodes(const Api *api, const char *tenant, bool given, int64_t wanted,
                         int64_t *ret_nodes, GError **error);

/* The merged stacks with at most about `max_nodes` nodes; *ret_truncated (may be NULL) says whether
 * some were folded into "other". */
Tree *selection_tree(const Query *query, int64_t max_nodes, bool *ret_truncated, GError **error);

/* The call graph of the `max_functions` functions with the largest totals in the merged stacks,
 * which are cut to about `max_nodes` nodes before; empty for a query that is NULL. */
GString *
selection_dot(const Query *query, int64_t max_nodes, int64_t max_functions, GError **error);

/* The merged stacks of two queries side by side; a query that is NULL has no data. */
TreeDiff *selection_diff(const Query *left, const Query *right, int64_t max_nodes,
                         bool *ret_truncated, GError **error);
/* The same of two whole trees; NULL is no data. */
TreeDiff *
selection_diff_trees(const Tree *left, const Tree *right, int64_t max_nodes, bool *ret_truncated);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Selection, selection_clear)
