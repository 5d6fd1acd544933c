#include "server/ingest/prepare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/error.h"
#include "lib/pprof/encode.h"
#include "lib/pprof/gzip.h"

static const int64_t NOW_NS = INT64_C(1800000000) * 1000000000;
static const int64_t HOUR_NS = INT64_C(3600) * 1000000000;

static TenantLimits
make_limits(void)
{
    return (TenantLimits){.profile_bytes_max = 1024 * 1024,
                          .samples_max = 100,
                          .sample_labels_max = 4,
                          .stack_depth_max = 5,
                          .symbol_length_max = 20,
                          .label_names_max = 6,
                          .label_name_length_max = 20,
                          .label_value_length_max = 2048,
                          .sanitization_disabled = true,
                          .body_limit_mb = 2,
                          .reject_older_ns = HOUR_NS,
                          .reject_newer_ns = HOUR_NS / 6};
}

static const Label LABELS[] = {{"__name__", "process_cpu"}, {"service_name", "shop"}};

typedef struct {
    TenantLimits limits;
    PrepareContext context;
    PprofBuilder *builder;
    PreparedProfile prepared;
    GError *error;
} Fixture;

static int
set_up(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    fixture->limits = make_limits();
    fixture->context = (PrepareContext){.limits = &fixture->limits,
                                        .now_ns = NOW_NS,
                                        .arena = arena_new(prepare_memory_max(&fixture->limits)),
                                        .body_left = (uint64_t)fixture->limits.body_limit_mb << 20};
    fixture->builder = pprof_builder_new();
    *state = fixture;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *fixture = *state;
    prepared_profile_clear(&fixture->prepared);
    arena_free(fixture->context.arena);
    pprof_builder_free(fixture->builder);
    g_clear_error(&fixture->error);
    g_free(fixture);
    return 0;
}

/* Adds a sample of one frame per name, the leaf first, with up to two string labels "k=v". */
static void
add_sample(PprofBuilder *builder, const char *stack, const int64_t *values, const char *label)
{
    g_auto(GStrv) names = g_strsplit(stack, ";", -1);
    uint32_t ids[64], n = 0;
    for (; names[n] != NULL; n++) {
        PprofFunction function = {.name = pprof_builder_text(builder, names[n])};
        PprofLine line = {pprof_builder_function(builder, &function), 1};
        PprofLocation location = {.lines = &line, .n_lines = 1};
        ids[n] = pprof_builder_location(builder, &location);
    }
    PprofLabel labels[2] = {{.key = pprof_builder_text(builder, "bytes"), .num = 64}};
    PprofSample sample = {
        .locations = ids, .n_locations = n, .values = values, .labels = labels, .n_labels = 1};
    if (label != NULL) {
        g_auto(GStrv) pair = g_strsplit(label, "=", 2);
        labels[1] = (PprofLabel){.key = pprof_builder_text(builder, pair[0]),
                                 .str = pprof_builder_text(builder, pair[1])};
        sample.n_labels = 2;
    }
    pprof_builder_sample(builder, &sample);
}

static IngestReason
prepare(Fixture *fixture, const Label *labels, size_t n)
{
    g_autoptr(GByteArray) raw = pprof_builder_finish(fixture->builder);
    /* Compressed, so that the prepared profile keeps the bytes. */
    g_autoptr(GByteArray) packed = gzip_compress(raw->data, raw->len, 1);
    IngestProfile profile = {
        .labels = labels, .n_labels = n, .profile = packed->data, .profile_size = packed->len};
    prepared_profile_clear(&fixture->prepared);
    g_clear_error(&fixture->error);
    return prepare_profile(&fixture->context, &profile, &fixture->prepared, &fixture->error);
}

static char *
print_labels(const Labels *labels)
{
    GString *out = g_string_new(NULL);
    for (uint32_t i = 0; i < labels->n_labels; i++)
        g_string_append_printf(out, "%s=%s\n", labels->labels[i].name, labels->labels[i].value);
    return g_string_free(out, FALSE);
}

static void
assert_labels(const StoreRow *row, const char *expected)
{
    g_autofree char *text = print_labels(row->labels);
    assert_string_equal(text, expected);
}

static void
start_cpu(PprofBuilder *builder)
{
    pprof_builder_sample_type(builder, "samples", "count");
    pprof_builder_sample_type(builder, "cpu", "nanoseconds");
    pprof_builder_period(builder, "cpu", "nanoseconds", 10000000);
    pprof_builder_time(builder, NOW_NS - 5, 15);
}

static void
test_one_row_per_sample_type(void **state)
{
    Fixture *fixture = *state;
    start_cpu(fixture->builder);
    add_sample(fixture->builder, "a;b", (int64_t[]){3, 30}, NULL);
    add_sample(fixture->builder, "c;b", (int64_t[]){0, 7}, NULL);
    assert_int_equal(prepare(fixture, LABELS, 2), REASON_NONE);
    assert_int_equal(fixture->prepared.n_rows, 2);
    const StoreRow *rows = fixture->prepared.rows;
    assert_labels(&rows[0], "__name__=process_cpu\n__period_type__=cpu\n"
                            "__period_unit__=nanoseconds\n"
                            "__profile_type__=process_cpu:samples:count:cpu:nanoseconds\n"
                            "__service_name__=shop\n__type__=samples\n__unit__=count\n"
                            "service_name=shop\n");
    assert_string_equal(labels_get(rows[1].labels, "__profile_type__"),
                        "process_cpu:cpu:nanoseconds:cpu:nanoseconds");
    assert_int_equal(rows[0].n_samples, 1); /* the zero is left out */
    assert_int_equal(rows[0].values[0], 3);
    assert_int_equal(rows[1].n_samples, 2);
    assert_int_equal(rows[1].values[0] + rows[1].values[1], 37);
    assert_true(rows[0].time_ns == NOW_NS - 5);
    assert_int_equal(rows[0].duration_ns, 15);
    assert_int_equal(rows[0].period, 10000000);
    assert_int_equal(fixture->prepared.n_samples, 3);
}

static void
test_samples_that_do_not_count(void **state)
{
    Fixture *fixture = *state;
    start_cpu(fixture->builder);
    add_sample(fixture->builder, "a", (int64_t[]){0, 0}, NULL);
    add_sample(fixture->builder, "b", (int64_t[]){-1, 50}, NULL);
    assert_int_equal(prepare(fixture, LABELS, 2), REASON_NONE);
    assert_int_equal(fixture->prepared.n_rows, 0);
}

static void
test_string_labels_become_series(void **state)
{
    Fixture *fixture = *state;
    start_cpu(fixture->builder);
    add_sample(fixture->builder, "a", (int64_t[]){1, 10}, "thread=main");
    add_sample(fixture->builder, "b", (int64_t[]){2, 20}, "thread=io");
    add_sample(fixture->builder, "c", (int64_t[]){4, 40}, "thread=main");
    add_sample(fixture->builder, "d", (int64_t[]){8, 80}, "service_name=evil");
    add_sample(fixture->builder, "e", (int64_t[]){16, 160}, "__type__=evil");
    add_sample(fixture->builder, "f", (int64_t[]){32, 320}, "span_id=0011223344556677");
    add_sample(fixture->builder, "g", (int64_t[]){64, 640}, "profile_id=0011223344556677");
    add_sample(fixture->builder, "h", (int64_t[]){128, 1280}, "trace_id=00");
    assert_int_equal(prepare(fixture, LABELS, 2), REASON_NONE);
    assert_int_equal(fixture->prepared.n_rows, 6);
    int64_t sums[3] = {0};
    for (size_t i = 0; i < 6; i++) {
        const StoreRow *row = &fixture->prepared.rows[i];
        assert_string_equal(labels_get(row->labels, "service_name"), "shop");
        assert_null(labels_get(row->labels, "span_id"));
        const char *thread = labels_get(row->labels, "thread");
        size_t at = thread == NULL ? 0 : strcmp(thread, "main") == 0 ? 1 : 2;
        for (uint32_t j = 0; j < row->n_samples; j++)
            sums[at] += row->values[j];
    }
    assert_int_equal(sums[0], (8 + 16 + 32 + 64 + 128) * 11);
    assert_int_equal(sums[1], 5 * 11);
    assert_int_equal(sums[2], 2 * 11);
}

static void
test_spans_stay_with_their_samples(void **state)
{
    Fixture *fixture = *state;
    fixture->limits.symbol_length_max = 64;
    pprof_builder_sample_type(fixture->builder, "samples", "count");
    pprof_builder_sample_type(fixture->builder, "cpu", "nanoseconds");
    add_sample(fixture->builder, "a", (int64_t[]){1, 10}, "span_id=0011223344556677");
    add_sample(fixture->builder, "b", (int64_t[]){0, 20}, NULL);
    add_sample(fixture->builder, "c", (int64_t[]){4, 40},
               "trace_id=8899aabbccddeeff0123456789ABCDEF");
    add_sample(fixture->builder, "d", (int64_t[]){8, 80}, "span_id=001122334455667x");
    add_sample(fixture->builder, "e", (int64_t[]){16, 160}, "profile_id=ff");
    assert_int_equal(prepare(fixture, LABELS, 2), REASON_NONE);
    assert_int_equal(fixture->prepared.n_rows, 2);
    const StoreRow *counts = &fixture->prepared.rows[0], *times = &fixture->prepared.rows[1];
    assert_int_equal(counts->n_samples, 4);
    assert_true(counts->spans[0].span == UINT64_C(0x0011223344556677));
    assert_true(counts->spans[1].trace_high == UINT64_C(0x8899aabbccddeeff));
    assert_true(counts->spans[1].trace_low == UINT64_C(0x0123456789abcdef));
    assert_true(counts->spans[2].span == 0 && counts->spans[3].span == 0);
    assert_true(times->spans[0].span == counts->spans[0].span && times->spans[1].span == 0);
    assert_true(times->spans[2].trace_low == counts->spans[1].trace_low);
}

static void
test_names_are_rewritten(void **state)
{
    Fixture *fixture = *state;
    static const Label DELTA[] = {{"__name__", "godeltaprof_memory"},
                                  {"__delta__", "false"},
                                  {"__session_id__", "a"},
                                  {"region", ""},
                                  {"__type__", "mine"}};
    pprof_builder_sample_type(fixture->builder, "inuse_space", "bytes");
    add_sample(fixture->builder, "a", (int64_t[]){1}, NULL);
    assert_int_equal(prepare(fixture, DELTA, G_N_ELEMENTS(DELTA)), REASON_NONE);
    assert_labels(&fixture->prepared.rows[0],
                  "__name__=memory\n__name_replaced__=godeltaprof_memory\n"
                  "__profile_type__=memory:inuse_space:bytes::\n__service_name__=unknown_service\n"
                  "__type__=inuse_space\n__unit__=bytes\nservice_name=unknown_service\n");
    assert_true(fixture->prepared.rows[0].time_ns == NOW_NS); /* without a time it is now */

    static const Label WALL[] = {{"__name__", "wall"}, {"service_name", "x"}};
    pprof_builder_sample_type(fixture->builder, "cpu", "nanoseconds");
    pprof_builder_sample_type(fixture->builder, "wall", "nanoseconds");
    add_sample(fixture->builder, "a", (int64_t[]){1, 2}, NULL);
    assert_int_equal(prepare(fixture, WALL, 2), REASON_NONE);
    const StoreRow *rows = fixture->prepared.rows;
    assert_string_equal(labels_get(rows[0].labels, "__profile_type__"),
                        "process_cpu:cpu:nanoseconds::");
    assert_string_equal(labels_get(rows[0].labels, "__name__"), "process_cpu");
    assert_string_equal(labels_get(rows[0].labels, "__name_replaced__"), "wall");
    assert_string_equal(labels_get(rows[1].labels, "__profile_type__"), "wall:wall:nanoseconds::");
}

static void
test_sessions_are_told_apart_as_the_tenant_says(void **state)
{
    Fixture *fixture = *state;
    static const struct {
        int64_t max;
        const char *session, *kept; /* NULL: dropped */
    } cases[] = {
        {0, "0f00000000000000", NULL},
        {4, "0f00000000000000", "0300000000000000"}, /* 15 mod 4 */
        {300, "2c01000000000001", "8800000000000000"},
        {4, "0f", NULL},
        {4, "xf00000000000000", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        pprof_builder_sample_type(fixture->builder, "cpu", "nanoseconds");
        add_sample(fixture->builder, "a", (int64_t[]){1}, NULL);
        const Label labels[] = {{"__name__", "process_cpu"}, {"__session_id__", cases[i].session}};
        fixture->limits.sessions_max = cases[i].max;
        assert_int_equal(prepare(fixture, labels, G_N_ELEMENTS(labels)), REASON_NONE);
        const char *kept = labels_get(fixture->prepared.rows[0].labels, "__session_id__");
        if (g_strcmp0(kept, cases[i].kept) != 0)
            fail_msg("%s mod %d is %s", cases[i].session, (int)cases[i].max, kept);
    }
}

static void
test_deep_stacks_and_long_names_are_cut(void **state)
{
    Fixture *fixture = *state;
    pprof_builder_sample_type(fixture->builder, "cpu", "nanoseconds");
    add_sample(fixture->builder, "leaf;b;c;d;e;f;root", (int64_t[]){1}, NULL);
    add_sample(fixture->builder, "a-name-of-more-than-twenty-bytes", (int64_t[]){2}, NULL);
    add_sample(fixture->builder,
               "x\xc3\xa4"
               "0123456789012345678",
               (int64_t[]){4}, NULL);
    assert_int_equal(prepare(fixture, LABELS, 2), REASON_NONE);
    const Profile *profile = &fixture->prepared.profile;
    const ProfileSample *deep = &profile->samples[0];
    assert_int_equal(deep->n_locations, 5);
    uint32_t first = profile->stack_locations[deep->first_location];
    uint32_t function = profile->lines[profile->locations[first].first_line].function;
    assert_memory_equal(profile->strings[profile->functions[function].name].data, "c", 1);
    for (uint32_t i = 0; i < profile->n_strings; i++) {
        assert_true(profile->strings[i].length <= 20);
        if (profile->strings[i].length > 18)
            assert_true(memcmp(profile->strings[i].data, "0123456789012345678", 19) == 0 ||
                        memcmp(profile->strings[i].data, "ore-than-twenty-bytes" + 1, 20) == 0);
    }
}

static void
test_window(void **state)
{
    Fixture *fixture = *state;
    static const struct {
        int64_t offset_ns;
        IngestReason reason;
        const char *text;
    } cases[] = {
        {-HOUR_NS, REASON_NONE, NULL},
        {-HOUR_NS - 1, REASON_WINDOW, "reject_older_than"},
        {HOUR_NS / 6, REASON_NONE, NULL},
        {HOUR_NS / 6 + 1, REASON_WINDOW, "reject_newer_than"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        pprof_builder_sample_type(fixture->builder, "cpu", "nanoseconds");
        pprof_builder_time(fixture->builder, NOW_NS + cases[i].offset_ns, 1);
        add_sample(fixture->builder, "a", (int64_t[]){1}, NULL);
        assert_int_equal(prepare(fixture, LABELS, 2), cases[i].reason);
        if (cases[i].text != NULL) {
            assert_non_null(strstr(fixture->error->message, cases[i].text));
            assert_non_null(strstr(fixture->error->message, "outside of ingestion window"));
        }
    }
}

static void
test_labels_that_are_refused(void **state)
{
    Fixture *fixture = *state;
    static const struct {
        Label labels[8];
        size_t n;
        IngestReason reason;
        const char *text;
    } cases[] = {
        {{{0}}, 0, REASON_MISSING_LABELS, "at least one label pair"},
        {{{"a", "b"}}, 1, REASON_INVALID_LABELS, "__name__ is missing"},
        {{{"__name__", ""}}, 1, REASON_INVALID_LABELS, "__name__ is missing"},
        {{{"__name__", "x"}, {"", "b"}}, 2, REASON_INVALID_LABELS, "without a name"},
        {{{"__name__", "x"}, {"a\xff", "b"}}, 2, REASON_INVALID_LABELS, "not valid UTF-8"},
        {{{"__name__", "x"}, {"a", "\xff"}}, 2, REASON_INVALID_LABELS, "not valid UTF-8"},
        {{{"__name__", "x"}, {"a", "b"}, {"a", "c"}},
         3,
         REASON_DUPLICATE_LABELS,
         "has duplicate label name: 'a'"},
        {{{"__name__", "x"},
          {"a", "1"},
          {"b", "2"},
          {"c", "3"},
          {"d", "4"},
          {"e", "5"},
          {"f", "6"}},
         7,
         REASON_LABEL_NAMES,
         "has 7 label names; limit 6 (max_label_names_per_series)"},
        {{{"__name__", "x"}, {"a123456789012345678901", "b"}},
         2,
         REASON_LABEL_NAME_TOO_LONG,
         "the limit is 20 (max_label_name_length): 'a12345"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        start_cpu(fixture->builder);
        assert_int_equal(prepare(fixture, cases[i].labels, cases[i].n), cases[i].reason);
        assert_true(g_error_matches(fixture->error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
        if (strstr(fixture->error->message, cases[i].text) == NULL)
            fail_msg("'%s' is not in '%s'", cases[i].text, fixture->error->message);
    }
    g_autofree char *value = g_strnfill(2049, 'v');
    const Label labels[] = {{"__name__", "x"}, {"a", value}};
    assert_int_equal(prepare(fixture, labels, 2), REASON_LABEL_VALUE_TOO_LONG);
    assert_non_null(strstr(fixture->error->message, "max_label_value_length), label: 'a'"));
    fixture->limits.label_names_max = 2;
    start_cpu(fixture->builder);
    add_sample(fixture->builder, "a", (int64_t[]){1, 1}, "thread=x");
    assert_int_equal(prepare(fixture, LABELS, 2), REASON_LABEL_NAMES);
}

static void
test_sizes_that_are_refused(void **state)
{
    Fixture *fixture = *state;
    fixture->limits.profile_bytes_max = 60;
    start_cpu(fixture->builder);
    assert_int_equal(prepare(fixture, LABELS, 2), REASON_PROFILE_SIZE);
    assert_non_null(strstr(fixture->error->message, "limit of 60 bytes (max_profile_size_bytes)"));
    fixture->limits = make_limits();

    fixture->context.body_left = 60;
    start_cpu(fixture->builder);
    assert_int_equal(prepare(fixture, LABELS, 2), REASON_BODY_SIZE);
    assert_non_null(strstr(fixture->error->message, "(ingestion_body_limit_mb)"));
    fixture->context.body_left = 100000;

    fixture->limits.samples_max = 1;
    start_cpu(fixture->builder);
    add_sample(fixture->builder, "a", (int64_t[]){1, 1}, NULL);
    add_sample(fixture->builder, "b", (int64_t[]){1, 1}, NULL);
    assert_int_equal(prepare(fixture, LABELS, 2), REASON_SAMPLES);
    assert_non_null(strstr(fixture->error->message, "max_profile_stacktrace_samples"));
    fixture->limits = make_limits();

    fixture->limits.sample_labels_max = 1;
    start_cpu(fixture->builder);
    add_sample(fixture->builder, "a", (int64_t[]){1, 1}, "k=v");
    assert_int_equal(prepare(fixture, LABELS, 2), REASON_SAMPLE_LABELS);
    fixture->limits = make_limits();

    assert_int_equal(prepare(fixture, LABELS, 2), REASON_MALFORMED); /* no sample type */
    IngestProfile cut = {.labels = LABELS,
                         .n_labels = 2,
                         .profile = (const uint8_t *)"\x1f\x8b\x08\x00garbage that is not gzip",
                         .profile_size = 26};
    g_clear_error(&fixture->error);
    assert_int_equal(prepare_profile(&fixture->context, &cut, &fixture->prepared, &fixture->error),
                     REASON_MALFORMED);
    assert_non_null(strstr(fixture->error->message, "gzip data is damaged"));
}

static void
assert_build_id(const Fixture *fixture, const char *expected)
{
    const Profile *profile = &fixture->prepared.profile;
    const ProfileString *text = &profile->strings[profile->mappings[0].build_id];
    g_autofree char *build_id = g_strndup(text->data, text->length);
    assert_string_equal(build_id, expected);
}

/* Another profile, of a binary whose build id is 4f2a. */
static void
add_sample_with_mapping(Fixture *fixture)
{
    start_cpu(fixture->builder);
    add_sample(fixture->builder, "a;b", (int64_t[]){3, 30}, NULL);
    const PprofMapping mapping = {
        .start = 0x1000, .limit = 0x2000, .build_id = pprof_builder_text(fixture->builder, "4f2a")};
    pprof_builder_mapping(fixture->builder, &mapping);
}

static void
test_labels_of_the_source_go_into_the_build_id(void **state)
{
    Fixture *fixture = *state;
    const Label labels[] = {LABELS[0],
                            LABELS[1],
                            {"service_repository", "https://host/shop"},
                            {"service_git_ref", "v1"}};
    start_cpu(fixture->builder);
    add_sample(fixture->builder, "a;b", (int64_t[]){3, 30}, NULL);
    assert_int_equal(prepare(fixture, labels, G_N_ELEMENTS(labels)), REASON_NONE);
    assert_build_id(fixture, "{\"repository\":\"https://host/shop\",\"git_ref\":\"v1\"}");
    assert_int_equal(fixture->prepared.profile.locations[1].mapping, 0);

    add_sample_with_mapping(fixture);
    assert_int_equal(prepare(fixture, labels, G_N_ELEMENTS(labels)), REASON_NONE);
    assert_build_id(fixture, "{\"repository\":\"https://host/shop\",\"git_ref\":\"v1\","
                             "\"build_id\":\"4f2a\"}");
    add_sample_with_mapping(fixture);
    assert_int_equal(prepare(fixture, LABELS, 2), REASON_NONE);
    assert_build_id(fixture, "4f2a");
}

/* 300 label values times 300 sample types. */
static void
test_too_many_series(void **state)
{
    Fixture *fixture = *state;
    fixture->limits.samples_max = 1000;
    int64_t values[300];
    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autofree char *type = g_strdup_printf("type%zu", i);
        pprof_builder_sample_type(fixture->builder, type, "count");
        values[i] = 1;
    }
    for (int i = 0; i < 300; i++) {
        g_autofree char *label = g_strdup_printf("request=%d", i);
        add_sample(fixture->builder, "a", values, label);
    }
    assert_int_equal(prepare(fixture, LABELS, 2), REASON_SERIES);
    assert_non_null(strstr(fixture->error->message, "into 90000 series; at most 65536"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_row_per_sample_type, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_samples_that_do_not_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_string_labels_become_series, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_spans_stay_with_their_samples, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_are_rewritten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sessions_are_told_apart_as_the_tenant_says, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_deep_stacks_and_long_names_are_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_window, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_labels_that_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sizes_that_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_labels_of_the_source_go_into_the_build_id, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_too_many_series, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
