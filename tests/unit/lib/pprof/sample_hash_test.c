#include "lib/pprof/sample_hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { CAP_BYTES = 1 << 20, DEEP = 1000 };

static ProfileString strings[] = {{"", 0},         {"main", 4}, {"f", 1},  {"main.go", 7},
                                  {"other.go", 8}, {"/app", 4}, {"ab", 2}, {"c", 1},
                                  {"a", 1},        {"bc", 2}};

/* A stack of two locations, the first of two lines and the second of none, and two labels. */
typedef struct {
    ProfileMapping mappings[1];
    ProfileFunction functions[2];
    ProfileLine lines[2];
    ProfileLocation locations[2];
    uint32_t stack[2];
    ProfileLabel labels[2];
    ProfileSample samples[1];
} Tables;

static Tables
tables(void)
{
    return (Tables){
        .mappings = {{.id = 1, .start = 1, .limit = 2, .filename = 5, .build_id = 6}},
        .functions = {{.id = 1, .name = 1, .filename = 3, .start_line = 4}, {.id = 2, .name = 2}},
        .lines = {{0, 10}, {1, 20}},
        .locations = {{.id = 1, .address = 100, .mapping = 0, .first_line = 0, .n_lines = 2},
                      {.id = 2, .address = 200, .mapping = 0, .first_line = 2}},
        .stack = {0, 1},
        .labels = {{.key = 6, .str = 7}, {.key = 8, .num = 5, .num_unit = 9}},
        .samples = {{0, 2, 0, 2}},
    };
}

static PprofHash
hash(Tables t)
{
    Profile profile = {
        .strings = strings,
        .n_strings = G_N_ELEMENTS(strings),
        .mappings = t.mappings,
        .n_mappings = 1,
        .functions = t.functions,
        .n_functions = 2,
        .lines = t.lines,
        .n_lines = 2,
        .locations = t.locations,
        .n_locations = 2,
        .stack_locations = t.stack,
        .n_stack_locations = 2,
        .labels = t.labels,
        .n_labels = 2,
        .samples = t.samples,
        .n_samples = 1,
    };
    g_autoptr(Arena) arena = arena_new(CAP_BYTES);
    return *pprof_hash_samples(&profile, arena);
}

static bool
differs(Tables t)
{
    PprofHash a = hash(tables()), b = hash(t);
    /* Both halves are good hashes by themselves. */
    assert_true((a.low == b.low) == (a.high == b.high));
    return a.low != b.low;
}

#define CHANGED(change)                                                                            \
    ({                                                                                             \
        Tables t = tables();                                                                       \
        change;                                                                                    \
        differs(t);                                                                                \
    })

static void
test_what_counts(void **state)
{
    (void)state;
    assert_true(CHANGED(t.functions[0].name = 2));
    assert_true(CHANGED(t.functions[0].system_name = 2));
    assert_true(CHANGED(t.functions[0].filename = 4));
    assert_true(CHANGED(t.functions[0].start_line = 5));
    assert_true(CHANGED(t.lines[0].line = 11));
    assert_true(CHANGED(t.lines[1].function = 0));
    assert_true(CHANGED(t.locations[0].address = 101));
    assert_true(CHANGED(t.locations[0].n_lines = 1));
    assert_true(CHANGED(t.locations[1].is_folded = true));
    assert_true(CHANGED(t.locations[1].mapping = PROFILE_NONE));
    assert_true(CHANGED(t.mappings[0].filename = 4)); /* of the location without lines */
    assert_true(CHANGED((t.stack[0] = 1, t.stack[1] = 0)));
    assert_true(CHANGED(t.samples[0].n_locations = 1));
    assert_true(CHANGED(t.samples[0].n_locations = 0));
    assert_true(CHANGED(t.samples[0].n_labels = 1));
    assert_true(CHANGED(t.labels[1].num = 6));
    assert_true(CHANGED(t.labels[1].num_unit = 0));
    assert_true(CHANGED((t.labels[0].key = 8, t.labels[0].str = 9))); /* "ab" "c" and "a" "bc" */
}

static void
test_what_does_not_count(void **state)
{
    (void)state;
    assert_false(CHANGED((void)t));
    assert_false(CHANGED((t.functions[0].id = 9, t.locations[0].id = 9, t.mappings[0].id = 9)));
    assert_false(CHANGED((t.mappings[0].start = 7, t.mappings[0].limit = 9)));
    assert_false(CHANGED(t.mappings[0].build_id = 0));
    assert_false(CHANGED(t.mappings[0].has_functions = true));
    assert_false(CHANGED(t.locations[0].mapping = PROFILE_NONE)); /* it has lines */
    assert_false(CHANGED({
        ProfileLabel first = t.labels[0];
        t.labels[0] = t.labels[1];
        t.labels[1] = first;
    }));
}

/* Every depth is another stack, also beyond what is hashed at once. */
static void
test_deep_stacks(void **state)
{
    (void)state;
    ProfileLocation location = {.id = 1, .address = 1, .mapping = PROFILE_NONE};
    uint32_t stack[DEEP] = {0};
    ProfileSample samples[DEEP];
    for (uint32_t i = 0; i < DEEP; i++)
        samples[i] = (ProfileSample){0, i, 0, 0};
    Profile profile = {
        .strings = strings,
        .n_strings = 1,
        .locations = &location,
        .n_locations = 1,
        .stack_locations = stack,
        .n_stack_locations = DEEP,
        .samples = samples,
        .n_samples = DEEP,
    };
    g_autoptr(Arena) arena = arena_new(CAP_BYTES);
    const PprofHash *hashes = pprof_hash_samples(&profile, arena);
    for (uint32_t i = 0; i < DEEP; i++) {
        for (uint32_t j = 0; j < i; j++)
            assert_true(hashes[i].low != hashes[j].low && hashes[i].high != hashes[j].high);
    }
}

static void
test_no_memory(void **state)
{
    (void)state;
    ProfileSample samples[100] = {{0, 0, 0, 0}};
    Profile profile = {.strings = strings, .n_strings = 1, .samples = samples, .n_samples = 100};
    g_autoptr(Arena) arena = arena_new(1000);
    assert_null(pprof_hash_samples(&profile, arena));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_counts),
        cmocka_unit_test(test_what_does_not_count),
        cmocka_unit_test(test_deep_stacks),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
