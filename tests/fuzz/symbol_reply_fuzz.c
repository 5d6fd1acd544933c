/* The symbolizer process reads hostile files: whatever it sends, the agent stays in bounds. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/symbolize/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree uint8_t *aligned = g_memdup2(data, size);
    MessageReply reply;
    if (size < sizeof(MessageReplyHead))
        return 0;
    uint32_t n = ((const MessageReplyHead *)(const void *)aligned)->n_addresses;
    if (!message_reply_parse(aligned, size, n, &reply, NULL))
        return 0;
    size_t length = 0;
    for (uint32_t i = 0; i < reply.n_lines; i++)
        length += strlen(reply.strings + reply.lines[i].name) +
                  strlen(reply.strings + reply.lines[i].file) +
                  strlen(reply.strings + reply.lines[i].system_name);
    g_assert(length <= 3 * (size_t)reply.n_lines * size);
    return 0;
}
