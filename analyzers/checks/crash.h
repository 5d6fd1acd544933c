/* Containers that end again and again: what kind of end, and its text. Internal to
 * analyzers/checks. */
#pragma once
#include "analyzers/checks/log_line.h"
#include "analyzers/checks/unreachable.h"

typedef enum {
    CRASH_PLAIN,
    CRASH_DEPENDENCY,
    CRASH_CONFIG,
    CRASH_PERMISSION,
    CRASH_PORT,
    CRASH_LOCK,
    CRASH_MEMORY,
    CRASH_LIVENESS,
    CRASH_STARTUP,
    CRASH_FINISHED,
    CRASH_COMMAND,
    CRASH_SIGNAL,
    CRASH_INIT,
    CRASH_MEMORY_ONCE,  /* ended once, and runs now */
    CRASH_SELDOM,       /* ends now and then */
    CRASH_ARCHITECTURE, /* a check of its own: image-arch-mismatch */
    CRASH_KINDS
} CrashKind;

typedef struct {
    const Container *container;
    const Value *ended;      /* how its last run ended */
    char *line;              /* of its log; NULL: there is none */
    Unreachable *dependency; /* that the line names; NULL: none */
    CrashKind kind;
    bool is_inferred; /* the probe, from how and when it ended: nothing tells of it */
} Crash;

/* Writes title, cause, evidence and steps of a finding about a crash. */
void crash_write(CheckRun *run, Finding *finding, const Crash *crash);
