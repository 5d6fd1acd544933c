#!/usr/bin/env python3
"""What each row of analyzers/enrich/metric_row.c asks a real Prometheus, and the line of evidence that it makes of the answer."""
import argparse
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
import prometheus

NOW, HOUR, MIB = 1767268800, 3600, 1 << 20
# The lines of all rows, in their order: regular expressions.
LINES = [
    r"Memory of container app of pod web-1: at most 249\.[23] MiB in the last 2 h, 97 % of its limit of 256Mi",
    r"Memory of container app of pod web-1 grew by up to 1\.5 MiB a minute",
    r"Memory of container app of pod web-1 grows by 90\.0 MiB an hour",
    r"Restarts of container app of pod web-1 in the last hour: 6",
    r"The CPU limit holds up container app of pod web-1 in 40 % of all periods",
    r"CPU of container app of pod web-1: 0\.50 cores in the last 15 min, 50 % of its limit of 1",
    r"Container app of pod web-1 waits for a CPU in 30 % of the time",
    r"Local disk of container app of pod web-1: 900\.0 MiB, 88 % of its limit of 1Gi",
    r"Readiness probe of container app of pod web-1: 25 % failed in the last 15 min",
    r"The volume of claim data is 95 % full",
    r"Claim data fills by 10\.0 MiB an hour",
    r"Of the inodes of claim data 80 % are used",
    r"Of the memory of the node 5 % are available",
    r"Most memory of the node is held by shop/web-1 249\.[23] MiB \(asks for 128\.0 MiB\)",
    r"/var is 92 % full",
    r"Most local disk of the node is taken by shop/web-1 900\.0 MiB",
    r"The load of the node \(1 min\) is 12",
    r"Most CPU of the node is used by shop/web-1 0\.50 cores \(asks for 0\.25 cores\)",
    r"Most threads of the node are those of shop/web-1 900",
    r"Metric cpu is at 200 % of its target",
]
APP = {"namespace": "shop", "pod": "web-1", "container": "app"}
CLAIM = {"namespace": "shop", "persistentvolumeclaim": "data"}
NODE = {"node": "n1"}
VAR = {"node": "n1", "mountpoint": "/var", "fstype": "ext4"}
SCALER = {"namespace": "shop", "horizontalpodautoscaler": "web", "metric_name": "cpu"}


def counter(a_second):
    return lambda age: a_second * (8 * HOUR - age)


def constant(value):
    return lambda age: value


# The metric, its labels, and its value so many seconds ago.
SERIES = [
    ("container_memory_working_set_bytes", APP, lambda age: max(250 - 90 * age / HOUR, 1) * MIB),
    ("kube_pod_container_status_restarts_total", APP, lambda age: (8 * HOUR - age) // 600),
    ("container_cpu_cfs_throttled_periods_total", APP, counter(4)),
    ("container_cpu_cfs_periods_total", APP, counter(10)),
    ("container_cpu_usage_seconds_total", APP, counter(0.5)),
    ("container_pressure_cpu_waiting_seconds_total", APP, counter(0.3)),
    ("container_fs_usage_bytes", APP, constant(900 * MIB)),
    ("container_threads", APP, constant(900)),
    ("prober_probe_total", {**APP, "probe_type": "Readiness", "result": "failed"}, counter(0.1)),
    ("prober_probe_total", {**APP, "probe_type": "Readiness", "result": "successful"}, counter(0.3)),
    ("kubelet_volume_stats_used_bytes", CLAIM, lambda age: (950 - 10 * age / HOUR) * MIB),
    ("kubelet_volume_stats_capacity_bytes", CLAIM, constant(1000 * MIB)),
    ("kubelet_volume_stats_inodes_used", CLAIM, constant(80)),
    ("kubelet_volume_stats_inodes", CLAIM, constant(100)),
    ("node_memory_MemAvailable_bytes", NODE, constant(5 * MIB)),
    ("node_memory_MemTotal_bytes", NODE, constant(100 * MIB)),
    ("node_filesystem_avail_bytes", VAR, constant(8 * MIB)),
    ("node_filesystem_size_bytes", VAR, constant(100 * MIB)),
    ("node_load1", NODE, constant(12)),
    ("kube_horizontalpodautoscaler_status_target_metric", SCALER, constant(180)),
    ("kube_horizontalpodautoscaler_spec_target_metric", SCALER, constant(90)),
]


def families():
    """In another cluster of the tenant the same objects have other values."""
    found = {}
    for name, labels, value in SERIES:
        for cluster, factor in (("prod", 1), ("test", 3)):
            for age in range(8 * HOUR, -1, -30):
                found.setdefault(name, []).append(({**labels, "cluster": cluster}, factor * value(age), NOW - age))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--program", default="build/tests/evidence_rows")
    program = parser.parse_args().program
    cresset.need_system(["prometheus", "promtool"], {})
    with tempfile.TemporaryDirectory() as folder:
        prometheus.backfill(folder, families())
        process, url = prometheus.start(folder)
        try:
            done = subprocess.run([program, url, str(NOW)], capture_output=True, text=True, timeout=120, check=True)
        finally:
            process.terminate()
            process.wait(30)
    *lines, rows = done.stdout.splitlines()
    if rows != f"{len(LINES)} rows":
        sys.exit(f"there are {rows} and {len(LINES)} lines of the test")
    for i, wanted in enumerate(LINES):
        own = [line.partition(" ")[2] for line in lines if line.partition(" ")[0] == str(i)]
        if not any(re.fullmatch(wanted, line) for line in own):
            sys.exit(f"row {i}: no {wanted!r} in {own}")
    if "not available" in done.stdout:
        sys.exit(f"a question failed: {done.stdout}")


if __name__ == "__main__":
    main()
