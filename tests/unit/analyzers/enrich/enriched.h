/* A cluster with a container that runs out of memory, and back ends that play scripts. */
#pragma once
#include <string.h>

#include "analyzers/enrich/enrich.h"
#include "tests/harness/check.h"
#include "tests/harness/cluster.h"
#include "tests/harness/scripted_server.h"

#define OK_JSON(body)                                                                              \
    {                                                                                              \
        .reply =                                                                                   \
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" body  \
    }
#define VECTOR(result)                                                                             \
    OK_JSON("{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[" result "]}" \
            "}")

/* Deployment shop/web, whose pod web-new-abcde was killed at 11:58:03, two minutes ago, and whose
 * ReplicaSets are web-old (revision 3) and web-new (4, made at `created`). */
#define OOM_CLUSTER_MADE(created)                                                                  \
    "apiVersion: apps/v1\n"                                                                        \
    "kind: Deployment\n"                                                                           \
    "metadata: {namespace: shop, name: web, uid: d}\n"                                             \
    "spec: {replicas: 1, template: {spec: {containers: [{name: app, image: r/app:2}]}}}\n"         \
    "---\n"                                                                                        \
    "apiVersion: apps/v1\n"                                                                        \
    "kind: ReplicaSet\n"                                                                           \
    "metadata: {namespace: shop, name: web-old, uid: old, creationTimestamp: "                     \
    "'2025-12-01T11:00:00Z', annotations: {deployment.kubernetes.io/revision: '3'}, "              \
    "ownerReferences: [{controller: true, uid: d}]}\n"                                             \
    "spec: {template: {spec: {containers: [{name: app, image: r/app:1}]}}}\n"                      \
    "---\n"                                                                                        \
    "apiVersion: apps/v1\n"                                                                        \
    "kind: ReplicaSet\n"                                                                           \
    "metadata: {namespace: shop, name: web-new, uid: new, creationTimestamp: '" created            \
    "', annotations: {deployment.kubernetes.io/revision: '4'}, ownerReferences: [{controller: "    \
    "true, uid: d}]}\n"                                                                            \
    "spec: {template: {spec: {containers: [{name: app, image: r/app:2}]}}}\n"                      \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Pod\n"                                                                                  \
    "metadata: {namespace: shop, name: web-new-abcde, ownerReferences: [{controller: true, uid: "  \
    "new}]}\n"                                                                                     \
    "spec: {containers: [{name: app, image: r/app:2, resources: {limits: {memory: 256Mi}}}]}\n"    \
    "status: {phase: Running, conditions: [{type: ContainersReady, status: 'False', "              \
    "lastTransitionTime: '2026-01-01T11:00:00Z'}], containerStatuses: [{name: app, restartCount: " \
    "5, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 137, "    \
    "reason: OOMKilled, startedAt: '2026-01-01T11:57:00Z', finishedAt: '2026-01-01T11:58:03Z', "   \
    "containerID: 'containerd://c0ffee'}}}]}\n"
#define OOM_CLUSTER OOM_CLUSTER_MADE("2025-12-20T11:00:00Z")

static inline void
enriched_run(TestCluster *cluster, ScriptedServer *server, TelemetrySource source,
             EnrichOptions *options)
{
    g_autofree char *url = scripted_server_url(server, "");
    const TelemetryConfig config = {
        .name = telemetry_source_name(source), .url = url, .tenant = "team"};
    g_autoptr(TelemetryApi) api = telemetry_api_new(&config, NULL);
    options->apis[source] = api;
    options->now_s = TEST_NOW_S;
    if (options->matchers == NULL)
        options->matchers = "";
    enrich_findings((Findings *)(uintptr_t)test_cluster_findings(cluster),
                    test_cluster_snapshot(cluster), options);
}

/* Asks one back end within the usual limits. */
static inline void
enriched_by(TestCluster *cluster, ScriptedServer *server, TelemetrySource source)
{
    EnrichOptions options = {.queries_max = 60, .log_reads_max = 30, .time_ms = 60000};
    enriched_run(cluster, server, source, &options);
}

/* Request `i`, decoded, to be freed. */
static inline char *
enriched_request(ScriptedServer *server, size_t i)
{
    g_autofree char *request = scripted_server_request(server, i);
    return g_uri_unescape_string(request, NULL);
}

/* The lines of evidence as one text, to be freed. */
static inline char *
enriched_evidence(const Finding *finding)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < finding->evidence->len; i++)
        g_string_append_printf(text, "%s\n", (const char *)finding->evidence->pdata[i]);
    return g_string_free(text, FALSE);
}

static inline const Finding *
enriched_oom(TestCluster *cluster)
{
    return test_cluster_expect(cluster, "crashloop-oom", "Deployment shop/web");
}

/* How often a part is in a text. */
static inline unsigned
enriched_count(const char *text, const char *part)
{
    unsigned n = 0;
    while ((text = strstr(text, part)) != NULL) {
        n++;
        text += strlen(part);
    }
    return n;
}
