/* Compiled twice: once with the real arena, once with ARENA_EMULATION. */
#include "lib/base/arena.h"

#include <string.h>

#include "tests/harness/check.h"

static void
test_memory_is_zeroed_and_aligned(void **state)
{
    (void)state;
    g_autoptr(Arena) arena = arena_new(1 << 20);
    for (size_t size = 1; size < 300; size += 7) {
        const uint8_t *memory = arena_alloc(arena, size);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % 16, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(memory[i], 0);
    }
}

static void
test_allocations_do_not_overlap(void **state)
{
    (void)state;
    g_autoptr(Arena) arena = arena_new(1 << 20);
    uint8_t *blocks[200];
    for (int i = 0; i < 200; i++) {
        blocks[i] = arena_alloc(arena, 100);
        memset(blocks[i], i, 100);
    }
    for (int i = 0; i < 200; i++)
        for (int j = 0; j < 100; j++)
            assert_int_equal(blocks[i][j], i);
}

static void
test_cap_is_exact(void **state)
{
    (void)state;
    g_autoptr(Arena) arena = arena_new(64);
    assert_non_null(arena_alloc(arena, 32));
    assert_null(arena_alloc(arena, 33));
    assert_non_null(arena_alloc(arena, 32));
    assert_null(arena_alloc(arena, 1));
    assert_int_equal(arena_used(arena), 64);
}

static void
test_huge_sizes_do_not_wrap(void **state)
{
    (void)state;
    g_autoptr(Arena) arena = arena_new(SIZE_MAX);
    assert_null(arena_alloc(arena, SIZE_MAX));
    assert_null(arena_alloc(arena, SIZE_MAX - 8));
    assert_null(arena_alloc_array(arena, SIZE_MAX / 8, 16));
    assert_null(arena_grow_array(arena, NULL, 0, SIZE_MAX / 8, 16));
    assert_null(arena_strndup(arena, "x", SIZE_MAX));
    assert_int_equal(arena_used(arena), 0);
}

static void
test_nothing_is_a_valid_pointer(void **state)
{
    (void)state;
    g_autoptr(Arena) arena = arena_new(64);
    assert_non_null(arena_alloc(arena, 0));
    assert_int_equal(arena_used(arena), 0);
}

static void
test_grow_keeps_the_elements_and_zeroes_the_rest(void **state)
{
    (void)state;
    g_autoptr(Arena) arena = arena_new(1 << 20);
    uint32_t *numbers = arena_alloc_array(arena, 3, sizeof *numbers);
    for (uint32_t i = 0; i < 3; i++)
        numbers[i] = i + 1;
    for (size_t count = 3; count < 5000; count = count * 2 + 1) {
        numbers = arena_grow_array(arena, numbers, count, count * 2 + 1, sizeof *numbers);
        assert_non_null(numbers);
        if (count % 2 == 0)
            (void)arena_alloc(arena, 16); /* so that growing in place fails now and then */
    }
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(numbers[i], i + 1);
    for (size_t i = 3; i < 5000; i++)
        assert_int_equal(numbers[i], 0);
}

static void
test_grow_over_the_cap_leaves_the_old_array(void **state)
{
    (void)state;
    g_autoptr(Arena) arena = arena_new(64);
    uint32_t *numbers = arena_alloc_array(arena, 4, sizeof *numbers);
    numbers[3] = 7;
    assert_null(arena_grow_array(arena, numbers, 4, 64, sizeof *numbers));
    assert_int_equal(numbers[3], 7);
}

static void
test_reset_gives_the_cap_back_and_zeroes(void **state)
{
    (void)state;
    g_autoptr(Arena) arena = arena_new(100000);
    for (int round = 0; round < 10; round++) {
        uint8_t *memory = arena_alloc(arena, 90000);
        assert_non_null(memory);
        for (size_t i = 0; i < 90000; i += 100)
            assert_int_equal(memory[i], 0);
        memset(memory, 0xee, 90000);
        arena_reset(arena);
        assert_int_equal(arena_used(arena), 0);
    }
}

static void
test_strndup_ends_in_nul(void **state)
{
    (void)state;
    g_autoptr(Arena) arena = arena_new(1024);
    assert_string_equal(arena_strndup(arena, "flame graph", 5), "flame");
    assert_string_equal(arena_strndup(arena, "", 0), "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_zeroed_and_aligned),
        cmocka_unit_test(test_allocations_do_not_overlap),
        cmocka_unit_test(test_cap_is_exact),
        cmocka_unit_test(test_huge_sizes_do_not_wrap),
        cmocka_unit_test(test_nothing_is_a_valid_pointer),
        cmocka_unit_test(test_grow_keeps_the_elements_and_zeroes_the_rest),
        cmocka_unit_test(test_grow_over_the_cap_leaves_the_old_array),
        cmocka_unit_test(test_reset_gives_the_cap_back_and_zeroes),
        cmocka_unit_test(test_strndup_ends_in_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
