#include "server/api/multipart.h"

#include <string.h>

#include "lib/base/error.h"
#include "server/http/header.h"

#define PARTS_MAX 64

static void
part_clear(void *data)
{
    MultipartPart *part = data;
    g_free(part->name);
    g_free(part->filename);
}

/* Reads name and filename from the header lines of a part. */
static void
read_headers(const char *headers, size_t size, MultipartPart *part)
{
    static const char wanted[] = "Content-Disposition:";
    g_autofree char *text = g_strndup(headers, size);
    g_auto(GStrv) lines = g_strsplit(text, "\r\n", -1);
    for (size_t i = 0; lines[i] != NULL; i++) {
        if (g_ascii_strncasecmp(lines[i], wanted, strlen(wanted)) != 0)
            continue;
        part->name = header_media_parameter(lines[i] + strlen(wanted), "name");
        part->filename = header_media_parameter(lines[i] + strlen(wanted), "filename");
        return;
    }
}

static bool
malformed(GError **error, const char *what)
{
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "multipart body: %s", what);
}

/* Reads the part that begins at *at, behind its delimiter line; *at moves behind the next
 * delimiter. */
static bool
read_part(const uint8_t *body, size_t size, size_t *at, const char *delimiter, GArray *parts,
          GError **error)
{
    const uint8_t *start = body + *at;
    /* A part without headers begins with the empty line itself. */
    const uint8_t *gap = memmem(start - 2, size - *at + 2, "\r\n\r\n", 4);
    if (gap == NULL)
        return malformed(error, "a part has no end of headers");
    const uint8_t *data = gap + 4;
    size_t left = size - (size_t)(data - body);
    const uint8_t *end = memmem(data, left, delimiter, strlen(delimiter));
    if (end == NULL)
        return malformed(error, "the last part does not end in the boundary");
    MultipartPart part = {.data = data, .size = (size_t)(end - data)};
    if (gap > start)
        read_headers((const char *)start, (size_t)(gap - start), &part);
    g_array_append_val(parts, part);
    *at = (size_t)(end - body) + strlen(delimiter);
    return parts->len <= PARTS_MAX || malformed(error, "too many parts");
}

GArray *
multipart_parse(const uint8_t *body, size_t size, const char *boundary, GError **error)
{
    g_autofree char *delimiter = g_strconcat("\r\n--", boundary, NULL);
    g_autoptr(GArray) parts = g_array_new(FALSE, FALSE, sizeof(MultipartPart));
    g_array_set_clear_func(parts, part_clear);
    size_t first = strlen(delimiter) - 2;
    size_t at;
    if (size >= first && memcmp(body, delimiter + 2, first) == 0) {
        at = first;
    } else {
        const uint8_t *found = size > 0 ? memmem(body, size, delimiter, strlen(delimiter)) : NULL;
        if (found == NULL) {
            malformed(error, "the boundary does not occur");
            return NULL;
        }
        at = (size_t)(found - body) + strlen(delimiter);
    }
    for (;;) {
        if (size - at >= 2 && memcmp(body + at, "--", 2) == 0)
            return g_steal_pointer(&parts);
        const uint8_t *line = size > at ? memmem(body + at, size - at, "\r\n", 2) : NULL;
        if (line == NULL) {
            malformed(error, "a boundary line does not end");
            return NULL;
        }
        at = (size_t)(line - body) + 2;
        if (!read_part(body, size, &at, delimiter, parts, error))
            return NULL;
    }
}

const MultipartPart *
multipart_find_file(const GArray *parts, const char *name)
{
    for (guint i = 0; i < parts->len; i++) {
        const MultipartPart *part = &g_array_index(parts, MultipartPart, i);
        if (part->filename != NULL && g_strcmp0(part->name, name) == 0)
            return part;
    }
    return NULL;
}
