#include "server/query/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/server/query/truncation_model.h"

/* Adds "a;b;c" = value. */
static void
add_stack(TreeBuilder *builder, const char *stack, int64_t value)
{
    g_auto(GStrv) frames = g_strsplit(stack, ";", -1);
    uint32_t node = 0;
    for (size_t i = 0; frames[i] != NULL; i++)
        node = tree_builder_child(builder, node, frames[i], strlen(frames[i]));
    tree_builder_add(builder, node, value);
}

/* One line "depth name self total" per node, and the invariants of the form. */
static char *
print(const Tree *tree)
{
    GString *out = g_string_new(NULL);
    for (uint32_t i = 0; i < tree->n_nodes; i++) {
        uint32_t length;
        const char *name = tree_node_name(tree, i, &length);
        g_string_append_printf(out, "%u %.*s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT "\n",
                               tree->depth[i], (int)length, name, tree->self[i], tree->total[i]);
        if (i > 0) {
            assert_true(tree->parent[i] < i);
            assert_int_equal(tree->depth[i], tree->depth[tree->parent[i]] + 1);
        }
    }
    assert_int_equal(tree->name[0], 0);
    assert_int_equal(tree->name_offset[0], tree->name_offset[1]);
    return g_string_free(out, FALSE);
}

static void
assert_tree(const Tree *tree, const char *expected)
{
    g_autofree char *text = print(tree);
    assert_string_equal(text, expected);
}

static void
test_sorted_pre_order(void **state)
{
    (void)state;
    g_autoptr(TreeBuilder) builder = tree_builder_new();
    add_stack(builder, "c", 2);
    add_stack(builder, "a;b", 3);
    add_stack(builder, "a", 1);
    add_stack(builder, "a;\xc3\xa4", 5);
    add_stack(builder, "a;B;z", 7);
    add_stack(builder, "a;b", 10);
    add_stack(builder, "ab", 1);
    g_autoptr(Tree) tree = tree_builder_finish(builder);
    assert_tree(tree, "0  0 29\n"
                      "1 a 1 26\n2 B 0 7\n3 z 7 7\n2 b 13 13\n2 \xc3\xa4 5 5\n"
                      "1 ab 1 1\n1 c 2 2\n");

    /* The builder starts afresh. */
    g_autoptr(Tree) empty = tree_builder_finish(builder);
    assert_tree(empty, "0  0 0\n");
    add_stack(builder, "x", 4);
    g_autoptr(Tree) next = tree_builder_finish(builder);
    assert_tree(next, "0  0 4\n1 x 4 4\n");
}

/* Thousands of nodes in a scrambled order, against what a comparison sort says. */
static void
test_many_nodes(void **state)
{
    (void)state;
    g_autoptr(TreeBuilder) builder = tree_builder_new();
    int64_t sum = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t key = i * 7919u % 20000u;
        g_autofree char *stack = g_strdup_printf("f%u;f%u;f%u", key % 50, key % 1300, key);
        add_stack(builder, stack, key);
        sum += key;
    }
    g_autoptr(Tree) tree = tree_builder_finish(builder);
    assert_true(tree->total[0] == sum);
    for (uint32_t i = 2; i < tree->n_nodes; i++) {
        uint32_t before = i - 1, a_length, b_length;
        while (tree->depth[before] > tree->depth[i])
            before = tree->parent[before];
        if (tree->depth[before] < tree->depth[i])
            continue;
        const char *a = tree_node_name(tree, before, &a_length);
        const char *b = tree_node_name(tree, i, &b_length);
        g_autofree char *a_text = g_strndup(a, a_length), *b_text = g_strndup(b, b_length);
        assert_true(strcmp(a_text, b_text) < 0);
    }
}

static Tree *
make_example(void)
{
    g_autoptr(TreeBuilder) builder = tree_builder_new();
    add_stack(builder, "a;b;c", 10);
    add_stack(builder, "a;b;d", 3);
    add_stack(builder, "a;b;e", 2);
    add_stack(builder, "a;f", 1);
    add_stack(builder, "a", 4);
    add_stack(builder, "g;h", 3);
    add_stack(builder, "z", 20);
    return tree_builder_finish(builder);
}

static void
test_truncation(void **state)
{
    (void)state;
    g_autoptr(Tree) tree = make_example();
    /* Totals: a 20, b 15, c 10, d 3, e 2, f 1, g 3, h 3, z 20. The fourth largest is 10. */
    g_autoptr(Tree) four = tree_truncate(tree, 4);
    assert_tree(four, "0  0 43\n1 a 4 20\n2 b 0 15\n3 c 10 10\n3 other 5 5\n2 other 1 1\n"
                      "1 z 20 20\n1 other 3 3\n");
    /* The fifth largest is 3, and so is the seventh: nodes with the threshold stay. */
    g_autoptr(Tree) five = tree_truncate(tree, 5);
    assert_tree(five, "0  0 43\n1 a 4 20\n2 b 0 15\n3 c 10 10\n3 d 3 3\n3 other 2 2\n"
                      "2 other 1 1\n1 g 0 3\n2 h 3 3\n1 z 20 20\n");
    g_autoptr(Tree) one = tree_truncate(tree, 1);
    assert_tree(one, "0  0 43\n1 a 4 20\n2 other 16 16\n1 z 20 20\n1 other 3 3\n");
}

static void
test_all_nodes_fit(void **state)
{
    (void)state;
    g_autoptr(Tree) tree = make_example();
    g_autofree char *whole = print(tree);
    static const int64_t SIZES[] = {9, 10, 1000, 0, -1};
    for (size_t i = 0; i < G_N_ELEMENTS(SIZES); i++) {
        g_autoptr(Tree) copy = tree_truncate(tree, SIZES[i]);
        assert_tree(copy, whole);
        assert_int_equal(copy->n_names, tree->n_names);
    }
    g_autoptr(Tree) smaller = tree_truncate(tree, 8);
    assert_int_equal(smaller->n_nodes, tree->n_nodes); /* f becomes other */
}

/* A child that is really called "other" joins the synthetic one. */
static void
test_real_other(void **state)
{
    (void)state;
    g_autoptr(TreeBuilder) builder = tree_builder_new();
    add_stack(builder, "a;other;x", 10);
    add_stack(builder, "a;b", 1);
    add_stack(builder, "a;z", 20);
    g_autoptr(Tree) tree = tree_builder_finish(builder);
    g_autoptr(Tree) cut = tree_truncate(tree, 4);
    assert_tree(cut, "0  0 31\n1 a 0 31\n2 z 20 20\n2 other 11 11\n");
    g_autoptr(Tree) fits = tree_truncate(tree, 100);
    assert_tree(fits, "0  0 31\n1 a 0 31\n2 b 1 1\n2 z 20 20\n2 other 10 10\n");
    g_autoptr(Tree) whole = tree_truncate(tree, 0);
    assert_tree(whole, "0  0 31\n1 a 0 31\n2 b 1 1\n2 other 0 10\n3 x 10 10\n2 z 20 20\n");
}

static void
test_truncation_against_the_model(void **state)
{
    (void)state;
    g_autoptr(GRand) random = g_rand_new_with_seed(11);
    for (int i = 0; i < 200; i++) {
        g_autofree char *stacks = model_random_stacks(random);
        g_autoptr(Tree) tree = tree_of_stacks(stacks);
        for (int max_nodes = 1; max_nodes <= (int)tree->n_nodes; max_nodes++) {
            g_autoptr(Tree) cut = tree_truncate(tree, max_nodes);
            g_autofree char *text = model_text(&(ModelTree){cut, NULL, NULL});
            g_autofree char *expected =
                model_truncated_text(&(ModelTree){tree, NULL, NULL}, max_nodes);
            assert_string_equal(text, expected);
        }
    }
}

/* 9223372036854775807 and more of it. */
static void
test_sums_never_overflow(void **state)
{
    (void)state;
    g_autoptr(Tree) tree = tree_of_stacks(
        "a=9223372036854775807 b=9223372036854775807 c=-9223372036854775807 d=1 e=-1");
    assert_int_equal(tree->total[0], 0);
    assert_int_equal(tree->self[1], TREE_SUM_MAX);
    assert_int_equal(tree->self[2], 0);
    assert_int_equal(tree->self[3], -TREE_SUM_MAX);
    g_autoptr(Tree) large = tree_of_stacks("a;b=9223372036854775807 a;c=9223372036854775807");
    assert_int_equal(large->total[0], TREE_SUM_MAX);
    assert_true(large->total[0] <= INT64_MAX - large->total[0]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_never_overflow),
        cmocka_unit_test(test_sorted_pre_order),
        cmocka_unit_test(test_many_nodes),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_all_nodes_fit),
        cmocka_unit_test(test_real_other),
        cmocka_unit_test(test_truncation_against_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
