/* The mapping blocks: what the BPF side knows of the mappings of each process. Loop thread only. */
#pragma once
#include <glib.h>

#include "agent/process/process.h"
#include "agent/sample/slab_store.h"
#include "agent/sample/table_store.h"

typedef struct Blocks Blocks;

/* `processes_fd` is the map `processes`, or -1 in tests. */
Blocks *blocks_new(SlabStore *slabs, TableStore *tables, int processes_fd);
void blocks_free(Blocks *blocks);

/* The mappings of the process changed: its block is written by the next flush. */
void blocks_mark(Blocks *blocks, Process *process);
void blocks_flush(Blocks *blocks);
/* The process is gone. */
void blocks_drop(Blocks *blocks, Process *process);
/* The table of an executable is ready: enters it into the block of a process that maps it. */
void blocks_set_word(Blocks *blocks, Process *process, const Executable *executable, uint64_t word);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Blocks, blocks_free)
