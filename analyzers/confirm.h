/* Silences of collectors that are looked at twice, as samples that are late may still arrive. */
#pragma once
#include "analyzers/look.h"

/* A silence that is older counts at once. */
enum { CONFIRM_AGE_S = 15 * 60 };

/* When look->findings has such a silence and there is a back end of metrics, waits until
 * look->confirm_s after the clock of the look, which a clock in the past has behind it, asks all
 * back ends again, as of then, and finds anew, by the same snapshot and clock. Says on stderr that
 * it waits. The errors of backends_ask. */
bool confirm_silences(Look *look, GError **error);
