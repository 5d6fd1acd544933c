/* Functions and lines for addresses that came without: from the debug files of the tenant, else
 * from those of debuginfod servers, read in a process of their own (lib/symbolize), behind a cache.
 *
 * Blocking; from any thread, one at a time inside. */
#pragma once
#include <glib.h>
#include <stdint.h>

#include "lib/pprof/address_lines.h"
#include "server/debuginfo/debug_files.h"
#include "server/debuginfo/fetcher.h"

typedef struct DebugResolver DebugResolver;

typedef struct {
    const char *program;   /* NULL: this program; see lib/symbolize/worker.h */
    int64_t deadline_ms;   /* of one request to the process; 0: 10 s */
    size_t cache_bytes;    /* 0: 32 MiB */
    DebugFetcher *fetcher; /* where files come from that were not uploaded; NULL: from nowhere */
} DebugResolverConfig;

/* Borrows `files` and the fetcher. */
DebugResolver *debug_resolver_new(DebugFiles *files, const DebugResolverConfig *config);
void debug_resolver_free(DebugResolver *resolver);

/* Where the addresses lie, as the profile says: a mapping of [start, limit) at `offset` of the
 * file. Without a start, the addresses are the file's own virtual ones. */
typedef struct {
    const char *tenant, *build_id; /* hexadecimal */
    const char *filename;          /* where functions without a symbol are said to be */
    uint64_t start, limit, offset;
} DebugMapping;

/* The lines of the addresses, all to be looked up as they are. NULL when there is no debug file,
 * or none yet. */
AddressLines *debug_resolver_lines(DebugResolver *resolver, const DebugMapping *mapping,
                                   const uint64_t *addresses, size_t n);

/* Waits, within the fetcher's limits, for files that are on their way. True when one of them is
 * there now. */
bool debug_resolver_wait(DebugResolver *resolver, const char *const *build_ids);

/* Appends cresset_server_symbolizer_… as Prometheus text. */
void debug_resolver_write_metrics(DebugResolver *resolver, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DebugResolver, debug_resolver_free)
