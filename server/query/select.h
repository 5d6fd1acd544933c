/* What every query does first: visit the datasets in range and pick the rows that match. Private to
 * server/query. */
#pragma once
#include "server/query/query.h"

/* A dataset with the rows that the query wants, ascending; none of them is never visited. */
typedef struct {
    const StoreDataset *dataset;
    const uint32_t *rows; /* positions in dataset->rows */
    uint32_t n_rows;
} Selection;

typedef bool (*SelectVisit)(const Selection *selection, void *data, GError **error);

/* Visits every dataset that has matching rows between start_ns and end_ns, instead of the query's
 * own range. Fails when the selector's regular expressions hit their limits, or the visitor. */
bool select_visit(const Query *query, int64_t start_ns, int64_t end_ns, StoreDetail detail,
                  SelectVisit visit, void *data, GError **error);

/* Whether an answer may have `n` items. */
bool select_check_items(const Query *query, size_t n, GError **error);

/* The labels among `names` (NULL is none); a new reference. */
Labels *select_labels(const Labels *labels, const char *const *names);

/* Adds the sample values of `n` of the selected rows to `totals`, by location node: of all samples,
 * or of the spans that the query is about. Needs the detail that select_detail gives. */
bool select_accumulate(const Query *query, const StoreDataset *dataset, const uint32_t *rows,
                       uint32_t n, int64_t *totals, GError **error);
StoreDetail select_detail(const Query *query);

/* The five parts of a profile type id. */
typedef struct {
    char *id;       /* without a sixth part */
    char *parts[5]; /* name, sample type, sample unit, period type, period unit */
} ProfileType;

/* Parses a profile type id; INVALID_ARGUMENT. */
bool profile_type_parse(const char *text, ProfileType *ret_type, GError **error);
void profile_type_clear(ProfileType *type);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ProfileType, profile_type_clear)
