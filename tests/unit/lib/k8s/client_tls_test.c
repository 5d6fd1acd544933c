/* From a kubeconfig to the objects, over TLS with certificates on both sides: against openssl(1),
 * which serves files that hold whole answers. */
#include <string.h>

#include "lib/k8s/client.h"
#include "tests/harness/check.h"
#include "tests/harness/program.h"
#include "tests/harness/temp_dir.h"

typedef struct {
    TempDir *dir;
    Program *server;
    char *port;
} TlsServer;

static void
put(const TempDir *dir, const char *name, const char *text)
{
    g_autofree char *path = temp_dir_file(dir, name), *folder = g_path_get_dirname(path);
    assert_int_equal(g_mkdir_with_parents(folder, 0700), 0);
    assert_true(g_file_set_contents(path, text, -1, NULL));
}

static int
setup(void **state)
{
    TlsServer *tls = g_new0(TlsServer, 1);
    tls->dir = temp_dir_new();
    static const char answer[] = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"
                                 "{\"kind\":\"PodList\",\"metadata\":{},\"items\":[]}";
    put(tls->dir, "api/v1/pods?limit=500&timeout=30s", answer);
    g_autofree char *script = g_strdup_printf(
        "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 "
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem "
        "2>/dev/null && exec openssl s_server -accept 127.0.0.1:0 -HTTP -cert cert.pem "
        "-key key.pem -Verify 1 -verify_return_error -CAfile cert.pem",
        temp_dir_path(tls->dir));
    const char *const argv[] = {"sh", "-c", script, NULL};
    tls->server = program_start(argv, NULL);
    tls->port = program_wait_for(tls->server, "^ACCEPT 127\\.0\\.0\\.1:([0-9]+)$", PROGRAM_WAIT_MS);
    *state = tls;
    return 0;
}

static int
teardown(void **state)
{
    TlsServer *tls = *state;
    program_free(tls->server);
    temp_dir_free(tls->dir);
    g_free(tls->port);
    g_free(tls);
    return 0;
}

static bool
take_page(GBytes *page, void *user, GError **error)
{
    (void)page;
    (void)user;
    (void)error;
    return true;
}

/* Lists the pods by a kubeconfig with these fields of the cluster and the user. */
static bool
list_pods(const TlsServer *tls, const char *cluster, const char *user, K8sOutcome *ret_outcome)
{
    g_autofree char *text = g_strdup_printf(
        "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
        "clusters: [{name: k, cluster: {server: 'https://127.0.0.1:%s', %s}}]\n"
        "users: [{name: u, user: {%s}}]\n",
        tls->port, cluster, user);
    put(tls->dir, "config", text);
    g_autofree char *path = temp_dir_file(tls->dir, "config");
    const K8sConfigOptions options = {.kubeconfig = path};
    g_autoptr(GError) error = NULL;
    K8sConfig *config = k8s_config_load(&options, &error);
    assert_no_error(error);
    g_autoptr(K8sClient) client = k8s_client_new(config, "test");
    const K8sList list = {.path = "/api/v1/pods"};
    const K8sCall call = {.tries_max = 1};
    return k8s_client_list(client, &list, &call, take_page, NULL, ret_outcome);
}

#define CLUSTER "certificate-authority: cert.pem, tls-server-name: localhost"
#define USER    "client-certificate: cert.pem, client-key: key.pem"

static void
test_certificates_of_files(void **state)
{
    g_auto(K8sOutcome) outcome = {0};
    bool done = list_pods(*state, CLUSTER, USER, &outcome);
    assert_string_equal(outcome.message, "");
    assert_true(done);
    assert_int_equal(outcome.pages, 1);
}

static char *
base64_of(const TlsServer *tls, const char *name)
{
    g_autofree char *path = temp_dir_file(tls->dir, name), *text = NULL;
    gsize size;
    assert_true(g_file_get_contents(path, &text, &size, NULL));
    return g_base64_encode((const guchar *)text, size);
}

static void
test_certificates_in_the_kubeconfig(void **state)
{
    g_autofree char *cert = base64_of(*state, "cert.pem"), *key = base64_of(*state, "key.pem");
    g_autofree char *cluster =
        g_strdup_printf("certificate-authority-data: %s, tls-server-name: localhost", cert);
    g_autofree char *user =
        g_strdup_printf("client-certificate-data: %s, client-key-data: %s", cert, key);
    g_auto(K8sOutcome) outcome = {0};
    bool done = list_pods(*state, cluster, user, &outcome);
    assert_string_equal(outcome.message, "");
    assert_true(done);
}

static void
test_a_server_that_is_not_checked(void **state)
{
    g_auto(K8sOutcome) outcome = {0};
    assert_true(list_pods(*state, "insecure-skip-tls-verify: true", USER, &outcome));
}

static void
test_a_server_that_is_not_trusted(void **state)
{
    g_auto(K8sOutcome) other_name = {0}, unknown = {0};
    assert_false(list_pods(*state, "certificate-authority: cert.pem", USER, &other_name));
    assert_int_equal(other_name.result, K8S_FAILED);
    assert_contains(other_name.message, "no trusted TLS with 127.0.0.1:");
    assert_false(list_pods(*state, "tls-server-name: localhost", USER, &unknown));
    assert_contains(unknown.message, "no trusted TLS with 127.0.0.1:");
}

static void
test_a_client_without_a_certificate(void **state)
{
    g_auto(K8sOutcome) outcome = {0};
    assert_false(list_pods(*state, CLUSTER, "token: a", &outcome));
    assert_int_equal(outcome.result, K8S_FAILED);
    assert_int_equal(outcome.status, 0);
    assert_contains(outcome.message, "127.0.0.1:");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificates_of_files),
        cmocka_unit_test(test_certificates_in_the_kubeconfig),
        cmocka_unit_test(test_a_server_that_is_not_checked),
        cmocka_unit_test(test_a_server_that_is_not_trusted),
        cmocka_unit_test(test_a_client_without_a_certificate),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
