/* The cache of resolved lines keeps what is used and stays within its size. */
#include "lib/symbolize/cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
add(SymbolCache *cache, uint64_t file, uint64_t address, const char *name)
{
    CachedLines lines = {symbol_cache_position(cache), 1};
    CachedLine line = {.name = symbol_cache_string(cache, name, strlen(name)), .line = 7};
    symbol_cache_append(cache, &line);
    symbol_cache_add(cache, file, address, lines);
}

static void
check(SymbolCache *cache, uint64_t file, uint64_t address, const char *name)
{
    CachedLines lines;
    assert_true(symbol_cache_find(cache, file, address, &lines));
    assert_int_equal(lines.n, 1);
    const CachedLine *line = symbol_cache_lines(cache) + lines.first;
    size_t length;
    const char *text = symbol_cache_text(cache, line->name, &length);
    assert_int_equal(length, strlen(name));
    assert_memory_equal(text, name, length);
    assert_int_equal(line->line, 7);
}

static void
test_what_is_used_stays(void **state)
{
    (void)state;
    enum { BYTES = 256 * 1024 };
    g_autoptr(SymbolCache) cache = symbol_cache_new(BYTES);
    add(cache, 1, 0x1000, "always_used");
    add(cache, 1, 0x2000, "never_used_again");
    for (uint64_t i = 0; i < 20000; i++) {
        symbol_cache_begin(cache);
        char name[32];
        snprintf(name, sizeof(name), "function_%u", (unsigned)i);
        add(cache, 2, i, name);
        check(cache, 2, i, name);
        check(cache, 1, 0x1000, "always_used");
        assert_true(symbol_cache_bytes(cache) < BYTES * 2);
    }
    CachedLines lines;
    assert_false(symbol_cache_find(cache, 1, 0x2000, &lines));
    assert_false(symbol_cache_find(cache, 2, 0, &lines));
}

static void
test_an_answer_without_lines_is_remembered(void **state)
{
    (void)state;
    g_autoptr(SymbolCache) cache = symbol_cache_new(1024 * 1024);
    CachedLines lines = {0, 0};
    assert_false(symbol_cache_find(cache, 1, 0x1000, &lines));
    symbol_cache_add(cache, 1, 0x1000, lines);
    assert_true(symbol_cache_find(cache, 1, 0x1000, &lines));
    assert_int_equal(lines.n, 0);
    assert_false(symbol_cache_find(cache, 2, 0x1000, &lines));
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
