/* Block Kit (docs.slack.dev/reference/block-kit). Internal to analyzers/notify. */
#pragma once
#include "analyzers/notify/message.h"

GBytes *message_slack(const GPtrArray *changes, const MessageContext *context);
/* Foreign text for mrkdwn: & < > escaped, which also takes the power from <!channel>; back-ticks
 * replaced. At most `max` bytes, cut before an entity. Free with g_free. */
char *slack_escape(const char *text, size_t max);
