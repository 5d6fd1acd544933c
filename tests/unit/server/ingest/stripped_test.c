/* What sampling leaves of a profile: nothing, or its totals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/pprof/encode.h"
#include "server/ingest/prepare.h"

static bool
read_groups(YamlTree *tree, const char *key, const YamlNode *value, void *data, GError **error)
{
    return usage_groups_read(tree, key, value, data, error);
}

/* Groups that keep no profile. */
static UsageGroups *
drop_all(void)
{
    static const char text[] = "distributor_sampling: {usage_groups: {other: {probability: 0}}}\n";
    UsageGroups *groups = usage_groups_new();
    g_autoptr(YamlTree) tree = yaml_tree_parse(text, strlen(text), "t", NULL);
    assert_true(yaml_each_pair(tree, yaml_tree_root(tree), "t", read_groups, groups, NULL));
    return groups;
}

/* Adds a sample of one frame with one string label. */
static void
add_sample(PprofBuilder *builder, const char *name, int64_t value, const char *key,
           const char *text)
{
    PprofFunction function = {.name = pprof_builder_text(builder, name)};
    PprofLine line = {pprof_builder_function(builder, &function), 1};
    PprofLocation location = {.lines = &line, .n_lines = 1};
    uint32_t id = pprof_builder_location(builder, &location);
    PprofLabel label = {.key = pprof_builder_text(builder, key),
                        .str = pprof_builder_text(builder, text)};
    PprofSample sample = {
        .locations = &id, .n_locations = 1, .values = &value, .labels = &label, .n_labels = 1};
    pprof_builder_sample(builder, &sample);
}

/* Two sets of labels, one of them with samples of a span. */
static GByteArray *
make_profile(void)
{
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    pprof_builder_sample_type(builder, "cpu", "nanoseconds");
    add_sample(builder, "a", 1, "span_id", "0011223344556677");
    add_sample(builder, "b", 2, "span_id", "0011223344556678");
    add_sample(builder, "c", 4, "thread", "io");
    return pprof_builder_finish(builder);
}

static IngestReason
prepare(const UsageGroups *groups, bool keep_stripped, Arena *arena, PreparedProfile *ret_prepared)
{
    static const Label labels[] = {
        {"__name__", "process_cpu"}, {"service_name", "shop"}, {LABEL_SAMPLED, "false"}};
    TenantLimits limits;
    tenant_limits_init(&limits);
    limits.keep_stripped = keep_stripped;
    g_autoptr(GByteArray) raw = make_profile();
    PrepareContext context = {.limits = &limits,
                              .usage_groups = groups,
                              .now_ns = 1,
                              .arena = arena,
                              .body_left = raw->len};
    IngestProfile profile = {labels, G_N_ELEMENTS(labels), raw->data, raw->len, NULL, NULL};
    return prepare_profile(&context, &profile, ret_prepared, NULL);
}

static void
test_what_is_kept_says_nothing(void **state)
{
    PreparedProfile prepared;
    assert_int_equal(prepare(NULL, true, *state, &prepared), REASON_NONE);
    assert_false(prepared.is_stripped);
    assert_int_equal(prepared.n_rows, 2);
    /* The client cannot say it either. */
    assert_null(labels_get(prepared.rows[0].labels, LABEL_SAMPLED));
    prepared_profile_clear(&prepared);
}

static void
test_nothing_is_left(void **state)
{
    g_autoptr(UsageGroups) groups = drop_all();
    PreparedProfile prepared;
    assert_int_equal(prepare(groups, false, *state, &prepared), REASON_SAMPLED);
    assert_int_equal(prepared.n_rows, 0);
    prepared_profile_clear(&prepared);
}

static void
test_totals_are_left(void **state)
{
    g_autoptr(UsageGroups) groups = drop_all();
    PreparedProfile prepared;
    assert_int_equal(prepare(groups, true, *state, &prepared), REASON_NONE);
    assert_true(prepared.is_stripped);
    assert_int_equal(prepared.n_rows, 2);
    for (size_t i = 0; i < prepared.n_rows; i++) {
        const StoreRow *row = &prepared.rows[i];
        int64_t total = 0;
        assert_string_equal(labels_get(row->labels, LABEL_SAMPLED), "true");
        assert_null(row->spans);
        for (uint32_t k = 0; k < row->n_samples; k++) {
            assert_int_equal(row->profile->samples[row->samples[k]].n_locations, 0);
            total += row->values[k];
        }
        assert_int_equal(total, labels_get(row->labels, "thread") != NULL ? 4 : 3);
    }
    prepared_profile_clear(&prepared);
}

static int
set_up(void **state)
{
    TenantLimits limits;
    tenant_limits_init(&limits);
    *state = arena_new(prepare_memory_max(&limits));
    return 0;
}

static int
tear_down(void **state)
{
    arena_free(*state);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_kept_says_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_totals_are_left, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
