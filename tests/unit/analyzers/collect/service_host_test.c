/* What hosts mean to a pod of namespace shop. */
#include "analyzers/collect/service_host.h"

#include <string.h>

#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

static const char services[] =
    "apiVersion: v1\nkind: Service\nmetadata: {namespace: shop, name: web}\nspec: {clusterIP: "
    "10.96.0.7}\n---\n"
    "apiVersion: v1\nkind: Service\nmetadata: {namespace: data, name: db}\nspec: {clusterIP: "
    "None}\n---\n"
    "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {namespace: shop, name: e}\n"
    "spec: {hosts: [vm.shop.svc.cluster.local, '*.far.svc.cluster.local']}\n";

static const struct {
    const char *host, *service; /* "": none */
    bool is_missing;
} hosts[] = {
    {"web", "shop/web", false},
    {"web.shop", "shop/web", false},
    {"web.shop.svc", "shop/web", false},
    {"web.shop.svc.cluster.local", "shop/web", false},
    {"web.shop.svc.cluster.local.", "shop/web", false},
    {"db.data", "data/db", false},
    {"db-0.db.data.svc.cluster.local", "data/db", false},
    {"web-0.web", "shop/web", false},
    {"10.96.0.7", "shop/web", false},
    {"10.96.0.8", "", false},
    {"db", "", true},
    {"db.shop.svc", "", true},
    {"db-0.cache.data.svc.cluster.local", "", true},
    {"db.shop", "", false}, /* may be a host of another domain */
    {"web.shop.svc.clusterset.local", "", false},
    {"localhost", "", false},
    {"web.shop.example.com", "", false},
    {"api.example.com", "", false},
    {"*.shop.svc.cluster.local", "", false},
    {"", "", false},
    {"vm", "", false}, /* a mesh knows it */
    {"a.far.svc.cluster.local", "", false},
    {"...", "", false},
};

static void
test_hosts(void **state)
{
    (void)state;
    g_autoptr(TestCluster) cluster = test_cluster_new(services);
    const Snapshot *snapshot = test_cluster_snapshot(cluster);
    for (size_t i = 0; i < G_N_ELEMENTS(hosts); i++) {
        const Object *service = service_of_host(snapshot, hosts[i].host, "shop");
        g_autofree char *found =
            service != NULL ? g_strconcat(service->ns, "/", service->name, NULL) : g_strdup("");
        if (strcmp(found, hosts[i].service) != 0)
            fail_msg("%s is '%s', not '%s'", hosts[i].host, found, hosts[i].service);
        if (service_host_is_missing(snapshot, hosts[i].host, "shop") != hosts[i].is_missing)
            fail_msg("%s: missing should be %d", hosts[i].host, hosts[i].is_missing);
    }
}

static void
test_what_is_not_known_is_not_missing(void **state)
{
    (void)state;
    static const Kind kinds[] = {KIND_SERVICE, KIND_SERVICE_ENTRY};
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(services);
        test_cluster_fail(cluster, kinds[i], "403");
        assert_false(service_host_is_missing(test_cluster_snapshot(cluster), "db", "shop"));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_what_is_not_known_is_not_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
