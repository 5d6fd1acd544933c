/* Values of metrics for people. */
#pragma once

typedef enum {
    UNIT_NUMBER, /* "0.123" */
    UNIT_COUNT,  /* "3", "2.5" */
    UNIT_SHARE,  /* 0.25 is "25 %" */
    UNIT_LEFT,   /* a share that is left: 0.04 is "96 %" */
    UNIT_BYTES,  /* "1.5 GiB" */
    UNIT_CORES,
    UNIT_RATE,    /* "3.5 a second" */
    UNIT_SECONDS, /* "3 d 4 h" */
    UNIT_SHORT,   /* seconds of an operation: "250 ms" */
} Unit;

/* Free with g_free. */
char *unit_text(Unit unit, double value);
