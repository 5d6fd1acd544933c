/* Maps of just-in-time compiled code. */
#include "lib/symbol/perf_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void
check(const char *text, const uint64_t *addresses, size_t n, const char *const *expected)
{
    g_autofree char **names = g_new0(char *, n);
    perf_map_find_text(text, strlen(text), addresses, n, names);
    for (size_t i = 0; i < n; i++) {
        if (expected[i] == NULL)
            assert_null(names[i]);
        else
            assert_string_equal(names[i], expected[i]);
        g_free(names[i]);
    }
}

static void
test_ranges(void **state)
{
    (void)state;
    const uint64_t addresses[] = {0xfff, 0x1000, 0x100f, 0x1010, 0x2000};
    const char *const expected[] = {NULL, "LazyCompile:*add /app/a b.js:1:2",
                                    "LazyCompile:*add /app/a b.js:1:2", NULL, "last"};
    check("1000 10 LazyCompile:*add /app/a b.js:1:2\n0x2000 0x1 last", addresses, 5, expected);
}

static void
test_the_last_line_wins(void **state)
{
    (void)state;
    const uint64_t addresses[] = {0x1000, 0x1008};
    const char *const expected[] = {"old", "new"};
    check("1000 10 old\n1008 4 new\n", addresses, 2, expected);
}

static void
test_malformed_lines_are_passed_over(void **state)
{
    (void)state;
    const uint64_t addresses[] = {0x1000};
    const char *const expected[] = {"good"};
    check("\n1000\n1000 \n1000 10\n1000 10 \nxyz 10 a\n11111111111111111 10 b\n1000 10 good\n"
          "ffffffffffffffff ffffffffffffffff wraps\n",
          addresses, 1, expected);
}

static void
test_a_large_file_with_overlong_lines(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    for (unsigned i = 0; i < 50000; i++)
        fprintf(file, "%x 10 function_%u\n", 0x10000 + i * 16, i);
    fputs("5 1 ", file);
    for (int i = 0; i < 300000; i++)
        fputc('x', file);
    fputs("\n6 1 after\n", file);
    fflush(file);
    const uint64_t addresses[] = {0x5, 0x6, 0x10000, 0x10000 + 49999 * 16 + 15};
    char *names[4] = {NULL};
    assert_true(perf_map_find(fileno(file), addresses, 4, names, NULL));
    assert_int_equal(strlen(names[0]), PERF_MAP_NAME_MAX);
    assert_string_equal(names[1], "after");
    assert_string_equal(names[2], "function_0");
    assert_string_equal(names[3], "function_49999");
    for (int i = 0; i < 4; i++)
        g_free(names[i]);
    fclose(file);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_the_last_line_wins),
        cmocka_unit_test(test_malformed_lines_are_passed_over),
        cmocka_unit_test(test_a_large_file_with_overlong_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
