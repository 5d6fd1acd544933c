#include "lib/base/memory.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/error.h"

#define LOOK_US (2 * 1000)
#define TRIM_US G_USEC_PER_SEC

static int64_t ceiling_bytes, used_bytes; /* atomic */
static int64_t looked_us, trimmed_us;     /* atomic; g_get_monotonic_time */

void
memory_set_ceiling(int64_t bytes)
{
    __atomic_store_n(&ceiling_bytes, bytes, __ATOMIC_RELAXED);
}

int64_t
memory_ceiling(void)
{
    return __atomic_load_n(&ceiling_bytes, __ATOMIC_RELAXED);
}

int64_t
memory_used(void)
{
    char text[128];
    long long resident, shared;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[MAX(n, 0)] = '\0';
    if (sscanf(text, "%*d %lld %lld", &resident, &shared) != 2)
        return 0;
    return (resident - shared) * sysconf(_SC_PAGESIZE);
}

/* Whether it is this thread's turn to do what is done once in `interval_us`. */
static bool
is_due(int64_t *last_us, int64_t now_us, int64_t interval_us)
{
    int64_t last = __atomic_load_n(last_us, __ATOMIC_RELAXED);
    return now_us - last >= interval_us &&
           __atomic_compare_exchange_n(last_us, &last, now_us, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
}

static int64_t
look(void)
{
    int64_t used = memory_used();
    __atomic_store_n(&used_bytes, used, __ATOMIC_RELAXED);
    return used;
}

bool
memory_has_room(size_t bytes)
{
    int64_t ceiling = memory_ceiling(), now_us = g_get_monotonic_time();
    if (ceiling == 0)
        return true;
    if (bytes > (size_t)ceiling)
        return false;
    int64_t used = is_due(&looked_us, now_us, LOOK_US)
                       ? look()
                       : __atomic_load_n(&used_bytes, __ATOMIC_RELAXED);
    int64_t allowed = ceiling - (int64_t)bytes;
    if (used <= allowed)
        return true;
    if (!is_due(&trimmed_us, now_us, TRIM_US))
        return false;
    malloc_trim(0);
    return look() <= allowed;
}

bool
memory_check(size_t bytes, GError **error)
{
    return memory_has_room(bytes) ||
           error_set(error, CRESSET_ERROR_UNAVAILABLE,
                     "there is no memory left for this request: try again (limit memory-max, "
                     "%" G_GINT64_FORMAT " bytes)",
                     memory_ceiling());
}

/* "max", or what is no number, is no limit. */
static int64_t
read_limit(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL), *text = NULL;
    guint64 limit;
    if (!g_file_get_contents(path, &text, NULL, NULL) ||
        !g_ascii_string_to_unsigned(g_strstrip(text), 10, 0, G_MAXINT64, &limit, NULL))
        return INT64_MAX;
    return (int64_t)limit;
}

int64_t
memory_group_limit(const char *root, const char *group)
{
    int64_t limit = INT64_MAX;
    g_autofree char *folder = g_build_filename(root, group, NULL);
    for (size_t root_length = strlen(root); strlen(folder) >= root_length;) {
        int64_t of_2 = read_limit(folder, "memory.max");
        int64_t of_1 = read_limit(folder, "memory.limit_in_bytes");
        limit = MIN(limit, MIN(of_2, of_1));
        char *above = g_path_get_dirname(folder);
        g_free(folder);
        folder = above;
    }
    return limit;
}

/* Lines are "hierarchy:controllers:path"; version 2 has no controllers. */
static int64_t
limit_of_line(const char *line)
{
    g_auto(GStrv) parts = g_strsplit(line, ":", 3);
    if (g_strv_length(parts) < 3)
        return INT64_MAX;
    if (parts[1][0] == '\0')
        return memory_group_limit("/sys/fs/cgroup", parts[2]);
    g_auto(GStrv) controllers = g_strsplit(parts[1], ",", -1);
    return g_strv_contains((const char *const *)controllers, "memory")
               ? memory_group_limit("/sys/fs/cgroup/memory", parts[2])
               : INT64_MAX;
}

int64_t
memory_limit(void)
{
    int64_t limit = sysconf(_SC_PHYS_PAGES) * (int64_t)sysconf(_SC_PAGESIZE);
    g_autofree char *text = NULL;
    if (!g_file_get_contents("/proc/self/cgroup", &text, NULL, NULL))
        return limit;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (size_t i = 0; lines[i] != NULL; i++)
        limit = MIN(limit, limit_of_line(lines[i]));
    return limit;
}
