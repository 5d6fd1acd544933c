/* What functions take of the profiles of a window. Internal to analyzers/enrich. */
#pragma once
#include "analyzers/enrich/profile_index.h"
#include "analyzers/telemetry/function_shares.h"

typedef struct {
    int64_t from_s, until_s;
} ProfileWindow;

/* `matchers` beside that of the target's service. NULL with *ret_why (free with g_free) when they
 * cannot be had, or with *ret_why NULL when there is too little to tell shares of: of CPU time less
 * than a second. */
FunctionShares *profile_query(Enquiry *enquiry, const ProfileTarget *target, const char *matchers,
                              ProfileWindow window, char **ret_why);

/* "parse 62 % (8 % before), …": the largest functions; those whose share rose by ten points or more
 * with the former one. With `only_risen` none but those, "" for none. `before` NULL: there is
 * nothing to compare with. Free with g_free. */
char *profile_query_text(const FunctionShares *now, const FunctionShares *before,
                         const char *when_before, bool only_risen);
/* "CPU time", "memory in use" of a profile type. */
const char *profile_query_unit(const char *type);
