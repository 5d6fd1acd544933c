/* The labels of a recording, which the Java agent of Pyroscope sends beside it: a protobuf message
 *
 *   LabelsSnapshot { map<int64, Context> contexts = 1; map<int64, string> strings = 2; }
 *   Context        { map<int64, int64> labels = 1; }
 *
 * An event names a context; the keys and values of its labels are numbers of strings. */
#pragma once
#include "server/ingest/format/jfr_chunk.h"

typedef struct {
    WireSpan message;
    JfrIndex contexts, strings; /* where their values are */
} JfrLabels;

/* Memory for a message of `size` bytes: what `arena` should allow. */
size_t jfr_labels_memory_max(size_t size);

/* Finds the contexts and strings; *labels points into the message and into `arena`.
 * INVALID_ARGUMENT when it is damaged. */
bool jfr_labels_read(JfrLabels *labels, const uint8_t *message, size_t size, Arena *arena,
                     GError **error);
/* A string, as it stands; false when there is none of this number. */
bool jfr_labels_string(const JfrLabels *labels, uint64_t number, WireSpan *ret_text);

/* Calls for each label of a context whose strings exist, for at most `n_max`; a context that does
 * not exist has none. */
typedef void (*JfrLabelEach)(WireSpan key, WireSpan value, void *data);
void jfr_labels_visit(const JfrLabels *labels, uint64_t context, uint64_t n_max, JfrLabelEach each,
                      void *data);
