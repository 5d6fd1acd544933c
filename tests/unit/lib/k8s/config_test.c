/* The cluster around a pod, and which way of reaching one comes first. */
#include "lib/k8s/config.h"

#include <string.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

static const char *const VARIABLES[] = {"KUBECONFIG", "KUBERNETES_SERVICE_HOST",
                                        "KUBERNETES_SERVICE_PORT", "HOME"};

static int
setup(void **state)
{
    TempDir *dir = temp_dir_new();
    for (size_t i = 0; i < G_N_ELEMENTS(VARIABLES); i++)
        g_unsetenv(VARIABLES[i]);
    g_setenv("HOME", temp_dir_path(dir), TRUE);
    *state = dir;
    return 0;
}

static int
teardown(void **state)
{
    temp_dir_free(*state);
    return 0;
}

static void
put(const TempDir *dir, const char *name, const char *text)
{
    g_autofree char *path = temp_dir_file(dir, name);
    assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void
put_service_account(const TempDir *dir)
{
    put(dir, "ca.crt", "authorities");
    put(dir, "token", "t0ken\n");
    put(dir, "namespace", "shop\n");
    g_setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1", TRUE);
    g_setenv("KUBERNETES_SERVICE_PORT", "443", TRUE);
}

static K8sConfig *
load(K8sConfigOptions options, GError **error)
{
    return k8s_config_load(&options, error);
}

static void
test_inside_of_a_cluster(void **state)
{
    put_service_account(*state);
    g_autoptr(GError) error = NULL;
    g_autoptr(K8sConfig) config =
        load((K8sConfigOptions){.service_account_dir = temp_dir_path(*state)}, &error);
    assert_no_error(error);
    assert_string_equal(config->server, "https://10.96.0.1:443");
    assert_string_equal(config->namespace, "shop");
    assert_int_equal(g_bytes_get_size(config->ca_pem), strlen("authorities"));
    g_autofree char *token = temp_dir_file(*state, "token");
    g_autofree char *ca = temp_dir_file(*state, "ca.crt");
    assert_string_equal(config->token_file, token);
    assert_string_equal(config->ca_file, ca);
    assert_null(config->token);
    assert_contains(config->origin, "service account");
}

static void
test_an_address_of_ipv6(void **state)
{
    put_service_account(*state);
    g_setenv("KUBERNETES_SERVICE_HOST", "fd00::1", TRUE);
    g_autoptr(K8sConfig) config =
        load((K8sConfigOptions){.service_account_dir = temp_dir_path(*state)}, NULL);
    assert_non_null(config);
    assert_string_equal(config->server, "https://[fd00::1]:443");
}

static void
expect_failure(K8sConfigOptions options, const char *part)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(K8sConfig) config = load(options, &error);
    assert_null(config);
    assert_error_says(error, part);
    assert_int_equal(error->domain, CRESSET_ERROR);
}

static void
test_a_pod_without_a_service_account(void **state)
{
    g_setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1", TRUE);
    K8sConfigOptions options = {.service_account_dir = temp_dir_path(*state)};
    expect_failure(options, "automountServiceAccountToken");
    expect_failure(options, "ca.crt");
    put(*state, "ca.crt", "authorities");
    expect_failure(options, "/token");
    put(*state, "token", "t0ken");
    g_autoptr(K8sConfig) config = load(options, NULL);
    assert_non_null(config);
    assert_string_equal(config->namespace, "default");
    g_setenv("KUBERNETES_SERVICE_PORT", "https", TRUE);
    expect_failure(options, "KUBERNETES_SERVICE_PORT");
}

static void
test_a_plain_url(void **state)
{
    put_service_account(*state);
    g_autoptr(K8sConfig) config =
        load((K8sConfigOptions){.server = "http://127.0.0.1:8001/base//"}, NULL);
    assert_non_null(config);
    assert_string_equal(config->server, "http://127.0.0.1:8001/base");
    assert_null(config->token_file);
    static const char *const wrong[] = {"127.0.0.1:8001", "ftp://host", "https://", "unix:/x"};
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
        expect_failure((K8sConfigOptions){.server = wrong[i]}, "server is not a URL");
    expect_failure((K8sConfigOptions){.server = "https://me:pa55word@host"}, "without a user");
    g_autoptr(GError) error = NULL;
    assert_null(load((K8sConfigOptions){.server = "https://me:pa55word@host"}, &error));
    assert_lacks(error->message, "pa55word");
}

static const char MINIMAL[] = "current-context: c\n"
                              "contexts: [{name: c, context: {cluster: k}}]\n"
                              "clusters: [{name: k, cluster: {server: https://%s/}}]\n";

static void
put_kubeconfig(const TempDir *dir, const char *name, const char *host)
{
    g_auto(GStrv) parts = g_strsplit(MINIMAL, "%s", 2);
    g_autofree char *text = g_strconcat(parts[0], host, parts[1], NULL);
    put(dir, name, text);
}

static void
expect_server(K8sConfigOptions options, const char *server)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(K8sConfig) config = load(options, &error);
    assert_no_error(error);
    assert_string_equal(config->server, server);
}

static void
test_which_one_comes_first(void **state)
{
    const TempDir *dir = *state;
    g_autofree char *home = temp_dir_file(dir, ".kube"), *file = temp_dir_file(dir, "file");
    g_autofree char *listed = temp_dir_file(dir, "listed");
    K8sConfigOptions options = {.service_account_dir = temp_dir_path(dir)};
    expect_failure(options, ".kube/config");
    assert_int_equal(g_mkdir_with_parents(home, 0700), 0);
    put_kubeconfig(dir, ".kube/config", "home");
    expect_server(options, "https://home");
    put_service_account(dir);
    expect_server(options, "https://10.96.0.1:443");
    put_kubeconfig(dir, "listed", "listed");
    g_autofree char *list = g_strdup_printf("%s/absent::%s", temp_dir_path(dir), listed);
    g_setenv("KUBECONFIG", list, TRUE);
    expect_server(options, "https://listed");
    options.kubeconfig = file;
    expect_failure(options, "file");
    put_kubeconfig(dir, "file", "file");
    expect_server(options, "https://file");
    options.server = "https://url";
    expect_server(options, "https://url");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_inside_of_a_cluster),
        CASE(test_an_address_of_ipv6),
        CASE(test_a_pod_without_a_service_account),
        CASE(test_a_plain_url),
        CASE(test_which_one_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
