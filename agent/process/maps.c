#include "agent/process/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/error.h"

/* Parses a number that ends at `end`, which is skipped. */
static bool
take_number(char **at, int base, char end, uint64_t *ret)
{
    char *stop;
    if (!g_ascii_isxdigit(**at))
        return false;
    errno = 0;
    *ret = g_ascii_strtoull(*at, &stop, (guint)base);
    if (errno != 0 || *stop != end)
        return false;
    *at = stop + 1;
    return true;
}

bool
maps_parse_line(char *line, MapLine *ret_map)
{
    MapLine map = {.path = ""};
    uint64_t major, minor;
    char *at = line;
    if (!take_number(&at, 16, '-', &map.start) || !take_number(&at, 16, ' ', &map.end))
        return false;
    if (map.end <= map.start || strnlen(at, 5) < 5 || at[4] != ' ')
        return false;
    map.is_executable = at[2] == 'x';
    at += 5;
    if (!take_number(&at, 16, ' ', &map.file_offset) || !take_number(&at, 16, ':', &major) ||
        !take_number(&at, 16, ' ', &minor))
        return false;
    map.device = (uint32_t)(major << 20 | (minor & 0xfffff));
    char *stop;
    map.inode = g_ascii_strtoull(at, &stop, 10);
    if (stop == at || (*stop != ' ' && *stop != '\0'))
        return false;
    map.path = stop + strspn(stop, " ");
    *ret_map = map;
    return true;
}

/* Hands over the whole lines of buffer[0..length) and returns how many bytes they were. */
static size_t
take_lines(char *buffer, size_t length, MapLineFunc func, void *data)
{
    size_t used = 0;
    char *newline;
    while ((newline = memchr(buffer + used, '\n', length - used)) != NULL) {
        MapLine map;
        *newline = '\0';
        if (maps_parse_line(buffer + used, &map) && map.is_executable)
            func(&map, data);
        used = (size_t)(newline - buffer) + 1;
    }
    return used;
}

bool
maps_read(const char *path, MapLineFunc func, void *data, GError **error)
{
    enum { BUFFER_BYTES = 16 * 1024 }; /* a line is below PATH_MAX + 80 bytes */
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, errno == ESRCH ? ENOENT : errno, "open %s", path);
    g_autofree char *buffer = g_malloc(BUFFER_BYTES);
    size_t kept = 0;
    ssize_t got;
    while ((got = read(fd, buffer + kept, BUFFER_BYTES - kept)) > 0) {
        size_t length = kept + (size_t)got, used = take_lines(buffer, length, func, data);
        kept = length - used;
        if (kept == BUFFER_BYTES)
            kept = 0; /* no line is that long */
        memmove(buffer, buffer + used, kept);
    }
    int saved = errno;
    close(fd);
    if (got < 0)
        return error_set_errno(error, saved == ESRCH ? ENOENT : saved, "read %s", path);
    return true;
}
