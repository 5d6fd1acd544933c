/* What leases tell about the time. Internal to analyzers/checks. */
#pragma once
#include "analyzers/checks/check.h"

/* The newest time at which anybody renewed a lease, not after the present: late is who is behind
 * the others, not behind a clock that may be wrong or of another time. The present when there is
 * only one lease. */
int64_t leases_newest(const CheckRun *run);
