/* Certificates and keys in Secrets. */
#include "tests/harness/cluster.h"
#include "tests/unit/analyzers/checks/made_certificate.h"

enum { DAY_S = 86400 };

#define INGRESS                                                                                    \
    "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {namespace: shop, name: "     \
    "web}\nspec: {ingressClassName: c, tls: [{hosts: [shop.example], secretName: web-tls}], "      \
    "rules: [{host: shop.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: "  \
    "{name: web, port: {number: 80}}}}]}}]}\nstatus: {loadBalancer: {ingress: [{ip: "              \
    "192.0.2.1}]}}\n---\napiVersion: v1\nkind: Service\nmetadata: {namespace: shop, name: web}\n"  \
    "spec: {clusterIP: 10.0.0.9, selector: {app: web}, ports: [{port: 80, targetPort: 80}]}\n"     \
    "---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: c}\nspec: "       \
    "{controller: example.com/c}\n---\napiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, "    \
    "name: web, labels: {app: web}}\nspec: {nodeName: n1, containers: [{name: app, ports: "        \
    "[{containerPort: 80}]}]}\nstatus: {phase: Running, podIP: 10.1.0.1, conditions: [{type: "     \
    "Ready, status: 'True'}]}\n---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"        \
    "metadata: {namespace: shop, name: web-1, labels: {kubernetes.io/service-name: web}}\n"        \
    "addressType: IPv4\nports: [{port: 80}]\nendpoints: [{addresses: [10.1.0.1], conditions: "     \
    "{ready: true}, targetRef: {kind: Pod, name: web, uid: Pod/shop/web}}]\n"

#define CERTIFICATE                                                                                \
    "---\napiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {namespace: shop, name: "   \
    "web}\nspec: {secretName: web-tls, dnsNames: [shop.example]}\nstatus: {conditions: [{type: "   \
    "Ready, status: 'True'}]}\n"

#define GATEWAY                                                                                    \
    "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {namespace: edge, "   \
    "name: gw}\nspec: {gatewayClassName: c, listeners: [{name: https, port: 443, protocol: "       \
    "HTTPS, hostname: shop.example, tls: {certificateRefs: [{name: web-tls, namespace: "           \
    "shop}]}}]}\n"

#define WEBHOOK                                                                                    \
    "---\napiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\n"     \
    "metadata: {name: guard}\nwebhooks: [{name: g.example.com, failurePolicy: Ignore, rules: "     \
    "[{operations: [CREATE], apiGroups: [x.example.com], resources: [xs]}], clientConfig: "        \
    "{caBundle: Cg==, service: {namespace: shop, name: hook}}}]\n---\napiVersion: v1\nkind: "      \
    "Service\nmetadata: {namespace: shop, name: hook}\nspec: {selector: {app: hook}, ports: "      \
    "[{port: 443}]}\n---\napiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: hook, "     \
    "labels: {app: hook}}\nspec: {nodeName: n1, volumes: [{name: tls, secret: {secretName: "       \
    "web-tls}}], containers: [{name: app}]}\nstatus: {phase: Running, conditions: [{type: Ready, " \
    "status: 'True'}]}\n---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: "     \
    "{namespace: shop, name: hook-1, labels: {kubernetes.io/service-name: hook}}\naddressType: "   \
    "IPv4\nports: [{port: 443}]\nendpoints: [{addresses: [10.1.0.2], conditions: {ready: true}, "  \
    "targetRef: {kind: Pod, name: hook, uid: Pod/shop/hook}}]\n"

/* Secret shop/web-tls with a chain of certificates and the key of `key`, and other objects. */
static TestCluster *
cluster_of(const char *chain, const MadeCertificate *key, const char *others)
{
    g_autofree char *key_pem = made_key_pem(key);
    g_autofree char *crt64 = g_base64_encode((const guchar *)chain, strlen(chain));
    g_autofree char *key64 = g_base64_encode((const guchar *)key_pem, strlen(key_pem));
    g_autofree char *yaml =
        g_strdup_printf("apiVersion: v1\nkind: Secret\nmetadata: {namespace: shop, name: web-tls}\n"
                        "type: kubernetes.io/tls\ndata: {tls.crt: '%s', tls.key: '%s'}\n%s",
                        crt64, key64, others);
    return test_cluster_new(yaml);
}

/* The same with one certificate that signs itself, made so long ago and that ends so long from now.
 */
static TestCluster *
cluster_in(int64_t age_s, int64_t left_s, const char *others)
{
    const CertificateWish wish = {
        .name = "shop.example", .begin_s = TEST_NOW_S - age_s, .end_s = TEST_NOW_S + left_s};
    g_auto(MadeCertificate) made = made_certificate(&wish);
    g_autofree char *pem = made_certificate_pem(&made);
    return cluster_of(pem, &made, others);
}

static void
test_certificates_that_end(void **state)
{
    (void)state;
    static const struct {
        int64_t left_s;
        Severity severity;
        const char *title;
    } rows[] = {
        {13 * DAY_S, SEVERITY_MEDIUM, "The certificate of Secret web-tls ends in 13 d"},
        {6 * DAY_S, SEVERITY_HIGH, "The certificate of Secret web-tls ends in 6 d"},
        {DAY_S / 2, SEVERITY_CRITICAL, "The certificate of Secret web-tls ends in 12 h"},
        {-DAY_S, SEVERITY_CRITICAL, "The certificate of Secret web-tls ended 1 d ago"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(TestCluster) cluster = cluster_in(80 * DAY_S, rows[i].left_s, INGRESS);
        const Finding *finding =
            test_cluster_expect(cluster, "tls-secret-expiring", "Secret shop/web-tls");
        assert_string_equal(finding->title, rows[i].title);
        assert_int_equal(finding->severity, rows[i].severity);
        assert_string_equal(finding->evidence->pdata[0], "Ingress web serves with it");
        assert_string_equal(finding->evidence->pdata[1], "https://shop.example");
        assert_int_equal(finding->fix->len, 2);
        test_cluster_expect_none(cluster, "tls-secret-mismatch");
    }
}

static void
test_whatever_serves_with_it(void **state)
{
    (void)state;
    static const char *const users[][2] = {{GATEWAY, "Gateway gw serves with it"},
                                           {WEBHOOK, "ValidatingWebhookConfiguration guard serves "
                                                     "with it"}};
    for (size_t i = 0; i < G_N_ELEMENTS(users); i++) {
        g_autoptr(TestCluster) cluster = cluster_in(80 * DAY_S, 3 * DAY_S, users[i][0]);
        const Finding *finding =
            test_cluster_expect(cluster, "tls-secret-expiring", "Secret shop/web-tls");
        assert_string_equal(finding->evidence->pdata[0], users[i][1]);
    }
}

static void
test_certificates_that_are_well(void **state)
{
    (void)state;
    static const struct {
        int64_t age_s, left_s;
        const char *others;
    } rows[] = {
        {75 * DAY_S, 15 * DAY_S, INGRESS},
        {DAY_S / 2, DAY_S / 2, INGRESS},             /* made for a day */
        {80 * DAY_S, 3 * DAY_S, ""},                 /* nobody serves with it */
        {80 * DAY_S, 3 * DAY_S, INGRESS CERTIFICATE} /* cert-manager tells of it */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(TestCluster) cluster = cluster_in(rows[i].age_s, rows[i].left_s, rows[i].others);
        test_cluster_expect_none(cluster, "tls-secret-expiring");
        test_cluster_expect_none(cluster, "tls-secret-mismatch");
        test_cluster_expect_none(cluster, "tls-cert-not-yet-valid");
    }
}

static void
test_a_certificate_of_the_future(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = cluster_in(-DAY_S, 90 * DAY_S, INGRESS);
    const Finding *finding =
        test_cluster_expect(cluster, "tls-cert-not-yet-valid", "Secret shop/web-tls");
    assert_string_equal(finding->title, "The certificate of Secret web-tls begins in 1 d");
    g_autoptr(TestCluster) now = cluster_in(-60, 90 * DAY_S, INGRESS);
    test_cluster_expect_none(now, "tls-cert-not-yet-valid");
}

/* An authority, one below it, and a leaf of that. */
typedef struct {
    MadeCertificate root, middle, leaf, other;
    char *root_pem, *middle_pem, *leaf_pem;
} Chain;

static Chain
chain_new(bool is_public)
{
    CertificateWish wish = {
        .name = "Root", .begin_s = TEST_NOW_S - DAY_S, .end_s = TEST_NOW_S + 90 * DAY_S};
    Chain chain = {.root = made_certificate(&wish)};
    wish.name = "Middle";
    wish.issuer = &chain.root;
    chain.middle = made_certificate(&wish);
    wish = (CertificateWish){"shop.example", wish.begin_s, wish.end_s, &chain.middle, is_public};
    chain.leaf = made_certificate(&wish);
    chain.other = made_certificate(&wish);
    chain.root_pem = made_certificate_pem(&chain.root);
    chain.middle_pem = made_certificate_pem(&chain.middle);
    chain.leaf_pem = made_certificate_pem(&chain.leaf);
    return chain;
}

static void
chain_clear(Chain *chain)
{
    made_certificate_clear(&chain->root);
    made_certificate_clear(&chain->middle);
    made_certificate_clear(&chain->leaf);
    made_certificate_clear(&chain->other);
    g_free(chain->root_pem);
    g_free(chain->middle_pem);
    g_free(chain->leaf_pem);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Chain, chain_clear)

static void
test_keys_and_chains_that_do_not_fit(void **state)
{
    (void)state;
    g_auto(Chain) chain = chain_new(true);
    g_autofree char *broken = g_strconcat(chain.leaf_pem, chain.root_pem, NULL);
    const struct {
        const char *pem;
        const MadeCertificate *key;
        const char *others, *title;
        Severity severity;
    } rows[] = {
        {chain.leaf_pem, &chain.other, INGRESS,
         "The key of Secret web-tls is not that of its certificate", SEVERITY_HIGH},
        {chain.leaf_pem, &chain.other, "",
         "The key of Secret web-tls is not that of its certificate", SEVERITY_LOW},
        {chain.leaf_pem, &chain.leaf, INGRESS,
         "The certificate of Secret web-tls comes without its chain", SEVERITY_HIGH},
        {broken, &chain.leaf, INGRESS, "The certificate of Secret web-tls comes without its chain",
         SEVERITY_HIGH},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(TestCluster) cluster = cluster_of(rows[i].pem, rows[i].key, rows[i].others);
        const Finding *finding =
            test_cluster_expect(cluster, "tls-secret-mismatch", "Secret shop/web-tls");
        assert_string_equal(finding->title, rows[i].title);
        assert_int_equal(finding->severity, rows[i].severity);
        for (guint k = 0; k < finding->evidence->len; k++)
            assert_lacks(finding->evidence->pdata[k], "PRIVATE");
    }
}

static void
test_keys_and_chains_that_fit(void **state)
{
    (void)state;
    g_auto(Chain) public = chain_new(true);
    g_auto(Chain) own = chain_new(false);
    g_autofree char *whole = g_strconcat(public.leaf_pem, public.middle_pem, NULL);
    g_autofree char *turned =
        g_strconcat(public.leaf_pem, public.root_pem, public.middle_pem, NULL);
    const struct {
        const char *pem;
        const MadeCertificate *key;
    } rows[] = {
        {whole, &public.leaf},
        {turned, &public.leaf},
        {own.leaf_pem, &own.leaf}, /* clients may trust its issuer */
        {own.root_pem, &own.root},
        {"", &own.root},                                /* cert-manager has not issued it yet */
        {"-----BEGIN CERTIFICATE-----\nno", &own.root}, /* nothing that can be read */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(TestCluster) cluster = cluster_of(rows[i].pem, rows[i].key, INGRESS);
        test_cluster_expect_none(cluster, "tls-secret-mismatch");
    }
}

static void
test_unknown_is_said(void **state)
{
    (void)state;
    static const char *const checks[] = {"tls-secret-expiring", "tls-secret-mismatch",
                                         "tls-cert-not-yet-valid"};
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n");
    test_cluster_fail(cluster, KIND_TLS_SECRET, "403");
    for (size_t i = 0; i < G_N_ELEMENTS(checks); i++)
        test_cluster_expect_unverified(cluster, checks[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificates_that_end),
        cmocka_unit_test(test_whatever_serves_with_it),
        cmocka_unit_test(test_certificates_that_are_well),
        cmocka_unit_test(test_a_certificate_of_the_future),
        cmocka_unit_test(test_keys_and_chains_that_do_not_fit),
        cmocka_unit_test(test_keys_and_chains_that_fit),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
