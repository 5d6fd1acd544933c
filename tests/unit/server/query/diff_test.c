#include "server/query/diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/server/query/truncation_model.h"

static TreeDiff *
diff_of(const char *left, const char *right)
{
    g_autoptr(Tree) left_tree = tree_of_stacks(left);
    g_autoptr(Tree) right_tree = tree_of_stacks(right);
    return tree_diff_new(left_tree, right_tree);
}

/* "depth name left-total left-self right-total right-self" per node. */
static void
assert_diff(const TreeDiff *diff, const char *expected)
{
    g_autoptr(GString) out = g_string_new(NULL);
    const Tree *tree = diff->tree;
    for (uint32_t i = 0; i < tree->n_nodes; i++) {
        uint32_t length;
        const char *name = tree_node_name(tree, i, &length);
        g_string_append_printf(out, "%u %.*s %d %d %d %d\n", tree->depth[i], (int)length, name,
                               (int)tree->total[i], (int)tree->self[i], (int)diff->right_total[i],
                               (int)diff->right_self[i]);
        assert_true(i == 0 || tree->parent[i] < i);
        assert_int_equal(tree->depth[i], i == 0 ? 0 : tree->depth[tree->parent[i]] + 1);
    }
    assert_string_equal(out->str, expected);
}

static void
test_the_union_has_both_values(void **state)
{
    (void)state;
    g_autoptr(TreeDiff) diff = diff_of("a;b=3 a=1 c=2", "a;b=1 a;d;e=4 b=5");
    assert_diff(diff, "0  6 0 10 0\n"
                      "1 a 4 1 5 0\n"
                      "2 b 3 3 1 1\n"
                      "2 d 0 0 4 0\n"
                      "3 e 0 0 4 4\n"
                      "1 b 0 0 5 5\n"
                      "1 c 2 2 0 0\n");
}

static void
test_one_side_may_be_empty(void **state)
{
    (void)state;
    g_autoptr(TreeDiff) left = diff_of("a;b=3", NULL);
    assert_diff(left, "0  3 0 0 0\n1 a 3 0 0 0\n2 b 3 3 0 0\n");
    g_autoptr(TreeDiff) right = diff_of("", "a;b=3");
    assert_diff(right, "0  0 0 3 0\n1 a 0 0 3 0\n2 b 0 0 3 3\n");
    g_autoptr(TreeDiff) none = diff_of(NULL, NULL);
    assert_diff(none, "0  0 0 0 0\n");
}

/* Names that begin with another, and paths that end where others go on. */
static void
test_order_of_similar_names(void **state)
{
    (void)state;
    g_autoptr(TreeDiff) diff = diff_of("a;x;y;z=1 ab=2", "a;x=1 aa;x;y=3 b=1");
    assert_diff(diff, "0  3 0 5 0\n"
                      "1 a 1 0 1 0\n"
                      "2 x 1 0 1 1\n"
                      "3 y 1 0 0 0\n"
                      "4 z 1 1 0 0\n"
                      "1 aa 0 0 3 0\n"
                      "2 x 0 0 3 0\n"
                      "3 y 0 0 3 3\n"
                      "1 ab 2 2 0 0\n"
                      "1 b 0 0 1 1\n");
}

/* A node stays when either side is large; what goes is added up for both. */
static void
test_truncation_counts_the_larger_side(void **state)
{
    (void)state;
    g_autoptr(TreeDiff) diff = diff_of("a=9 b=1 c=2 other=3", "a=1 b=8 c=2 d=1");
    g_autoptr(TreeDiff) two = tree_diff_truncate(diff, 2);
    assert_diff(two, "0  15 0 12 0\n1 a 9 9 1 1\n1 b 1 1 8 8\n1 other 5 5 3 3\n");
    g_autoptr(TreeDiff) all = tree_diff_truncate(diff, 0);
    assert_int_equal(all->tree->n_nodes, diff->tree->n_nodes);
    g_autoptr(TreeDiff) fits = tree_diff_truncate(diff, 100);
    assert_diff(fits, "0  15 0 12 0\n1 a 9 9 1 1\n1 b 1 1 8 8\n1 c 2 2 2 2\n1 d 0 0 1 1\n"
                      "1 other 3 3 0 0\n");
}

/* ---- Against the sets of paths. ---- */

/* Totals by path. */
static GHashTable *
totals_of(const Tree *tree, const int64_t *totals)
{
    GHashTable *by_path = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) path = g_ptr_array_new_with_free_func(g_free);
    for (uint32_t i = 0; i < tree->n_nodes; i++) {
        uint32_t length;
        const char *name = tree_node_name(tree, i, &length);
        g_autofree char *own = g_strndup(name, length);
        g_ptr_array_set_size(path, (gint)tree->depth[i]);
        const char *above = path->len > 0 ? path->pdata[path->len - 1] : "";
        g_ptr_array_add(path, g_strconcat(above, ";", own, NULL));
        g_hash_table_insert(by_path, g_strdup(path->pdata[path->len - 1]),
                            GINT_TO_POINTER((int)totals[i]));
    }
    return by_path;
}

static void
assert_same_totals(GHashTable *in_union, const Tree *tree)
{
    g_autoptr(GHashTable) own = totals_of(tree, tree->total);
    GHashTableIter iter;
    void *path, *total;
    g_hash_table_iter_init(&iter, in_union);
    while (g_hash_table_iter_next(&iter, &path, &total))
        assert_ptr_equal(total, g_hash_table_lookup(own, path));
    g_hash_table_iter_init(&iter, own);
    while (g_hash_table_iter_next(&iter, &path, NULL))
        assert_true(g_hash_table_contains(in_union, path));
}

/* The cut of two sides, at one limit of nodes after the other. */
static void
assert_cuts(const TreeDiff *diff)
{
    const ModelTree whole = {diff->tree, diff->right_self, diff->right_total};
    for (int max_nodes = 1; max_nodes <= (int)diff->tree->n_nodes; max_nodes += 3) {
        g_autoptr(TreeDiff) cut = tree_diff_truncate(diff, max_nodes);
        g_autofree char *text =
            model_text(&(ModelTree){cut->tree, cut->right_self, cut->right_total});
        g_autofree char *expected = model_truncated_text(&whole, max_nodes);
        assert_string_equal(text, expected);
    }
}

/* A total is the node's own value and the totals of its children. */
static void
assert_totals_are_sums(const Tree *tree, const int64_t *self, const int64_t *total)
{
    g_autofree int64_t *sums = g_memdup2(self, tree->n_nodes * sizeof *self);
    for (uint32_t k = tree->n_nodes; k-- > 1;) {
        assert_int_equal(sums[k], total[k]);
        sums[tree->parent[k]] += sums[k];
    }
    assert_int_equal(sums[0], total[0]);
}

static void
test_random_trees(void **state)
{
    (void)state;
    g_autoptr(GRand) random = g_rand_new_with_seed(7);
    for (int i = 0; i < 300; i++) {
        g_autofree char *left_text = model_random_stacks(random);
        g_autofree char *right_text = model_random_stacks(random);
        g_autoptr(Tree) left = tree_of_stacks(left_text);
        g_autoptr(Tree) right = tree_of_stacks(right_text);
        g_autoptr(TreeDiff) diff = tree_diff_new(left, right);
        g_autoptr(GHashTable) lefts = totals_of(diff->tree, diff->tree->total);
        g_autoptr(GHashTable) rights = totals_of(diff->tree, diff->right_total);
        assert_int_equal(g_hash_table_size(lefts), diff->tree->n_nodes);
        assert_same_totals(lefts, left);
        assert_same_totals(rights, right);
        assert_cuts(diff);
        int max_nodes = g_rand_int_range(random, 1, 40);
        g_autoptr(TreeDiff) cut = tree_diff_truncate(diff, max_nodes);
        assert_int_equal(cut->tree->total[0], left->total[0]);
        assert_int_equal(cut->right_total[0], right->total[0]);
        assert_true(cut->tree->n_nodes <= diff->tree->n_nodes);
        assert_totals_are_sums(cut->tree, cut->tree->self, cut->tree->total);
        assert_totals_are_sums(cut->tree, cut->right_self, cut->right_total);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_union_has_both_values),
        cmocka_unit_test(test_one_side_may_be_empty),
        cmocka_unit_test(test_order_of_similar_names),
        cmocka_unit_test(test_truncation_counts_the_larger_side),
        cmocka_unit_test(test_random_trees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
