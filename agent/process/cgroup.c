#include "agent/process/cgroup.h"

#include <string.h>

enum { ID_DIGITS = 64 };

/* The id that ends the path element [start, end), or NULL. */
static const char *
id_in_element(const char *start, const char *end)
{
    static const char scope[] = ".scope";
    size_t scope_length = sizeof scope - 1;
    if ((size_t)(end - start) > scope_length &&
        memcmp(end - scope_length, scope, scope_length) == 0)
        end -= scope_length;
    if (end - start < ID_DIGITS || g_str_has_prefix(start, "crio-conmon-"))
        return NULL;
    const char *id = end - ID_DIGITS;
    if (id > start && id[-1] != '-' && id[-1] != ':')
        return NULL;
    for (const char *c = id; c < end; c++) {
        if (!g_ascii_isdigit(*c) && !(*c >= 'a' && *c <= 'f'))
            return NULL;
    }
    return id;
}

/* The last id of one line `number:controllers:path`. */
static const char *
id_in_line(const char *line, const char *end)
{
    const char *path = memchr(line, '/', (size_t)(end - line)), *found = NULL;
    while (path != NULL) {
        const char *start = path + 1;
        path = memchr(start, '/', (size_t)(end - start));
        const char *id = id_in_element(start, path != NULL ? path : end);
        if (id != NULL)
            found = id;
    }
    return found;
}

char *
cgroup_container_id(const char *text)
{
    while (*text != '\0') {
        const char *end = strchrnul(text, '\n');
        const char *id = id_in_line(text, end);
        if (id != NULL)
            return g_strndup(id, ID_DIGITS);
        text = *end == '\n' ? end + 1 : end;
    }
    return NULL;
}
