#include "agent/process/executable_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/process/executable_private.h"
#include "agent/process/maps.h"
#include "lib/base/error.h"

/* An executable is found under the number that the kernel shows for its mapping, which on some file
 * systems (overlay, btrfs) is not the one that fstat shows; two mappings of one file that differ in
 * the former meet in the latter. */
typedef struct {
    uint64_t device, inode;
    bool is_from_stat;
} Key;

struct ExecutableCache {
    GHashTable *by_key; /* Key * -> Executable *, a reference each */
    Executable *vdso;
};

static guint
key_hash(gconstpointer pointer)
{
    const Key *key = pointer;
    uint64_t mixed = (key->inode * 0x9e3779b97f4a7c15u) ^ (key->device + key->is_from_stat);
    return (guint)(mixed >> 32) ^ (guint)mixed;
}

static gboolean
key_equal(gconstpointer a, gconstpointer b)
{
    const Key *left = a, *right = b;
    return left->device == right->device && left->inode == right->inode &&
           left->is_from_stat == right->is_from_stat;
}

ExecutableCache *
executable_cache_new(void)
{
    ExecutableCache *cache = g_new0(ExecutableCache, 1);
    cache->by_key =
        g_hash_table_new_full(key_hash, key_equal, g_free, (GDestroyNotify)executable_unref);
    return cache;
}

void
executable_cache_free(ExecutableCache *cache)
{
    if (cache == NULL)
        return;
    g_hash_table_unref(cache->by_key);
    g_clear_pointer(&cache->vdso, executable_unref);
    g_free(cache);
}

/* Finds an unchanged executable; one whose file was written is dropped. */
static Executable *
find(ExecutableCache *cache, const Key *key)
{
    Executable *found = g_hash_table_lookup(cache->by_key, key);
    if (found == NULL)
        return NULL;
    if (!executable_has_changed(found))
        return found;
    g_hash_table_remove(cache->by_key, key);
    return NULL;
}

static void
insert(ExecutableCache *cache, const Key *key, Executable *executable)
{
    g_hash_table_replace(cache->by_key, g_memdup2(key, sizeof *key), executable_ref(executable));
}

typedef struct {
    uint64_t start;
    char *path;
} PathSearch;

static void
match_start(const MapLine *map, void *data)
{
    PathSearch *search = data;
    if (map->start == search->start && map->path[0] == '/' && search->path == NULL)
        search->path = g_strdup(map->path);
}

/* Opens the file by the name that the process knows it by, within the process's root. */
static int
open_by_path(const ExecutableQuery *query, char **ret_path)
{
    char maps[40];
    PathSearch search = {query->start, g_strdup(query->path)};
    g_snprintf(maps, sizeof maps, "/proc/%u/maps", query->pid);
    if (search.path == NULL)
        maps_read(maps, match_start, &search, NULL);
    if (search.path == NULL || search.path[0] != '/') {
        g_free(search.path);
        errno = ENOENT;
        return -1;
    }
    g_autofree char *path = g_strdup_printf("/proc/%u/root%s", query->pid, search.path);
    *ret_path = search.path;
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

/* Opens the file of the mapping and says what the process calls it. */
static int
open_mapping(const ExecutableQuery *query, char **ret_path)
{
    char link[PATH_MAX], name[96];
    g_snprintf(name, sizeof name,
               "/proc/%u/map_files/%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x", query->pid,
               query->start, query->end);
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return open_by_path(query, ret_path);
    ssize_t length = readlink(name, link, sizeof link - 1);
    *ret_path = g_strndup(link, length > 0 ? (gsize)length : 0);
    if (g_str_has_suffix(*ret_path, " (deleted)"))
        (*ret_path)[strlen(*ret_path) - strlen(" (deleted)")] = '\0';
    return fd;
}

static bool
is_regular(int fd, Key *ret_key)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return false;
    *ret_key = (Key){status.st_dev, status.st_ino, true};
    return true;
}

Executable *
executable_cache_get(ExecutableCache *cache, const ExecutableQuery *query, GError **error)
{
    Key key = {query->device, query->inode, false}, stat_key;
    Executable *found = find(cache, &key);
    if (found != NULL)
        return executable_ref(found);
    g_autofree char *path = NULL;
    int fd = open_mapping(query, &path);
    if (fd < 0) {
        error_set_errno(error, errno, "open the file at %" G_GINT64_MODIFIER "x of process %u",
                        query->start, query->pid);
        return NULL;
    }
    if (!is_regular(fd, &stat_key)) {
        close(fd);
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s is not a regular file", path);
        return NULL;
    }
    found = find(cache, &stat_key);
    if (found != NULL) {
        close(fd);
        insert(cache, &key, found);
        return executable_ref(found);
    }
    g_autoptr(Executable) executable = executable_new(fd, path, error);
    if (executable == NULL)
        return NULL;
    insert(cache, &key, executable);
    insert(cache, &stat_key, executable);
    return g_steal_pointer(&executable);
}

Executable *
executable_cache_get_vdso(ExecutableCache *cache)
{
    if (cache->vdso == NULL)
        cache->vdso = executable_new_vdso();
    return cache->vdso != NULL ? executable_ref(cache->vdso) : NULL;
}

/* How many keys of the cache refer to each executable. */
static GHashTable *
count_keys(ExecutableCache *cache)
{
    GHashTable *counts = g_hash_table_new(NULL, NULL);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, cache->by_key);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        guint count = GPOINTER_TO_UINT(g_hash_table_lookup(counts, value));
        g_hash_table_insert(counts, value, GUINT_TO_POINTER(count + 1));
    }
    return counts;
}

void
executable_cache_sweep(ExecutableCache *cache)
{
    g_autoptr(GHashTable) counts = count_keys(cache);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, cache->by_key);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        gint own = (gint)GPOINTER_TO_UINT(g_hash_table_lookup(counts, value));
        if (g_atomic_int_get(&executable_private(value)->references) > own)
            continue;
        /* Its keys leave one after the other, and the reference of each with it. */
        g_hash_table_insert(counts, value, GUINT_TO_POINTER((guint)own - 1));
        g_hash_table_iter_remove(&iter);
    }
}

guint
executable_cache_size(const ExecutableCache *cache)
{
    g_autoptr(GHashTable) distinct = g_hash_table_new(NULL, NULL);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, cache->by_key);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        g_hash_table_add(distinct, value);
    return g_hash_table_size(distinct);
}
