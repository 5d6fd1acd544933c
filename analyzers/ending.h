/* What is said of incidents when they end. */
#pragma once
#include "analyzers/look.h"
#include "analyzers/state/state.h"

/* Back ends are asked about at most so many in a run. */
enum { ENDINGS_MAX = 20 };

/* Notes of open incidents that a look does not see any more that their object was removed, or of
 * collectors what became of the data that was missing, where back ends can tell. The errors of the
 * state. */
bool endings_note(State *state, const Look *look, GError **error);
