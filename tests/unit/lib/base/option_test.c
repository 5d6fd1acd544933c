#include "lib/base/option.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/option_help.h"
#include "tests/harness/check.h"

typedef struct {
    char *listen, *data_dir;
    GStrv label;
    bool self_profile;
    double rate;
    int64_t memory, window;
} Config;

static const OptionRow ROWS[] = {
    {"listen", OPTION_STRING, "0.0.0.0:4040", 0, 0, "ADDR:PORT", "Address to serve on.",
     offsetof(Config, listen)},
    {"data-dir", OPTION_STRING, NULL, 0, 0, "DIR", "Directory of the store.",
     offsetof(Config, data_dir)},
    {"label", OPTION_LIST, NULL, 0, 0, "KEY=VALUE", "Label of every profile.",
     offsetof(Config, label)},
    {"self-profile", OPTION_BOOL, "true", 0, 0, NULL, "Profile this program too.",
     offsetof(Config, self_profile)},
    {"rate", OPTION_DOUBLE, "97", 1, 1000, "HZ", "Samples per second and CPU.",
     offsetof(Config, rate)},
    {"memory", OPTION_BYTES, "64MiB", 1 << 20, 1 << 30, NULL,
     "Memory for what is not delivered yet, in a sentence long enough that it needs a second line.",
     offsetof(Config, memory)},
    {"window", OPTION_DURATION, "15s", 1e9, 600e9, NULL, "Length of one profile.",
     offsetof(Config, window)},
};
static const OptionTable TABLE = {.program = "cresset-test",
                                  .summary = "Tests options.",
                                  .rows = ROWS,
                                  .n_rows = G_N_ELEMENTS(ROWS)};

static void
clear_environment(void)
{
    g_auto(GStrv) names = g_listenv();
    for (size_t i = 0; names[i] != NULL; i++)
        if (g_str_has_prefix(names[i], "CRESSET_"))
            g_unsetenv(names[i]);
}

static int
setup(void **state)
{
    (void)state;
    clear_environment();
    return 0;
}

/* Parses a command line given as one text with blanks between the arguments. */
static OptionResult
parse(const char *line, Config *config, GError **error)
{
    g_autofree char *whole = g_strconcat("cresset-test ", line, NULL);
    g_auto(GStrv) argv = g_strsplit(g_strchomp(whole), " ", -1);
    return option_parse(&TABLE, (int)g_strv_length(argv), argv, config, error);
}

static void
expect_error(const char *line, const char *part)
{
    Config config = {0};
    g_autoptr(GError) error = NULL;
    assert_int_equal(parse(line, &config, &error), OPTION_ERROR);
    assert_error_says(error, part);
    assert_null(config.listen);
}

static char *
write_yaml(const char *text)
{
    char *path = g_strdup("/tmp/cresset-option-XXXXXX");
    int fd = g_mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_true(g_file_set_contents(path, text, -1, NULL));
    return path;
}

static void
test_defaults(void **state)
{
    (void)state;
    Config config = {0};
    g_autoptr(GError) error = NULL;
    assert_int_equal(parse("", &config, &error), OPTION_RUN);
    assert_string_equal(config.listen, "0.0.0.0:4040");
    assert_null(config.data_dir);
    assert_null(config.label);
    assert_true(config.self_profile);
    assert_true(config.rate == 97);
    assert_int_equal(config.memory, 64 << 20);
    assert_int_equal(config.window, INT64_C(15000000000));
    option_clear(&TABLE, &config);
    assert_null(config.listen);
}

static void
test_every_form_of_a_flag(void **state)
{
    (void)state;
    Config config = {0};
    g_autoptr(GError) error = NULL;
    assert_int_equal(parse("--listen=:1 --data-dir /d --label a=b --label=c=d --self-profile=false "
                           "--rate 5 --rate 19",
                           &config, &error),
                     OPTION_RUN);
    assert_string_equal(config.listen, ":1");
    assert_string_equal(config.data_dir, "/d");
    assert_int_equal(g_strv_length(config.label), 2);
    assert_string_equal(config.label[1], "c=d");
    assert_false(config.self_profile);
    assert_true(config.rate == 19);
    option_clear(&TABLE, &config);
}

static void
test_precedence(void **state)
{
    (void)state;
    g_autofree char *path = write_yaml("# comment\nlisten: file:1\ndata-dir: /file\nrate: 11\n"
                                       "label:\n  - from=file\n");
    g_setenv("CRESSET_CONFIG", path, TRUE);
    g_setenv("CRESSET_DATA_DIR", "/env", TRUE);
    g_setenv("CRESSET_RATE", "12", TRUE);
    g_setenv("CRESSET_LABEL", "from=env,more=env", TRUE);
    Config config = {0};
    g_autoptr(GError) error = NULL;
    OptionResult result = parse("--rate 13", &config, &error);
    assert_no_error(error);
    assert_int_equal(result, OPTION_RUN);
    assert_string_equal(config.listen, "file:1");
    assert_string_equal(config.data_dir, "/env");
    assert_true(config.rate == 13);
    assert_int_equal(g_strv_length(config.label), 2);
    option_clear(&TABLE, &config);
    (void)g_unlink(path);
}

static void
test_wrong_flags_name_the_nearest(void **state)
{
    (void)state;
    expect_error("--data-dri x", "unknown option --data-dri; did you mean --data-dir?");
    expect_error("--data_dir x", "did you mean --data-dir?");
    expect_error("--hlep", "did you mean --help?");
    expect_error("--confg x", "did you mean --config?");
    expect_error("--zzzzzzzz", "unknown option --zzzzzzzz; --help lists them all");
    expect_error("serve", "unexpected argument 'serve'");
    expect_error("-x", "unexpected argument '-x'");
    expect_error("--", "unexpected argument '--'");
    expect_error("--help=no", "unknown option --help");
}

static void
test_wrong_values_name_the_option(void **state)
{
    (void)state;
    expect_error("--rate fast", "--rate: 'fast' is not a number");
    expect_error("--rate 5000", "--rate: '5000' is not between 1 and 1000");
    expect_error("--rate", "--rate needs a value: --rate HZ");
    expect_error("--config", "--config needs a value: --config FILE");
    g_setenv("CRESSET_WINDOW", "1y", TRUE);
    expect_error("", "CRESSET_WINDOW: '1y' has an unknown unit");
}

static void
test_wrong_files_name_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *part;
    } cases[] = {
        {"listen: a\nrat: 4\n", ":2: unknown option rat; did you mean rate?"},
        {"listen: a\n\nrate: fast\n", ":3: rate: 'fast' is not a number"},
        {"listen: [a, b]\n", ":1: listen: takes one value, not a list"},
        {"label: {a: b}\n", ":1: the value of an option is a plain value or a list"},
        {"label:\n  - [a]\n", ":2: a list holds plain values only"},
        {"listen: a\nlisten: b\n", ":2: this option was set above already"},
        {"- listen\n", ":1: the file is a mapping"},
        {"just text\n", ":1: the file is a mapping"},
        {"listen: a\n---\nlisten: b\n", ":2: only one document"},
        {"listen: 'a\n", "found unexpected end of stream"},
        {"listen: &x a\ndata-dir: *x\n", ":2: the value of an option is a plain value"},
        {"listen: a\n\tdata-dir: b\n", ":2: "},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = write_yaml(cases[i].yaml);
        g_autofree char *line = g_strdup_printf("--config %s", path);
        Config config = {0};
        g_autoptr(GError) error = NULL;
        assert_int_equal(parse(line, &config, &error), OPTION_ERROR);
        assert_error_says(error, path);
        assert_contains(error->message, cases[i].part);
        (void)g_unlink(path);
    }
    expect_error("--config /nonexistent/c.yaml", "cannot open configuration file /nonexistent");
}

static void
test_empty_files_change_nothing(void **state)
{
    (void)state;
    static const char *const yamls[] = {"", "# only a comment\n", "---\n", "{}\n"};
    for (size_t i = 0; i < G_N_ELEMENTS(yamls); i++) {
        g_autofree char *path = write_yaml(yamls[i]);
        g_autofree char *line = g_strdup_printf("--config %s", path);
        Config config = {0};
        g_autoptr(GError) error = NULL;
        OptionResult result = parse(line, &config, &error);
        assert_no_error(error);
        assert_int_equal(result, OPTION_RUN);
        assert_true(config.rate == 97);
        option_clear(&TABLE, &config);
        (void)g_unlink(path);
    }
}

/* Runs a parse with standard error (2) or output (1) in a file and returns what was written. */
static char *
printed_by(const char *line, int fd, OptionResult expected)
{
    char path[] = "/tmp/cresset-option-XXXXXX";
    int saved = dup(fd), file = mkstemp(path);
    (void)fflush(stdout);
    (void)dup2(file, fd);
    Config config = {0};
    OptionResult result = parse(line, &config, NULL);
    (void)fflush(stdout);
    (void)dup2(saved, fd);
    (void)close(saved);
    (void)close(file);
    option_clear(&TABLE, &config);
    assert_int_equal(result, expected);
    char *text = NULL;
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    (void)unlink(path);
    return text;
}

static void
test_unknown_variables_warn(void **state)
{
    (void)state;
    log_init(G_LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    g_setenv("CRESSET_DATA_DRI", "x", TRUE);
    g_setenv("CRESSET_PORT", "tcp://10.0.0.1:4040", TRUE);
    g_setenv("CRESSET_SERVER_SERVICE_HOST", "10.0.0.1", TRUE);
    g_setenv("CRESSET_SERVER_PORT_4040_TCP_ADDR", "10.0.0.1", TRUE);
    g_autofree char *text = printed_by("", STDERR_FILENO, OPTION_RUN);
    assert_contains(text, "CRESSET_DATA_DRI is no option of cresset-test; nearest is "
                          "CRESSET_DATA_DIR");
    assert_lacks(text, "SERVICE_HOST");
    assert_lacks(text, "_PORT");
}

static void
test_help_is_an_aligned_table(void **state)
{
    (void)state;
    g_autofree char *text = printed_by("--help", STDOUT_FILENO, OPTION_DONE);
    assert_contains(text, "Usage: cresset-test [OPTION]...\nTests options.\n");
    assert_contains(text, "\n  --listen ADDR:PORT  Address to serve on. Default: 0.0.0.0:4040.\n");
    assert_contains(text, "\n  --self-profile      Profile this program too. Default: true.\n");
    assert_contains(text, "\n  --label KEY=VALUE   Label of every profile. May be repeated.\n");
    assert_contains(text, "CRESSET_LISTEN");
    assert_contains(text, "--config FILE");
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (size_t i = 0; lines[i] != NULL; i++)
        assert_true(strlen(lines[i]) <= 100);
    g_autofree char *short_form = printed_by("-h", STDOUT_FILENO, OPTION_DONE);
    assert_string_equal(text, short_form);
}

static void
test_markdown_and_version(void **state)
{
    (void)state;
    g_autofree char *page = printed_by("--help-markdown", STDOUT_FILENO, OPTION_DONE);
    assert_contains(page, "# cresset-test\n");
    assert_contains(page, "| `--listen ADDR:PORT` | `CRESSET_LISTEN` | `0.0.0.0:4040` | Address");
    assert_contains(page, "| `--data-dir DIR` | `CRESSET_DATA_DIR` |  | Directory");
    g_autofree char *version = printed_by("--version", STDOUT_FILENO, OPTION_DONE);
    assert_true(g_regex_match_simple(
        "^cresset-test \\d+\\.\\d+\\.\\d+( \\(revision [0-9a-f]{12,}\\))?\n$", version, 0, 0));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_defaults, setup),
        cmocka_unit_test_setup(test_every_form_of_a_flag, setup),
        cmocka_unit_test_setup(test_precedence, setup),
        cmocka_unit_test_setup(test_wrong_flags_name_the_nearest, setup),
        cmocka_unit_test_setup(test_wrong_values_name_the_option, setup),
        cmocka_unit_test_setup(test_wrong_files_name_the_line, setup),
        cmocka_unit_test_setup(test_empty_files_change_nothing, setup),
        cmocka_unit_test_setup(test_unknown_variables_warn, setup),
        cmocka_unit_test_setup(test_help_is_an_aligned_table, setup),
        cmocka_unit_test_setup(test_markdown_and_version, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
