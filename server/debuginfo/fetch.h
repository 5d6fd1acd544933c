/* The process that asks debuginfod servers for one debug file: the program itself started anew in
 * this mode, as
 *
 *     PROGRAM fetch-debug-file BUILD_ID CACHE_BYTES
 *
 * elfutils' client library does the work, configured by its own environment variables
 * (debuginfod-client-config(7)), which a process of its own can be given without racing against
 * other threads. Its cache is trimmed to CACHE_BYTES first. The exit status says what came of it;
 * one line on the standard output is the path of the file, or what went wrong. SIGTERM, and the
 * death of the parent, end it within a second or two. */
#pragma once

#define DEBUG_FETCH_ARGUMENT "fetch-debug-file"

typedef enum {
    DEBUG_FETCH_FOUND,
    DEBUG_FETCH_NOT_FOUND,  /* no server has it */
    DEBUG_FETCH_TIMEOUT,    /* no answer in time, or not all of it */
    DEBUG_FETCH_TOO_LARGE,  /* larger than DEBUGINFOD_MAXSIZE */
    DEBUG_FETCH_WRONG_FILE, /* what came is no ELF file with that build id */
    DEBUG_FETCH_FAILED,     /* refused, broken off and the like */
    DEBUG_FETCH_RESULTS,
} DebugFetchResult;

/* Fetches as the arguments after DEBUG_FETCH_ARGUMENT say and ends the process. */
_Noreturn void debug_fetch_main(int n_arguments, char **arguments);
