#include "lib/base/reloaded_file.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

static unsigned n_good, n_bad;

static void
on_notice(const char *path, const GError *error, void *data)
{
    (void)path;
    (void)data;
    *(error == NULL ? &n_good : &n_bad) += 1;
}

/* The content is the file's text; "bad" is not good. */
static void *
parse(const char *path, void *data, GError **error)
{
    (void)data;
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, error))
        return NULL;
    if (strcmp(text, "bad") == 0) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "bad");
        return NULL;
    }
    return strcpy(g_atomic_rc_box_alloc(strlen(text) + 1), text);
}

static const ReloadedFileConfig config = {
    .parse = parse, .notice = on_notice, .interval_us = 1 /* looks every time */};

static void
write_text(const char *path, const char *text)
{
    assert_true(g_file_set_contents(path, text, -1, NULL)); /* by renaming: a new inode */
}

static void
expect(ReloadedFile *file, const char *text)
{
    g_usleep(2);
    char *content = reloaded_file_acquire(file);
    assert_string_equal(content, text);
    reloaded_file_release(file, content);
}

static void
test_the_last_good_content_stays(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "file");
    n_good = n_bad = 0;
    write_text(path, "one");
    g_autoptr(ReloadedFile) file = reloaded_file_new(path, &config, NULL);
    expect(file, "one");
    assert_int_equal(n_good, 0);
    write_text(path, "two");
    expect(file, "two");
    assert_int_equal(n_good, 1);
    write_text(path, "bad");
    expect(file, "two");
    expect(file, "two");
    assert_int_equal(n_bad, 1); /* a bad file is read once */
    ReloadedFileCounts counts;
    reloaded_file_get_counts(file, &counts);
    assert_int_equal(counts.reloads, 2);
    assert_int_equal(counts.failures, 1);
    assert_false(counts.is_current);
    assert_int_equal(unlink(path), 0);
    expect(file, "two");
    write_text(path, "three");
    expect(file, "three");
    reloaded_file_get_counts(file, &counts);
    assert_true(counts.is_current);
}

/* Kubernetes updates a mounted directory by one rename of a link that all files lead through. */
static void
test_a_swapped_directory_is_a_change(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *old = temp_dir_file(dir, "..old"), *fresh = temp_dir_file(dir, "..new");
    g_autofree char *data = temp_dir_file(dir, "..data"), *next = temp_dir_file(dir, "..tmp");
    g_autofree char *path = temp_dir_file(dir, "file");
    g_autofree char *old_file = g_build_filename(old, "file", NULL);
    g_autofree char *new_file = g_build_filename(fresh, "file", NULL);
    assert_int_equal(g_mkdir_with_parents(old, 0755) + g_mkdir_with_parents(fresh, 0755), 0);
    write_text(old_file, "old");
    write_text(new_file, "new");
    assert_int_equal(symlink("..old", data) + symlink("..data/file", path), 0);
    g_autoptr(ReloadedFile) file = reloaded_file_new(path, &config, NULL);
    expect(file, "old");
    assert_int_equal(symlink("..new", next) + rename(next, data), 0);
    expect(file, "new");
}

static void
test_a_bad_file_at_first_is_an_error(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    assert_null(reloaded_file_new("/nonexistent/file", &config, &error));
    assert_error_says(error, "/nonexistent/file");
}

static void
test_content_outlives_its_replacement(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "file");
    write_text(path, "one");
    g_autoptr(ReloadedFile) file = reloaded_file_new(path, &config, NULL);
    char *held = reloaded_file_acquire(file);
    write_text(path, "two");
    expect(file, "two");
    assert_string_equal(held, "one");
    reloaded_file_release(file, held);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_last_good_content_stays),
        cmocka_unit_test(test_a_swapped_directory_is_a_change),
        cmocka_unit_test(test_a_bad_file_at_first_is_an_error),
        cmocka_unit_test(test_content_outlives_its_replacement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
