/* Brings what waits in the outbox to a webhook. */
#pragma once
#include "analyzers/notify/message.h"
#include "lib/net/http_client.h"

typedef struct {
    const char *url; /* a secret: never said */
    MessageForm form;
    const char *cluster;
    Severity severity_min; /* milder changes are taken out of the outbox without a word */
    int64_t now_s;
} DeliverOptions;

typedef enum {
    DELIVER_NOTHING, /* nothing waits */
    DELIVER_DONE,
    DELIVER_LATER,   /* the receiver is busy or away: it waits on */
    DELIVER_REFUSED, /* refused for good, or the URL can never be sent to: a person must look; it
                      * waits on all the same */
} DeliverResult;

/* One message with all that is due; for Alertmanager also with all that is open, each time. Of runs
 * at the same time one sends it; a crash between the send and its record repeats it, ten minutes
 * later. *ret_why (to be freed) says what went wrong, for DELIVER_LATER and DELIVER_REFUSED. False
 * with *error when the state cannot be read or written. */
bool deliver(State *state, HttpClient *client, const DeliverOptions *options,
             DeliverResult *ret_result, char **ret_why, GError **error);
/* The message that would go out, or NULL when nothing waits; *error as above. */
GBytes *deliver_preview(State *state, const DeliverOptions *options, GError **error);
