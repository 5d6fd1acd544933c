#!/usr/bin/env python3
"""A real agent names processes after the pods of its node and pushes them to a real server.

The processes lie in cgroups made as a kubelet makes them; the API server is that of the harness. Then
the API server fails in every way that it can, which /ready names, and is well again.
"""
import os
import sys
import time
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
import kube_api
import node
from node import WAIT_S, Container, wait_ready, wait_unready

NODE = "node-1"
RULES = """
- source_labels: [__meta_kubernetes_pod_label_team]
  target_label: team
- action: drop
  source_labels: [__meta_kubernetes_pod_label_secret]
  regex: "yes"
"""


def functions(server, selector):
    now = int(time.time() * 1000)
    reply = cresset.query(server.connect(), "SelectMergeStacktraces", profileTypeID=cresset.CPU_TYPE,
                          labelSelector=selector, start=now - 600_000, end=now + 60_000)
    return set(reply.get("flamegraph", {}).get("names", []))


def wait_profile(server, selector):
    cresset.wait_for(lambda: {"main", "mix_heavy"} <= functions(server, selector), WAIT_S, f"a profile of {selector}")


def series(server, selector):
    now = int(time.time() * 1000)
    reply = cresset.query(server.connect(), "Series", matchers=[selector], start=now - 600_000, end=now + 60_000)
    return [{pair["name"]: pair["value"] for pair in one["labels"]} for one in reply.get("labelsSet", [])]


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: got {got!r}, wanted {wanted!r}")


def make_pods(root, burn):
    """The containers by name, and the pods that they are in."""
    chosen = {
        "web": {"labels": {"app.kubernetes.io/name": "shop-web", "team": "blue", "pod-template-hash": "5d4f"}},
        "out": {"annotations": {"profiles.grafana.com/cpu.ebpf.enabled": "false"}},
        "hidden": {"labels": {"secret": "yes"}},
    }
    containers, pods = {}, []
    for name, metadata in chosen.items():
        uid = str(uuid.uuid4())
        containers[name] = Container(root, uid, burn, "1000")
        pods.append(kube_api.pod("shop", f"{name}-5d4f-x", uid, NODE, {"main": containers[name].id}, **metadata))
    return containers, pods


def check_labels(server, container):
    wait_profile(server, '{namespace="shop",pod="web-5d4f-x"}')
    labels = series(server, '{pod="web-5d4f-x"}')
    expect("one series of the pod", len(labels), 1)
    wanted = {"namespace": "shop", "pod": "web-5d4f-x", "container": "main", "node": NODE, "service_name": "shop-web",
              "service_namespace": "shop", "service_instance_id": "shop.web-5d4f-x.main", "source": "ebpf",
              "cluster": "test", "team": "blue", "container_id": container.id, "comm": "burn",
              "pid": str(container.process.pid)}
    expect("its labels", {name: value for name, value in labels[0].items() if not name.startswith("__")
                          and name in wanted}, wanted)
    expect("no label of the rules", [name for name in labels[0] if name.startswith("__meta")], [])


def check_skipped(agent, server, containers):
    """Those that opted out, or that a rule drops, are sampled but never sent."""
    for reason in ("opt_out", "relabel"):
        name = f'cresset_agent_processes_skipped_total{{reason="{reason}"}}'
        cresset.wait_for(lambda: agent.metrics().get(name, 0) > 0, WAIT_S, name)
    for name in ("out", "hidden"):
        expect(f"series of {name}", series(server, f'{{container_id="{containers[name].id}"}}'), [])


def check_watch(api, server, root, burn, containers):
    """A pod that comes later is told of by the watch."""
    uid = str(uuid.uuid4())
    containers["later"] = Container(root, uid, burn, "1000")
    api.put(kube_api.pod("shop", "later-0", uid, NODE, {"job": containers["later"].id}, ownerReferences=[
        {"kind": "StatefulSet", "name": "later", "controller": True}]))
    wait_profile(server, '{service_name="later",container="job"}')
    expect("lists", sum(1 for request in api.requests if request.verb == "list"), 1)


def check_failures(api, agent, token_file):
    ends = "cresset_agent_pod_watch_ends_total"
    wait_ready(agent)
    api.tokens = {"second"}
    api.cut()
    wait_unready(agent, "the token is expired or wrong (401): Unauthorized")
    with open(token_file, "w") as out:
        out.write("second")
    wait_ready(agent)
    api.forbidden = {"watch"}
    api.cut()
    wait_unready(agent, '(403): pods is forbidden: User "test-agent" cannot watch')
    api.forbidden = set()
    wait_ready(agent)
    lists = agent.metrics()["cresset_agent_pod_lists_total"]
    api.forget()
    cresset.wait_for(lambda: agent.metrics()["cresset_agent_pod_lists_total"] > lists, WAIT_S, "a list after 410")
    wait_ready(agent)
    api.busy = 2
    api.cut()
    cresset.wait_for(lambda: agent.metrics()[ends + '{reason="throttled"}'] > 0, WAIT_S, "a watch that is throttled")
    wait_ready(agent)
    metrics = agent.metrics()
    for reason in ("due", "unauthenticated", "forbidden", "expired", "throttled"):
        if metrics[f'{ends}{{reason="{reason}"}}'] < 1:
            sys.exit(f"no watch ended as {reason}")
    expect("pods", metrics["cresset_agent_pods"], 4)


def run(options, folder):
    root, containers = node.cgroup_root(), {}
    token_file, config, rules = (os.path.join(folder, name) for name in ("token", "kubeconfig", "rules.yaml"))
    for path, text in ((token_file, "first"), (rules, RULES)):
        with open(path, "w") as out:
            out.write(text)
    api = kube_api.KubeApi({"first"})
    kube_api.kubeconfig(config, api.url, token_file)
    server = cresset.Server(options.bin, folder, "--self-profile=false")
    try:
        containers, pods = make_pods(root, options.burn)
        for pod in pods:
            api.put(pod)
        api.put(kube_api.pod("shop", "elsewhere", str(uuid.uuid4()), "node-2", {"main": "0" * 64}))
        try:
            agent = cresset.Agent(options.bin, folder, server, "--window", "2", "--node", NODE, "--kubeconfig", config,
                                  "--relabel-file", rules, "--label", "cluster=test")
        except RuntimeError as error:
            node.skip(f"the agent cannot sample here: {error}")
        check_labels(server, containers["web"])
        check_skipped(agent, server, containers)
        check_watch(api, server, root, options.burn, containers)
        check_failures(api, agent, token_file)
        expect("what no client should ask", api.violations, [])
        expect("the agent's end", agent.stop(), 0)
    finally:
        for container in containers.values():
            container.close()
        server.stop()


if __name__ == "__main__":
    node.main(__doc__, run, "--bin", "--burn")
