/* Whether what back ends of telemetry answer can be judged at all, before anything is said about a
 * node; and these back ends as objects that findings are about. */
#pragma once
#include "analyzers/checks/check.h"

enum {
    GATE_FRESH_S = 5 * 60,    /* the newest metric of all is not older: silence means something */
    GATE_STALLED_S = 10 * 60, /* one older than that is a finding of its own */
};

/* One series: how many series there are of what every cluster has; none for an empty tenant. */
extern const TelemetryQuery gate_canary_query;
/* One series: the time of the newest metric within an hour, in seconds. */
extern const TelemetryQuery gate_newest_query;

/* The back end of metrics, logs or profiles as an object of KIND_NONE, called so; it lives for
 * ever. */
const Object *backend_object(TelemetrySource source);
/* The API server, as such an object. */
const Object *backend_api_server(void);

typedef enum {
    GATE_NOT_ASKED, /* no back end of metrics: nothing is to be said */
    GATE_CLOSED,    /* nothing can be said about nodes */
    GATE_OPEN,
} Gate;

/* *ret_why (to be freed): why it is closed, else NULL. */
Gate gate_metrics(const CheckRun *run, char **ret_why);
/* The time of the newest metric of all; 0: none within an hour, or not known. */
int64_t gate_newest_s(const CheckRun *run);
/* "14:02 UTC", with the date before it when it is not of the day of `now_s`; free with g_free. */
char *clock_text(int64_t time_s, int64_t now_s);
