/* Function names for locations that were stored without lines, from whoever can resolve addresses.
 * Private to server/query. */
#pragma once
#include <glib.h>

#include "server/query/query.h"
#include "server/store/symbols.h"

/* Location id -> GStrv of names, the innermost inlined first, for those of the locations with a
 * value in `totals` (per node) that can be resolved. NULL: none, the stored names stand. */
GHashTable *location_names(const Query *query, const StoreDataset *dataset, const int64_t *totals);
