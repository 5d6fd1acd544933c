#include "server/tenant/usage_groups.h"

#include "lib/base/error.h"
#include "tests/harness/check.h"

/* The overrides of one tenant. */
static bool
read_key(YamlTree *tree, const char *key, const YamlNode *value, void *data, GError **error)
{
    return usage_groups_read(tree, key, value, data, error);
}

static UsageGroups *
load(const char *text, GError **error)
{
    g_autoptr(YamlTree) tree = yaml_tree_parse(text, strlen(text), "f", error);
    g_autoptr(UsageGroups) groups = usage_groups_new();
    if (tree == NULL ||
        !yaml_each_pair(tree, yaml_tree_root(tree), "the file", read_key, groups, error))
        return NULL;
    return g_steal_pointer(&groups);
}

/* `labels` is "name=value name=value", `expected` "group group keep". */
static void
expect_match(const UsageGroups *groups, const char *labels, const char *expected)
{
    g_auto(GStrv) texts = g_strsplit(labels, " ", -1);
    Label pairs[8];
    size_t n = 0;
    for (; texts[n] != NULL; n++) {
        char *value = strchr(texts[n], '=');
        *value = '\0';
        pairs[n] = (Label){texts[n], value + 1};
    }
    g_auto(UsageMatch) match = usage_groups_match(groups, pairs, n);
    g_autoptr(GString) got = g_string_new(NULL);
    for (guint i = 0; i < match.names->len; i++)
        g_string_append_printf(got, "%s ", (const char *)match.names->pdata[i]);
    g_string_append_printf(got, "%g", match.keep);
    assert_string_equal(got->str, expected);
}

static const char FILE_TEXT[] = "distributor_usage_groups:\n"
                                "  web: '{namespace=\"web\"}'\n"
                                "  big: '{service_name=~\"shop|pay\"}'\n"
                                "  not-dev: '{namespace!~\"dev.*\", namespace!=\"\"}'\n"
                                "  'team/${labels.team}': '{}'\n"
                                "distributor_sampling:\n"
                                "  usage_groups:\n"
                                "    web: {probability: 0.5}\n"
                                "    big: {probability: 0.25}\n"
                                "    team/x: {probability: 0}\n"
                                "    'team/${labels.team}': {probability: 0.125}\n"
                                "    other: {probability: 0.75}\n";

static void
test_groups_of_a_series(void **state)
{
    (void)state;
    g_autoptr(UsageGroups) groups = load(FILE_TEXT, NULL);
    assert_non_null(groups);
    expect_match(groups, "service_name=a namespace=web", "web not-dev 0.5");
    expect_match(groups, "service_name=shop namespace=web", "web big not-dev 0.25");
    expect_match(groups, "service_name=shopping namespace=dev-1", "other 0.75");
    expect_match(groups, "service_name=a namespace=prod", "not-dev 1");
    expect_match(groups, "team=x", "team/x 0");
    expect_match(groups, "team=y", "team/y 0.125");
    expect_match(groups, "team=", "other 0.75");
}

/* A name that a label makes too long is no name; a selector that needs too many steps matches
 * nothing, whichever way round it is. */
static void
test_hostile_labels(void **state)
{
    (void)state;
    g_autoptr(UsageGroups) groups = load("distributor_usage_groups:\n"
                                         "  '${labels.pod}': '{}'\n"
                                         "  yes: '{pod=~\"(a|aa)+b|(.*)*(.*)*[x]\"}'\n"
                                         "  no: '{pod!~\"(a|aa)+b|(.*)*(.*)*[x]\"}'\n",
                                         NULL);
    assert_non_null(groups);
    g_autofree char *value = g_strnfill(1000, 'a');
    g_autofree char *labels = g_strconcat("pod=", value, NULL);
    expect_match(groups, labels, "other 1");
    expect_match(groups, "pod=x", "x yes 1");
}

static void
expect_error(const char *text, const char *says)
{
    g_autoptr(GError) error = NULL;
    assert_null(load(text, &error));
    assert_error_says(error, says);
}

static void
test_errors_name_the_field(void **state)
{
    (void)state;
    expect_error("distributor_usage_groups:\n  web: '{a=}'\n",
                 "f:2: distributor_usage_groups: web: label selector: position 4");
    expect_error("distributor_usage_groups: {other: '{}'}\n",
                 "is the group of what is in no other");
    expect_error("distributor_usage_groups: {'': '{}'}\n", "a name has 1 to 256 bytes");
    expect_error("distributor_usage_groups: {'x${labels.': '{}'}\n", "the form ${labels.NAME}");
    expect_error("distributor_usage_groups: [a]\n", "distributor_usage_groups");
    expect_error("distributor_sampling: {groups: {}}\n", "it has one key, usage_groups");
    expect_error("distributor_sampling: {usage_groups: {a: {p: 1}}}\n", "one key, probability");
    expect_error("distributor_sampling: {usage_groups: {a: {probability: 1.5}}}\n",
                 "probability must be a number from 0 to 1: got '1.5'");
    expect_error("distributor_sampling: {usage_groups: {a: {probability: nan}}}\n", "got 'nan'");
    expect_error("distributor_sampling: {usage_groups: {a: {}}}\n", "a has no probability");
    g_autoptr(GString) many = g_string_new("distributor_usage_groups:\n");
    for (unsigned i = 0; i <= USAGE_GROUPS_MAX; i++)
        g_string_append_printf(many, "  g%u: '{}'\n", i);
    expect_error(many->str, "more than 50 groups");
}

static void
test_names_that_no_profile_can_have(void **state)
{
    (void)state;
    g_autoptr(UsageGroups) groups = load(FILE_TEXT, NULL);
    g_autoptr(GPtrArray) none = usage_groups_unknown(groups);
    assert_int_equal(none->len, 0);
    assert_true(usage_groups_may_have(groups, "other"));
    assert_true(usage_groups_may_have(groups, "team/x"));
    assert_true(usage_groups_may_have(groups, "team/${labels.team}"));
    assert_false(usage_groups_may_have(groups, "team/"));
    assert_false(usage_groups_may_have(groups, "webb"));
    g_autoptr(UsageGroups) typo = load("distributor_sampling: {usage_groups: {"
                                       "webb: {probability: 0}, web: {probability: 1}}}\n"
                                       "distributor_usage_groups: {web: '{}'}\n",
                                       NULL);
    g_autoptr(GPtrArray) unknown = usage_groups_unknown(typo);
    assert_int_equal(unknown->len, 1);
    assert_string_equal(unknown->pdata[0], "webb");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups_of_a_series),
        cmocka_unit_test(test_hostile_labels),
        cmocka_unit_test(test_errors_name_the_field),
        cmocka_unit_test(test_names_that_no_profile_can_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
