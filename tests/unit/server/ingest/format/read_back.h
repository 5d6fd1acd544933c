/* Profiles that a reader made, as text for comparison. */
#pragma once
#include "server/ingest/format/profile_set.h"

/* Limits large enough for any test, and the source of a CPU profile at 100 samples a second. */
extern const TenantLimits TEST_LIMITS;
ProfileSource test_source(const char *app);

/* For every profile of the set one line with its labels, one with its types and one for each
 * sample:
 *
 *   __name__=process_cpu service_name=app
 *   cpu:nanoseconds per cpu:nanoseconds 10000000 at 7+3
 *   root;leaf 20000000 {label=value}
 *
 * A frame with a line is "name:line"; one without a name its address. Samples stand in order. */
char *read_back(const ProfileSet *set);
