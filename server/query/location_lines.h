/* Functions and lines for locations that were stored without, from whoever can resolve addresses.
 * Private to server/query. */
#pragma once
#include <glib.h>

#include "lib/pprof/address_lines.h"
#include "server/query/query.h"
#include "server/store/symbols.h"

/* Of the locations of one dataset. */
typedef struct LocationLines LocationLines;

/* Of those with a value in `totals` (per node). NULL: none was resolved, what is stored stands. */
LocationLines *
location_lines_new(const Query *query, const StoreDataset *dataset, const int64_t *totals);
void location_lines_free(LocationLines *lines);

/* How many lines a location was given, the innermost inlined function first; 0: what is stored
 * stands. `lines` may be NULL. */
size_t
location_lines_get(const LocationLines *lines, uint32_t location, const AddressLine **ret_lines);
/* SymbolMapping.flags of what its locations were given. `lines` may be NULL. */
uint32_t location_lines_flags(const LocationLines *lines, uint32_t mapping);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LocationLines, location_lines_free)
