/* Stacks whose addresses were stored without lines, named when they are queried. */
#include <string.h>

#include "lib/pprof/encode.h"
#include "server/query/query.h"
#include "tests/harness/check.h"
#include "tests/unit/server/query/query_fixture.h"

/* Pushes the stack main (with lines), 0x2000, 0x3000 (without) of a file with that build id. */
static void
push_addresses(const Fixture *fixture, const char *build_id)
{
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    pprof_builder_sample_type(builder, "cpu", "nanoseconds");
    pprof_builder_period(builder, "cpu", "nanoseconds", 100);
    pprof_builder_time(builder, BASE_NS + 10 * SECOND_NS, SECOND_NS);
    const PprofMapping mapping = {.start = 0x1000,
                                  .limit = 0x9000,
                                  .filename = pprof_builder_text(builder, "/usr/bin/program"),
                                  .build_id = pprof_builder_text(builder, build_id)};
    uint32_t map = pprof_builder_mapping(builder, &mapping);
    uint32_t main_name = pprof_builder_text(builder, "main");
    const PprofFunction function = {main_name, main_name, 0, 0};
    const PprofLine line = {pprof_builder_function(builder, &function), 7};
    const PprofLocation locations[] = {{map, 0x3000, NULL, 0, false},
                                       {map, 0x2000, NULL, 0, false},
                                       {map, 0x1500, &line, 1, false}};
    uint32_t ids[3];
    for (int i = 0; i < 3; i++)
        ids[i] = pprof_builder_location(builder, &locations[i]);
    const int64_t value = 5;
    const PprofSample sample = {ids, 3, &value, NULL, 0};
    pprof_builder_sample(builder, &sample);
    g_autoptr(GByteArray) bytes = pprof_builder_finish(builder);
    const Label labels[] = {{"__name__", "process_cpu"}, {"service_name", "shop"}};
    fixture_push_bytes(fixture, labels, G_N_ELEMENTS(labels), bytes->data, bytes->len);
}

/* Knows 0x3000 of "abcd", with a call inlined there. */
static GPtrArray *
resolve(void *data, const QueryMapping *mapping, const uint64_t *addresses, size_t n)
{
    guint *calls = data;
    ++*calls;
    assert_string_equal(mapping->tenant, "t");
    assert_string_equal(mapping->filename, "/usr/bin/program");
    assert_int_equal(mapping->start, 0x1000);
    if (strcmp(mapping->build_id, "abcd") != 0)
        return NULL;
    GPtrArray *names = g_ptr_array_new_full((guint)n, (GDestroyNotify)g_strfreev);
    g_ptr_array_set_size(names, (gint)n);
    for (size_t i = 0; i < n; i++) {
        if (addresses[i] == 0x3000)
            names->pdata[i] = g_strsplit("inner,outer", ",", -1);
    }
    return names;
}

/* "name=total;" of every node in order. */
static char *
describe(const Fixture *fixture, const QueryResolver *resolver)
{
    Query query = fixture_query(fixture);
    query.resolver = resolver;
    g_autoptr(Tree) tree = query_tree(&query, NULL);
    assert_non_null(tree);
    GString *text = g_string_new(NULL);
    for (uint32_t i = 1; i < tree->n_nodes; i++) {
        uint32_t length;
        const char *name = tree_node_name(tree, i, &length);
        g_string_append_printf(text, "%.*s=%d;", (int)length, name, (int)tree->total[i]);
    }
    return g_string_free(text, FALSE);
}

static void
test_known_addresses_get_their_functions(void **state)
{
    Fixture *fixture = *state;
    guint calls = 0;
    const QueryResolver resolver = {resolve, &calls};
    push_addresses(fixture, "abcd");
    push_addresses(fixture, "abcd");
    g_autofree char *named = describe(fixture, &resolver);
    assert_string_equal(named, "main=10;[program]=10;outer=10;inner=10;");
    assert_int_equal(calls, 1);
    g_autofree char *stored = describe(fixture, NULL);
    assert_string_equal(stored, "main=10;[program]=10;[program]=10;");
}

static void
test_unknown_files_keep_their_names(void **state)
{
    Fixture *fixture = *state;
    guint calls = 0;
    const QueryResolver resolver = {resolve, &calls};
    push_addresses(fixture, "ffff");
    g_autofree char *named = describe(fixture, &resolver);
    assert_string_equal(named, "main=5;[program]=5;[program]=5;");
    assert_int_equal(calls, 1);
}

/* Without a build id nothing can be asked for. */
static void
test_files_without_a_build_id_are_not_asked_for(void **state)
{
    Fixture *fixture = *state;
    guint calls = 0;
    const QueryResolver resolver = {resolve, &calls};
    push_addresses(fixture, "");
    fixture_push(fixture, "shop", "p1", 12, "main;work=3");
    g_autofree char *named = describe(fixture, &resolver);
    assert_string_equal(named, "main=8;[program]=5;[program]=5;work=3;");
    assert_int_equal(calls, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_known_addresses_get_their_functions),
        TEST(test_unknown_files_keep_their_names),
        TEST(test_files_without_a_build_id_are_not_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
