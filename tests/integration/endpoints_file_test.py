#!/usr/bin/env python3
"""A real agent whose endpoints change while it runs, as its file does: pushes move from one real server to another.

The file is a ConfigMap's, replaced by the directory swap of Kubernetes. What was handed over is followed by the
agent's own counts and by those of the servers: nothing is lost on the way.
"""
import argparse
import http.server
import json
import os
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
from mounted_volume import MountedVolume

FILE = "endpoints.yaml"
WAIT_S = 60  # read again within 10 s; a busy machine is slow, not wrong


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: got {got!r}, wanted {wanted!r}")


class Target:
    """A program that offers a profile, until it is closed."""

    def __init__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = cresset.pprof({("leaf", "main"): 7}, time.time_ns())
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def endpoints(**urls):
    return json.dumps({"endpoints": [{"name": name, "url": url, "max_backoff_period": "1s"}
                                     for name, url in urls.items()]})  # JSON is YAML


def scrape_jobs(address):
    off = {f"profile.{name}": {"enabled": False} for name in ("process_cpu", "memory", "goroutine", "mutex", "block")}
    custom = {name: {"enabled": True, "path": f"/{name}"} for name in ("a", "b", "c")}
    return json.dumps({"scrape_configs": [{"job_name": "all", "scrape_interval": "2s",
                                           "targets": [{"__address__": address, "service_name": "shop"}],
                                           "profiling_config": {**off, "profile.custom": custom}}]})


# --- what is counted ------------------------------------------------------------------------------


class Counts:
    """What the agent says of an endpoint."""

    def __init__(self, agent, name):
        metrics = agent.metrics()
        self.queued, self.recovered, self.pushed = (
            metrics[f'cresset_agent_profiles_{what}_total{{endpoint="{name}"}}']
            for what in ("queued", "recovered", "pushed"))
        self.waiting = metrics[f'cresset_agent_queue_profiles{{endpoint="{name}"}}']
        self.spooled = metrics[f'cresset_agent_spool_profiles{{endpoint="{name}"}}']
        self.dropped = sum(value for row, value in metrics.items()
                           if row.startswith(f'cresset_agent_profiles_dropped_total{{endpoint="{name}"'))
        expect(f"{name}: queued + recovered", self.queued + self.recovered, self.pushed + self.dropped + self.waiting)


def taken(server):
    connection = server.connect()
    connection.request("GET", "/metrics")
    for line in connection.getresponse().read().decode().splitlines():
        if line.startswith("cresset_ingest_profiles_total "):
            return float(line.split()[1])
    return sys.exit("the server does not count profiles")


def wait_more(what, count):
    before = count()
    cresset.wait_for(lambda: count() > before, WAIT_S, what)


def wait_reload(agent, n, failures=0):
    prefix = "cresset_agent_endpoints_file"
    cresset.wait_for(lambda: agent.metrics().get(f"{prefix}_reloads_total") == n, WAIT_S, f"reading {n} of the file")
    metrics = agent.metrics()
    expect("failures", metrics[f"{prefix}_reload_failures_total"], failures)
    return metrics[f"{prefix}_current"]


# --- parts of the test ----------------------------------------------------------------------------


def check_move(agent, file, first, second):
    """The same name, another URL: from the next push on."""
    wait_more("profiles at the first server", lambda: taken(first))
    file.write({FILE: endpoints(hub=f"http://{second.address}")})
    wait_more("profiles at the second server", lambda: taken(second))
    expect("whether the file is in force", wait_reload(agent, 1), 1)
    at_first = taken(first)
    wait_more("more profiles there", lambda: taken(second))
    expect("what the first server still got", taken(first) - at_first, 0)
    print("moved: pushes go to the second server alone")


def check_bad_file(agent, file, second):
    file.write({FILE: "endpoints:\n- {name: hub, urll: x}\n"})
    expect("whether the file is in force", wait_reload(agent, 2, failures=1), 0)
    wait_more("profiles by the last good file", lambda: taken(second))
    wait_more("and more", lambda: taken(second))
    said = [line for line in agent.log().splitlines() if "is not taken" in line]
    if len(said) != 1 or "endpoints.yaml:2:" not in said[0] or "urll" not in said[0]:
        sys.exit(f"what the log says of the file: {said}")
    print("bad file: the last good one stays in force, said once")


def check_removal(agent, file, first, second, nowhere):
    """What waits for a server that is away stays in the spool while nobody names it, and then goes to where it is."""
    file.write({FILE: endpoints(hub=nowhere)})
    failing = 'cresset_agent_endpoint_failing_seconds{endpoint="hub"}'
    cresset.wait_for(lambda: agent.metrics()[failing] > 0, WAIT_S, "pushes that fail")
    at_second = taken(second)
    file.write({FILE: endpoints(other=f"http://{first.address}")})
    wait_more("profiles at the other endpoint", lambda: taken(first))
    left = Counts(agent, "hub")
    if left.waiting == 0:
        sys.exit("nothing was left in the spool")
    wait_more("and more there", lambda: taken(first))
    later = Counts(agent, "hub")
    expect("what was left", (later.queued, later.waiting, later.dropped), (left.queued, left.waiting, 0))
    expect("what the second server got", taken(second) - at_second, 0)
    expect("/ready", agent.get("/ready")[0], 200)
    file.write({FILE: endpoints(hub=f"http://{second.address}")})
    cresset.wait_for(lambda: Counts(agent, "hub").pushed > left.pushed + left.waiting, WAIT_S, "what was left, and more")
    print(f"removed: {left.waiting:.0f} profiles were left in the spool, and pushed once it was named again")


def check_ledger(agent, target, servers):
    """No profiles come any more: the servers have all of them."""
    target.close()
    cresset.wait_for(lambda: Counts(agent, "hub").waiting == 0, WAIT_S, "nothing that waits")
    hub, other = Counts(agent, "hub"), Counts(agent, "other")
    expect("what was dropped", (hub.dropped, other.dropped), (0, 0))
    expect("what was found in the spool", hub.recovered, 0)
    # The push that was under way when the other endpoint was removed may have been taken or not.
    pushed, at_servers = hub.pushed + other.pushed, sum(taken(server) for server in servers)
    if not pushed <= at_servers <= pushed + other.waiting:
        sys.exit(f"pushed {pushed} and {other.waiting} left, but the servers have {at_servers}")
    print(f"ledger: {hub.queued + other.queued:.0f} profiles handed over, {at_servers:.0f} at the servers")


def run(options, folder):
    target, folders = Target(), [os.path.join(folder, name) for name in ("first", "second", "agent")]
    for each in folders:
        os.mkdir(each)
    first, second = (cresset.Server(options.bin, each, "--self-profile=false") for each in folders[:2])
    file = MountedVolume(os.path.join(folder, "mounted"), {FILE: endpoints(hub=f"http://{first.address}")})
    jobs = os.path.join(folder, "scrape.yaml")
    with open(jobs, "w") as out:
        out.write(scrape_jobs(target.address))
    agent = cresset.Agent(options.bin, folders[2], first, "--endpoints-file", file.path(FILE), "--ebpf=false",
                          "--window", "1s", "--scrape-file", jobs, "--spool-dir", os.path.join(folder, "spool"))
    check_move(agent, file, first, second)
    check_bad_file(agent, file, second)
    check_removal(agent, file, first, second, "http://127.0.0.1:1")
    check_ledger(agent, target, (first, second))
    expect("exit status", (agent.stop(), first.stop(), second.stop()), (0, 0, 0))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    with tempfile.TemporaryDirectory() as folder:
        run(parser.parse_args(), folder)


if __name__ == "__main__":
    main()
