#include "lib/k8s/kubeconfig.h"

#include <string.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

static K8sConfig *
parse(const char *text, const KubeconfigOptions *options, GError **error)
{
    static const KubeconfigOptions defaults = {0};
    return kubeconfig_parse(text, strlen(text), "/etc/kube/config",
                            options != NULL ? options : &defaults, error);
}

static K8sConfig *
parse_well(const char *text, const KubeconfigOptions *options)
{
    g_autoptr(GError) error = NULL;
    K8sConfig *config = parse(text, options, &error);
    assert_no_error(error);
    assert_non_null(config);
    return config;
}

/* The error holds the part, and names the file. */
static void
expect_error(const char *text, const KubeconfigOptions *options, const char *part)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(K8sConfig) config = parse(text, options, &error);
    assert_null(config);
    assert_error_says(error, part);
    assert_true(g_str_has_prefix(error->message, "/etc/kube/config:"));
    assert_int_equal(error->domain, CRESSET_ERROR);
}

static void
assert_bytes(GBytes *bytes, const char *text)
{
    assert_non_null(bytes);
    assert_int_equal(g_bytes_get_size(bytes), strlen(text));
    assert_memory_equal(g_bytes_get_data(bytes, NULL), text, strlen(text));
}

static const char FULL[] = "apiVersion: v1\n"
                           "kind: Config\n"
                           "preferences: {colors: true}\n"
                           "current-context: dev\n"
                           "contexts:\n"
                           "- name: other\n"
                           "  context: {cluster: none, user: none}\n"
                           "- name: dev\n"
                           "  context:\n"
                           "    cluster: dev-cluster\n"
                           "    user: dev-user\n"
                           "    namespace: shop\n"
                           "    extensions: [{name: x, extension: {y: z}}]\n"
                           "clusters:\n"
                           "- name: dev-cluster\n"
                           "  cluster:\n"
                           "    server: https://api.example.org:6443\n"
                           "    certificate-authority: /nonexistent/because/data/comes/first\n"
                           "    certificate-authority-data: YXV0aG9yaXRpZXM=\n"
                           "    tls-server-name: kubernetes\n"
                           "    proxy-url: socks5://127.0.0.1:1080\n"
                           "    disable-compression: true\n"
                           "users:\n"
                           "- name: dev-user\n"
                           "  user:\n"
                           "    client-certificate-data: Y2VydA==\n"
                           "    client-key-data: a2V5\n"
                           "    token: t0ken\n"
                           "    as: ~\n"
                           "    username: ''\n";

static void
test_everything_of_a_context(void **state)
{
    (void)state;
    g_autoptr(K8sConfig) config = parse_well(FULL, NULL);
    assert_string_equal(config->server, "https://api.example.org:6443");
    assert_string_equal(config->namespace, "shop");
    assert_string_equal(config->origin, "context 'dev' of /etc/kube/config");
    assert_bytes(config->ca_pem, "authorities");
    assert_null(config->ca_file);
    assert_string_equal(config->tls_server_name, "kubernetes");
    assert_string_equal(config->proxy_url, "socks5h://127.0.0.1:1080");
    assert_true(config->uncompressed);
    assert_false(config->tls_unchecked);
    assert_bytes(config->certificate_pem, "cert");
    assert_bytes(config->key_pem, "key");
    assert_string_equal(config->token, "t0ken");
    assert_null(config->username);
    assert_null(config->exec);
}

static void
test_json_in_lines_and_in_one(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\n\t\"kind\": \"Config\",\n\t\"current-context\": \"d\\u0065v\",\n"
        "\t\"contexts\": [\n\t\t{\n\t\t\t\"name\": \"dev\",\n\t\t\t\"context\": {\n"
        "\t\t\t\t\"cluster\": \"k\",\n\t\t\t\t\"user\": \"u\"\n\t\t\t}\n\t\t}\n\t],\n"
        "\t\"clusters\": [{\"name\": \"k\", \"cluster\": {\"server\": \"https:\\/\\/h\", "
        "\"insecure-skip-tls-verify\": true, \"certificate-authority\": null}}],\n"
        "\t\"users\": [{\"name\": \"u\", \"user\": {\"token\": \"a\"}}],\n"
        "\t\"preferences\": {}\n}\n",
        "{\"kind\":\"Config\",\"current-context\":\"dev\",\"contexts\":[{\"name\":\"dev\","
        "\"context\":{\"cluster\":\"k\",\"user\":\"u\"}}],\"clusters\":[{\"name\":\"k\","
        "\"cluster\":{\"server\":\"https://h\",\"insecure-skip-tls-verify\":true}}],"
        "\"users\":[{\"name\":\"u\",\"user\":{\"token\":\"a\",\"exec\":null}}]}"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(K8sConfig) config = parse_well(texts[i], NULL);
        assert_string_equal(config->server, "https://h");
        assert_string_equal(config->token, "a");
        assert_true(config->tls_unchecked);
        assert_null(config->ca_pem);
    }
}

/* A kubeconfig of one cluster and one user with these bodies. */
static char *
with(const char *cluster, const char *user)
{
    return g_strdup_printf("current-context: c\n"
                           "contexts: [{name: c, context: {cluster: k, user: u}}]\n"
                           "clusters:\n- name: k\n  cluster: {%s}\n"
                           "users:\n- name: u\n  user: {%s}\n",
                           cluster, user);
}

#define SERVER "server: https://h"

static void
expect_error_with(const char *cluster, const char *user, const char *part)
{
    g_autofree char *text = with(cluster, user);
    expect_error(text, NULL, part);
}

static void
test_a_chosen_context(void **state)
{
    (void)state;
    KubeconfigOptions options = {.context = "dev"};
    g_autofree char *text = with(SERVER, "");
    expect_error(text, &options, "there is no context 'dev'; there is c");
    options.context = "other";
    expect_error(FULL, &options, "there is no cluster 'none'; there is dev-cluster");
    options.context = "";
    g_autoptr(K8sConfig) config = parse_well(FULL, &options);
    assert_string_equal(config->namespace, "shop");
}

static void
test_what_is_missing_is_named(void **state)
{
    (void)state;
    expect_error("", NULL, "there is no current-context; name a context");
    expect_error("kind: Config", NULL, "there is no current-context");
    expect_error("current-context: a", NULL, "there is no context 'a'; there is none");
    expect_error("current-context: a\ncontexts: [{name: a, context: {user: u}}]", NULL,
                 ":2: context 'a' names no cluster");
    expect_error("current-context: a\ncontexts: [{name: a}]", NULL, "names no cluster");
    expect_error_with("", "", ":5: cluster 'k' has no server");
    expect_error_with(SERVER, "client-certificate-data: YQ==",
                      ":8: user 'u' needs both client-certificate and client-key");
    expect_error_with(SERVER, "exec: {apiVersion: client.authentication.k8s.io/v1}",
                      "exec has no command");
}

static void
test_what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *cluster, *user, *part;
    } wrong[] = {
        {"server: [a]", "", ":5: server must be a plain value"},
        {"server: example.org", "", ":5: server is not a URL"},
        {"server: 'https://a:s3cret@h'", "", ":5: server must be a URL without a user"},
        {SERVER ", insecure-skip-tls-verify: maybe", "", "insecure-skip-tls-verify must be true"},
        {SERVER ", insecure-skip-tls-verify: true, certificate-authority-data: YQ==", "",
         "insecure-skip-tls-verify; take one of them out"},
        {SERVER ", certificate-authority-data: '%s3cret%'", "",
         ":5: certificate-authority-data is not base64"},
        {SERVER ", certificate-authority: missing.pem", "", "/etc/kube/missing.pem"},
        {SERVER ", proxy-url: 'ftp://s3cret@h'", "", "proxy-url must be a URL of the scheme"},
        {SERVER, "token: 's3cret token'", ":8: token of user 'u' has spaces"},
        {SERVER, "token: \"s3cret\\r\\nX: y\"", "token of user 'u' has spaces"},
        {SERVER, "token: s3cret, username: a", "has both a token and a username"},
        {SERVER, "client-key-data: '***s3cret'", ":8: client-key-data is not base64"},
        {SERVER, "client-key: [s3cret]", "client-key must be a plain value"},
        {SERVER, "auth-provider: {name: gcp}",
         "auth-provider is not supported; Kubernetes removed"},
        {SERVER, "as: admin", ":8: as is not supported"},
        {SERVER, "exec: {command: x}", "apiVersion of exec must be"},
        {SERVER, "exec: {command: x, apiVersion: client.authentication.k8s.io/v1alpha1}",
         "apiVersion of exec must be"},
        {SERVER, "token: a, token: b", "token is there twice"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autofree char *text = with(wrong[i].cluster, wrong[i].user);
        g_autoptr(GError) error = NULL;
        expect_error(text, NULL, wrong[i].part);
        assert_null(parse(text, NULL, &error));
        assert_lacks(error->message, "s3cret");
    }
    expect_error("a: [", NULL, ":2: ");
    expect_error("- a", NULL, ":1: a kubeconfig must be a mapping");
    expect_error("current-context: a\ncontexts: {a: b}", NULL, ":2: context must be a list");
    expect_error("current-context: a\ncontexts: [a]", NULL, ":2: context must be a mapping");
}

static const char EXEC[] =
    "exec: {apiVersion: client.authentication.k8s.io/v1, command: %s, args: [token, '', -x], "
    "env: [{name: A, value: b=c}, {name: EMPTY, value: ''}], provideClusterInfo: true, "
    "installHint: install it, interactiveMode: %s}";

static char *
with_exec(const char *command, const char *mode)
{
    g_auto(GStrv) parts = g_strsplit(EXEC, "%s", 3);
    g_autofree char *user = g_strconcat(parts[0], command, parts[1], mode, parts[2], NULL);
    return with(SERVER, user);
}

static void
test_plugins_need_permission(void **state)
{
    (void)state;
    g_autofree char *text = with_exec("aws", "IfAvailable");
    expect_error(text, NULL,
                 ":8: the user logs in by running 'aws', which is not allowed; allow "
                 "it with --kubeconfig-exec");
    const KubeconfigOptions allowed = {.exec_allowed = true};
    g_autoptr(K8sConfig) config = parse_well(text, &allowed);
    const ExecPlugin *plugin = config->exec;
    assert_string_equal(plugin->command, "aws");
    assert_string_equal(plugin->api_version, "client.authentication.k8s.io/v1");
    assert_int_equal(g_strv_length(plugin->args), 3);
    assert_string_equal(plugin->args[1], "");
    assert_string_equal(plugin->environment[0], "A=b=c");
    assert_string_equal(plugin->environment[1], "EMPTY=");
    assert_null(plugin->environment[2]);
    assert_true(plugin->provide_cluster_info);
    assert_string_equal(plugin->install_hint, "install it");
    g_autofree char *asks = with_exec("aws", "Always");
    expect_error(asks, &allowed, "interactiveMode of exec is Always");
    g_autofree char *beside = with_exec("./bin/login", "Never");
    g_autoptr(K8sConfig) relative = parse_well(beside, &allowed);
    assert_string_equal(relative->exec->command, "/etc/kube/./bin/login");
}

static void
put(const TempDir *dir, const char *name, const char *text)
{
    g_autofree char *path = temp_dir_file(dir, name);
    assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void
test_paths_are_relative_to_the_file(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "config"), *token = temp_dir_file(dir, "token");
    g_autofree char *ca = temp_dir_file(dir, "ca.pem");
    g_autofree char *text =
        with(SERVER ", certificate-authority: ca.pem",
             "client-certificate: cert.pem, client-key: key.pem, tokenFile: token");
    put(dir, "config", text);
    put(dir, "ca.pem", "authorities");
    put(dir, "cert.pem", "cert");
    const char *const paths[] = {path, NULL};
    const KubeconfigOptions options = {0};
    g_autoptr(GError) error = NULL;
    assert_null(kubeconfig_load(paths, &options, &error));
    assert_error_says(error, "config:8: client-key: cannot read ");
    assert_error_says(error, "key.pem");
    put(dir, "key.pem", "key");
    g_autoptr(K8sConfig) config = kubeconfig_load(paths, &options, NULL);
    assert_non_null(config);
    assert_bytes(config->ca_pem, "authorities");
    assert_string_equal(config->ca_file, ca);
    assert_bytes(config->certificate_pem, "cert");
    assert_bytes(config->key_pem, "key");
    assert_string_equal(config->token_file, token);
}

static void
test_the_first_file_that_has_it_decides(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    put(dir, "a",
        "users: [{name: u, user: {token: first}}]\n"
        "clusters: [{name: other, cluster: {server: https://other}}]\n");
    put(dir, "b",
        "current-context: c\n"
        "contexts: [{name: c, context: {cluster: k, user: u}}]\n"
        "users: [{name: u, user: {token: second, username: x}}]\n");
    put(dir, "c",
        "current-context: d\n"
        "clusters: [{name: k, cluster: {server: https://third}}]\n");
    g_autofree char *a = temp_dir_file(dir, "a"), *b = temp_dir_file(dir, "b"),
                    *c = temp_dir_file(dir, "c"), *absent = temp_dir_file(dir, "absent");
    const char *const paths[] = {absent, a, "", b, c, NULL};
    KubeconfigOptions options = {.is_list = true};
    g_autoptr(GError) error = NULL;
    g_autoptr(K8sConfig) config = kubeconfig_load(paths, &options, &error);
    assert_no_error(error);
    assert_string_equal(config->token, "first");
    assert_string_equal(config->server, "https://third");
    assert_null(config->username);
    options.context = "x";
    assert_null(kubeconfig_load(paths, &options, &error));
    assert_error_says(error, "and the files behind it: there is no context 'x'; there is c");
    g_clear_error(&error);
    const char *const none[] = {absent, NULL};
    assert_null(kubeconfig_load(none, &options, &error));
    assert_error_says(error, "none of the files of KUBECONFIG is there");
    g_clear_error(&error);
    options.is_list = false;
    assert_null(kubeconfig_load(none, &options, &error));
    assert_error_says(error, "absent: No such file or directory");
}

static void
test_what_is_no_file(void **state)
{
    (void)state;
    const KubeconfigOptions options = {0};
    const char *const paths[] = {"/dev/zero", NULL};
    g_autoptr(GError) error = NULL;
    assert_null(kubeconfig_load(paths, &options, &error));
    assert_error_says(error, "/dev/zero is not a file of at most");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_of_a_context),
        cmocka_unit_test(test_json_in_lines_and_in_one),
        cmocka_unit_test(test_a_chosen_context),
        cmocka_unit_test(test_what_is_missing_is_named),
        cmocka_unit_test(test_what_is_wrong_is_named),
        cmocka_unit_test(test_plugins_need_permission),
        cmocka_unit_test(test_paths_are_relative_to_the_file),
        cmocka_unit_test(test_the_first_file_that_has_it_decides),
        cmocka_unit_test(test_what_is_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
