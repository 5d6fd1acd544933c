/* A walk over a JSON text (RFC 8259) that tells of the values in it without keeping them: for
 * answers of the Kubernetes API, of which a few fields are wanted.
 *
 * A path names where a value stands: keys joined by dots, "[]" behind a key for the items of its
 * list, "" for the whole document: "items[].metadata.name". Of a key that holds a dot or a bracket,
 * and of what lies below it, nothing is told, so that no key can pass for a path. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

enum { JSON_SCAN_DEPTH_MAX = 256 };

typedef struct {
    /* A text, number, true or false; null is not told. `text` is valid UTF-8 with its escapes
     * undone, not terminated, and may hold NULs. */
    void (*scalar)(void *user, const char *path, const char *text, size_t length);
    /* The end of an object; false ends the walk, what follows is not read any more. May be NULL. */
    bool (*object_end)(void *user, const char *path);
} JsonScanEvents;

/* Walks `data`, which must be one JSON value. INVALID_ARGUMENT when it is none, with what is wrong;
 * the message holds nothing of the text. */
bool
json_scan(const void *data, size_t size, const JsonScanEvents *events, void *user, GError **error);

/* A scalar that is wanted. */
typedef struct {
    const char *path;
    char **ret_text; /* owned by the caller; untouched when absent, the last one wins */
} JsonScanField;

/* Copies the scalars at these paths, of the table's `n` rows. A text that holds a NUL is cut there.
 * `stop_after` is the path of an object behind whose end nothing is wanted any more; NULL: none. */
bool json_scan_fields(const void *data, size_t size, const JsonScanField *fields, size_t n,
                      const char *stop_after, GError **error);
