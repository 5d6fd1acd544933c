#include "server/store/hash_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/store/column.h"
#include "server/store/ulid.h"

static void
finds_every_key_and_no_other(void **state)
{
    (void)state;
    HashIndex index = {0};
    assert_int_equal(hash_index_get(&index, 5), HASH_INDEX_NONE);
    for (uint32_t i = 0; i < 5000; i++)
        hash_index_add(&index, (uint64_t)i * i << 7, i);
    for (uint32_t i = 0; i < 5000; i++)
        assert_int_equal(hash_index_get(&index, (uint64_t)i * i << 7), i);
    assert_int_equal(hash_index_get(&index, 3), HASH_INDEX_NONE);
    hash_index_clear(&index);
}

static void
steps_through_equal_keys(void **state)
{
    (void)state;
    HashIndex index = {0};
    for (uint32_t i = 0; i < 100; i++)
        hash_index_add(&index, i % 10, i);
    uint32_t at = hash_index_start(&index, 7), n = 0;
    for (uint32_t id; (id = hash_index_next(&index, 7, &at)) != HASH_INDEX_NONE; n++)
        assert_int_equal(id % 10, 7);
    assert_int_equal(n, 10);
    hash_index_clear(&index);
}

static void
keeps_old_memory_for_readers(void **state)
{
    (void)state;
    ColumnGuard guard;
    Column column;
    column_guard_init(&guard);
    column_init(&column, sizeof(uint32_t));
    *(uint32_t *)column_push(&column, &guard, 1) = 42;
    g_mutex_lock(&guard.lock);
    column_guard_enter_locked(&guard);
    const uint32_t *seen = column.data;
    g_mutex_unlock(&guard.lock);
    for (uint32_t i = 0; i < 1000; i++)
        *(uint32_t *)column_push(&column, &guard, 1) = i;
    assert_ptr_not_equal(seen, column.data);
    assert_int_equal(*seen, 42);
    assert_true(guard.retired->len > 0);
    column_guard_leave(&guard);
    assert_int_equal(guard.retired->len, 0);
    assert_int_equal(((uint32_t *)column.data)[0], 42);
    assert_int_equal(((uint32_t *)column.data)[1000], 999);
    column_clear(&column);
    column_guard_clear(&guard);
}

static void
makes_rising_ids(void **state)
{
    (void)state;
    Ulid last = ulid_new();
    assert_true(ulid_is_valid(last.text));
    for (unsigned i = 0; i < 1000; i++) {
        Ulid next = ulid_new();
        assert_true(strcmp(last.text, next.text) < 0);
        last = next;
    }
    assert_false(ulid_is_valid("01ARZ3NDEKTSV4RRFFQ69G5FA"));
    assert_false(ulid_is_valid("01ARZ3NDEKTSV4RRFFQ69G5FAI"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_key_and_no_other),
        cmocka_unit_test(steps_through_equal_keys),
        cmocka_unit_test(keeps_old_memory_for_readers),
        cmocka_unit_test(makes_rising_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
