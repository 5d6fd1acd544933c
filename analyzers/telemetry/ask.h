/* Asks back ends, several questions at a time. Internal to analyzers/telemetry. */
#pragma once
#include "analyzers/telemetry/telemetry.h"

/* Each question whose back end is configured gets its answer, or why there is none. */
void ask_all(Telemetry *telemetry, const TelemetryAsk *ask, const TelemetryQuery *const *queries,
             size_t n);
