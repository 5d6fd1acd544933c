#include "analyzers/enrich/metric_row.h"

#include <glib.h>

#define OOM_CHECKS   "crashloop-oom container-oomkilled oom-invisible"
#define FULL_CHECKS  "near-memory-limit memory-leak-trend"
#define CRASH_CHECKS "crashloop-* container-crashloop container-restarting init-crashloop"
#define PROBE_CHECKS                                                                               \
    "readiness-* liveness-failing startup-failing crashloop-liveness crashloop-startup"
#define SLOW_CHECKS                                                                                \
    "cpu-throttled cpu-starved-noderequest readiness-timeout readiness-failing "                   \
    "readiness-flapping liveness-failing startup-failing crashloop-liveness crashloop-startup"

#define BY_CONTAINER "by (namespace, pod, container) "
#define BY_POD       "by (namespace, pod) "
#define CONTAINERS   "{container!=\"\",container!=\"POD\",$O,$S}"

const MetricRow metric_rows[] = {
    {OOM_CHECKS " " FULL_CHECKS, METRIC_OF_CONTAINER, UNIT_BYTES, "memory",
     "max " BY_CONTAINER "(max_over_time(container_memory_working_set_bytes" CONTAINERS "[2h]))",
     "Memory of container $container of pod $pod: at most $value in the last 2 h$limit"},
    {OOM_CHECKS, METRIC_OF_CONTAINER, UNIT_BYTES, NULL,
     "max " BY_CONTAINER "(max_over_time(deriv(container_memory_working_set_bytes" CONTAINERS
     "[5m])[2h:1m])) * 60 > 1048576",
     "Memory of container $container of pod $pod grew by up to $value a minute"},
    {FULL_CHECKS, METRIC_OF_CONTAINER, UNIT_BYTES, NULL,
     "max " BY_CONTAINER "(deriv(container_memory_working_set_bytes" CONTAINERS
     "[1h])) * 3600 > 1048576",
     "Memory of container $container of pod $pod grows by $value an hour"},
    {CRASH_CHECKS " container-oomkilled", METRIC_OF_CONTAINER, UNIT_COUNT, NULL,
     "sum " BY_CONTAINER
     "(increase(kube_pod_container_status_restarts_total{container!=\"\",$O,$S}[1h])) >= 0.5",
     "Restarts of container $container of pod $pod in the last hour: $value"},
    {SLOW_CHECKS, METRIC_OF_CONTAINER, UNIT_SHARE, NULL,
     "sum " BY_CONTAINER "(increase(container_cpu_cfs_throttled_periods_total" CONTAINERS
     "[15m])) / sum " BY_CONTAINER "(increase(container_cpu_cfs_periods_total" CONTAINERS
     "[15m])) > 0.05",
     "The CPU limit holds up container $container of pod $pod in $value of all periods"},
    {SLOW_CHECKS, METRIC_OF_CONTAINER, UNIT_CORES, "cpu",
     "sum " BY_CONTAINER "(rate(container_cpu_usage_seconds_total" CONTAINERS "[15m]))",
     "CPU of container $container of pod $pod: $value in the last 15 min$limit"},
    {SLOW_CHECKS, METRIC_OF_CONTAINER, UNIT_SHARE, NULL,
     "max " BY_CONTAINER "(rate(container_pressure_cpu_waiting_seconds_total" CONTAINERS
     "[15m])) > 0.1",
     "Container $container of pod $pod waits for a CPU in $value of the time"},
    {"ephemeral-storage-near", METRIC_OF_CONTAINER, UNIT_BYTES, "ephemeral-storage",
     "sum " BY_CONTAINER "(container_fs_usage_bytes" CONTAINERS ")",
     "Local disk of container $container of pod $pod: $value$limit"},
    {PROBE_CHECKS, METRIC_OF_CONTAINER, UNIT_SHARE, NULL,
     "sum by (namespace, pod, container, probe_type) "
     "(increase(prober_probe_total{result!=\"successful\",$O,$S}[15m])) / "
     "sum by (namespace, pod, container, probe_type) (increase(prober_probe_total{$O,$S}[15m])) > "
     "0",
     "$probe_type probe of container $container of pod $pod: $value failed in the last 15 min"},
    {"pvc-filling-up pvc-resize-stuck pvc-volume-abnormal", METRIC_OF_CLAIM, UNIT_SHARE, NULL,
     "max by (namespace, persistentvolumeclaim) (kubelet_volume_stats_used_bytes{$O,$S} / "
     "kubelet_volume_stats_capacity_bytes{$O,$S})",
     "The volume of claim $persistentvolumeclaim is $value full"},
    {"pvc-filling-up", METRIC_OF_CLAIM, UNIT_BYTES, NULL,
     "max by (namespace, persistentvolumeclaim) (deriv(kubelet_volume_stats_used_bytes{$O,$S}[6h]))"
     " * 3600 > 1048576",
     "Claim $persistentvolumeclaim fills by $value an hour"},
    {"pvc-inodes-filling", METRIC_OF_CLAIM, UNIT_SHARE, NULL,
     "max by (namespace, persistentvolumeclaim) (kubelet_volume_stats_inodes_used{$O,$S} / "
     "kubelet_volume_stats_inodes{$O,$S})",
     "Of the inodes of claim $persistentvolumeclaim $value are used"},
    {"node-memory-* node-systemoom node-oom-risk-overcommit node-not-ready node-unreachable "
     "node-evicting",
     METRIC_OF_NODE, UNIT_SHARE, NULL,
     "node_memory_MemAvailable_bytes{$O,$S} / node_memory_MemTotal_bytes{$O,$S}",
     "Of the memory of the node $value are available"},
    {"node-memory-* node-systemoom node-oom-risk-overcommit node-evicting", METRIC_OF_NODE_PODS,
     UNIT_BYTES, "memory", "sum " BY_POD "(container_memory_working_set_bytes" CONTAINERS ")",
     "Most memory of the node is held by $pods"},
    {"node-disk-pressure node-filesystem-* node-inodes-full node-evicting node-kubelet-problem",
     METRIC_OF_NODE, UNIT_SHARE, NULL,
     "1 - node_filesystem_avail_bytes{fstype!~\"tmpfs|overlay|squashfs\",$O,$S} / "
     "node_filesystem_size_bytes{fstype!~\"tmpfs|overlay|squashfs\",$O,$S} > 0.5",
     "$mountpoint is $value full"},
    {"node-disk-pressure node-filesystem-full", METRIC_OF_NODE_PODS, UNIT_BYTES, NULL,
     "sum " BY_POD "(container_fs_usage_bytes" CONTAINERS ") > 0",
     "Most local disk of the node is taken by $pods"},
    {"node-cpu-saturated node-not-ready node-unreachable node-pleg-slow node-lease-stale",
     METRIC_OF_NODE, UNIT_COUNT, NULL, "node_load1{$O,$S}",
     "The load of the node (1 min) is $value"},
    {"node-cpu-saturated node-pleg-slow node-lease-stale cpu-starved-noderequest",
     METRIC_OF_NODE_PODS, UNIT_CORES, "cpu",
     "sum " BY_POD "(rate(container_cpu_usage_seconds_total" CONTAINERS "[15m]))",
     "Most CPU of the node is used by $pods"},
    {"node-pid-pressure", METRIC_OF_NODE_PODS, UNIT_COUNT, NULL,
     "sum " BY_POD "(container_threads" CONTAINERS ")",
     "Most threads of the node are those of $pods"},
    {"hpa-maxed-out hpa-not-reaching hpa-cannot-scale hpa-flapping", METRIC_OF_AUTOSCALER,
     UNIT_SHARE, NULL,
     "max by (namespace, horizontalpodautoscaler, metric_name) "
     "(kube_horizontalpodautoscaler_status_target_metric{$O,$S}) / "
     "max by (namespace, horizontalpodautoscaler, metric_name) "
     "(kube_horizontalpodautoscaler_spec_target_metric{$O,$S})",
     "Metric $metric_name is at $value of its target"},
};

const size_t n_metric_rows = G_N_ELEMENTS(metric_rows);
