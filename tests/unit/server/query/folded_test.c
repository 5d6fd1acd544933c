#include "server/query/folded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/error.h"
#include "tests/unit/server/query/stacks.h"

static void
test_collapsed(void **state)
{
    (void)state;
    g_autoptr(Tree) tree = tree_of_stacks("a;b;c=3 a;b=1 a;d=2 e=4 a;b\nx;y=5");
    g_autoptr(GString) text = tree_collapsed(tree, NULL);
    assert_string_equal(text->str, "a;b 1\na;b;c 3\na;b x;y 5\na;d 2\ne 4\n");
    g_autoptr(TreeBuilder) builder = tree_builder_new();
    tree_builder_add(builder, tree_builder_child(builder, 0, "a;b", 3), 1);
    tree_builder_add(builder, tree_builder_child(builder, 0, "", 0), 2);
    g_autoptr(Tree) odd = tree_builder_finish(builder);
    g_autoptr(GString) safe = tree_collapsed(odd, NULL);
    assert_string_equal(safe->str, "[unknown] 2\na:b 1\n");
    g_autoptr(Tree) none = tree_of_stacks("");
    g_autoptr(GString) nothing = tree_collapsed(none, NULL);
    assert_string_equal(nothing->str, "");
}

static void
test_perf_script(void **state)
{
    (void)state;
    g_autoptr(Tree) tree = tree_of_stacks("a;b=30 c=4");
    g_autoptr(GString) text = tree_perf_script(tree, "cpu", NULL);
    assert_string_equal(text->str, "all     0 [000]     0.000000:         30 cpu: \n"
                                   "\t               0 b ([unknown])\n"
                                   "\t               0 a ([unknown])\n\n"
                                   "all     0 [000]     0.000000:          4 cpu: \n"
                                   "\t               0 c ([unknown])\n\n");
}

static void
test_speedscope(void **state)
{
    (void)state;
    g_autoptr(Tree) tree = tree_of_stacks("a;b=3 a=1 c=2");
    JsonWriter json;
    jsonw_init(&json, 0);
    tree_write_speedscope(tree, "cpu", speedscope_unit("nanoseconds"), &json);
    g_autoptr(GBytes) bytes = jsonw_finish(&json);
    g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    assert_string_equal(
        text, "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\","
              "\"name\":\"cpu\",\"exporter\":\"cresset\",\"shared\":{\"frames\":[{\"name\":\"\"},"
              "{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]},\"profiles\":[{\"type\":"
              "\"evented\",\"name\":\"cpu\",\"unit\":\"nanoseconds\",\"startValue\":0,"
              "\"endValue\":6,\"events\":["
              "{\"type\":\"O\",\"frame\":1,\"at\":0},{\"type\":\"O\",\"frame\":2,\"at\":1},"
              "{\"type\":\"C\",\"frame\":2,\"at\":4},{\"type\":\"C\",\"frame\":1,\"at\":4},"
              "{\"type\":\"O\",\"frame\":3,\"at\":4},{\"type\":\"C\",\"frame\":3,\"at\":6}]}]}");
    assert_string_equal(speedscope_unit("count"), "none");
}

/* A path of a few thousand long names, each with a value, would take gigabytes. */
static void
test_length_is_bounded(void **state)
{
    (void)state;
    g_autoptr(TreeBuilder) builder = tree_builder_new();
    g_autofree char *name = g_strnfill(1000, 'x');
    uint32_t node = 0;
    for (unsigned i = 0; i < 1000; i++) {
        node = tree_builder_child(builder, node, name, 1000);
        tree_builder_add(builder, node, 1);
    }
    g_autoptr(Tree) tree = tree_builder_finish(builder);
    g_autoptr(GError) error = NULL;
    assert_null(tree_collapsed(tree, &error));
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_RESOURCE_EXHAUSTED));
    g_clear_error(&error);
    assert_null(tree_perf_script(tree, "cpu", &error));
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_RESOURCE_EXHAUSTED));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_collapsed),
        cmocka_unit_test(test_perf_script),
        cmocka_unit_test(test_speedscope),
        cmocka_unit_test(test_length_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
