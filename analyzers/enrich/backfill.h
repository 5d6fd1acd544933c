/* Whether what a collector measured while nothing of it arrived has come later: agents keep what
 * they cannot send, and bring it when they can again. */
#pragma once
#include "analyzers/checks/check.h"

/* A time in which a collector was not heard of. */
typedef struct {
    const char *check, *kind, *ns, *name; /* of the incident that told it */
    int64_t from_s;                       /* of its newest sample then */
    int64_t until_s;                      /* when it was last seen to be silent */
} Gap;

/* Whether incidents of a check are such gaps. */
bool backfill_is_about(const char *check);

/* "data was back-filled", "data of that time is lost", "30 % of the data of that time is lost", for
 * a DaemonSet "data of that time is lost on 3 of 20 nodes"; free with g_free. NULL when nothing can
 * be said: metrics do not answer, or it was too short. `ask` names the back end of metrics and the
 * matchers, `run` has the answers to heartbeat_queries. */
char *backfill_text(const CheckRun *run, const TelemetryAsk *ask, const Gap *gap);
