/* One message to one webhook. Internal to analyzers/notify. */
#pragma once
#include "analyzers/notify/deliver.h"

typedef struct {
    DeliverResult result;     /* all but DELIVER_NOTHING */
    const char *status_class; /* "2xx" … "429"; "none" when there was no answer */
    bool is_about_shape;      /* the receiver did not understand the message */
    int64_t after_s;          /* how long to wait with the next */
    char *why;                /* of what failed, in one line without secrets; to be freed */
} PostResult;

PostResult post_message(HttpClient *client, const Receiver *receiver, GBytes *body);
