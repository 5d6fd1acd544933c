/* Nodes of which metrics say that they run out of something (node_exporter, kubelet,
 * kube-state-metrics). */
#include "analyzers/checks/container.h"
#include "analyzers/checks/metric.h"
#include "analyzers/checks/table.h"
#include "lib/k8s/quantity.h"

static void run_nodes(CheckRun *run);

/* File systems that belong to the node itself, and disks. */
#define FILES                                                                                      \
    "{fstype!~\"tmpfs|ramfs|overlay|squashfs|iso9660|erofs|nsfs|fuse.*\","                         \
    "mountpoint!~\"/var/lib/(kubelet|docker|containerd|containers)/.+|/run/.+\",$S}"
#define DISKS "{device=~\"(/dev/)?(mmcblk.p.+|nvme.+|rbd.+|sd.+|vd.+|xvd.+|dm-.+|md.+|dasd.+)\",$S}"
#define LINKS "{device!~\"lo|veth.*|cali.*|lxc.*|cni.*|flannel.*|cilium.*|docker.*|tun.*\",$S}"
#define IDLE  "node_cpu_seconds_total{mode=\"idle\",$S}"

/* ---- What is asked. ---- */

static const TelemetryQuery filesystem_full = {
    .name = "node-filesystem-full",
    .families = "node_filesystem_avail_bytes node_filesystem_size_bytes",
    .text = "max_over_time((node_filesystem_avail_bytes" FILES " / node_filesystem_size_bytes" FILES
            ")[30m:1m]) < 0.05 or (max_over_time((node_filesystem_avail_bytes" FILES
            " / node_filesystem_size_bytes" FILES
            ")[30m:1m]) < 0.1 and predict_linear(node_filesystem_avail_bytes" FILES
            "[6h], 4 * 3600) < 0)",
};
static const TelemetryQuery inodes_full = {
    .name = "node-inodes-full",
    .families = "node_filesystem_files_free node_filesystem_files",
    .text = "max_over_time((node_filesystem_files_free" FILES " / node_filesystem_files" FILES
            ")[30m:1m]) < 0.05",
};
static const TelemetryQuery filesystem_readonly = {
    .name = "node-filesystem-readonly",
    .families = "node_filesystem_readonly",
    .text = "min_over_time(node_filesystem_readonly" FILES
            "[5m]) == 1 and min_over_time(node_filesystem_readonly" FILES "[1d]) == 0",
};
static const TelemetryQuery memory_high = {
    .name = "node-memory-high",
    .families = "node_memory_MemAvailable_bytes node_memory_MemTotal_bytes",
    .text = "max_over_time((node_memory_MemAvailable_bytes{$S} / "
            "node_memory_MemTotal_bytes{$S})[15m:1m]) < 0.08",
};
static const TelemetryQuery cpu_used = {
    .name = "node-cpu-used",
    .families = "node_cpu_seconds_total",
    .text = "min_over_time((1 - avg without (cpu, mode) (rate(" IDLE "[5m])))[15m:1m]) > 0.95",
};
static const TelemetryQuery load = {
    .name = "node-load",
    .families = "node_load1 node_cpu_seconds_total",
    .text = "min_over_time((node_load1{$S} / count without (cpu, mode) (" IDLE "))[15m:1m]) > 2",
};
static const TelemetryQuery evictions = {
    .name = "node-evictions",
    .families = "kubelet_evictions",
    .text = "increase(kubelet_evictions{$S}[15m]) > 0",
};
static const TelemetryQuery clock_offset = {
    .name = "node-clock-offset",
    .families = "node_timex_offset_seconds",
    .text = "min_over_time(abs(node_timex_offset_seconds{$S})[10m:1m]) > 0.05",
};
static const TelemetryQuery clock_unsynchronized = {
    .name = "node-clock-unsynchronized",
    .families = "node_timex_sync_status node_timex_maxerror_seconds",
    .text = "min_over_time(node_timex_maxerror_seconds{$S}[10m]) >= 16 and "
            "max_over_time(node_timex_sync_status{$S}[10m]) == 0",
};
static const TelemetryQuery conntrack = {
    .name = "node-conntrack-full",
    .families = "node_nf_conntrack_entries node_nf_conntrack_entries_limit",
    .text = "min_over_time((node_nf_conntrack_entries{$S} / "
            "node_nf_conntrack_entries_limit{$S})[10m:1m]) > 0.9",
};
static const TelemetryQuery network_errors = {
    .name = "node-network-errors",
    .families = "node_network_receive_errs_total node_network_transmit_errs_total "
                "node_network_receive_packets_total node_network_transmit_packets_total",
    .text = "(rate(node_network_receive_errs_total" LINKS
            "[1h]) + rate(node_network_transmit_errs_total" LINKS
            "[1h])) / (rate(node_network_receive_packets_total" LINKS
            "[1h]) + rate(node_network_transmit_packets_total" LINKS "[1h])) > 0.01",
};
static const TelemetryQuery disk_queue = {
    .name = "node-disk-queue",
    .families = "node_disk_io_time_weighted_seconds_total",
    .text =
        "min_over_time(rate(node_disk_io_time_weighted_seconds_total" DISKS "[5m])[30m:1m]) > 10",
};
static const TelemetryQuery raid_failed = {
    .name = "node-raid-failed",
    .families = "node_md_disks",
    .text = "node_md_disks{state=\"failed\",$S} > 0",
};
static const TelemetryQuery disk_unhealthy = {
    .name = "node-disk-unhealthy",
    .families = "smartctl_device_smart_status",
    .text = "smartctl_device_smart_status{$S} == 0",
};
static const TelemetryQuery kubelet_certificate = {
    .name = "node-kubelet-certificate",
    .families = "kubelet_certificate_manager_client_ttl_seconds",
    .text = "kubelet_certificate_manager_client_ttl_seconds{$S} < 7 * 86400",
};
static const TelemetryQuery pleg = {
    .name = "node-pleg",
    .families = "kubelet_pleg_relist_duration_seconds_bucket",
    .text = "min_over_time(histogram_quantile(0.99, sum by (node, instance, le) "
            "(rate(kubelet_pleg_relist_duration_seconds_bucket{$S}[5m])))[5m:1m]) >= 10",
};
static const TelemetryQuery runtime_errors = {
    .name = "node-runtime-errors",
    .families = "kubelet_runtime_operations_errors_total kubelet_runtime_operations_total",
    .text = "sum by (node, instance) (rate(kubelet_runtime_operations_errors_total{$S}[10m])) / "
            "sum by (node, instance) (rate(kubelet_runtime_operations_total{$S}[10m])) > 0.05",
};
static const TelemetryQuery flapping = {
    .name = "node-flapping",
    .families = "kube_node_status_condition",
    .text = "changes(kube_node_status_condition{condition=\"Ready\",status=\"true\",$S}[1h]) > 4",
};
static const TelemetryQuery memory_used = {
    .name = "node-memory-used",
    .families = "node_memory_MemAvailable_bytes node_memory_MemTotal_bytes",
    .text = "min_over_time((1 - node_memory_MemAvailable_bytes{$S} / "
            "node_memory_MemTotal_bytes{$S})[30m:1m]) > 0.85",
};

/* ---- The checks. ---- */

/* All of the last stage: what a node is short of is not the cause of whatever fails on it. */
enum {
    ROW_FILESYSTEM,
    ROW_INODES,
    ROW_READONLY,
    ROW_MEMORY,
    ROW_CPU,
    ROW_OVERCOMMIT,
    ROW_EVICTING,
    ROW_CLOCK,
    ROW_CONNTRACK,
    ROW_NETWORK,
    ROW_DISK_QUEUE,
    ROW_DISK_FAILURE,
    ROW_CERTIFICATE,
    ROW_PLEG,
    ROW_RUNTIME,
    ROW_FLAPPING,
};

#define NODE_METRIC_ROW(name, level, hold, seen, told_by, step, ...)                               \
    {                                                                                              \
        .id = name, .kind = "Node", .severity = level, .stage = STAGE_ADVICE, .tier = 2,           \
        .hold_s = hold, .symptom = seen, .meaning = told_by, .fix = step, .run = run_nodes,        \
        .needs = {KIND_NODE}, .asks = {                                                            \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static const CheckRow rows[] = {
    [ROW_FILESYSTEM] = NODE_METRIC_ROW(
        "node-filesystem-full", SEVERITY_HIGH, 30 * 60, "A file system of a node is nearly full.",
        "For 30 minutes less than 5 % was left, or less than 10 % with a trend that fills it "
        "within four hours.",
        "Free space there: old images and logs first; then give it more, or move pods away.",
        &filesystem_full, &node_names_query),
    [ROW_INODES] = NODE_METRIC_ROW("node-inodes-full", SEVERITY_HIGH, 30 * 60,
                                   "A file system of a node can hardly take another file.",
                                   "For 30 minutes less than 5 % of its inodes were left.",
                                   "Find the folders with very many small files, and remove them.",
                                   &inodes_full, &node_names_query),
    [ROW_READONLY] = NODE_METRIC_ROW(
        "node-filesystem-readonly", SEVERITY_CRITICAL, 5 * 60,
        "A file system of a node cannot be written any more.",
        "It has been mounted read-only for five minutes and was writable within the last day, as "
        "after disk errors.",
        "Drain the node, look at its kernel log for disk errors, and replace the disk.",
        &filesystem_readonly, &node_names_query),
    [ROW_MEMORY] = NODE_METRIC_ROW(
        "node-memory-high", SEVERITY_MEDIUM, 15 * 60, "A node is nearly out of memory.",
        "For 15 minutes less than 8 % of its memory was available.",
        "Move pods away from it, or set requests and limits that match what they use.",
        &memory_high, &node_names_query),
    [ROW_CPU] = NODE_METRIC_ROW(
        "node-cpu-saturated", SEVERITY_LOW, 15 * 60, "A node is out of CPU.",
        "For 15 minutes its CPUs were more than 95 % in use, or the load was above 2 per CPU.",
        "Spread its pods, or add capacity.", &cpu_used, &load, &node_names_query),
    [ROW_OVERCOMMIT] = NODE_METRIC_ROW(
        "node-oom-risk-overcommit", SEVERITY_LOW, 30 * 60,
        "Pods of a node may use far more memory than it has, and it is nearly in use.",
        "The memory limits of its pods add up to more than twice what it has for them, and for 30 "
        "minutes more than 85 % of its memory was in use.",
        "Lower the limits to what the pods need, or move some of them.", &memory_used,
        &node_names_query),
    [ROW_EVICTING] = NODE_METRIC_ROW("node-evicting", SEVERITY_MEDIUM, 0,
                                     "A node pushes pods off because it is short of "
                                     "something.",
                                     "Its kubelet has evicted pods within the last 15 minutes.",
                                     "See what it is short of, and which pods use it.", &evictions),
    [ROW_CLOCK] = NODE_METRIC_ROW(
        "node-clock-skew", SEVERITY_MEDIUM, 10 * 60, "The clock of a node is wrong.",
        "For ten minutes it was more than 50 ms off, or not synchronized at all; tokens, "
        "certificates and metrics of the node may be refused.",
        "Repair the time synchronization (chrony, systemd-timesyncd) of the node.", &clock_offset,
        &clock_unsynchronized, &node_names_query),
    [ROW_CONNTRACK] = NODE_METRIC_ROW(
        "node-conntrack-full", SEVERITY_HIGH, 10 * 60,
        "A node is about to drop new network connections.",
        "For ten minutes its table of tracked connections was more than 90 % full.",
        "Raise net.netfilter.nf_conntrack_max, and find the pod that opens so many connections.",
        &conntrack, &node_names_query),
    [ROW_NETWORK] = NODE_METRIC_ROW("node-network-errors", SEVERITY_LOW, 3600,
                                    "A network interface of a node loses packets.",
                                    "Over an hour more than 1 % of its packets were errors.",
                                    "Check cable, switch port, driver and MTU of the interface.",
                                    &network_errors, &node_names_query),
    [ROW_DISK_QUEUE] =
        NODE_METRIC_ROW("node-disk-io-saturated", SEVERITY_LOW, 30 * 60,
                        "A disk of a node is too slow for what it "
                        "is asked.",
                        "For 30 minutes more than ten requests were waiting at it on average.",
                        "Find the pods that write most, and move them, or use a faster disk.",
                        &disk_queue, &node_names_query),
    [ROW_DISK_FAILURE] = NODE_METRIC_ROW(
        "node-disk-failure", SEVERITY_HIGH, 0, "A disk of a node has failed.",
        "Its RAID reports a failed member, or the disk itself says that it is failing (SMART).",
        "Replace the disk.", &raid_failed, &disk_unhealthy, &node_names_query),
    [ROW_CERTIFICATE] = NODE_METRIC_ROW(
        "node-kubelet-cert-expiring", SEVERITY_MEDIUM, 3600,
        "A node is about to lose its access to the API server.",
        "The client certificate of its kubelet ends within seven days and was not renewed; "
        "critical within one day.",
        "Approve its CertificateSigningRequest if one waits; else restart the kubelet and read its "
        "log.",
        &kubelet_certificate),
    [ROW_PLEG] = NODE_METRIC_ROW(
        "node-pleg-slow", SEVERITY_MEDIUM, 5 * 60,
        "The container runtime of a node answers very "
        "slowly.",
        "Listing its containers took ten seconds and more (p99) for five minutes; the node will "
        "soon be not ready.",
        "Look at the load and the disk of the node, and restart its container runtime.", &pleg),
    [ROW_RUNTIME] = NODE_METRIC_ROW(
        "node-runtime-errors", SEVERITY_MEDIUM, 10 * 60, "The container runtime of a node fails.",
        "Over ten minutes more than 5 % of what the kubelet asks of it failed.",
        "Read the log of the container runtime (containerd, CRI-O) on the node.", &runtime_errors),
    [ROW_FLAPPING] = NODE_METRIC_ROW(
        "node-flapping", SEVERITY_HIGH, 0, "A node keeps changing between ready and not ready.",
        "Its Ready condition changed more than four times within an hour.",
        "Drain it, then look for overload of its kubelet or a bad network link.", &flapping),
};

const CheckTopic check_topic_node_metric = {rows, G_N_ELEMENTS(rows)};

/* Whether the memory limits of the pods of a node are more than twice what it has. */
static bool
is_overcommitted(const CheckRun *run, const Object *node, const MetricSeries *series)
{
    double limits = 0, room = 0;
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    (void)series;
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        if (value_is(pod->value, "spec.nodeName", node->name) && pod_is_wanted(pod))
            limits += pod_limits(pod, "memory");
    }
    return quantity_parse(value_text(node->value, "status.allocatable.memory"), &room) &&
           room > 0 && limits > 2 * room;
}

#define NODE_RULE(asked, which, measure, head, text, ...)                                          \
    {                                                                                              \
        .query = &(asked), .row = &rows[which], .place = PLACE_NODE, .unit = measure,              \
        .title = head, .cause = text, ##__VA_ARGS__                                                \
    }

static const MetricRule rules[] = {
    NODE_RULE(filesystem_full, ROW_FILESYSTEM, UNIT_LEFT, "{part} of node {object} is {value} full",
              "The file system at {mountpoint} ({device}) of node {object} is {value} full; when "
              "it is full, pods there fail and are evicted.",
              .part = "mountpoint"),
    NODE_RULE(inodes_full, ROW_INODES, UNIT_LEFT,
              "{part} of node {object} has used {value} of its inodes",
              "The file system at {mountpoint} of node {object} has used {value} of its inodes: it "
              "can take few files more, however much space is left.",
              .part = "mountpoint"),
    NODE_RULE(filesystem_readonly, ROW_READONLY, UNIT_NUMBER,
              "{part} of node {object} has become read-only",
              "The file system at {mountpoint} ({device}) of node {object} was writable within the "
              "last day and is not any more, as after disk errors.",
              .part = "mountpoint"),
    NODE_RULE(memory_high, ROW_MEMORY, UNIT_LEFT, "Node {object} uses {value} of its memory",
              "For 15 minutes node {object} had {value} of its memory in use, or more."),
    NODE_RULE(cpu_used, ROW_CPU, UNIT_SHARE, "Node {object} uses {value} of its CPUs",
              "For 15 minutes the CPUs of node {object} were {value} in use, or more."),
    NODE_RULE(load, ROW_CPU, UNIT_NUMBER, "Node {object} has a load of {value} per CPU",
              "For 15 minutes {value} threads per CPU of node {object} ran or waited, or more."),
    NODE_RULE(memory_used, ROW_OVERCOMMIT, UNIT_SHARE,
              "Memory limits of node {object} are more than twice its memory, {value} is in use",
              "The pods of node {object} may use more than twice the memory that it has, and "
              "{value} is in use: expect containers to be killed under load.",
              .is_told = is_overcommitted),
    NODE_RULE(evictions, ROW_EVICTING, UNIT_NUMBER, "Node {object} evicts pods: {part}",
              "The kubelet of node {object} has evicted pods within 15 minutes because of {part}.",
              .part = "eviction_signal"),
    NODE_RULE(clock_offset, ROW_CLOCK, UNIT_SHORT, "The clock of node {object} is {value} off",
              "For ten minutes the clock of node {object} was {value} off, or more."),
    NODE_RULE(clock_unsynchronized, ROW_CLOCK, UNIT_SHORT,
              "The clock of node {object} is not synchronized",
              "The clock of node {object} has not been synchronized for so long that it may be "
              "{value} off."),
    NODE_RULE(conntrack, ROW_CONNTRACK, UNIT_SHARE,
              "The connection table of node {object} is {value} full",
              "Node {object} tracks so many connections that its table is {value} full; when it is "
              "full, new connections are dropped."),
    NODE_RULE(network_errors, ROW_NETWORK, UNIT_SHARE,
              "{part} of node {object} loses {value} of its packets",
              "Over an hour {value} of the packets of interface {device} of node {object} were "
              "errors.",
              .part = "device"),
    NODE_RULE(disk_queue, ROW_DISK_QUEUE, UNIT_NUMBER,
              "Disk {part} of node {object} has {value} requests waiting",
              "For 30 minutes {value} requests were waiting at disk {device} of node {object}, or "
              "more.",
              .part = "device"),
    NODE_RULE(raid_failed, ROW_DISK_FAILURE, UNIT_NUMBER,
              "{value} disks of RAID {part} of node {object} have failed",
              "RAID {device} of node {object} reports {value} failed members.", .part = "device"),
    NODE_RULE(disk_unhealthy, ROW_DISK_FAILURE, UNIT_NUMBER,
              "Disk {part} of node {object} says that it is failing",
              "The self-test (SMART) of disk {device} of node {object} does not pass.",
              .part = "device"),
    NODE_RULE(kubelet_certificate, ROW_CERTIFICATE, UNIT_SECONDS,
              "The kubelet certificate of node {object} ends in {value}",
              "The certificate by which the kubelet of node {object} talks to the API server ends "
              "in {value} and was not renewed: then the node is lost.",
              .worse = SEVERITY_CRITICAL, .worse_below = 86400),
    NODE_RULE(pleg, ROW_PLEG, UNIT_SHORT, "The container runtime of node {object} takes {value}",
              "Listing the containers of node {object} takes {value} (p99)."),
    NODE_RULE(runtime_errors, ROW_RUNTIME, UNIT_SHARE,
              "{value} of the calls to the container runtime of node {object} fail",
              "Over ten minutes {value} of what the kubelet of node {object} asked of the "
              "container runtime failed."),
    NODE_RULE(flapping, ROW_FLAPPING, UNIT_NUMBER,
              "Node {object} became ready and not ready {value} times",
              "The Ready condition of node {object} changed {value} times within an hour."),
};

static void
run_nodes(CheckRun *run)
{
    metric_run(run, rules, G_N_ELEMENTS(rules));
}
