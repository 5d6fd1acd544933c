#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/error.h"
#include "lib/pprof/decode.h"
#include "lib/pprof/encode.h"
#include "lib/pprof/gzip.h"
#include "server/query/query.h"
#include "tests/unit/server/query/query_fixture.h"

enum { MEMORY_BYTES = 64 * 1024 * 1024 };

typedef struct {
    GBytes *bytes;
    Arena *arena;
    Profile profile;
} Decoded;

static Decoded
decode(GBytes *bytes)
{
    Decoded decoded = {.bytes = bytes, .arena = arena_new(MEMORY_BYTES)};
    gsize size;
    const uint8_t *data = g_bytes_get_data(bytes, &size);
    PprofInput input = {.data = data, .size = size, .arena = decoded.arena};
    g_autoptr(GError) error = NULL;
    if (pprof_decode(&input, &decoded.profile, &error) != PPROF_OK)
        fail_msg("%s", error->message);
    return decoded;
}

static void
decoded_clear(Decoded *decoded)
{
    g_bytes_unref(decoded->bytes);
    arena_free(decoded->arena);
}

static void
append_frame(GString *out, const Profile *p, uint32_t location)
{
    const ProfileLocation *from = &p->locations[location];
    for (uint32_t i = from->n_lines; i-- > 0;) {
        const ProfileLine *line = &p->lines[from->first_line + i];
        const ProfileFunction *function = &p->functions[line->function];
        const ProfileString *name = &p->strings[function->name];
        const ProfileString *file = &p->strings[function->filename];
        g_string_append_printf(out, "%.*s(%.*s:%d)%s", (int)name->length, name->data,
                               (int)file->length, file->data, (int)line->line, i > 0 ? "<" : ";");
    }
    if (from->n_lines == 0)
        g_string_append_printf(out, "0x%" G_GINT64_MODIFIER "x;", from->address);
}

/* Values of one sample type by stack, with files, lines and inlining, zeros left out. */
static GHashTable *
stacks_of(const Profile *p, uint32_t type)
{
    GHashTable *stacks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (uint32_t i = 0; i < p->n_samples; i++) {
        int64_t value = p->values[(size_t)i * p->n_sample_types + type];
        if (value == 0)
            continue;
        g_autoptr(GString) key = g_string_new(NULL);
        for (uint32_t j = p->samples[i].n_locations; j-- > 0;)
            append_frame(key, p, p->stack_locations[p->samples[i].first_location + j]);
        int64_t *sum = g_hash_table_lookup(stacks, key->str);
        if (sum == NULL) {
            sum = g_new0(int64_t, 1);
            g_hash_table_insert(stacks, g_strdup(key->str), sum);
        }
        *sum += value;
    }
    return stacks;
}

static void
assert_same_stacks(GHashTable *actual, GHashTable *expected)
{
    assert_int_equal(g_hash_table_size(actual), g_hash_table_size(expected));
    GHashTableIter iter;
    void *key, *value;
    g_hash_table_iter_init(&iter, expected);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const int64_t *found = g_hash_table_lookup(actual, key);
        if (found == NULL || *found != *(int64_t *)value)
            fail_msg("%s: %d instead of %d", (char *)key, found != NULL ? (int)*found : 0,
                     (int)*(int64_t *)value);
    }
}

static void
test_pprof(void **state)
{
    Fixture *fixture = *state;
    fixture_push_example(fixture);
    Query query = fixture_query(fixture);
    int64_t end_ms = query.end_ns / 1000000;
    query.end_ns = end_ms * 1000000 + 999999; /* as a request's milliseconds are meant */
    Decoded result = decode(query_pprof(&query, NULL));
    const Profile *p = &result.profile;
    assert_int_equal(p->n_sample_types, 1);
    assert_int_equal(p->default_sample_type, p->sample_types[0].type);
    assert_true(p->time_ns == end_ms * 1000000);
    assert_int_equal(p->duration_ns, 0);
    assert_int_equal(p->period, 100);
    g_autoptr(GHashTable) stacks = stacks_of(p, 0);
    assert_int_equal(g_hash_table_size(stacks), 5);
    const int64_t *sort =
        g_hash_table_lookup(stacks, "main(main.c:4);work(main.c:4);sort(main.c:4);");
    assert_int_equal(*sort, 32);
    const int64_t *inlined = g_hash_table_lookup(
        stacks, "main(main.c:4);work(main.c:4)<charge(main.c:6);sort(main.c:4);");
    assert_int_equal(*inlined, 100);

    /* The same bytes every time. */
    g_autoptr(GBytes) again = query_pprof(&query, NULL);
    assert_true(g_bytes_equal(again, result.bytes));
    decoded_clear(&result);

    query.profile_type = NULL;
    g_autoptr(GError) error = NULL;
    assert_null(query_pprof(&query, &error));
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
}

/* Pushes one sample of value 1 at one address, whose function is said to be in `file`. */
static void
push_function_in(const Fixture *fixture, const char *file, int64_t seconds)
{
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    pprof_builder_sample_type(builder, "cpu", "nanoseconds");
    pprof_builder_period(builder, "cpu", "nanoseconds", 100);
    pprof_builder_time(builder, BASE_NS + seconds * SECOND_NS, SECOND_NS);
    const PprofMapping mapping = {.start = 0x1000,
                                  .limit = 0x9000,
                                  .filename = pprof_builder_text(builder, "program"),
                                  .has_functions = true};
    uint32_t name = pprof_builder_text(builder, "assign");
    const PprofFunction function = {name, name, pprof_builder_text(builder, file), 0};
    const PprofLine line = {pprof_builder_function(builder, &function), 277};
    const PprofLocation location = {pprof_builder_mapping(builder, &mapping), 0x2000, &line, 1,
                                    false};
    uint32_t id = pprof_builder_location(builder, &location);
    const int64_t value = 1;
    const PprofSample sample = {&id, 1, &value, NULL, 0};
    pprof_builder_sample(builder, &sample);
    g_autoptr(GByteArray) bytes = pprof_builder_finish(builder);
    const Label labels[] = {{"__name__", "process_cpu"}, {"service_name", "shop"}};
    fixture_push_bytes(fixture, labels, G_N_ELEMENTS(labels), bytes->data, bytes->len);
}

/* Go names the file that it saw first, so that profiles of one program differ in it. */
static void
test_one_address_with_two_files_keeps_both(void **state)
{
    Fixture *fixture = *state;
    push_function_in(fixture, "faststr.go", 10);
    push_function_in(fixture, "table.go", 20);
    push_function_in(fixture, "table.go", 30);
    Query query = fixture_query(fixture);
    Decoded result = decode(query_pprof(&query, NULL));
    g_autoptr(GHashTable) stacks = stacks_of(&result.profile, 0);
    assert_int_equal(g_hash_table_size(stacks), 2);
    const int64_t *of_table = g_hash_table_lookup(stacks, "assign(table.go:277);");
    assert_non_null(of_table);
    assert_int_equal(*of_table, 2);
    decoded_clear(&result);
}

/* Pushes "main" and, below it, the address 0x77 without a function; neither says its mapping. */
static void
push_without_mappings(const Fixture *fixture)
{
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    pprof_builder_sample_type(builder, "cpu", "nanoseconds");
    pprof_builder_period(builder, "cpu", "nanoseconds", 100);
    pprof_builder_time(builder, BASE_NS + 15 * SECOND_NS, SECOND_NS);
    const PprofFunction function = {.name = pprof_builder_text(builder, "main")};
    const PprofLine line = {pprof_builder_function(builder, &function), 3};
    const PprofLocation root = {.lines = &line, .n_lines = 1}, leaf = {.address = 0x77};
    const uint32_t stack[] = {pprof_builder_location(builder, &leaf),
                              pprof_builder_location(builder, &root)};
    const int64_t value = 5;
    const PprofSample sample = {stack, G_N_ELEMENTS(stack), &value, NULL, 0};
    pprof_builder_sample(builder, &sample);
    g_autoptr(GByteArray) bytes = pprof_builder_finish(builder);
    const Label labels[] = {{"__name__", "process_cpu"}, {"service_name", "shop"}};
    fixture_push_bytes(fixture, labels, G_N_ELEMENTS(labels), bytes->data, bytes->len);
}

/* Readers look up the mapping of each location: what has none is in one of nothing. */
static void
test_every_location_has_a_mapping(void **state)
{
    Fixture *fixture = *state;
    push_without_mappings(fixture);
    Query query = fixture_query(fixture);
    Decoded alone = decode(query_pprof(&query, NULL));
    assert_int_equal(alone.profile.n_mappings, 1);
    assert_int_equal(alone.profile.mappings[0].id, 1);
    decoded_clear(&alone);

    push_function_in(fixture, "table.go", 10);
    Decoded result = decode(query_pprof(&query, NULL));
    const Profile *p = &result.profile;
    assert_int_equal(p->n_mappings, 2);
    assert_int_equal(p->n_locations, 3);
    for (uint32_t i = 0; i < p->n_locations; i++)
        assert_true(p->locations[i].mapping < p->n_mappings);
    g_autoptr(GHashTable) stacks = stacks_of(p, 0);
    assert_non_null(g_hash_table_lookup(stacks, "main(:3);0x77;"));
    assert_non_null(g_hash_table_lookup(stacks, "assign(table.go:277);"));
    decoded_clear(&result);
}

/* For profile-guided optimisation: the frames next to the leaf, whatever the line in it. */
static void
test_trimmed_for_pgo(void **state)
{
    Fixture *fixture = *state;
    fixture_push(fixture, "shop", "p1", 10, "main;work;sort=30 init;work;sort=5 main=1");
    Query query = fixture_query(fixture);
    query.keep_locations = 2;
    Decoded two = decode(query_pprof(&query, NULL));
    assert_int_equal(two.profile.n_samples, 2);
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(two.profile.samples[i].n_locations, two.profile.values[i] == 35 ? 2 : 1);
    assert_int_equal(two.profile.values[0] + two.profile.values[1], 36);
    assert_true(two.profile.lines[0].line > 0);
    decoded_clear(&two);
    query.aggregate_callees = true;
    Decoded flat = decode(query_pprof(&query, NULL));
    for (uint32_t i = 0; i < flat.profile.n_samples; i++) {
        const ProfileSample *sample = &flat.profile.samples[i];
        uint32_t leaf = flat.profile.stack_locations[sample->first_location];
        assert_int_equal(flat.profile.lines[flat.profile.locations[leaf].first_line].line, 0);
    }
    decoded_clear(&flat);
}

/* A real profile of a Go program comes back as it was, sample type by sample type. */
static void
test_real_go_profiles(void **state)
{
    Fixture *fixture = *state;
    static const struct {
        const char *file, *name, *types[4];
    } cases[] = {
        {"cpu",
         "process_cpu",
         {"process_cpu:samples:count:cpu:nanoseconds",
          "process_cpu:cpu:nanoseconds:cpu:nanoseconds"}},
        {"heap",
         "memory",
         {"memory:alloc_objects:count:space:bytes", "memory:alloc_space:bytes:space:bytes",
          "memory:inuse_objects:count:space:bytes", "memory:inuse_space:bytes:space:bytes"}},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path =
            g_strdup_printf(CRESSET_SOURCE_DIR "/tests/fixtures/go_pprof/%s.pb.gz", cases[i].file);
        g_autofree char *packed = NULL;
        gsize size = 0;
        assert_true(g_file_get_contents(path, &packed, &size, NULL));
        const Label labels[] = {{"__name__", cases[i].name}, {"service_name", "go"}};
        fixture_push_bytes(fixture, labels, 2, (uint8_t *)packed, size);
        Decoded original = decode(g_byte_array_free_to_bytes(
            gzip_decompress((uint8_t *)packed, size, MEMORY_BYTES, NULL)));
        for (uint32_t type = 0; type < original.profile.n_sample_types; type++) {
            Query query = {.store = fixture->store,
                           .tenant = "t",
                           .end_ns = INT64_MAX / 2,
                           .profile_type = cases[i].types[type]};
            Decoded result = decode(query_pprof(&query, NULL));
            g_autoptr(GHashTable) actual = stacks_of(&result.profile, 0);
            g_autoptr(GHashTable) expected = stacks_of(&original.profile, type);
            assert_true(g_hash_table_size(expected) > 0);
            assert_same_stacks(actual, expected);
            decoded_clear(&result);
        }
        decoded_clear(&original);
    }
}

static double
series_total(const Query *query)
{
    g_autoptr(GPtrArray) series =
        query_time_series(query, &(QueryTimeSeriesOptions){.step_ns = 1000 * SECOND_NS}, NULL);
    return series->len == 1 ? ((QueryTimeSeries *)series->pdata[0])->total : -1;
}

/* Every append seals the log: whatever stands in heads and blocks just then, the sums are right. */
static void
test_several_sources(void **state)
{
    Fixture *fixture = *state;
    fixture_close(fixture);
    fixture_open(fixture, 1);
    for (int i = 1; i <= 30; i++) {
        fixture_push(fixture, "shop", "p1", i, "main;work;sort=30 main;idle=5");
        Query query = fixture_query(fixture);
        query.end_ns = BASE_NS + 1000 * SECOND_NS;
        g_autoptr(Tree) tree = query_tree(&query, NULL);
        assert_int_equal(tree->n_nodes, 5);
        assert_int_equal(tree->total[0], 35 * i);
        assert_true(series_total(&query) == 35 * i);
        Decoded result = decode(query_pprof(&query, NULL));
        g_autoptr(GHashTable) stacks = stacks_of(&result.profile, 0);
        const int64_t *idle = g_hash_table_lookup(stacks, "main(main.c:4);idle(main.c:4);");
        assert_int_equal(*idle, 5 * i);
        assert_int_equal(result.profile.n_samples, 2);
        decoded_clear(&result);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pprof, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_one_address_with_two_files_keeps_both, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_every_location_has_a_mapping, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_trimmed_for_pgo, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_real_go_profiles, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_several_sources, fixture_set_up, fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
