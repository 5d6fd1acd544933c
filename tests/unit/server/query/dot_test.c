#include "server/query/dot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/query/functions.h"
#include "tests/unit/server/query/stacks.h"

/* "name self total" per function. */
static void
assert_functions(const char *stacks, bool by_self, size_t limit, const char *expected)
{
    g_autoptr(Tree) tree = tree_of_stacks(stacks);
    g_autoptr(Functions) functions = functions_new(tree);
    g_autoptr(GArray) names = functions_rank(functions, tree, by_self, limit);
    g_autoptr(GString) out = g_string_new(NULL);
    for (guint i = 0; i < names->len; i++) {
        uint32_t name = g_array_index(names, uint32_t, i), start = tree->name_offset[name];
        g_string_append_printf(out, "%.*s %d %d\n", (int)(tree->name_offset[name + 1] - start),
                               tree->name_bytes + start, (int)functions->self[name],
                               (int)functions->total[name]);
    }
    assert_string_equal(out->str, expected);
}

static void
test_functions_count_recursion_once(void **state)
{
    (void)state;
    assert_functions("a;b;a;c=5 a;b=2 b;b;b=3", false, 0, "b 5 10\na 0 7\nc 5 5\n");
    assert_functions("a;b;a;c=5 a;b=2 b;b;b=3", true, 2, "b 5 10\nc 5 5\n");
    assert_functions("a=1 b=1 ab=1", false, 0, "a 1 1\nab 1 1\nb 1 1\n");
    assert_functions("", false, 0, "");
}

static void
assert_dot(const char *stacks, size_t max_functions, const char *expected)
{
    g_autoptr(Tree) tree = tree_of_stacks(stacks);
    g_autoptr(GString) text = tree_dot(tree, "cpu \"x\"", "count", max_functions);
    const char *body = strstr(text->str, "  N");
    assert_string_equal(body != NULL ? body : text->str, expected);
}

static void
test_call_graph(void **state)
{
    (void)state;
    assert_dot("a;b=3 a;c;b=1 c=4", 100,
               "  N3 [label=\"c\\n4 (50.00%)\\nof 5 (62.50%)\", fontsize=19];\n"
               "  N1 [label=\"a\\n0 (0.00%)\\nof 4 (50.00%)\", fontsize=8];\n"
               "  N2 [label=\"b\\n4 (50.00%)\", fontsize=19];\n"
               "  N1 -> N2 [label=\" 3\", weight=39, penwidth=3];\n"
               "  N1 -> N3 [label=\" 1\", weight=14, penwidth=2];\n"
               "  N3 -> N2 [label=\" 1\", weight=14, penwidth=2];\n"
               "}\n");
}

/* Calls through what is not drawn are dashed, and recursion counts once. */
static void
test_hidden_functions_and_recursion(void **state)
{
    (void)state;
    assert_dot("a;x;b=5 a;b;b=1", 2,
               "  N1 [label=\"a\\n0 (0.00%)\\nof 6 (100.00%)\", fontsize=8];\n"
               "  N3 [label=\"b\\n6 (100.00%)\", fontsize=24];\n"
               "  N1 -> N3 [label=\" 6\", weight=101, penwidth=6];\n"
               "  N3 -> N3 [label=\" 1\", weight=18, penwidth=2];\n"
               "}\n");
    assert_dot("x;a;y;b=5 b=1", 2,
               "  N4 [label=\"b\\n6 (100.00%)\", fontsize=24];\n"
               "  N2 [label=\"a\\n0 (0.00%)\\nof 5 (83.33%)\", fontsize=8];\n"
               "  N2 -> N4 [label=\" 5\", weight=84, penwidth=5, style=dashed];\n"
               "}\n");
}

static void
test_nothing_to_draw(void **state)
{
    (void)state;
    assert_dot("", 100, "");
}

static void
test_values_for_people(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        const char *unit, *text;
    } CASES[] = {{1500000000, "nanoseconds", "1.5 s"},
                 {12, "nanoseconds", "12 ns"},
                 {0, "nanoseconds", "0 ns"},
                 {1536, "bytes", "1.5 KiB"},
                 {1536, "count", "1536"},
                 {-2000000, "nanoseconds", "-2 ms"}};
    for (size_t i = 0; i < G_N_ELEMENTS(CASES); i++) {
        g_autofree char *text = value_text(CASES[i].value, CASES[i].unit);
        assert_string_equal(text, CASES[i].text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions_count_recursion_once),
        cmocka_unit_test(test_call_graph),
        cmocka_unit_test(test_hidden_functions_and_recursion),
        cmocka_unit_test(test_nothing_to_draw),
        cmocka_unit_test(test_values_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
