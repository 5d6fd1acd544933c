#include "agent/sample/table_store.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/process/executable_private.h"
#include "agent/unwind/table.h"
#include "lib/base/error.h"

enum {
    RULES_BYTES = UNWIND_RULES_MAX * sizeof(struct unwind_rule),
    SWEEPS_KEPT = 2, /* an unused table outlives this many sweeps */
};

typedef struct {
    TableStore *store;
    Executable *executable;
    uint64_t word, built_word; /* the latter is the worker's until it is done */
    GArray *blocks;            /* SlabBlock */
    guint unmarked;            /* sweeps since it was last in use */
    gint64 build_us;
    GSource *result; /* on the loop, from the end of its build until it is published; or NULL */
    bool is_hurried;
} Entry;

struct TableStore {
    SlabStore *slabs;
    UnwindRules *rules;
    struct unwind_rule *bpf_rules; /* the map `rules` */
    size_t n_uploaded;             /* worker only */
    GHashTable *by_executable;     /* Executable * -> Entry * */
    GThreadPool *worker;
    GMainContext *context;
    TableReadyFunc ready;
    void *data;
    gint is_closing;
    TableCounts counts;
};

static void build(gpointer entry, gpointer store);

static void
entry_free(gpointer pointer)
{
    Entry *entry = pointer;
    for (guint i = 0; i < entry->blocks->len; i++)
        slab_store_retire(entry->store->slabs, g_array_index(entry->blocks, SlabBlock, i));
    g_array_free(entry->blocks, TRUE);
    executable_unref(entry->executable);
    g_free(entry);
}

static struct unwind_rule *
map_rules(int rules_fd)
{
    int flags = rules_fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    void *rules = mmap(NULL, RULES_BYTES, PROT_READ | PROT_WRITE, flags, rules_fd, 0);
    return rules != MAP_FAILED ? rules : NULL;
}

/* Loop: what stacks wait for comes first, then small files, so that a huge one keeps few waiting.
 */
static gint
compare_urgency(gconstpointer left, gconstpointer right, gpointer data G_GNUC_UNUSED)
{
    const Entry *a = left, *b = right;
    if (a->is_hurried != b->is_hurried)
        return a->is_hurried ? -1 : 1;
    uint64_t a_size = a->executable->size_bytes, b_size = b->executable->size_bytes;
    return (a_size > b_size) - (a_size < b_size);
}

TableStore *
table_store_new(SlabStore *slabs, int rules_fd, TableReadyFunc ready, void *data, GError **error)
{
    struct unwind_rule *bpf_rules = map_rules(rules_fd);
    if (bpf_rules == NULL) {
        error_set_errno(error, errno, "map the BPF array of unwind rules");
        return NULL;
    }
    TableStore *store = g_new0(TableStore, 1);
    store->slabs = slabs;
    store->bpf_rules = bpf_rules;
    store->rules = unwind_rules_new();
    store->ready = ready;
    store->data = data;
    store->by_executable = g_hash_table_new_full(NULL, NULL, NULL, entry_free);
    store->context = g_main_context_ref_thread_default();
    store->worker = g_thread_pool_new(build, store, 1, FALSE, NULL);
    g_thread_pool_set_sort_function(store->worker, compare_urgency, NULL);
    return store;
}

/* Takes the results off the loop that the worker posted before it ended. */
static void
drop_results(TableStore *store)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, store->by_executable);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Entry *entry = value;
        if (entry->result != NULL)
            g_source_destroy(entry->result);
        g_clear_pointer(&entry->result, g_source_unref);
    }
}

void
table_store_free(TableStore *store)
{
    if (store == NULL)
        return;
    g_atomic_int_set(&store->is_closing, 1);
    g_thread_pool_free(store->worker, FALSE, TRUE);
    drop_results(store);
    g_hash_table_unref(store->by_executable);
    unwind_rules_free(store->rules);
    munmap(store->bpf_rules, RULES_BYTES);
    g_main_context_unref(store->context);
    g_free(store);
}

/* Copies the rules that are new to the BPF side: before any row that names them. */
static void
upload_rules(TableStore *store)
{
    size_t count = unwind_rules_count(store->rules);
    const struct unwind_rule *rules = unwind_rules_data(store->rules);
    memcpy(store->bpf_rules + store->n_uploaded, rules + store->n_uploaded,
           (count - store->n_uploaded) * sizeof *rules);
    store->n_uploaded = count;
}

static bool
alloc_block(Entry *entry, uint32_t words, SlabBlock *ret_block, GError **error)
{
    if (!slab_store_alloc(entry->store->slabs, words, ret_block, error))
        return false;
    g_array_append_val(entry->blocks, *ret_block);
    return true;
}

/* How many pages from `first` on have at most SLAB_WORDS words of rows. */
static uint32_t
pages_of_one_block(const UnwindTable *table, uint32_t first)
{
    uint32_t last = first;
    while (last < table->n_pages &&
           table->first_row[last + 1] - table->first_row[first] <= 2 * SLAB_WORDS)
        last++;
    return last - first;
}

/* Copies the rows of pages [first, first + n) and sets their page words in `index`. */
static bool
upload_pages(Entry *entry, const UnwindTable *table, uint32_t first, uint32_t n, uint64_t *index,
             GError **error)
{
    uint32_t start = table->first_row[first], count = table->first_row[first + n] - start;
    SlabBlock block;
    if (!alloc_block(entry, (count + 1) / 2, &block, error))
        return false;
    /* Whole words, then the odd row: the array of rows may end in the midst of a word. */
    slab_store_write(entry->store->slabs, block, 0, table->rows + start, count / 2);
    uint64_t odd = count % 2 != 0 ? table->rows[start + count - 1] : 0;
    slab_store_write(entry->store->slabs, block, count / 2, &odd, count % 2);
    for (uint32_t i = first; i < first + n; i++) {
        uint32_t rows = table->first_row[i + 1] - table->first_row[i];
        index[i] = PAGE_WORD(block.slab, rows, block.offset * 2 + table->first_row[i] - start);
    }
    return true;
}

static bool
upload(Entry *entry, const UnwindTable *table, GError **error)
{
    g_autofree uint64_t *index = g_new(uint64_t, table->n_pages + 1);
    SlabBlock block;
    index[0] = (table->start_address >> UNWIND_PAGE_SHIFT) | (uint64_t)table->n_pages << 32;
    for (uint32_t page = 0, n; page < table->n_pages; page += n) {
        n = pages_of_one_block(table, page);
        if (n == 0)
            return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "a page of too many rows");
        if (!upload_pages(entry, table, page, n, index + 1, error))
            return false;
    }
    if (!alloc_block(entry, table->n_pages + 1, &block, error))
        return false;
    slab_store_write(entry->store->slabs, block, 0, index, table->n_pages + 1);
    entry->built_word = MAPPING_WORD(MAPPING_TABLE, block.slab, block.offset);
    return true;
}

/* The table did not fit: gives back what did, which no BPF program has seen. */
static void
take_back(Entry *entry)
{
    for (guint i = 0; i < entry->blocks->len; i++)
        slab_store_release(entry->store->slabs, g_array_index(entry->blocks, SlabBlock, i));
    g_array_set_size(entry->blocks, 0);
    entry->built_word = MAPPING_WORD(MAPPING_COPY, 0, 0);
}

static ElfFile *
open_elf(Executable *executable, GError **error)
{
    GBytes *image = executable_private(executable)->image;
    if (image == NULL)
        return elf_file_open(executable->fd, error);
    return elf_file_open_memory(g_bytes_get_data(image, NULL), g_bytes_get_size(image), error);
}

/* Loop: publishes what the worker built. */
static gboolean
finish_build(gpointer pointer)
{
    Entry *entry = pointer;
    TableStore *store = entry->store;
    g_clear_pointer(&entry->result, g_source_unref);
    entry->word = entry->built_word;
    store->counts.pending--;
    store->counts.build_ns += (guint64)entry->build_us * 1000;
    if (entry->word >> 48 == MAPPING_TABLE)
        store->counts.built++;
    else
        store->counts.failed++;
    if (store->counts.pending == 0)
        malloc_trim(0); /* building takes several times what a table takes */
    store->ready(entry->executable, entry->word, store->data);
    return G_SOURCE_REMOVE;
}

/* Worker. */
static void
build(gpointer pointer, gpointer user_data)
{
    Entry *entry = pointer;
    TableStore *store = user_data;
    gint64 started_us = g_get_monotonic_time();
    g_autoptr(GError) error = NULL;
    entry->built_word = MAPPING_WORD(MAPPING_NO_TABLE, 0, 0);
    if (!g_atomic_int_get(&store->is_closing)) {
        g_autoptr(ElfFile) elf = open_elf(entry->executable, &error);
        g_autoptr(UnwindTable) table =
            elf != NULL ? unwind_table_new(elf, store->rules, NULL, &error) : NULL;
        upload_rules(store);
        if (table != NULL && !upload(entry, table, &error))
            take_back(entry);
    }
    if (error != NULL)
        g_debug("no unwind table for %s: %s", entry->executable->path, error->message);
    entry->build_us = g_get_monotonic_time() - started_us;
    entry->result = g_idle_source_new();
    g_source_set_priority(entry->result, G_PRIORITY_DEFAULT);
    g_source_set_callback(entry->result, finish_build, entry, NULL);
    g_source_attach(entry->result, store->context);
}

uint64_t
table_store_word(TableStore *store, Executable *executable)
{
    Entry *entry = g_hash_table_lookup(store->by_executable, executable);
    if (entry == NULL) {
        entry = g_new0(Entry, 1);
        entry->store = store;
        entry->executable = executable_ref(executable);
        entry->blocks = g_array_new(FALSE, FALSE, sizeof(SlabBlock));
        entry->word = MAPPING_WORD(MAPPING_PENDING, 0, 0);
        g_hash_table_insert(store->by_executable, executable, entry);
        store->counts.pending++;
        g_thread_pool_push(store->worker, entry, NULL);
    }
    entry->unmarked = 0;
    return entry->word;
}

void
table_store_hurry(TableStore *store, Executable *executable)
{
    Entry *entry = g_hash_table_lookup(store->by_executable, executable);
    if (entry != NULL && entry->word >> 48 == MAPPING_PENDING && !entry->is_hurried) {
        entry->is_hurried = true;
        g_thread_pool_set_sort_function(store->worker, compare_urgency, NULL); /* sorts anew */
    }
}

void
table_store_mark(TableStore *store, Executable *executable)
{
    Entry *entry = g_hash_table_lookup(store->by_executable, executable);
    if (entry != NULL)
        entry->unmarked = 0;
}

void
table_store_sweep(TableStore *store)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, store->by_executable);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Entry *entry = value;
        if (entry->word >> 48 != MAPPING_PENDING && entry->unmarked++ >= SWEEPS_KEPT)
            g_hash_table_iter_remove(&iter);
    }
}

bool
table_store_is_idle(const TableStore *store)
{
    return store->counts.pending == 0;
}

const struct unwind_rule *
table_store_rules(const TableStore *store, size_t *ret_count)
{
    *ret_count = unwind_rules_count(store->rules);
    return unwind_rules_data(store->rules);
}

void
table_store_get_counts(const TableStore *store, TableCounts *ret_counts)
{
    *ret_counts = store->counts;
    ret_counts->tables = g_hash_table_size(store->by_executable);
}
