#!/usr/bin/env python3
"""The questions of the metric checks, asked of a real Prometheus: with series that are bad each check
speaks, with series that are fine none does, and without a Prometheus each says that it cannot look."""
import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset

WAIT_S = 60
NOW = 1767268800  # 2026-01-01T12:00:00Z
HOURS, STEP = 26, 60
CREATED = "2025-12-01T00:00:00Z"
GIB = 1 << 30

NODE = {"instance": "10.0.0.1:9100"}
KUBELET = {"node": "n1", "instance": "10.0.0.1:10250"}
APP = {"namespace": "shop", "pod": "db-0", "container": "app"}
CLAIM = {"namespace": "shop", "persistentvolumeclaim": "data"}
DISK = NODE | {"mountpoint": "/var", "device": "/dev/sda1", "fstype": "ext4"}
ETCD = {"instance": "etcd-0"}


def gauge(good, bad):
    return lambda is_bad: lambda t: bad if is_bad else good


def counter(good, bad):
    """Rates by the second."""
    return lambda is_bad: lambda t: (bad if is_bad else good) * t


def down(good, start, end):
    """Falls over the whole time, or stays."""
    return lambda is_bad: lambda t: start + (end - start) * t / (HOURS * 3600) if is_bad else good


def square(t):
    return t // 300 % 2


def flips(is_bad):
    return lambda t: square(t) if is_bad else 1


def turned_on(is_bad):
    return lambda t: 1 if is_bad and t > (HOURS - 1) * 3600 else 0


def certificate(is_bad):
    return lambda t: NOW + (3 if is_bad else 90) * 86400


# (check or checks that it is about, metric, labels, values)
SERIES = [
    ("", "up", NODE, gauge(1, 1)),
    ("", "node_uname_info", NODE | {"nodename": "n1"}, gauge(1, 1)),
    ("node-filesystem-full", "node_filesystem_size_bytes", DISK, gauge(100 * GIB, 100 * GIB)),
    ("node-filesystem-full", "node_filesystem_avail_bytes", DISK, down(60 * GIB, 30 * GIB, 4 * GIB)),
    ("node-inodes-full", "node_filesystem_files", DISK, gauge(1e6, 1e6)),
    ("node-inodes-full", "node_filesystem_files_free", DISK, gauge(5e5, 1e4)),
    ("node-filesystem-readonly", "node_filesystem_readonly", DISK, turned_on),
    ("node-memory-high node-oom-risk-overcommit", "node_memory_MemAvailable_bytes", NODE, gauge(6 * GIB, 0.3 * GIB)),
    ("node-memory-high", "node_memory_MemTotal_bytes", NODE, gauge(8 * GIB, 8 * GIB)),
    ("node-cpu-saturated", "node_cpu_seconds_total", NODE | {"cpu": "0", "mode": "idle"}, counter(0.8, 0.01)),
    ("node-cpu-saturated", "node_cpu_seconds_total", NODE | {"cpu": "1", "mode": "idle"}, counter(0.8, 0.01)),
    ("node-cpu-saturated", "node_load1", NODE, gauge(1, 9)),
    ("node-evicting", "kubelet_evictions", KUBELET | {"eviction_signal": "memory.available"}, counter(0, 0.01)),
    ("node-clock-skew", "node_timex_offset_seconds", NODE, gauge(0.001, -0.2)),
    ("node-clock-skew", "node_timex_sync_status", NODE, gauge(1, 0)),
    ("node-clock-skew", "node_timex_maxerror_seconds", NODE, gauge(0.1, 16)),
    ("node-conntrack-full", "node_nf_conntrack_entries", NODE, gauge(1000, 250000)),
    ("node-conntrack-full", "node_nf_conntrack_entries_limit", NODE, gauge(262144, 262144)),
    ("node-network-errors", "node_network_receive_errs_total", NODE | {"device": "eth0"}, counter(0, 5)),
    ("node-network-errors", "node_network_transmit_errs_total", NODE | {"device": "eth0"}, counter(0, 0)),
    ("node-network-errors", "node_network_receive_packets_total", NODE | {"device": "eth0"}, counter(100, 100)),
    ("node-network-errors", "node_network_transmit_packets_total", NODE | {"device": "eth0"}, counter(100, 100)),
    ("node-disk-io-saturated", "node_disk_io_time_weighted_seconds_total", NODE | {"device": "sda"}, counter(0.5, 20)),
    ("node-disk-failure", "node_md_disks", NODE | {"device": "md0", "state": "failed"}, gauge(0, 1)),
    ("node-disk-failure", "smartctl_device_smart_status", NODE | {"device": "sda"}, gauge(1, 0)),
    ("node-kubelet-cert-expiring", "kubelet_certificate_manager_client_ttl_seconds", KUBELET, gauge(9e6, 3e5)),
    ("node-pleg-slow", "kubelet_pleg_relist_duration_seconds_bucket", KUBELET | {"le": "1"}, counter(1, 0)),
    ("node-pleg-slow", "kubelet_pleg_relist_duration_seconds_bucket", KUBELET | {"le": "20"}, counter(1, 1)),
    ("node-pleg-slow", "kubelet_pleg_relist_duration_seconds_bucket", KUBELET | {"le": "+Inf"}, counter(1, 1)),
    ("node-runtime-errors", "kubelet_runtime_operations_errors_total", KUBELET, counter(0, 0.2)),
    ("node-runtime-errors", "kubelet_runtime_operations_total", KUBELET, counter(1, 1)),
    ("node-flapping", "kube_node_status_condition", {"node": "n1", "condition": "Ready", "status": "true"}, flips),
    ("pvc-filling-up", "kubelet_volume_stats_capacity_bytes", CLAIM, gauge(10 * GIB, 10 * GIB)),
    ("pvc-filling-up", "kubelet_volume_stats_available_bytes", CLAIM, down(8 * GIB, 2 * GIB, 1 * GIB)),
    ("pvc-inodes-filling", "kubelet_volume_stats_inodes", CLAIM, gauge(1e6, 1e6)),
    ("pvc-inodes-filling", "kubelet_volume_stats_inodes_free", CLAIM, down(8e5, 2e5, 1e5)),
    ("near-memory-limit memory-leak-trend", "container_memory_working_set_bytes", APP,
     down(100 << 20, 100 << 20, 252 << 20)),
    ("cpu-throttled", "container_cpu_cfs_throttled_periods_total", APP, counter(0.1, 8)),
    ("cpu-throttled", "container_cpu_cfs_periods_total", APP, counter(10, 10)),
    ("cpu-throttled", "container_cpu_usage_seconds_total", APP, counter(0.1, 0.9)),
    ("cpu-starved-noderequest", "container_pressure_cpu_waiting_seconds_total", APP, counter(0.01, 0.5)),
    ("ephemeral-storage-near", "container_fs_usage_bytes", APP, gauge(100 << 20, 1020 << 20)),
    ("fd-or-thread-exhaustion", "process_open_fds", APP, gauge(20, 1000)),
    ("fd-or-thread-exhaustion", "process_max_fds", APP, gauge(1024, 1024)),
    ("oom-invisible", "container_oom_events_total", APP, counter(0, 0.01)),
    ("readiness-flapping", "kube_pod_status_ready", {"namespace": "shop", "pod": "db-0", "condition": "true"}, flips),
    ("apiserver-errors", "apiserver_request_total", {"code": "200"}, counter(100, 100)),
    ("apiserver-errors", "apiserver_request_total", {"code": "503"}, counter(0, 30)),
    ("apiserver-latency", "apiserver_request_duration_seconds_bucket",
     {"verb": "POST", "resource": "pods", "le": "0.1"}, counter(1, 0)),
    ("apiserver-latency", "apiserver_request_duration_seconds_bucket",
     {"verb": "POST", "resource": "pods", "le": "5"}, counter(1, 1)),
    ("apiserver-latency", "apiserver_request_duration_seconds_bucket",
     {"verb": "POST", "resource": "pods", "le": "+Inf"}, counter(1, 1)),
    ("apiserver-throttling", "apiserver_flowcontrol_rejected_requests_total",
     {"flow_schema": "global-default", "priority_level": "global-default"}, counter(0, 1)),
    ("webhook-rejections", "apiserver_admission_webhook_rejection_count",
     {"name": "policy.example.com", "error_type": "calling_webhook_error"}, counter(0, 0.1)),
    ("webhook-rejections", "apiserver_admission_webhook_fail_open_count", {"name": "a.example.com"}, counter(0, 0.1)),
    ("webhook-slow", "apiserver_admission_webhook_admission_duration_seconds_bucket",
     {"name": "policy.example.com", "le": "1"}, counter(1, 0)),
    ("webhook-slow", "apiserver_admission_webhook_admission_duration_seconds_bucket",
     {"name": "policy.example.com", "le": "10"}, counter(1, 1)),
    ("webhook-slow", "apiserver_admission_webhook_admission_duration_seconds_bucket",
     {"name": "policy.example.com", "le": "+Inf"}, counter(1, 1)),
    ("deprecated-api-used", "apiserver_requested_deprecated_apis",
     {"group": "batch", "version": "v1beta1", "resource": "cronjobs", "removed_release": "1.35"}, gauge(0, 1)),
    ("etcd-no-leader", "etcd_server_has_leader", ETCD, gauge(1, 0)),
    ("etcd-members-down", "etcd_network_peer_sent_failures_total", ETCD | {"To": "etcd-1"}, counter(0, 1)),
    ("etcd-db-near-quota", "etcd_mvcc_db_total_size_in_bytes", ETCD, gauge(1 * GIB, 1.95 * GIB)),
    ("etcd-db-near-quota", "etcd_server_quota_backend_bytes", ETCD, gauge(2 * GIB, 2 * GIB)),
    ("etcd-slow-disk", "etcd_disk_wal_fsync_duration_seconds_bucket", ETCD | {"le": "0.01"}, counter(1, 0)),
    ("etcd-slow-disk", "etcd_disk_wal_fsync_duration_seconds_bucket", ETCD | {"le": "2"}, counter(1, 1)),
    ("etcd-slow-disk", "etcd_disk_wal_fsync_duration_seconds_bucket", ETCD | {"le": "+Inf"}, counter(1, 1)),
    ("etcd-slow-disk", "etcd_disk_backend_commit_duration_seconds_bucket", ETCD | {"le": "0.01"}, counter(1, 0)),
    ("etcd-slow-disk", "etcd_disk_backend_commit_duration_seconds_bucket", ETCD | {"le": "2"}, counter(1, 1)),
    ("etcd-slow-disk", "etcd_disk_backend_commit_duration_seconds_bucket", ETCD | {"le": "+Inf"}, counter(1, 1)),
    ("dns-errors", "coredns_dns_responses_total", {"rcode": "NOERROR"}, counter(10, 10)),
    ("dns-errors", "coredns_dns_responses_total", {"rcode": "SERVFAIL"}, counter(0, 2)),
    ("ingress-5xx", "nginx_ingress_controller_requests",
     {"namespace": "shop", "ingress": "site", "status": "200"}, counter(5, 5)),
    ("ingress-5xx", "nginx_ingress_controller_requests",
     {"namespace": "shop", "ingress": "site", "status": "502"}, counter(0, 2)),
    ("serving-cert-probe-free", "nginx_ingress_controller_ssl_expire_time_seconds",
     {"host": "shop.example.com"}, certificate),
    ("serving-cert-probe-free", "probe_ssl_earliest_cert_expiry", {"instance": "https://example.com"}, certificate),
]
CHECKS = sorted({check for row in SERIES for check in row[0].split()})


def write_openmetrics(path, is_bad):
    """Samples of one metric have to stand together, series by series, in the order of time."""
    with open(path, "w") as out:
        for name in sorted({row[1] for row in SERIES}):
            out.write(f"# TYPE {name} unknown\n")
            for _, metric, labels, values in SERIES:
                if metric != name:
                    continue
                value = values(is_bad)
                text = ",".join(f'{key}="{label}"' for key, label in (labels | {"cluster": "prod"}).items())
                for t in range(0, HOURS * 3600 + 1, STEP):
                    out.write(f"{name}{{{text}}} {value(t)} {NOW - HOURS * 3600 + t}\n")
        out.write("# EOF\n")


def start_prometheus(folder, is_bad):
    data = os.path.join(folder, "tsdb")
    write_openmetrics(os.path.join(folder, "samples"), is_bad)
    subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", os.path.join(folder, "samples"), data],
                   check=True, stdout=subprocess.DEVNULL)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = os.path.join(folder, "prometheus.yml")
    with open(config, "w") as out:
        out.write("global: {}\n")
    log = os.path.join(folder, "prometheus.log")
    process = cresset.start("prometheus", log, "--config.file", config, "--storage.tsdb.path", data,
                            "--storage.tsdb.retention.time", "100y", "--web.listen-address", f"127.0.0.1:{port}")
    url = f"http://127.0.0.1:{port}"

    def is_ready():
        if process.poll() is not None:
            sys.exit("prometheus ended: " + open(log).read()[-2000:])
        try:
            return urllib.request.urlopen(url + "/-/ready", timeout=2).status == 200
        except OSError:
            return False
    cresset.wait_for(is_ready, WAIT_S, "prometheus")
    return process, url


def meta(name, ns=None, **more):
    return {"name": name, "creationTimestamp": CREATED} | ({"namespace": ns} if ns else {}) | more


def write_objects(folder):
    """A healthy cluster with what the series name."""
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "db", "controller": True}
    limits = {"memory": "256Mi", "cpu": "1", "ephemeral-storage": "1Gi"}
    pod = {"nodeName": "n1", "containers": [
        {"name": "app", "image": "example.com/db:1", "resources": {"limits": limits, "requests": limits}},
        {"name": "batch", "image": "example.com/batch:1",
         "resources": {"limits": {"memory": "4Gi"}, "requests": {"memory": "64Mi"}}}]}
    ready = [{"type": "Ready", "status": "True", "lastTransitionTime": CREATED}]
    states = [{"name": name, "ready": True, "started": True, "restartCount": 0, "state": {"running": {"startedAt": CREATED}}}
              for name in ("app", "batch")]
    counts = {key: 1 for key in ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas", "currentReplicas")}
    objects = [
        {"apiVersion": "v1", "kind": "Node", "metadata": meta("n1"), "status": {
            "conditions": ready, "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
            "allocatable": {"memory": "2Gi", "cpu": "4", "pods": "110"},
            "nodeInfo": {"kubeletVersion": "v1.34.1"}}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": meta("shop"), "status": {"phase": "Active"}},
        {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": meta("db", "shop", uid="db"),
         "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "db"}},
                  "template": {"metadata": {"labels": {"app": "db"}}, "spec": pod}}, "status": counts},
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta("db-0", "shop", labels={"app": "db"}, ownerReferences=[owner]),
         "spec": pod, "status": {"phase": "Running", "podIP": "10.1.0.1", "conditions": ready, "containerStatuses": states}},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta("data", "shop"),
         "spec": {"accessModes": ["ReadWriteOnce"], "volumeName": "v1", "storageClassName": ""},
         "status": {"phase": "Bound"}},
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": meta("v1"),
         "spec": {"claimRef": {"namespace": "shop", "name": "data"}}, "status": {"phase": "Bound"}},
        {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": meta("nginx"),
         "spec": {"controller": "k8s.io/ingress-nginx"}},
        {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": meta("site", "shop"),
         "spec": {"ingressClassName": "nginx"}},
    ]
    with open(os.path.join(folder, "objects.json"), "w") as out:
        json.dump({"apiVersion": "v1", "kind": "List", "items": objects}, out)


def scan(binary, objects, *options):
    """The report: {check: title} of everything told, folded ones included, and what is not verified."""
    run = subprocess.run([binary, "scan", "--input", objects, "--now", "2026-01-01T12:00:00Z", "--output", "json",
                          "--cluster", "prod", *options], capture_output=True, text=True, timeout=120)
    if run.returncode not in (0, 1) or run.stderr:
        sys.exit(f"scan ended with {run.returncode}: {run.stderr}")
    report = json.loads(run.stdout)
    told = {finding["check"]: finding["title"] for finding in report["findings"]}
    told |= {other["check"]: "" for finding in report["findings"] for other in finding["explains"]}
    return told, {row["check"]: row["reason"] for row in report["unverified"]}


def check_bad(binary, objects, url):
    told, unverified = scan(binary, objects, "--prometheus-url", url)
    missing = [check for check in CHECKS if check not in told]
    if missing:
        sys.exit(f"not told: {missing}; told: {json.dumps(told, indent=1)}; not verified: {unverified}")
    for check in CHECKS:
        if check in unverified:
            sys.exit(f"{check} is told, and not verified: {unverified[check]}")
    silent, _ = scan(binary, objects, "--prometheus-url", url, "--telemetry-matchers", 'cluster="other"')
    others = [check for check in CHECKS if check in silent]
    if others:
        sys.exit(f"told of another cluster: {others}")


def check_good(binary, objects, url):
    told, unverified = scan(binary, objects, "--prometheus-url", url)
    wrong = {check: told[check] for check in CHECKS if check in told}
    if wrong or any(check in unverified for check in CHECKS):
        sys.exit(f"told of a healthy cluster: {wrong}; not verified: {unverified}")


def check_unreachable(binary, objects, url):
    told, unverified = scan(binary, objects, "--prometheus-url", url)
    for check in CHECKS:
        if check in told or check not in unverified:
            sys.exit(f"without a Prometheus {check} is {'told' if check in told else 'silent'}")
    if any(check in scan(binary, objects)[1] for check in CHECKS):
        sys.exit("not verified, though no Prometheus is configured")


def run(binary, folder, is_bad, check):
    os.makedirs(folder)
    process, url = start_prometheus(folder, is_bad)
    try:
        check(binary, os.path.join(folder, "..", "objects"), url)
    finally:
        process.terminate()
        process.wait(WAIT_S)
    return url


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    binary = os.path.join(parser.parse_args().bin, "cresset-analyzer")
    if not shutil.which("prometheus") or not shutil.which("promtool"):
        print("skipped: there is no prometheus (Debian package prometheus)")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(os.path.join(folder, "objects"))
        write_objects(os.path.join(folder, "objects"))
        run(binary, os.path.join(folder, "bad"), True, check_bad)
        url = run(binary, os.path.join(folder, "good"), False, check_good)
        check_unreachable(binary, os.path.join(folder, "objects"), url)
    print(f"{len(CHECKS)} checks asked a real Prometheus")


if __name__ == "__main__":
    main()
