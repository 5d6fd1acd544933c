#include "analyzers/report/push.h"

#include <stdio.h>

#include "analyzers/report/json.h"

void
report_push(TelemetryApi *server, const Findings *findings, const CheckOptions *options)
{
    if (server == NULL)
        return;
    g_autoptr(GBytes) report = report_json(findings, options), answer = NULL;
    const TelemetryCall call = {.path = "/api/v1/findings", .json = report};
    g_auto(TelemetryOutcome) outcome = {0};
    if (!telemetry_api_call(server, &call, NULL, &answer, &outcome))
        (void)fprintf(stderr, "cresset-analyzer: the findings were not reported: %s\n",
                      outcome.why);
}
