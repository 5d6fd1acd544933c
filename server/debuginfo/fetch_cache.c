#include "server/debuginfo/fetch_cache.h"

#include <ftw.h>
#include <glib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FOLDERS_OPEN_MAX = 8 };

typedef struct {
    char *path;
    time_t used;
    uint64_t bytes;
} CachedFile;

static GArray *files; /* CachedFile: nftw has no argument for its visitor */

static void
file_clear(void *file)
{
    g_free(((CachedFile *)file)->path);
}

/* The library writes to NAME.XXXXXX and renames. */
static gboolean
is_left_over(const char *name, const struct stat *status)
{
    return g_str_has_prefix(name, "debuginfo.") &&
           status->st_mtime + FETCH_CACHE_PARTIAL_S < time(NULL);
}

/* The library's own settings lie at depth 1, the files in a folder for each build id. */
static int
on_file(const char *path, const struct stat *status, int type, struct FTW *at)
{
    if (type != FTW_F || at->level < 2)
        return 0;
    if (is_left_over(path + at->base, status)) {
        (void)unlink(path);
        return 0;
    }
    const CachedFile file = {g_strdup(path), MAX(status->st_atime, status->st_mtime),
                             (uint64_t)status->st_size};
    g_array_append_val(files, file);
    return 0;
}

static gint
compare_use(gconstpointer a, gconstpointer b)
{
    const CachedFile *x = a, *y = b;
    return (x->used > y->used) - (x->used < y->used);
}

void
fetch_cache_trim(const char *dir, uint64_t bytes_max)
{
    uint64_t bytes = 0;
    files = g_array_new(FALSE, FALSE, sizeof(CachedFile));
    g_array_set_clear_func(files, file_clear);
    (void)nftw(dir, on_file, FOLDERS_OPEN_MAX, FTW_PHYS | FTW_MOUNT);
    for (guint i = 0; i < files->len; i++)
        bytes += g_array_index(files, CachedFile, i).bytes;
    g_array_sort(files, compare_use);
    for (guint i = 0; bytes_max > 0 && bytes > bytes_max && i < files->len; i++) {
        const CachedFile *file = &g_array_index(files, CachedFile, i);
        if (unlink(file->path) == 0)
            bytes -= file->bytes;
    }
    g_clear_pointer(&files, g_array_unref);
}
