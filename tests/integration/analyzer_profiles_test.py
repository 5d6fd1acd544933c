#!/usr/bin/env python3
"""Findings of throttling and saturation get the functions that take most, against a day before and against the former revision, and a
link to that flame graph: real Prometheus, real cresset-server."""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
import prometheus

NOW, HOUR, DAY, WAIT_S = 1767268800, 3600, 86400, 60
SECOND_NS = 1_000_000_000
PODS = ("web-new-a1b2c", "web-new-d3e4f")
CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds"


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: got {got!r}, wanted {wanted!r}")


def expect_in(what, part, text):
    if part not in text:
        sys.exit(f"{what}: no {part!r} in {text!r}")


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


# --- the cluster: Deployment web at the maximum of its autoscaler, on the one node, rolled out an hour ago ------------------------


def metadata(name, owner=None, created=NOW - 30 * DAY, **fields):
    return {"namespace": "shop", "name": name, "uid": name, "creationTimestamp": stamp(created),
            **({"ownerReferences": [{"controller": True, "uid": owner}]} if owner else {}), **fields}


TEMPLATE = {"spec": {"containers": [{"name": "app", "image": "r/app:2", "resources": {"requests": {"cpu": "500m"}, "limits": {"cpu": "1"}}}]}}


def replica_set(name, revision, created, replicas):
    return {"metadata": metadata(name, "web", created, annotations={"deployment.kubernetes.io/revision": revision}),
            "spec": {"replicas": replicas, "template": TEMPLATE}, "status": {"replicas": replicas, "readyReplicas": replicas}}


def pod(name):
    return {"metadata": metadata(name, "web-new", NOW - HOUR), "spec": {**TEMPLATE["spec"], "nodeName": "n1"},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": stamp(NOW - HOUR)}]}}


def condition(kind, status="True", **fields):
    return {"type": kind, "status": status, "lastTransitionTime": stamp(NOW - HOUR), **fields}


def lists():
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}
    node = {"metadata": {"name": "n1", "uid": "n1", "creationTimestamp": stamp(NOW - 30 * DAY)},
            "status": {"conditions": [condition("Ready")], "capacity": {"cpu": "2", "memory": "8Gi"}, "allocatable": {"cpu": "2", "memory": "8Gi"}}}
    deployment = {"metadata": metadata("web"), "spec": {"replicas": 2, "template": TEMPLATE},
                  "status": {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}}
    scaler = {"metadata": metadata("web") | {"uid": "scaler"},
              "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "minReplicas": 1, "maxReplicas": 2,
                       "metrics": [cpu]},
              "status": {"currentReplicas": 2, "desiredReplicas": 2,
                         "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 195}}}],
                         "conditions": [condition("AbleToScale"), condition("ScalingActive"), condition("ScalingLimited", reason="TooManyReplicas")]}}
    return {"core_v1_nodes": ("Node", "v1", [node]), "core_v1_pods": ("Pod", "v1", [pod(name) for name in PODS]),
            "apps_v1_deployments": ("Deployment", "apps/v1", [deployment]),
            "apps_v1_replicasets": ("ReplicaSet", "apps/v1", [replica_set("web-old", "3", NOW - 9 * DAY, 0), replica_set("web-new", "4", NOW - HOUR, 2)]),
            "autoscaling_v2_horizontalpodautoscalers": ("HorizontalPodAutoscaler", "autoscaling/v2", [scaler])}


def write_cluster(folder):
    os.makedirs(folder)
    for name, (kind, version, items) in lists().items():
        with open(os.path.join(folder, name + ".json"), "w") as out:
            json.dump({"kind": kind + "List", "apiVersion": version, "metadata": {}, "items": items}, out)


# --- what the stores have ----------------------------------------------------------------------------------------------------------


def samples():
    """One container is stopped in six of ten periods, and the node has no CPU left."""
    app = {"namespace": "shop", "pod": PODS[0], "container": "app"}
    idle, node = {"node": "n1", "instance": "n1", "mode": "idle"}, {"node": "n1", "instance": "n1"}
    rates = {"container_cpu_cfs_throttled_periods_total": [(app, 6)], "container_cpu_cfs_periods_total": [(app, 10)],
             "container_cpu_usage_seconds_total": [(app, 0.95)],
             "node_cpu_seconds_total": [({**idle, "cpu": "0"}, 0.01), ({**idle, "cpu": "1"}, 0.01)]}
    families = {name: [(labels, rate * (3 * HOUR - age), NOW - age) for labels, rate in series for age in range(3 * HOUR, -1, -30)]
                for name, series in rates.items()}
    families |= {name: [(node, value, NOW - age) for age in range(3 * HOUR, -1, -30)] for name, value in (("node_load1", 9), ("up", 1))}
    return families


def push_cpu(server, name, at, node="n1", **seconds):
    stacks = {(function, "main"): int(value * SECOND_NS) for function, value in seconds.items()}
    cresset.push(server.connect(), {"service_name": "web", "namespace": "shop", "pod": name, "container": "app", "node": node},
                 cresset.pprof(stacks, at * SECOND_NS))


def fill(server):
    push_cpu(server, PODS[0], NOW - 300, parse=60, serve=40)
    push_cpu(server, PODS[1], NOW - 300, parse=20, serve=80)
    push_cpu(server, "web-old-zzzzz", NOW - HOUR - 300, parse=10, serve=90)
    push_cpu(server, "web-old-yyyyy", NOW - DAY - 300, parse=30, serve=70)
    push_cpu(server, "other", NOW - 300, spin=100)


# --- what is said ------------------------------------------------------------------------------------------------------------------


class Scan:
    def __init__(self, program, folder, *back_ends):
        self.command = [program, "scan", "--input", folder, "--now", stamp(NOW), "--output", "json", *back_ends]

    def finding(self, check):
        done = subprocess.run(self.command, capture_output=True, timeout=180)
        expect(f"the exit status, with {done.stderr.decode()!r}", done.returncode, 1)
        findings = json.loads(done.stdout)["findings"]
        found = [finding for finding in findings if finding["check"] == check]
        expect(f"the findings of {check} among {[finding['check'] for finding in findings]}", len(found), 1)
        return found[0]


def shown(server, finding):
    """Self times of what the page shows of the link of a finding, by function."""
    expect("the links", [link["label"] for link in finding["links"]], ["Flame graph of CPU time"])
    view = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(finding["links"][0]["url"]).query))
    matchers = [text for text in (f'service_name="{view["service"]}"' if "service" in view else "", view.get("labels", "").strip("{}")) if text]
    expect("the window of the link", (int(view["from"]), int(view["until"])), ((NOW - 900) * 1000, NOW * 1000))
    answer = cresset.query(server.connect(), "SelectMergeStacktraces", profileTypeID=view["type"], start=view["from"], end=view["until"],
                           labelSelector="{" + ",".join(matchers) + "}")
    return {name: value // SECOND_NS for name, value in cresset.self_times(answer["flamegraph"]).items() if value}


def check_throttling(scan, server):
    finding = scan.finding("cpu-throttled")
    expect("the object", finding["object"]["name"], "web")
    evidence = "\n".join(finding["evidence"])
    expect_in("the functions of the throttled pod", "Functions by CPU time in the last 15 min: parse 60 % (30 % a day before), serve 40 %", evidence)
    expect_in("the revisions", "Of the CPU time, revision 4 takes more for parse 40 % (10 % in revision 3)", evidence)
    expect("what the link shows", shown(server, finding), {"parse": 60, "serve": 40})


def check_autoscaler(scan, server):
    finding = scan.finding("hpa-maxed-out")
    evidence = "\n".join(finding["evidence"])
    expect_in("the functions of all pods", "Functions by CPU time in the last 15 min: serve 60 %, parse 40 % (30 % a day before)", evidence)
    expect_in("the revisions", "Of the CPU time, revision 4 takes more for parse 40 % (10 % in revision 3)", evidence)
    expect("what the link shows", shown(server, finding), {"parse": 80, "serve": 120})


def check_node(scan, server):
    finding = scan.finding("node-cpu-saturated")
    expect("the object", finding["object"]["name"], "n1")
    evidence = "\n".join(finding["evidence"])
    expect_in("the functions of everything on the node",
              "Functions by CPU time in the last 15 min: serve 40 %, spin 33 % (0 % a day before), parse 27 %", evidence)
    expect("what the link shows", shown(server, finding), {"parse": 80, "serve": 120, "spin": 100})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    options = parser.parse_args()
    cresset.need_system(["prometheus", "promtool"], {})
    with tempfile.TemporaryDirectory() as folder:
        write_cluster(os.path.join(folder, "cluster"))
        prometheus.backfill(folder, samples())
        process, metrics = prometheus.start(folder)
        server = cresset.Server(options.bin, folder, "--self-profile=false", "--reject-older-than", "0", "--max-query-lookback", "0")
        try:
            fill(server)
            scan = Scan(os.path.join(options.bin, "cresset-analyzer"), os.path.join(folder, "cluster"), "--prometheus-url", metrics,
                        "--profiles-url", f"http://{server.address}")
            cresset.wait_for(lambda: any("Functions by" in line for line in scan.finding("hpa-maxed-out")["evidence"]), WAIT_S, "profiles")
            check_throttling(scan, server)
            check_autoscaler(scan, server)
            check_node(scan, server)
        finally:
            process.terminate()
            process.wait(30)
            expect("the exit status of the server", server.stop(), 0)


if __name__ == "__main__":
    main()
