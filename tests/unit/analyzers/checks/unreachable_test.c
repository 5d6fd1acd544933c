/* What containers that end again and again cannot reach, by their logs. */
#include "tests/unit/analyzers/checks/crashes.h"

static void
test_what_cannot_be_reached_is_to_blame(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autoptr(TestCluster) cluster =
        cluster_with_log(dir,
                         POD("web", "ports: []", LOOP("1")) POD("db", "ports: []", LOOP("139"))
                             SERVICE("db") SERVICE("web"),
                         "connect to postgres://app:hush@db:5432/app failed: connection refused\n");
    const Finding *cause = test_cluster_expect(cluster, "crashloop-segfault", "Pod shop/db");
    const Finding *finding =
        test_cluster_expect_folded(cluster, "crashloop-dependency", "Pod shop/web");
    assert_ptr_equal(finding->root, cause);
    assert_contains(finding->cause, "Service db in namespace shop has no ready pod");
    assert_null(strstr(finding->cause, "hush"));
}

/* The Service is well, and its name is looked up where it is not known. */
static void
test_a_name_that_is_looked_up_elsewhere(void **state)
{
    (void)state;
#define READY_DB                                                                                   \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Pod\n"                                                                                  \
    "metadata: {namespace: shop, name: db, labels: {app: db}}\n"                                   \
    "spec: {nodeName: n1, containers: [{name: app}]}\n"                                            \
    "status: {phase: Running, conditions: [{type: Ready, status: 'True'}]}\n" SERVICE("db")
    static const char log[] = "connecting to db:5432: lookup db: no such host\n";
    static const char refused[] = "connecting to db:5432: connection refused\n";
    static const struct {
        const char *dns, *log, *says; /* NULL: nothing about the DNS */
    } cases[] = {
        {"dnsPolicy: Default", log, "its dnsPolicy Default has names looked up by the DNS"},
        {"hostNetwork: true", log, "without dnsPolicy ClusterFirstWithHostNet"},
        {"hostNetwork: true, dnsPolicy: ClusterFirstWithHostNet", log, NULL},
        {"dnsPolicy: None", log, NULL},
        {"dnsPolicy: Default", refused, NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(TempDir) dir = temp_dir_new();
        g_autoptr(GString) yaml = g_string_new(POD("web", "ports: []", LOOP("1")) READY_DB);
        g_autofree char *spec = g_strdup_printf("spec: {%s, ", cases[i].dns);
        g_string_replace(yaml, "spec: {", spec, 1);
        g_autoptr(TestCluster) cluster = cluster_with_log(dir, yaml->str, cases[i].log);
        const Finding *finding =
            test_cluster_expect(cluster, "crashloop-dependency", "Pod shop/web");
        const char *fix = finding->fix->pdata[0];
        if (cases[i].says == NULL) {
            assert_lacks(finding->cause, "DNS");
            assert_contains(fix, "Repair what it needs first");
        } else {
            assert_contains(finding->cause, cases[i].says);
            assert_contains(fix, "Set dnsPolicy in its template to ClusterFirst");
        }
    }
}

/* Nobody answers about names: whatever was looked up is not to blame. */
static void
test_the_dns_that_does_not_answer_is_to_blame(void **state)
{
    (void)state;
#define NO_DNS                                                                                     \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Service\n"                                                                              \
    "metadata: {namespace: kube-system, name: kube-dns, creationTimestamp: "                       \
    "'2025-12-01T00:00:00Z'}\n"                                                                    \
    "spec: {clusterIP: 10.0.0.53, selector: {k8s-app: kube-dns}, ports: [{port: 53, protocol: "    \
    "UDP}]}\n"                                                                                     \
    "---\n"                                                                                        \
    "apiVersion: discovery.k8s.io/v1\n"                                                            \
    "kind: EndpointSlice\n"                                                                        \
    "metadata: {namespace: kube-system, name: kube-dns-a, labels: {kubernetes.io/service-name: "   \
    "kube-dns}}\n"                                                                                 \
    "endpoints: []\n"
    static const char *const logs[] = {
        "Error -3 connecting to db:5432. Temporary failure in name resolution.\n",
        "Error: getaddrinfo EAI_AGAIN db\n",
        "dial tcp: lookup db on 169.254.20.10:53: read udp: i/o timeout\n",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(logs); i++) {
        g_autoptr(TempDir) dir = temp_dir_new();
        g_autoptr(TestCluster) cluster =
            cluster_with_log(dir, POD("web", "ports: []", LOOP("1")) READY_DB NO_DNS, logs[i]);
        const Finding *cause =
            test_cluster_expect(cluster, "dns-down", "Service kube-system/kube-dns");
        assert_contains(cause->cause, "Service kube-system/kube-dns has no pod, so everything");
        const Finding *finding =
            test_cluster_expect_folded(cluster, "crashloop-dependency", "Pod shop/web");
        assert_ptr_equal(finding->root, cause);
    }
}

/* The line has the address that was tried, which is no Service's any more, and the name. */
static void
test_a_name_beside_an_address(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autoptr(TestCluster) cluster = cluster_with_log(
        dir, POD("web", "ports: []", LOOP("1")) POD("db", "ports: []", LOOP("139")) SERVICE("db"),
        "dial tcp 10.0.0.77:5432: connect: connection refused (db.shop.svc:5432)\n");
    const Finding *finding =
        test_cluster_expect_folded(cluster, "crashloop-dependency", "Pod shop/web");
    assert_string_equal(finding->root->object->name, "db");
}

/* The ports of a headless Service are those of its pods. */
static void
test_a_port_that_what_it_needs_does_not_have(void **state)
{
    (void)state;
#define HEADLESS                                                                                   \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Service\n"                                                                              \
    "metadata: {namespace: shop, name: db}\n"                                                      \
    "spec: {clusterIP: None, selector: {app: db}, ports: [{port: 5432}]}\n"
#define DB(ports)                                                                                  \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Pod\n"                                                                                  \
    "metadata: {namespace: shop, name: db, labels: {app: db}}\n"                                   \
    "spec: {nodeName: n1, containers: [{name: app, ports: [" ports "]}]}\n"                        \
    "status: {phase: Running, conditions: [{type: Ready, status: 'True'}]}\n"
    static const char log[] = "Error 111 connecting to db:6380. Connection refused.\n";
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autoptr(TestCluster) cluster = cluster_with_log(
        dir, POD("web", "ports: []", LOOP("1")) DB("{containerPort: 5432}") HEADLESS, log);
    const Finding *finding = test_cluster_expect(cluster, "crashloop-dependency", "Pod shop/web");
    assert_contains(finding->cause, "has no port 6380");
    g_autoptr(TestCluster) undeclared =
        cluster_with_log(dir, POD("web", "ports: []", LOOP("1")) DB("") HEADLESS, log);
    finding = test_cluster_expect(undeclared, "crashloop-dependency", "Pod shop/web");
    assert_null(strstr(finding->cause, "has no port"));
}

/* As drivers of many languages write it. */
static void
test_what_cannot_be_reached_is_read_from_many_logs(void **state)
{
    (void)state;
    static const char *const logs[] = {
        "org.postgresql.util.PSQLException: Connection to db:5432 refused. Check that the hostname "
        "and port are correct and that the postmaster is accepting TCP/IP connections.\n",
        "ERROR db ping: connect to db.shop.svc.cluster.local:5432: connection refused\n",
        "redis.exceptions.ConnectionError: Error 111 connecting to db:5432. Connection refused.\n",
        "failed to connect to `host=db user=app database=app`: dial error (dial tcp db:5432: "
        "connect: connection refused)\n",
        "connection to server at \"db\" (10.0.0.9), port 5432 failed: Connection refused\n",
        "Error: connect ECONNREFUSED 10.0.0.9:5432\n",
        "pymongo.errors.ServerSelectionTimeoutError: db:5432: timed out\n",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(logs); i++) {
        g_autoptr(TempDir) dir = temp_dir_new();
        g_autoptr(TestCluster) cluster = cluster_with_log(
            dir,
            POD("web", "ports: []", LOOP("1")) POD("db", "ports: []", LOOP("139")) SERVICE("db"),
            logs[i]);
        const Finding *finding =
            test_cluster_expect_folded(cluster, "crashloop-dependency", "Pod shop/web");
        assert_string_equal(finding->root->object->name, "db");
    }
}

/* Two pods that wait for each other, and one that waits for its own Service. */
static void
test_circles_end(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autoptr(TestCluster) cluster =
        cluster_with_log(dir, POD("web", "ports: []", LOOP("1")) SERVICE("web"),
                         "dial tcp web:80: connection refused\n");
    test_cluster_expect(cluster, "crashloop-dependency", "Pod shop/web");
    g_autofree char *path = temp_dir_file(dir, "shop_db_app.previous.log");
    assert_true(g_file_set_contents(path, "dial tcp web:80: connection refused\n", -1, NULL));
    g_autoptr(TestCluster) both =
        cluster_with_log(dir,
                         POD("web", "ports: []", LOOP("1")) SERVICE("web")
                             POD("db", "ports: []", LOOP("1")) SERVICE("db"),
                         "dial tcp db:5432: connection refused\n");
    assert_true(test_cluster_findings(both)->n_roots > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_cannot_be_reached_is_to_blame),
        cmocka_unit_test(test_a_name_that_is_looked_up_elsewhere),
        cmocka_unit_test(test_the_dns_that_does_not_answer_is_to_blame),
        cmocka_unit_test(test_a_name_beside_an_address),
        cmocka_unit_test(test_a_port_that_what_it_needs_does_not_have),
        cmocka_unit_test(test_what_cannot_be_reached_is_read_from_many_logs),
        cmocka_unit_test(test_circles_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
