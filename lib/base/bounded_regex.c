#include "lib/base/bounded_regex.h"

/* A tenth of a second or so. */
#define LIMIT "(*LIMIT_MATCH=2000000)"

GRegex *
bounded_regex_new(const char *pattern)
{
    g_autofree char *bounded = g_strconcat(LIMIT, pattern, NULL);
    GRegex *regex = g_regex_new(bounded, G_REGEX_OPTIMIZE, G_REGEX_MATCH_DEFAULT, NULL);
    g_assert(regex != NULL);
    return regex;
}
