#include "lib/pprof/prune.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/pprof/decode.h"
#include "lib/pprof/encode.h"

enum { CAP_BYTES = 1 << 20 };

/* Three samples, each with a mapping, a function, a location and a label of its own. */
static GByteArray *
three_samples(void)
{
    static const char *const NAMES[] = {"first", "second", "third"};
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    pprof_builder_sample_type(builder, "cpu", "nanoseconds");
    for (uint32_t i = 0; i < 3; i++) {
        PprofMapping mapping = {.start = 4096 * (i + 1),
                                .filename = pprof_builder_text(builder, NAMES[i])};
        PprofFunction function = {.name = pprof_builder_text(builder, NAMES[i])};
        uint32_t id = pprof_builder_function(builder, &function);
        PprofLine lines[] = {{id, 10 + i}, {id, 20 + i}};
        PprofLocation location = {.mapping = pprof_builder_mapping(builder, &mapping),
                                  .address = 100 + i,
                                  .lines = lines,
                                  .n_lines = 2};
        uint32_t stack[] = {pprof_builder_location(builder, &location), 1};
        PprofLabel label = {.key = pprof_builder_text(builder, "thread"),
                            .str = pprof_builder_text(builder, NAMES[i])};
        int64_t value = i + 1;
        PprofSample sample = {stack, i == 2 ? 2 : 1, &value, &label, 1};
        pprof_builder_sample(builder, &sample);
    }
    pprof_builder_period(builder, "cpu", "nanoseconds", 100);
    pprof_builder_comment(builder, "remark");
    pprof_builder_default_sample_type(builder, "cpu");
    return pprof_builder_finish(builder);
}

static void
decode(const GByteArray *bytes, Arena *arena, Profile *ret_profile)
{
    PprofInput input = {.data = bytes->data, .size = bytes->len, .arena = arena};
    assert_int_equal(pprof_decode(&input, ret_profile, NULL), PPROF_OK);
}

static bool
string_is(const Profile *profile, uint32_t index, const char *text)
{
    const ProfileString *string = &profile->strings[index];
    return string->length == strlen(text) && memcmp(string->data, text, string->length) == 0;
}

static void
check_sample(const Profile *p, uint32_t i, const char *name, uint32_t number)
{
    const ProfileSample *sample = &p->samples[i];
    const ProfileLocation *location = &p->locations[p->stack_locations[sample->first_location]];
    assert_int_equal(p->values[i], number + 1);
    assert_int_equal(location->address, 100 + number);
    assert_int_equal(p->mappings[location->mapping].start, 4096 * (number + 1));
    assert_true(string_is(p, p->mappings[location->mapping].filename, name));
    assert_int_equal(location->n_lines, 2);
    for (uint32_t j = 0; j < 2; j++) {
        const ProfileLine *line = &p->lines[location->first_line + j];
        assert_int_equal(line->line, 10 * (j + 1) + number);
        assert_true(string_is(p, p->functions[line->function].name, name));
    }
    assert_int_equal(sample->n_labels, 1);
    assert_true(string_is(p, p->labels[sample->first_label].key, "thread"));
    assert_true(string_is(p, p->labels[sample->first_label].str, name));
}

static void
check_header(const Profile *p)
{
    assert_true(string_is(p, p->sample_types[0].type, "cpu"));
    assert_true(string_is(p, p->sample_types[0].unit, "nanoseconds"));
    assert_true(string_is(p, p->period_type.unit, "nanoseconds"));
    assert_true(string_is(p, p->comments[0], "remark"));
    assert_true(string_is(p, p->default_sample_type, "cpu"));
    assert_int_equal(p->period, 100);
}

/* The middle one: the first mapping stays, everything else of the others is gone. */
static void
test_one_of_three(void **state)
{
    (void)state;
    g_autoptr(Arena) arena = arena_new(CAP_BYTES);
    g_autoptr(GByteArray) bytes = three_samples();
    Profile profile, again;
    decode(bytes, arena, &profile);
    assert_true(pprof_prune(&profile, (const bool[]){false, true, false}, arena));
    g_autoptr(GByteArray) pruned = pprof_encode(&profile);
    decode(pruned, arena, &again);
    assert_int_equal(again.n_samples, 1);
    assert_int_equal(again.n_locations, 1);
    assert_int_equal(again.n_functions, 1);
    assert_int_equal(again.n_lines, 2);
    assert_int_equal(again.n_mappings, 2);
    assert_int_equal(again.mappings[0].start, 4096);
    check_sample(&again, 0, "second", 1);
    check_header(&again);
    for (uint32_t i = 0; i < again.n_strings; i++)
        assert_false(string_is(&again, i, "third"));
    for (uint32_t i = 0; i < again.n_locations; i++)
        assert_int_equal(again.locations[i].id, i + 1);
}

/* The last refers to a location of the first, which stays without its sample. */
static void
test_shared_location(void **state)
{
    (void)state;
    g_autoptr(Arena) arena = arena_new(CAP_BYTES);
    g_autoptr(GByteArray) bytes = three_samples();
    Profile profile;
    decode(bytes, arena, &profile);
    assert_true(pprof_prune(&profile, (const bool[]){false, false, true}, arena));
    assert_int_equal(profile.n_samples, 1);
    assert_int_equal(profile.n_locations, 2);
    check_sample(&profile, 0, "third", 2);
    uint32_t caller = profile.stack_locations[profile.samples[0].first_location + 1];
    assert_int_equal(profile.locations[caller].address, 100);
}

static void
test_all_and_none(void **state)
{
    (void)state;
    g_autoptr(Arena) arena = arena_new(CAP_BYTES);
    g_autoptr(GByteArray) bytes = three_samples();
    Profile profile;
    decode(bytes, arena, &profile);
    g_autoptr(GByteArray) before = pprof_encode(&profile);
    assert_true(pprof_prune(&profile, (const bool[]){true, true, true}, arena));
    g_autoptr(GByteArray) all = pprof_encode(&profile);
    assert_int_equal(all->len, before->len);
    assert_memory_equal(all->data, before->data, all->len);

    assert_true(pprof_prune(&profile, (const bool[]){false, false, false}, arena));
    assert_int_equal(profile.n_samples, 0);
    assert_int_equal(profile.n_locations, 0);
    assert_int_equal(profile.n_functions, 0);
    assert_int_equal(profile.n_mappings, 1);
    check_header(&profile);
}

static void
test_no_memory(void **state)
{
    (void)state;
    g_autoptr(Arena) arena = arena_new(CAP_BYTES), full = arena_new(16);
    g_autoptr(GByteArray) bytes = three_samples();
    Profile profile;
    decode(bytes, arena, &profile);
    assert_false(pprof_prune(&profile, (const bool[]){false, true, false}, full));
    for (uint32_t i = 0; i < 3; i++)
        check_sample(&profile, i, ((const char *[]){"first", "second", "third"})[i], i);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_of_three),
        cmocka_unit_test(test_shared_location),
        cmocka_unit_test(test_all_and_none),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
