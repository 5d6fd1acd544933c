/* The cache of resolved lines keeps what is used and stays within its size. */
#include "lib/symbolize/line_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
add(LineCache *cache, uint64_t file, uint64_t address, const char *name)
{
    CachedLines lines = {line_cache_position(cache), 1};
    CachedLine line = {.name = line_cache_string(cache, name, strlen(name)), .line = 7};
    line_cache_append(cache, &line);
    line_cache_add(cache, file, address, lines);
}

static void
check(LineCache *cache, uint64_t file, uint64_t address, const char *name)
{
    CachedLines lines;
    assert_true(line_cache_find(cache, file, address, &lines));
    assert_int_equal(lines.n, 1);
    const CachedLine *line = line_cache_lines(cache) + lines.first;
    size_t length;
    const char *text = line_cache_text(cache, line->name, &length);
    assert_int_equal(length, strlen(name));
    assert_memory_equal(text, name, length);
    assert_int_equal(line->line, 7);
}

static void
test_what_is_used_stays(void **state)
{
    (void)state;
    enum { BYTES = 256 * 1024 };
    g_autoptr(LineCache) cache = line_cache_new(BYTES);
    add(cache, 1, 0x1000, "always_used");
    add(cache, 1, 0x2000, "never_used_again");
    for (uint64_t i = 0; i < 20000; i++) {
        line_cache_begin(cache);
        char name[32];
        snprintf(name, sizeof(name), "function_%u", (unsigned)i);
        add(cache, 2, i, name);
        check(cache, 2, i, name);
        check(cache, 1, 0x1000, "always_used");
        assert_true(line_cache_bytes(cache) < BYTES * 2);
    }
    CachedLines lines;
    assert_false(line_cache_find(cache, 1, 0x2000, &lines));
    assert_false(line_cache_find(cache, 2, 0, &lines));
}

static void
test_an_answer_without_lines_is_remembered(void **state)
{
    (void)state;
    g_autoptr(LineCache) cache = line_cache_new(1024 * 1024);
    CachedLines lines = {0, 0};
    assert_false(line_cache_find(cache, 1, 0x1000, &lines));
    line_cache_add(cache, 1, 0x1000, lines);
    assert_true(line_cache_find(cache, 1, 0x1000, &lines));
    assert_int_equal(lines.n, 0);
    assert_false(line_cache_find(cache, 2, 0x1000, &lines));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_used_stays),
        cmocka_unit_test(test_an_answer_without_lines_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
