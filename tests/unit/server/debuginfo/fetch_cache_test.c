#include "server/debuginfo/fetch_cache.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>

#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

/* Writes BUILD_ID/NAME, last read so many seconds ago. */
static void
write_file(const TempDir *dir, const char *build_id, const char *name, size_t size, time_t age_s)
{
    g_autofree char *folder = temp_dir_file(dir, build_id);
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *bytes = g_malloc0(size + 1);
    const struct timespec times[] = {{time(NULL) - age_s, 0}, {time(NULL) - age_s, 0}};
    assert_int_equal(g_mkdir_with_parents(folder, 0700), 0);
    assert_true(g_file_set_contents(path, bytes, (gssize)size, NULL));
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool
has_file(const TempDir *dir, const char *build_id, const char *name)
{
    g_autofree char *path = g_build_filename(temp_dir_path(dir), build_id, name, NULL);
    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static void
test_what_was_not_read_for_the_longest_goes_first(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    write_file(dir, "aa", "debuginfo", 1000, 30);
    write_file(dir, "bb", "debuginfo", 1000, 90);
    write_file(dir, "cc", "debuginfo", 1000, 60);
    write_file(dir, ".", "max_unused_age_s", 1000, 900);
    fetch_cache_trim(temp_dir_path(dir), 3000);
    assert_true(has_file(dir, "bb", "debuginfo"));
    fetch_cache_trim(temp_dir_path(dir), 0);
    assert_true(has_file(dir, "bb", "debuginfo"));
    fetch_cache_trim(temp_dir_path(dir), 2999);
    assert_false(has_file(dir, "bb", "debuginfo"));
    assert_true(has_file(dir, "cc", "debuginfo"));
    fetch_cache_trim(temp_dir_path(dir), 1000);
    assert_false(has_file(dir, "cc", "debuginfo"));
    assert_true(has_file(dir, "aa", "debuginfo"));
    assert_true(has_file(dir, ".", "max_unused_age_s"));
}

static void
test_what_killed_downloads_have_left_goes_in_time(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    write_file(dir, "aa", "debuginfo.a1B2c3", 10, FETCH_CACHE_PARTIAL_S + 60);
    write_file(dir, "aa", "debuginfo", 10, FETCH_CACHE_PARTIAL_S + 60);
    write_file(dir, "bb", "debuginfo.a1B2c3", 10, 60);
    fetch_cache_trim(temp_dir_path(dir), 0);
    assert_false(has_file(dir, "aa", "debuginfo.a1B2c3"));
    assert_true(has_file(dir, "aa", "debuginfo"));
    assert_true(has_file(dir, "bb", "debuginfo.a1B2c3"));
}

static void
test_a_missing_folder_is_an_empty_one(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "nothing");
    fetch_cache_trim(path, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_not_read_for_the_longest_goes_first),
        cmocka_unit_test(test_what_killed_downloads_have_left_goes_in_time),
        cmocka_unit_test(test_a_missing_folder_is_an_empty_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
