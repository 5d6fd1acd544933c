/* Files that hold a secret: a token, a password, a URL. */
#pragma once
#include <glib.h>

/* A token is a few kilobytes at most, and the limit keeps a wrong path (/dev/zero) from taking all
 * memory. */
enum { SECRET_FILE_BYTES_MAX = 64 * 1024 };

/* The text of the file without white space around it, which is at least one byte; free with g_free.
 * NULL with *error, which names the file but nothing of what it holds, when the file cannot be read
 * (the code follows errno), or INVALID_ARGUMENT when it has more than SECRET_FILE_BYTES_MAX bytes,
 * a NUL among them, or nothing else than white space. */
char *secret_file_read(const char *path, GError **error);
/* The bytes of the file as they are, maybe none, with a NUL behind them; free with g_free. NULL
 * with *error as above when the file cannot be read or has more than SECRET_FILE_BYTES_MAX. */
char *secret_file_read_bytes(const char *path, size_t *ret_size, GError **error);
