/* Whom the agent asks for pods, and as whom. */
#include "agent/cluster.h"

#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

#define KUBECONFIG                                                                                 \
    "{current-context: c, clusters: [{name: c, cluster: {server: \"https://api:6443\", "           \
    "tls-server-name: api, proxy-url: \"http://proxy:1\"}}], users: [{name: u, user: {token: "     \
    "secret}}], contexts: [{name: c, context: {cluster: c, user: u}}]}\n"

typedef struct {
    TempDir *dir;
    char *kubeconfig, *ca;
} Files;

static Files
files_new(void)
{
    Files files = {.dir = temp_dir_new()};
    files.kubeconfig = temp_dir_file(files.dir, "kubeconfig");
    files.ca = temp_dir_file(files.dir, "ca.pem");
    assert_true(g_file_set_contents(files.kubeconfig, KUBECONFIG, -1, NULL));
    assert_true(g_file_set_contents(files.ca, "authorities", -1, NULL));
    return files;
}

static void
files_clear(Files *files)
{
    g_free(files->kubeconfig);
    g_free(files->ca);
    temp_dir_free(files->dir);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Files, files_clear)

static AgentOptions
options_of(const Files *files, const char *kubelet)
{
    return (AgentOptions){.kubernetes = (char *)"auto",
                          .kubelet = (char *)(uintptr_t)kubelet,
                          .kubeconfig = files != NULL ? files->kubeconfig : NULL};
}

static void
expect_url(const char *kubelet, const char *node_ip, const char *wanted)
{
    const AgentOptions options = options_of(NULL, kubelet);
    if (node_ip != NULL)
        g_setenv("NODE_IP", node_ip, TRUE);
    else
        g_unsetenv("NODE_IP");
    g_autofree char *url = cluster_kubelet_url(&options);
    if (wanted == NULL)
        assert_null(url);
    else
        assert_string_equal(url, wanted);
    g_unsetenv("NODE_IP");
}

static void
test_where_the_kubelet_is(void **state)
{
    (void)state;
    expect_url(NULL, "10.0.0.7", NULL);
    expect_url("", "10.0.0.7", NULL);
    expect_url("auto", "10.0.0.7", "https://10.0.0.7:10250");
    expect_url("auto", "fd00::7", "https://[fd00::7]:10250");
    expect_url("auto", "", "https://127.0.0.1:10250");
    expect_url("auto", NULL, "https://127.0.0.1:10250");
    expect_url("http://node:10255", "10.0.0.7", "http://node:10255");
}

static void
test_as_whom_it_is_asked(void **state)
{
    (void)state;
    g_auto(Files) files = files_new();
    g_autoptr(GError) error = NULL;
    AgentOptions options = options_of(&files, "https://node:10250/");
    options.kubelet_ca = files.ca;
    g_autoptr(K8sConfig) config = cluster_load(&options, &error);
    assert_no_error(error);
    assert_string_equal(config->server, "https://node:10250");
    assert_string_equal(config->token, "secret");
    assert_int_equal(g_bytes_get_size(config->ca_pem), strlen("authorities"));
    assert_string_equal(config->ca_file, files.ca);
    assert_null(config->tls_server_name);
    assert_null(config->proxy_url);
    assert_false(config->tls_unchecked);
    options.kubelet_insecure = true;
    g_autoptr(K8sConfig) unchecked = cluster_load(&options, &error);
    assert_no_error(error);
    assert_true(unchecked->tls_unchecked);
}

static void
test_no_token_goes_in_clear_text(void **state)
{
    (void)state;
    g_auto(Files) files = files_new();
    g_autoptr(GError) error = NULL;
    const AgentOptions options = options_of(&files, "http://node:10255");
    g_autoptr(K8sConfig) config = cluster_load(&options, &error);
    assert_no_error(error);
    assert_string_equal(config->server, "http://node:10255");
    assert_null(config->token);
}

static void
expect_error(const AgentOptions *options, const char *words)
{
    g_autoptr(GError) error = NULL;
    assert_null(cluster_load(options, &error));
    assert_error_says(error, words);
}

static void
test_what_is_wrong_is_named(void **state)
{
    (void)state;
    g_auto(Files) files = files_new();
    AgentOptions options = options_of(&files, "node:10250");
    expect_error(&options, "option --kubelet: 'node:10250': ");
    options.kubelet = (char *)"https://node:10250";
    options.kubelet_ca = (char *)"/nowhere/ca.pem";
    expect_error(&options, "option --kubelet-ca: ");
    expect_error(&options, "/nowhere/ca.pem");
    options.kubeconfig = (char *)"/nowhere/config";
    expect_error(&options, "/nowhere/config");
}

static void
test_the_api_server(void **state)
{
    (void)state;
    g_auto(Files) files = files_new();
    g_autoptr(GError) error = NULL;
    AgentOptions options = options_of(&files, NULL);
    g_autoptr(K8sConfig) config = cluster_load(&options, &error);
    assert_string_equal(config->server, "https://api:6443");
    options.kubernetes = (char *)"off";
    assert_null(cluster_load(&options, &error));
    /* A pod without a service account is no reason not to profile. */
    options = options_of(NULL, NULL);
    assert_null(cluster_load(&options, &error));
    g_setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1", TRUE);
    assert_null(cluster_load(&options, &error));
    assert_no_error(error);
    options.kubernetes = (char *)"on";
    expect_error(&options, "service account");
    options = options_of(NULL, "auto");
    expect_error(&options, "service account");
    g_unsetenv("KUBERNETES_SERVICE_HOST");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_where_the_kubelet_is),
        cmocka_unit_test(test_as_whom_it_is_asked),
        cmocka_unit_test(test_no_token_goes_in_clear_text),
        cmocka_unit_test(test_what_is_wrong_is_named),
        cmocka_unit_test(test_the_api_server),
    };
    g_unsetenv("KUBECONFIG");
    g_unsetenv("KUBERNETES_SERVICE_HOST");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
