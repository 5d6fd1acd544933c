/* The events of a chunk of a JDK Flight Recorder file that become samples. */
#pragma once
#include "server/ingest/format/jfr_chunk.h"

/* What is counted: the profiles that a recording becomes. */
typedef enum {
    JFR_CPU,
    JFR_WALL,
    JFR_IN_NEW_TLAB,
    JFR_OUTSIDE_TLAB,
    JFR_ALLOCATION_SAMPLE,
    JFR_LOCK,
    JFR_PARK,
    JFR_LIVE,
    JFR_MALLOC,
    JFR_COUNTS,
} JfrCount;

/* Events of equal stack and labels, added up. */
typedef struct {
    uint64_t count; /* JfrCount; as wide as the others, for keys are compared as bytes */
    uint64_t stack_trace, context, span, span_name; /* keys */
    int64_t values[2];                              /* occurrences, and bytes or nanoseconds */
} JfrSample;

typedef struct {
    GHashTable *samples; /* JfrSample to itself */
    uint32_t n_samples[JFR_COUNTS];
    uint64_t n_dropped[JFR_COUNTS]; /* events beyond samples_max different samples */
    uint32_t samples_max;
    char *event; /* the setting of that name of async-profiler: cpu, itimer, wall …; or NULL */
} JfrEvents;

void jfr_events_init(JfrEvents *events, uint32_t samples_max);
void jfr_events_clear(JfrEvents *events);

/* Reads the events of a chunk. What was read before of another chunk is forgotten, but for the
 * setting. INVALID_ARGUMENT when one is damaged. */
bool jfr_events_read(JfrEvents *events, JfrChunk *chunk, GError **error);
