#include "server/query/sandwich.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/error.h"
#include "server/query/folded.h"
#include "server/query/functions.h"
#include "tests/unit/server/query/stacks.h"

static void
assert_views(const char *stacks, const char *function, const char *callees, const char *callers)
{
    g_autoptr(Tree) tree = tree_of_stacks(stacks);
    g_autoptr(Tree) below = tree_callees(tree, function);
    g_autoptr(Tree) above = tree_callers(tree, function, NULL);
    g_autoptr(GString) below_text = tree_collapsed(below, NULL);
    g_autoptr(GString) above_text = tree_collapsed(above, NULL);
    assert_string_equal(below_text->str, callees);
    assert_string_equal(above_text->str, callers);
    assert_int_equal(below->total[0], above->total[0]);
}

static void
test_callees_and_callers(void **state)
{
    (void)state;
    static const char STACKS[] = "main;work;sort=3 main;work=1 init;work;sort=10 idle=5";
    assert_views(STACKS, "work", "work 1\nwork;sort 13\n", "work;init 10\nwork;main 4\n");
    assert_views(STACKS, "sort", "sort 13\n", "sort;work;init 10\nsort;work;main 3\n");
    assert_views(STACKS, "idle", "idle 5\n", "idle 5\n");
    assert_views(STACKS, "absent", "", "");
    assert_views(STACKS, "", "", "");
}

/* The outermost call counts. */
static void
test_recursion(void **state)
{
    (void)state;
    assert_views("a;f;g;f=3 a;f=1 f;f;f=2", "f", "f 1\nf;f;f 2\nf;g;f 3\n", "f 2\nf;a 4\n");
}

/* Both views add up to the total of the function list, for every function of a random tree. */
static void
test_views_agree_with_the_function_list(void **state)
{
    (void)state;
    g_autoptr(GRand) random = g_rand_new_with_seed(3);
    for (unsigned round = 0; round < 50; round++) {
        g_autoptr(TreeBuilder) builder = tree_builder_new();
        for (unsigned i = 0; i < 80; i++) {
            uint32_t node = 0, depth = (uint32_t)g_rand_int_range(random, 1, 9);
            for (uint32_t k = 0; k < depth; k++) {
                char name = (char)('a' + g_rand_int_range(random, 0, 5));
                node = tree_builder_child(builder, node, &name, 1);
            }
            tree_builder_add(builder, node, g_rand_int_range(random, 1, 100));
        }
        g_autoptr(Tree) tree = tree_builder_finish(builder);
        g_autoptr(Functions) functions = functions_new(tree);
        for (uint32_t name = 1; name < tree->n_names; name++) {
            g_autofree char *text = g_strndup(tree->name_bytes + tree->name_offset[name], 1);
            g_autoptr(Tree) below = tree_callees(tree, text);
            g_autoptr(Tree) above = tree_callers(tree, text, NULL);
            assert_int_equal(below->total[0], functions->total[name]);
            assert_int_equal(above->total[0], functions->total[name]);
        }
    }
}

/* A function below each of many frames of a deep stack. */
static void
test_steps_are_bounded(void **state)
{
    (void)state;
    g_autoptr(TreeBuilder) builder = tree_builder_new();
    uint32_t node = 0;
    for (unsigned i = 0; i < 10000; i++) {
        node = tree_builder_child(builder, node, "d", 1);
        tree_builder_add(builder, tree_builder_child(builder, node, "x", 1), 1);
    }
    g_autoptr(Tree) tree = tree_builder_finish(builder);
    g_autoptr(GError) error = NULL;
    assert_null(tree_callers(tree, "x", &error));
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_RESOURCE_EXHAUSTED));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_callees_and_callers),
        cmocka_unit_test(test_recursion),
        cmocka_unit_test(test_views_agree_with_the_function_list),
        cmocka_unit_test(test_steps_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
