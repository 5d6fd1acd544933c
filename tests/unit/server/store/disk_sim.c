#include "tests/unit/server/store/disk_sim.h"

#include <errno.h>
#include <string.h>

enum { SECTOR = 512, FDS_MAX = 4096 };

typedef struct {
    uint64_t offset;
    GBytes *data;
} Write;

typedef struct {
    unsigned n_refs;
    GByteArray *now, *durable;
    GPtrArray *unsynced; /* Write */
    bool is_replacement; /* renamed over another one */
} Inode;

typedef struct {
    Disk public;
    GMutex lock;
    GHashTable *now, *durable; /* path → Inode */
    Inode *fds[FDS_MAX];
    bool is_locked;
    int lock_fd;
    uint64_t n_calls, fault_at;
    SimFault fault;
} Sim;

static void
free_write(void *data)
{
    Write *written = data;
    g_bytes_unref(written->data);
    g_free(written);
}

static Inode *
inode_new(void)
{
    Inode *inode = g_new0(Inode, 1);
    inode->n_refs = 1;
    inode->now = g_byte_array_new();
    inode->durable = g_byte_array_new();
    inode->unsynced = g_ptr_array_new_with_free_func(free_write);
    return inode;
}

static void
inode_unref(void *data)
{
    Inode *inode = data;
    if (--inode->n_refs > 0)
        return;
    g_byte_array_unref(inode->now);
    g_byte_array_unref(inode->durable);
    g_ptr_array_unref(inode->unsynced);
    g_free(inode);
}

static Inode *
inode_ref(Inode *inode)
{
    inode->n_refs++;
    return inode;
}

/* Counts a call in, with the lock taken; the fault that it meets. */
static SimFault
begin(Disk *disk, Sim **ret_sim)
{
    Sim *sim = *ret_sim = (Sim *)disk;
    g_mutex_lock(&sim->lock);
    sim->n_calls++;
    if (sim->fault == SIM_DEAD && sim->n_calls >= sim->fault_at)
        return SIM_DEAD;
    return sim->n_calls == sim->fault_at ? sim->fault : SIM_NO_FAULT;
}

static int
end(Sim *sim, int result)
{
    g_mutex_unlock(&sim->lock);
    return result;
}

static int
add_fd(Sim *sim, Inode *inode)
{
    for (int fd = 3; fd < FDS_MAX; fd++) {
        if (sim->fds[fd] == NULL) {
            sim->fds[fd] = inode_ref(inode);
            return fd;
        }
    }
    return -EMFILE;
}

static int
sim_make_dir(Disk *disk, const char *path)
{
    Sim *sim;
    (void)path;
    SimFault fault = begin(disk, &sim);
    return end(sim, fault == SIM_DEAD || fault == SIM_ERROR ? -EIO : 0);
}

static int
sim_create(Disk *disk, const char *path)
{
    Sim *sim;
    SimFault fault = begin(disk, &sim);
    if (fault == SIM_DEAD || fault == SIM_ERROR || fault == SIM_NO_SPACE)
        return end(sim, fault == SIM_NO_SPACE ? -ENOSPC : -EIO);
    if (g_hash_table_contains(sim->now, path))
        return end(sim, -EEXIST);
    Inode *inode = inode_new();
    g_hash_table_insert(sim->now, g_strdup(path), inode);
    return end(sim, add_fd(sim, inode));
}

static int
sim_open(Disk *disk, const char *path)
{
    Sim *sim;
    SimFault fault = begin(disk, &sim);
    if (fault == SIM_DEAD || fault == SIM_ERROR)
        return end(sim, -EIO);
    Inode *inode = g_hash_table_lookup(sim->now, path);
    return end(sim, inode == NULL ? -ENOENT : add_fd(sim, inode));
}

static int
sim_close(Disk *disk, int fd)
{
    Sim *sim = (Sim *)disk;
    g_mutex_lock(&sim->lock);
    if (sim->is_locked && fd == sim->lock_fd)
        sim->is_locked = false;
    else
        g_clear_pointer(&sim->fds[fd], inode_unref);
    return end(sim, 0);
}

static int64_t
sim_size(Disk *disk, int fd)
{
    Sim *sim;
    SimFault fault = begin(disk, &sim);
    if (fault == SIM_DEAD || fault == SIM_ERROR)
        return end(sim, -EIO);
    return end(sim, (int)sim->fds[fd]->now->len);
}

static int64_t
sim_read(Disk *disk, int fd, void *data, size_t size, uint64_t offset)
{
    Sim *sim;
    SimFault fault = begin(disk, &sim);
    if (fault != SIM_NO_FAULT && fault != SIM_NO_SPACE && fault != SIM_SHORT_WRITE)
        return end(sim, fault == SIM_INTERRUPT ? -EINTR : -EIO);
    const GByteArray *bytes = sim->fds[fd]->now;
    size_t got = offset < bytes->len ? MIN(size, bytes->len - offset) : 0;
    if (got > 0)
        memcpy(data, bytes->data + offset, got);
    return end(sim, (int)got);
}

static void
apply(GByteArray *bytes, uint64_t offset, const uint8_t *data, size_t size)
{
    unsigned before = bytes->len;
    if (offset + size > before) {
        g_byte_array_set_size(bytes, (unsigned)(offset + size));
        memset(bytes->data + before, 0, bytes->len - before);
    }
    memcpy(bytes->data + offset, data, size);
}

static int64_t
sim_write(Disk *disk, int fd, const void *data, size_t size, uint64_t offset)
{
    Sim *sim;
    SimFault fault = begin(disk, &sim);
    if (fault == SIM_DEAD || fault == SIM_ERROR)
        return end(sim, -EIO);
    if (fault == SIM_NO_SPACE || fault == SIM_INTERRUPT)
        return end(sim, fault == SIM_NO_SPACE ? -ENOSPC : -EINTR);
    if (fault == SIM_SHORT_WRITE && size > 1)
        size /= 2;
    Inode *inode = sim->fds[fd];
    Write *written = g_new(Write, 1);
    *written = (Write){offset, g_bytes_new(data, size)};
    g_ptr_array_add(inode->unsynced, written);
    apply(inode->now, offset, data, size);
    return end(sim, (int)size);
}

static int
sim_sync(Disk *disk, int fd)
{
    Sim *sim;
    SimFault fault = begin(disk, &sim);
    if (fault == SIM_DEAD || fault == SIM_ERROR)
        return end(sim, -EIO);
    Inode *inode = sim->fds[fd];
    g_byte_array_set_size(inode->durable, 0);
    g_byte_array_append(inode->durable, inode->now->data, inode->now->len);
    g_ptr_array_set_size(inode->unsynced, 0);
    return end(sim, 0);
}

static int
sim_rename(Disk *disk, const char *from, const char *to)
{
    Sim *sim;
    SimFault fault = begin(disk, &sim);
    if (fault == SIM_DEAD || fault == SIM_ERROR)
        return end(sim, -EIO);
    Inode *inode = g_hash_table_lookup(sim->now, from);
    if (inode == NULL)
        return end(sim, -ENOENT);
    inode_ref(inode);
    inode->is_replacement = g_hash_table_contains(sim->now, to);
    g_hash_table_remove(sim->now, from);
    g_hash_table_insert(sim->now, g_strdup(to), inode);
    return end(sim, 0);
}

static int
sim_remove(Disk *disk, const char *path)
{
    Sim *sim;
    SimFault fault = begin(disk, &sim);
    if (fault == SIM_DEAD || fault == SIM_ERROR)
        return end(sim, -EIO);
    return end(sim, g_hash_table_remove(sim->now, path) ? 0 : -ENOENT);
}

static bool
is_in(const char *path, const char *folder)
{
    g_autofree char *dir = g_path_get_dirname(path);
    return strcmp(dir, folder) == 0;
}

static gboolean
is_gone(void *path, void *inode, void *data)
{
    const void *const *context = data;
    (void)inode;
    return is_in(path, context[1]) &&
           !g_hash_table_contains(((Sim *)(uintptr_t)context[0])->now, path);
}

static int
sim_sync_dir(Disk *disk, const char *folder)
{
    Sim *sim;
    SimFault fault = begin(disk, &sim);
    if (fault == SIM_DEAD || fault == SIM_ERROR)
        return end(sim, -EIO);
    const void *context[] = {sim, folder};
    g_hash_table_foreach_remove(sim->durable, is_gone, context);
    GHashTableIter iter;
    void *path, *inode;
    g_hash_table_iter_init(&iter, sim->now);
    while (g_hash_table_iter_next(&iter, &path, &inode)) {
        if (is_in(path, folder))
            g_hash_table_insert(sim->durable, g_strdup(path), inode_ref(inode));
    }
    return end(sim, 0);
}

static int
sim_list(Disk *disk, const char *folder, GPtrArray *names)
{
    Sim *sim;
    SimFault fault = begin(disk, &sim);
    if (fault == SIM_DEAD || fault == SIM_ERROR)
        return end(sim, -EIO);
    GHashTableIter iter;
    void *path;
    g_hash_table_iter_init(&iter, sim->now);
    while (g_hash_table_iter_next(&iter, &path, NULL)) {
        if (is_in(path, folder))
            g_ptr_array_add(names, g_path_get_basename(path));
    }
    return end(sim, 0);
}

static int
sim_lock(Disk *disk, const char *path)
{
    Sim *sim;
    (void)path;
    SimFault fault = begin(disk, &sim);
    if (fault == SIM_DEAD || fault == SIM_ERROR)
        return end(sim, -EIO);
    if (sim->is_locked)
        return end(sim, -EWOULDBLOCK);
    sim->is_locked = true;
    return end(sim, sim->lock_fd);
}

static const uint8_t *
sim_map(Disk *disk, int fd, size_t size, int *ret_error)
{
    Sim *sim;
    SimFault fault = begin(disk, &sim);
    uint8_t *copy = NULL;
    if (fault == SIM_DEAD || fault == SIM_ERROR)
        *ret_error = -EIO;
    else
        copy = g_memdup2(sim->fds[fd]->now->data, size);
    end(sim, 0);
    return copy;
}

static void
sim_unmap(Disk *disk, const uint8_t *data, size_t size)
{
    (void)disk;
    (void)size;
    g_free((void *)(uintptr_t)data);
}

static const DiskOps sim_ops = {
    .make_dir = sim_make_dir,
    .create = sim_create,
    .open = sim_open,
    .close = sim_close,
    .size = sim_size,
    .read = sim_read,
    .write = sim_write,
    .sync = sim_sync,
    .rename = sim_rename,
    .remove = sim_remove,
    .sync_dir = sim_sync_dir,
    .list = sim_list,
    .lock = sim_lock,
    .map = sim_map,
    .unmap = sim_unmap,
};

static GHashTable *
new_names(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, inode_unref);
}

Disk *
disk_sim_new(void)
{
    Sim *sim = g_new0(Sim, 1);
    sim->public.ops = &sim_ops;
    g_mutex_init(&sim->lock);
    sim->now = new_names();
    sim->durable = new_names();
    sim->lock_fd = 1;
    return &sim->public;
}

void
disk_sim_free(Disk *disk)
{
    Sim *sim = (Sim *)disk;
    g_hash_table_unref(sim->now);
    g_hash_table_unref(sim->durable);
    for (int fd = 0; fd < FDS_MAX; fd++)
        g_clear_pointer(&sim->fds[fd], inode_unref);
    g_mutex_clear(&sim->lock);
    g_free(sim);
}

void
disk_sim_plan(Disk *disk, uint64_t call, SimFault fault)
{
    Sim *sim = (Sim *)disk;
    g_mutex_lock(&sim->lock);
    sim->n_calls = 0;
    sim->fault_at = call;
    sim->fault = fault;
    g_mutex_unlock(&sim->lock);
}

uint64_t
disk_sim_calls(Disk *disk)
{
    Sim *sim = (Sim *)disk;
    g_mutex_lock(&sim->lock);
    uint64_t n = sim->n_calls;
    g_mutex_unlock(&sim->lock);
    return n;
}

/* The content that a power cut leaves of one file. */
static void
settle_content(Inode *inode, GRand *random)
{
    for (unsigned i = 0; i < inode->unsynced->len; i++) {
        const Write *written = inode->unsynced->pdata[i];
        size_t size;
        const uint8_t *data = g_bytes_get_data(written->data, &size);
        int fate = g_rand_int_range(random, 0, 3);
        for (size_t at = 0; fate > 0 && at < size; at += SECTOR) {
            if (fate == 1 || g_rand_boolean(random))
                apply(inode->durable, written->offset + at, data + at,
                      MIN(size - at, (size_t)SECTOR));
        }
    }
    g_ptr_array_set_size(inode->unsynced, 0);
    g_byte_array_set_size(inode->now, 0);
    g_byte_array_append(inode->now, inode->durable->data, inode->durable->len);
}

void
disk_sim_lose_power(Disk *disk, GRand *random)
{
    Sim *sim = (Sim *)disk;
    GHashTable *left = new_names();
    GHashTableIter iter;
    void *path, *inode;
    /* A name that is durable may be lost when its removal was not; a new one may have made it. */
    g_hash_table_iter_init(&iter, sim->durable);
    while (g_hash_table_iter_next(&iter, &path, &inode)) {
        Inode *now = g_hash_table_lookup(sim->now, path);
        if (now == inode || g_rand_boolean(random))
            g_hash_table_insert(left, g_strdup(path), inode_ref(inode));
        else if (now != NULL && now->is_replacement) /* rename leaves the one or the other */
            g_hash_table_insert(left, g_strdup(path), inode_ref(now));
    }
    g_hash_table_iter_init(&iter, sim->now);
    while (g_hash_table_iter_next(&iter, &path, &inode)) {
        if (!g_hash_table_contains(left, path) && g_rand_boolean(random))
            g_hash_table_insert(left, g_strdup(path), inode_ref(inode));
    }
    g_hash_table_unref(sim->now);
    sim->now = left;
    g_hash_table_remove_all(sim->durable);
    g_hash_table_iter_init(&iter, sim->now);
    while (g_hash_table_iter_next(&iter, &path, &inode)) {
        settle_content(inode, random);
        g_hash_table_insert(sim->durable, g_strdup(path), inode_ref(inode));
    }
    sim->fault = SIM_NO_FAULT;
}
