/* Folded stacks as text: one stack per line, frames joined by ';', the root first. Counted lines
 * end in a space and how often the stack was seen; plain lines are one occurrence each. */
#pragma once
#include "server/ingest/format/profile_set.h"

/* Reads counted lines ("groups") or plain ones into one profile of `set`; empty lines are passed
 * over, and nothing but those is no profile. INVALID_ARGUMENT names the line. */
bool folded_read(const uint8_t *text, size_t size, bool is_counted, const ProfileSource *source,
                 ProfileSet *set, GError **error);
