#include "server/ingest/format/otlp_dictionary.h"

#include <string.h>

#include "tests/harness/check.h"

#define KEY        0x0a, 1, 'k'
#define VALUE(...) KEY, 0x12, sizeof((const uint8_t[]){__VA_ARGS__}), __VA_ARGS__

/* A KeyValue, and the label that it becomes; a value of NULL is none. */
typedef struct {
    uint8_t bytes[24];
    size_t size;
    const char *key, *value;
} Case;
#define CASE(key, value, ...)                                                                      \
    {                                                                                              \
        {__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), key, value                          \
    }

static const Case CASES[] = {
    CASE("k", "ab", VALUE(0x0a, 2, 'a', 'b')),
    CASE("k", "", VALUE(0x0a, 0)),
    CASE("k", "42", VALUE(0x18, 42)),
    CASE("k", "-1", VALUE(0x18, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1)),
    CASE("k", "one", VALUE(0x40, 1)), /* by its position in the string table */
    CASE("one", "two", 0x18, 1, 0x12, 2, 0x40, 2),
    CASE("k", "a", VALUE(0x2a, 5, 0x0a, 3, 0x0a, 1, 'a')),               /* ["a"] */
    CASE("k", "7", VALUE(0x2a, 4, 0x0a, 2, 0x18, 7)),                    /* [7] */
    CASE("k", "two", VALUE(0x2a, 4, 0x0a, 2, 0x40, 2)),                  /* ["two"] */
    CASE("k", NULL, VALUE(0x2a, 8, 0x0a, 2, 0x18, 7, 0x0a, 2, 0x18, 8)), /* [7, 8] */
    CASE("k", NULL, VALUE(0x2a, 0)),                                     /* [] */
    CASE("k", NULL, VALUE(0x2a, 8, 0x0a, 6, 0x2a, 4, 0x0a, 2, 0x18, 7)), /* [[7]] */
    CASE("k", NULL, VALUE(0x10, 1)),                                     /* true */
    CASE("k", NULL, VALUE(0x21, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f)),          /* 1.5 */
    CASE("k", NULL, VALUE(0x32, 7, 0x0a, 5, 0x0a, 1, 'x', 0x12, 0)),     /* {x: } */
    CASE("k", NULL, VALUE(0x3a, 1, 'x')),                                /* bytes */
    CASE("k", NULL, KEY),
};

static void
expect_attribute(const OtlpDictionary *dictionary, const Case *expected)
{
    const WireSpan message = {expected->bytes, expected->bytes + expected->size};
    g_auto(OtlpAttribute) attribute = {0};
    g_autoptr(GError) error = NULL;
    otlp_attribute_read(dictionary, message, &attribute, &error);
    assert_no_error(error);
    assert_string_equal(attribute.key, expected->key);
    if (g_strcmp0(attribute.value, expected->value) != 0)
        fail_msg("case %zu: '%s' instead of '%s'", (size_t)(expected - CASES),
                 attribute.value != NULL ? attribute.value : "(none)",
                 expected->value != NULL ? expected->value : "(none)");
}

static WireSpan
span_of(const char *text)
{
    return (WireSpan){(const uint8_t *)text, (const uint8_t *)text + strlen(text)};
}

static void
test_values_that_are_labels(void **state)
{
    (void)state;
    WireSpan strings[] = {span_of(""), span_of("one"), span_of("two")};
    OtlpDictionary dictionary = {0};
    dictionary.tables[OTLP_STRINGS] = (OtlpTable){strings, G_N_ELEMENTS(strings)};
    for (size_t i = 0; i < G_N_ELEMENTS(CASES); i++)
        expect_attribute(&dictionary, &CASES[i]);
}

static void
test_strings_out_of_range(void **state)
{
    (void)state;
    static const Case bad[] = {CASE(NULL, "string_value_strindex is 9", VALUE(0x40, 9)),
                               CASE(NULL, "key_strindex is 9", 0x18, 9)};
    const OtlpDictionary dictionary = {0};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        const WireSpan message = {bad[i].bytes, bad[i].bytes + bad[i].size};
        g_auto(OtlpAttribute) attribute = {0};
        g_autoptr(GError) error = NULL;
        assert_false(otlp_attribute_read(&dictionary, message, &attribute, &error));
        assert_error_says(error, bad[i].value);
        assert_null(attribute.key);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_that_are_labels),
        cmocka_unit_test(test_strings_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
