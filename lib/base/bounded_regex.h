/* Regular expressions of our own over texts of strangers. */
#pragma once
#include <glib.h>

/* A pattern (PCRE, known to be right) with a limit of steps for one text: beyond it matching fails
 * with an error of G_REGEX_ERROR, so callers look at errors. Texts must be valid UTF-8. */
GRegex *bounded_regex_new(const char *pattern);
