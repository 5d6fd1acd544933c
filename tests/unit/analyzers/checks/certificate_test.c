/* cert-manager: who issues, what was issued, and what lies between. */
#include "tests/unit/analyzers/checks/cases.h"

static const CheckCase cases[] = {
    {"certmanager-issuer-not-ready", "ClusterIssuer acme",
     "apiVersion: cert-manager.io/v1\n"
     "kind: ClusterIssuer\n"
     "metadata: {name: acme}\n"
     "status: {conditions: [{type: Ready, status: 'False', lastTransitionTime: "
     "'2026-01-01T10:00:00Z', reason: NotSo, message: 'it says so'}]}\n",
     "it says so"},
    {"certmanager-cert-not-ready", "Certificate shop/web",
     "apiVersion: cert-manager.io/v1\n"
     "kind: Certificate\n"
     "metadata: {namespace: shop, name: web}\n"
     "spec: {secretName: web-tls, issuerRef: {kind: ClusterIssuer, name: acme}}\n"
     "status: {conditions: [{type: Ready, status: 'False', lastTransitionTime: "
     "'2026-01-01T10:00:00Z', reason: NotSo, message: 'it says so'}]}\n",
     "not been issued"},
    {"certmanager-cert-not-ready", "Certificate shop/web",
     "apiVersion: cert-manager.io/v1\n"
     "kind: Certificate\n"
     "metadata: {namespace: shop, name: web}\n"
     "spec: {secretName: web-tls, issuerRef: {kind: ClusterIssuer, name: acme}}\n"
     "status: {notAfter: '2026-01-01T10:00:00Z', conditions: [{type: Ready, status: "
     "'True'}]}\n",
     "expired 2 h ago"},
    {"certmanager-cert-not-ready", "Certificate shop/web",
     "apiVersion: cert-manager.io/v1\n"
     "kind: Certificate\n"
     "metadata: {namespace: shop, name: web}\n"
     "spec: {secretName: web-tls, issuerRef: {kind: ClusterIssuer, name: acme}}\n"
     "status: {notAfter: '2026-04-01T10:00:00Z', conditions: [{type: Ready, status: 'False', "
     "lastTransitionTime: '2026-01-01T10:00:00Z', reason: DoesNotExist, message: 'Issuing as "
     "Secret does not exist'}]}\n",
     "is not ready: Issuing as Secret does not exist"},
    {"certmanager-cert-expiring", "Certificate shop/web",
     "apiVersion: cert-manager.io/v1\n"
     "kind: Certificate\n"
     "metadata: {namespace: shop, name: web}\n"
     "spec: {secretName: web-tls, issuerRef: {kind: ClusterIssuer, name: acme}}\n"
     "status: {notAfter: '2026-01-05T10:00:00Z', renewalTime: '2025-12-20T10:00:00Z', "
     "conditions: [{type: Ready, status: 'True'}]}\n",
     "ends in 3 d 22 h"},
    {"certmanager-challenge-stuck", "Challenge shop/challenge-1",
     "apiVersion: cert-manager.io/v1\n"
     "kind: Certificate\n"
     "metadata: {namespace: shop, name: web}\n"
     "spec: {secretName: web-tls, issuerRef: {kind: ClusterIssuer, name: acme}}\n"
     "status: {conditions: [{type: Ready, status: 'False', lastTransitionTime: "
     "'2026-01-01T11:58:00Z'}]}\n"
     "---\n"
     "apiVersion: acme.cert-manager.io/v1\n"
     "kind: Challenge\n"
     "metadata: {namespace: shop, name: challenge-1, ownerReferences: [{controller: true, "
     "kind: Certificate, uid: Certificate/shop/web}]}\n"
     "spec: {dnsName: web.example.com, type: HTTP-01}\n"
     "status: {state: pending, reason: 'connection refused'}\n",
     "web.example.com (HTTP-01): connection refused"},
    {"certmanager-request-denied", "CertificateRequest shop/certificaterequest-1",
     "apiVersion: cert-manager.io/v1\n"
     "kind: Certificate\n"
     "metadata: {namespace: shop, name: web}\n"
     "spec: {secretName: web-tls, issuerRef: {kind: ClusterIssuer, name: acme}}\n"
     "status: {conditions: [{type: Ready, status: 'False', lastTransitionTime: "
     "'2026-01-01T11:58:00Z'}]}\n"
     "---\n"
     "apiVersion: cert-manager.io/v1\n"
     "kind: CertificateRequest\n"
     "metadata: {namespace: shop, name: certificaterequest-1, ownerReferences: "
     "[{controller: true, kind: Certificate, uid: Certificate/shop/web}]}\n"
     "status: {conditions: [{type: Denied, status: 'True', lastTransitionTime: "
     "'2026-01-01T10:00:00Z', message: 'no policy allows it'}]}\n",
     "no policy allows it"},
};

static const char *const quiet[] = {
    "apiVersion: cert-manager.io/v1\n"
    "kind: Certificate\n"
    "metadata: {namespace: shop, name: web}\n"
    "spec: {secretName: web-tls, issuerRef: {kind: ClusterIssuer, name: acme}}\n"
    "status: {conditions: [{type: Ready, status: 'False', lastTransitionTime: "
    "'2026-01-01T11:58:00Z'}]}\n",
    "apiVersion: cert-manager.io/v1\n"
    "kind: Certificate\n"
    "metadata: {namespace: shop, name: web}\n"
    "spec: {secretName: web-tls, issuerRef: {kind: ClusterIssuer, name: acme}}\n"
    "status: {notAfter: '2026-03-01T10:00:00Z', conditions: [{type: Ready, status: "
    "'True'}]}\n"
    "---\n"
    "apiVersion: cert-manager.io/v1\n"
    "kind: CertificateRequest\n"
    "metadata: {namespace: shop, name: certificaterequest-1, ownerReferences: "
    "[{controller: true, kind: Certificate, uid: Certificate/shop/web}]}\n"
    "status: {conditions: [{type: Denied, status: 'True', lastTransitionTime: "
    "'2026-01-01T10:00:00Z'}]}\n",
    "apiVersion: cert-manager.io/v1\n"
    "kind: Certificate\n"
    "metadata: {namespace: shop, name: web}\n"
    "spec: {secretName: web-tls, issuerRef: {kind: ClusterIssuer, name: acme}}\n"
    "status: {notAfter: '2026-01-05T10:00:00Z', renewalTime: '2026-01-01T10:00:00Z', "
    "conditions: [{type: Ready, status: 'True'}]}\n",
    "apiVersion: cert-manager.io/v1\n"
    "kind: ClusterIssuer\n"
    "metadata: {name: acme}\n"
    "status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: "
    "'2026-01-01T10:00:00Z'}]}\n"
    "---\n"
    "apiVersion: cert-manager.io/v1\n"
    "kind: Certificate\n"
    "metadata: {namespace: shop, name: web}\n"
    "spec: {secretName: web-tls, issuerRef: {kind: ClusterIssuer, name: acme}}\n"
    "status: {notAfter: '2026-03-01T10:00:00Z', conditions: [{type: Ready, status: "
    "'True'}]}\n",
};

static void
test_each_fires(void **state)
{
    (void)state;
    cases_expect(cases, G_N_ELEMENTS(cases));
}

static void
test_what_is_well_is_quiet(void **state)
{
    (void)state;
    cases_expect_quiet(quiet, G_N_ELEMENTS(quiet));
}

static void
test_each_says_when_it_cannot_look(void **state)
{
    (void)state;
    cases_expect_unverified(cases, G_N_ELEMENTS(cases));
}

/* The issuer explains the certificate, and the certificate the pods that need its Secret. */
static void
test_the_issuer_is_the_root(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        "apiVersion: cert-manager.io/v1\n"
        "kind: Certificate\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {secretName: web-tls, issuerRef: {kind: ClusterIssuer, name: acme}}\n"
        "status: {conditions: [{type: Ready, status: 'False', lastTransitionTime: "
        "'2026-01-01T10:00:00Z', reason: NotSo, message: 'it says so'}]}\n"
        "---\n"
        "apiVersion: cert-manager.io/v1\n"
        "kind: ClusterIssuer\n"
        "metadata: {name: acme}\n"
        "status: {conditions: [{type: Ready, status: 'False', lastTransitionTime: "
        "'2026-01-01T10:00:00Z', reason: NotSo, message: 'it says so'}]}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata: {namespace: shop, name: web}\n"
        "spec: {template: {spec: {containers: [{name: app}], volumes: [{name: tls, secret: "
        "{secretName: web-tls}}]}}}\n");
    test_cluster_expect(cluster, "certmanager-issuer-not-ready", "ClusterIssuer acme");
    test_cluster_expect_folded(cluster, "certmanager-cert-not-ready", "Certificate shop/web");
    test_cluster_expect_folded(cluster, "missing-secret-ref", "Deployment shop/web");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_fires),
        cmocka_unit_test(test_what_is_well_is_quiet),
        cmocka_unit_test(test_each_says_when_it_cannot_look),
        cmocka_unit_test(test_the_issuer_is_the_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
