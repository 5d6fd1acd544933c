#!/usr/bin/env python3
"""What the server costs: pushes synthetic pprof profiles to a real server, then queries them.

The profiles have the size the peer was measured with: about 45 KB raw and 400 stacks. Prints one
JSON object a line: {"bench", "metric", "value", "unit", "goal"}. Run by `./dev bench`.
"""
import argparse
import glob
import gzip
import json
import os
import random
import re
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "tests", "harness"))
from cresset import CPU_TYPE, Server, post, pprof, push_request, wait_for


def emit(metric, value, unit, goal=""):
    row = {"bench": "server", "metric": metric, "value": round(value, 4), "unit": unit, "goal": goal}
    print(json.dumps(row), flush=True)


class Program:
    """A made-up program: a call tree and a population of stacks, about 23 frames deep.

    Stacks share their outer frames as real ones do: a stack branches off an earlier one and adds one
    to six frames of its own, so that there are about 3.7 trie nodes a stack (as measured on real Go
    profiles). How often a stack is seen follows Zipf's law.
    """

    def __init__(self, seed, n_functions=700, n_stacks=4000):
        self.random = random.Random(seed)
        self.names = [f"example.com/app/pkg{i % 37}.(*Worker{i % 11}).handle{i}" for i in range(n_functions)]
        self.paths = [[self.frame() for _ in range(24)]]
        while len(self.paths) < n_stacks:
            self.paths.append(self.branch())
        self.stacks = [tuple(self.names[frame] for frame in reversed(path)) for path in self.paths]
        self.weights = [1 / (i + 1) for i in range(n_stacks)]

    def frame(self):
        return self.random.randrange(len(self.names))

    def branch(self):
        path = self.random.choice(self.paths)
        kept = path[: self.random.randint(max(2, len(path) - 6), len(path))]
        return kept + [self.frame() for _ in range(self.random.randint(1, 6))]

    def profile(self, time_ns):
        """A raw pprof with the samples of ten seconds."""
        counts = {}
        for index in self.random.choices(range(len(self.stacks)), self.weights, k=560):
            counts[index] = counts.get(index, 0) + 1
        return pprof({self.stacks[index]: count * 10_000_000 for index, count in counts.items()}, time_ns)


def cpu_s(server):
    """What the process has used: the clock of clock_getcpuclockid(3), which Python has no name for."""
    return time.clock_gettime(~server.process.pid << 3 | 2)


def seal_cpu_s(server):
    """What the seal thread has used of it."""
    for task in glob.glob(f"/proc/{server.process.pid}/task/*"):
        try:
            with open(f"{task}/comm") as comm, open(f"{task}/schedstat") as schedstat:
                if comm.read() == "store-seal\n":
                    return int(schedstat.read().split()[0]) / 1e9
        except FileNotFoundError:
            continue  # a worker that has just ended
    return 0


def request_cpu_s(server):
    """Without sealing, which a restart begins with what it has replayed, whatever is asked."""
    return cpu_s(server) - seal_cpu_s(server)


def rss_mib(server):
    with open(f"/proc/{server.process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) / 1024


def disk_bytes(server):
    return sum(os.path.getsize(os.path.join(base, name))
               for base, _, names in os.walk(server.data_dir) for name in names)


def push_all(server, bodies, n_clients):
    """Pushes every body once from n_clients connections; gives the latencies in seconds."""
    latencies, todo, lock = [], list(bodies), threading.Lock()

    def client():
        connection = server.connect()
        while True:
            with lock:
                if not todo:
                    return
                body = todo.pop()
            began = time.monotonic()
            post(connection, "/push.v1.PusherService/Push", body, "application/proto")
            latencies.append(time.monotonic() - began)

    threads = [threading.Thread(target=client) for _ in range(n_clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies


def bench_push(server, options, bodies, raw_bytes):
    cpu, began = cpu_s(server), time.monotonic()
    latencies = push_all(server, bodies, options.clients)
    elapsed, cpu = time.monotonic() - began, cpu_s(server) - cpu
    n = len(bodies)
    emit("profiles pushed", n, "profiles")
    emit("raw size of a profile", raw_bytes / n, "bytes")
    emit("ingest CPU per profile", cpu / n * 1000, "ms", "<= 1.7 (peer 8.5-9)")
    emit("ingest, raw bytes per CPU second", raw_bytes / max(cpu, 1e-3) / 1e6, "MB/s", ">= 150")
    emit("ingest, wall", n / elapsed, "profiles/s")
    emit("ack latency p50", statistics.median(latencies) * 1000, "ms", "<= 5")
    emit("ack latency p99", statistics.quantiles(latencies, n=100)[98] * 1000, "ms", "<= 20")
    emit("resident after push", rss_mib(server), "MiB", "<= 150 (peer 290)")


def bench_query(server, start_ms, end_ms, what, selector, runs=15):
    connection = server.connect()
    body = json.dumps({"profileTypeID": CPU_TYPE, "labelSelector": selector, "start": start_ms, "end": end_ms,
                       "maxNodes": 16384})
    times, cpus = [], []
    for _ in range(runs):
        cpu, began = request_cpu_s(server), time.monotonic()
        data = post(connection, "/querier.v1.QuerierService/SelectMergeStacktraces", body, "application/json")
        times.append(time.monotonic() - began)
        cpus.append(request_cpu_s(server) - cpu)
    if int(json.loads(data)["flamegraph"]["total"]) <= 0:
        sys.exit("server bench: the flame graph is empty")
    emit(f"SelectMergeStacktraces {what}, p50", statistics.median(times) * 1000, "ms")
    goal = "<= 80 (peer 800)" if what == "all services" else "<= 3.6 (peer 36)"
    emit(f"SelectMergeStacktraces {what}, CPU", statistics.mean(cpus) * 1000, "ms", goal)
    emit(f"SelectMergeStacktraces {what}, CPU of the first", cpus[0] * 1000, "ms")


def is_sealed(server):
    """Whether the block of what the restart has replayed is in place of its log."""
    connection = server.connect()
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    return int(re.search(r"^cresset_store_seal_seconds_count (\d+)", text, re.M).group(1)) > 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin", help="folder of the programs")
    parser.add_argument("--profiles", type=int, default=2200)
    parser.add_argument("--services", type=int, default=16)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(options, folder)


def run(options, folder):
    programs = [Program(seed) for seed in range(options.services)]
    now_ns, bodies, raw_bytes = time.time_ns(), [], 0
    for i in range(options.profiles):
        service = i % options.services
        raw = programs[service].profile(now_ns - (i // options.services) * 10_000_000_000)
        raw_bytes += len(raw)
        bodies.append(push_request({"service_name": f"service-{service}", "pod": f"pod-{i % 3}"},
                                   gzip.compress(raw, 1)))
    span_ms = (options.profiles // options.services + 2) * 10_000
    start_ms, end_ms = now_ns // 10**6 - span_ms, now_ns // 10**6 + 1000
    flags = ("--reject-older-than", "30d", "--self-profile=false")
    server = Server(options.bin, folder, *flags)
    emit("ready after start", server.ready_s, "s", "< 1 (peer 48-52)")
    bench_push(server, options, bodies, raw_bytes)
    bench_query(server, start_ms, end_ms, "one service", '{service_name="service-1"}')
    bench_query(server, start_ms, end_ms, "all services", "{}")
    server.stop()
    emit("disk per profile after stop", disk_bytes(server) / options.profiles, "bytes", "<= 4100 (peer 16400 at level 0)")
    again = Server(options.bin, folder, *flags)
    emit("ready after restart", again.ready_s, "s", "< 1 (peer 48-52)")
    bench_query(again, start_ms, end_ms, "one service after restart", '{service_name="service-1"}')
    wait_for(lambda: is_sealed(again), 30, "the replayed log to be sealed")
    emit("sealing, CPU per profile", seal_cpu_s(again) / options.profiles * 1000, "ms")
    bench_query(again, start_ms, end_ms, "one service, sealed", '{service_name="service-1"}')
    again.stop()


if __name__ == "__main__":
    main()
