/* Where the samples of a visited dataset lie: behind StoreDataset.source. */
#pragma once
#include "server/store/head.h"
#include "server/store/store.h"

typedef struct DatasetSource DatasetSource;

struct DatasetSource {
    /* Adds the samples of `n` rows, ascending positions, into `totals` of `n_nodes`. */
    bool (*accumulate)(const DatasetSource *source, const uint32_t *rows, uint32_t n,
                       int64_t *totals, uint32_t n_nodes, GError **error);
    /* The span run of a row; false when there is no such row. */
    bool (*spans)(const DatasetSource *source, uint32_t row, const uint8_t **ret_run,
                  size_t *ret_size);
};

/* Shows the datasets of a head that have rows in the range to `visit`; *ret_stop says that the
 * visitor wants no more. */
bool
head_visit(Head *head, const char *tenant, const char *service, int64_t start_ns, int64_t end_ns,
           StoreDetail detail, StoreVisit visit, void *data, bool *ret_stop, GError **error);
