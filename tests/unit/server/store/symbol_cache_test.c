#include "server/store/symbol_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static BlockSymbols *
make_symbols(size_t size)
{
    BlockSymbols *symbols = g_new0(BlockSymbols, 1);
    g_atomic_ref_count_init(&symbols->n_refs);
    symbols->size = size;
    return symbols;
}

static void
put(SymbolCache *cache, uint64_t serial, uint32_t number, size_t size)
{
    BlockSymbols *symbols = make_symbols(size);
    symbol_cache_put(cache, serial, number, symbols);
    block_symbols_unref(symbols);
}

static bool
has(SymbolCache *cache, uint64_t serial, uint32_t number)
{
    BlockSymbols *symbols = symbol_cache_get(cache, serial, number);
    block_symbols_unref(symbols);
    return symbols != NULL;
}

static void
drops_the_longest_unused_over_its_size(void **state)
{
    (void)state;
    SymbolCache *cache = symbol_cache_new(100);
    put(cache, 1, 0, 40);
    put(cache, 1, 1, 40);
    assert_true(has(cache, 1, 0));
    put(cache, 2, 0, 40);
    assert_true(has(cache, 1, 0));
    assert_false(has(cache, 1, 1));
    assert_true(has(cache, 2, 0));
    put(cache, 3, 0, 101);
    assert_false(has(cache, 3, 0));
    assert_true(has(cache, 2, 0));
    symbol_cache_free(cache);
}

static void
leaves_symbols_to_whoever_holds_them(void **state)
{
    (void)state;
    SymbolCache *cache = symbol_cache_new(100);
    put(cache, 1, 0, 40);
    BlockSymbols *held = symbol_cache_get(cache, 1, 0);
    symbol_cache_free(cache);
    assert_int_equal(held->size, 40);
    block_symbols_unref(held);
    symbol_cache_free(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drops_the_longest_unused_over_its_size),
        cmocka_unit_test(leaves_symbols_to_whoever_holds_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
