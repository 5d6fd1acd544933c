/* Our side of the process that fetches one debug file (fetch.h). */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "server/debuginfo/fetch.h"

typedef struct {
    pid_t pid;
    int output; /* what it prints */
} FetchProcess;

typedef struct {
    const char *program, *build_id;
    int64_t cache_bytes_max;
    GStrv environment;
} FetchProcessConfig;

/* UNAVAILABLE when it could not be started. */
bool fetch_process_start(FetchProcess *process, const FetchProcessConfig *config, GError **error);

/* Reads what it prints and waits until it has ended, but leaves it to be reaped, so that its pid
 * stays its own. Returns its line. */
char *fetch_process_wait(FetchProcess *process);
/* Reaps a process that has ended. False when it did not end by itself, as it should. */
bool fetch_process_reap(FetchProcess *process, DebugFetchResult *ret_result);
