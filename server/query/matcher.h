/* Label selectors in PromQL syntax: {a="b", c!="d", e=~"re", f!~"re"}
 * (https://prometheus.io/docs/prometheus/latest/querying/basics/).
 *
 * The empty string and "{}" match everything. A metric name in front is a matcher on __name__, as
 * is a quoted name alone ({"process_cpu"}). Label names may be quoted ({"service.name"="x"}). A
 * missing label has the empty value. Regular expressions are anchored at both ends; they follow
 * RE2's syntax (https://github.com/google/re2/wiki/Syntax): what PCRE2 has beyond it (back
 * references, look-around, recursion, verbs) is refused, and matching has step, depth and memory
 * limits. A set remembers the outcome per distinct value, so it belongs to one thread. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "server/store/labels.h"

typedef struct MatcherSet MatcherSet;

/* Parses one selector; INVALID_ARGUMENT with the position (from 1) of what is wrong. */
MatcherSet *matcher_set_parse(const char *selector, GError **error);
/* Parses each of `selectors` (NULL-terminated, NULL is none) and joins them with AND. */
MatcherSet *matcher_set_parse_all(const char *const *selectors, GError **error);
void matcher_set_free(MatcherSet *set);

/* A value on which a regular expression ran into its limits does not match; see
 * matcher_set_check. */
bool matcher_set_match(const MatcherSet *set, const Labels *labels);
/* The same, remembering nothing, so that threads may share the set; a regular expression that runs
 * into its limits does not match, nor does its negation. */
bool matcher_set_match_shared(const MatcherSet *set, const Labels *labels);
/* False, with INVALID_ARGUMENT, when a regular expression ran into its limits on some value so far:
 * the matches are not complete then. */
bool matcher_set_check(const MatcherSet *set, GError **error);

/* The value that service_name must have when a matcher says so with "=", else NULL: what
 * store_visit can prune by. */
const char *matcher_set_service(const MatcherSet *set);

/* Whether one of the matchers is about the label `name`. */
bool matcher_set_names(const MatcherSet *set, const char *name);
/* How many matchers say name="…"; *ret_value (freed by the caller) is the value of the last. */
unsigned matcher_set_equal_value(const MatcherSet *set, const char *name, char **ret_value);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MatcherSet, matcher_set_free)
