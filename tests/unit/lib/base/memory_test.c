#include "lib/base/memory.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

enum { MIB = 1024 * 1024, TAKEN_BYTES = 64 * MIB };

/* Untouched pages. */
static char *
map(size_t bytes)
{
    char *taken = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(taken, MAP_FAILED);
    return taken;
}

static void
test_what_is_touched_counts(void **state)
{
    (void)state;
    int64_t before = memory_used();
    assert_true(before > 0);
    char *taken = map(TAKEN_BYTES);
    assert_true(memory_used() < before + TAKEN_BYTES / 2);
    memset(taken, 1, TAKEN_BYTES);
    assert_true(memory_used() >= before + TAKEN_BYTES - MIB);
    assert_int_equal(munmap(taken, TAKEN_BYTES), 0);
    assert_true(memory_used() < before + TAKEN_BYTES / 2);
}

/* What is there is looked at again after a moment. */
static bool
comes_to(bool wanted, size_t bytes)
{
    int64_t end_us = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
    while (memory_has_room(bytes) != wanted) {
        if (g_get_monotonic_time() > end_us)
            return false;
        g_usleep(1000);
    }
    return true;
}

static void
test_room_ends_at_the_ceiling(void **state)
{
    (void)state;
    assert_true(memory_has_room(SIZE_MAX)); /* without one */
    memory_set_ceiling(memory_used() + 2 * (int64_t)TAKEN_BYTES);
    assert_true(comes_to(true, TAKEN_BYTES));
    assert_false(memory_has_room(3 * (size_t)TAKEN_BYTES));
    assert_false(memory_has_room(SIZE_MAX));
    char *taken = map(TAKEN_BYTES + TAKEN_BYTES / 2);
    memset(taken, 1, TAKEN_BYTES + TAKEN_BYTES / 2);
    assert_true(comes_to(false, TAKEN_BYTES));
    assert_true(memory_has_room(1));
    assert_int_equal(munmap(taken, TAKEN_BYTES + TAKEN_BYTES / 2), 0);
    assert_true(comes_to(true, TAKEN_BYTES));
    memory_set_ceiling(0);
}

/* The allocator keeps what was freed in small pieces, until it is asked to give it back. */
static void
test_what_the_allocator_keeps_is_given_back(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* their allocators keep what they want */
#endif
    enum { PIECES = 100000, PIECE_BYTES = 600 };
    static void *pieces[PIECES];
    for (size_t i = 0; i < PIECES; i++)
        pieces[i] = memset(g_malloc(PIECE_BYTES), 1, PIECE_BYTES);
    void *above = g_malloc(PIECE_BYTES); /* so that the heap cannot shrink from its end */
    int64_t full = memory_used();
    for (size_t i = 0; i < PIECES; i++)
        g_free(pieces[i]);
    memory_set_ceiling(full);
    assert_true(comes_to(true, PIECES / 2 * PIECE_BYTES));
    memory_set_ceiling(0);
    g_free(above);
}

static void
write_limit(const TempDir *dir, const char *name, const char *text)
{
    g_autofree char *path = temp_dir_file(dir, name), *folder = g_path_get_dirname(path);
    assert_int_equal(g_mkdir_with_parents(folder, 0700), 0);
    assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void
test_the_smallest_limit_of_the_groups_holds(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    const char *root = temp_dir_path(dir);
    write_limit(dir, "pods/one/container/memory.max", "max\n");
    assert_true(memory_group_limit(root, "/pods/one/container") == INT64_MAX);
    write_limit(dir, "pods/one/memory.max", "2000\n");
    write_limit(dir, "pods/memory.max", "3000\n");
    assert_int_equal(memory_group_limit(root, "/pods/one/container"), 2000);
    assert_int_equal(memory_group_limit(root, "/pods"), 3000);
    write_limit(dir, "memory.limit_in_bytes", "1000\n");
    assert_int_equal(memory_group_limit(root, "/pods"), 1000);
    assert_int_equal(memory_group_limit(root, "/gone/away"), 1000);
    assert_int_equal(memory_group_limit(root, "/"), 1000);
    write_limit(dir, "memory.limit_in_bytes", "nonsense");
    assert_true(memory_group_limit(root, "/") == INT64_MAX);
}

static void
test_this_process_has_a_limit(void **state)
{
    (void)state;
    assert_true(memory_limit() > 0);
    assert_true(memory_limit() < INT64_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_touched_counts),
        cmocka_unit_test(test_room_ends_at_the_ceiling),
        cmocka_unit_test(test_what_the_allocator_keeps_is_given_back),
        cmocka_unit_test(test_the_smallest_limit_of_the_groups_holds),
        cmocka_unit_test(test_this_process_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
