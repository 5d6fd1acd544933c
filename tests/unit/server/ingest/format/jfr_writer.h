/* Writes small recordings, of one chunk, for tests: with types, constants and events as given. */
#pragma once
#include "lib/pprof/wire.h"

/* Numbers of the writer's types. */
enum {
    W_INT = 4,
    W_LONG,
    W_BOOLEAN,
    W_STRING = 20,
    W_SYMBOL = 30,
    W_CLASS,
    W_METHOD,
    W_FRAME,
    W_TRACE,
    W_STATE,
    W_SETTING = 101,
    W_EXECUTION,
    W_WALL,
    W_MONITOR,
    W_PARK,
    W_IN_TLAB,
    W_OUTSIDE_TLAB,
    W_ALLOCATION,
    W_LIVE,
    W_MALLOC,
    W_UNKNOWN,
};

/* A number in the format of JFR, and a string that stands in place. */
void jfr_put(WireBuffer *out, uint64_t number);
void jfr_put_string(WireBuffer *out, const char *text);

/* Appends an event of `type` with these fields behind the time, which are taken. */
void jfr_put_event(WireBuffer *events, uint64_t type, WireBuffer *fields);

/* A chunk with these events, which are taken. Stack traces: 1 is shop/Cart.add (line 7) below
 * shop/Main.main, 2 is shop/Main.main (line 3), 3 the native function "write" without a class below
 * it. States: 1 is STATE_RUNNABLE, 2 STATE_SLEEPING. String 1 is "wall". 1000 ticks are a second.
 */
WireBuffer jfr_recording(WireBuffer *events);
