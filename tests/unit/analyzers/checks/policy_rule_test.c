#include <glib/gstdio.h>

#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

#define NS(name)                                                                                   \
    "---\n{apiVersion: v1, kind: Namespace, metadata: {name: " name ", labels: {n: " name "}}}\n"
#define POD_AS(ns, name, meta, ready, ports)                                                       \
    "---\n{apiVersion: v1, kind: Pod, metadata: {namespace: " ns ", name: " name ", " meta         \
    "}, spec: {containers: [{name: c, ports: " ports "}]}, status: {phase: Running, podIP: "       \
    "10.0.0.1, conditions: [{type: Ready, status: '" ready                                         \
    "', lastTransitionTime: '2026-01-01T11:30:00Z'}]}}\n"
#define HTTP "[{name: http, containerPort: 8080}]"
#define WEB  NS("shop") POD_AS("shop", "web", "labels: {app: web}", "True", HTTP)
#define POLICY(spec)                                                                               \
    "---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: shop, "    \
    "name: p, creationTimestamp: '2025-12-01T00:00:00Z'}, spec: " spec "}\n"
#define OPENS(port)                                                                                \
    POLICY("{podSelector: {matchLabels: {app: web}}, ingress: [{ports: [" port "]}]}")

static void
test_rules_without_their_direction(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(WEB POLICY("{podSelector: {}, policyTypes: [Ingress], ingress: [{}], "
                                    "egress: [{}]}"));
    const Finding *finding =
        test_cluster_expect(cluster, "netpol-egress-rules-ignored", "NetworkPolicy shop/p");
    assert_contains(finding->title, "egress rules");
    g_autoptr(TestCluster) well =
        test_cluster_new(WEB POLICY("{podSelector: {}, ingress: [{}], egress: [{}]}"));
    test_cluster_expect_quiet(well, SEVERITY_INFO);
}

static void
test_ports_of_rules(void **state)
{
    (void)state;
    g_autoptr(TestCluster) named = test_cluster_new(WEB OPENS("{port: metrics}"));
    const Finding *finding =
        test_cluster_expect(named, "netpol-named-port-missing", "NetworkPolicy shop/p");
    assert_contains(finding->cause, "8080 (http)");
    g_autoptr(TestCluster) number = test_cluster_new(WEB OPENS("{port: 8443}"));
    test_cluster_expect(number, "netpol-port-not-exposed", "NetworkPolicy shop/p");
    static const char *const known[] = {
        NS("shop") POD_AS("shop", "web",
                          "labels: {app: web}, annotations: {prometheus.io/port: "
                          "'8443'}",
                          "True", HTTP) OPENS("{port: 8443}"),
        NS("shop") POD_AS("shop", "web", "labels: {app: web}", "True",
                          HTTP ", args: ['--metrics-addr=:8443']") OPENS("{port: 8443}"),
        NS("shop") POD_AS("shop", "web", "labels: {app: web}", "True",
                          HTTP ", env: [{name: PORT, value: '8443'}]") OPENS("{port: 8443}"),
        NS("shop") POD_AS("shop", "web", "labels: {app: web}", "True",
                          HTTP ", livenessProbe: {httpGet: {port: 8443}}") OPENS("{port: 8443}"),
        WEB OPENS("{port: 8443}") "---\n{apiVersion: v1, kind: Service, metadata: {namespace: "
                                  "shop, name: web}, spec: {selector: {app: web}, ports: [{port: "
                                  "443, targetPort: 8443}]}}\n",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(known[i]);
        test_cluster_expect_none(cluster, "netpol-port-not-exposed");
    }
    g_autoptr(TestCluster) other =
        test_cluster_new(NS("shop") POD_AS("shop", "web", "labels: {app: web}", "True",
                                           HTTP ", args: ['--id=18443']") OPENS("{port: 8443}"));
    test_cluster_expect(other, "netpol-port-not-exposed", "NetworkPolicy shop/p");
    g_autoptr(TestCluster) protocol = test_cluster_new(WEB OPENS("{port: 8080, protocol: UDP}"));
    test_cluster_expect(protocol, "netpol-protocol-mismatch", "NetworkPolicy shop/p");
    g_autoptr(TestCluster) well =
        test_cluster_new(WEB OPENS("{port: http}, {port: 8080}, {port: 8080, protocol: UDP}"));
    test_cluster_expect_quiet(well, SEVERITY_INFO);
    g_autoptr(TestCluster) unknown = test_cluster_new(WEB OPENS("{port: http}"));
    test_cluster_fail(unknown, KIND_POD, "pods could not be listed: 403");
    test_cluster_expect_unverified(unknown, "netpol-named-port-missing");
    test_cluster_expect_unverified(unknown, "netpol-port-not-exposed");
    test_cluster_expect_unverified(unknown, "netpol-protocol-mismatch");
}

#define MONITOR NS("mon") POD_AS("mon", "prom", "labels: {app: prom}", "True", "[]")

static void
test_two_items_that_were_meant_as_one(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        WEB MONITOR POD_AS("shop", "prom", "labels: {app: prom}", "True", "[]")
            POLICY("{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{namespaceSelector: "
                   "{matchLabels: {n: mon}}}, {podSelector: {matchLabels: {app: prom}}}]}]}"));
    test_cluster_expect(cluster, "netpol-and-or-confusion", "NetworkPolicy shop/p");
    g_autoptr(TestCluster) one = test_cluster_new(
        WEB MONITOR POLICY("{podSelector: {matchLabels: {app: web}}, ingress: [{from: "
                           "[{namespaceSelector: {matchLabels: {n: mon}}, podSelector: "
                           "{matchLabels: {app: prom}}}]}]}"));
    test_cluster_expect_quiet(one, SEVERITY_INFO);
}

static void
test_a_rule_that_undoes_another(void **state)
{
    (void)state;
#define OTHER                                                                                      \
    "---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: shop, "    \
    "name: strict, creationTimestamp: '2025-12-01T00:00:00Z'}, spec: {podSelector: {}, ingress: "  \
    "[{ports: [{port: http}]}]}}\n"
    g_autoptr(TestCluster) cluster =
        test_cluster_new(WEB POLICY("{podSelector: {}, ingress: [{}]}") OTHER);
    const Finding *finding =
        test_cluster_expect(cluster, "netpol-allows-everything", "NetworkPolicy shop/p");
    assert_contains(finding->title, "undoes strict");
    g_autoptr(TestCluster) alone = test_cluster_new(WEB POLICY("{podSelector: {}, ingress: [{}]}"));
    test_cluster_expect_none(alone, "netpol-allows-everything");
}

static void
test_blocks(void **state)
{
    (void)state;
#define BLOCK(block)                                                                               \
    POLICY("{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: " block "}]}]}")
#define BEHIND                                                                                     \
    POD_AS("shop", "caller", "labels: {app: caller}", "True", HTTP)                                \
    "---\n{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: web}, spec: "          \
    "{clusterIP: 10.96.0.7, selector: {app: web}, ports: [{port: 80, targetPort: http}]}}\n"
    g_autoptr(TestCluster) service = test_cluster_new(WEB BLOCK("{cidr: 10.96.0.7/32}") BEHIND);
    test_cluster_expect(service, "netpol-ipblock-service-cidr", "NetworkPolicy shop/p");
    static const char *const harmless[] = {
        /* The pods behind it are let through as well. */
        WEB POLICY("{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: "
                   "10.96.0.7/32}}, {podSelector: {}}]}]}") BEHIND,
        /* The plug-in of AWS looks before addresses are translated. */
        WEB BLOCK("{cidr: 10.96.0.7/32}") BEHIND
        "---\n{apiVersion: apps/v1, kind: DaemonSet, metadata: {namespace: kube-system, name: "
        "aws-node}, spec: {template: {spec: {containers: []}}}}\n",
        /* A cache of DNS on each node answers under the address of the Service. */
        WEB BLOCK("{cidr: 10.96.0.10/32}") "---\n{apiVersion: v1, kind: Service, metadata: "
                                           "{namespace: kube-system, name: kube-dns}, "
                                           "spec: {clusterIP: 10.96.0.10, selector: {k8s-app: "
                                           "kube-dns}, ports: [{port: 53, protocol: "
                                           "UDP}]}}\n---\n{apiVersion: apps/v1, kind: DaemonSet, "
                                           "metadata: {namespace: kube-system, "
                                           "name: nodelocaldns}, spec: {template: {spec: "
                                           "{containers: []}}}}\n",
        /* The addresses of the API servers are there too. */
        WEB POLICY(
            "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: "
            "10.96.0.1/32}}, {ipBlock: {cidr: 192.0.2.1/32}}]}]}") "---\n{apiVersion: v1, kind: "
                                                                   "Service, metadata: {namespace: "
                                                                   "default, name: kubernetes}, "
                                                                   "spec: {clusterIP: 10.96.0.1, "
                                                                   "ports: [{port: 443, "
                                                                   "targetPort: "
                                                                   "6443}]}}\n---\n{apiVersion: "
                                                                   "discovery.k8s.io/v1, kind: "
                                                                   "EndpointSlice, metadata: "
                                                                   "{namespace: default, name: "
                                                                   "kubernetes, labels: "
                                                                   "{kubernetes.io/service-name: "
                                                                   "kubernetes}}, ports: [{port: "
                                                                   "6443}], "
                                                                   "endpoints: [{addresses: "
                                                                   "[192.0.2.1]}]}\n",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(harmless); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(harmless[i]);
        test_cluster_expect_none(cluster, "netpol-ipblock-service-cidr");
    }
    g_autoptr(TestCluster) outside =
        test_cluster_new(WEB BLOCK("{cidr: 10.0.0.0/8, except: [192.168.0.0/16]}"));
    test_cluster_expect(outside, "netpol-except-outside-cidr", "NetworkPolicy shop/p");
    g_autoptr(TestCluster) well =
        test_cluster_new(WEB BLOCK("{cidr: 0.0.0.0/0, except: [169.254.169.254/32]}"));
    test_cluster_expect_quiet(well, SEVERITY_INFO);
}

#define HOOK                                                                                       \
    "---\n{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: web}, spec: "          \
    "{selector: {app: web}, ports: [{port: 443, targetPort: http}]}}\n"                            \
    "---\n{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: shop, "     \
    "name: s, labels: {kubernetes.io/service-name: web}}, endpoints: [{addresses: [10.0.0.1]}]}\n" \
    "---\n{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, "    \
    "metadata: {name: hook}, webhooks: [{name: h.example, clientConfig: {service: {namespace: "    \
    "shop, name: web}}}]}\n"
#define TUNNEL                                                                                     \
    NS("kube-system")                                                                              \
    POD_AS("kube-system", "konnectivity-agent-x", "labels: {k8s-app: konnectivity-agent}", "True", \
           "[]")

static void
test_a_webhook_that_only_pods_may_call(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        WEB HOOK POLICY("{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}"));
    const Finding *finding =
        test_cluster_expect(cluster, "netpol-blocks-webhook", "NetworkPolicy shop/p");
    assert_contains(finding->cause, "port 8080");
    g_autoptr(TestCluster) open =
        test_cluster_new(WEB HOOK POLICY("{podSelector: {}, ingress: [{ports: [{port: http}]}]}"));
    test_cluster_expect_none(open, "netpol-blocks-webhook");
    g_autoptr(TestCluster) block = test_cluster_new(
        WEB HOOK POLICY("{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}"));
    test_cluster_expect_none(block, "netpol-blocks-webhook");
    /* Where the control plane is elsewhere, its calls come out of a pod. */
    g_autoptr(TestCluster) tunnel = test_cluster_new(
        WEB HOOK TUNNEL POLICY("{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}"));
    test_cluster_expect_none(tunnel, "netpol-blocks-webhook");
    g_autoptr(TestCluster) shut = test_cluster_new(
        WEB HOOK TUNNEL POLICY("{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}"));
    test_cluster_expect(shut, "netpol-blocks-webhook", "NetworkPolicy shop/p");
}

#define OWNED "labels: {app: db}, ownerReferences: [{controller: true, uid: StatefulSet/shop/db}]"
#define SET(ready)                                                                                 \
    NS("shop")                                                                                     \
    "---\n{apiVersion: apps/v1, kind: StatefulSet, metadata: {namespace: shop, name: db}, spec: "  \
    "{template: {metadata: {labels: {app: db}}}}}\n" POD_AS("shop", "db-0", OWNED, ready, HTTP)    \
        POD_AS("shop", "db-1", OWNED, ready, HTTP)
#define ONLY_APP                                                                                   \
    POLICY("{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: db, x: "         \
           "y}}}]}]}")

static void
test_replicas_that_do_not_reach_each_other(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(SET("False") ONLY_APP);
    test_cluster_expect(cluster, "netpol-blocks-peer", "NetworkPolicy shop/p");
    g_autoptr(TestCluster) ready = test_cluster_new(SET("True") ONLY_APP);
    test_cluster_expect_none(ready, "netpol-blocks-peer");
}

#define SCRAPED                                                                                    \
    NS("shop")                                                                                     \
    NS("mon")                                                                                      \
    POD_AS("mon", "prom", "labels: {app.kubernetes.io/name: prometheus}", "True", "[]")            \
    POD_AS("shop", "web",                                                                          \
           "labels: {app: web}, annotations: {prometheus.io/scrape: 'true', prometheus.io/port: "  \
           "'8080'}",                                                                              \
           "True", HTTP)

static void
test_a_scraper_that_is_shut_out(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(
        SCRAPED POLICY("{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}"));
    test_cluster_expect(cluster, "netpol-blocks-metrics-scrape", "NetworkPolicy shop/p");
    g_autoptr(TestCluster) open = test_cluster_new(SCRAPED POLICY(
        "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {n: mon}}}]}]}"));
    test_cluster_expect_quiet(open, SEVERITY_INFO);
}

static char *
evidence_text(const Finding *finding)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < finding->evidence->len; i++)
        g_string_append_printf(text, "%s\n", (const char *)finding->evidence->pdata[i]);
    return g_string_free(text, FALSE);
}

static void
test_a_log_that_tells_of_the_api(void **state)
{
    (void)state;
#define OPERATOR(ready)                                                                            \
    NS("shop")                                                                                     \
    POD_AS("shop", "op", "labels: {app: op}", ready, HTTP)                                         \
    POD_AS("shop", "db", "labels: {app: db}", "True", HTTP)                                        \
    "---\n{apiVersion: v1, kind: Service, metadata: {namespace: default, name: kubernetes}, "      \
    "spec: "                                                                                       \
    "{clusterIP: 10.96.0.1, ports: [{port: 443}]}}\n"                                              \
    "---\n{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: default, "  \
    "name: k, labels: {kubernetes.io/service-name: kubernetes}}, endpoints: [{addresses: "         \
    "[192.0.2.1]}]}\n" POLICY(                                                                     \
        "{podSelector: {matchLabels: {app: op}}, policyTypes: [Egress], egress: [{to: "            \
        "[{podSelector: {matchLabels: {app: db}}}]}]}")
    g_autofree char *dir = g_dir_make_tmp("cresset-policy-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "shop_op_c.log", NULL);
    assert_true(g_file_set_contents(
        path, "postgres://shop:hunter2@db: dial tcp 10.96.0.1:443: i/o timeout\n", -1, NULL));
    g_autoptr(TestCluster) cluster = test_cluster_new(OPERATOR("False"));
    test_cluster_logs(cluster, dir);
    const Finding *finding =
        test_cluster_expect(cluster, "netpol-blocks-apiserver-egress", "NetworkPolicy shop/p");
    g_autofree char *evidence = evidence_text(finding);
    assert_contains(evidence, "i/o timeout");
    assert_lacks(evidence, "hunter2");
    g_autoptr(TestCluster) mute = test_cluster_new(OPERATOR("False"));
    test_cluster_expect_none(mute, "netpol-blocks-apiserver-egress");
    assert_int_equal(g_unlink(path), 0);
    assert_int_equal(g_rmdir(dir), 0);
}

#define PLUGIN(name)                                                                               \
    "---\n{apiVersion: apps/v1, kind: DaemonSet, metadata: {namespace: net, name: " name           \
    ", creationTimestamp: '2025-12-01T00:00:00Z'}}\n"

static void
test_a_plug_in_that_enforces_nothing(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster =
        test_cluster_new(WEB PLUGIN("kube-flannel-ds") POLICY("{podSelector: {}, ingress: [{}]}"));
    test_cluster_expect(cluster, "netpol-not-enforced", "DaemonSet net/kube-flannel-ds");
    g_autoptr(TestCluster) both = test_cluster_new(
        WEB PLUGIN("kube-flannel-ds") PLUGIN("calico-node") POLICY("{podSelector: {}, ingress: "
                                                                   "[{}]}"));
    test_cluster_expect_none(both, "netpol-not-enforced");
    g_autoptr(TestCluster) added = test_cluster_new(WEB PLUGIN("kube-flannel-ds") PLUGIN(
        "kube-network-policies") POLICY("{podSelector: {}, ingress: [{}]}"));
    test_cluster_expect_none(added, "netpol-not-enforced");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_without_their_direction),
        cmocka_unit_test(test_ports_of_rules),
        cmocka_unit_test(test_two_items_that_were_meant_as_one),
        cmocka_unit_test(test_a_rule_that_undoes_another),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_a_webhook_that_only_pods_may_call),
        cmocka_unit_test(test_replicas_that_do_not_reach_each_other),
        cmocka_unit_test(test_a_scraper_that_is_shut_out),
        cmocka_unit_test(test_a_log_that_tells_of_the_api),
        cmocka_unit_test(test_a_plug_in_that_enforces_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
