#include "analyzers/llm/store.h"

#include <string.h>
#include <sys/stat.h>

#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

static void
test_key_and_answers_stay(void **state)
{
    (void)state;
    enum { NOW_S = 1767268800, PERMISSIONS = 0777, OWNER_ONLY = 0600 };
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "llm.sqlite");
    uint8_t key[MASK_KEY_BYTES];
    static const uint8_t none[MASK_KEY_BYTES] = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(Store) first = store_open(path, &error);
    assert_no_error(error);
    memcpy(key, store_key(first), sizeof key);
    assert_memory_not_equal(key, none, sizeof key);
    store_put(first, "q", "a", NOW_S);
    store_close(g_steal_pointer(&first));
    g_autoptr(Store) second = store_open(path, &error);
    assert_no_error(error);
    assert_memory_equal(store_key(second), key, sizeof key);
    g_autofree char *known = store_find(second, "q", NOW_S + STORE_TTL_S - 1);
    assert_string_equal(known, "a");
    assert_null(store_find(second, "q", NOW_S + STORE_TTL_S));
    assert_null(store_find(second, "other", NOW_S));
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & PERMISSIONS, OWNER_ONLY);
}

static void
test_no_database(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "llm.sqlite");
    g_autoptr(GError) error = NULL;
    assert_true(
        g_file_set_contents(path, "no database at all, but long enough for a header", -1, NULL));
    assert_null(store_open(path, &error));
    assert_error_says(error, path);
    g_clear_error(&error);
    assert_null(store_open(temp_dir_path(dir), &error));
    assert_error_says(error, "--llm-store");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_and_answers_stay),
        cmocka_unit_test(test_no_database),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
