"""A workflow of Microsoft Teams ("When a Teams webhook request is received") that takes what a channel can show.

Limits: learn.microsoft.com/microsoftteams, "Create an Incoming Webhook" (28 KB a message) and "Cards" (version 1.5 at most);
elements: adaptivecards.io/explorer. A real workflow says 202 before it posts; this one judges at once.
"""
import json

import webhook

MESSAGE_MAX = 28 * 1024
CARD = "application/vnd.microsoft.card.adaptive"
VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4", "1.5")
SPACINGS = ("default", "none", "small", "medium", "large", "extraLarge", "padding")
BLOCK_KEYS = {"type", "text", "wrap", "spacing", "weight", "size", "separator", "fontType", "isSubtle", "color", "maxLines"}


def block_error(block):
    if block.get("type") != "TextBlock":
        return f"element of the type {block.get('type')}"
    if not isinstance(block.get("text"), str) or not block["text"].strip():
        return "a TextBlock without text"
    if "\n" in block["text"]:
        return "a TextBlock with a line break, which some clients drop"
    if set(block) - BLOCK_KEYS:
        return f"unknown properties {sorted(set(block) - BLOCK_KEYS)}"
    return None if block.get("spacing", "default") in SPACINGS else f"spacing {block['spacing']}"


def card_error(attachment):
    card = attachment.get("content")
    if attachment.get("contentType") != CARD or not isinstance(card, dict) or card.get("type") != "AdaptiveCard":
        return "an attachment that is no card"
    if card.get("version") not in VERSIONS:
        return f"version {card.get('version')}"
    if not card.get("body"):
        return "a card without body"
    return next(filter(None, map(block_error, card["body"])), None)


def message_error(body):
    """Why a message would not come to the channel, or None."""
    try:
        message = json.loads(body)
    except ValueError:
        return "no JSON"
    if not isinstance(message, dict) or message.get("type") != "message" or not message.get("attachments"):
        return "not of the trigger's schema"
    return next(filter(None, map(card_error, message["attachments"])), None)


def words(message):
    return "\n".join(block["text"] for block in message["attachments"][0]["content"]["body"])


def refusal(code, text):
    return json.dumps({"error": {"code": code, "message": text}})


class Receiver(webhook.Receiver):
    path = "/workflows/1/triggers/manual/paths/invoke?sig=secret"

    def judge(self, body):
        if len(body) > MESSAGE_MAX:
            return 413, refusal("RequestEntityTooLarge", f"{len(body)} bytes"), {}
        error = message_error(body)
        return (400, refusal("InvalidRequestContent", error), {}) if error is not None else (202, "", {})
