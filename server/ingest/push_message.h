/* The envelope of a push: push.v1.PushRequest (proto/push.proto), decoded by hand.
 *
 * Profiles stay where they are in the message; only labels and ids are copied, because they become
 * C strings. */
#pragma once
#include <stdbool.h>

#include "lib/base/arena.h"
#include "server/ingest/ingest.h"

typedef struct {
    IngestProfile *profiles; /* in arena memory, `profile` points into the message */
    size_t n;
} PushMessage;

/* Memory that decoding a message of `size` bytes may take at most: what `arena` should allow. */
size_t push_message_memory_max(size_t size);

/* One entry per sample of every series, in order. INVALID_ARGUMENT when the message is damaged (the
 * byte is named), a string holds a NUL byte or it carries too many profiles. */
bool push_message_decode(const uint8_t *message, size_t size, Arena *arena,
                         PushMessage *ret_message, GError **error);
