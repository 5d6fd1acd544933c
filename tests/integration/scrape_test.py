#!/usr/bin/env python3
"""A real agent scrapes real Go programs into a real server, and bears targets of every bad kind.

The agent samples nothing here (--ebpf=false), so that it needs no privileges. What it says of its
targets is read from /api/targets and /targets, and what arrived is asked from the server.
"""
import argparse
import gzip
import http.client
import http.server
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import certificates
import cresset
import kube_api

FIXTURE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "go_pprof")
WAIT_S = 90  # of a loaded machine
TYPES = {
    "process_cpu": "process_cpu:cpu:nanoseconds:cpu:nanoseconds",
    "memory": "memory:alloc_space:bytes:space:bytes",
    "goroutine": "goroutine:goroutine:count:goroutine:count",
    "mutex": "mutex:contentions:count:contentions:count",
    "block": "block:delay:nanoseconds:contentions:count",
}
GOOD = cresset.pprof({("leaf", "main"): 7}, time.time_ns())
BOMB = gzip.compress(bytes(200_000_000))
NODE = "node-1"


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: got {got!r}, wanted {wanted!r}")


# --- targets of every kind ------------------------------------------------------------------------


class Targets:
    """A server whose paths answer as good and bad targets do."""

    def __init__(self, tls=None):
        self.token, self.closing, self.requests = "new", threading.Event(), []
        self.allocated = None  # bytes since the start of the program; None: it does not run
        targets = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path = self.path.split("?")[0]
                targets.requests.append((self.path, dict(self.headers)))
                getattr(targets, path.strip("/").replace("/", "_"), targets.missing)(self)

            def log_message(self, *arguments):
                pass

        class Listener(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # a client that hangs up is no news

        self.server = Listener(("127.0.0.1", 0), Handler)
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.closing.set()
        self.server.shutdown()

    def send(self, handler, status=200, body=b"", kind="application/octet-stream", **headers):
        handler.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def missing(self, handler):
        self.send(handler, 404, b"404 page not found\n", "text/plain")

    def good(self, handler):
        self.send(handler, body=gzip.compress(GOOD))

    def debug_pprof_allocs(self, handler):
        if self.allocated is None:
            return self.send(handler, 503, b"it starts\n", "text/plain")
        heap = cresset.pprof({("leaf", "main"): self.allocated}, time.time_ns(), sample_type=("alloc_space", "bytes"),
                             period_type=("space", "bytes"))
        return self.send(handler, body=gzip.compress(heap))

    def hang(self, handler):
        self.closing.wait()

    def drip(self, handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        while not self.closing.wait(0.2):
            handler.wfile.write(b"x")

    def html(self, handler):
        self.send(handler, body=b"<html><script>alert(1)</script></html>", kind="text/html")

    def text(self, handler):
        self.send(handler, body=b"heap profile: 1: 2 [3: 4] @ heap/1048576\n", kind="text/plain")

    def endless(self, handler):
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        while not self.closing.is_set():
            handler.wfile.write(b"\x0a" * 65536)

    def bomb(self, handler):
        self.send(handler, body=BOMB)

    def malformed(self, handler):
        self.send(handler, body=gzip.compress(GOOD)[:-12])

    def empty(self, handler):
        self.send(handler, body=gzip.compress(cresset.pprof({}, time.time_ns())))

    def fails(self, handler):
        self.send(handler, 500, b"no\n", "text/plain")

    def cut(self, handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.close_connection = True

    def moved(self, handler):
        self.send(handler, 302, Location="/good")

    def around(self, handler):
        self.send(handler, 302, Location="/around")

    def bearer(self, handler):
        is_good = handler.headers.get("Authorization") == f"Bearer {self.token}"
        self.good(handler) if is_good else self.send(handler, 401)

    def basic(self, handler):
        is_good = handler.headers.get("Authorization") == "Basic dXNlcjpwYXNz"  # user:pass
        self.good(handler) if is_good and handler.headers.get("X-Key") == "k" else self.send(handler, 403)


# What becomes of each path, within a job whose limits are small.
FATES = {
    "good": "ok", "moved": "ok", "empty": "empty", "hang": "timeout", "drip": "timeout", "html": "not_profile",
    "text": "not_profile", "endless": "too_large", "bomb": "bomb", "malformed": "malformed", "fails": "http_5xx",
    "cut": "cut", "around": "cut", "absent": "http_404", "bearer": "http_4xx",
}


def job(name, interval_s=2, **fields):
    return {"job_name": name, "scrape_interval": f"{interval_s}s", **fields}


def only_custom(paths, **more):
    """A profiling_config with nothing but these paths."""
    off = {f"profile.{name}": {"enabled": False} for name in TYPES}
    custom = {name: {"enabled": True, "path": f"/{name}"} for name in paths}
    return {"profiling_config": {**off, "profile.custom": custom}, **more}


class Jobs:
    """The file of --scrape-file."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "scrape.yaml")

    def write(self, *jobs):
        self.write_text(json.dumps({"scrape_configs": jobs}))  # JSON is YAML

    def write_text(self, text):
        with open(self.path + ".new", "w") as file:
            file.write(text)
        os.rename(self.path + ".new", self.path)


def get(agent, path):
    connection = http.client.HTTPConnection(agent.address, timeout=30)
    connection.request("GET", path)
    reply = connection.getresponse()
    return reply, reply.read().decode()


def targets_of(agent):
    return json.loads(get(agent, "/api/targets")[1])


def find(agent, job_name, kind):
    found = [one for one in targets_of(agent)["targets"] if (one["job"], one["type"]) == (job_name, kind)]
    return found[0] if found else {}


def wait_result(agent, job_name, kind, wanted):
    try:
        return cresset.wait_for(lambda: find(agent, job_name, kind).get("last_result") == wanted, WAIT_S, kind)
    except RuntimeError:
        return sys.exit(f"{job_name}, {kind}: not {wanted} within {WAIT_S} s: {find(agent, job_name, kind)}")


# --- real programs --------------------------------------------------------------------------------


def start_go(folder):
    program = os.path.join(folder, "go_pprof")
    subprocess.run(["go", "build", "-o", program, "."], cwd=FIXTURE, check=True)
    process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", program], stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def flamegraph(server, profile_type, selector):
    now = int(time.time() * 1000)
    reply = cresset.query(server.connect(), "SelectMergeStacktraces", profileTypeID=profile_type,
                          labelSelector=selector, start=now - 600_000, end=now + 60_000)
    return reply.get("flamegraph", {})


def functions(server, profile_type, selector):
    return set(flamegraph(server, profile_type, selector).get("names", []))


def series(server, selector):
    now = int(time.time() * 1000)
    reply = cresset.query(server.connect(), "Series", matchers=[selector], start=now - 600_000, end=now + 60_000)
    return [{pair["name"]: pair["value"] for pair in one["labels"]} for one in reply.get("labelsSet", [])]


def check_go(agent, server, address):
    """The busy program has CPU time, allocations and goroutines; nothing in it waits for a lock."""
    for kind in TYPES:
        cresset.wait_for(lambda kind=kind: find(agent, "go", kind).get("health") == "up", WAIT_S, f"{kind} of Go")
    wanted = {TYPES["process_cpu"]: "main.sortLines", TYPES["memory"]: "main.encodeWords",
              TYPES["goroutine"]: "main.work"}
    for profile_type, name in wanted.items():
        cresset.wait_for(lambda one=profile_type, name=name: name in functions(server, one, '{service_name="go-app"}'),
                         WAIT_S, f"{name} in {profile_type}")
    labels = series(server, '{service_name="go-app"}')
    expect("names of series", {one["__name__"] for one in labels}, {"process_cpu", "memory", "goroutine"})
    for one in labels:
        expect("labels", {name: one.get(name) for name in ("job", "instance", "team", "cluster", "source", "__delta__")},
               {"job": "go", "instance": address, "team": "<b>red</b>", "cluster": "c1", "source": "pprof",
                "__delta__": None})
    # Allocations are told of as they come, not as sums since the start: the first scrape is a base.
    memory = find(agent, "go", "memory")
    if memory["profiles_sent"] < 1 or memory["bytes_sent"] == 0:
        sys.exit(f"memory was not sent: {memory}")
    print("Go: all types scraped, stored and labelled")


# --- parts of the test ----------------------------------------------------------------------------


def check_fates(agent, targets):
    for path, fate in FATES.items():
        wait_result(agent, "hostile", path, fate)
    for path in ("hang", "endless", "bomb"):
        sent = find(agent, "hostile", "good")["profiles_sent"]
        cresset.wait_for(lambda: find(agent, "hostile", "good")["profiles_sent"] > sent, WAIT_S, f"good beside {path}")
    absent = cresset.wait_for(lambda: find(agent, "hostile", "absent").get("failures_in_a_row", 0) >= 3 and
                              find(agent, "hostile", "absent"), WAIT_S, "404 again and again")
    expect("health of what is not offered", absent["health"], "absent")
    n_absent = sum(path == "/absent" for path, _ in targets.requests)
    n_good = sum(path == "/good" for path, _ in targets.requests)
    if not n_absent < n_good / 2:
        sys.exit(f"what is not offered was asked for {n_absent} times, the good one {n_good}")
    metrics = agent.metrics()
    for fate in set(FATES.values()):
        if not metrics[f'cresset_agent_scrapes_total{{result="{fate}"}}'] > 0:
            sys.exit(f"{fate} was not counted")
    print(f"hostile targets: {len(FATES)} fates, each as it has to be")


def check_secrets(agent, folder):
    """A token that is replaced, basic authentication with a header, and TLS by an authority of one's own."""
    with open(os.path.join(folder, "token"), "w") as file:
        file.write("new\n")
    wait_result(agent, "hostile", "bearer", "ok")
    wait_result(agent, "basic", "basic", "ok")
    wait_result(agent, "tls", "good", "ok")
    wait_result(agent, "untrusted", "good", "tls")
    wait_result(agent, "no-secret", "good", "secret")
    wait_result(agent, "nobody", "good", "refused")
    wait_result(agent, "no-name", "good", "dns")
    print("secrets and TLS: rotated, trusted, refused")


def check_page(agent):
    reply, page = get(agent, "/targets")
    expect("content type", reply.headers["Content-Type"], "text/html; charset=utf-8")
    if "default-src 'none'" not in reply.headers["Content-Security-Policy"]:
        sys.exit("the page may load things")
    for part in ("go-app", "&lt;b&gt;red&lt;/b&gt;", "not_profile</code>the answer is text/html", "/hang"):
        if part not in page:
            sys.exit(f"/targets has no {part!r}")
    for part in ("<b>red", "<script", "src=", "@import"):
        if part in page:
            sys.exit(f"/targets has {part!r}")
    down = get(agent, "/targets?health=down")[1]
    shown = set(re.findall(r'<td class="health"><span class="pill (\w+)">', down))
    expect("health of what /targets?health=down shows", (shown, "/hang" in down), ({"down"}, True))
    print("/targets: escaped, self-contained, filtered")


def check_file(agent, jobs, good, server):
    """A bad file changes nothing and is told; a good one is taken."""
    jobs.write_text("scrape_configs:\n- job_name: good\n  scrape_intervall: 5s\n")
    cresset.wait_for(lambda: "scrape_intervall" in targets_of(agent).get("file_error", ""), WAIT_S, "a file error")
    expect("file_current", agent.metrics()["cresset_agent_scrape_file_current"], 0)
    if "scrape.yaml:3:" not in get(agent, "/targets")[1]:
        sys.exit("/targets does not say what is wrong with the file")
    sent = find(agent, "hostile", "good")["profiles_sent"]
    cresset.wait_for(lambda: find(agent, "hostile", "good")["profiles_sent"] > sent, WAIT_S, "the jobs before")
    jobs.write(job("other", **only_custom(["good"], targets=[{"__address__": good.address, "service_name": "later"}])))
    wait_result(agent, "other", "good", "ok")
    expect("jobs", {one["job"] for one in targets_of(agent)["targets"]}, {"other"})
    expect("file_current", agent.metrics()["cresset_agent_scrape_file_current"], 1)
    cresset.wait_for(lambda: series(server, '{service_name="later"}'), WAIT_S, "series of the new job")
    print("scrape file: read again, the last good one kept")


def annotated_pod(name, port, **annotations):
    pod = kube_api.pod("shop", name, str(uuid.uuid4()), NODE, {"app": "0" * 64})
    pod["metadata"]["labels"] = {"app.kubernetes.io/name": f"{name}-app"}
    pod["metadata"]["annotations"] = {
        f"profiles.grafana.com/{key.replace('__', '.')}": value for key, value in annotations.items()}
    pod["spec"]["containers"][0]["ports"] = [{"name": "pprof", "containerPort": port}]
    pod["status"].update(podIP="127.0.0.1", phase="Running")
    return pod


def start_in_cluster(options, folder, server, *arguments):
    """An API server, and an agent that hears of the pods of its node from it."""
    os.mkdir(folder)
    api = kube_api.KubeApi(["t"])
    token, kubeconfig = os.path.join(folder, "api-token"), os.path.join(folder, "kubeconfig")
    with open(token, "w") as file:
        file.write("t")
    kube_api.kubeconfig(kubeconfig, api.url, token)
    return api, cresset.Agent(options.bin, folder, server, "--ebpf=false", "--window", "1s", "--kubernetes", "on",
                              "--kubeconfig", kubeconfig, "--node", NODE, *arguments)


def check_pods(options, folder, server, address):
    """Pods of the node by annotations: found, changed, gone."""
    api, agent = start_in_cluster(options, os.path.join(folder, "pods"), server)
    port = int(address.split(":")[1])
    pod = annotated_pod("web-1", port, goroutine__scrape="true", goroutine__port_name="pprof")
    api.put(pod)
    api.put(annotated_pod("db-1", port, memory__scrape="true"))
    wait_result(agent, "annotations", "goroutine", "ok")
    expect("labels", {name: find(agent, "annotations", "goroutine")["labels"].get(name) for name in
                      ("namespace", "pod", "container", "service_name", "job", "service_instance_id")},
           {"namespace": "shop", "pod": "web-1", "container": "app", "service_name": "web-1-app",
            "job": "annotations", "service_instance_id": "shop.web-1.app"})
    if "pod shop/db-1" not in targets_of(agent)["skipped"][0]:
        sys.exit(f"nothing is said about the pod without a port: {targets_of(agent)}")
    cresset.wait_for(lambda: series(server, '{namespace="shop",pod="web-1",node="node-1"}'), WAIT_S, "series of the pod")
    pod["metadata"]["annotations"]["profiles.grafana.com/cpu.scrape"] = "true"
    pod["metadata"]["annotations"]["profiles.grafana.com/cpu.port"] = str(port)
    api.put(pod)
    cresset.wait_for(lambda: find(agent, "annotations", "process_cpu"), WAIT_S, "the second type")
    api.delete(pod["metadata"]["uid"])
    cresset.wait_for(lambda: not targets_of(agent)["targets"], WAIT_S, "no targets")
    expect("exit status", agent.stop(), 0)
    expect("what a strict API server minds", api.violations, [])
    print("pods: found by annotations, changed and gone")


def set_started(pod, ago_s):
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - ago_s))
    pod["status"]["containerStatuses"][0]["state"] = {"running": {"startedAt": started}}


def check_restart(options, folder, server):
    """A program that starts anew and has allocated more at once than before: all of that is new."""
    jobs, program = Jobs(folder), Targets()
    jobs.write(job("annotations", kubernetes={"role": "annotations"}))
    api, agent = start_in_cluster(options, os.path.join(folder, "restart"), server, "--scrape-file", jobs.path)
    pod = annotated_pod("counts-1", program.server.server_port, memory__scrape="true", memory__port_name="pprof")
    set_started(pod, 3600)
    program.allocated = 1000
    api.put(pod)
    wait_result(agent, "annotations", "memory", "empty")  # the first scrape was the base
    program.allocated = None
    wait_result(agent, "annotations", "memory", "http_5xx")
    set_started(pod, 0)
    pod["metadata"]["annotations"]["profiles.grafana.com/goroutine.scrape"] = "true"
    pod["metadata"]["annotations"]["profiles.grafana.com/goroutine.port_name"] = "pprof"
    api.put(pod)
    cresset.wait_for(lambda: find(agent, "annotations", "goroutine"), WAIT_S, "what the pod says now")
    program.allocated = 5000
    allocated = cresset.wait_for(lambda: flamegraph(server, TYPES["memory"], '{pod="counts-1"}').get("total"), WAIT_S,
                                 "the restarted pod")
    expect("bytes that were allocated since the start", int(allocated), 5000)
    expect("exit status", agent.stop(), 0)
    program.close()
    print("a restarted program: all that it has counted is new")


def write_jobs(jobs, folder, address, good, tls, authority):
    password, token = os.path.join(folder, "password"), os.path.join(folder, "token")
    for path, text in ((password, "pass"), (token, "old")):
        with open(path, "w") as file:
            file.write(text)
    to_good, to_tls = [{"__address__": good.address}], [{"__address__": tls.address}]
    small = {"scrape_timeout": "1s", "body_size_limit": "1MiB", "profile_size_limit": "2MiB"}
    jobs.write(
        job("go", 3, targets=[{"__address__": address, "service_name": "go-app", "team": "<b>red</b>"}]),
        job("hostile", targets=to_good, bearer_token_file=token, **small, **only_custom(FATES)),
        job("basic", targets=to_good, basic_auth={"username": "user", "password_file": password},
            http_headers={"X-Key": "k"}, **only_custom(["basic"])),
        job("tls", targets=to_tls, scheme="https", tls_config={"ca_file": authority}, **only_custom(["good"])),
        job("untrusted", targets=to_tls, scheme="https", **only_custom(["good"])),
        job("no-secret", targets=to_good, bearer_token_file=os.path.join(folder, "none"), **only_custom(["good"])),
        job("nobody", targets=[{"__address__": "127.0.0.1:1"}], **only_custom(["good"])),
        job("no-name", targets=[{"__address__": "nobody.invalid:80"}], **only_custom(["good"])))


def run(options, folder):
    process, address = start_go(folder)
    pair = certificates.make_pair(folder, "authority")
    good, tls, jobs = Targets(), Targets(tls=pair), Jobs(folder)
    write_jobs(jobs, folder, address, good, tls, pair[0])
    try:
        server = cresset.Server(options.bin, folder, "--self-profile=false")
        agent = cresset.Agent(options.bin, folder, server, "--ebpf=false", "--window", "1s", "--scrape-file", jobs.path,
                              "--label", "cluster=c1", "--log-level", "info")
        check_fates(agent, good)
        check_go(agent, server, address)
        check_page(agent)
        check_secrets(agent, folder)
        check_file(agent, jobs, good, server)
        expect("exit status", agent.stop(), 0)
        check_pods(options, folder, server, address)
        check_restart(options, folder, server)
        expect("exit status", server.stop(), 0)
    finally:
        process.kill()
        process.wait()
        good.close()
        tls.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    options = parser.parse_args()
    cresset.need_system(["openssl"], {})
    if shutil.which("go") is None:
        print("skipped: no go toolchain on the PATH")
        sys.exit(cresset.SKIPPED)
    with tempfile.TemporaryDirectory() as folder:
        run(options, folder)


if __name__ == "__main__":
    main()
