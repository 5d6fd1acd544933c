#include "lib/symbolize/message.h"

#include "lib/base/error.h"

size_t
message_reply_size(const MessageReplyHead *head)
{
    if (head->magic != MESSAGE_MAGIC || head->n_addresses > MESSAGE_ADDRESSES_MAX ||
        head->n_lines > MESSAGE_REPLY_MAX / sizeof(MessageLine) ||
        head->strings_size > MESSAGE_REPLY_MAX)
        return 0;
    size_t size = sizeof(*head) + head->n_addresses * sizeof(uint32_t) +
                  head->n_lines * sizeof(MessageLine) + head->strings_size;
    return size <= MESSAGE_REPLY_MAX ? size : 0;
}

static bool
lines_are_sound(const MessageReply *reply)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < reply->n_addresses; i++)
        total += reply->line_counts[i];
    if (total != reply->n_lines)
        return false;
    for (uint32_t i = 0; i < reply->n_lines; i++) {
        const MessageLine *line = &reply->lines[i];
        if (MAX(line->name, MAX(line->system_name, line->file)) >= reply->strings_size)
            return false;
    }
    return true;
}

bool
message_reply_parse(const uint8_t *bytes, size_t size, uint32_t n_addresses,
                    MessageReply *ret_reply, GError **error)
{
    const MessageReplyHead *head = (const MessageReplyHead *)(const void *)bytes;
    if (size < sizeof(*head) || message_reply_size(head) != size ||
        head->n_addresses != n_addresses || head->strings_size == 0 || bytes[size - 1] != '\0')
        return error_set(error, CRESSET_ERROR_DATA_LOSS, "symbolizer: malformed reply");
    MessageReply reply = {
        .n_addresses = n_addresses, .n_lines = head->n_lines, .strings_size = head->strings_size};
    const uint8_t *at = bytes + sizeof(*head);
    reply.line_counts = (const uint32_t *)(const void *)at;
    at += n_addresses * sizeof(uint32_t);
    reply.lines = (const MessageLine *)(const void *)at;
    at += head->n_lines * sizeof(MessageLine);
    reply.strings = (const char *)at;
    if (!lines_are_sound(&reply))
        return error_set(error, CRESSET_ERROR_DATA_LOSS,
                         "symbolizer: a reply whose counts or offsets do not add up");
    *ret_reply = reply;
    return true;
}
