#include "lib/base/option_yaml.h"

#include <string.h>

#include "lib/base/option_value.h"
#include "tests/harness/check.h"

typedef struct {
    char *listen, *token;
    GStrv urls, headers;
    bool profile;
    int64_t workers, memory, window;
    double rate;
} Config;

#define ROW(name, type, initial, field)                                                            \
    {                                                                                              \
        name, type, initial, 0, 0, NULL, "Help.", offsetof(Config, field)                          \
    }

static const OptionRow rows[] = {
    ROW("listen", OPTION_STRING, "0.0.0.0:4040", listen),
    ROW("token", OPTION_STRING, "", token),
    ROW("url", OPTION_LIST, NULL, urls),
    ROW("header", OPTION_LIST, NULL, headers),
    ROW("profile", OPTION_BOOL, "true", profile),
    ROW("workers", OPTION_INT, "-3", workers),
    ROW("memory", OPTION_BYTES, "64MiB", memory),
    ROW("window", OPTION_DURATION, "90m", window),
    ROW("rate", OPTION_DOUBLE, "0.1", rate),
};
static const char *const secrets[] = {"token", "header", NULL};
static const OptionTable table = {.program = "shop",
                                  .summary = "Sells.",
                                  .rows = rows,
                                  .n_rows = G_N_ELEMENTS(rows),
                                  .secrets = secrets};

static void
set(Config *config, const char *name, const char *const *texts, size_t n_texts)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strcmp(rows[i].name, name) == 0)
            assert_true(option_value_set(&rows[i], config, texts, n_texts, NULL));
    }
}

static char *
yaml(const Config *config, const Config *other)
{
    g_autoptr(GBytes) bytes = option_yaml(&table, config, other);
    gsize size;
    const char *text = g_bytes_get_data(bytes, &size);
    return g_strndup(text, size);
}

static void
test_every_type_is_written_as_a_file_has_it(void **state)
{
    (void)state;
    Config config = {0};
    assert_true(option_set_defaults(&table, &config, NULL));
    g_autofree char *text = yaml(&config, NULL);
    assert_string_equal(text, "listen: \"0.0.0.0:4040\"\ntoken: \"\"\nurl: []\nheader: []\n"
                              "profile: true\nworkers: -3\nmemory: 64MiB\nwindow: 90m\n"
                              "rate: 0.1\n");
    option_clear(&table, &config);
}

static void
test_only_what_differs_is_written(void **state)
{
    (void)state;
    Config config = {0}, defaults = {0};
    assert_true(option_set_defaults(&table, &config, NULL));
    assert_true(option_set_defaults(&table, &defaults, NULL));
    g_autofree char *none = yaml(&config, &defaults);
    assert_string_equal(none, "{}\n");
    set(&config, "memory", (const char *const[]){"4097"}, 1);
    set(&config, "window", (const char *const[]){"0"}, 1);
    set(&config, "url", (const char *const[]){"a", "b"}, 2);
    g_autofree char *text = yaml(&config, &defaults);
    assert_string_equal(text, "url:\n- \"a\"\n- \"b\"\nmemory: 4097\nwindow: 0s\n");
    option_clear(&table, &config);
    option_clear(&table, &defaults);
}

static void
test_secrets_are_not_shown(void **state)
{
    (void)state;
    Config config = {0}, defaults = {0};
    assert_true(option_set_defaults(&table, &config, NULL));
    assert_true(option_set_defaults(&table, &defaults, NULL));
    set(&config, "token", (const char *const[]){"hunter2"}, 1);
    set(&config, "header", (const char *const[]){"X-Key: hunter2"}, 1);
    set(&config, "url", (const char *const[]){"https://me:hunter2@host:1/a?key=hunter2"}, 1);
    g_autofree char *text = yaml(&config, &defaults);
    assert_string_equal(text, "token: \"[redacted]\"\nurl:\n- \"https://host:1/a\"\n"
                              "header:\n- \"[redacted]\"\n");
    option_clear(&table, &config);
    option_clear(&table, &defaults);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type_is_written_as_a_file_has_it),
        cmocka_unit_test(test_only_what_differs_is_written),
        cmocka_unit_test(test_secrets_are_not_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
