#include "lib/symbol/perf_map.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/error.h"

enum { BLOCK_SIZE = 64 * 1024, LINE_MAX_BYTES = PERF_MAP_NAME_MAX + 64 };

typedef struct {
    const uint64_t *addresses;
    size_t n;
    char **names;
} Query;

/* Reads a hexadecimal number (0x is allowed) and the blanks behind it. */
static bool
read_hex(const char **at, const char *end, uint64_t *ret_value)
{
    const char *p = *at;
    uint64_t value = 0;
    if (end - p > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
        p += 2;
    const char *digits = p;
    for (int digit; p < end && (digit = g_ascii_xdigit_value(*p)) >= 0; p++)
        value = value << 4 | (uint64_t)digit;
    if (p == digits || p - digits > 16 || p == end || *p != ' ')
        return false;
    while (p < end && *p == ' ')
        p++;
    *at = p;
    *ret_value = value;
    return true;
}

/* The first position whose address is not below `address`. */
static size_t
lower_bound(const Query *query, uint64_t address)
{
    size_t low = 0, high = query->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (query->addresses[middle] < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void
take_line(const Query *query, const char *line, size_t length)
{
    const char *at = line, *end = line + length;
    uint64_t start, size;
    if (!read_hex(&at, end, &start) || !read_hex(&at, end, &size) || at == end)
        return;
    size_t name_length = MIN((size_t)(end - at), PERF_MAP_NAME_MAX);
    if (at[name_length - 1] == '\r')
        name_length--;
    for (size_t i = lower_bound(query, start); i < query->n && query->addresses[i] - start < size;
         i++) {
        g_free(query->names[i]);
        query->names[i] = g_strndup(at, name_length);
    }
}

/* Takes every whole line and returns how many bytes that were. */
static size_t
take_lines(const Query *query, const char *text, size_t size)
{
    size_t taken = 0;
    for (const char *newline; (newline = memchr(text + taken, '\n', size - taken)) != NULL;) {
        take_line(query, text + taken, (size_t)(newline - (text + taken)));
        taken = (size_t)(newline - text) + 1;
    }
    return taken;
}

void
perf_map_find_text(const char *text, size_t size, const uint64_t *addresses, size_t n,
                   char **ret_names)
{
    Query query = {addresses, n, ret_names};
    size_t taken = take_lines(&query, text, size);
    if (taken < size)
        take_line(&query, text + taken, size - taken);
}

static off_t
first_offset(int fd)
{
    struct stat status;
    if (fstat(fd, &status) < 0 || status.st_size <= PERF_MAP_BYTES_MAX)
        return 0;
    return status.st_size - PERF_MAP_BYTES_MAX;
}

bool
perf_map_find(int fd, const uint64_t *addresses, size_t n, char **ret_names, GError **error)
{
    Query query = {addresses, n, ret_names};
    g_autofree char *buffer = g_malloc(BLOCK_SIZE + LINE_MAX_BYTES);
    off_t offset = first_offset(fd);
    off_t limit = offset + PERF_MAP_BYTES_MAX;
    size_t kept = 0;
    bool is_skipping = offset > 0; /* the rest of a cut or overlong line */
    while (offset < limit) {
        ssize_t got = pread(fd, buffer + kept, BLOCK_SIZE, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set_errno(error, errno, "reading a perf map");
        if (got == 0)
            break;
        offset += got;
        size_t size = kept + (size_t)got, taken = 0;
        if (is_skipping) {
            const char *newline = memchr(buffer, '\n', size);
            taken = newline != NULL ? (size_t)(newline - buffer) + 1 : size;
            is_skipping = newline == NULL;
        }
        taken += take_lines(&query, buffer + taken, size - taken);
        kept = size - taken;
        memmove(buffer, buffer + taken, kept);
        if (kept > LINE_MAX_BYTES) {
            take_line(&query, buffer, kept);
            kept = 0;
            is_skipping = true;
        }
    }
    if (kept > 0 && !is_skipping)
        take_line(&query, buffer, kept);
    return true;
}
