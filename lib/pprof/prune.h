/* Takes samples out of a decoded profile, with everything that nothing else refers to. */
#pragma once
#include <stdbool.h>

#include "include/cresset/profile.h"
#include "lib/base/arena.h"

/* Keeps the samples that `keep` (one for each) says, and what they refer to, in order. Locations,
 * functions and mappings are numbered anew, from 1. The first mapping stays in any case: by
 * convention it is the program itself. `arena` is for scratch memory; false when its cap would be
 * exceeded, the profile is untouched then. */
bool pprof_prune(Profile *profile, const bool *keep, Arena *arena);
