/* All executables that some process maps, found by device and inode. It holds no reference of its
 * own: an executable leaves when the last reference goes, or when its file was written. */
#pragma once
#include <glib.h>

#include "agent/process/executable.h"

typedef struct ExecutableCache ExecutableCache;

ExecutableCache *executable_cache_new(void);
void executable_cache_free(ExecutableCache *cache);

/* One mapping of a process, as an event or /proc/PID/maps tells it. */
typedef struct {
    uint32_t pid, device;
    uint64_t inode, start, end;
    const char *path; /* from maps, or NULL */
} ExecutableQuery;

/* Returns a new reference to the executable of a mapping, opening the file through
 * /proc/PID/map_files (the very file, also when it is deleted or in another mount namespace), else
 * through /proc/PID/root. NULL with NOT_FOUND when the process is gone, INVALID_ARGUMENT when it is
 * no ELF file. */
Executable *
executable_cache_get(ExecutableCache *cache, const ExecutableQuery *query, GError **error);
/* A new reference to the vDSO; NULL when the kernel has none. */
Executable *executable_cache_get_vdso(ExecutableCache *cache);
/* Drops the executables that only the cache knows. */
void executable_cache_sweep(ExecutableCache *cache);
guint executable_cache_size(const ExecutableCache *cache);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ExecutableCache, executable_cache_free)
