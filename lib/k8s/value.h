/* Objects of the Kubernetes API as trees in an arena, read from JSON or YAML.
 *
 * What nobody looks at and what is long is left out while reading: `fieldsV1` of managedFields, the
 * annotation kubectl.kubernetes.io/last-applied-configuration, and what lies deeper than
 * VALUE_DEPTH_MAX. Text beyond VALUE_TEXT_BYTES_MAX is cut at a character. Equal short texts are
 * stored once. Functions that take a value take NULL for one that is absent. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/arena.h"

enum {
    VALUE_DEPTH_MAX = 64,
    VALUE_TEXT_BYTES_MAX = 64 * 1024,
    VALUE_UNCUT_BITS = 29, /* beside the type: a value shall not be larger than 32 bytes */
};

typedef enum {
    VALUE_NULL,
    VALUE_BOOL,
    VALUE_NUMBER,
    VALUE_TEXT,
    VALUE_LIST,
    VALUE_MAP,
} ValueType;

typedef struct Value {
    const char *key; /* in a map; "" in a list */
    union {
        const char *text;    /* of a scalar, as it stands in the document; "true", "false", "" */
        struct Value *first; /* of a list or map; NULL when it is empty */
    };
    struct Value *next; /* in the list or map around it */
    uint32_t n;         /* bytes of text, or children */
    ValueType type : 32 - VALUE_UNCUT_BITS;
    uint32_t uncut : VALUE_UNCUT_BITS; /* bytes that the text has in the document; 2^29 - 1 also
                                          for more */
} Value;

typedef struct ValueReader ValueReader;

/* Values live in `arena`, which is borrowed. */
ValueReader *value_reader_new(Arena *arena);
void value_reader_free(ValueReader *reader);

/* One JSON document (RFC 8259) or the stream of documents of a YAML file, in pieces of any size:
 * begin, feed until the end, end. The result is the document, of several YAML documents a list of
 * those that are not empty; NULL with *error: INVALID_ARGUMENT with the place, or
 * RESOURCE_EXHAUSTED when the arena is full. */
typedef enum { VALUE_JSON, VALUE_YAML } ValueFormat;
void value_reader_begin(ValueReader *reader, ValueFormat format);
bool value_reader_feed(ValueReader *reader, const void *data, size_t size, GError **error);
Value *value_reader_end(ValueReader *reader, GError **error);

/* Child of a map, or NULL. */
const Value *value_get(const Value *map, const char *key);
/* The value at "spec.template.metadata": keys separated by dots; NULL when any is absent. Keys that
 * have dots need value_get. */
const Value *value_at(const Value *value, const char *path);
/* Text of a scalar at a path; "" when it is absent or none. */
const char *value_text(const Value *value, const char *path);
/* Whole number at a path; `otherwise` when it is absent or none. */
int64_t value_int(const Value *value, const char *path, int64_t otherwise);
bool value_is_true(const Value *value, const char *path);
/* Whether a scalar at a path is exactly this text. */
bool value_is(const Value *value, const char *path, const char *text);
/* Number of children at a path. */
uint32_t value_count(const Value *value, const char *path);
/* First child at a path, to be followed by ->next: for (v = value_first(pod, "spec.containers");
 * …).
 */
const Value *value_first(const Value *value, const char *path);
/* The child of a list at a path whose `key` is `text`, or NULL: the container called so. */
const Value *value_find(const Value *value, const char *path, const char *key, const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ValueReader, value_reader_free)
