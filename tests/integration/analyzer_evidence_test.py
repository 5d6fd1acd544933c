#!/usr/bin/env python3
"""Findings get evidence from a real Prometheus, a real cresset-server and a receiver that answers as Loki does, and stay what
they are when these do not answer."""
import argparse
import http.server
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
import loki

WAIT_S = 60
DAY_S = 86400
LIMIT = 256 * 1024 * 1024
POD = "web-new-x2x4z"
INUSE = {"sample_type": ("inuse_space", "bytes"), "period_type": ("space", "bytes")}


def fail(text):
    sys.exit(text)


def expect(what, got, wanted):
    if got != wanted:
        fail(f"{what}: got {got!r}, wanted {wanted!r}")


def expect_in(what, part, text):
    if part not in text:
        fail(f"{what}: no {part!r} in {text!r}")


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


# --- the cluster --------------------------------------------------------------------------------


def owned(name, uid, owner, created, **metadata):
    return {"namespace": "shop", "name": name, "uid": uid, "creationTimestamp": stamp(created),
            **({"ownerReferences": [{"controller": True, "uid": owner}]} if owner else {}), **metadata}


def template(image):
    return {"spec": {"containers": [{"name": "app", "image": image, "resources": {"limits": {"memory": "256Mi"}}}]}}


def replica_set(name, revision, image, created):
    return {"metadata": owned(name, name, "web", created, annotations={"deployment.kubernetes.io/revision": revision}),
            "spec": {"template": template(image)}}


def lists(now):
    """Deployment web, rolled out 20 min ago, whose pod was killed for its memory three minutes ago."""
    ended = {"exitCode": 137, "reason": "OOMKilled", "startedAt": stamp(now - 400), "finishedAt": stamp(now - 180)}
    pod = {"metadata": owned(POD, "pod", "web-new", now - 1200), "spec": {**template("r/app:2")["spec"], "nodeName": "n1"},
           "status": {"phase": "Running", "conditions": [{"type": "ContainersReady", "status": "False", "lastTransitionTime": stamp(now - 1000)}],
                      "containerStatuses": [{"name": "app", "restartCount": 5, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                                             "lastState": {"terminated": ended}}]}}
    deployment = {"metadata": owned("web", "web", None, now - 90 * DAY_S), "spec": {"replicas": 1, "template": template("r/app:2")}}
    return {"core_v1_pods.json": ("Pod", "v1", [pod]),
            "apps_v1_deployments.json": ("Deployment", "apps/v1", [deployment]),
            "apps_v1_replicasets.json": ("ReplicaSet", "apps/v1", [replica_set("web-old", "3", "r/app:1", now - 30 * DAY_S),
                                                                  replica_set("web-new", "4", "r/app:2", now - 1200)])}


def write_cluster(folder, now):
    os.makedirs(folder)
    for name, (kind, version, items) in lists(now).items():
        with open(os.path.join(folder, name), "w") as out:
            json.dump({"kind": kind + "List", "apiVersion": version, "metadata": {}, "items": items}, out)


class Scan:
    def __init__(self, options, folder, now):
        self.program = os.path.join(options.bin, "cresset-analyzer")
        self.folder, self.now = folder, now

    def run(self, *options):
        done = subprocess.run([self.program, "scan", "--input", self.folder, "--now", stamp(self.now), *options],
                              capture_output=True, timeout=180)
        expect(f"the exit status, with {done.stderr.decode()!r}", done.returncode, 1)
        return done.stdout.decode()

    def findings(self, *options):
        return json.loads(self.run("--output", "json", *options))["findings"]

    def oom(self, *options):
        findings = [finding for finding in self.findings(*options) if finding["check"] == "crashloop-oom"]
        expect("the findings of the check", len(findings), 1)
        return findings[0]


# --- metrics ------------------------------------------------------------------------------------


def memory_at(age_s):
    """Grows from 64 MiB to just below the limit within ten minutes, over and over."""
    return int(LIMIT * (0.25 + 0.75 * ((10800 - age_s) % 600) / 600))


def open_metrics(now):
    of_app = f'cluster="prod",namespace="shop",pod="{POD}",container="app"'
    elsewhere = of_app.replace("prod", "test")
    ages = range(10800, -1, -30)
    families = {
        "container_memory_working_set_bytes": ("gauge", [(of_app, memory_at), (elsewhere, lambda age: LIMIT * 9)]),
        "kube_pod_container_status_restarts": ("counter", [(of_app, lambda age: (10800 - age) // 600)]),
    }
    for name, (kind, series) in families.items():
        yield f"# TYPE {name} {kind}\n"
        for labels, value in series:
            for age in ages:
                yield f"{name}{'_total' if kind == 'counter' else ''}{{{labels}}} {value(age)} {now - age}\n"
    yield "# EOF\n"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_prometheus(folder, now):
    """A real one, whose storage has three hours of samples already."""
    samples, config, data = (os.path.join(folder, name) for name in ("samples.txt", "prometheus.yml", "tsdb"))
    with open(samples, "w") as out:
        out.writelines(open_metrics(now))
    with open(config, "w") as out:
        out.write("global: {}\n")
    subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", samples, data], check=True, stdout=subprocess.DEVNULL)
    log, port = os.path.join(folder, "prometheus.log"), free_port()
    process = cresset.start("prometheus", log, "--config.file", config, "--storage.tsdb.path", data,
                            "--web.listen-address", f"127.0.0.1:{port}")
    url = f"http://127.0.0.1:{port}"

    def is_ready():
        if process.poll() is not None:
            fail("prometheus ended: " + open(log).read()[-2000:])
        try:
            return urllib.request.urlopen(url + "/-/ready", timeout=2).status == 200
        except OSError:
            return False
    cresset.wait_for(is_ready, WAIT_S, "prometheus")
    return process, url


def check_metrics(scan, prometheus):
    finding = scan.oom("--prometheus-url", prometheus, "--cluster", "prod")
    evidence = "\n".join(finding["evidence"])
    found = re.search(rf"Memory of container app of pod {POD}: at most (\d+)\.\d MiB in the last 2 h, 9[5-9] % of its limit of 256Mi", evidence)
    if found is None or not 243 <= int(found.group(1)) <= 256:
        fail(f"the memory against the limit is not told: {evidence}")
    expect_in("the growth", f"Memory of container app of pod {POD} grew by up to", evidence)
    expect_in("the restarts", f"Restarts of container app of pod {POD} in the last hour: 6", evidence)
    expect_in("the roll-out", "before: roll-out of revision 4, which changed image of container app from r/app:1 to r/app:2", "\n".join(finding["changes"]))
    if "not available" in evidence:
        fail(f"a query failed: {evidence}")


# --- logs ---------------------------------------------------------------------------------------


def serve(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_address[1]}"


SHOP = {"namespace": "shop", "container": "app", "service_name": "web", "cluster": "prod"}


def pod_lines(scan):
    """(seconds, pod, text): what ended with a secret, then errors by the dozen, and the log of another pod."""
    end = scan.now - 180
    lines = [(end - 90, POD, "starting"), (end - 3, POD, "java.lang.OutOfMemoryError: Java heap space, token=hush42"),
             (end - 2, POD, "shutting down"), (end - 1, "web-new-other", "stopped"), (end - 1, "webcam-1-x", "fatal: not ours")]
    return lines + [(scan.now - 500 + i, POD, f"error: number {i} out of memory") for i in range(0, 300, 3)]


def check_logs(scan):
    """The pod is a label of its own, metadata of the lines, or metadata as OpenTelemetry calls it."""
    ways = {"a label": lambda pod: ({**SHOP, "pod": pod}, {}), "metadata": lambda pod: (SHOP, {"pod": pod}),
            "metadata of OpenTelemetry": lambda pod: (SHOP, {"k8s_pod_name": pod})}
    for way, labels_of in ways.items():
        store = loki.Loki([loki.Line(at, labels_of(pod)[0], text, labels_of(pod)[1]) for at, pod, text in pod_lines(scan)])
        try:
            evidence = "\n".join(scan.oom("--loki-url", store.url, "--loki-tenant", "team")["evidence"])
            expect_in(f"the telling line, the pod being {way}", "Loki has of the last 2 min before its end: \"", evidence)
            expect_in("the secret", "token=[redacted]", evidence)
            expect_in("the rate", "Lines with errors in its logs: 100 in the last 10 min, 0 in 10 min of the 6 h before", evidence)
            for part in ("hush42", "not ours", "not available"):
                if part in evidence:
                    fail(f"{part!r} is in {evidence}")
        finally:
            store.stop()


def check_refused_logs(scan):
    """Without a tenant nothing more is asked; a busy moment passes, and a busy hour is told once."""
    store = loki.Loki([loki.Line(at, {**SHOP, "pod": pod}, text) for at, pod, text in pod_lines(scan)])
    try:
        def refusals(*options):
            return [line for line in scan.oom("--loki-url", store.url, *options)["evidence"] if line.startswith("(logs not available: ")]
        expect("the refusals without a tenant", [line.split("answers ")[1] for line in refusals()], ["401: no org id)"])
        store.busy = 2
        expect("the refusals of a busy moment", refusals("--loki-tenant", "team"), [])
        store.busy = 10_000
        expect("the refusals of a busy hour", [line.split("answers ")[1] for line in refusals("--loki-tenant", "team")],
               ["429: too many outstanding requests)"])
        store.busy = 0
        expect("other tenants see nothing of it", any("Loki has" in line for line in scan.oom("--loki-url", store.url, "--loki-tenant", "other")["evidence"]),
               False)
    finally:
        store.stop()


def check_questions_about_logs(scan):
    """Each question that checks ask of logs is one that Loki understands."""
    store = loki.Loki([loki.Line(scan.now - age, {**SHOP, "pod": POD, "node": "n1"}, "error: x") for age in range(0, 2 * DAY_S, 60)])
    try:
        done = subprocess.run([scan.program, "scan", "--input", scan.folder, "--now", stamp(scan.now), "--output", "json", "--loki-url", store.url,
                               "--loki-tenant", "team"], capture_output=True, timeout=180, check=False)
        unverified = [one for one in json.loads(done.stdout)["unverified"] if "logs" in one["reason"]]
        expect("checks that logs gave no answer for", unverified, [])
        paths = {path for path, _ in store.requests}
        expect("what was asked", paths, {"/loki/api/v1/labels", "/loki/api/v1/query", "/loki/api/v1/query_range"})
    finally:
        store.stop()


# --- profiles -----------------------------------------------------------------------------------


def push_memory(server, pod, at, **functions):
    stacks = {(name, "main"): value for name, value in functions.items()}
    cresset.push(server.connect(), {"__name__": "memory", "service_name": "web", "namespace": "shop", "pod": pod},
                 cresset.pprof(stacks, int(at * 1e9), **INUSE))


def check_profiles(scan, server):
    end = scan.now - 180
    push_memory(server, POD, end - 60, readAll=62 << 20, decode=30 << 20, idle=8 << 20)
    push_memory(server, "webcam-1", end - 60, other=1 << 30)
    push_memory(server, "web-old-aaaaa", end - DAY_S - 60, readAll=8 << 20, decode=80 << 20, idle=12 << 20)
    push_memory(server, "web-old-aaaaa", scan.now - 1300, readAll=10 << 20, decode=75 << 20, idle=15 << 20)
    url = f"http://{server.address}"

    def is_there():
        return any("Functions by" in line for line in scan.oom("--profiles-url", url)["evidence"])
    cresset.wait_for(is_there, WAIT_S, "profiles in the evidence")
    finding = scan.oom("--profiles-url", url, "--profiles-link", "https://profiles.example.com/ui")
    evidence = "\n".join(finding["evidence"])
    expect_in("the functions", "Functions by memory in use in the 15 min before the end of the container: "
              "readAll 62 % (8 % a day before), decode 30 %, idle 8 %", evidence)
    expect_in("the revisions", "Of the memory in use, revision 4 takes more for readAll 62 % (10 % in revision 3)", evidence)
    expect("the links", [link["label"] for link in finding["links"]], ["Flame graph of memory in use"])
    link = urllib.parse.urlsplit(finding["links"][0]["url"])
    view = dict(urllib.parse.parse_qsl(link.query))
    expect("where the link leads", (link.netloc, link.path), ("profiles.example.com", "/ui/"))
    expect("the window of the link", int(view["until"]) - int(view["from"]), 15 * 60 * 1000)
    shown = cresset.query(server.connect(), "SelectMergeStacktraces", profileTypeID=view["type"], start=view["from"], end=view["until"],
                          labelSelector="{service_name=\"%s\",%s}" % (view["service"], view["labels"].strip("{}")))
    expect("what the link shows", max(cresset.self_times(shown["flamegraph"]).items(), key=lambda entry: entry[1]), ("readAll", 62 << 20))
    expect_in("the text", "Flame graph of memory in use: https://profiles.example.com/ui/?service=web&type=memory", scan.run("--profiles-url", url, "--color", "never",
              "--profiles-link", "https://profiles.example.com/ui"))


# --- back ends that do not answer ---------------------------------------------------------------


def broken(answer):
    class Broken(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_POST(self):
            answer(self)

        do_GET = do_POST
    return Broken


def reply(status, kind, body):
    def answer(handler):
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
    return answer


def check_failures(scan):
    plain = scan.findings()
    ended = threading.Event()
    cases = {"503": reply(503, "text/plain", b"no healthy upstream"), "a page": reply(200, "text/html", b"<html><body>sign in</body></html>"),
             "truncated JSON": reply(200, "application/json", b'{"status":"success","data":{"resul'), "no answer": lambda handler: ended.wait(WAIT_S)}
    for what, answer in cases.items():
        server, url = serve(broken(answer))
        began = time.monotonic()
        findings = scan.findings("--prometheus-url", url, "--loki-url", url, "--profiles-url", url, "--evidence-time", "3s")
        took = time.monotonic() - began
        server.shutdown()
        own = {finding["fingerprint"]: finding for finding in findings}
        for finding in plain:
            got = own.get(finding["fingerprint"]) or fail(f"with {what} there is no {finding['check']} any more")
            expect(f"the evidence of the cluster with {what}", got["evidence"][:len(finding["evidence"])], finding["evidence"])
            for key in set(finding) - {"evidence"}:
                expect(f"{key} with {what}", got[key], finding[key])
        lines = [line for line in own[scan.oom()["fingerprint"]]["evidence"] if "not available: " in line]
        expect(f"lines about back ends with {what}", [line.split(" ")[0] for line in lines], ["(metrics", "(logs", "(profiles"])
        if took > 2 * WAIT_S:
            fail(f"with {what} the scan took {took:.0f} s")
    ended.set()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    options = parser.parse_args()
    cresset.need_system(["prometheus", "promtool"], {})
    now = int(time.time())
    with tempfile.TemporaryDirectory() as folder:
        write_cluster(os.path.join(folder, "cluster"), now)
        scan = Scan(options, os.path.join(folder, "cluster"), now)
        if any("links" in finding for finding in scan.findings()):
            fail("there are links without back ends")
        process, prometheus = start_prometheus(folder, now)
        try:
            check_metrics(scan, prometheus)
        finally:
            process.terminate()
            process.wait(30)
        check_logs(scan)
        check_refused_logs(scan)
        check_questions_about_logs(scan)
        server = cresset.Server(options.bin, folder, "--self-profile=false", "--reject-older-than", "0")
        check_profiles(scan, server)
        expect("the exit status of the server", server.stop(), 0)
        check_failures(scan)


if __name__ == "__main__":
    main()
