#include "lib/base/secret_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/error.h"

static char *
fail(const char *path, const char *why, GError **error)
{
    error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s %s", path, why);
    return NULL;
}

/* Fills `text` with the start of the file, as much as there is room for. */
static bool
read_start(const char *path, char *text, size_t room, size_t *ret_size, GError **error)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return error_set_errno(error, errno, "cannot open %s", path);
    *ret_size = fread(text, 1, room, file);
    int failure = ferror(file) ? errno : 0;
    (void)fclose(file);
    return failure == 0 || error_set_errno(error, failure, "cannot read %s", path);
}

char *
secret_file_read_bytes(const char *path, size_t *ret_size, GError **error)
{
    g_autofree char *text = g_malloc0(SECRET_FILE_BYTES_MAX + 2);
    if (!read_start(path, text, SECRET_FILE_BYTES_MAX + 1, ret_size, error))
        return NULL;
    if (*ret_size > SECRET_FILE_BYTES_MAX)
        return fail(path, "is too large for a secret: 64 KiB are read at most", error);
    return g_steal_pointer(&text);
}

char *
secret_file_read(const char *path, GError **error)
{
    size_t size;
    g_autofree char *text = secret_file_read_bytes(path, &size, error);
    if (text == NULL)
        return NULL;
    if (strlen(text) != size)
        return fail(path, "holds a NUL byte: text is expected", error);
    if (*g_strstrip(text) == '\0')
        return fail(path, "has nothing in it", error);
    return g_strdup(text);
}
