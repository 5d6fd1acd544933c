/* The frame filter of a query: which function names the stacks have to have, and which they must
 * not.
 *
 * It takes or drops whole stacks, whose frames stay as they are: a stack stays when one of its
 * frames is included (or nothing is asked to be) and none is excluded. Names are compared as a
 * whole; regular expressions, in RE2's syntax, are found anywhere in a name. The outcome per name
 * is remembered, so a filter belongs to one thread. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/query/location_lines.h"
#include "server/store/symbols.h"

typedef struct FrameFilter FrameFilter;

/* The lists of a filter, in the order of their fields in FrameFilter of the Pyroscope API. */
enum { FRAME_INCLUDE_NAMES, FRAME_EXCLUDE_NAMES, FRAME_INCLUDE_REGEXES, FRAME_EXCLUDE_REGEXES };
enum { FRAME_LISTS = 4 };

/* What each list may have. No stored name is longer than a name here; see
 * max_profile_symbol_value_length. */
enum { FRAME_NAMES_MAX = 1000, FRAME_NAME_BYTES_MAX = 65535 };
enum { FRAME_REGEXES_MAX = 32, FRAME_REGEX_BYTES_MAX = 4096 };

typedef struct {
    const char *const *texts; /* valid UTF-8 */
    size_t n;
} FrameList;

/* *ret_filter is NULL when all lists are empty. INVALID_ARGUMENT names the field. */
bool
frame_filter_parse(const FrameList lists[FRAME_LISTS], FrameFilter **ret_filter, GError **error);
void frame_filter_free(FrameFilter *filter);

/* For every location node, 1 when a stack that ends there stays, else 0. `lines` are what locations
 * were given beyond what is stored, or NULL. Free with g_free. NULL with INVALID_ARGUMENT when a
 * regular expression takes too many steps. */
uint8_t *frame_filter_mark(const FrameFilter *filter, const SymbolView *symbols,
                           const LocationLines *lines, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FrameFilter, frame_filter_free)
