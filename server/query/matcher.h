/* Label selectors in PromQL syntax: {a="b", c!="d", e=~"re", f!~"re"}.
 *
 * The empty string and "{}" match everything. A metric name in front is a matcher on __name__.
 * Names may be quoted ({"service.name"="x"}). Regular expressions are anchored at both ends and run
 * under PCRE2 match and depth limits; a missing label has the empty value. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "server/store/labels.h"

typedef struct MatcherSet MatcherSet;

/* Parses one selector; INVALID_ARGUMENT with the position of what is wrong. */
MatcherSet *matcher_set_parse(const char *selector, GError **error);
/* Parses each of `selectors` (NULL-terminated) and joins them with AND. */
MatcherSet *matcher_set_parse_all(const char *const *selectors, GError **error);
void matcher_set_free(MatcherSet *set);

bool matcher_set_match(const MatcherSet *set, const Labels *labels);
/* The value that service_name must have when a matcher says so with "=", else NULL: what
 * store_visit can prune by. */
const char *matcher_set_service(const MatcherSet *set);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MatcherSet, matcher_set_free)
