/* One text, in Markdown or without marks: Mattermost, Rocket.Chat, Discord, Microsoft Teams, and
 * Slack when it refuses blocks. Internal to analyzers/notify. */
#pragma once
#include "analyzers/notify/message.h"

/* Of MESSAGE_MARKDOWN, MESSAGE_PLAIN, MESSAGE_DISCORD and MESSAGE_TEAMS. */
GBytes *message_markdown(MessageForm form, const GPtrArray *changes, const MessageContext *context);
