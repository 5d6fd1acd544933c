/* The rules of Pyroscope for the time range of a query. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int64_t start_ns, end_ns; /* both inclusive */
} TimeRange;

typedef enum {
    TIME_RANGE_OK,
    TIME_RANGE_EMPTY, /* wholly before the look-back: answer with nothing */
    TIME_RANGE_BAD,   /* *error says why */
} TimeRangeResult;

/* Turns milliseconds into a range at `now_ns`. A missing bound (0), start behind end and a range
 * longer than `length_max_ns` are INVALID_ARGUMENT; what lies before now - `lookback_ns` is cut
 * off. A limit of 0 is none. */
TimeRangeResult
time_range_resolve(int64_t start_ms, int64_t end_ms, int64_t now_ns, int64_t lookback_ns,
                   int64_t length_max_ns, TimeRange *ret_range, GError **error);

/* Parses the time syntax of the legacy paths at `now_ns`: 20240131 (UTC), seconds, 13-digit
 * milliseconds, 16-digit microseconds, 19-digit nanoseconds, now, now-1h30m. Never fails: what
 * makes no sense is now. */
int64_t time_text_parse(const char *text, int64_t now_ns);
