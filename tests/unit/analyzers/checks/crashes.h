/* Pods that end again and again, and what their logs say. */
#pragma once
#include "tests/harness/check.h"
#include "tests/harness/cluster.h"
#include "tests/harness/temp_dir.h"

#define POD(name, spec, state)                                                                     \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Pod\n"                                                                                  \
    "metadata: {namespace: shop, name: " name ", uid: " name ", labels: {app: " name "}}\n"        \
    "spec: {nodeName: n1, restartPolicy: Always, containers: [{name: app, image: r/app, " spec     \
    "}]}\n"                                                                                        \
    "status: {phase: Running, startTime: '2025-12-30T12:00:00Z', conditions: [{type: Ready, "      \
    "status: 'False'}], containerStatuses: [{name: app, " state "}]}\n"
#define LOOP(code)                                                                                 \
    "restartCount: 5, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: "      \
    "{exitCode: " code ", reason: Error, startedAt: '2026-01-01T11:58:00Z', finishedAt: "          \
    "'2026-01-01T11:58:03Z'}}"
#define SERVICE(name)                                                                              \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Service\n"                                                                              \
    "metadata: {namespace: shop, name: " name "}\n"                                                \
    "spec: {clusterIP: 10.0.0.9, selector: {app: " name "}, ports: [{port: 5432}]}\n"

/* A cluster with one pod in a loop whose previous log is `log`. */
static inline TestCluster *
cluster_with_log(TempDir *dir, const char *yaml, const char *log)
{
    g_autofree char *path = temp_dir_file(dir, "shop_web_app.previous.log");
    assert_true(g_file_set_contents(path, log, -1, NULL));
    TestCluster *cluster = test_cluster_new(yaml);
    test_cluster_logs(cluster, temp_dir_path(dir));
    return cluster;
}
