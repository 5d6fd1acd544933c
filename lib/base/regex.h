/* One regular expression: RE2's syntax, run by PCRE2 with its JIT compiler under limits. */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct Regex Regex;

/* Compiles `pattern`, anchored at both ends; "." matches newlines too, as in PromQL. Fails with
 * INVALID_ARGUMENT that names the position in the pattern. */
Regex *regex_new(const char *pattern, GError **error);
/* The same for a pattern that may be found anywhere in a value. */
Regex *regex_new_anywhere(const char *pattern, GError **error);
/* The same with groups, for regex_find. */
Regex *regex_new_with_groups(const char *pattern, GError **error);
void regex_free(Regex *regex);

/* Whether `value` (valid UTF-8) matches; false when a limit was hit. The outcome is
 * remembered per distinct value, so this belongs to one thread. */
bool regex_match(Regex *regex, const char *value);
/* The pattern, and whether it ever ran into a limit. */
const char *regex_pattern(const Regex *regex);
bool regex_hit_limit(const Regex *regex);

/* One match with its groups: borrows the expression and the value. */
typedef struct RegexMatch RegexMatch;

/* The match of the whole of `value` (valid UTF-8), or NULL. Remembers nothing, so threads may share
 * the expression. False with RESOURCE_EXHAUSTED when a limit was hit. */
bool regex_find(const Regex *regex, const char *value, RegexMatch **ret_match, GError **error);
void regex_match_free(RegexMatch *match);

/* Appends `text` with the match's groups in place of $1, ${1}, $name and ${name}, and "$" for "$$",
 * as Go's Regexp.Expand does: a name is as long as it can be, a group that does not exist is empty.
 * Stops once `out` is longer than `bytes_max`. */
void regex_match_expand(const RegexMatch *match, const char *text, size_t bytes_max, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Regex, regex_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RegexMatch, regex_match_free)
