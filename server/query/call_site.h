/* The call-site filter: stacks whose root-most frames are a list of function names. Private to
 * server/query. */
#pragma once
#include <glib.h>
#include <stdint.h>

#include "server/query/location_lines.h"
#include "server/store/symbols.h"

/* For every location node, 1 when a stack that ends there matches `call_site` (root first), else 0.
 * `lines` are what locations were given beyond what is stored, or NULL. NULL when there is no
 * filter. Free with g_free. */
uint8_t *
call_site_mark(const SymbolView *symbols, const LocationLines *lines, const char *const *call_site);
