/* All processes of the node that the agent knows, kept up to date by the events of the BPF programs
 * (include/cresset/event.h) and, for what ran before, by reading /proc. Loop thread only. */
#pragma once
#include "agent/process/executable_cache.h"
#include "agent/process/process.h"
#include "cresset/event.h"

typedef struct ProcessTable ProcessTable;

typedef struct {
    /* The mappings of a process changed, or it is new. */
    void (*changed)(Process *process, void *data);
    /* It exited; the last call about it. */
    void (*gone)(Process *process, void *data);
    /* The number of its last event as the BPF side counts, 0 when it had none. */
    uint32_t (*sequence)(uint32_t pid, void *data);
} ProcessTableOps;

ProcessTable *process_table_new(ExecutableCache *cache, const ProcessTableOps *ops, void *data);
void process_table_free(ProcessTable *table);

/* Takes in one event of any kind but samples. */
void process_table_apply(ProcessTable *table, const struct event_header *event);
/* The process, or NULL. */
Process *process_table_find(ProcessTable *table, uint32_t pid);
/* The process, read from /proc when it is not known. When it is gone from there too, an exited
 * process without mappings, which the table does not keep. A new reference. */
Process *process_table_get(ProcessTable *table, uint32_t pid);
/* Reads the mappings again because an address is in none of them. The time until it may be read
 * once more doubles while readings show nothing new. */
void process_table_reread(ProcessTable *table, Process *process);

/* Reads some of the processes that ran before the agent; false when all have been. */
bool process_table_scan(ProcessTable *table, guint n_processes);
/* Events were lost: reads the mappings of the processes that they were about. */
void process_table_resync(ProcessTable *table);
/* Forgets processes whose exit was not seen (the ring buffer was full). */
void process_table_sweep(ProcessTable *table);
guint process_table_size(const ProcessTable *table);
/* Calls `func` for every process. */
void
process_table_foreach(ProcessTable *table, void (*func)(Process *process, void *data), void *data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProcessTable, process_table_free)
