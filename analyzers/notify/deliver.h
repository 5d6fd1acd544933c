/* Brings what waits in the outbox of a receiver to its webhook. */
#pragma once
#include "analyzers/notify/receiver.h"
#include "lib/net/http_client.h"

typedef struct {
    const Receiver *receiver;
    const Routing *routing;   /* for receivers that want all that is open */
    const Snapshot *snapshot; /* the same; NULL: nobody knows its objects */
    const char *cluster;
    const char *findings_url, *findings_tenant; /* as of MessageContext */
    int64_t now_s;
} DeliverOptions;

typedef enum {
    DELIVER_NOTHING, /* nothing is due, or the receiver wants nothing yet */
    DELIVER_DONE,
    DELIVER_LATER,   /* the receiver is busy or away: it waits on */
    DELIVER_REFUSED, /* refused for good, or the URL can never be sent to: a person must look; it
                      * waits on all the same */
} DeliverResult;

/* One message with all that is due, and a record of each answer; for Alertmanager also with all
 * that is open, each time. Of runs at the same time one sends it; a crash between the send and its
 * record repeats it, ten minutes later. *ret_why (to be freed) says what went wrong, for
 * DELIVER_LATER and DELIVER_REFUSED. False with *error when the state cannot be read or written. */
bool deliver(State *state, HttpClient *client, const DeliverOptions *options,
             DeliverResult *ret_result, char **ret_why, GError **error);
/* A message of all that is open for the receiver, or that all is quiet, after that of `former_s`;
 * results as of deliver. Of runs at the same time one sends it; a crash before its record loses it
 * for that day. */
bool deliver_daily(State *state, HttpClient *client, const DeliverOptions *options,
                   int64_t former_s, DeliverResult *ret_result, char **ret_why, GError **error);
/* The message that would go out, or NULL when nothing waits; *error as above. */
GBytes *deliver_preview(State *state, const DeliverOptions *options, GError **error);
