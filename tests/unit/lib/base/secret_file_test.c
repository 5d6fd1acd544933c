#include "lib/base/secret_file.h"

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

static char *
write_file(const TempDir *dir, const char *content, gssize size)
{
    char *path = temp_dir_file(dir, "secret");
    assert_true(g_file_set_contents(path, content, size, NULL));
    return path;
}

static void
test_white_space_around_is_no_part(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *path = write_file(dir, " \topen sesame\r\n", -1);
    g_autofree char *secret = secret_file_read(path, &error);
    assert_no_error(error);
    assert_string_equal(secret, "open sesame");
}

static void
test_what_is_no_secret_is_refused_without_its_text(void **state)
{
    (void)state;
    static const struct {
        const char *content;
        gssize size;
        const char *words;
    } cases[] = {{"", 0, "nothing in it"}, {" \n\t", 3, "nothing in it"}, {"hid\0den", 7, "NUL"}};
    g_autoptr(TempDir) dir = temp_dir_new();
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *path = write_file(dir, cases[i].content, cases[i].size);
        assert_null(secret_file_read(path, &error));
        assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
        assert_error_says(error, path);
        assert_error_says(error, cases[i].words);
        assert_lacks(error->message, "hid");
    }
}

static void
test_size_is_bounded(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *content = g_strnfill(SECRET_FILE_BYTES_MAX + 1, 'x');
    for (int over = 0; over <= 1; over++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *path = write_file(dir, content, SECRET_FILE_BYTES_MAX + over);
        g_autofree char *secret = secret_file_read(path, &error);
        assert_int_equal(secret == NULL, over);
        if (over > 0)
            assert_error_says(error, "too large");
    }
    g_autoptr(GError) error = NULL;
    assert_null(secret_file_read("/dev/zero", &error)); /* has no end */
    assert_error_says(error, "/dev/zero is too large");
}

static void
test_bytes_are_as_they_are(void **state)
{
    (void)state;
    size_t size;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *path = write_file(dir, " \0x\n", 4);
    g_autofree char *bytes = secret_file_read_bytes(path, &size, &error);
    assert_no_error(error);
    assert_int_equal(size, 4);
    assert_memory_equal(bytes, " \0x\n", 5);
    assert_null(secret_file_read_bytes("/dev/zero", &size, &error)); /* has no end */
    assert_error_says(error, "/dev/zero is too large");
}

static void
test_what_cannot_be_read(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    const char *const paths[] = {"/nonexistent/token", temp_dir_path(dir)};
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GError) error = NULL;
        assert_null(secret_file_read(paths[i], &error));
        assert_error_says(error, paths[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_white_space_around_is_no_part),
        cmocka_unit_test(test_what_is_no_secret_is_refused_without_its_text),
        cmocka_unit_test(test_size_is_bounded),
        cmocka_unit_test(test_bytes_are_as_they_are),
        cmocka_unit_test(test_what_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
