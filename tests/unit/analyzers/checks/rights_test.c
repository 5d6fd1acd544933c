#include "tests/harness/check.h"
#include "tests/harness/cluster.h"
#include "tests/harness/temp_dir.h"

#include <glib/gstdio.h>

static void
test_a_binding_to_nothing(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: rbac.authorization.k8s.io/v1\n"
                         "kind: RoleBinding\n"
                         "metadata: {namespace: shop, name: readers}\n"
                         "roleRef: {kind: Role, name: reader}\n"
                         "subjects: [{kind: ServiceAccount, name: robot}]\n"
                         "---\n"
                         "apiVersion: v1\n"
                         "kind: Namespace\n"
                         "metadata: {name: shop}\n");
    const Finding *finding =
        test_cluster_expect(cluster, "rbac-roleref-missing", "RoleBinding shop/readers");
    assert_contains(finding->title, "Role reader");
    finding =
        test_cluster_expect_folded(cluster, "rbac-subject-missing", "RoleBinding shop/readers");
    assert_contains(finding->title, "shop/robot");
}

static void
test_all_is_there(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: rbac.authorization.k8s.io/v1\n"
                         "kind: RoleBinding\n"
                         "metadata: {namespace: shop, name: readers}\n"
                         "roleRef: {kind: Role, name: reader}\n"
                         "subjects: [{kind: ServiceAccount, name: robot}]\n"
                         "---\n"
                         "apiVersion: v1\n"
                         "kind: Namespace\n"
                         "metadata: {name: shop}\n"
                         "---\n"
                         "apiVersion: rbac.authorization.k8s.io/v1\n"
                         "kind: Role\n"
                         "metadata: {namespace: shop, name: reader}\n"
                         "---\n"
                         "apiVersion: v1\n"
                         "kind: ServiceAccount\n"
                         "metadata: {namespace: shop, name: robot}\n"
                         "imagePullSecrets: [{name: pull}]\n"
                         "---\n"
                         "apiVersion: v1\n"
                         "kind: Secret\n"
                         "metadata: {namespace: shop, name: pull}\n");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

static void
test_a_pull_secret_is_missing(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new("apiVersion: v1\n"
                                                      "kind: ServiceAccount\n"
                                                      "metadata: {namespace: shop, name: robot}\n"
                                                      "imagePullSecrets: [{name: pull}]\n"
                                                      "---\n"
                                                      "apiVersion: v1\n"
                                                      "kind: Namespace\n"
                                                      "metadata: {name: shop}\n");
    test_cluster_expect(cluster, "serviceaccount-secret-missing", "ServiceAccount shop/robot");
}

static void
test_unknown_is_not_missing(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: rbac.authorization.k8s.io/v1\n"
                         "kind: RoleBinding\n"
                         "metadata: {namespace: shop, name: readers}\n"
                         "roleRef: {kind: Role, name: reader}\n"
                         "subjects: [{kind: ServiceAccount, name: robot}]\n"
                         "---\n"
                         "apiVersion: v1\n"
                         "kind: Namespace\n"
                         "metadata: {name: shop}\n"
                         "---\n"
                         "apiVersion: v1\n"
                         "kind: ServiceAccount\n"
                         "metadata: {namespace: shop, name: robot}\n"
                         "imagePullSecrets: [{name: pull}]\n");
    test_cluster_fail(cluster, KIND_ROLE, "roles could not be listed: 403");
    test_cluster_fail(cluster, KIND_SERVICE_ACCOUNT, "serviceaccounts could not be listed: 403");
    test_cluster_fail(cluster, KIND_SECRET, "secrets could not be listed: 403");
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
    test_cluster_expect_unverified(cluster, "rbac-roleref-missing");
    test_cluster_expect_unverified(cluster, "rbac-subject-missing");
    test_cluster_expect_unverified(cluster, "serviceaccount-secret-missing");
}

static void
test_a_log_says_that_a_right_is_missing(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: app}]}}}\n"
        "status: {conditions: [{type: Available, status: \"False\", lastTransitionTime: "
        "\"2026-01-01T11:00:00Z\", reason: \"\", message: \"\"}]}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: ReplicaSet\n"
        "metadata: {namespace: shop, name: web-1, ownerReferences: [{kind: Deployment, name: web, "
        "uid: Deployment/shop/web, controller: true}]}\n"
        "spec: {replicas: 2}\n"
        "status: {}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {namespace: shop, name: web-1-a, labels: {app: web}, ownerReferences: [{kind: "
        "ReplicaSet, name: web-1, uid: ReplicaSet/shop/web-1, controller: true}]}\n"
        "spec: {nodeName: n1, containers: [{name: app}]}\n"
        "status: {phase: Running, conditions: [{type: Ready, status: \"False\", "
        "lastTransitionTime: \"2026-01-01T11:00:00Z\"}]}\n");
    g_autofree char *dir = g_dir_make_tmp("rights-XXXXXX", NULL);
    g_autofree char *file = g_build_filename(dir, "shop_web-1-a_app.log", NULL);
    assert_true(g_file_set_contents(
        file,
        "start\nE configmaps is forbidden: User \"system:serviceaccount:shop:robot\" cannot list "
        "resource \"configmaps\" in API group \"\" in the namespace \"shop\" token=hunter2\nend\n",
        -1, NULL));
    test_cluster_logs(cluster, dir);
    const Finding *finding =
        test_cluster_expect(cluster, "rbac-forbidden-in-logs", "Deployment shop/web");
    assert_contains(finding->cause, "shop:robot cannot list");
    assert_lacks(finding->cause, "hunter2");
    assert_lacks((const char *)finding->evidence->pdata[0], "hunter2");
    test_cluster_expect_folded(cluster, "deployment-unavailable", "Deployment shop/web");
    g_remove(file);
    g_rmdir(dir);
}

/* As programs write it that put errors into strings. */
static void
test_a_right_that_is_missing_in_quoted_errors(void **state)
{
    (void)state;
    static const char *const logs[] = {
        "level=error msg=\"failed to list\" err=\"pods is forbidden: User "
        "\\\"system:serviceaccount:shop:robot\\\" cannot list resource \\\"pods\\\" in API group "
        "\\\"\\\" at the cluster scope\"\n",
        "{\"level\":\"error\",\"error\":\"pods is forbidden: User "
        "\\\"system:serviceaccount:shop:robot\\\" cannot list resource \\\"pods\\\"\"}\n",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(logs); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(
            "apiVersion: v1\n"
            "kind: Pod\n"
            "metadata: {namespace: shop, name: web}\n"
            "spec: {nodeName: n1, containers: [{name: app}]}\n"
            "status: {phase: Running, conditions: [{type: Ready, status: \"False\", "
            "lastTransitionTime: \"2026-01-01T11:00:00Z\"}]}\n");
        g_autoptr(TempDir) dir = temp_dir_new();
        g_autofree char *file = temp_dir_file(dir, "shop_web_app.log");
        assert_true(g_file_set_contents(file, logs[i], -1, NULL));
        test_cluster_logs(cluster, temp_dir_path(dir));
        const Finding *finding =
            test_cluster_expect(cluster, "rbac-forbidden-in-logs", "Pod shop/web");
        assert_contains(finding->cause, "Account system:serviceaccount:shop:robot cannot list "
                                        "resource \"pods\"");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_right_that_is_missing_in_quoted_errors),
        cmocka_unit_test(test_a_binding_to_nothing),
        cmocka_unit_test(test_all_is_there),
        cmocka_unit_test(test_a_pull_secret_is_missing),
        cmocka_unit_test(test_unknown_is_not_missing),
        cmocka_unit_test(test_a_log_says_that_a_right_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
