#include "agent/sample/blocks.h"

#include <bpf/bpf.h>

#include "agent/process/process_private.h"

struct Blocks {
    SlabStore *slabs;
    TableStore *tables;
    int processes_fd;
    GPtrArray *dirty; /* Process *, a reference each */
};

Blocks *
blocks_new(SlabStore *slabs, TableStore *tables, int processes_fd)
{
    Blocks *blocks = g_new0(Blocks, 1);
    blocks->slabs = slabs;
    blocks->tables = tables;
    blocks->processes_fd = processes_fd;
    blocks->dirty = g_ptr_array_new_with_free_func((GDestroyNotify)process_unref);
    return blocks;
}

void
blocks_free(Blocks *blocks)
{
    if (blocks == NULL)
        return;
    g_ptr_array_unref(blocks->dirty);
    g_free(blocks);
}

void
blocks_mark(Blocks *blocks, Process *process)
{
    if (process_private(process)->is_dirty)
        return;
    process_private(process)->is_dirty = true;
    g_ptr_array_add(blocks->dirty, process_ref(process));
}

static SlabBlock
block_of(const ProcessPrivate *process)
{
    return (SlabBlock){process->block.slab, process->block.offset,
                       process->block.count * MAPPING_WORDS};
}

/* Blocks are handed out in multiples of eight words; what is given back must be as long. */
static SlabBlock
rounded(SlabBlock block)
{
    block.words = (block.words + 7) / 8 * 8;
    return block;
}

/* The entries of a block; to be freed. */
static uint64_t *
make_entries(Blocks *blocks, const GArray *mappings, uint32_t count)
{
    uint64_t *entries = g_new(uint64_t, count * MAPPING_WORDS), *entry = entries;
    for (uint32_t i = 0; i < count; i++, entry += MAPPING_WORDS) {
        const Mapping *mapping = &g_array_index(mappings, Mapping, i);
        entry[0] = mapping->start;
        entry[1] = mapping->end;
        entry[2] = mapping->bias;
        entry[3] = mapping->executable != NULL
                       ? table_store_word(blocks->tables, mapping->executable)
                       : MAPPING_WORD(MAPPING_NO_TABLE, 0, 0);
    }
    return entries;
}

/* Sets what the entries span, and their widest gap. */
static void
set_span(struct process_table *table, const uint64_t *entries)
{
    const uint64_t *last = entries + (table->count - 1) * MAPPING_WORDS;
    table->start = entries[0];
    table->end = table->gap_start = table->gap_end = last[1];
    for (const uint64_t *entry = entries; entry < last; entry += MAPPING_WORDS) {
        uint64_t gap_start = entry[1], gap_end = entry[MAPPING_WORDS];
        if (gap_end - gap_start > table->gap_end - table->gap_start) {
            table->gap_start = gap_start;
            table->gap_end = gap_end;
        }
    }
}

/* Writes a new block and points the BPF side to it; the old one may still be in use there. */
static void
write_block(Blocks *blocks, Process *process)
{
    ProcessPrivate *private = process_private(process);
    SlabBlock old = rounded(block_of(private)), fresh;
    uint32_t count = MIN(process->mappings->len, (guint)MAPPINGS_MAX);
    if (count == 0 || !slab_store_alloc(blocks->slabs, count * MAPPING_WORDS, &fresh, NULL))
        return; /* its stacks are copied */
    g_autofree uint64_t *entries = make_entries(blocks, process->mappings, count);
    slab_store_write(blocks->slabs, fresh, 0, entries, count * MAPPING_WORDS);
    private->block = (struct process_table){
        .slab = fresh.slab, .offset = fresh.offset, .count = count, .sequence = private->sequence};
    set_span(&private->block, entries);
    if (blocks->processes_fd >= 0)
        bpf_map_update_elem(blocks->processes_fd, &process->pid, &private->block, BPF_ANY);
    slab_store_retire(blocks->slabs, old);
}

void
blocks_flush(Blocks *blocks)
{
    for (guint i = 0; i < blocks->dirty->len; i++) {
        Process *process = blocks->dirty->pdata[i];
        process_private(process)->is_dirty = false;
        if (process_private(process)->is_kept)
            write_block(blocks, process);
    }
    g_ptr_array_set_size(blocks->dirty, 0);
}

void
blocks_drop(Blocks *blocks, Process *process)
{
    ProcessPrivate *private = process_private(process);
    if (blocks->processes_fd >= 0)
        bpf_map_delete_elem(blocks->processes_fd, &process->pid);
    slab_store_retire(blocks->slabs, rounded(block_of(private)));
    private->block = (struct process_table){0};
}

void
blocks_set_word(Blocks *blocks, Process *process, const Executable *executable, uint64_t word)
{
    ProcessPrivate *private = process_private(process);
    if (private->is_dirty || private->block.count == 0)
        return; /* the next flush writes it */
    uint64_t *words = slab_store_words(blocks->slabs, private->block.slab) + private->block.offset;
    for (uint32_t i = 0; i < private->block.count; i++) {
        if (g_array_index(process->mappings, Mapping, i).executable == executable)
            __atomic_store_n(&words[i * MAPPING_WORDS + 3], word, __ATOMIC_RELEASE);
    }
}
