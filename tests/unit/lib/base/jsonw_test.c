#include "lib/base/jsonw.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void
expect_text(JsonWriter *json, const char *expected)
{
    g_autoptr(GBytes) bytes = jsonw_finish(json);
    g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    assert_string_equal(text, expected);
}

static void
test_nesting_places_commas(void **state)
{
    (void)state;
    JsonWriter json;
    jsonw_init(&json, 0);
    jsonw_object_begin(&json);
    jsonw_key(&json, "a");
    jsonw_array_begin(&json);
    jsonw_int(&json, 1);
    jsonw_int_string(&json, INT64_MIN);
    jsonw_array_begin(&json);
    jsonw_array_end(&json);
    jsonw_array_end(&json);
    jsonw_key(&json, "b");
    jsonw_null(&json);
    jsonw_key(&json, "c");
    jsonw_bool(&json, false);
    jsonw_object_end(&json);
    expect_text(&json, "{\"a\":[1,\"-9223372036854775808\",[]],\"b\":null,\"c\":false}");
}

static void
test_strings_are_escaped(void **state)
{
    (void)state;
    JsonWriter json;
    jsonw_init(&json, 0);
    jsonw_string_n(&json, "a\"b\\c\n\x01\xff\xc3\xa9", 10);
    expect_text(&json, "\"a\\\"b\\\\c\\n\\u0001\xef\xbf\xbd\xc3\xa9\"");
}

/* What stands for `byte` in a string. */
static void
expect_byte(GString *expected, unsigned byte)
{
    switch (byte) {
    case '"':
    case '\\':
        g_string_append_printf(expected, "\\%c", (int)byte);
        return;
    case '\b':
        g_string_append(expected, "\\b");
        return;
    case '\t':
        g_string_append(expected, "\\t");
        return;
    case '\n':
        g_string_append(expected, "\\n");
        return;
    case '\f':
        g_string_append(expected, "\\f");
        return;
    case '\r':
        g_string_append(expected, "\\r");
        return;
    default:
        break;
    }
    if (byte == 0 || byte >= 0x80)
        g_string_append(expected, "\xef\xbf\xbd");
    else if (byte < 0x20)
        g_string_append_printf(expected, "\\u%04x", byte);
    else
        g_string_append_c(expected, (char)byte);
}

/* Strings are looked at eight bytes at a time: every byte, at every place of two such words. */
static void
test_every_byte_at_every_place(void **state)
{
    (void)state;
    enum { LENGTH = 17 };
    for (unsigned byte = 0; byte < 256; byte++) {
        for (unsigned place = 0; place < LENGTH; place++) {
            char text[LENGTH];
            g_autoptr(GString) expected = g_string_new("\"");
            for (unsigned i = 0; i < LENGTH; i++) {
                text[i] = (char)(i == place ? byte : '!' + 93 * (i % 2)); /* ! and ~ */
                expect_byte(expected, (unsigned char)text[i]);
            }
            g_string_append_c(expected, '"');
            JsonWriter json;
            jsonw_init(&json, 0);
            jsonw_string_n(&json, text, sizeof(text));
            expect_text(&json, expected->str);
        }
    }
}

static void
test_utf8_of_every_length(void **state)
{
    (void)state;
    JsonWriter json;
    jsonw_init(&json, 0);
    jsonw_string(&json, "1234567\xc3\xa9\"\xe2\x82\xac\xf0\x9f\x94\xa5\x7f\n\xc3");
    expect_text(&json, "\"1234567\xc3\xa9\\\"\xe2\x82\xac\xf0\x9f\x94\xa5\x7f\\n\xef\xbf\xbd\"");
}

static void
test_blanks_are_filled_in_later(void **state)
{
    (void)state;
    JsonWriter json;
    jsonw_init(&json, 0);
    jsonw_array_begin(&json);
    jsonw_reserve(&json, 1000);
    char *first = jsonw_blank(&json, 3), *second = jsonw_blank(&json, 2);
    for (int i = 0; i < 100; i++)
        jsonw_int(&json, 1);
    memcpy(second, "[]", 2);
    memcpy(first, "1.5", 3);
    jsonw_array_end(&json);
    g_autoptr(GBytes) bytes = jsonw_finish(&json);
    assert_int_equal(g_bytes_get_size(bytes), 2 + 3 + 1 + 2 + 100 * 2);
    assert_memory_equal(g_bytes_get_data(bytes, NULL), "[1.5,[],1,1,", 12);
}

static void
test_numbers(void **state)
{
    (void)state;
    JsonWriter json;
    jsonw_init(&json, 0);
    jsonw_array_begin(&json);
    jsonw_uint(&json, UINT64_MAX);
    jsonw_double(&json, 120000000.0);
    jsonw_double(&json, 0.1);
    jsonw_double(&json, 1.0 / 3.0);
    jsonw_double(&json, NAN);
    jsonw_double(&json, -INFINITY);
    jsonw_base64(&json, (const uint8_t *)"ab", 2);
    jsonw_array_end(&json);
    expect_text(&json, "[18446744073709551615,120000000,0.1,0.3333333333333333,\"NaN\",\"-"
                       "Infinity\",\"YWI=\"]");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nesting_places_commas),
        cmocka_unit_test(test_strings_are_escaped),
        cmocka_unit_test(test_every_byte_at_every_place),
        cmocka_unit_test(test_utf8_of_every_length),
        cmocka_unit_test(test_blanks_are_filled_in_later),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
