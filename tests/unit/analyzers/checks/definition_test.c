/* Custom types, certificates of nodes, metrics of pods. */
#include "tests/unit/analyzers/checks/cases.h"

static const CheckCase cases[] = {
    {"crd-not-established", "CustomResourceDefinition things.example.com",
     "apiVersion: apiextensions.k8s.io/v1\n"
     "kind: CustomResourceDefinition\n"
     "metadata: {name: things.example.com}\n"
     "spec: {versions: [{name: v1, served: true}], group: example.com}\n"
     "status: {conditions: [{type: NamesAccepted, status: 'False', lastTransitionTime: "
     "'2026-01-01T10:00:00Z', message: 'kind Thing is taken'}]}\n",
     "kind Thing is taken"},
    {"crd-not-established", "CustomResourceDefinition things.example.com",
     "apiVersion: apiextensions.k8s.io/v1\n"
     "kind: CustomResourceDefinition\n"
     "metadata: {name: things.example.com, deletionTimestamp: '2026-01-01T10:00:00Z'}\n"
     "spec: {versions: [{name: v1, served: true}], group: example.com}\n"
     "status: {conditions: [{type: NamesAccepted, status: 'False', lastTransitionTime: "
     "'2026-01-01T10:00:00Z', message: 'kind Thing is taken'}]}\n",
     "kind Thing is taken"},
    {"crd-conversion-webhook-down", "CustomResourceDefinition things.example.com",
     "apiVersion: apiextensions.k8s.io/v1\n"
     "kind: CustomResourceDefinition\n"
     "metadata: {name: things.example.com}\n"
     "spec: {versions: [{name: v1, served: true}], conversion: {strategy: Webhook, "
     "webhook: {clientConfig: {service: {namespace: ops, name: hook}}}}}\n"
     "status: {}\n",
     "does not exist"},
    {"crd-stored-version-stale", "CustomResourceDefinition things.example.com",
     "apiVersion: apiextensions.k8s.io/v1\n"
     "kind: CustomResourceDefinition\n"
     "metadata: {name: things.example.com}\n"
     "spec: {versions: [{name: v1, served: true}], group: example.com}\n"
     "status: {storedVersions: [v1alpha1, v1]}\n",
     "v1alpha1"},
    {"csr-pending", "CertificateSigningRequest csr-1",
     "apiVersion: certificates.k8s.io/v1\n"
     "kind: CertificateSigningRequest\n"
     "metadata: {name: csr-1}\n"
     "spec: {username: 'system:node:n1', signerName: kubernetes.io/kubelet-serving}\n"
     "status: {}\n"
     "---\n"
     "apiVersion: certificates.k8s.io/v1\n"
     "kind: CertificateSigningRequest\n"
     "metadata: {name: csr-2}\n"
     "spec: {username: 'system:node:n1', signerName: kubernetes.io/kubelet-serving}\n"
     "status: {}\n",
     "neither approved nor denied"},
    {"metrics-server-missing", "HorizontalPodAutoscaler shop/web",
     "apiVersion: autoscaling/v2\n"
     "kind: HorizontalPodAutoscaler\n"
     "metadata: {namespace: shop, name: web}\n"
     "spec: {maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, "
     "name: op}, metrics: [{type: Resource, resource: {name: cpu}}]}\n"
     "status: {currentReplicas: 1, desiredReplicas: 1}\n"
     "---\n"
     "apiVersion: apiregistration.k8s.io/v1\n"
     "kind: APIService\n"
     "metadata: {name: v1.}\n"
     "spec: {version: v1}\n"
     "---\n"
     "apiVersion: apps/v1\n"
     "kind: Deployment\n"
     "metadata: {namespace: shop, name: op, generation: 1}\n"
     "spec: {replicas: 1, template: {spec: {containers: [{name: app, resources: "
     "{requests: {cpu: 100m}}}]}}}\n"
     "status: {observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: 1, "
     "availableReplicas: 1, conditions: [{type: Available, status: 'True'}]}\n",
     "1 autoscalers"},
};

static const char *const quiet[] = {
    "apiVersion: apiextensions.k8s.io/v1\n"
    "kind: CustomResourceDefinition\n"
    "metadata: {name: things.example.com}\n"
    "spec: {versions: [{name: v1, served: true}], group: example.com}\n"
    "status: {storedVersions: [v1], conditions: [{type: Established, status: 'True', "
    "lastTransitionTime: '2026-01-01T10:00:00Z'}]}\n",
    "apiVersion: certificates.k8s.io/v1\n"
    "kind: CertificateSigningRequest\n"
    "metadata: {name: csr-1}\n"
    "spec: {username: 'system:node:n1', signerName: kubernetes.io/kubelet-serving}\n"
    "status: {conditions: [{type: Approved, status: 'True'}]}\n",
    "apiVersion: certificates.k8s.io/v1\n"
    "kind: CertificateSigningRequest\n"
    "metadata: {name: csr-1}\n"
    "spec: {username: 'system:node:n1', signerName: example.com/own}\n"
    "status: {}\n",
    "apiVersion: autoscaling/v2\n"
    "kind: HorizontalPodAutoscaler\n"
    "metadata: {namespace: shop, name: web}\n"
    "spec: {maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, "
    "name: op}, metrics: [{type: Resource, resource: {name: cpu}}]}\n"
    "status: {currentReplicas: 1, desiredReplicas: 1}\n"
    "---\n"
    "apiVersion: apiregistration.k8s.io/v1\n"
    "kind: APIService\n"
    "metadata: {name: v1.}\n"
    "spec: {version: v1}\n"
    "---\n"
    "apiVersion: apiregistration.k8s.io/v1\n"
    "kind: APIService\n"
    "metadata: {name: v1beta1.metrics.k8s.io}\n"
    "spec: {group: metrics.k8s.io}\n"
    "---\n"
    "apiVersion: apps/v1\n"
    "kind: Deployment\n"
    "metadata: {namespace: shop, name: op, generation: 1}\n"
    "spec: {replicas: 1, template: {spec: {containers: [{name: app, resources: "
    "{requests: {cpu: 100m}}}]}}}\n"
    "status: {observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: 1, "
    "availableReplicas: 1, conditions: [{type: Available, status: 'True'}]}\n",
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

static void
test_a_conversion_without_pods_is_told_a_ready_one_is_not(void **state)
{
    (void)state;
    g_autoptr(TestCluster) down = test_cluster_new(
        "apiVersion: apiextensions.k8s.io/v1\n"
        "kind: CustomResourceDefinition\n"
        "metadata: {name: things.example.com}\n"
        "spec: {versions: [{name: v1, served: true}], conversion: {strategy: Webhook, "
        "webhook: {clientConfig: {service: {namespace: ops, name: hook}}}}}\n"
        "status: {}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Service\n"
        "metadata: {namespace: ops, name: hook}\n"
        "spec: {selector: {app: hook}, ports: [{port: 443}]}\n");
    test_cluster_expect(down, "crd-conversion-webhook-down",
                        "CustomResourceDefinition things.example.com");
    g_autoptr(TestCluster) ready = test_cluster_new(
        "apiVersion: apiextensions.k8s.io/v1\n"
        "kind: CustomResourceDefinition\n"
        "metadata: {name: things.example.com}\n"
        "spec: {versions: [{name: v1, served: true}], conversion: {strategy: Webhook, "
        "webhook: {clientConfig: {service: {namespace: ops, name: hook}}}}}\n"
        "status: {}\n"
        "---\n"
        "apiVersion: v1\n"
        "kind: Service\n"
        "metadata: {namespace: ops, name: hook}\n"
        "spec: {selector: {app: hook}, ports: [{port: 443}]}\n"
        "---\n"
        "apiVersion: discovery.k8s.io/v1\n"
        "kind: EndpointSlice\n"
        "metadata: {namespace: ops, name: hook-1, labels: {kubernetes.io/service-name: hook}}\n"
        "endpoints: [{addresses: [10.0.0.1], conditions: {ready: true}}]\n");
    test_cluster_expect_none(ready, "crd-conversion-webhook-down");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_fires),
        cmocka_unit_test(test_what_is_well_is_quiet),
        cmocka_unit_test(test_each_says_when_it_cannot_look),
        cmocka_unit_test(test_a_conversion_without_pods_is_told_a_ready_one_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
