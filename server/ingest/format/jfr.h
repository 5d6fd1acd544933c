/* Recordings of the JDK Flight Recorder, as the JDK and async-profiler write them. */
#pragma once
#include "server/ingest/format/profile_set.h"

typedef struct {
    const uint8_t *data;
    size_t size;
} JfrInput;

/* Reads a recording into one profile of `set` for each kind of event that it has, with the labels
 * __name__ and, where the recording says what was sampled, jfr_event. `labels` are those of its
 * contexts (server/ingest/format/jfr_labels.h) or empty. Both are uncompressed.
 *
 * INVALID_ARGUMENT when something is damaged: nothing is added then; or when a kind of event has
 * too many different stacks: then the others are added. */
bool jfr_read(JfrInput recording, JfrInput labels, const ProfileSource *source, ProfileSet *set,
              GError **error);
