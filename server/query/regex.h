/* One regular expression of a selector: RE2's syntax, run by PCRE2 with its JIT compiler under
 * limits, with the outcome remembered per distinct value. Belongs to one thread. */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct Regex Regex;

/* Compiles `pattern`, anchored at both ends; "." matches newlines too, as in PromQL. Fails with
 * INVALID_ARGUMENT that names the position in the pattern. */
Regex *regex_new(const char *pattern, GError **error);
/* The same for a pattern that may be found anywhere in a value. */
Regex *regex_new_anywhere(const char *pattern, GError **error);
void regex_free(Regex *regex);

/* Whether the whole of `value` (valid UTF-8) matches; false when a limit was hit. */
bool regex_match(Regex *regex, const char *value);
/* The pattern, and whether it ever ran into a limit. */
const char *regex_pattern(const Regex *regex);
bool regex_hit_limit(const Regex *regex);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Regex, regex_free)
