#include "server/api/columns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/unit/server/api/tree_fixture.h"

static const ColumnsMeta meta = {.unit = "nanoseconds",
                                 .profile_type = "process_cpu:cpu:nanoseconds:cpu:nanoseconds",
                                 .start_ms = 1000,
                                 .end_ms = 2000,
                                 .truncated = true};

static GBytes *
encode(const Tree *tree)
{
    g_auto(FlameLayout) layout = {0};
    flame_layout_init(&layout, tree);
    return columns_encode(&layout, &meta);
}

static size_t
align8(size_t at)
{
    return (at + 7) / 8 * 8;
}

static void
test_sections_stand_where_the_header_says(void **state)
{
    (void)state;
    static const double value[] = {6, 4, 3, 2}, self[] = {0, 1, 3, 2};
    static const uint32_t label[] = {0, 1, 2, 3}, level[] = {0, 1, 2, 1};
    static const uint32_t name_offset[] = {0, 5, 6, 7, 8};
    Tree tree = fixture_tree();
    g_autoptr(GBytes) bytes = encode(&tree);
    const char *data = g_bytes_get_data(bytes, NULL);
    uint32_t header[5];
    assert_memory_equal(data, "CRFG", 4);
    memcpy(header, data + 4, sizeof(header));
    assert_int_equal(header[0], 1);
    assert_int_equal(header[1], 4);
    assert_int_equal(header[2], 4);
    assert_int_equal(header[4], 8);
    size_t at = 32 + align8(header[3]);
    assert_memory_equal(data + at, value, sizeof(value));
    assert_memory_equal(data + at + 32, self, sizeof(self));
    assert_memory_equal(data + at + 64, label, sizeof(label));
    assert_memory_equal(data + at + 80, level, sizeof(level));
    assert_memory_equal(data + at + 96, name_offset, sizeof(name_offset));
    assert_memory_equal(data + at + 96 + 24, "totalabc", 8);
    assert_int_equal(g_bytes_get_size(bytes), at + 96 + 24 + 8);
}

static void
test_two_sides(void **state)
{
    (void)state;
    static const double right_value[] = {3, 2, 1, 1, 0}, right_self[] = {0, 1, 1, 1, 0};
    static const double left_value[] = {6, 4, 3, 0, 2};
    Tree tree = fixture_tree();
    g_autoptr(TreeBuilder) builder = tree_builder_new();
    uint32_t a = tree_builder_child(builder, 0, "a", 1);
    tree_builder_add(builder, a, 1);
    tree_builder_add(builder, tree_builder_child(builder, a, "b", 1), 1);
    tree_builder_add(builder, tree_builder_child(builder, 0, "b", 1), 1);
    g_autoptr(Tree) right = tree_builder_finish(builder);
    g_autoptr(TreeDiff) diff = tree_diff_new(&tree, right);
    g_auto(FlameLayout) layout = {0};
    flame_layout_init_diff(&layout, diff);
    g_autoptr(GBytes) bytes = columns_encode(&layout, &meta);
    const char *data = g_bytes_get_data(bytes, NULL);
    uint32_t header[7];
    memcpy(header, data + 4, sizeof(header));
    assert_int_equal(header[1], 5);
    assert_int_equal(header[5], 2);
    assert_memory_equal(data + 32 + align8(header[3]), left_value, sizeof(left_value));
    size_t size = g_bytes_get_size(bytes);
    assert_memory_equal(data + size - 80, right_value, sizeof(right_value));
    assert_memory_equal(data + size - 40, right_self, sizeof(right_self));
    assert_int_equal(size % 8, 0);
    g_autofree char *text = g_strndup(data + 32, header[3]);
    assert_non_null(strstr(text, "\"total\":\"6\""));
    assert_non_null(strstr(text, "\"right_total\":\"3\""));
}

static void
test_meta_is_json(void **state)
{
    (void)state;
    g_autoptr(GBytes) bytes = encode(NULL);
    const char *data = g_bytes_get_data(bytes, NULL);
    uint32_t size;
    memcpy(&size, data + 16, sizeof(size));
    json_t *json = json_loadb(data + 32, size, 0, NULL);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "total")), "0");
    assert_string_equal(json_string_value(json_object_get(json, "unit")), "nanoseconds");
    assert_int_equal(json_integer_value(json_object_get(json, "end_ms")), 2000);
    assert_true(json_is_true(json_object_get(json, "truncated")));
    assert_true(json_is_false(json_object_get(json, "partial")));
    json_decref(json);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sections_stand_where_the_header_says),
        cmocka_unit_test(test_two_sides),
        cmocka_unit_test(test_meta_is_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
