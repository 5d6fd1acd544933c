#include <glib/gstdio.h>
#include <string.h>

#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

#define NS(name)                                                                                   \
    "---\n{apiVersion: v1, kind: Namespace, metadata: {name: " name                                \
    ", labels: {kubernetes.io/metadata.name: " name "}}}\n"
#define POD_AS(ns, name, labels, ready, container)                                                 \
    "---\n{apiVersion: v1, kind: Pod, metadata: {namespace: " ns ", name: " name                   \
    ", labels: " labels "}, spec: {containers: [" container "]}, status: {phase: Running, podIP: " \
    "10.0.0.1, conditions: [{type: Ready, status: '" ready                                         \
    "', lastTransitionTime: '2026-01-01T11:30:00Z'}]}}\n"
#define POD(ns, name, labels, container) POD_AS(ns, name, labels, "True", container)
#define SERVICE(ns, name, port, target)                                                            \
    "---\n{apiVersion: v1, kind: Service, metadata: {namespace: " ns ", name: " name               \
    "}, spec: {selector: {app: " name "}, ports: [{port: " port ", targetPort: " target "}]}}\n"
#define POLICY_AT(ns, name, time, spec)                                                            \
    "---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: " ns       \
    ", name: " name ", creationTimestamp: '" time "'}, spec: " spec "}\n"
#define POLICY(ns, name, spec) POLICY_AT(ns, name, "2026-01-01T11:20:00Z", spec)
#define DNS                                                                                        \
    NS("kube-system")                                                                              \
    POD("kube-system", "coredns", "{k8s-app: kube-dns}", "{name: coredns}")                        \
    "---\n{apiVersion: v1, kind: Service, metadata: {namespace: kube-system, name: kube-dns}, "    \
    "spec: {selector: {k8s-app: kube-dns}, ports: [{name: dns, port: 53, protocol: UDP}, {name: "  \
    "dns-tcp, port: 53}]}}\n"
#define LISTENS "{name: c, ports: [{name: http, containerPort: 8080}]}"
#define CALLS   "{name: c, env: [{name: API_URL, value: 'http://api:80'}]}"
#define SHOP                                                                                       \
    NS("shop")                                                                                     \
    POD("shop", "api", "{app: api}", LISTENS)                                                      \
    POD("shop", "web", "{app: web}", CALLS) SERVICE("shop", "api", "80", "http")

/* ---- DNS. ---- */

#define EGRESS(rules)                                                                              \
    POLICY("shop", "out",                                                                          \
           "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: " rules "}")
#define TO_API        "{to: [{podSelector: {matchLabels: {app: api}}}]}"
#define TO_DNS(ports) "{to: [{namespaceSelector: {}}], ports: [" ports "]}"

static void
test_an_egress_policy_without_dns(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(DNS SHOP EGRESS("[" TO_API "]"));
    const Finding *finding =
        test_cluster_expect(cluster, "netpol-blocks-dns", "NetworkPolicy shop/out");
    assert_contains(finding->title, "NetworkPolicy out keeps Pod web from DNS");
    assert_contains(finding->cause, "allows only app=api");
    assert_int_equal(finding->since_s, TEST_NOW_S - 2400);
    g_autoptr(TestCluster) allowed = test_cluster_new(
        DNS SHOP EGRESS("[" TO_API ", " TO_DNS("{protocol: UDP, port: 53}, {port: 53}") "]"));
    test_cluster_expect_quiet(allowed, SEVERITY_INFO);
    g_autoptr(TestCluster) by_another = test_cluster_new(DNS SHOP EGRESS("[" TO_API "]") POLICY(
        "shop", "dns",
        "{podSelector: {}, policyTypes: "
        "[Egress], egress: [" TO_DNS("{protocol: UDP, port: 53}, {port: 53}") "]}"));
    test_cluster_expect_quiet(by_another, SEVERITY_INFO);
}

/* What several workloads have in common is to blame, once. */
static void
test_dns_is_missing_for_all_of_a_namespace(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        DNS SHOP POD("shop", "job", "{app: job}", CALLS) POLICY_AT(
            "shop", "all", "2026-01-01T10:00:00Z", "{podSelector: {}, policyTypes: [Egress]}")
            EGRESS("[" TO_API "]") POLICY_AT("shop", "job", "2026-01-01T11:00:00Z",
                                             "{podSelector: {matchLabels: {app: job}}, "
                                             "policyTypes: [Egress], egress: [" TO_API "]}"));
    const Finding *finding =
        test_cluster_expect(cluster, "netpol-blocks-dns", "NetworkPolicy shop/all");
    assert_int_equal(finding->about->len, 2);
    assert_contains(finding->cause, "no policy allows them look-ups at Service kube-system/");
    assert_int_equal(test_cluster_findings(cluster)->n_roots, 1);
}

/* Of several that all of them have in common, the one that was changed last is named, by its edits
 * too, and the cause lists all. */
static void
test_of_several_policies_the_one_changed_last_is_named(void **state)
{
    (void)state;
#define OUT(name, created, edited)                                                                 \
    "---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: shop, "    \
    "name: " name ", creationTimestamp: '2026-01-01T" created                                      \
    ":00Z', managedFields: [{manager: kubectl, time: '2026-01-01T" edited                          \
    ":00Z'}]}, spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: "     \
    "[" TO_API "]}}\n"
    g_autoptr(TestCluster) created =
        test_cluster_new(DNS SHOP OUT("first", "09:00", "09:00") OUT("second", "10:00", "10:00"));
    const Finding *finding =
        test_cluster_expect(created, "netpol-blocks-dns", "NetworkPolicy shop/second");
    assert_contains(finding->cause, "first");
    assert_int_equal(test_cluster_findings(created)->n_roots, 1);
    g_autoptr(TestCluster) edited =
        test_cluster_new(DNS SHOP OUT("first", "09:00", "11:00") OUT("second", "10:00", "10:00"));
    finding = test_cluster_expect(edited, "netpol-blocks-dns", "NetworkPolicy shop/first");
    assert_contains(finding->cause, "second");
#undef OUT
}

static bool
has_evidence(const Finding *finding, const char *part)
{
    for (guint i = 0; i < finding->evidence->len; i++) {
        if (strstr(finding->evidence->pdata[i], part) != NULL)
            return true;
    }
    return false;
}

static void
test_trouble_that_began_with_the_policy(void **state)
{
    (void)state;
    static const char onset[] =
        "Pod web stopped being ready 10 min after NetworkPolicy out was changed";
#define TROUBLED DNS NS("shop") POD_AS("shop", "web", "{app: web}", "False", CALLS)
    g_autoptr(TestCluster) cluster = test_cluster_new(TROUBLED EGRESS("[" TO_API "]"));
    const Finding *sudden =
        test_cluster_expect(cluster, "netpol-blocks-dns", "NetworkPolicy shop/out");
    assert_true(has_evidence(sudden, onset));
    assert_int_equal(sudden->severity, SEVERITY_CRITICAL);
    g_autoptr(TestCluster) older = test_cluster_new(
        TROUBLED POLICY_AT("shop", "out", "2026-01-01T11:00:00Z",
                           "{podSelector: {}, policyTypes: [Egress], egress: [" TO_API "]}"));
    const Finding *slow = test_cluster_expect(older, "netpol-blocks-dns", "NetworkPolicy shop/out");
    assert_false(has_evidence(slow, "stopped"));
    assert_int_equal(slow->severity, SEVERITY_HIGH);
}

static void
test_a_block_may_let_dns_through(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(DNS SHOP EGRESS("[" TO_API ", {to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]"));
    test_cluster_expect_none(cluster, "netpol-blocks-dns");
    g_autoptr(TestCluster) unknown = test_cluster_new(DNS SHOP EGRESS("[" TO_API "]"));
    test_cluster_fail(unknown, KIND_NETWORK_POLICY, "networkpolicies could not be listed: 403");
    test_cluster_expect_none(unknown, "netpol-blocks-dns");
    test_cluster_expect_unverified(unknown, "netpol-blocks-dns");
}

static void
test_who_names_no_host_needs_no_dns(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        DNS NS("shop") POD("shop", "web", "{app: web}", LISTENS) EGRESS("[" TO_API "]"));
    test_cluster_expect_none(cluster, "netpol-blocks-dns");
    g_autoptr(TestCluster) closed =
        test_cluster_new(DNS NS("shop") POD("shop", "web", "{app: web}", LISTENS) EGRESS("[]"));
    test_cluster_expect_quiet(closed, SEVERITY_INFO);
}

static void
test_dns_by_udp_only(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(DNS SHOP POLICY_AT(
        "shop", "out", "2025-12-20T00:00:00Z",
        "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [" TO_API
        ", " TO_DNS("{protocol: UDP, port: 53}") "]}"));
    test_cluster_expect(cluster, "netpol-dns-tcp-missing", "NetworkPolicy shop/out");
    test_cluster_expect_none(cluster, "netpol-blocks-dns");
}

static void
test_no_connection_at_all(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(DNS SHOP EGRESS("[]"));
    test_cluster_expect(cluster, "netpol-egress-isolates-all", "NetworkPolicy shop/out");
    test_cluster_expect_none(cluster, "netpol-blocks-dns");
    test_cluster_expect_none(cluster, "netpol-blocks-caller");
}

#define NAMES_EGRESS                                                                               \
    POLICY("shop", "in",                                                                           \
           "{podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress, Egress], ingress: "    \
           "[{from: [{podSelector: {}}]}]}")

static void
test_egress_was_not_meant(void **state)
{
    (void)state;
    static const char id[] = "netpol-policytypes-empty-block";
    g_autoptr(TestCluster) cluster = test_cluster_new(DNS SHOP NAMES_EGRESS);
    const Finding *finding = test_cluster_expect(cluster, id, "NetworkPolicy shop/in");
    assert_contains(finding->fix->pdata[0], "Take Egress out of policyTypes");
    test_cluster_expect_none(cluster, "netpol-egress-isolates-all");
    /* With one that closes everything on purpose beside it, that one is to blame. */
    g_autoptr(TestCluster) closed = test_cluster_new(DNS SHOP NAMES_EGRESS EGRESS("[]"));
    test_cluster_expect_none(closed, id);
    g_autoptr(TestCluster) unknown = test_cluster_new(DNS SHOP NAMES_EGRESS);
    test_cluster_fail(unknown, KIND_NETWORK_POLICY, "networkpolicies could not be listed: 403");
    test_cluster_expect_unverified(unknown, id);
}

/* ---- Agents. ---- */

#define RUNS(image)                                                                                \
    NS("mon") POD("mon", "alloy", "{app: alloy}", "{name: alloy, image: '" image "'}")
#define AGENT RUNS("grafana/alloy:v1")
#define OUT(rules)                                                                                 \
    POLICY("mon", "out", "{podSelector: {}, policyTypes: [Egress], egress: " rules "}")
#define TO_PODS "{to: [{podSelector: {}}]}"

/* The cluster with a log of the agent. */
static TestCluster *
cluster_with_log(const char *yaml, const char *line)
{
    TestCluster *cluster = test_cluster_new(yaml);
    g_autofree char *dir = g_dir_make_tmp("logs-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "mon_alloy_alloy.log", NULL);
    assert_true(g_file_set_contents(path, line, -1, NULL));
    test_cluster_logs(cluster, dir);
    (void)test_cluster_findings(cluster);
    assert_int_equal(g_unlink(path), 0);
    assert_int_equal(g_rmdir(dir), 0);
    return cluster;
}

#define SENDS(host, why)                                                                           \
    "level=error component=prometheus.remote_write.mimir msg=\"failed to send batch\" err=\"Post " \
    "\\\"https://" host "/push\\\": dial tcp: " why "\"\n"

static void
test_an_agent_that_may_not_send(void **state)
{
    (void)state;
    static const char id[] = "netpol-blocks-agent-egress";
    g_autoptr(TestCluster) cluster =
        cluster_with_log(DNS AGENT OUT("[" TO_PODS "]"), SENDS("mimir.example", "i/o timeout"));
    const Finding *finding = test_cluster_expect(cluster, id, "NetworkPolicy mon/out");
    assert_contains(finding->title, "keeps Pod alloy from the cluster's DNS");
    assert_int_equal(finding->fix->len, 2);
    g_autoptr(TestCluster) outside = cluster_with_log(
        DNS AGENT OUT("[" TO_PODS ", " TO_DNS("{protocol: UDP, port: 53}, {port: 53}") "]"),
        SENDS("mimir.example", "i/o timeout"));
    assert_contains(test_cluster_expect(outside, id, "NetworkPolicy mon/out")->title,
                    "from mimir.example");
    /* What may be open, and what is no fault of the network. */
    g_autoptr(TestCluster) open = cluster_with_log(
        DNS AGENT OUT("[{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]"), SENDS("m.example", "i/o timeout"));
    test_cluster_expect_none(open, id);
    g_autoptr(TestCluster) refused = cluster_with_log(
        DNS AGENT OUT("[" TO_PODS "]"), SENDS("mimir.example", "server returned 401"));
    test_cluster_expect_none(refused, id);
    /* A database whose name only begins like that of the agent. */
    g_autoptr(TestCluster) database =
        cluster_with_log(DNS RUNS("example/alloydb-auth-proxy:1") OUT("[" TO_PODS "]"),
                         SENDS("mimir.example", "i/o timeout"));
    test_cluster_expect_none(database, id);
    g_autoptr(TestCluster) quiet = test_cluster_new(DNS AGENT OUT("[" TO_PODS "]"));
    test_cluster_expect_none(quiet, id);
    g_autoptr(TestCluster) unknown = test_cluster_new(DNS AGENT OUT("[" TO_PODS "]"));
    test_cluster_fail(unknown, KIND_NAMESPACE, "403");
    test_cluster_expect_unverified(unknown, id);
}

/* ---- Callers. ---- */

#define INGRESS_RULES(rules)                                                                       \
    POLICY("shop", "in", "{podSelector: {matchLabels: {app: api}}, ingress: " rules "}")
#define FROM(labels) "{from: [{podSelector: {matchLabels: " labels "}}]}"

static void
test_a_caller_that_is_not_let_in(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        SHOP POD("shop", "job", "{app: job}", LISTENS) INGRESS_RULES("[" FROM("{app: job}") "]"));
    const Finding *finding =
        test_cluster_expect(cluster, "netpol-blocks-caller", "NetworkPolicy shop/in");
    assert_contains(finding->title, "Pod shop/web from Service api");
    assert_contains(finding->cause, "lets in only app=job");
    g_autoptr(TestCluster) allowed =
        test_cluster_new(SHOP INGRESS_RULES("[" FROM("{app: web}") "]"));
    test_cluster_expect_quiet(allowed, SEVERITY_INFO);
}

/* A rule that was meant for the caller says it, not the policies that isolate. */
static void
test_a_caller_whose_label_is_misspelt(void **state)
{
    (void)state;
    g_autoptr(TestCluster) in =
        test_cluster_new(SHOP POD("shop", "job", "{app: job}", LISTENS)
                             INGRESS_RULES("[" FROM("{app: webb}") ", " FROM("{app: job}") "]"));
    const Finding *finding =
        test_cluster_expect(in, "netpol-peer-pod-nothing", "NetworkPolicy shop/in");
    assert_contains(finding->cause, "Pod web is labelled app=web");
    test_cluster_expect_none(in, "netpol-blocks-caller");
    g_autoptr(TestCluster) out = test_cluster_new(
        DNS SHOP EGRESS("[{to: [{podSelector: {matchLabels: {app: apis}}}]}, " TO_DNS(
            "{protocol: UDP, port: 53}, {port: 53}") "]"));
    test_cluster_expect(out, "netpol-peer-pod-nothing", "NetworkPolicy shop/out");
    test_cluster_expect_none(out, "netpol-blocks-caller");
}

/* Policies that fit the pods are not to blame for a Service that does not. */
static void
test_a_service_that_sends_to_another_port(void **state)
{
    (void)state;
#define TO_9999                                                                                    \
    NS("shop")                                                                                     \
    POD("shop", "api", "{app: api}", LISTENS)                                                      \
    POD("shop", "web", "{app: web}", CALLS) SERVICE("shop", "api", "80", "9999")
    g_autoptr(TestCluster) cluster = test_cluster_new(TO_9999 INGRESS_RULES(
        "[{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 8080}]}]"));
    test_cluster_expect(cluster, "service-targetport-unexposed", "Service shop/api");
    test_cluster_expect_none(cluster, "netpol-blocks-caller");
    g_autoptr(TestCluster) closed = test_cluster_new(TO_9999 POD(
        "shop", "job", "{app: job}", LISTENS) INGRESS_RULES("[" FROM("{app: job}") "]"));
    test_cluster_expect(closed, "netpol-blocks-caller", "NetworkPolicy shop/in");
}

static void
test_a_caller_that_may_not_go_out(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(DNS SHOP EGRESS("[" TO_DNS("{protocol: UDP, port: 53}, {port: 53}") "]"));
    const Finding *finding =
        test_cluster_expect(cluster, "netpol-blocks-caller", "NetworkPolicy shop/out");
    assert_contains(finding->cause, "reach only all pods on UDP 53, TCP 53");
}

static void
test_nobody_that_exists_is_let_in(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(SHOP INGRESS_RULES("[" FROM("{app: frontend}") "]"));
    test_cluster_expect(cluster, "netpol-blocks-service-callers", "NetworkPolicy shop/in");
    test_cluster_expect_folded(cluster, "netpol-peer-pod-nothing", "NetworkPolicy shop/in");
    g_autoptr(TestCluster) closed = test_cluster_new(SHOP INGRESS_RULES("[]"));
    test_cluster_expect(closed, "netpol-isolates-all", "NetworkPolicy shop/in");
    g_autoptr(TestCluster) unused =
        test_cluster_new(NS("shop") POD("shop", "api", "{app: api}", LISTENS)
                             SERVICE("shop", "api", "80", "http") INGRESS_RULES("[]"));
    test_cluster_expect_quiet(unused, SEVERITY_INFO);
}

static void
test_the_port_of_the_service_instead_of_the_pods(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(SHOP INGRESS_RULES("[{from: [{podSelector: {}}], ports: [{port: 80}]}]"));
    const Finding *finding = test_cluster_expect(cluster, "netpol-service-port-instead-of-target",
                                                 "NetworkPolicy shop/in");
    assert_contains(finding->title, "opens port 80 of Service api instead of pod port 8080");
}

#define CONTROLLER                                                                                 \
    NS("nginx")                                                                                    \
    POD("nginx", "nginx", "{app.kubernetes.io/name: ingress-nginx}", "{name: c}")                  \
    "---\n{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: nginx}, spec: "  \
    "{controller: k8s.io/ingress-nginx}}\n"                                                        \
    "---\n{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {namespace: shop, name: "    \
    "api}, spec: {ingressClassName: nginx, rules: [{host: a.example, http: {paths: [{path: /, "    \
    "backend: {service: {name: api, port: {number: 80}}}}]}}]}, status: {loadBalancer: {ingress: " \
    "[{ip: 192.0.2.1}]}}}\n"

static void
test_an_ingress_controller_that_is_shut_out(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(SHOP CONTROLLER INGRESS_RULES("[" FROM("{app: web}") "]"));
    const Finding *finding =
        test_cluster_expect(cluster, "netpol-blocks-ingress-controller", "NetworkPolicy shop/in");
    assert_contains(finding->cause, "http://a.example/ times out");
    g_autoptr(TestCluster) allowed = test_cluster_new(SHOP CONTROLLER INGRESS_RULES(
        "[" FROM("{app: web}") ", {from: [{namespaceSelector: {matchLabels: "
                               "{kubernetes.io/metadata.name: nginx}}}]}]"));
    test_cluster_expect_quiet(allowed, SEVERITY_INFO);
}

static void
test_what_a_policy_was_changed_just_now_is_left_alone(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(SHOP CONTROLLER POLICY_AT(
        "shop", "in", "2026-01-01T11:57:00Z", "{podSelector: {matchLabels: {app: api}}}"));
    test_cluster_expect_quiet(cluster, SEVERITY_INFO);
}

/* ---- Selectors. ---- */

static void
test_a_policy_that_selects_nothing(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        SHOP POLICY("shop", "p", "{podSelector: {matchLabels: {app: api-server}}}"));
    const Finding *finding =
        test_cluster_expect(cluster, "netpol-selects-nothing", "NetworkPolicy shop/p");
    assert_contains(finding->cause, "looks for app=api-server");
    assert_contains(finding->cause, "labelled app=api,");
    g_autoptr(TestCluster) zero = test_cluster_new(SHOP POLICY(
        "shop", "p",
        "{podSelector: {matchLabels: {app: batch}}}") "---\n{apiVersion: batch/v1, kind: CronJob, "
                                                      "metadata: {namespace: shop, name: batch}, "
                                                      "spec: "
                                                      "{jobTemplate: {spec: {template: {metadata: "
                                                      "{labels: {app: batch}}}}}}}\n");
    test_cluster_expect_none(zero, "netpol-selects-nothing");
    g_autoptr(TestCluster) unknown = test_cluster_new(
        SHOP POLICY("shop", "p", "{podSelector: {matchLabels: {app: api-server}}}"));
    test_cluster_fail(unknown, KIND_CRON_JOB, "cronjobs could not be listed: 403");
    test_cluster_expect_none(unknown, "netpol-selects-nothing");
    test_cluster_expect_unverified(unknown, "netpol-selects-nothing");
}

#define FROM_NS(labels) "[{from: [{namespaceSelector: {matchLabels: " labels "}}]}]"

static void
test_a_namespace_selector_that_matches_none(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(SHOP CONTROLLER INGRESS_RULES(FROM_NS("{name: nginx}")));
    const Finding *finding =
        test_cluster_expect(cluster, "netpol-peer-ns-nothing", "NetworkPolicy shop/in");
    assert_int_equal(finding->severity, SEVERITY_HIGH);
    assert_contains(finding->fix->pdata[0], "kubernetes.io/metadata.name: nginx");
    assert_contains(finding->cause, "everything in nginx is shut out");
    test_cluster_expect_none(cluster, "netpol-blocks-ingress-controller");
    g_autoptr(TestCluster) absent = test_cluster_new(
        NS("shop") POD("shop", "api", "{app: api}", LISTENS) INGRESS_RULES(FROM_NS("{team: x}")));
    finding = test_cluster_expect(absent, "netpol-peer-ns-nothing", "NetworkPolicy shop/in");
    assert_int_equal(finding->severity, SEVERITY_LOW);
    g_autoptr(TestCluster) unknown = test_cluster_new(SHOP INGRESS_RULES(FROM_NS("{name: nginx}")));
    test_cluster_fail(unknown, KIND_NAMESPACE, "namespaces could not be listed: 403");
    test_cluster_expect_none(unknown, "netpol-peer-ns-nothing");
    test_cluster_expect_unverified(unknown, "netpol-peer-ns-nothing");
}

static void
test_pods_on_the_host_network(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(NS(
        "shop") "---\n{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: h, labels: "
                "{app: h}}, spec: {hostNetwork: true, containers: [{name: c}]}, status: {phase: "
                "Running, conditions: [{type: Ready, status: 'True'}]}}\n" POLICY_AT(
                    "shop", "p", "2025-12-01T00:00:00Z", "{podSelector: {matchLabels: {app: h}}}"));
    test_cluster_expect(cluster, "netpol-hostnetwork-subject", "NetworkPolicy shop/p");
    test_cluster_expect_none(cluster, "netpol-selects-nothing");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_egress_policy_without_dns),
        cmocka_unit_test(test_dns_is_missing_for_all_of_a_namespace),
        cmocka_unit_test(test_of_several_policies_the_one_changed_last_is_named),
        cmocka_unit_test(test_trouble_that_began_with_the_policy),
        cmocka_unit_test(test_a_block_may_let_dns_through),
        cmocka_unit_test(test_who_names_no_host_needs_no_dns),
        cmocka_unit_test(test_dns_by_udp_only),
        cmocka_unit_test(test_no_connection_at_all),
        cmocka_unit_test(test_egress_was_not_meant),
        cmocka_unit_test(test_an_agent_that_may_not_send),
        cmocka_unit_test(test_a_caller_that_is_not_let_in),
        cmocka_unit_test(test_a_caller_whose_label_is_misspelt),
        cmocka_unit_test(test_a_service_that_sends_to_another_port),
        cmocka_unit_test(test_a_caller_that_may_not_go_out),
        cmocka_unit_test(test_nobody_that_exists_is_let_in),
        cmocka_unit_test(test_the_port_of_the_service_instead_of_the_pods),
        cmocka_unit_test(test_an_ingress_controller_that_is_shut_out),
        cmocka_unit_test(test_what_a_policy_was_changed_just_now_is_left_alone),
        cmocka_unit_test(test_a_policy_that_selects_nothing),
        cmocka_unit_test(test_a_namespace_selector_that_matches_none),
        cmocka_unit_test(test_pods_on_the_host_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
