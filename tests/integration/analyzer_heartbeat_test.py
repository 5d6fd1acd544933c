#!/usr/bin/env python3
"""Heartbeats of collectors, told by a real Prometheus: each cluster of the test is a label value there."""
import argparse
import datetime
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
import prometheus
import slack

MINUTE, HOUR, DAY = 60, 3600, 86400
NODES = [f"n{i}" for i in range(1, 5)]
NODE = """---
apiVersion: v1
kind: Node
metadata: {{name: {node}, uid: {node}, creationTimestamp: "2025-01-01T00:00:00Z"}}
status: {{conditions: [{{type: Ready, status: "True", lastTransitionTime: "2025-01-01T00:00:00Z"}}]}}
---
apiVersion: v1
kind: Pod
metadata:
  namespace: mon
  name: alloy-{node}
  uid: alloy-{node}
  creationTimestamp: "2025-01-01T00:00:00Z"
  ownerReferences: [{{kind: DaemonSet, name: alloy, uid: alloy, controller: true}}]
spec: {{nodeName: {node}, containers: [{{name: alloy, image: grafana/alloy}}]}}
status: {{phase: Running, podIP: 10.0.0.{last}, conditions: [{{type: Ready, status: "True", lastTransitionTime: "2025-01-01T00:00:00Z"}}]}}
"""
SET = """---
apiVersion: apps/v1
kind: DaemonSet
metadata: {namespace: mon, name: alloy, uid: alloy, creationTimestamp: "2025-01-01T00:00:00Z"}
spec: {template: {spec: {containers: [{name: alloy, image: "grafana/alloy:v1.10.0"}]}}}
status: {desiredNumberScheduled: 4, numberReady: 4}
"""
LOG = """ts=2026-01-01T00:00:00Z level=info msg="now listening"
level=error component_id=prometheus.remote_write.default url=https://mimir.example/api/v1/push err="server returned HTTP status 401 Unauthorized"
"""


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: got {got!r}, wanted {wanted!r}")


# A metric of each exporter that a cluster is expected to have.
EXPORTERS = ["kubelet_evictions", "kube_node_status_condition", "container_oom_events_total",
             "node_disk_io_time_weighted_seconds_total"]


class Samples:
    """What is stored, as prometheus.backfill wants it; seconds are before `now`."""

    def __init__(self, now):
        self.now, self.families = now, {}

    def add(self, name, labels, newest=0, oldest=4 * HOUR, gap=None, value=lambda age: 1):
        for age in range(oldest, newest - 1, -MINUTE):
            if gap is None or not gap[1] <= age < gap[0]:
                self.families.setdefault(name, []).append((labels, value(age), self.now - age))

    def add_node(self, cluster, node, newest, others=0, gap=None):
        """Alloy of a node by the address of its pod, and its kubelet, which others collect."""
        instance = f"10.0.0.{node[1:]}:12345"
        self.add("alloy_build_info", {"cluster": cluster, "instance": instance, "job": "integrations/alloy", "version": "v1"}, newest, gap=gap)
        self.add("up", {"cluster": cluster, "instance": f"{node}:10250", "job": "kubelet"}, others)
        self.add("kubelet_node_name", {"cluster": cluster, "node": node}, others)
        for exporter in EXPORTERS:
            self.add(exporter, {"cluster": cluster, "node": node}, others, value=lambda age: 0)


def add_ailing(samples):
    """All report, and say what ails them: n2 and n3 for long, n1 for three minutes or not any more."""
    def alloy(node, **more):
        return {"cluster": "ailing", "instance": f"10.0.0.{node[1:]}:12345", **more}

    def grows(age):
        return 100_000 - age
    for node in NODES:
        samples.add_node("ailing", node, 0)
        samples.add("alloy_config_last_load_successful", alloy(node), value=lambda age, node=node: int(node != "n2"))
        samples.add("alloy_config_hash", alloy(node, sha256="bbbb" if node == "n3" else "aaaa"))
        samples.add("alloy_component_controller_running_components", alloy(node, health_type="healthy"), value=lambda age: 9)
        samples.add("prometheus_remote_storage_highest_timestamp_in_seconds", alloy(node, component_id="rw"), value=lambda age: samples.now - age)
        samples.add("prometheus_remote_storage_queue_highest_sent_timestamp_seconds", alloy(node, component_id="rw", url="http://m"),
                    value=lambda age, node=node: samples.now - age - (400 if node == "n3" else 10))
    samples.add("alloy_component_controller_running_components", alloy("n1", health_type="exited"), value=lambda age: int(age < 3 * MINUTE))
    samples.add("alloy_component_controller_running_components", alloy("n3", health_type="exited"), value=lambda age: 2)
    samples.add("loki_write_dropped_entries_total", alloy("n1", reason="rate_limited"), value=lambda age: 7)
    samples.add("loki_write_dropped_entries_total", alloy("n2", reason="rate_limited"), value=grows)
    samples.add("prometheus_remote_storage_samples_failed_total", alloy("n2", url="http://m"), value=grows)
    samples.add("pyroscope_write_dropped_profiles_total", alloy("n2"), value=grows)
    samples.add("otelcol_exporter_send_failed_spans_total", alloy("n2"), value=grows)
    samples.add("otelcol_exporter_sent_spans_total", alloy("n2"), value=grows)
    samples.add("alloy_resources_process_start_time_seconds", alloy("n2"), value=lambda age: samples.now - age // (15 * MINUTE) * 15 * MINUTE)
    for node, seen in (("n1", 4), ("n2", 3)):
        samples.add("cluster_node_peers", alloy(node, cluster_name="main", state="participant"), value=lambda age, seen=seen: seen)
    samples.add("up", {"cluster": "ailing", "job": "shop", "instance": "a"}, value=lambda age: 0)
    samples.add("up", {"cluster": "ailing", "job": "brief", "instance": "a"}, value=lambda age: int(age > 5 * MINUTE))
    samples.add("ALERTS", {"cluster": "ailing", "alertname": "Watchdog"}, newest=HOUR)
    samples.add("kube_state_metrics_list_total", {"cluster": "ailing", "result": "error", "resource": "*v1.Secret"}, value=grows)


def make_samples(now):
    samples = Samples(now)
    for i, node in enumerate(NODES):
        samples.add_node("healthy", node, 0)
        samples.add_node("silent", node, 23 * MINUTE if i == 3 else 0)
        samples.add_node("fleet", node, 0 if i == 0 else 40 * MINUTE)
        samples.add_node("stalled", node, 20 * MINUTE, others=20 * MINUTE)
        samples.add_node("gap", node, 0, gap=(3 * HOUR, 90 * MINUTE) if i == 3 else None)
        samples.add_node("half", node, 0, gap=(3 * HOUR, 140 * MINUTE) if i == 3 else None)
        samples.add_node("late", node, 0, gap=(18 * MINUTE, 6 * MINUTE + 1) if i == 3 else None)
        samples.add_node("back", node, -30 * MINUTE, gap=(40 * MINUTE, -5 * MINUTE) if i == 3 else None, others=-30 * MINUTE)
    for node in NODES:  # all are unheard of, though there are nodes
        samples.add("up", {"cluster": "unheard", "instance": f"{node}:10250"}, 0)
        for exporter in EXPORTERS:
            samples.add(exporter, {"cluster": "unheard", "node": node}, value=lambda age: 0)
    add_ailing(samples)
    return samples.families


class Cluster:
    def __init__(self, program, folder, now, url):
        self.program, self.now, self.url = program, now, url
        self.input, self.state = os.path.join(folder, "input"), os.path.join(folder, "state.sqlite")
        os.makedirs(os.path.join(self.input, "logs"))
        with open(os.path.join(self.input, "all.yaml"), "w") as out:
            out.write(SET + "".join(NODE.format(node=node, last=node[1:]) for node in NODES))

    def call(self, verb, cluster, *options, ago=0, url=None, status=None):
        now = datetime.datetime.fromtimestamp(self.now - ago, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        done = subprocess.run([self.program, verb, "--input", self.input, "--now", now, "--cluster", cluster, "--prometheus-url",
                               self.url if url is None else url, *options], capture_output=True, timeout=120)
        if status is not None:
            expect(f"the exit status of {verb} {cluster}, which says {done.stderr.decode()!r}", done.returncode, status)
        self.errors = done.stderr.decode()
        return done.stdout.decode() + self.errors

    def findings(self, cluster, *options, **how):
        report = json.loads(self.call("scan", cluster, "--output", "json", *options, **how))
        self.unverified = {entry["check"]: entry["reason"] for entry in report["unverified"]
                           if entry["object"]["kind"] == "Backend" and not entry["reason"].startswith("there is no metric ")}
        return {f["check"]: f for f in report["findings"]}

    def clock(self, ago):
        return datetime.datetime.fromtimestamp(self.now - ago, datetime.timezone.utc).strftime("%H:%M UTC")


def check_nodes(given):
    expect("findings about a healthy cluster", given.findings("healthy", status=0), {})
    expect("what could not be verified there", sorted(given.unverified), ["apiserver-readyz", "cluster-cert-expiring"])
    found = given.findings("silent", status=1)
    expect("the findings", list(found), ["alloy-running-not-shipping"])
    finding = found["alloy-running-not-shipping"]
    expect("the object", finding["object"], {"kind": "Pod", "namespace": "mon", "name": "alloy-n4"})
    expect("the title", finding["title"], f"Alloy on node n4 has sent nothing since {given.clock(23 * MINUTE)} (23 min)")
    expect("the cause", finding["cause"], "Pod alloy-n4 is Running and Ready, but nothing of it arrives: others say that the node lives. "
           "3 other nodes report normally.")
    expect("what it explains", [e["object"]["name"] for e in finding["explains"]], ["n4"])
    with open(os.path.join(given.input, "logs", "mon_alloy-n4_alloy.log"), "w") as out:
        out.write(LOG)
    expect("the cause with a log", given.findings("silent")["alloy-running-not-shipping"]["cause"], "Pod alloy-n4 is Running and Ready, "
           "but nothing of it arrives: the back end answers 401: it refuses its credentials (mimir.example). 3 other nodes report normally.")


def check_fleet(given):
    found = given.findings("fleet", status=1)
    expect("the findings", list(found), ["alloy-silent-on-fleet"])
    finding = found["alloy-silent-on-fleet"]
    expect("the title", finding["title"], f"Alloy is silent on 3 of 4 nodes since {given.clock(40 * MINUTE)}")
    expect("the severity", finding["severity"], "high")
    expect("what it explains", sorted(e["object"]["name"] for e in finding["explains"]), ["n2", "n3", "n4"])


def check_gates(given):
    found = given.findings("stalled", status=1)
    expect("the findings", list(found), ["metrics-ingest-stalled"])
    expect("the title", found["metrics-ingest-stalled"]["title"], f"No metrics have arrived since {given.clock(20 * MINUTE)} (20 min)")
    expect("why nodes are not known", given.unverified["alloy-silent-on-node"], f"no metric is newer than {given.clock(20 * MINUTE)}")
    found = given.findings("nobody", "--telemetry-matchers", 'cluster="nobody"', status=1)
    expect("the findings", list(found), ["metrics-tenant-empty"])
    found = given.findings("silent", url=f"http://127.0.0.1:{prometheus.free_port()}", status=1)
    expect("the findings", list(found), ["metrics-backend-unreachable"])
    expect("the end of the cause", found["metrics-backend-unreachable"]["cause"].split(": ")[-1],
           "whether telemetry arrives is unknown. 4 of 4 pods of Alloy and cresset-agent are Ready in Kubernetes.")
    url = f"http://127.0.0.1:{prometheus.free_port()}/it's here;ls"
    found = given.findings("silent", "--tenant", "o'team", url=url.replace(" ", "%20"), status=1)
    expect("the command as a shell reads it", shlex.split(found["metrics-backend-unreachable"]["fix"][-1]),
           ["curl", "-sS", "-H", "X-Scope-OrgID: o'team", url.replace(" ", "%20") + "/api/v1/query?query=up"])


def check_ailing(given):
    found = given.findings("ailing", status=1)
    pods = {check: sorted({line.split()[1] for line in f["evidence"] if line.startswith("Pod ")}) for check, f in found.items()}
    expect("what ails them", pods, {
        "alloy-config-load-failed": ["alloy-n2"], "alloy-remote-write-failing": ["alloy-n2"], "alloy-unhealthy-components": ["alloy-n3"],
        "alloy-remote-write-lagging": ["alloy-n3"], "alloy-logs-dropping": ["alloy-n2"], "alloy-otlp-failing": ["alloy-n2"],
        "alloy-restarting": ["alloy-n2"], "alloy-cluster-split": ["alloy-n1", "alloy-n2"], "alloy-config-drift": ["alloy-n3"],
        "alloy-profiles-dropping": ["alloy-n2"], "target-down": [], "watchdog-absent": [], "ksm-unhealthy": []})
    expect("the targets", found["target-down"]["evidence"], ["100 % of the targets of job shop are down"])
    expect("the share", [line for line in found["alloy-otlp-failing"]["evidence"]], ["Pod alloy-n2 on n2: 50 % lost, spans sent"])
    found = given.findings("unheard")
    expect("the title for collectors without metrics", found["metric-source-missing"]["title"], "There are no metrics of Alloy")


def check_table(given):
    lines = given.call("heartbeat", "silent", "--explain", status=1).splitlines()
    expect("the headline", lines[0], "Alloy: 3 of 4 report")
    expect("the explanation", lines[1], "Nodes are told by the label instance of alloy_build_info, which names 3 of 3 series; "
           "a node is silent after 10 min.")
    expect("the heading", lines[2].split(), ["NODE", "DAEMONSET", "POD", "STATE", "LAST", "SAMPLE", "VERDICT"])
    expect("the last node", lines[6].split()[:4] + lines[6].split()[-2:], ["n4", "mon/alloy", "alloy-n4", "Ready", "not", "shipping"])
    table = json.loads(given.call("heartbeat", "silent", "--output", "json", status=1))
    expect("the verdicts", [node["verdict"] for node in table[0]["nodes"]], ["reports", "reports", "reports", "not shipping"])
    given.call("heartbeat", "healthy", status=0)
    given.call("heartbeat", "healthy", "--node-label", "instance", status=0)
    if "no series of alloy_build_info was of a node" not in given.call("heartbeat", "healthy", "--node-label", "version", status=1):
        sys.exit("a label that is given does not count")
    if "no metric is newer" not in given.call("heartbeat", "stalled", status=1):
        sys.exit("heartbeat does not say why nothing can be said")
    blind = given.call("heartbeat", "silent", url=f"http://127.0.0.1:{prometheus.free_port()}", status=1)
    if "not known" not in blind or "never" in blind:
        sys.exit(f"the table without a back end says that nodes were never heard of: {blind}")
    if "--prometheus-url" not in given.call("heartbeat", "silent", url="", status=2):
        sys.exit("heartbeat does not say that it needs metrics")


def check_profiles(given, bin_dir, folder):
    """The label values of a real server: n4 has sent nothing for 45 minutes."""
    server = cresset.Server(bin_dir, folder, "--self-profile=false")
    for node in NODES:
        for age in (45 * MINUTE,) if node == "n4" else (45 * MINUTE, 5 * MINUTE):
            profile = cresset.pprof({("main",): 1_000_000}, int(time.time() - age) * 10**9)
            cresset.push(server.connect(), {"service_name": "shop", "node": node}, profile)

    def found():
        return given.findings("", "--profiles-url", f"http://{server.address}", url="", ago=given.now - int(time.time()))
    findings = found()
    expect("the findings about profiles", list(findings), ["profile-store-silent-on-node"])
    expect("the node", findings["profile-store-silent-on-node"]["object"]["name"], "n4")
    expect("the exit status of the server", server.stop(), 0)
    findings = found()
    expect("the findings without a server", list(findings), ["profile-backend-unreachable"])


class Told:
    """What runs tell of a cluster, which remember in a state of their own."""

    def __init__(self, given, state):
        self.given, self.state, self.receiver = given, os.path.join(os.path.dirname(given.state), state), slack.Receiver()

    def __call__(self, ago, url=None, cluster="gap", *options):
        self.given.call("run", cluster, "--state", self.state, "--webhook-url", self.receiver.url, "--webhook-form", "slack",
                        *options, ago=ago, url=url, status=0)
        messages, self.receiver.messages[:] = [slack.words(message) for message in self.receiver.messages], []
        return messages


def expect_told(what, messages, *parts):
    expect(what, len(messages), 1)
    for part in parts:
        if part not in messages[0]:
            sys.exit(f"{what}: no {part!r} in {messages[0]!r}")


def check_end(given):
    """A node is silent, the back end goes away meanwhile, and the node is back, without what it measured meanwhile."""
    told = Told(given, "end.sqlite")
    expect("messages before", told(195 * MINUTE), [])
    expect_told("a silent node", told(150 * MINUTE), "1 new; 1 open", "Alloy on node n4 has sent nothing since")
    expect_told("a blind back end", told(145 * MINUTE, f"http://127.0.0.1:{prometheus.free_port()}"), "1 new; 2 open", "cannot be asked")
    expect_told("the back end again", told(100 * MINUTE) + told(95 * MINUTE), "1 resolved; 1 open", "cannot be asked")
    expect_told("the node again", told(85 * MINUTE) + told(80 * MINUTE), "1 resolved; 0 open", "Alloy on node n4",
                "; data of that time is lost ·")


def check_confirmed(given):
    """Who is silent for a short time is asked about again a minute later, when a sample may be there that was late."""
    found = given.findings("late", ago=6 * MINUTE, status=1)
    expect("the title in one look", found["alloy-running-not-shipping"]["title"],
           f"Alloy on node n4 has sent nothing since {given.clock(18 * MINUTE)} (12 min)")
    expect("messages about a node that is late", Told(given, "late.sqlite")(6 * MINUTE, cluster="late"), [])
    expect_told("a run that does not look twice", Told(given, "at-once.sqlite")(6 * MINUTE, None, "late", "--heartbeat-confirm", "0s"),
                "Alloy on node n4 has sent nothing since")
    expect_told("a node that is silent in both looks", Told(given, "short.sqlite")(178 * MINUTE - 11 * MINUTE),
                "Alloy on node n4 has sent nothing since")


def check_removed(given):
    """A node that is silent and then removed, with its pod: the end says so."""
    told = Told(given, "removed.sqlite")
    expect("messages before", told(195 * MINUTE), [])
    expect_told("a silent node", told(150 * MINUTE), "1 new; 1 open", "Alloy on node n4 has sent nothing since")
    path = os.path.join(given.input, "all.yaml")
    with open(path) as file:
        text = file.read()
    with open(path, "w") as out:
        out.write(SET.replace("desiredNumberScheduled: 4, numberReady: 4", "desiredNumberScheduled: 3, numberReady: 3") +
                  "".join(NODE.format(node=node, last=node[1:]) for node in NODES[:3]))
    expect_told("the node is gone", told(145 * MINUTE) + told(140 * MINUTE), "1 resolved; 0 open", "; the Pod was removed ·")
    with open(path, "w") as out:
        out.write(text)


def check_backfill(given):
    """What a collector could not send has come later, all of it or a part: as if it had, since the next runs look at a cluster that has it."""
    for cluster, ending in (("healthy", "; data was back-filled ·"), ("half", "; 50 % of the data of that time is lost ·")):
        told = Told(given, f"{cluster}.sqlite")
        expect("messages before", told(195 * MINUTE), [])
        expect_told("a silent node", told(150 * MINUTE) + told(100 * MINUTE), "1 new; 1 open", "Alloy on node n4 has sent nothing since")
        expect_told("the node again", told(85 * MINUTE, cluster=cluster) + told(80 * MINUTE, cluster=cluster), "1 resolved; 0 open", ending)
    told = Told(given, "fleet.sqlite")
    expect("messages before", told(60 * MINUTE, cluster="fleet"), [])
    expect_told("a silent fleet", told(0, cluster="fleet"), "1 new; 1 open", "Alloy is silent on 3 of 4 nodes")
    expect_told("the fleet again", told(-10 * MINUTE, cluster="back") + told(-20 * MINUTE, cluster="back"), "1 resolved; 0 open", "; data of that time is lost on 1 of 4 nodes ·")


def check_remote_write(given, folder):
    """The metrics of a run arrive by remote write; what does not arrive is said and fails no run."""
    def run(url, *options, cluster="healthy", ago=-2 * HOUR):
        return given.call("run", cluster, "--state", os.path.join(folder, "remote.sqlite"), "--remote-write-url", url, *options, ago=ago, status=0)
    run(given.url + "/api/v1/write", "--remote-write-header", "X-Team: obs")
    expect("what a run says whose metrics arrive", given.errors, "")
    at = given.now + 2 * HOUR
    query = urllib.parse.urlencode({"query": '{__name__=~"cresset_analyzer_.*"}', "time": at})
    found = {}
    for series in json.load(urllib.request.urlopen(f"{given.url}/api/v1/query?{query}", timeout=30))["data"]["result"]:
        labels = series["metric"]
        expect("the labels of all", (labels["job"], labels["cluster"], series["value"][0]), ("cresset-analyzer", "healthy", at))
        found[labels["__name__"].removeprefix("cresset_analyzer_")] = float(series["value"][1])
    expect("when it last went well", found["last_success_timestamp_seconds"], at)
    for name in ("findings", "open_incidents", "run_duration_seconds", "unverified_checks"):
        if name not in found:
            sys.exit(f"no {name} in {found}")
    for url, words in ((given.url + "/api/v1/nothing", "--remote-write-url: " + given.url + "/api/v1/nothing answers 404"),
                       (f"http://127.0.0.1:{prometheus.free_port()}/push", "--remote-write-url: ")):
        if words not in (said := run(url, ago=-3 * HOUR)):
            sys.exit(f"no {words!r} in {said!r}")
    if "--remote-write-url" not in given.call("run", "healthy", "--remote-write-url", "prometheus:9090", status=2):
        sys.exit("a URL without http is taken")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    options = parser.parse_args()
    cresset.need_system(["prometheus", "promtool"], {})
    now = int(time.time()) // DAY * DAY - DAY // 2  # noon of a day: titles then name no date, whenever the test runs
    with tempfile.TemporaryDirectory() as folder:
        prometheus.backfill(folder, make_samples(now))
        process, url = prometheus.start(folder)
        try:
            given = Cluster(os.path.join(options.bin, "cresset-analyzer"), folder, now, url)
            check_nodes(given)
            check_fleet(given)
            check_gates(given)
            check_ailing(given)
            check_table(given)
            check_profiles(given, options.bin, folder)
            check_end(given)
            check_backfill(given)
            check_confirmed(given)
            check_removed(given)
            check_remote_write(given, folder)
        finally:
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    main()
