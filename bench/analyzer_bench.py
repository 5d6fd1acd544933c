#!/usr/bin/env python3
"""What one look at a cluster costs the analyzer: CPU time and peak memory of `cresset-analyzer scan`.

The clusters: 200 nodes and 5,000 pods that are made up here, healthy; and the large recording, where
the folder of recordings is there. Prints one JSON object a line: {"bench", "metric", "value", "unit",
"goal"}. Run by `./dev bench`.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
RECORDED = os.path.join(ROOT, "..", "shared", "data", "clusters", "large")
NODES, NAMESPACES, DEPLOYMENTS, COPIES = 200, 25, 40, 5
CREATED, NOW = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def emit(metric, value, unit, goal=""):
    row = {"bench": "analyzer", "metric": metric, "value": round(value, 3), "unit": unit, "goal": goal}
    print(json.dumps(row), flush=True)


def metadata(kind, name, ns=None, owner=None, labels=None):
    """With managedFields of the size that API servers send."""
    fields = {f"f:field{i}": {f"f:part{k}": {} for k in range(6)} for i in range(20)}
    made = {"name": name, "uid": f"{kind}-{ns}-{name}", "creationTimestamp": CREATED, "generation": 1,
            "labels": labels or {}, "managedFields": [{"manager": "kubelet", "fieldsV1": fields}]}
    if ns:
        made["namespace"] = ns
    if owner:
        made["ownerReferences"] = [{"apiVersion": "apps/v1", "kind": owner[0], "name": owner[1],
                                    "uid": f"{owner[0]}-{ns}-{owner[1]}", "controller": True}]
    return made


def node(i):
    conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": CREATED, "lastHeartbeatTime": NOW}]
    room = {"cpu": "64", "memory": "256Gi", "pods": "110", "ephemeral-storage": "900Gi"}
    return {"metadata": metadata("Node", f"node-{i}", labels={"kubernetes.io/hostname": f"node-{i}"}), "spec": {},
            "status": {"conditions": conditions, "capacity": room, "allocatable": room,
                       "addresses": [{"type": "InternalIP", "address": f"10.0.{i // 250}.{i % 250 + 1}"}],
                       "nodeInfo": {"kubeletVersion": "v1.34.0", "operatingSystem": "linux", "architecture": "amd64"}}}


def template(name):
    """The spec of a pod, complete enough for every check."""
    probe = {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 10, "failureThreshold": 3}
    resources = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}}
    return {"containers": [{"name": "app", "image": f"registry.example.com/{name}:1.0", "readinessProbe": probe,
                            "ports": [{"name": "http", "containerPort": 8080}], "resources": resources,
                            "env": [{"name": f"SETTING_{i}", "value": "x" * 30} for i in range(12)]}],
            "serviceAccountName": "default", "restartPolicy": "Always"}


def pod(ns, name, i, address):
    labels = {"app": name}
    state = {"name": "app", "ready": True, "started": True, "restartCount": 0,
             "state": {"running": {"startedAt": CREATED}}}
    return {"metadata": metadata("Pod", f"{name}-5d9f-{i}", ns, ("ReplicaSet", f"{name}-5d9f"), labels),
            "spec": template(name) | {"nodeName": f"node-{address % NODES}"},
            "status": {"phase": "Running", "containerStatuses": [state],
                       "podIP": f"10.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}",
                       "conditions": [{"type": t, "status": "True", "lastTransitionTime": CREATED}
                                      for t in ("PodScheduled", "Initialized", "ContainersReady", "Ready")]}}


def workload(ns, name, first):
    """The objects of one Deployment with a Service, by list."""
    labels = {"app": name}
    spec = {"replicas": COPIES, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": template(name)}}
    counts = {key: COPIES for key in ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas")}
    status = counts | {"observedGeneration": 1, "conditions": [
        {"type": "Available", "status": "True", "lastTransitionTime": CREATED}]}
    pods = [pod(ns, name, i, first + i) for i in range(COPIES)]
    endpoints = [{"addresses": [p["status"]["podIP"]], "conditions": {"ready": True},
                  "targetRef": {"kind": "Pod", "namespace": ns, "name": p["metadata"]["name"]}} for p in pods]
    port = {"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}
    slice_labels = {"kubernetes.io/service-name": name}
    return {
        "core_v1_pods": pods,
        "apps_v1_deployments": [{"metadata": metadata("Deployment", name, ns), "spec": spec, "status": status}],
        "apps_v1_replicasets": [{"metadata": metadata("ReplicaSet", f"{name}-5d9f", ns, ("Deployment", name), labels),
                                 "spec": spec, "status": counts | {"observedGeneration": 1}}],
        "core_v1_services": [{"metadata": metadata("Service", name, ns),
                              "spec": {"type": "ClusterIP", "selector": labels, "ports": [port]}}],
        "discovery.k8s.io_v1_endpointslices": [
            {"metadata": metadata("EndpointSlice", f"{name}-x", ns, labels=slice_labels), "addressType": "IPv4",
             "endpoints": endpoints, "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}]}],
    }


def make_cluster(folder):
    """Writes the lists."""
    namespaces = [f"team-{i}" for i in range(NAMESPACES)]
    lists = {"core_v1_nodes": [node(i) for i in range(NODES)],
             "core_v1_namespaces": [{"metadata": metadata("Namespace", ns), "status": {"phase": "Active"}}
                                    for ns in namespaces]}
    for n, ns in enumerate(namespaces):
        for i in range(DEPLOYMENTS):
            for name, objects in workload(ns, f"app-{i}", (n * DEPLOYMENTS + i) * COPIES).items():
                lists.setdefault(name, []).extend(objects)
    for name, objects in lists.items():
        with open(os.path.join(folder, f"{name}.json"), "w") as out:
            json.dump({"apiVersion": "v1", "kind": "List", "items": objects}, out)


def scan(program, folder, clock):
    """CPU seconds, peak KiB and the report of one run."""
    run = subprocess.Popen([program, "scan", "--input", folder, "--now", clock, "--output", "json"],
                           stdout=subprocess.PIPE)
    report = json.load(run.stdout)
    _, status, usage = os.wait4(run.pid, 0)
    if os.waitstatus_to_exitcode(status) > 1:
        sys.exit(f"analyzer_bench: scan of {folder} ended with {status}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss, report


def bench(program, what, folder, clock):
    cpu_s, rss_kib, report = scan(program, folder, clock)
    emit(f"{what}: CPU of a scan", cpu_s, "s", "<= 5")
    emit(f"{what}: peak RSS", rss_kib / 1024, "MiB", "<= 150")
    emit(f"{what}: findings", len(report["findings"]), "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", default=os.path.join(ROOT, "build", "bin"))
    parser.add_argument("--make", metavar="DIR", help="only write the made-up cluster into DIR")
    options = parser.parse_args()
    program = os.path.join(options.bin, "cresset-analyzer")
    if options.make:
        make_cluster(options.make)
        return
    with tempfile.TemporaryDirectory() as folder:
        # By another process: a child begins with the peak memory of its parent.
        subprocess.run([sys.executable, __file__, "--make", folder], check=True)
        bench(program, f"{NAMESPACES * DEPLOYMENTS * COPIES:,} pods, made up", folder, NOW)
    if not os.path.isdir(RECORDED):
        print(f"analyzer_bench: no recording at {RECORDED}", file=sys.stderr)
        return
    with open(os.path.join(RECORDED, "clock")) as clock:
        bench(program, "large recording", os.path.join(RECORDED, "lists"), clock.read().strip())


if __name__ == "__main__":
    main()
