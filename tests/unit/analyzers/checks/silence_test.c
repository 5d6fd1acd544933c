#include "analyzers/checks/silence.h"

#include "analyzers/checks/check.h"
#include "tests/harness/check.h"
#include "tests/harness/cluster.h"
#include "tests/harness/temp_dir.h"

#define POD(ns, name)                                                                              \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Pod\n"                                                                                  \
    "metadata: {namespace: " ns ", name: " name "}\n"                                              \
    "spec: {nodeName: n1, containers: [{name: app, envFrom: [{configMapRef: {name: keys-" name     \
    "}}]}]}\n"                                                                                     \
    "status: {phase: Pending}\n"

static TempDir *dir;
static char *path;

static Silences *
load(const char *text, GError **error)
{
    assert_true(g_file_set_contents(path, text, -1, NULL));
    return silences_load(path, error);
}

/* How many findings two broken pods have with these silences. */
static guint
count_with(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Silences) silences = load(text, &error);
    if (silences == NULL)
        fail_msg("%s", error->message);
    g_autoptr(TestCluster) cluster = test_cluster_new(POD("shop", "web") POD("dev-1", "pay"));
    const CheckOptions options = {
        .cluster = "test", .now_s = TEST_NOW_S, .tier = 1, .silences = silences};
    g_autoptr(Findings) findings = check_all(test_cluster_snapshot(cluster), &options);
    return findings->n_roots;
}

static void
test_rules_go_by_all_that_they_name(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        guint n_left;
    } cases[] = {
        {"names: nothing", 2},
        {"namespaces: dev-*", 1},
        {"namespaces: [shop, dev-?]", 0},
        {"checks: missing-*, kinds: Pod, names: web", 1},
        {"checks: node-*, namespaces: shop", 2},
        {"kinds: Deployment", 2},
        {"namespaces: shop, until: 2026-01-01T12:00:01Z", 1},
        {"namespaces: shop, until: 2026-01-01T12:00:00Z", 2},
        {"namespaces: shop, until: '2026-01-01T14:00:00+01:00'", 1},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text =
            g_strdup_printf("silences:\n  - {%s, reason: known}\n", cases[i].rule);
        if (count_with(text) != cases[i].n_left)
            fail_msg("%s leaves %u", cases[i].rule, count_with(text));
    }
    assert_int_equal(count_with(""), 2);
}

static void
test_what_has_expired_is_said(void **state)
{
    (void)state;
    g_autoptr(Silences) silences =
        load("silences:\n"
             "  - {names: a, until: 2026-01-01T11:00:00Z, reason: the move}\n"
             "  - {names: b, until: 2027-01-01T11:00:00Z, reason: later}\n"
             "  - {names: c, reason: ever}\n",
             NULL);
    g_autoptr(GPtrArray) lines = silences_expired(silences, TEST_NOW_S);
    assert_int_equal(lines->len, 1);
    assert_string_equal(lines->pdata[0],
                        "silence 1 (the move) has expired on 2026-01-01T11:00:00Z");
}

static void
test_errors_name_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"silences:\n  - {name: a, reason: b}\n", ":2: a silence: there is no key 'name'"},
        {"silence: []\n", ":1: the file: there is no key 'silence', did you mean silences?"},
        {"silences:\n  - {reason: b}\n", ":2: a silence needs one of checks"},
        {"silences:\n  - {names: b}\n", ":2: a silence needs a reason"},
        {"silences:\n  - {names: b, reason: c, until: soon}\n", ":2: until: 'soon' is not a time"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        assert_null(load(cases[i].text, &error));
        assert_contains(error->message, path);
        assert_contains(error->message, cases[i].words);
    }
}

static int
setup(void **state)
{
    (void)state;
    dir = temp_dir_new();
    path = temp_dir_file(dir, "silences.yaml");
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_go_by_all_that_they_name),
        cmocka_unit_test(test_what_has_expired_is_said),
        cmocka_unit_test(test_errors_name_the_line),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
