/* From addresses to functions and lines, for the exporter: asks the cache, then the symbolizer
 * process, one request per file. Blocking; one thread at a time. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/process/executable.h"
#include "agent/sample/sample.h"
#include "lib/symbolize/line_cache.h"

typedef struct Symbolizer Symbolizer;

typedef struct {
    const char *program; /* NULL: /proc/self/exe; see worker.h */
    int64_t deadline_ms; /* of one request; 0: 10 s */
    size_t cache_bytes;  /* 0: 6 MiB */
} SymbolizerConfig;

Symbolizer *symbolizer_new(const SymbolizerConfig *config);
void symbolizer_free(Symbolizer *symbolizer);

/* One address to resolve, of a process whose ids are used to find debug files in its root folder
 * and its perf map. `address` is already what is to be looked up (of a return address: minus 1).
 * Filled in: `lines`, without any when nothing is known. */
typedef struct {
    FrameKind kind;
    uint32_t pid, namespace_pid;
    Executable *executable; /* FRAME_FILE only; borrowed */
    uint64_t address;
    CachedLines lines;
} SymbolQuery;

/* Starts a unit of work: results hold from now until the next call of this. */
void symbolizer_begin(Symbolizer *symbolizer);
/* Resolves addresses of any processes; the more at once, the better, because a file is opened once
 * for all of them. Never fails: a file that kills or hangs the symbolizer twice is left without
 * symbols for good, and counted. */
void symbolizer_resolve(Symbolizer *symbolizer, SymbolQuery *queries, size_t n);

/* Line `i` of an answer, with its strings by symbolizer_text. */
const CachedLine *symbolizer_line(const Symbolizer *symbolizer, CachedLines lines, uint32_t i);
const char *symbolizer_text(const Symbolizer *symbolizer, uint32_t string, size_t *ret_length);

/* Counted since the start. May be read from any thread while another resolves. */
typedef struct {
    uint64_t hits, misses; /* addresses found in the cache, and asked for */
    uint64_t starts;       /* of the symbolizer process; more than 1 means it died */
    uint64_t failures;     /* requests that it did not answer */
    uint64_t bad_files;    /* files given up */
    uint64_t cache_bytes;
} SymbolizerCounts;

void symbolizer_get_counts(Symbolizer *symbolizer, SymbolizerCounts *ret_counts);
/* The process id of the symbolizer process, 0 when it is not running; for metrics and tests. */
uint32_t symbolizer_child_pid(Symbolizer *symbolizer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Symbolizer, symbolizer_free)
