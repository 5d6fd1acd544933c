/* Which stacks a query wants: those of its call site that pass its frame filter. Private to
 * server/query. */
#pragma once
#include "server/query/location_lines.h"
#include "server/query/query.h"
#include "server/store/symbols.h"

/* Whether the query leaves out any stack. */
bool stack_filter_is_set(const Query *query);

/* *ret_marks has for every location node 1 when the query wants a stack that ends there, else 0; or
 * it is NULL, when all are wanted. `lines` are what locations were given beyond what is stored, or
 * NULL. Free with g_free. */
bool stack_filter_mark(const Query *query, const SymbolView *symbols, const LocationLines *lines,
                       uint8_t **ret_marks, GError **error);
