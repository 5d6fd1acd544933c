#include "lib/net/http_auth.h"

#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

static TempDir *dir;

static int
setup(void **state)
{
    (void)state;
    dir = temp_dir_new();
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    temp_dir_free(dir);
    return 0;
}

static char *
write_file(const char *text, gssize size)
{
    char *path = g_build_filename(temp_dir_path(dir), "secret", NULL);
    assert_true(g_file_set_contents(path, text, size, NULL));
    return path;
}

static void
test_nothing_to_say(void **state)
{
    (void)state;
    char *line;
    const HttpAuth none = {0}, empty = {"", "", "", "", "", ""};
    assert_true(http_auth_line(&none, &line, NULL));
    assert_null(line);
    assert_true(http_auth_line(&empty, &line, NULL));
    assert_null(line);
}

static void
test_bearer_is_read_each_time(void **state)
{
    (void)state;
    static const char *const tokens[] = {"abc.def\n", "  ghi  "};
    static const char *const lines[] = {"Authorization: Bearer abc.def",
                                        "Authorization: Bearer ghi"};
    for (size_t i = 0; i < G_N_ELEMENTS(tokens); i++) {
        g_autofree char *path = write_file(tokens[i], -1), *line = NULL;
        const HttpAuth auth = {.token_file = path};
        assert_true(http_auth_line(&auth, &line, NULL));
        assert_string_equal(line, lines[i]);
    }
}

static void
test_basic(void **state)
{
    (void)state;
    g_autofree char *path = write_file("open sesame\n", -1), *line = NULL, *bare = NULL;
    const HttpAuth auth = {.user = "Aladdin", .password_file = path};
    assert_true(http_auth_line(&auth, &line, NULL));
    /* The example of RFC 7617, section 2. */
    assert_string_equal(line, "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    const HttpAuth without = {.user = "a"};
    assert_true(http_auth_line(&without, &bare, NULL));
    assert_string_equal(bare, "Authorization: Basic YTo=");
}

static void
test_what_is_in_no_file(void **state)
{
    (void)state;
    g_autofree char *bearer = NULL, *typed = NULL, *basic = NULL;
    const HttpAuth token = {.token = "abc", .token_file = "/nonexistent"};
    assert_true(http_auth_line(&token, &bearer, NULL));
    assert_string_equal(bearer, "Authorization: Bearer abc");
    const HttpAuth other = {.token = "abc", .type = "Token"};
    assert_true(http_auth_line(&other, &typed, NULL));
    assert_string_equal(typed, "Authorization: Token abc");
    const HttpAuth password = {.user = "Aladdin", .password = "open sesame"};
    assert_true(http_auth_line(&password, &basic, NULL));
    assert_string_equal(basic, "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

static void
test_files_that_are_no_secret(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        gssize size;
    } cases[] = {{"", 0}, {" \n", 2}, {"two\nlines", 9}, {"a b", 3}, {"a\0b", 3}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        char *line;
        g_autoptr(GError) error = NULL;
        g_autofree char *path = write_file(cases[i].text, cases[i].size);
        const HttpAuth auth = {.token_file = path};
        assert_false(http_auth_line(&auth, &line, &error));
        assert_error_says(error, path);
        assert_lacks(error->message, "lines");
    }
    char *line;
    g_autoptr(GError) error = NULL;
    const HttpAuth absent = {.token_file = "/nonexistent/token"};
    assert_false(http_auth_line(&absent, &line, &error));
    assert_error_says(error, "/nonexistent/token");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_say),
        cmocka_unit_test(test_bearer_is_read_each_time),
        cmocka_unit_test(test_basic),
        cmocka_unit_test(test_what_is_in_no_file),
        cmocka_unit_test(test_files_that_are_no_secret),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
