"""A receiver of Discord's webhooks that holds messages to the documented limits and answers with its error bodies.

Limits and errors: docs.discord.com/developers, "Execute Webhook", "Embed Limits", "Opcodes and Status Codes", "Rate Limits".
"""
import json

import webhook

CONTENT_MAX, EMBEDS_MAX, EMBED_TEXT_MAX, FIELDS_MAX = 2000, 10, 6000, 25
EMBED_PARTS = {"title": 256, "description": 4096}
FIELD_PARTS = {"name": 256, "value": 1024}
FLAGS = 1 << 2 | 1 << 12  # no embeds of links, no notification
MENTIONS = ("roles", "users", "everyone")


def too_long(path, limit):
    errors = {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": f"Must be {limit} or fewer in length."}]}
    for key in reversed(path):
        errors = {str(key): errors}
    return form_error(errors)


def form_error(errors):
    return {"message": "Invalid Form Body", "code": 50035, "errors": errors}


def embed_texts(embeds):
    """(path, text, limit) of each text of the embeds."""
    for i, embed in enumerate(embeds):
        for part, limit in EMBED_PARTS.items():
            yield ["embeds", i, part], embed.get(part, ""), limit
        for k, field in enumerate(embed.get("fields", [])):
            for part, limit in FIELD_PARTS.items():
                yield ["embeds", i, "fields", k, part], field[part], limit


def embeds_error(embeds):
    if len(embeds) > EMBEDS_MAX:
        return too_long(["embeds"], EMBEDS_MAX)
    for i, embed in enumerate(embeds):
        if len(embed.get("fields", [])) > FIELDS_MAX:
            return too_long(["embeds", i, "fields"], FIELDS_MAX)
    texts = list(embed_texts(embeds))
    for path, text, limit in texts:
        if len(text) > limit:
            return too_long(path, limit)
    return too_long(["embeds"], EMBED_TEXT_MAX) if sum(len(text) for _, text, _ in texts) > EMBED_TEXT_MAX else None


def message_error(body):
    """The JSON with which Discord would refuse a message, or None."""
    try:
        message = json.loads(body)
    except ValueError:
        return {"message": "The request body contains invalid JSON.", "code": 50109}
    content, embeds = message.get("content") or "", message.get("embeds") or []
    if not isinstance(content, str):
        return form_error({"content": {"_errors": [{"code": "STRING_TYPE_CONVERT", "message": "Could not interpret \"content\" as string."}]}})
    if len(content) > CONTENT_MAX:
        return too_long(["content"], CONTENT_MAX)
    if message.get("flags", 0) & ~FLAGS:
        return form_error({"flags": {"_errors": [{"code": "WEBHOOK_INVALID_FLAGS", "message": "Invalid flags."}]}})
    if any(kind not in MENTIONS for kind in message.get("allowed_mentions", {}).get("parse", [])):
        return form_error({"allowed_mentions": {"parse": {"_errors": [{"code": "BASE_TYPE_CHOICES", "message": "Value must be one of roles, users, everyone."}]}}})
    if not content.strip() and not embeds:
        return {"message": "Cannot send an empty message", "code": 50006}
    return embeds_error(embeds)


def rate_limited(seconds):
    """The answer to one message too many; the time is in the body alone."""
    return 429, json.dumps({"message": "You are being rate limited.", "retry_after": seconds, "global": False}), {"Content-Type": "application/json"}


UNKNOWN = 404, json.dumps({"message": "Unknown Webhook", "code": 10015}), {"Content-Type": "application/json"}


def words(message):
    return message["content"]


class Receiver(webhook.Receiver):
    path = "/api/webhooks/1/secret"

    def judge(self, body):
        error = message_error(body)
        return (400, json.dumps(error), {"Content-Type": "application/json"}) if error is not None else (204, "", {})
