/* What is told, as the payload of a webhook. */
#pragma once
#include "analyzers/state/state.h"

typedef enum {
    MESSAGE_SLACK,        /* Block Kit: hooks.slack.com */
    MESSAGE_MARKDOWN,     /* {"text"}: Mattermost, Rocket.Chat */
    MESSAGE_PLAIN,        /* {"text"} without marks, for Slack when it refuses blocks */
    MESSAGE_DISCORD,      /* {"content"} */
    MESSAGE_TEAMS,        /* an adaptive card, for Workflows of Microsoft Teams */
    MESSAGE_ALERTMANAGER, /* POST /api/v2/alerts */
    MESSAGE_GENERIC,      /* the changes as they are */
} MessageForm;

/* "slack", "markdown", "discord", "teams", "alertmanager", "generic"; "auto" goes by the host. */
bool message_form_parse(const char *text, const char *url, MessageForm *ret_form, GError **error);

typedef struct {
    const char *cluster;
    uint32_t n_open; /* incidents that are open now */
    int64_t now_s;
    bool is_daily; /* what is open, once a day: no changes */
    /* Where people look at findings, "https://cresset.example.com", and of which tenant; NULL or
     * "": nowhere, and that of requests without one. */
    const char *findings_url, *findings_tenant;
} MessageContext;

/* JSON that tells of all changes, within the limits of the receiver: the worst in full, the rest in
 * a line each, and how many more there are. */
GBytes *message_new(MessageForm form, const GPtrArray *changes, const MessageContext *context);

/* An open alert of Alertmanager ends by itself so long after it was last posted: every run posts it
 * again, and there should be one at least that often. */
enum { MESSAGE_ALERT_S = 60 * 60 };

/* The most that one message of Slack should have, and a text of others. Slack refuses somewhat
 * above (msg_blocks_too_long); Discord takes 2,000 characters. */
enum { MESSAGE_BYTES_MAX = 10000, MESSAGE_TEXT_MAX = 3500, MESSAGE_DISCORD_MAX = 2000 };
