/* The unwind tables of all executables that processes map: built on a worker thread when an
 * executable is first asked for, kept in slabs, and evicted some time after the last process that
 * mapped it has gone. Loop thread only, apart from the worker inside. */
#pragma once
#include <glib.h>

#include "agent/process/executable.h"
#include "agent/sample/slab_store.h"

typedef struct TableStore TableStore;

/* Called on the loop when the table of `executable` is ready; `word` is its MAPPING_WORD. */
typedef void (*TableReadyFunc)(Executable *executable, uint64_t word, void *data);

/* `rules_fd` is the map `rules`, or -1 in tests. Results are delivered to the thread-default
 * GMainContext of the caller. */
TableStore *
table_store_new(SlabStore *slabs, int rules_fd, TableReadyFunc ready, void *data, GError **error);
/* Waits for the worker; nothing is delivered any more, and nothing else of the context is run. */
void table_store_free(TableStore *store);

/* The MAPPING_WORD of an executable now: MAPPING_PENDING while its table is being built, which the
 * first call starts. */
uint64_t table_store_word(TableStore *store, Executable *executable);
/* A stack waits for the table of this executable: builds it before those that none waits for. */
void table_store_hurry(TableStore *store, Executable *executable);
/* Evicts the tables that nobody has marked since the sweep before the last. */
void table_store_mark(TableStore *store, Executable *executable);
void table_store_sweep(TableStore *store);
/* Waits until no table is being built; for tests. */
bool table_store_is_idle(const TableStore *store);

/* The rules as they are now, for unwinding in user space. */
const struct unwind_rule *table_store_rules(const TableStore *store, size_t *ret_count);

typedef struct {
    guint tables, pending;
    guint64 built, failed, build_ns;
} TableCounts;

void table_store_get_counts(const TableStore *store, TableCounts *ret_counts);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TableStore, table_store_free)
