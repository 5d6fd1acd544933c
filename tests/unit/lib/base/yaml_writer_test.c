#include "lib/base/yaml_writer.h"

#include <string.h>

#include "tests/harness/check.h"

static char *
finish(YamlWriter *writer)
{
    g_autoptr(GBytes) bytes = yaml_writer_finish(writer);
    gsize size;
    const char *text = g_bytes_get_data(bytes, &size);
    return g_strndup(text, size);
}

static void
test_what_is_written_reads_as_written(void **state)
{
    (void)state;
    YamlWriter *writer = yaml_writer_new();
    yaml_writer_mapping_begin(writer);
    yaml_writer_plain(writer, "count");
    yaml_writer_plain(writer, "5");
    yaml_writer_plain(writer, "text");
    yaml_writer_text(writer, "5");
    yaml_writer_plain(writer, "list");
    yaml_writer_list_begin(writer);
    yaml_writer_text(writer, "a: b # \"c\"\n");
    yaml_writer_list_end(writer);
    yaml_writer_plain(writer, "nothing");
    yaml_writer_mapping_begin(writer);
    yaml_writer_mapping_end(writer);
    yaml_writer_mapping_end(writer);
    g_autofree char *text = finish(writer);
    assert_string_equal(text,
                        "count: 5\ntext: \"5\"\nlist:\n- \"a: b # \\\"c\\\"\\n\"\nnothing: {}\n");
}

static void
test_a_key_that_is_no_plain_text_is_quoted(void **state)
{
    (void)state;
    YamlWriter *writer = yaml_writer_new();
    yaml_writer_mapping_begin(writer);
    yaml_writer_plain(writer, "*: {");
    yaml_writer_text(writer, "caf\xe9");
    yaml_writer_mapping_end(writer);
    g_autofree char *text = finish(writer);
    assert_string_equal(text, "'*: {': \"caf\xef\xbf\xbd\"\n");
}

static void
test_a_node_is_copied(void **state)
{
    (void)state;
    static const char source[] = "rules: &a [{action: drop, regex: \"5\"}, ~]\nagain: *a\n";
    g_autoptr(GError) error = NULL;
    g_autoptr(YamlTree) tree = yaml_tree_parse(source, strlen(source), "x.yaml", &error);
    assert_null(error);
    YamlWriter *writer = yaml_writer_new();
    yaml_writer_node(writer, tree, yaml_tree_root(tree));
    g_autofree char *text = finish(writer);
    assert_string_equal(text, "rules:\n- action: drop\n  regex: \"5\"\n- ~\n"
                              "again:\n- action: drop\n  regex: \"5\"\n- ~\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_reads_as_written),
        cmocka_unit_test(test_a_key_that_is_no_plain_text_is_quoted),
        cmocka_unit_test(test_a_node_is_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
