#include "lib/base/jsonw.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

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
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
