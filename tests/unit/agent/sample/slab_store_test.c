#include "agent/sample/slab_store.h"

#include "agent/sample/clocks.h"
#include "lib/base/error.h"
#include "tests/harness/check.h"

static void
test_blocks_do_not_overlap(void **state)
{
    (void)state;
    g_autoptr(SlabStore) store = slab_store_new(-1, 16 * SLAB_BYTES);
    SlabBlock blocks[200];
    for (uint32_t i = 0; i < 200; i++) {
        assert_true(slab_store_alloc(store, 1 + i * 13, &blocks[i], NULL));
        assert_true(blocks[i].words >= 1 + i * 13);
        assert_true(blocks[i].offset + blocks[i].words <= SLAB_WORDS);
        uint64_t mark = i;
        for (uint32_t j = 0; j < blocks[i].words; j++)
            slab_store_write(store, blocks[i], j, &mark, 1);
    }
    for (uint32_t i = 0; i < 200; i++) {
        const uint64_t *words = slab_store_words(store, blocks[i].slab) + blocks[i].offset;
        for (uint32_t j = 0; j < blocks[i].words; j++)
            assert_true(words[j] == i);
    }
}

static void
test_freed_blocks_melt_together(void **state)
{
    (void)state;
    g_autoptr(SlabStore) store = slab_store_new(-1, SLAB_BYTES);
    SlabBlock blocks[16], whole;
    for (int i = 0; i < 16; i++)
        assert_true(slab_store_alloc(store, SLAB_WORDS / 16, &blocks[i], NULL));
    assert_false(slab_store_alloc(store, 8, &whole, NULL));
    static const int order[16] = {3, 1, 2, 0, 15, 14, 9, 8, 10, 4, 5, 7, 6, 11, 13, 12};
    for (int i = 0; i < 16; i++)
        slab_store_release(store, blocks[order[i]]);
    assert_true(slab_store_used_bytes(store) == 0);
    assert_true(slab_store_alloc(store, SLAB_WORDS, &whole, NULL));
    assert_true(slab_store_total_bytes(store) == SLAB_BYTES);
}

static void
test_retired_blocks_are_free_a_second_later(void **state)
{
    (void)state;
    g_autoptr(SlabStore) store = slab_store_new(-1, SLAB_BYTES);
    SlabBlock block;
    assert_true(slab_store_alloc(store, SLAB_WORDS, &block, NULL));
    slab_store_retire(store, block);
    slab_store_collect(store, g_get_monotonic_time());
    assert_false(slab_store_alloc(store, 8, &block, NULL));
    slab_store_collect(store, g_get_monotonic_time() + 2 * G_USEC_PER_SEC);
    assert_true(slab_store_alloc(store, SLAB_WORDS, &block, NULL));
}

static void
test_limits_are_errors(void **state)
{
    (void)state;
    g_autoptr(SlabStore) store = slab_store_new(-1, SLAB_BYTES);
    g_autoptr(GError) large = NULL, full = NULL;
    SlabBlock block;
    assert_false(slab_store_alloc(store, SLAB_WORDS + 1, &block, &large));
    assert_int_equal(large->code, CRESSET_ERROR_RESOURCE_EXHAUSTED);
    assert_true(slab_store_alloc(store, SLAB_WORDS, &block, NULL));
    assert_false(slab_store_alloc(store, 1, &block, &full));
    assert_error_says(full, "unwind-table-bytes");
    assert_null(slab_store_words(store, 1));
    uint64_t word = 1;
    slab_store_write(store, block, SLAB_WORDS, &word, 1); /* outside: nothing happens */
}

static void
test_lists_of_cpus(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        guint n, last;
    } rows[] = {{"0-3,8\n", 5, 8}, {"0\n", 1, 0}, {"2,4,6-7", 4, 7}, {"", 0, 0}, {"x", 0, 0}};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GArray) cpus = clocks_parse_cpus(rows[i].text);
        assert_int_equal(cpus->len, rows[i].n);
        if (cpus->len > 0)
            assert_int_equal(g_array_index(cpus, guint, cpus->len - 1), rows[i].last);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_do_not_overlap),
        cmocka_unit_test(test_freed_blocks_melt_together),
        cmocka_unit_test(test_retired_blocks_are_free_a_second_later),
        cmocka_unit_test(test_limits_are_errors),
        cmocka_unit_test(test_lists_of_cpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
