/* Stacks whose addresses were stored without lines, named when they are queried. */
#include <string.h>

#include "lib/pprof/decode.h"
#include "lib/pprof/encode.h"
#include "server/query/query.h"
#include "tests/harness/check.h"
#include "tests/unit/server/query/query_fixture.h"

/* Pushes the stack main (with lines), 0x2000, 0x3000 (without) of a file with that build id, made
 * of the source `git_ref` unless NULL. */
static void
push_with_source(const Fixture *fixture, const char *build_id, const char *git_ref)
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
    const Label labels[] = {
        {"__name__", "process_cpu"}, {"service_name", "shop"}, {"service_git_ref", git_ref}};
    fixture_push_bytes(fixture, labels, git_ref != NULL ? 3 : 2, bytes->data, bytes->len);
}

static void
push_addresses(const Fixture *fixture, const char *build_id)
{
    push_with_source(fixture, build_id, NULL);
}

/* Knows 0x3000 of "abcd", with a call inlined there. */
static AddressLines *
resolve(void *data, const QueryMapping *mapping, const uint64_t *addresses, size_t n)
{
    guint *calls = data;
    ++*calls;
    assert_string_equal(mapping->tenant, "t");
    assert_string_equal(mapping->filename, "/usr/bin/program");
    assert_int_equal(mapping->start, 0x1000);
    if (strcmp(mapping->build_id, "abcd") != 0)
        return NULL;
    AddressLines *lines = address_lines_new(n);
    const AddressLine inner = {"inner", "_inner", "a.h", 3, 1}, outer = {"outer", "", "a.c", 9, 8};
    for (size_t i = 0; i < n; i++) {
        if (addresses[i] != 0x3000)
            continue;
        address_lines_append(lines, i, &inner);
        address_lines_append(lines, i, &outer);
    }
    return lines;
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
    const QueryResolver resolver = {.resolve = resolve, .data = &calls};
    push_addresses(fixture, "abcd");
    push_addresses(fixture, "abcd");
    g_autofree char *named = describe(fixture, &resolver);
    assert_string_equal(named, "main=10;[program]=10;outer=10;inner=10;");
    assert_int_equal(calls, 1);
    g_autofree char *stored = describe(fixture, NULL);
    assert_string_equal(stored, "main=10;[program]=10;[program]=10;");
}

static int64_t
series_total(const Fixture *fixture, const char *call_site, const QueryResolver *resolver)
{
    Query query = fixture_query(fixture);
    g_auto(GStrv) names = g_strsplit(call_site, ";", -1);
    query.resolver = resolver;
    query.call_site = names;
    const QueryTimeSeriesOptions options = {.step_ns = 50 * SECOND_NS};
    g_autoptr(GPtrArray) series = query_time_series(&query, &options, NULL);
    assert_non_null(series);
    return series->len == 1 ? (int64_t)((QueryTimeSeries *)series->pdata[0])->total : 0;
}

static int64_t
tree_total(const Fixture *fixture, const char *call_site, const QueryResolver *resolver)
{
    Query query = fixture_query(fixture);
    g_auto(GStrv) names = g_strsplit(call_site, ";", -1);
    query.resolver = resolver;
    query.call_site = names;
    g_autoptr(Tree) tree = query_tree(&query, NULL);
    assert_non_null(tree);
    return tree->total[0];
}

static void
test_call_sites_go_by_the_functions_of_known_addresses(void **state)
{
    Fixture *fixture = *state;
    guint calls = 0;
    const QueryResolver resolver = {.resolve = resolve, .data = &calls};
    push_addresses(fixture, "abcd");
    const struct {
        const char *call_site;
        int64_t total;
    } cases[] = {
        {"main;[program];outer", 5}, {"main;[program];outer;inner", 5},
        {"main;[program]", 5},       {"main;[program];[program]", 0},
        {"main;[program];inner", 0}, {"main;[program];outer;inner;more", 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        assert_int_equal(tree_total(fixture, cases[i].call_site, &resolver), cases[i].total);
        assert_int_equal(series_total(fixture, cases[i].call_site, &resolver), cases[i].total);
    }
    assert_int_equal(series_total(fixture, "main;[program];[program]", NULL), 5);
    assert_int_equal(tree_total(fixture, "main;[program];[program]", NULL), 5);
}

/* "function(system name, file:line, start line)" of every line of the sample, the leaf first. */
static char *
describe_stack(const Profile *p, const ProfileSample *sample)
{
#define TEXT(id) (int)p->strings[id].length, (const char *)p->strings[id].data
    GString *text = g_string_new(NULL);
    for (uint32_t i = 0; i < sample->n_locations; i++) {
        const ProfileLocation *from = &p->locations[p->stack_locations[sample->first_location + i]];
        g_string_append_printf(text, "%#x", (unsigned)from->address);
        for (uint32_t k = 0; k < from->n_lines; k++) {
            const ProfileLine *line = &p->lines[from->first_line + k];
            const ProfileFunction *function = &p->functions[line->function];
            g_string_append_printf(text, " %.*s(%.*s %.*s:%d %d)", TEXT(function->name),
                                   TEXT(function->system_name), TEXT(function->filename),
                                   (int)line->line, (int)function->start_line);
        }
        g_string_append_c(text, ';');
    }
    return g_string_free(text, FALSE);
}

static void
expect_pprof(const Query *query, const char *stack, bool has_names)
{
    g_autoptr(GBytes) bytes = query_pprof(query, NULL);
    assert_non_null(bytes);
    g_autoptr(Arena) arena = arena_new(1 << 20);
    Profile profile;
    gsize size;
    const uint8_t *data = g_bytes_get_data(bytes, &size);
    const PprofInput input = {.data = data, .size = size, .arena = arena};
    assert_int_equal(pprof_decode(&input, &profile, NULL), PPROF_OK);
    assert_int_equal(profile.n_samples, 1);
    g_autofree char *text = describe_stack(&profile, profile.samples);
    assert_string_equal(text, stack);
    for (uint32_t i = 0; i < profile.n_mappings; i++) {
        const ProfileMapping *mapping = &profile.mappings[i];
        if (mapping->limit == 0) /* of what was stored with lines */
            continue;
        assert_true(mapping->limit == 0x9000);
        assert_int_equal(mapping->has_functions, has_names);
        assert_int_equal(mapping->has_filenames, has_names);
        assert_int_equal(mapping->has_line_numbers, has_names);
        assert_int_equal(mapping->has_inline_frames, has_names);
    }
}

static void
test_pprof_has_the_lines_of_known_addresses(void **state)
{
    Fixture *fixture = *state;
    guint calls = 0;
    const QueryResolver resolver = {.resolve = resolve, .data = &calls};
    push_addresses(fixture, "abcd");
    Query query = fixture_query(fixture);
    expect_pprof(&query, "0x3000;0x2000;0 main(main :7 0);", false);
    query.resolver = &resolver;
    expect_pprof(&query, "0x3000 inner(_inner a.h:3 1) outer( a.c:9 8);0x2000;0 main(main :7 0);",
                 true);
    query.aggregate_callees = true;
    expect_pprof(&query, "0 inner(_inner a.h:0 1) outer( a.c:9 8);0x2000;0 main(main :7 0);", true);
}

/* A build id that says where the source is finds the debug file all the same. */
static void
test_the_source_stays_in_the_build_id(void **state)
{
    Fixture *fixture = *state;
    guint calls = 0;
    const QueryResolver resolver = {.resolve = resolve, .data = &calls};
    push_with_source(fixture, "abcd", "v1");
    g_autofree char *named = describe(fixture, &resolver);
    assert_string_equal(named, "main=5;[program]=5;outer=5;inner=5;");
    Query query = fixture_query(fixture);
    g_autoptr(GBytes) bytes = query_pprof(&query, NULL);
    g_autoptr(Arena) arena = arena_new(1 << 20);
    Profile profile;
    gsize size;
    const uint8_t *data = g_bytes_get_data(bytes, &size);
    const PprofInput input = {.data = data, .size = size, .arena = arena};
    assert_int_equal(pprof_decode(&input, &profile, NULL), PPROF_OK);
    assert_int_not_equal(profile.n_mappings, 0);
    for (uint32_t i = 0; i < profile.n_mappings; i++) {
        const ProfileString *text = &profile.strings[profile.mappings[i].build_id];
        g_autofree char *build_id = g_strndup(text->data, text->length);
        assert_string_equal(build_id, "{\"git_ref\":\"v1\",\"build_id\":\"abcd\"}");
    }
}

static void
test_unknown_files_keep_their_names(void **state)
{
    Fixture *fixture = *state;
    guint calls = 0;
    const QueryResolver resolver = {.resolve = resolve, .data = &calls};
    push_addresses(fixture, "ffff");
    g_autofree char *named = describe(fixture, &resolver);
    assert_string_equal(named, "main=5;[program]=5;[program]=5;");
    assert_int_equal(calls, 1);
}

/* A file that comes while the query waits for it. */
typedef struct {
    guint calls, waits;
    bool comes, is_there;
} Late;

static AddressLines *
resolve_late(void *data, const QueryMapping *mapping, const uint64_t *addresses, size_t n)
{
    Late *late = data;
    return late->is_there ? resolve(&late->calls, mapping, addresses, n) : NULL;
}

static bool
wait_for_file(void *data, const char *const *build_ids)
{
    Late *late = data;
    assert_string_equal(build_ids[0], "abcd");
    assert_null(build_ids[1]);
    late->waits++;
    return late->is_there = late->comes;
}

static void
test_a_query_waits_for_files_once(void **state)
{
    Fixture *fixture = *state;
    Late late = {.comes = false};
    const QueryResolver resolver = {resolve_late, wait_for_file, &late};
    push_addresses(fixture, "abcd");
    g_autofree char *without = describe(fixture, &resolver);
    assert_string_equal(without, "main=5;[program]=5;[program]=5;");
    assert_int_equal(late.waits, 1);
    late.comes = true;
    g_autofree char *with = describe(fixture, &resolver);
    assert_string_equal(with, "main=5;[program]=5;outer=5;inner=5;");
    assert_int_equal(late.waits, 2);
    g_autofree char *again = describe(fixture, &resolver);
    assert_string_equal(again, with);
    assert_int_equal(late.waits, 2);

    late.is_there = false;
    Query query = fixture_query(fixture);
    query.resolver = &resolver;
    expect_pprof(&query, "0x3000 inner(_inner a.h:3 1) outer( a.c:9 8);0x2000;0 main(main :7 0);",
                 true);
    late.is_there = false;
    assert_int_equal(series_total(fixture, "main;[program];outer", &resolver), 5);
    assert_int_equal(late.waits, 4);
}

/* Without a build id nothing can be asked for. */
static void
test_files_without_a_build_id_are_not_asked_for(void **state)
{
    Fixture *fixture = *state;
    guint calls = 0;
    const QueryResolver resolver = {.resolve = resolve, .data = &calls};
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
        TEST(test_call_sites_go_by_the_functions_of_known_addresses),
        TEST(test_pprof_has_the_lines_of_known_addresses),
        TEST(test_the_source_stays_in_the_build_id),
        TEST(test_unknown_files_keep_their_names),
        TEST(test_a_query_waits_for_files_once),
        TEST(test_files_without_a_build_id_are_not_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
