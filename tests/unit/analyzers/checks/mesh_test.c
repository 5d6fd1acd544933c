#include "tests/unit/analyzers/checks/cases.h"

#define VIRTUAL(to, time)                                                                          \
    "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {namespace: shop, "  \
    "name: web, creationTimestamp: '" time "'}\nspec: {http: [{route: [{destination: {" to         \
    "}}]}]}\n"
#define RULE(host, subset)                                                                         \
    "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {namespace: shop, " \
    "name: web}\nspec: {host: " host ", subsets: [{name: " subset "}]}\n"
#define SERVICE                                                                                    \
    "---\napiVersion: v1\nkind: Service\nmetadata: {namespace: shop, name: web}\nspec: {type: "    \
    "ExternalName, externalName: web.example.com}\n"
#define ENTRY(host)                                                                                \
    "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {namespace: shop, "    \
    "name: vm}\nspec: {hosts: [" host "]}\n"
#define OLD "2026-01-01T10:00:00Z"
#define NS(label)                                                                                  \
    "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: " label     \
    "}}\n---\napiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {namespace: shop, name: r}\n"       \
    "spec: {replicas: 1}\nstatus: {replicas: 1, readyReplicas: 1}\n"
#define POD(name, more, container)                                                                 \
    "---\napiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: " name more                 \
    ", ownerReferences: [{kind: ReplicaSet, name: r, uid: ReplicaSet/shop/r, controller: true}]}"  \
    "\nspec: {containers: [{name: " container                                                      \
    "}]}\nstatus: {phase: Running, conditions: [{type: Ready, status: 'True', " CASE_SINCE "}]}\n"

static const CheckCase cases[] = {
    {"istio-config-invalid", "VirtualService shop/web", VIRTUAL("host: web", OLD),
     "which does not exist"},
    {"istio-config-invalid", "VirtualService shop/web",
     VIRTUAL("host: web", OLD) ENTRY("api.shop.svc.cluster.local"), "which does not exist"},
    {"istio-config-invalid", "VirtualService shop/web",
     VIRTUAL("host: web.shop.svc.cluster.local, subset: v2", OLD) SERVICE RULE("web", "v1"),
     "subset v2"},
    {"mesh-sidecar-missing", "ReplicaSet shop/r",
     NS("enabled") POD("a", "", "istio-proxy") POD("b", "", "app"), "Pod b"},
};

static void
test_what_is_wrong(void **state)
{
    (void)state;
    cases_expect(cases, G_N_ELEMENTS(cases));
}

static void
test_what_is_well(void **state)
{
    (void)state;
    static const char *const clusters[] = {
        VIRTUAL("host: web", "2026-01-01T11:50:00Z"),
        VIRTUAL("host: web", OLD) SERVICE,
        VIRTUAL("host: api.example.com", OLD),
        VIRTUAL("host: web.shop.svc.clusterset.local", OLD),
        VIRTUAL("host: web", OLD) ENTRY("web.shop.svc.cluster.local"),
        VIRTUAL("host: web.shop.svc.cluster.local", OLD) ENTRY("'*.shop.svc.cluster.local'"),
        VIRTUAL("host: web", OLD) ENTRY("web"),
        VIRTUAL("host: web, subset: v1", OLD) SERVICE RULE("web.shop.svc.cluster.local", "v1"),
        NS("enabled") POD("a", "", "app") POD("b", "", "app"),
        NS("disabled") POD("a", "", "istio-proxy") POD("b", "", "app"),
        NS("enabled") POD("a", "", "istio-proxy")
            POD("b", ", annotations: {sidecar.istio.io/inject: 'false'}", "app"),
    };
    for (size_t i = 0; i < G_N_ELEMENTS(clusters); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(clusters[i]);
        test_cluster_expect_none(cluster, "istio-config-invalid");
        test_cluster_expect_none(cluster, "mesh-sidecar-missing");
    }
}

static void
test_unknown_is_said(void **state)
{
    (void)state;
    cases_expect_unverified(cases, G_N_ELEMENTS(cases));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_wrong),
        cmocka_unit_test(test_what_is_well),
        cmocka_unit_test(test_unknown_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
