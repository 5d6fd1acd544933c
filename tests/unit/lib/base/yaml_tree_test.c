#include "lib/base/yaml_tree.h"

#include <string.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

static TempDir *dir;
static char *path;

static YamlTree *
load(const char *text, GError **error)
{
    assert_true(g_file_set_contents(path, text, -1, NULL));
    return yaml_tree_load(path, error);
}

static bool
add_pair(YamlTree *tree, const char *key, const YamlNode *value, void *data, GError **error)
{
    g_auto(GStrv) texts = yaml_texts(tree, value, key, error);
    if (texts == NULL)
        return false;
    g_autofree char *joined = g_strjoinv("+", texts);
    g_string_append_printf(data, "%s=%s;", key, joined);
    return true;
}

static bool
visit_outer(YamlTree *tree, const char *key, const YamlNode *value, void *data, GError **error)
{
    g_string_append_printf(data, "%s{", key);
    if (!yaml_each_pair(tree, value, key, add_pair, data, error))
        return false;
    g_string_append_c(data, '}');
    return true;
}

static char *
describe(const char *text, GError **error)
{
    g_autoptr(YamlTree) tree = load(text, error);
    g_autoptr(GString) out = g_string_new(NULL);
    if (tree == NULL ||
        !yaml_each_pair(tree, yaml_tree_root(tree), "the file", visit_outer, out, error))
        return NULL;
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static void
test_nested_values(void **state)
{
    (void)state;
    g_autofree char *text = describe("a:\n  x: 1\n  y: [p, q]\nb:\nc: {z: 'n'}\n", NULL);
    assert_string_equal(text, "a{x=1;y=p+q;}b{}c{z=n;}");
    g_autofree char *empty = describe("# nothing\n", NULL);
    assert_string_equal(empty, "");
    g_autofree char *shared = describe("a: &all {x: 1}\nb: *all\n", NULL);
    assert_string_equal(shared, "a{x=1;}b{x=1;}");
}

static void
expect_error(const char *text, const char *says)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *out = describe(text, &error);
    assert_null(out);
    assert_error_says(error, says);
    assert_int_equal(error->code, CRESSET_ERROR_INVALID_ARGUMENT);
}

static void
test_errors_have_a_place(void **state)
{
    (void)state;
    expect_error("a:\n  x: 1\n  x: 2\n", ":3: x is there twice");
    expect_error("a:\n  x: {y: 1}\n", ":2: x must be a plain value");
    expect_error("a: 7\n", ":1: a must be a mapping");
    expect_error("- a\n", ":1: the file must be a mapping");
    expect_error("a: {}\n---\nb: {}\n", ":3: only one document is allowed");
    expect_error("a: [1\n", ":2: ");
    expect_error("? [1]\n: 2\n", ":1: a key must be a plain value");
    expect_error("a: {x: \"1\\0\"}\n", "has a NUL in it");
}

static void
test_files_that_cannot_be_read(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    assert_null(yaml_tree_load("/nonexistent", &error));
    assert_error_says(error, "/nonexistent");
    g_clear_error(&error);
    g_autofree char *large = g_strnfill(YAML_TREE_BYTES_MAX + 1, '#');
    assert_null(load(large, &error));
    assert_error_says(error, "larger than");
    g_clear_error(&error);
    g_autofree char *deep = g_strnfill(YAML_TREE_DEPTH_MAX + 1, '[');
    assert_null(load(deep, &error));
    assert_error_says(error, ":1: nested more than 64 deep");
}

static bool
name_empty(YamlTree *tree, const char *key, const YamlNode *value, void *data, GError **error)
{
    (void)tree;
    (void)error;
    if (yaml_is_empty(value))
        g_string_append_printf(data, "%s ", key);
    return true;
}

static void
test_a_text_in_memory(void **state)
{
    (void)state;
    static const char text[] = "a:\nb: null\nc: ~\nd: ''\ne: 'null'\nf: []\ng: 0\nh: ]";
    g_autoptr(GError) error = NULL;
    g_autoptr(YamlTree) tree =
        yaml_tree_parse(text, strlen(text) - strlen("\nh: ]"), "memory", &error);
    assert_no_error(error);
    g_autoptr(GString) empty = g_string_new(NULL);
    assert_true(yaml_each_pair(tree, yaml_tree_root(tree), "it", name_empty, empty, &error));
    assert_string_equal(empty->str, "a b c ");
    assert_true(yaml_is_empty(NULL));
    assert_null(yaml_tree_parse(text, strlen(text), "memory", &error));
    assert_error_says(error, "memory:8: ");
}

static int
setup(void **state)
{
    (void)state;
    dir = temp_dir_new();
    path = temp_dir_file(dir, "file.yaml");
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    g_free(path);
    temp_dir_free(dir);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nested_values),
        cmocka_unit_test(test_errors_have_a_place),
        cmocka_unit_test(test_files_that_cannot_be_read),
        cmocka_unit_test(test_a_text_in_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
