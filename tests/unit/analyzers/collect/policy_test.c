#include "analyzers/collect/policy.h"

#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

static const Object *
pod_of(const Snapshot *snapshot, const char *ns, const char *name)
{
    const Object *pod = snapshot_get(snapshot, KIND_POD, ns, name);
    assert_non_null(pod);
    return pod;
}

static FlowVerdict
verdict_of(const Snapshot *snapshot, const Object *source, const char *address,
           const Object *target, int port)
{
    g_autoptr(Policies) policies = policies_new(snapshot);
    return policies_flow(policies, &(Flow){{source, address}, {target, NULL}, "TCP", port});
}

#define NS(name)                                                                                   \
    "---\n{apiVersion: v1, kind: Namespace, metadata: {name: " name ", labels: {n: " name "}}}\n"
#define POD(ns, name, labels, more)                                                                \
    "---\n{apiVersion: v1, kind: Pod, metadata: {namespace: " ns ", name: " name                   \
    ", labels: " labels "}, spec: {" more "containers: [{name: c, ports: [{name: http, "           \
    "containerPort: 8080}]}]}, status: {phase: Running, podIP: 10.0.0.1}}\n"
#define POLICY(spec)                                                                               \
    "---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: a, name: " \
    "p}, spec: " spec "}\n"
#define PAIR NS("a") NS("b") POD("a", "web", "{app: web}", "") POD("b", "cli", "{app: cli}", "")

static void
expect(const char *policy, FlowVerdict wanted)
{
    g_autofree char *text = g_strconcat(PAIR, policy, NULL);
    g_autoptr(TestCluster) snapshot_cluster = test_cluster_new(text);
    const Snapshot *snapshot = test_cluster_snapshot(snapshot_cluster);
    FlowVerdict verdict = verdict_of(snapshot, pod_of(snapshot, "b", "cli"), NULL,
                                     pod_of(snapshot, "a", "web"), 8080);
    if (verdict != wanted)
        fail_msg("%d instead of %d with %s", verdict, wanted, policy);
}

static void
test_a_policy_isolates_and_its_rules_add_up(void **state)
{
    (void)state;
    expect("", FLOW_ALLOWED);
    expect(POLICY("{podSelector: {}}"), FLOW_DENIED);
    expect(POLICY("{podSelector: {}, ingress: []}"), FLOW_DENIED);
    expect(POLICY("{podSelector: {}, ingress: [{}]}"), FLOW_ALLOWED);
    expect(POLICY("{podSelector: {}, policyTypes: [Egress]}"), FLOW_ALLOWED);
    expect(POLICY("{podSelector: {}, egress: [{}], policyTypes: [Egress]}"), FLOW_ALLOWED);
    expect(POLICY("{podSelector: {matchLabels: {app: other}}}"), FLOW_ALLOWED);
    expect(POLICY("{podSelector: {matchExpressions: [{key: app, operator: In, values: [web]}]}}"),
           FLOW_DENIED);
    expect(POLICY("{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}"), FLOW_DENIED);
    expect(POLICY("{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}"), FLOW_ALLOWED);
}

static void
test_peers_are_and_within_one_or_between(void **state)
{
    (void)state;
    expect(POLICY("{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {n: b}}, "
                  "podSelector: {matchLabels: {app: other}}}]}]}"),
           FLOW_DENIED);
    expect(POLICY("{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {n: b}}}, "
                  "{podSelector: {matchLabels: {app: other}}}]}]}"),
           FLOW_ALLOWED);
}

#define FROM_ANY(ports) POLICY("{podSelector: {}, ingress: [{ports: [" ports "]}]}")

static void
test_ports_are_those_of_the_pod(void **state)
{
    (void)state;
    expect(FROM_ANY("{port: 8080}"), FLOW_ALLOWED);
    expect(FROM_ANY("{port: 80}"), FLOW_DENIED);
    expect(FROM_ANY("{port: 8000, endPort: 8100}"), FLOW_ALLOWED);
    expect(FROM_ANY("{port: 8000, endPort: 8010}"), FLOW_DENIED);
    expect(FROM_ANY("{port: http}"), FLOW_ALLOWED);
    expect(FROM_ANY("{port: web}"), FLOW_DENIED);
    expect(FROM_ANY("{protocol: UDP, port: 8080}"), FLOW_DENIED);
    expect(FROM_ANY("{protocol: UDP}, {protocol: TCP}"), FLOW_ALLOWED);
}

static void
test_what_plug_ins_differ_in_is_unknown(void **state)
{
    (void)state;
#define BLOCK(block) POLICY("{podSelector: {}, ingress: [{from: [{ipBlock: " block "}]}]}")
    expect(BLOCK("{cidr: 10.0.0.0/8}"), FLOW_UNKNOWN);
    expect(BLOCK("{cidr: 10.0.0.0/8, except: [10.0.0.0/24]}"), FLOW_DENIED);
    expect(BLOCK("{cidr: 192.168.0.0/16}"), FLOW_DENIED);
    expect(BLOCK("{cidr: 'fd00::/8'}"), FLOW_UNKNOWN);
    expect(BLOCK("{cidr: nonsense}"), FLOW_UNKNOWN);
    expect(POLICY("{podSelector: {matchExpressions: [{key: app, operator: Like, values: [w]}]}}"),
           FLOW_UNKNOWN);
}

static void
test_addresses_outside_are_decided_by_blocks(void **state)
{
    (void)state;
    g_autoptr(TestCluster) snapshot_cluster = test_cluster_new(PAIR BLOCK(
        "{cidr: 192.0.2.0/24, except: [192.0.2.128/25]}") "---\n{apiVersion: v1, kind: Node, "
                                                          "metadata: {name: n}, status: "
                                                          "{addresses: [{type: "
                                                          "InternalIP, address: 192.0.2.9}]}}\n");
    const Snapshot *snapshot = test_cluster_snapshot(snapshot_cluster);
    const Object *web = pod_of(snapshot, "a", "web");
    assert_int_equal(verdict_of(snapshot, NULL, "192.0.2.1", web, 8080), FLOW_ALLOWED);
    assert_int_equal(verdict_of(snapshot, NULL, "192.0.2.200", web, 8080), FLOW_DENIED);
    assert_int_equal(verdict_of(snapshot, NULL, "198.51.100.1", web, 8080), FLOW_DENIED);
    assert_int_equal(verdict_of(snapshot, NULL, "2001:db8::1", web, 8080), FLOW_DENIED);
    assert_int_equal(verdict_of(snapshot, NULL, "192.0.2.9", web, 8080), FLOW_UNKNOWN);
}

static void
test_host_network_and_oneself(void **state)
{
    (void)state;
    g_autoptr(TestCluster) snapshot_cluster =
        test_cluster_new(PAIR POD("a", "host", "{app: web}", "hostNetwork: true, ")
                             POLICY("{podSelector: {}, policyTypes: [Ingress, Egress]}"));
    const Snapshot *snapshot = test_cluster_snapshot(snapshot_cluster);
    g_autoptr(Policies) policies = policies_new(snapshot);
    const Object *web = pod_of(snapshot, "a", "web"), *host = pod_of(snapshot, "a", "host");
    assert_int_equal(verdict_of(snapshot, host, NULL, web, 8080), FLOW_UNKNOWN);
    assert_int_equal(verdict_of(snapshot, web, NULL, host, 8080), FLOW_UNKNOWN);
    assert_int_equal(verdict_of(snapshot, web, NULL, web, 8080), FLOW_ALLOWED);
    g_autoptr(GPtrArray) of_web = policies_isolating(policies, web, POLICY_EGRESS);
    g_autoptr(GPtrArray) of_host = policies_isolating(policies, host, POLICY_EGRESS);
    assert_int_equal(of_web->len, 1);
    assert_int_equal(of_host->len, 0);
}

static void
test_what_was_not_listed_is_unknown(void **state)
{
    (void)state;
    g_autoptr(TestCluster) snapshot_cluster =
        test_cluster_new(POD("a", "web", "{app: web}", "") POD("b", "cli", "{app: cli}", "") POLICY(
            "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {n: b}}}]}]}"));
    test_cluster_fail(snapshot_cluster, KIND_NAMESPACE, "403");
    const Snapshot *snapshot = test_cluster_snapshot(snapshot_cluster);
    const Object *web = pod_of(snapshot, "a", "web"), *cli = pod_of(snapshot, "b", "cli");
    assert_int_equal(verdict_of(snapshot, cli, NULL, web, 8080), FLOW_UNKNOWN);
    g_autoptr(TestCluster) blind_cluster = test_cluster_new(PAIR);
    test_cluster_fail(blind_cluster, KIND_NETWORK_POLICY, "403");
    const Snapshot *blind = test_cluster_snapshot(blind_cluster);
    assert_int_equal(
        verdict_of(blind, pod_of(blind, "b", "cli"), NULL, pod_of(blind, "a", "web"), 8080),
        FLOW_UNKNOWN);
}

static void
test_a_service_is_denied_only_when_all_of_its_pods_are(void **state)
{
    (void)state;
#define SERVICE                                                                                    \
    "---\n{apiVersion: v1, kind: Service, metadata: {namespace: a, name: s}, spec: {selector: "    \
    "{app: "                                                                                       \
    "web}, ports: [{port: 80, targetPort: http}]}}\n"
    g_autoptr(TestCluster) snapshot_cluster =
        test_cluster_new(PAIR POD("a", "web2", "{app: web, open: 'yes'}", "") POLICY(
            "{podSelector: {matchExpressions: [{key: open, operator: DoesNotExist}]}}") SERVICE);
    const Snapshot *snapshot = test_cluster_snapshot(snapshot_cluster);
    g_autoptr(Policies) policies = policies_new(snapshot);
    g_autoptr(Relations) relations = relations_new(snapshot);
    const Object *service = snapshot_get(snapshot, KIND_SERVICE, "a", "s");
    const Value *port = value_first(service->value, "spec.ports");
    FlowEnd source = {pod_of(snapshot, "b", "cli"), NULL};
    Flow flow;
    assert_int_equal(policies_service(policies, relations, source, service, port, &flow),
                     FLOW_ALLOWED);
    assert_string_equal(flow.target.pod->name, "web2");
    assert_int_equal(flow.port, 8080);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_policy_isolates_and_its_rules_add_up),
        cmocka_unit_test(test_peers_are_and_within_one_or_between),
        cmocka_unit_test(test_ports_are_those_of_the_pod),
        cmocka_unit_test(test_what_plug_ins_differ_in_is_unknown),
        cmocka_unit_test(test_addresses_outside_are_decided_by_blocks),
        cmocka_unit_test(test_host_network_and_oneself),
        cmocka_unit_test(test_what_was_not_listed_is_unknown),
        cmocka_unit_test(test_a_service_is_denied_only_when_all_of_its_pods_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
