/* Prints the evidence that each row of analyzers/enrich/metric_row.c finds, a line each: "ROW
 * EVIDENCE". Usage: evidence_rows URL_OF_PROMETHEUS SECONDS_SINCE_1970 */
#include "analyzers/enrich/metric_row.h"

#include <stdio.h>
#include <stdlib.h>

#include "analyzers/enrich/enquiry.h"
#include "analyzers/enrich/metric.h"
#include "tests/harness/cluster.h"

static const char yaml[] =
    "apiVersion: v1\n"
    "kind: Node\n"
    "metadata: {name: n1}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Pod\n"
    "metadata: {namespace: shop, name: web-1}\n"
    "spec: {nodeName: n1, containers: [{name: app, resources: {limits: {memory: 256Mi, cpu: '1', "
    "ephemeral-storage: 1Gi}, requests: {memory: 128Mi, cpu: 250m}}}]}\n"
    "status: {phase: Running}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: PersistentVolumeClaim\n"
    "metadata: {namespace: shop, name: data}\n"
    "---\n"
    "apiVersion: autoscaling/v2\n"
    "kind: HorizontalPodAutoscaler\n"
    "metadata: {namespace: shop, name: web}\n";

static const struct {
    Kind kind;
    const char *ns, *name;
} objects[] = {
    [METRIC_OF_CONTAINER] = {KIND_POD, "shop", "web-1"},
    [METRIC_OF_NODE] = {KIND_NODE, "", "n1"},
    [METRIC_OF_NODE_PODS] = {KIND_NODE, "", "n1"},
    [METRIC_OF_CLAIM] = {KIND_PVC, "shop", "data"},
    [METRIC_OF_AUTOSCALER] = {KIND_HPA, "shop", "web"},
};

/* A finding of the first check that the row is about. */
static Finding *
add_finding(Findings *findings, const Snapshot *snapshot, const MetricRow *row)
{
    size_t n;
    const CheckRow *const *checks = check_rows(&n);
    const Object *object = snapshot_get(snapshot, objects[row->owner].kind, objects[row->owner].ns,
                                        objects[row->owner].name);
    for (size_t i = 0; object != NULL && i < n; i++) {
        const Finding probe = {.check = checks[i]};
        if (enquiry_is_about(&probe, row->checks)) {
            findings->n_roots = 1;
            return findings_add(findings, checks[i], object, "");
        }
    }
    return NULL;
}

static void
print_row(size_t i, TelemetryApi *api, TestCluster *cluster, int64_t now_s)
{
    const Snapshot *snapshot = test_cluster_snapshot(cluster);
    g_autoptr(Relations) relations = relations_new(snapshot);
    g_autoptr(Findings) findings = findings_new();
    const Finding *finding = add_finding(findings, snapshot, &metric_rows[i]);
    const EnrichOptions options = {.apis[SOURCE_METRICS] = api,
                                   .matchers = "cluster=\"prod\"",
                                   .queries_max = 60,
                                   .time_ms = 60000,
                                   .now_s = now_s};
    const CheckRun run = {.snapshot = snapshot, .relations = relations, .now_s = now_s};
    Enquiry enquiry = {.options = &options,
                       .run = &run,
                       .findings = findings,
                       .until_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC};
    metric_enrich(&enquiry);
    for (guint k = 0; finding != NULL && k < finding->evidence->len; k++)
        (void)printf("%zu %s\n", i, (const char *)finding->evidence->pdata[k]);
}

int
main(int argc, char **argv)
{
    if (argc != 3)
        return EXIT_FAILURE;
    const TelemetryConfig config = {.name = "metrics", .url = argv[1]};
    g_autoptr(TelemetryApi) api = telemetry_api_new(&config, NULL);
    g_autoptr(TestCluster) cluster = test_cluster_new(yaml);
    for (size_t i = 0; api != NULL && i < n_metric_rows; i++)
        print_row(i, api, cluster, g_ascii_strtoll(argv[2], NULL, 10));
    (void)printf("%zu rows\n", n_metric_rows);
    return api != NULL ? EXIT_SUCCESS : EXIT_FAILURE;
}
