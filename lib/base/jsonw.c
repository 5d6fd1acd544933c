#include "lib/base/jsonw.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTEGER_DIGITS_MAX 20 /* of 64 bits; a sign, quotes and a comma come on top */

/* Makes room for `size` more bytes and returns where they go. */
static char *
jsonw_reserve(JsonWriter *json, size_t size)
{
    if (json->capacity - json->size < size) {
        json->capacity = MAX(json->capacity * 2, json->size + size + 64);
        json->data = g_realloc(json->data, json->capacity);
    }
    return json->data + json->size;
}

static void
jsonw_raw(JsonWriter *json, const char *text, size_t length)
{
    memcpy(jsonw_reserve(json, length), text, length);
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
    size_t start = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte >= 0x20 && byte != '"' && byte != '\\')
            continue;
        jsonw_raw(json, text + start, i - start);
        jsonw_escape(json, byte);
        start = i + 1;
    }
    jsonw_raw(json, text + start, length - start);
}

void
jsonw_string_n(JsonWriter *json, const char *text, size_t length)
{
    jsonw_value_begin(json);
    jsonw_reserve(json, length + 2);
    jsonw_raw(json, "\"", 1);
    while (length > 0) {
        const char *end;
        if (g_utf8_validate_len(text, length, &end)) {
            jsonw_escaped(json, text, length);
            break;
        }
        size_t valid = (size_t)(end - text);
        jsonw_escaped(json, text, valid);
        jsonw_raw(json, "\xef\xbf\xbd", 3);
        text += valid + 1;
        length -= valid + 1;
    }
    jsonw_raw(json, "\"", 1);
}

void
jsonw_string(JsonWriter *json, const char *text)
{
    jsonw_string_n(json, text, strlen(text));
}

/* Writes the digits of `value` so that they end before `end`, two at a time; returns where they
 * start. */
static char *
format_digits(char *end, uint64_t value)
{
    static const char pairs[] =
        "00010203040506070809101112131415161718192021222324252627282930313233"
        "34353637383940414243444546474849505152535455565758596061626364656667"
        "6869707172737475767778798081828384858687888990919293949596979899";
    while (value >= 100) {
        end -= 2;
        memcpy(end, pairs + 2 * (value % 100), 2);
        value /= 100;
    }
    if (value >= 10) {
        end -= 2;
        memcpy(end, pairs + 2 * value, 2);
    } else {
        *--end = (char)('0' + value);
    }
    return end;
}

static void
jsonw_integer(JsonWriter *json, uint64_t magnitude, bool negative, bool quoted)
{
    /* What is copied is as long as the longest: a copy of known length takes no call. */
    enum { LENGTH_MAX = INTEGER_DIGITS_MAX + 4 };
    char text[2 * LENGTH_MAX] = {0};
    char *end = text + LENGTH_MAX, *start = end;
    if (quoted)
        *--start = '"';
    start = format_digits(start, magnitude);
    if (negative)
        *--start = '-';
    if (quoted)
        *--start = '"';
    if (json->comma)
        *--start = ',';
    json->comma = true;
    memcpy(jsonw_reserve(json, LENGTH_MAX), start, LENGTH_MAX);
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
