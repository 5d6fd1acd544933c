/* Tells all receivers what waits for them. */
#pragma once
#include "analyzers/failure_event.h"
#include "analyzers/notify/deliver.h"
#include "analyzers/notify/notify_config.h"

typedef struct {
    const NotifyConfig *config;
    const Snapshot *snapshot;
    int64_t now_s;
    int64_t started_us;                /* of the run, by g_get_monotonic_time */
    const FailureEvent *failure_event; /* of receivers that fail; NULL: there is to be none */
    K8sClient *client;                 /* for it; NULL: there is no cluster, but a folder */
    const char *findings_url, *findings_tenant; /* as of MessageContext */
} TellContext;

/* Sends to one receiver after the other, whatever becomes of the others, and says on stderr what
 * did not go through, also by an Event where that is asked for. Then the heartbeat, when all is
 * well. FAILED_PRECONDITION when a receiver has refused a message or failed twice in a row; the
 * errors of the state. */
bool tell_all(State *state, const TellContext *context, GError **error);
/* Prints what would be sent; the errors of the state. */
bool tell_preview(State *state, const TellContext *context, GError **error);
