#include "server/ingest/row_labels.h"

#include "lib/base/error.h"
#include "server/ingest/series_labels.h"
#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

static TempDir *dir;
static char *path;
static TenantLimits limits;

/* What the overrides of a tenant say, below "overrides: {a: {…}}". */
static void
read_relabel(const char *text, TenantRelabel *ret_relabel)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *yaml = g_strdup_printf("overrides: {a: {%s}}\n", text);
    assert_true(g_file_set_contents(path, yaml, -1, NULL));
    g_autoptr(TenantOverrides) overrides = tenant_overrides_new(path, &limits, NULL, NULL, &error);
    if (overrides == NULL)
        fail_msg("%s", error->message);
    tenant_overrides_get_relabel(overrides, "a", ret_relabel);
    g_auto(TenantRelabel) other = {0};
    tenant_overrides_get_relabel(overrides, "b", &other);
    assert_null(other.series);
    assert_null(other.sample_types);
}

/* Labels as "name=value name=value". */
static GArray *
make_labels(char **texts)
{
    GArray *labels = g_array_new(FALSE, FALSE, sizeof(Label));
    for (size_t i = 0; texts[i] != NULL; i++) {
        char *value = strchr(texts[i], '=');
        *value = '\0';
        Label label = {texts[i], value + 1};
        g_array_append_val(labels, label);
    }
    return labels;
}

static IngestReason
make(const char *overrides, const char *text, const RowType *type, Labels **ret_labels,
     GError **error)
{
    g_auto(TenantRelabel) relabel = {0};
    g_auto(GStrv) texts = g_strsplit(text, " ", -1);
    g_autoptr(GArray) labels = make_labels(texts);
    read_relabel(overrides, &relabel);
    g_autoptr(Arena) arena = arena_new(65536);
    PrepareContext context = {.limits = &limits, .relabel = &relabel, .arena = arena};
    return row_labels_make(&context, labels, type, ret_labels, error);
}

static const RowType CPU = {"cpu", "nanoseconds", "cpu", "nanoseconds", false};

/* `expected` lists the labels that differ from `text` by rules: "name=value …", without the types
 * and the service. NULL: dropped. */
static void
expect_labels(const char *overrides, const char *text, const char *id, const char *expected)
{
    g_autoptr(GError) error = NULL;
    Labels *labels = NULL;
    IngestReason reason = make(overrides, text, &CPU, &labels, &error);
    if (error != NULL)
        fail_msg("%s", error->message);
    assert_int_equal(reason, id != NULL ? REASON_NONE : REASON_RELABEL);
    if (id == NULL)
        return;
    g_autoptr(GString) got = g_string_new(NULL);
    for (uint32_t i = 0; i < labels->n_labels; i++) {
        const Label *label = &labels->labels[i];
        bool is_shown =
            !series_labels_is_own(label->name) || strcmp(label->name, "__name_replaced__") == 0;
        if (is_shown)
            g_string_append_printf(got, "%s%s=%s", got->len > 0 ? " " : "", label->name,
                                   label->value);
    }
    assert_string_equal(labels_get(labels, "__profile_type__"), id);
    assert_string_equal(labels_get(labels, "__service_name__"), labels_get(labels, "service_name"));
    assert_string_equal(got->str, expected);
    labels_unref(labels);
}

#define ID(name) name ":cpu:nanoseconds:cpu:nanoseconds"

static void
test_default_rules(void **state)
{
    (void)state;
    static const char WALL[] = "__name__=wall service_name=s";
    static const char REPLACED[] = "__name__=process_cpu __name_replaced__=wall service_name=s";
    expect_labels("", WALL, ID("process_cpu"), REPLACED);
    expect_labels("ingestion_relabeling_default_rules_position: last", WALL, ID("process_cpu"),
                  REPLACED);
    expect_labels("ingestion_relabeling_default_rules_position: disabled", WALL, ID("wall"), WALL);
    expect_labels("", "__name__=godeltaprof_memory service_name=s", ID("memory"),
                  "__name__=memory __name_replaced__=godeltaprof_memory service_name=s");
    expect_labels("", "__name__=godeltaprof_ service_name=s", ID("godeltaprof_"),
                  "__name__=godeltaprof_ service_name=s");
    expect_labels("", "__name__=godeltaprof_wall service_name=s", ID("process_cpu"),
                  "__name__=process_cpu __name_replaced__=godeltaprof_wall service_name=s");
}

/* Whether the rules of the tenant see what the default rules made. */
static void
test_default_rules_stand_where_the_tenant_says(void **state)
{
    (void)state;
    static const char WALL[] = "__name__=wall service_name=s";
    static const char RULE[] = "ingestion_relabeling_rules: [{action: drop, source_labels: "
                               "[__name__], regex: wall}]";
    expect_labels(RULE, WALL, ID("process_cpu"),
                  "__name__=process_cpu __name_replaced__=wall service_name=s");
    g_autofree char *last =
        g_strdup_printf("%s, ingestion_relabeling_default_rules_position: last", RULE);
    expect_labels(last, WALL, NULL, NULL);
}

static void
test_series_are_relabelled(void **state)
{
    (void)state;
    static const char POD[] = "__name__=process_cpu namespace=dev pod=p-1 service_name=s";
    expect_labels("ingestion_relabeling_rules: [{action: drop, source_labels: [namespace], regex: "
                  "dev}]",
                  POD, NULL, NULL);
    expect_labels("ingestion_relabeling_rules: [{action: drop, source_labels: [__type__, "
                  "__period_unit__], regex: 'cpu;nanoseconds'}]",
                  POD, NULL, NULL);
    expect_labels("ingestion_relabeling_rules: [{action: labeldrop, regex: pod}, {source_labels: "
                  "[namespace, service_name], separator: /, target_label: service_name}]",
                  POD, ID("process_cpu"), "__name__=process_cpu namespace=dev service_name=dev/s");
    /* The profile type follows the name and the types. */
    expect_labels("ingestion_relabeling_rules: [{target_label: __name__, replacement: x}, "
                  "{target_label: __profile_type__, replacement: y}, {target_label: __delta__, "
                  "replacement: 'false'}, {target_label: service_name, replacement: ''}]",
                  POD, ID("x"), "__name__=x namespace=dev pod=p-1 service_name=unknown_service");
    expect_labels("ingestion_relabeling_rules: [{target_label: __type__, replacement: time}]", POD,
                  "process_cpu:time:nanoseconds:cpu:nanoseconds", POD);
}

static void
test_sample_types_are_relabelled(void **state)
{
    (void)state;
    static const char SERVICE[] = "__name__=process_cpu service_name=s";
    expect_labels("sample_type_relabeling_rules: [{action: keep, source_labels: [service_name, "
                  "__type__], regex: 's;cpu'}]",
                  SERVICE, ID("process_cpu"), SERVICE);
    expect_labels("sample_type_relabeling_rules: [{action: keep, source_labels: [__type__], regex: "
                  "samples}]",
                  SERVICE, NULL, NULL);
    /* Of what they change only the type and its unit count. */
    expect_labels("sample_type_relabeling_rules: [{target_label: __unit__, replacement: ns}, "
                  "{target_label: service_name, replacement: other}]",
                  SERVICE, "process_cpu:cpu:ns:cpu:nanoseconds", SERVICE);
}

static void
expect_refused(const char *overrides, const char *says)
{
    g_autoptr(GError) error = NULL;
    Labels *labels = NULL;
    IngestReason reason =
        make(overrides, "__name__=process_cpu service_name=s", &CPU, &labels, &error);
    assert_true(reason != REASON_NONE && reason != REASON_RELABEL);
    assert_null(labels);
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
    assert_error_says(error, says);
}

static void
test_what_rules_make_is_checked(void **state)
{
    (void)state;
    expect_refused("ingestion_relabeling_rules: [{target_label: __name__, replacement: ''}]",
                   "ingestion_relabeling_rules leave the series without a __name__");
    expect_refused("ingestion_relabeling_rules: [{target_label: a, replacement: "
                   "'0123456789012345678901234567890'}]",
                   "max_label_value_length");
    expect_refused("ingestion_relabeling_rules: [{target_label: a, replacement: x}, {action: "
                   "labelmap, regex: '.*', replacement: 'b${0}b${0}b${0}'}]",
                   "max_label_name");
    g_autofree char *value = g_strnfill(100, 'a');
    g_autofree char *slow = g_strdup_printf(
        "sample_type_relabeling_rules: [{target_label: a, replacement: %s}, {source_labels: [a], "
        "regex: '(a|aa)+b|(.*)*(.*)*[x]', target_label: b}]",
        value);
    expect_refused(slow, "sample_type_relabeling_rules: relabel rule 2: regular expression");
}

/* Rules see the names that are stored, and make such. */
static void
test_names_that_rules_make_are_rewritten(void **state)
{
    (void)state;
    static const char RULE[] = "ingestion_relabeling_rules: [{target_label: %s, replacement: x}]";
    limits.sanitization_disabled = false;
    g_autofree char *dotted = g_strdup_printf(RULE, "a.b");
    expect_labels(dotted, "__name__=process_cpu service_name=s", ID("process_cpu"),
                  "__name__=process_cpu a_b=x service_name=s");
    g_autofree char *own = g_strdup_printf(RULE, "__service.name__");
    expect_labels(own, "__name__=process_cpu service_name=s", ID("process_cpu"),
                  "__name__=process_cpu service_name=s");
    expect_refused(
        "ingestion_relabeling_rules: [{target_label: a.b, replacement: x}, {target_label: "
        "a_b, replacement: y}]",
        "has a duplicate label name once dots are '_'");
    limits.sanitization_disabled = true;
    expect_labels(dotted, "__name__=process_cpu service_name=s", ID("process_cpu"),
                  "__name__=process_cpu a.b=x service_name=s");
}

static int
setup(void **state)
{
    (void)state;
    dir = temp_dir_new();
    path = temp_dir_file(dir, "overrides.yaml");
    tenant_limits_init(&limits);
    limits.label_value_length_max = 30;
    limits.label_name_length_max = 30;
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    g_free(path);
    temp_dir_free(dir);
    return 0;
}

static void
test_what_is_stripped_says_so_whatever_the_rules(void **state)
{
    (void)state;
    const RowType type = {"cpu", "nanoseconds", "cpu", "nanoseconds", true};
    static const char *const rules[] = {
        "", "ingestion_relabeling_rules: [{action: labeldrop, regex: __sampled__}]"};
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
        g_autoptr(Labels) labels = NULL;
        assert_int_equal(
            make(rules[i], "__name__=process_cpu service_name=shop", &type, &labels, NULL),
            REASON_NONE);
        assert_string_equal(labels_get(labels, LABEL_SAMPLED), "true");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_stripped_says_so_whatever_the_rules),
        cmocka_unit_test(test_default_rules),
        cmocka_unit_test(test_default_rules_stand_where_the_tenant_says),
        cmocka_unit_test(test_series_are_relabelled),
        cmocka_unit_test(test_sample_types_are_relabelled),
        cmocka_unit_test(test_what_rules_make_is_checked),
        cmocka_unit_test(test_names_that_rules_make_are_rewritten),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
