#include "lib/base/jsonw.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/decimal.h"

static void
jsonw_grow(JsonWriter *json, size_t size)
{
    json->capacity = MAX(json->capacity * 2, json->size + size + 64);
    json->data = g_realloc(json->data, json->capacity);
}

/* Makes room for `size` more bytes and returns where they go. */
static inline char *
jsonw_room(JsonWriter *json, size_t size)
{
    if (G_UNLIKELY(json->capacity - json->size < size))
        jsonw_grow(json, size);
    return json->data + json->size;
}

static inline void
jsonw_raw(JsonWriter *json, const char *text, size_t length)
{
    memcpy(jsonw_room(json, length), text, length);
    json->size += length;
}

static void
jsonw_value_begin(JsonWriter *json)
{
    if (json->comma)
        jsonw_raw(json, ",", 1);
    json->comma = true;
}

void
jsonw_init(JsonWriter *json, size_t hint)
{
    *json = (JsonWriter){.data = g_malloc(MAX(hint, 16)), .capacity = MAX(hint, 16)};
}

void
jsonw_clear(JsonWriter *json)
{
    g_clear_pointer(&json->data, g_free);
    *json = (JsonWriter){0};
}

void
jsonw_reserve(JsonWriter *json, size_t size)
{
    (void)jsonw_room(json, size);
}

GBytes *
jsonw_finish(JsonWriter *json)
{
    GBytes *bytes = g_bytes_new_take(json->data, json->size);
    *json = (JsonWriter){0};
    return bytes;
}

static void
jsonw_open(JsonWriter *json, char bracket)
{
    jsonw_value_begin(json);
    jsonw_raw(json, &bracket, 1);
    json->comma = false;
}

static void
jsonw_close(JsonWriter *json, char bracket)
{
    jsonw_raw(json, &bracket, 1);
    json->comma = true;
}

void
jsonw_object_begin(JsonWriter *json)
{
    jsonw_open(json, '{');
}

void
jsonw_object_end(JsonWriter *json)
{
    jsonw_close(json, '}');
}

void
jsonw_array_begin(JsonWriter *json)
{
    jsonw_open(json, '[');
}

void
jsonw_array_end(JsonWriter *json)
{
    jsonw_close(json, ']');
}

void
jsonw_key(JsonWriter *json, const char *key)
{
    jsonw_string(json, key);
    jsonw_raw(json, ":", 1);
    json->comma = false;
}

#define BYTES(byte) (UINT64_C(0x0101010101010101) * (byte)) /* eight times the same */

/* The highest bit of every byte that is zero; of bytes above one, of some others too. */
static inline uint64_t
zero_bytes(uint64_t word)
{
    return (word - BYTES(1)) & ~word;
}

/* How many bytes at the front of `text` stand in JSON as they are; `refuse` is a mask of what else
 * shall end them. Eight are looked at together, by their highest bits. */
static size_t
clean_length(const char *text, size_t length, uint64_t refuse)
{
    size_t i = 0;
    for (; i + sizeof(uint64_t) <= length; i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, text + i, sizeof word);
        uint64_t control = (word - BYTES(0x20)) & ~word;
        uint64_t special = control | zero_bytes(word ^ BYTES('"')) | zero_bytes(word ^ BYTES('\\'));
        if (((special | (word & refuse)) & BYTES(0x80)) != 0)
            break;
    }
    for (; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < 0x20 || byte == '"' || byte == '\\' || (byte & refuse) != 0)
            break;
    }
    return i;
}

/* Writes `byte` as an escape sequence. */
static void
jsonw_escape(JsonWriter *json, unsigned char byte)
{
    static const char *const short_forms[32] = {
        ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f", ['\r'] = "\\r"};
    if (byte == '"' || byte == '\\') {
        char text[2] = {'\\', (char)byte};
        jsonw_raw(json, text, sizeof(text));
    } else if (short_forms[byte] != NULL) {
        jsonw_raw(json, short_forms[byte], 2);
    } else {
        static const char hex[] = "0123456789abcdef";
        char text[6] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
        jsonw_raw(json, text, sizeof(text));
    }
}

/* Writes valid UTF-8, escaping what JSON wants escaped. */
static void
jsonw_escaped(JsonWriter *json, const char *text, size_t length)
{
    while (length > 0) {
        size_t clean = clean_length(text, length, 0);
        jsonw_raw(json, text, clean);
        if (clean == length)
            return;
        jsonw_escape(json, (unsigned char)text[clean]);
        text += clean + 1;
        length -= clean + 1;
    }
}

/* Writes what may be no valid UTF-8. */
static void
jsonw_repaired(JsonWriter *json, const char *text, size_t length)
{
    const char *end;
    while (!g_utf8_validate_len(text, length, &end)) {
        size_t valid = (size_t)(end - text);
        jsonw_escaped(json, text, valid);
        jsonw_raw(json, "\xef\xbf\xbd", 3);
        text += valid + 1;
        length -= valid + 1;
    }
    jsonw_escaped(json, text, length);
}

void
jsonw_string_n(JsonWriter *json, const char *text, size_t length)
{
    jsonw_value_begin(json);
    jsonw_room(json, length + 2);
    jsonw_raw(json, "\"", 1);
    size_t ascii = clean_length(text, length, BYTES(0x80));
    jsonw_raw(json, text, ascii);
    if (ascii < length)
        jsonw_repaired(json, text + ascii, length - ascii);
    jsonw_raw(json, "\"", 1);
}

void
jsonw_string(JsonWriter *json, const char *text)
{
    jsonw_string_n(json, text, strlen(text));
}

static void
jsonw_integer(JsonWriter *json, uint64_t magnitude, bool negative, bool quoted)
{
    enum { AROUND_MAX = 4 }; /* a comma, a sign and quotes */
    char *start = jsonw_room(json, DECIMAL_ROOM + AROUND_MAX), *end = start;
    if (json->comma)
        *end++ = ',';
    json->comma = true;
    if (quoted)
        *end++ = '"';
    if (negative)
        *end++ = '-';
    end = decimal_store(end, magnitude);
    if (quoted)
        *end++ = '"';
    json->size += (size_t)(end - start);
}

static uint64_t
magnitude_of(int64_t value)
{
    return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

void
jsonw_int(JsonWriter *json, int64_t value)
{
    jsonw_integer(json, magnitude_of(value), value < 0, false);
}

void
jsonw_uint(JsonWriter *json, uint64_t value)
{
    jsonw_integer(json, value, false, false);
}

void
jsonw_int_string(JsonWriter *json, int64_t value)
{
    jsonw_integer(json, magnitude_of(value), value < 0, true);
}

void
jsonw_uint_string(JsonWriter *json, uint64_t value)
{
    jsonw_integer(json, value, false, true);
}

void
jsonw_double(JsonWriter *json, double value)
{
    if (!isfinite(value)) {
        jsonw_string(json, isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
        return;
    }
    if (value == floor(value) && fabs(value) < 9007199254740992.0) {
        jsonw_int(json, (int64_t)value);
        return;
    }
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    for (int precision = 15; precision <= 17; precision++) {
        char format[8];
        (void)snprintf(format, sizeof(format), "%%.%dg", precision);
        g_ascii_formatd(text, sizeof(text), format, value);
        if (g_ascii_strtod(text, NULL) == value)
            break;
    }
    jsonw_value_begin(json);
    jsonw_raw(json, text, strlen(text));
}

void
jsonw_bool(JsonWriter *json, bool value)
{
    jsonw_value_begin(json);
    jsonw_raw(json, value ? "true" : "false", value ? 4 : 5);
}

void
jsonw_json(JsonWriter *json, const char *text)
{
    jsonw_value_begin(json);
    jsonw_raw(json, text, strlen(text));
}

char *
jsonw_blank(JsonWriter *json, size_t size)
{
    jsonw_value_begin(json);
    char *blank = jsonw_room(json, size);
    json->size += size;
    return blank;
}

void
jsonw_null(JsonWriter *json)
{
    jsonw_value_begin(json);
    jsonw_raw(json, "null", 4);
}

void
jsonw_base64(JsonWriter *json, const uint8_t *data, size_t size)
{
    g_autofree char *text = g_base64_encode(data, size);
    jsonw_value_begin(json);
    jsonw_raw(json, "\"", 1);
    jsonw_raw(json, text, strlen(text));
    jsonw_raw(json, "\"", 1);
}
