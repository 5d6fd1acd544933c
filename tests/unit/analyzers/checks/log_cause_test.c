/* What logs of pods that are not well say, by words and by rules of a file. */
#include "analyzers/checks/log_rule.h"

#include <string.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/cluster.h"
#include "tests/harness/temp_dir.h"

#define POD(ready)                                                                                 \
    "apiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: web, ownerReferences: [{kind: "  \
    "X, name: x, uid: x}]}\nspec: {nodeName: n1, containers: [{name: app}, {name: aside}]}\n"      \
    "status: {phase: Running, conditions: [{type: Ready, status: '" ready "', reason: "            \
    "ContainersNotReady, lastTransitionTime: '2026-01-01T10:00:00Z'}], containerStatuses: "        \
    "[{name: app, ready: true, started: true, state: {running: {startedAt: "                       \
    "'2026-01-01T09:00:00Z'}}}, {name: aside, ready: false, started: true, state: {running: "      \
    "{startedAt: '2026-01-01T09:00:00Z'}}}]}\n"

typedef struct {
    TempDir *dir;
    TestCluster *cluster;
} Case;

static Case
case_new(const char *ready, const char *log)
{
    Case made = {temp_dir_new(), test_cluster_new(ready)};
    g_autofree char *path = temp_dir_file(made.dir, "shop_web_aside.log");
    assert_true(g_file_set_contents(path, log, -1, NULL));
    test_cluster_logs(made.cluster, temp_dir_path(made.dir));
    return made;
}

static void
case_clear(Case *made)
{
    test_cluster_free(made->cluster);
    temp_dir_free(made->dir);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Case, case_clear)

static LogRules *
rules_of(const char *yaml, GError **error)
{
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "rules.yaml");
    assert_true(g_file_set_contents(path, yaml, -1, NULL));
    return log_rules_load(path, error);
}

static bool
says(const Finding *finding, const char *part)
{
    for (guint i = 0; i < finding->evidence->len; i++) {
        if (strstr(finding->evidence->pdata[i], part) != NULL)
            return true;
    }
    return false;
}

#define RULES                                                                                      \
    "signatures:\n- {name: license, match: '(?i)license .* over', means: its license is over, "    \
    "fix: Renew it.}\n- {name: any, match: 'up', means: it is up}\n"

static void
test_a_rule_of_the_file(void **state)
{
    (void)state;
    g_auto(Case) made = case_new(
        POD("False"), "starting up\nERROR License 7 is over password=hunter2\nLICENSE 7 IS OVER\n");
    g_autoptr(LogRules) rules = rules_of(RULES, NULL);
    test_cluster_log_rules(made.cluster, rules);
    const Finding *finding =
        test_cluster_expect_folded(made.cluster, "log-signature", "Pod shop/web");
    assert_string_equal(finding->title, "The log of container aside says that its license is over");
    assert_string_equal(finding->evidence->pdata[1], "Signature license, 2 of the last lines");
    assert_string_equal(finding->fix->pdata[0], "Renew it.");
    assert_true(
        says(finding->root, "Its log says that its license is over: \"LICENSE 7 IS OVER\""));
    for (guint i = 0; i < finding->root->evidence->len; i++)
        assert_lacks(finding->root->evidence->pdata[i], "hunter2");
}

static void
test_words_of_programs(void **state)
{
    (void)state;
    g_auto(Case) made = case_new(POD("False"), "start\nwrite /data/x: no space left on device\n");
    const Finding *finding =
        test_cluster_expect_folded(made.cluster, "log-signature", "Pod shop/web");
    assert_string_equal(finding->title, "The log of container aside says that a disk is full");
    assert_true(says(finding->root, "no space left"));
}

static void
test_nothing_to_say(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *log;
    } rows[] = {
        {POD("True"), "no space left on device\n"}, /* it is well */
        {POD("False"), "listening on 8080\n"},
        {POD("False"), ""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(Case) made = case_new(rows[i].yaml, rows[i].log);
        test_cluster_expect_none(made.cluster, "log-signature");
    }
}

static void
test_unknown_is_said(void **state)
{
    (void)state;
    g_auto(Case) made = case_new(POD("False"), "no space left on device\n");
    test_cluster_fail(made.cluster, KIND_POD, "403");
    test_cluster_expect_unverified(made.cluster, "log-signature");
}

static void
test_files_that_are_wrong(void **state)
{
    (void)state;
    static const char *const files[][2] = {
        {"signatures:\n- {name: a, match: '(', means: b}\n", ":2: match: "},
        {"signatures:\n- {name: a, match: b}\n", "a signature needs name, match and means"},
        {"signature: []\n", "signature"},
        {"signatures:\n- {name: a, match: b, means: c, severity: high}\n", "severity"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autoptr(GError) error = NULL;
        assert_null(rules_of(files[i][0], &error));
        assert_error_says(error, files[i][1]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_rule_of_the_file),   cmocka_unit_test(test_words_of_programs),
        cmocka_unit_test(test_nothing_to_say),       cmocka_unit_test(test_unknown_is_said),
        cmocka_unit_test(test_files_that_are_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
