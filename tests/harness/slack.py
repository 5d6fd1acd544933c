"""A receiver of incoming webhooks that holds messages to Slack's documented limits and answers with its error bodies.

Limits: docs.slack.dev/reference/block-kit/blocks; errors: docs.slack.dev/messaging/sending-messages-using-incoming-webhooks.
"""
import json
import re

import webhook

BLOCKS_MAX, SECTION_MAX, HEADER_MAX, ELEMENTS_MAX, MESSAGE_MAX = 50, 3000, 150, 10, 13000


def text_error(text, limit):
    """Why Slack would refuse a text object, or None."""
    if text.get("type") not in ("plain_text", "mrkdwn") or not isinstance(text.get("text"), str):
        return "invalid_blocks"
    return None if 1 <= len(text["text"]) <= limit else "invalid_blocks"


def block_error(block):
    if block.get("type") == "header":
        return "invalid_blocks" if block["text"].get("type") != "plain_text" else text_error(block["text"], HEADER_MAX)
    if block.get("type") == "section":
        return text_error(block["text"], SECTION_MAX)
    if block.get("type") == "context":
        if not 1 <= len(block["elements"]) <= ELEMENTS_MAX:
            return "invalid_blocks"
        return next(filter(None, (text_error(one, SECTION_MAX) for one in block["elements"])), None)
    return "invalid_blocks"


def message_error(body):
    """Why Slack would refuse a message, or None."""
    try:
        message = json.loads(body)
    except ValueError:
        return "invalid_payload"
    if not isinstance(message, dict) or not message.get("text"):
        return "no_text"
    blocks = message.get("blocks", [])
    if len(blocks) > BLOCKS_MAX:
        return "invalid_blocks"
    if len(body) > MESSAGE_MAX:
        return "msg_blocks_too_long"
    return next(filter(None, map(block_error, blocks)), None)


def words(message):
    """All text of a message; mentions and links of foreign text are found by `<`."""
    parts = [message["text"]]
    for block in message.get("blocks", []):
        parts += [one["text"] for one in block.get("elements", [])] or [block["text"]["text"]]
    return "\n".join(parts)


def headline(message):
    """Its first line; the next one, if any, says what the worst is."""
    return message["text"].split("\n")[0]


def foreign_marks(text):
    """What is in < and > and is no date of ours: there should be none."""
    return [mark for mark in re.findall(r"<[^>]*>", text) if not mark.startswith("<!date^")]


class Receiver(webhook.Receiver):
    path = "/services/T0/B0/secret"

    def judge(self, body):
        error = message_error(body)
        return (400, error, {}) if error is not None else (200, "ok", {})
