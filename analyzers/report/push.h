/* Reports findings to a server of Cresset, which keeps them and tells what has changed. */
#pragma once
#include "analyzers/checks/check.h"
#include "analyzers/telemetry/api.h"

/* Sends the report of json.h; NULL for the server does nothing. When the server does not take it,
 * one line of stderr says why, and nothing else happens: the next report is whole again. */
void report_push(TelemetryApi *server, const Findings *findings, const CheckOptions *options);
