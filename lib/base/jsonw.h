/* A streaming JSON writer (RFC 8259) over one growing buffer: the only place that knows about
 * commas and escaping. Nesting is the caller's duty; an object member is a key followed by a value.
 * Strings are written as UTF-8; what is not valid UTF-8, and NUL, becomes U+FFFD. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    char *data;
    size_t size, capacity;
    bool comma; /* the next value needs a comma in front */
} JsonWriter;

/* `hint` is the number of bytes to start with. */
void jsonw_init(JsonWriter *json, size_t hint);
/* Makes room for `size` more bytes: while they last, nothing that was written moves. */
void jsonw_reserve(JsonWriter *json, size_t size);
void jsonw_clear(JsonWriter *json);
/* Gives the text away; the writer is empty afterwards and may be initialised again. */
GBytes *jsonw_finish(JsonWriter *json);

void jsonw_object_begin(JsonWriter *json);
void jsonw_object_end(JsonWriter *json);
void jsonw_array_begin(JsonWriter *json);
void jsonw_array_end(JsonWriter *json);
void jsonw_key(JsonWriter *json, const char *key);

void jsonw_string(JsonWriter *json, const char *text);
void jsonw_string_n(JsonWriter *json, const char *text, size_t length);
void jsonw_int(JsonWriter *json, int64_t value);
void jsonw_uint(JsonWriter *json, uint64_t value);
/* "123" in quotes: how protojson writes 64-bit integers. */
void jsonw_int_string(JsonWriter *json, int64_t value);
void jsonw_uint_string(JsonWriter *json, uint64_t value);
/* The shortest text that reads back as `value`; NaN and infinities as strings. */
void jsonw_double(JsonWriter *json, double value);
void jsonw_bool(JsonWriter *json, bool value);
void jsonw_null(JsonWriter *json);
/* A value that is JSON text already; it is not checked. */
void jsonw_json(JsonWriter *json, const char *text);
/* A value of `size` bytes of JSON text, written by the caller to where this returns: later too, as
 * far as jsonw_reserve() has made room for it and all that comes before. */
char *jsonw_blank(JsonWriter *json, size_t size);
/* Standard base64 in quotes. */
void jsonw_base64(JsonWriter *json, const uint8_t *data, size_t size);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(JsonWriter, jsonw_clear)
