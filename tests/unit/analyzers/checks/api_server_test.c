/* What the API server says of itself. */
#include "tests/harness/cluster.h"
#include "tests/unit/analyzers/checks/made_certificate.h"

#define QUIET "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
enum { DAY_S = 86400 };

static void
test_checks_of_the_server_that_fail(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(QUIET);
    test_cluster_fact(cluster, FACT_READYZ,
                      "[+]ping ok\n[+]log ok\n[-]etcd failed: reason withheld\n"
                      "[-]poststarthook/rbac/bootstrap-roles failed: not finished\n"
                      "[-]shutdown failed: reason withheld\nreadyz check failed\n");
    const Finding *finding = test_cluster_expect(cluster, "apiserver-readyz", "Backend kubernetes");
    assert_string_equal(finding->title, "The API server is not ready: etcd, "
                                        "poststarthook/rbac/bootstrap-roles");
    assert_int_equal(finding->severity, SEVERITY_CRITICAL);
    assert_int_equal(finding->fix->len, 2);
}

static void
test_a_ready_server(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "ok", "", "[+]ping ok\n[+]etcd ok\nreadyz check passed\n",
        "[+]ping ok\n[-]shutdown failed: reason withheld\nreadyz check failed\n",
        "<html>[-]etcd failed</html>"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(QUIET);
        test_cluster_fact(cluster, FACT_READYZ, texts[i]);
        test_cluster_expect_quiet(cluster, SEVERITY_INFO);
    }
}

/* A cluster whose API server has a certificate that ends so long from now, made so long ago. */
static TestCluster *
cluster_with(int64_t age_s, int64_t left_s)
{
    const CertificateWish wish = {
        .name = "kubernetes", .begin_s = TEST_NOW_S - age_s, .end_s = TEST_NOW_S + left_s};
    g_auto(MadeCertificate) made = made_certificate(&wish);
    g_autofree char *pem = made_certificate_pem(&made);
    TestCluster *cluster = test_cluster_new(QUIET);
    test_cluster_fact(cluster, FACT_CERTIFICATE, pem);
    return cluster;
}

static void
test_a_certificate_that_ends(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = cluster_with(352 * DAY_S, 13 * DAY_S);
    const Finding *finding =
        test_cluster_expect(cluster, "cluster-cert-expiring", "Backend kubernetes");
    assert_string_equal(finding->title, "The certificate of the API server ends in 13 d");
    assert_string_equal(finding->evidence->pdata[0], "Issued by CN=kubernetes");
    g_autoptr(TestCluster) over = cluster_with(370 * DAY_S, -DAY_S);
    finding = test_cluster_expect(over, "cluster-cert-expiring", "Backend kubernetes");
    assert_string_equal(finding->title, "The certificate of the API server ended 1 d ago");
    assert_int_equal(finding->severity, SEVERITY_HIGH);
}

static void
test_certificates_that_do_not_end_yet(void **state)
{
    (void)state;
    static const int64_t times[][2] = {
        {350 * DAY_S, 15 * DAY_S}, /* of kubeadm */
        {DAY_S / 2, DAY_S / 2},    /* of a proxy that makes one for every day */
        {3 * DAY_S, 4 * DAY_S},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(times); i++) {
        g_autoptr(TestCluster) cluster = cluster_with(times[i][0], times[i][1]);
        test_cluster_expect_quiet(cluster, SEVERITY_INFO);
    }
}

static void
test_unknown_is_said(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(QUIET);
    test_cluster_fact_fails(cluster, FACT_READYZ, "/readyz was not answered: 403 forbidden");
    test_cluster_fact_fails(cluster, FACT_CERTIFICATE, "it was reached without TLS");
    test_cluster_expect_unverified(cluster, "apiserver-readyz");
    test_cluster_expect_unverified(cluster, "cluster-cert-expiring");
    g_autoptr(TestCluster) other = test_cluster_new(QUIET);
    test_cluster_fact(other, FACT_CERTIFICATE, "-----BEGIN CERTIFICATE-----\nno\n");
    test_cluster_expect_unverified(other, "cluster-cert-expiring");
    test_cluster_expect_none(other, "cluster-cert-expiring");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checks_of_the_server_that_fail),
        cmocka_unit_test(test_a_ready_server),
        cmocka_unit_test(test_a_certificate_that_ends),
        cmocka_unit_test(test_certificates_that_do_not_end_yet),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
