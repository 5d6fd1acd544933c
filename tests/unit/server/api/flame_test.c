#include "server/api/flame.h"

#include <inttypes.h>
#include <querier.pb-c.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/query/sandwich.h"
#include "tests/unit/server/api/tree_fixture.h"

static char *
json_of(const Tree *tree, FlameJson form)
{
    g_auto(FlameLayout) layout = {0};
    flame_layout_init(&layout, tree);
    JsonWriter json;
    jsonw_init(&json, 0);
    flame_write_json(&layout, form, &json);
    g_autoptr(GBytes) bytes = jsonw_finish(&json);
    return g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

static void
test_json_of_the_worked_example(void **state)
{
    (void)state;
    Tree tree = fixture_tree();
    g_autofree char *proto = json_of(&tree, FLAME_PROTOJSON);
    assert_string_equal(
        proto, "{\"names\":[\"total\",\"a\",\"b\",\"c\"],\"levels\":["
               "{\"values\":[\"0\",\"6\",\"0\",\"0\"]},"
               "{\"values\":[\"0\",\"4\",\"1\",\"1\",\"0\",\"2\",\"2\",\"3\"]},"
               "{\"values\":[\"1\",\"3\",\"3\",\"2\"]}],\"total\":\"6\",\"maxSelf\":\"3\"}");
    g_autofree char *bearer = json_of(&tree, FLAME_FLAMEBEARER);
    assert_string_equal(bearer, "{\"names\":[\"total\",\"a\",\"b\",\"c\"],\"levels\":[[0,6,0,0],"
                                "[0,4,1,1,0,2,2,3],[1,3,3,2]],\"numTicks\":6,\"maxSelf\":3}");
}

/* The example's tree against a;b = 1. */
static void
test_two_sides(void **state)
{
    (void)state;
    Tree tree = fixture_tree();
    g_autoptr(TreeBuilder) builder = tree_builder_new();
    uint32_t a = tree_builder_child(builder, 0, "a", 1);
    tree_builder_add(builder, tree_builder_child(builder, a, "b", 1), 1);
    g_autoptr(Tree) right = tree_builder_finish(builder);
    g_autoptr(TreeDiff) diff = tree_diff_new(&tree, right);
    g_auto(FlameLayout) layout = {0};
    flame_layout_init_diff(&layout, diff);
    JsonWriter json;
    jsonw_init(&json, 0);
    flame_write_json(&layout, FLAME_PROTOJSON, &json);
    g_autoptr(GBytes) bytes = jsonw_finish(&json);
    g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    assert_string_equal(
        text, "{\"names\":[\"total\",\"a\",\"b\",\"c\"],\"levels\":["
              "{\"values\":[\"0\",\"6\",\"0\",\"0\",\"1\",\"0\",\"0\"]},"
              "{\"values\":[\"0\",\"4\",\"1\",\"0\",\"1\",\"0\",\"1\","
              "\"0\",\"2\",\"2\",\"0\",\"0\",\"0\",\"3\"]},"
              "{\"values\":[\"1\",\"3\",\"3\",\"0\",\"1\",\"1\",\"2\"]}],"
              "\"total\":\"7\",\"maxSelf\":\"3\",\"leftTicks\":\"6\",\"rightTicks\":\"1\"}");

    g_autoptr(GBytes) binary = flame_encode_proto(&layout, 1);
    size_t size;
    const uint8_t *data = g_bytes_get_data(binary, &size);
    Querier__V1__DiffResponse *message = querier__v1__diff_response__unpack(NULL, size, data);
    assert_non_null(message);
    static const int64_t level2[] = {1, 3, 3, 0, 1, 1, 2};
    assert_int_equal(message->flamegraph->levels[2]->n_values, 7);
    assert_memory_equal(message->flamegraph->levels[2]->values, level2, sizeof(level2));
    assert_int_equal(message->flamegraph->total, 7);
    assert_int_equal(message->flamegraph->leftticks, 6);
    assert_int_equal(message->flamegraph->rightticks, 1);
    querier__v1__diff_response__free_unpacked(message, NULL);
}

static void
test_no_data_is_the_root_alone(void **state)
{
    (void)state;
    g_autofree char *proto = json_of(NULL, FLAME_PROTOJSON);
    assert_string_equal(
        proto, "{\"names\":[\"total\"],\"levels\":[{\"values\":[\"0\",\"0\",\"0\",\"0\"]}]}");
}

static void
test_binary_is_the_message(void **state)
{
    (void)state;
    static const int64_t level1[] = {0, 4, 1, 1, 0, 2, 2, 3};
    Tree tree = fixture_tree();
    g_auto(FlameLayout) layout = {0};
    flame_layout_init(&layout, &tree);
    g_autoptr(GBytes) bytes = flame_encode_proto(&layout, 1);
    size_t size;
    const uint8_t *data = g_bytes_get_data(bytes, &size);
    Querier__V1__SelectMergeStacktracesResponse *message =
        querier__v1__select_merge_stacktraces_response__unpack(NULL, size, data);
    assert_non_null(message);
    const Querier__V1__FlameGraph *graph = message->flamegraph;
    assert_int_equal(graph->n_names, 4);
    assert_string_equal(graph->names[0], "total");
    assert_string_equal(graph->names[3], "c");
    assert_int_equal(graph->n_levels, 3);
    assert_int_equal(graph->levels[1]->n_values, 8);
    assert_memory_equal(graph->levels[1]->values, level1, sizeof(level1));
    assert_int_equal(graph->total, 6);
    assert_int_equal(graph->max_self, 3);
    querier__v1__select_merge_stacktraces_response__free_unpacked(message, NULL);
}

/* A tree of many levels with values of all lengths. */
static Tree *
wide_tree(void)
{
    enum { NODES = 20000, DEPTH_MAX = 40 };
    g_autoptr(TreeBuilder) builder = tree_builder_new();
    uint64_t random = 88172645463325252u;
    uint32_t node = 0;
    for (int i = 0, depth = 0; i < NODES; i++, depth++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        if (depth == DEPTH_MAX || random % 8 == 0)
            node = (uint32_t)(depth = 0);
        char name[16];
        int length = g_snprintf(name, sizeof(name), "f%u", (unsigned)(random >> 32) % 300);
        node = tree_builder_child(builder, node, name, (size_t)length);
        tree_builder_add(builder, node, (int64_t)(random >> 20) >> (random % 44));
    }
    return tree_builder_finish(builder);
}

static char *
print_levels(Querier__V1__Level *const *levels, size_t n, bool quoted)
{
    g_autoptr(GString) text = g_string_new("\"levels\":[");
    for (size_t i = 0; i < n; i++) {
        g_string_append_printf(text, "%s%s[", i > 0 ? "," : "", quoted ? "{\"values\":" : "");
        for (size_t k = 0; k < levels[i]->n_values; k++)
            g_string_append_printf(text, quoted ? "%s\"%" PRId64 "\"" : "%s%" PRId64,
                                   k > 0 ? "," : "", levels[i]->values[k]);
        g_string_append(text, quoted ? "]}" : "]");
    }
    g_string_append_c(text, ']');
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* That the JSON of the layout has the levels of the message. */
static void
expect_levels(const FlameLayout *layout, Querier__V1__Level *const *levels, size_t n)
{
    static const FlameJson forms[] = {FLAME_PROTOJSON, FLAME_FLAMEBEARER};
    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        JsonWriter json;
        jsonw_init(&json, 0);
        flame_write_json(layout, forms[i], &json);
        g_autoptr(GBytes) bytes = jsonw_finish(&json);
        g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
        g_autofree char *expected = print_levels(levels, n, forms[i] == FLAME_PROTOJSON);
        assert_non_null(strstr(text, expected));
        g_autofree char *before = g_strconcat("],", expected, ",\"", NULL);
        assert_non_null(strstr(text, before));
    }
}

static void
test_json_has_the_integers_of_the_message(void **state)
{
    (void)state;
    g_autoptr(Tree) tree = wide_tree();
    g_auto(FlameLayout) layout = {0};
    flame_layout_init(&layout, tree);
    g_autoptr(GBytes) bytes = flame_encode_proto(&layout, 1);
    Querier__V1__SelectMergeStacktracesResponse *message =
        querier__v1__select_merge_stacktraces_response__unpack(NULL, g_bytes_get_size(bytes),
                                                               g_bytes_get_data(bytes, NULL));
    assert_non_null(message);
    assert_true(message->flamegraph->n_levels > 30);
    expect_levels(&layout, message->flamegraph->levels, message->flamegraph->n_levels);
    querier__v1__select_merge_stacktraces_response__free_unpacked(message, NULL);

    g_autoptr(Tree) part = tree_callees(tree, "f7");
    g_autoptr(TreeDiff) diff = tree_diff_new(tree, part);
    g_auto(FlameLayout) two = {0};
    flame_layout_init_diff(&two, diff);
    g_autoptr(GBytes) both = flame_encode_proto(&two, 1);
    Querier__V1__DiffResponse *sides = querier__v1__diff_response__unpack(
        NULL, g_bytes_get_size(both), g_bytes_get_data(both, NULL));
    assert_non_null(sides);
    expect_levels(&two, sides->flamegraph->levels, sides->flamegraph->n_levels);
    querier__v1__diff_response__free_unpacked(sides, NULL);
}

/* Where a node lies on one side: behind the node before it among its siblings, the first where the
 * self value of its parent ends. */
static int64_t *
offsets_of(const Tree *tree, const int64_t *self, const int64_t *total)
{
    int64_t *offset = g_new0(int64_t, tree->n_nodes);
    g_autofree int64_t *next = g_new0(int64_t, tree->n_nodes); /* of the next child */
    next[0] = self[0];
    for (uint32_t i = 1; i < tree->n_nodes; i++) {
        offset[i] = next[tree->parent[i]];
        next[tree->parent[i]] += total[i];
        next[i] = offset[i] + self[i];
    }
    return offset;
}

/* Reads the levels of one side, whose values begin at `column` of `stride`, as clients do: they
 * have to be the nodes, from the left to the right. */
static void
expect_nodes(Querier__V1__Level *const *levels, size_t stride, size_t column, const Tree *tree,
             const int64_t *self, const int64_t *total)
{
    g_autofree int64_t *offset = offsets_of(tree, self, total);
    g_autofree size_t *at = g_new0(size_t, tree->n_nodes);  /* per level */
    g_autofree int64_t *x = g_new0(int64_t, tree->n_nodes); /* the same */
    for (uint32_t i = 0; i < tree->n_nodes; i++) {
        uint32_t level = tree->depth[i];
        assert_true(at[level] + stride <= levels[level]->n_values);
        const int64_t *values = levels[level]->values + at[level] + column;
        x[level] += values[0];
        assert_int_equal(x[level], offset[i]);
        assert_int_equal(values[1], total[i]);
        assert_int_equal(values[2], i == 0 ? 0 : self[i]);
        x[level] += total[i];
        at[level] += stride;
    }
    for (uint32_t i = 0; i < tree->n_nodes; i++)
        assert_int_equal(at[tree->depth[i]], levels[tree->depth[i]]->n_values);
}

static void
test_levels_say_where_nodes_lie(void **state)
{
    (void)state;
    g_autoptr(Tree) tree = wide_tree();
    g_autoptr(Tree) cut = tree_truncate(tree, 1000);
    g_auto(FlameLayout) one = {0};
    flame_layout_init(&one, cut);
    g_autoptr(GBytes) bytes = flame_encode_proto(&one, 1);
    Querier__V1__SelectMergeStacktracesResponse *message =
        querier__v1__select_merge_stacktraces_response__unpack(NULL, g_bytes_get_size(bytes),
                                                               g_bytes_get_data(bytes, NULL));
    assert_non_null(message);
    expect_nodes(message->flamegraph->levels, 4, 0, cut, cut->self, cut->total);
    querier__v1__select_merge_stacktraces_response__free_unpacked(message, NULL);

    Tree small = fixture_tree();
    g_autoptr(TreeDiff) whole = tree_diff_new(tree, &small);
    g_autoptr(TreeDiff) diff = tree_diff_truncate(whole, 1000);
    g_auto(FlameLayout) two = {0};
    flame_layout_init_diff(&two, diff);
    g_autoptr(GBytes) both = flame_encode_proto(&two, 1);
    Querier__V1__DiffResponse *sides = querier__v1__diff_response__unpack(
        NULL, g_bytes_get_size(both), g_bytes_get_data(both, NULL));
    assert_non_null(sides);
    Querier__V1__Level *const *levels = sides->flamegraph->levels;
    expect_nodes(levels, 7, 0, diff->tree, diff->tree->self, diff->tree->total);
    expect_nodes(levels, 7, 3, diff->tree, diff->right_self, diff->right_total);
    querier__v1__diff_response__free_unpacked(sides, NULL);
}

static void
expect_tree_bytes(const Tree *tree, const char *expected, size_t size)
{
    g_autoptr(GBytes) bytes = flame_encode_tree(tree);
    assert_int_equal(g_bytes_get_size(bytes), size);
    if (size > 0)
        assert_memory_equal(g_bytes_get_data(bytes, NULL), expected, size);
}

static void
test_tree_bytes_write_the_last_child_first(void **state)
{
    (void)state;
    static const char expected[] = "\x00\x00\x02"
                                   "\x01"
                                   "c\x02\x00"
                                   "\x01"
                                   "a\x01\x01"
                                   "\x01"
                                   "b\x03\x00";
    Tree tree = fixture_tree();
    expect_tree_bytes(&tree, expected, sizeof(expected) - 1);
    expect_tree_bytes(NULL, "", 0);
}

static void
test_tree_bytes_sort_other_in(void **state)
{
    (void)state;
    static const char expected[] = "\x00\x00\x03"
                                   "\x01"
                                   "z\x02\x00"
                                   "\x05"
                                   "other\x04\x00"
                                   "\x01"
                                   "b\x01\x00";
    Tree tree = fixture_truncated_tree();
    expect_tree_bytes(&tree, expected, sizeof(expected) - 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_of_the_worked_example),
        cmocka_unit_test(test_two_sides),
        cmocka_unit_test(test_no_data_is_the_root_alone),
        cmocka_unit_test(test_binary_is_the_message),
        cmocka_unit_test(test_json_has_the_integers_of_the_message),
        cmocka_unit_test(test_levels_say_where_nodes_lie),
        cmocka_unit_test(test_tree_bytes_write_the_last_child_first),
        cmocka_unit_test(test_tree_bytes_sort_other_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
