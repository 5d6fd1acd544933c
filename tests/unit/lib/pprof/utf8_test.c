#include "lib/pprof/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <glib.h>

/* Encodes any number as UTF-8 would, also those that are not characters. */
static size_t
put_code(uint32_t code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)((0xf00 >> n) | code);
    return n;
}

static void
test_every_code_point(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < 0x140000; code++) {
        char text[20] = "abcdefghij";
        size_t n = put_code(code, text + 10);
        bool expected = code < 0xd800 || (code > 0xdfff && code < 0x110000);
        if (utf8_is_valid(text, 10 + n) != expected || utf8_is_valid(text + 10, n) != expected)
            fail_msg("U+%04X", code);
        if (n > 1 && utf8_is_valid(text, 10 + n - 1))
            fail_msg("cut U+%04X", code);
    }
}

static void
test_wrong_bytes(void **state)
{
    (void)state;
    static const char *const WRONG[] = {
        "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf5\x80\x80\x80",
        "\x80",     "\xff",     "\xc3(",        "\xe2\x28\xa1"};
    for (size_t i = 0; i < G_N_ELEMENTS(WRONG); i++) {
        for (size_t at = 0; at < 24; at++) {
            char text[40];
            size_t n = strlen(WRONG[i]);
            memset(text, 'a', sizeof text);
            memcpy(text + at, WRONG[i], n);
            assert_false(utf8_is_valid(text, at + n));
            assert_false(utf8_is_valid(text, sizeof text));
        }
    }
    assert_true(utf8_is_valid("", 0));
    assert_true(utf8_is_valid(NULL, 0));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_wrong_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
