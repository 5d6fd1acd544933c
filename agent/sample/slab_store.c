#include "agent/sample/slab_store.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/error.h"

enum {
    BLOCK_ALIGN = 8,                     /* words: one cache line */
    MAPPED_FOR_US = 2 * G_USEC_PER_SEC,  /* after the last look at a slab */
    RETIRED_FOR_US = G_USEC_PER_SEC * 1, /* no BPF program runs that long */
};

typedef struct {
    uint32_t offset, words;
} Extent;

typedef struct {
    int fd;          /* -1 in tests */
    uint64_t *words; /* NULL while not mapped */
    gint64 used_us;
    GArray *free; /* Extent, sorted by offset, never touching each other */
} Slab;

typedef struct {
    SlabBlock block;
    gint64 at_us;
} Retired;

struct SlabStore {
    GMutex lock;
    int outer_fd;
    uint64_t max_bytes, used_words;
    uint32_t n_slabs;
    Slab slabs[SLABS_MAX];
    GArray *retired; /* Retired, oldest first */
};

SlabStore *
slab_store_new(int outer_fd, uint64_t max_bytes)
{
    SlabStore *store = g_new0(SlabStore, 1);
    g_mutex_init(&store->lock);
    store->outer_fd = outer_fd;
    store->max_bytes = max_bytes;
    store->retired = g_array_new(FALSE, FALSE, sizeof(Retired));
    return store;
}

void
slab_store_free(SlabStore *store)
{
    if (store == NULL)
        return;
    for (uint32_t i = 0; i < store->n_slabs; i++) {
        if (store->slabs[i].words != NULL)
            munmap(store->slabs[i].words, SLAB_BYTES);
        if (store->slabs[i].fd >= 0)
            close(store->slabs[i].fd);
        g_array_free(store->slabs[i].free, TRUE);
    }
    g_array_free(store->retired, TRUE);
    g_mutex_clear(&store->lock);
    g_free(store);
}

/* Makes a BPF array and puts it into the outer map; -1 on failure. */
static int
make_array(SlabStore *store, uint32_t number, GError **error)
{
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
    int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "cresset_slab", sizeof(uint32_t), sizeof(uint64_t),
                            SLAB_WORDS, &options);
    if (fd < 0) {
        error_set_errno(error, errno, "create a BPF array of %d bytes", SLAB_BYTES);
        return -1;
    }
    if (bpf_map_update_elem(store->outer_fd, &number, &fd, BPF_ANY) != 0) {
        error_set_errno(error, errno, "publish a BPF array");
        close(fd);
        return -1;
    }
    return fd;
}

static uint64_t *
map_slab(Slab *slab)
{
    int flags = slab->fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    void *words = mmap(NULL, SLAB_BYTES, PROT_READ | PROT_WRITE, flags, slab->fd, 0);
    slab->words = words != MAP_FAILED ? words : NULL;
    slab->used_us = g_get_monotonic_time();
    return slab->words;
}

static bool
add_slab(SlabStore *store, GError **error)
{
    if (store->n_slabs == SLABS_MAX ||
        (uint64_t)(store->n_slabs + 1) * SLAB_BYTES > store->max_bytes)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                         "unwind tables need more than unwind-table-bytes, %" G_GUINT64_FORMAT
                         " bytes",
                         store->max_bytes);
    Slab *slab = &store->slabs[store->n_slabs];
    slab->fd = store->outer_fd < 0 ? -1 : make_array(store, store->n_slabs, error);
    if (slab->fd < 0 && store->outer_fd >= 0)
        return false;
    if (map_slab(slab) == NULL) {
        if (slab->fd >= 0)
            close(slab->fd);
        return error_set_errno(error, errno, "map a BPF array");
    }
    Extent whole = {0, SLAB_WORDS};
    slab->free = g_array_new(FALSE, FALSE, sizeof(Extent));
    g_array_append_val(slab->free, whole);
    store->n_slabs++;
    return true;
}

/* First fit within one slab. */
static bool
take(Slab *slab, uint32_t words, uint32_t *ret_offset)
{
    for (guint i = 0; i < slab->free->len; i++) {
        Extent *extent = &g_array_index(slab->free, Extent, i);
        if (extent->words < words)
            continue;
        *ret_offset = extent->offset;
        extent->offset += words;
        extent->words -= words;
        if (extent->words == 0)
            g_array_remove_index(slab->free, i);
        return true;
    }
    return false;
}

bool
slab_store_alloc(SlabStore *store, uint32_t words, SlabBlock *ret_block, GError **error)
{
    words = (words + BLOCK_ALIGN - 1) / BLOCK_ALIGN * BLOCK_ALIGN;
    if (words == 0 || words > SLAB_WORDS)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "a block of %u words", words);
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&store->lock);
    SlabBlock block = {.words = words};
    for (block.slab = 0;; block.slab++) {
        if (block.slab == store->n_slabs && !add_slab(store, error))
            return false;
        if (take(&store->slabs[block.slab], words, &block.offset))
            break;
    }
    store->used_words += words;
    *ret_block = block;
    return true;
}

/* The position of the first free extent at or behind `offset`. */
static guint
extent_position(const GArray *free_extents, uint32_t offset)
{
    guint low = 0, high = free_extents->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (g_array_index(free_extents, Extent, middle).offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void
give_back(SlabStore *store, SlabBlock block)
{
    GArray *extents = store->slabs[block.slab].free;
    guint at = extent_position(extents, block.offset);
    Extent extent = {block.offset, block.words};
    store->used_words -= block.words;
    if (at < extents->len) {
        const Extent *next = &g_array_index(extents, Extent, at);
        if (next->offset == extent.offset + extent.words) {
            extent.words += next->words;
            g_array_remove_index(extents, at);
        }
    }
    if (at > 0) {
        Extent *before = &g_array_index(extents, Extent, at - 1);
        if (before->offset + before->words == extent.offset) {
            before->words += extent.words;
            return;
        }
    }
    g_array_insert_val(extents, at, extent);
}

void
slab_store_release(SlabStore *store, SlabBlock block)
{
    if (block.words == 0)
        return;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&store->lock);
    give_back(store, block);
}

void
slab_store_retire(SlabStore *store, SlabBlock block)
{
    if (block.words == 0)
        return;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&store->lock);
    Retired retired = {block, g_get_monotonic_time()};
    g_array_append_val(store->retired, retired);
}

void
slab_store_collect(SlabStore *store, gint64 now_us)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&store->lock);
    guint n = 0;
    while (n < store->retired->len) {
        const Retired *retired = &g_array_index(store->retired, Retired, n);
        if (now_us - retired->at_us < RETIRED_FOR_US)
            break;
        give_back(store, retired->block);
        n++;
    }
    if (n > 0)
        g_array_remove_range(store->retired, 0, n);
}

static uint64_t *
words_of(SlabStore *store, uint32_t number)
{
    Slab *slab = &store->slabs[number];
    if (slab->words == NULL)
        return map_slab(slab);
    slab->used_us = g_get_monotonic_time();
    return slab->words;
}

void
slab_store_write(SlabStore *store, SlabBlock block, uint32_t at, const void *words, uint32_t n)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&store->lock);
    uint64_t *to = words_of(store, block.slab);
    if (to != NULL && at <= block.words && n <= block.words - at)
        memcpy(to + block.offset + at, words, n * sizeof(uint64_t));
}

uint64_t *
slab_store_words(SlabStore *store, uint32_t slab)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&store->lock);
    return slab < store->n_slabs ? words_of(store, slab) : NULL;
}

void
slab_store_trim(SlabStore *store, gint64 now_us)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&store->lock);
    for (uint32_t i = 0; i < store->n_slabs; i++) {
        Slab *slab = &store->slabs[i];
        if (slab->fd < 0 || slab->words == NULL || now_us - slab->used_us < MAPPED_FOR_US)
            continue;
        munmap(slab->words, SLAB_BYTES);
        slab->words = NULL;
    }
}

uint64_t
slab_store_used_bytes(SlabStore *store)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&store->lock);
    return store->used_words * sizeof(uint64_t);
}

uint64_t
slab_store_total_bytes(SlabStore *store)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&store->lock);
    return (uint64_t)store->n_slabs * SLAB_BYTES;
}
