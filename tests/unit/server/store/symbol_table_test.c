#include "server/store/symbol_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "include/cresset/limits.h"
#include "lib/base/error.h"
#include "server/store/translate.h"
#include "tests/unit/server/store/fixture.h"

typedef struct {
    ColumnGuard guard;
    SymbolTable table;
} Bed;

static int
set_up(void **state)
{
    Bed *bed = g_new0(Bed, 1);
    column_guard_init(&bed->guard);
    symbol_table_init(&bed->table, &bed->guard);
    *state = bed;
    return 0;
}

static int
tear_down(void **state)
{
    Bed *bed = *state;
    symbol_table_clear(&bed->table);
    column_guard_clear(&bed->guard);
    g_free(bed);
    return 0;
}

static SymbolView
view_of(Bed *bed)
{
    SymbolView view;
    SymbolCounts counts = symbol_table_counts(&bed->table);
    symbol_table_view(&bed->table, &counts, &view);
    return view;
}

static char *
folded(const SymbolView *view, uint32_t node)
{
    GString *path = g_string_new(NULL);
    for (uint32_t at = view->function_of_node[node]; at != 0; at = view->function_parent[at]) {
        uint32_t length;
        const char *name = symbol_string(view, view->function_name[at], &length);
        g_string_prepend_c(path, ';');
        g_string_prepend_len(path, name, length);
    }
    return g_string_free(path, FALSE);
}

/* main → inner inlined into outer, twice at different addresses of the same line, and a location
 * that nobody could name. */
static Profile
make_profile(void)
{
    static ProfileString strings[] = {{"", 0},      {"main", 4},      {"outer", 5},
                                      {"inner", 5}, {"/a/lib.so", 9}, {"id", 2}};
    static ProfileFunction functions[] = {{1, 1, 1, 4, 3}, {2, 2, 2, 4, -5}, {3, 3, 3, 4, 9}};
    static ProfileLine lines[] = {{0, 10}, {2, 30}, {1, 20}, {2, 30}, {1, 20}};
    static ProfileMapping mappings[] = {{.id = 1,
                                         .start = 0x1000,
                                         .limit = 0x9000,
                                         .filename = 4,
                                         .build_id = 5,
                                         .has_functions = true}};
    static ProfileLocation locations[] = {{1, 0x1000, 0, 0, 1, false},
                                          {2, 0x2000, 0, 1, 2, false},
                                          {3, 0x2010, 0, 3, 2, false},
                                          {4, 0x3000, 0, 0, 0, false},
                                          {5, 0x4000, PROFILE_NONE, 0, 0, false}};
    static uint32_t stacks[] = {1, 0, 2, 0, 3, 0, 4, 0};
    static ProfileSample samples[] = {
        {0, 2, 0, 0}, {2, 2, 0, 0}, {4, 2, 0, 0}, {6, 2, 0, 0}, {0, 0, 0, 0}};
    return (Profile){.strings = strings,
                     .functions = functions,
                     .lines = lines,
                     .mappings = mappings,
                     .locations = locations,
                     .stack_locations = stacks,
                     .samples = samples,
                     .n_strings = 6,
                     .n_functions = 3,
                     .n_lines = 5,
                     .n_mappings = 1,
                     .n_locations = 5,
                     .n_stack_locations = 8,
                     .n_samples = 5};
}

static uint32_t
node_of(Translation *translation, uint32_t sample)
{
    assert_true(translation_nodes(translation, &sample, 1, NULL));
    return translation->nodes[sample];
}

static void
folds_inlined_and_unnamed_frames(void **state)
{
    Bed *bed = *state;
    Profile profile = make_profile();
    Translation translation;
    translation_init(&translation, &bed->table, &profile);
    uint32_t nodes[5];
    for (uint32_t i = 0; i < 5; i++)
        nodes[i] = node_of(&translation, i);
    translation_clear(&translation);
    SymbolView view = view_of(bed);
    const char *wanted[] = {"main;outer;inner;", "main;outer;inner;", "main;[lib.so];",
                            "main;[unknown];", ""};
    for (uint32_t i = 0; i < 5; i++) {
        g_autofree char *path = folded(&view, nodes[i]);
        assert_string_equal(path, wanted[i]);
    }
    /* Two addresses of one line are one location. */
    assert_int_equal(nodes[0], nodes[1]);
    assert_int_equal(nodes[4], 0);
    const SymbolLocation *named = &view.locations[view.node_location[nodes[0]]];
    assert_int_equal(named->address, 0);
    assert_int_equal(view.mappings[named->mapping - 1].start, 0);
    const SymbolLocation *unnamed = &view.locations[view.node_location[nodes[2]]];
    assert_int_equal(unnamed->address, 0x3000);
    assert_int_equal(view.mappings[unnamed->mapping - 1].start, 0x1000);
}

static void
adds_nothing_for_what_it_knows(void **state)
{
    Bed *bed = *state;
    Profile profile = make_profile();
    Translation translation;
    translation_init(&translation, &bed->table, &profile);
    uint32_t first = node_of(&translation, 0);
    node_of(&translation, 2);
    translation_clear(&translation);
    SymbolCounts before = symbol_table_counts(&bed->table);
    /* The same program elsewhere in memory: known by its build id. */
    profile.mappings[0].start += 0x100000;
    for (uint32_t i = 0; i < 3; i++)
        profile.locations[i].address += 0x100000;
    translation_init(&translation, &bed->table, &profile);
    assert_int_equal(node_of(&translation, 0), first);
    translation_clear(&translation);
    profile.mappings[0].start -= 0x100000;
    for (uint32_t i = 0; i < 3; i++)
        profile.locations[i].address -= 0x100000;
    SymbolCounts after = symbol_table_counts(&bed->table);
    assert_memory_equal(&before, &after, sizeof before);
}

static void
tells_functions_at_one_address_apart(void **state)
{
    Bed *bed = *state;
    Profile profile = make_profile();
    Translation translation;
    translation_init(&translation, &bed->table, &profile);
    uint32_t first = node_of(&translation, 0);
    translation_clear(&translation);
    profile.strings[3] = (ProfileString){"other", 5};
    translation_init(&translation, &bed->table, &profile);
    uint32_t second = node_of(&translation, 0);
    translation_clear(&translation);
    profile.strings[3] = (ProfileString){"inner", 5};
    assert_int_not_equal(first, second);
    SymbolView view = view_of(bed);
    g_autofree char *path = folded(&view, second);
    assert_string_equal(path, "main;outer;other;");
}

/* Nothing but the empty string: its columns have no elements, and are there all the same. */
static void
takes_a_profile_of_nothing(void **state)
{
    Bed *bed = *state;
    ProfileString strings[] = {{"", 0}};
    ProfileSample samples[] = {{0, 0, 0, 0}};
    Profile profile = {.strings = strings, .samples = samples, .n_strings = 1, .n_samples = 1};
    Translation translation;
    translation_init(&translation, &bed->table, &profile);
    assert_int_equal(node_of(&translation, 0), 0);
    translation_clear(&translation);
    assert_int_equal(symbol_table_string(&bed->table, "", 0), 0);
    SymbolView view = view_of(bed);
    uint32_t length;
    assert_non_null(symbol_string(&view, 0, &length));
    assert_int_equal(length, 0);
    SymbolCounts none = {0};
    none.n_strings = view.n_strings;
    Wire wire = {0};
    symbol_table_write(&bed->table, &none, &wire);
    assert_true(wire.size > 0);
    wire_clear(&wire);
}

static void
refuses_references_outside_the_tables(void **state)
{
    Bed *bed = *state;
    for (unsigned i = 0; i < 5; i++) {
        Profile profile = make_profile();
        uint32_t *n[] = {&profile.n_samples, &profile.n_stack_locations, &profile.n_locations,
                         &profile.n_lines, &profile.n_functions};
        *n[i] = i == 0 ? 0 : 1;
        Translation translation;
        translation_init(&translation, &bed->table, &profile);
        uint32_t sample = 0;
        g_autoptr(GError) error = NULL;
        assert_false(translation_nodes(&translation, &sample, 1, &error));
        assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
        translation_clear(&translation);
    }
}

static void
refuses_stacks_that_unfold_into_too_much(void **state)
{
    Bed *bed = *state;
    enum { DEPTH = 5000 };
    Profile profile = make_profile();
    g_autofree ProfileLine *lines = g_new0(ProfileLine, CRESSET_LOCATION_LINES_MAX + 1);
    g_autofree uint32_t *stack = g_new0(uint32_t, DEPTH);
    ProfileLocation location = {1, 0, PROFILE_NONE, 0, CRESSET_LOCATION_LINES_MAX, false};
    ProfileSample sample = {0, DEPTH, 0, 0};
    profile.lines = lines;
    profile.n_lines = CRESSET_LOCATION_LINES_MAX + 1;
    profile.locations = &location;
    profile.samples = &sample;
    profile.stack_locations = stack;
    profile.n_stack_locations = DEPTH;
    uint32_t first = 0;
    g_autoptr(GError) error = NULL;
    Translation translation;
    translation_init(&translation, &bed->table, &profile);
    assert_false(translation_nodes(&translation, &first, 1, &error));
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_RESOURCE_EXHAUSTED));
    translation_clear(&translation);
    g_clear_error(&error);
    location.n_lines++;
    translation_init(&translation, &bed->table, &profile);
    assert_false(translation_nodes(&translation, &first, 1, &error));
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
    translation_clear(&translation);
}

static void
restores_what_it_wrote(void **state)
{
    Bed *bed = *state;
    Profile profile = make_profile();
    SymbolTable copy;
    symbol_table_init(&copy, &bed->guard);
    for (uint32_t sample = 0; sample < 4; sample++) {
        SymbolCounts from = symbol_table_counts(&bed->table);
        Translation translation;
        translation_init(&translation, &bed->table, &profile);
        node_of(&translation, sample);
        translation_clear(&translation);
        Wire wire = {0};
        symbol_table_write(&bed->table, &from, &wire);
        Scan scan = scan_of(wire.data, wire.size);
        assert_true(symbol_table_restore(&copy, &scan));
        assert_int_equal(scan_left(&scan), 0);
        wire_clear(&wire);
    }
    SymbolCounts one = symbol_table_counts(&bed->table), other = symbol_table_counts(&copy);
    assert_memory_equal(&one, &other, sizeof one);
    assert_memory_equal(bed->table.function_of_node.data, copy.function_of_node.data,
                        one.n_nodes * sizeof(uint32_t));
    assert_memory_equal(bed->table.function_name.data, copy.function_name.data,
                        one.n_function_nodes * sizeof(uint32_t));
    symbol_table_clear(&copy);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(folds_inlined_and_unnamed_frames, set_up, tear_down),
        cmocka_unit_test_setup_teardown(adds_nothing_for_what_it_knows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tells_functions_at_one_address_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(takes_a_profile_of_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_references_outside_the_tables, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_stacks_that_unfold_into_too_much, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(restores_what_it_wrote, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
