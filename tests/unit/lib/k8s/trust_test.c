/* A cluster that changes its authorities while a client runs: two TLS servers of openssl(1), each
 * of an authority of its own, behind one address, and a service account as the kubelet mounts it.
 */
#include "lib/k8s/trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/k8s/client.h"
#include "tests/harness/check.h"
#include "tests/harness/kept_log.h"
#include "tests/harness/program.h"
#include "tests/harness/relay.h"
#include "tests/harness/temp_dir.h"

static const char *const NAMES[] = {"old", "new"};

typedef struct {
    TempDir *dir;
    Program *servers[G_N_ELEMENTS(NAMES)];
    uint16_t ports[G_N_ELEMENTS(NAMES)];
    char *authorities[G_N_ELEMENTS(NAMES)]; /* in PEM */
    Relay *relay;
    unsigned n_swaps;
} Cluster;

static void
put(const TempDir *dir, const char *name, const char *text)
{
    g_autofree char *path = temp_dir_file(dir, name), *folder = g_path_get_dirname(path);
    assert_int_equal(g_mkdir_with_parents(folder, 0700), 0);
    assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void
start_server(Cluster *cluster, size_t i)
{
    g_autofree char *script = g_strdup_printf(
        "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 "
        "-subj /CN=%s -addext subjectAltName=IP:127.0.0.1 -keyout %s.key -out %s.pem 2>/dev/null "
        "&& exec openssl s_server -accept 127.0.0.1:0 -HTTP -cert %s.pem -key %s.key",
        temp_dir_path(cluster->dir), NAMES[i], NAMES[i], NAMES[i], NAMES[i], NAMES[i]);
    const char *const argv[] = {"sh", "-c", script, NULL};
    cluster->servers[i] = program_start(argv, NULL);
    g_autofree char *port =
        program_wait_for(cluster->servers[i], "^ACCEPT 127\\.0\\.0\\.1:([0-9]+)$", PROGRAM_WAIT_MS);
    g_autofree char *name = g_strconcat(NAMES[i], ".pem", NULL);
    g_autofree char *path = temp_dir_file(cluster->dir, name);
    cluster->ports[i] = (uint16_t)strtoul(port, NULL, 10);
    assert_true(g_file_get_contents(path, &cluster->authorities[i], NULL, NULL));
}

/* Replaces what the account's volume holds, which is one rename; NULL: there is no ca.crt. */
static void
mount_authorities(Cluster *cluster, const char *pem)
{
    g_autofree char *folder = g_strdup_printf("..%u", cluster->n_swaps++);
    g_autofree char *token = g_strconcat("account/", folder, "/token", NULL);
    g_autofree char *ca = g_strconcat("account/", folder, "/ca.crt", NULL);
    g_autofree char *made = temp_dir_file(cluster->dir, "account/..data_tmp");
    g_autofree char *data = temp_dir_file(cluster->dir, "account/..data");
    put(cluster->dir, token, "t0ken");
    if (pem != NULL)
        put(cluster->dir, ca, pem);
    assert_int_equal(symlink(folder, made), 0);
    assert_int_equal(rename(made, data), 0);
}

static void
link_account(const Cluster *cluster)
{
    static const char *const names[] = {"token", "ca.crt"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *name = g_strconcat("account/", names[i], NULL);
        g_autofree char *path = temp_dir_file(cluster->dir, name);
        g_autofree char *target = g_strconcat("..data/", names[i], NULL);
        assert_int_equal(symlink(target, path), 0);
    }
}

/* The server that answers from now on. */
static void
serve(const Cluster *cluster, size_t i)
{
    relay_set(cluster->relay, RELAY_PASS, cluster->ports[i]);
}

static int
setup(void **state)
{
    Cluster *cluster = g_new0(Cluster, 1);
    cluster->dir = temp_dir_new();
    cluster->relay = relay_new();
    put(cluster->dir, "version",
        "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{\"major\":\"1\"}");
    for (size_t i = 0; i < G_N_ELEMENTS(NAMES); i++)
        start_server(cluster, i);
    mount_authorities(cluster, cluster->authorities[0]);
    link_account(cluster);
    serve(cluster, 0);
    g_autofree char *url = relay_url(cluster->relay);
    g_setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1", TRUE);
    g_setenv("KUBERNETES_SERVICE_PORT", strrchr(url, ':') + 1, TRUE);
    kept_log_clear();
    *state = cluster;
    return 0;
}

static int
teardown(void **state)
{
    Cluster *cluster = *state;
    for (size_t i = 0; i < G_N_ELEMENTS(NAMES); i++) {
        program_free(cluster->servers[i]);
        g_free(cluster->authorities[i]);
    }
    relay_free(cluster->relay);
    temp_dir_free(cluster->dir);
    g_free(cluster);
    return 0;
}

static K8sConfig *
load_config(const Cluster *cluster)
{
    g_autofree char *account = temp_dir_file(cluster->dir, "account");
    g_autoptr(GError) error = NULL;
    K8sConfig *config =
        k8s_config_load(&(K8sConfigOptions){.service_account_dir = account}, &error);
    assert_no_error(error);
    return config;
}

static void
expect_answer(K8sClient *client)
{
    const K8sCall call = {.tries_max = 1};
    g_auto(K8sOutcome) outcome = {0};
    g_autoptr(GBytes) body = NULL;
    (void)k8s_client_get(client, "/version", K8S_ANY, &call, &body, &outcome);
    assert_string_equal(outcome.message, "");
}

static void
expect_no_trust(K8sClient *client)
{
    const K8sCall call = {.tries_max = 1};
    g_auto(K8sOutcome) outcome = {0};
    g_autoptr(GBytes) body = NULL;
    assert_false(k8s_client_get(client, "/version", K8S_ANY, &call, &body, &outcome));
    assert_contains(outcome.message, "no trusted TLS with 127.0.0.1:");
}

static void
test_authorities_that_change(void **state)
{
    Cluster *cluster = *state;
    g_autoptr(K8sClient) client = k8s_client_new(load_config(cluster), "test");
    expect_answer(client);
    serve(cluster, 1);
    expect_no_trust(client);
    mount_authorities(cluster, cluster->authorities[1]);
    expect_answer(client);
    assert_int_equal(kept_log_count("are trusted as they are now"), 1);
    serve(cluster, 0);
    expect_no_trust(client);
    g_autofree char *both = g_strconcat(cluster->authorities[0], cluster->authorities[1], NULL);
    mount_authorities(cluster, both);
    expect_answer(client);
    serve(cluster, 1);
    expect_answer(client);
}

static void
test_a_broken_file_changes_nothing(void **state)
{
    Cluster *cluster = *state;
    g_autoptr(K8sClient) client = k8s_client_new(load_config(cluster), "test");
    expect_answer(client);
    g_autofree char *cut = g_strndup(cluster->authorities[1], strlen(cluster->authorities[1]) / 2);
    g_autofree char *half = g_strconcat(cluster->authorities[1], cut, NULL);
    const char *const broken[] = {"", "no certificate", cut, half, NULL};
    for (size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
        mount_authorities(cluster, broken[i]);
        expect_answer(client);
    }
    assert_int_equal(kept_log_count("the authorities that it held before are trusted still"), 1);
    assert_int_equal(kept_log_count("are trusted as they are now"), 0);
    mount_authorities(cluster, cluster->authorities[1]);
    expect_no_trust(client);
    assert_int_equal(kept_log_count("are trusted as they are now"), 1);
    serve(cluster, 1);
    expect_answer(client);
    mount_authorities(cluster, "broken once more");
    expect_answer(client);
    assert_int_equal(kept_log_count("the authorities that it held before are trusted still"), 2);
}

/* The kubelet writes the volume anew for each new token: connections are not lost by that. */
static void
test_the_same_authorities_keep_the_client(void **state)
{
    Cluster *cluster = *state;
    g_autoptr(K8sConfig) config = load_config(cluster);
    g_autoptr(TrustSource) source = trust_source_new(config, "test");
    g_autoptr(TrustedClient) first = trust_source_acquire(source);
    mount_authorities(cluster, cluster->authorities[0]);
    g_autoptr(TrustedClient) second = trust_source_acquire(source);
    assert_ptr_equal(second, first);
    g_autofree char *logged = kept_log_text();
    assert_string_equal(logged, "");
    mount_authorities(cluster, cluster->authorities[1]);
    g_autoptr(TrustedClient) third = trust_source_acquire(source);
    assert_ptr_not_equal(third, first);
}

static void
test_a_file_that_is_gone_at_the_start(void **state)
{
    Cluster *cluster = *state;
    K8sConfig *config = load_config(cluster);
    mount_authorities(cluster, NULL);
    g_autoptr(K8sClient) client = k8s_client_new(config, "test");
    expect_answer(client);
    serve(cluster, 1);
    mount_authorities(cluster, cluster->authorities[1]);
    expect_answer(client);
}

int
main(void)
{
    kept_log_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_authorities_that_change, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_broken_file_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_same_authorities_keep_the_client, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_file_that_is_gone_at_the_start, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
