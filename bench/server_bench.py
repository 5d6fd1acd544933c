#!/usr/bin/env python3
"""What the server costs: pushes synthetic pprof profiles to a real server, then queries them.

The profiles have the size the peer was measured with: about 45 KB raw and 400 stacks. Prints one
JSON object a line: {"bench", "metric", "value", "unit", "goal"}. Run by `./dev bench`.
"""
import argparse
import gzip
import http.client
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")
TYPE = "process_cpu:cpu:nanoseconds:cpu:nanoseconds"


def emit(metric, value, unit, goal=""):
    row = {"bench": "server", "metric": metric, "value": round(value, 4), "unit": unit, "goal": goal}
    print(json.dumps(row), flush=True)


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


class Program:
    """A made-up program: functions, one location each, and a population of stacks."""

    def __init__(self, seed, n_functions=700, n_stacks=4000):
        self.random = random.Random(seed)
        self.names = [f"example.com/app/pkg{i % 37}.(*Worker{i % 11}).handle{i}" for i in range(n_functions)]
        self.stacks = [self.stack(n_functions) for _ in range(n_stacks)]
        self.weights = [1 / (i + 1) for i in range(n_stacks)]

    def stack(self, n_functions):
        depth = self.random.randint(8, 34)
        frame, frames = 1, []
        for level in range(depth):
            frames.append(frame)
            frame = (frame * 7 + self.random.choice((1, 2, 3)) + level) % n_functions + 1
        return frames[::-1]

    def profile(self, time_ns):
        """A raw pprof with the samples of ten seconds."""
        counts = {}
        for index in self.random.choices(range(len(self.stacks)), self.weights, k=560):
            counts[index] = counts.get(index, 0) + 1
        used = sorted({frame for index in counts for frame in self.stacks[index]})
        strings = ["", "cpu", "nanoseconds", "main.go"] + [self.names[frame - 1] for frame in used]
        out = [block(1, number(1, 1) + number(2, 2))]
        for index, count in counts.items():
            frames = b"".join(varint(frame) for frame in self.stacks[index])
            out.append(block(2, block(1, frames) + block(2, varint(count * 10_000_000))))
        out.append(block(3, number(1, 1) + number(2, 0x400000) + number(3, 0x900000)))
        for i, frame in enumerate(used):
            line = number(1, frame) + number(2, frame % 300 + 1)
            out.append(block(4, number(1, frame) + number(2, 1) + number(3, 0x400000 + frame * 64) + block(4, line)))
            out.append(block(5, number(1, frame) + number(2, 4 + i) + number(3, 4 + i) + number(4, 3)))
        out += [block(6, text.encode()) for text in strings]
        out += [number(9, time_ns), number(10, 10_000_000_000), block(11, number(1, 1) + number(2, 2))]
        out.append(number(12, 10_000_000))
        return b"".join(out)


def push_request(service, pod, raw):
    labels = b"".join(block(1, block(1, name.encode()) + block(2, value.encode()))
                      for name, value in (("__name__", "process_cpu"), ("service_name", service), ("pod", pod)))
    return block(1, labels + block(2, block(1, raw)))


class Server:
    def __init__(self, bin_dir, folder):
        self.log = open(os.path.join(folder, "server.log"), "w+")
        self.data = os.path.join(folder, "data")
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [os.path.join(bin_dir, "cresset-server"), "--listen", "127.0.0.1:0", "--data-dir", self.data,
             "--reject-older-than", "30d", "--self-profile=false"], stdout=self.log, stderr=self.log)
        self.address = self.wait_address()

    def wait_address(self):
        while time.monotonic() < self.started + 20:
            with open(self.log.name) as log:
                found = re.search(r"listening on http://([0-9.:]+)", log.read())
            if found:
                self.ready_s = time.monotonic() - self.started
                return found.group(1)
            if self.process.poll() is not None:
                break
            time.sleep(0.005)
        sys.exit("server bench: the server did not start: " + open(self.log.name).read()[-500:])

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def rss_mib(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) / 1024

    def disk_bytes(self):
        return sum(os.path.getsize(os.path.join(base, name))
                   for base, _, names in os.walk(self.data) for name in names)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def post(connection, path, body, content_type):
    connection.request("POST", path, body, {"Content-Type": content_type})
    reply = connection.getresponse()
    data = reply.read()
    if reply.status != 200:
        sys.exit(f"server bench: {path}: {reply.status} {data[:300]!r}")
    return data


def push_all(server, bodies, n_clients):
    """Pushes every body once from n_clients connections; gives the latencies in seconds."""
    latencies, todo, lock = [], list(bodies), threading.Lock()

    def client():
        connection = http.client.HTTPConnection(server.address)
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
    cpu, began = server.cpu_s(), time.monotonic()
    latencies = push_all(server, bodies, options.clients)
    elapsed, cpu = time.monotonic() - began, server.cpu_s() - cpu
    n = len(bodies)
    emit("profiles pushed", n, "profiles")
    emit("raw size of a profile", raw_bytes / n, "bytes")
    emit("ingest CPU per profile", cpu / n * 1000, "ms", "<= 1.7 (peer 8.5-9)")
    emit("ingest, raw bytes per CPU second", raw_bytes / max(cpu, 1e-3) / 1e6, "MB/s", ">= 150")
    emit("ingest, wall", n / elapsed, "profiles/s")
    emit("ack latency p50", statistics.median(latencies) * 1000, "ms", "<= 5")
    emit("ack latency p99", statistics.quantiles(latencies, n=100)[98] * 1000, "ms", "<= 20")
    emit("resident after push", server.rss_mib(), "MiB", "<= 150 (peer 290)")


def bench_query(server, start_ms, end_ms, what, selector, runs=15):
    connection = http.client.HTTPConnection(server.address)
    body = json.dumps({"profileTypeID": TYPE, "labelSelector": selector, "start": start_ms, "end": end_ms,
                       "maxNodes": 16384})
    times, cpu = [], server.cpu_s()
    for _ in range(runs):
        began = time.monotonic()
        data = post(connection, "/querier.v1.QuerierService/SelectMergeStacktraces", body, "application/json")
        times.append(time.monotonic() - began)
    cpu = (server.cpu_s() - cpu) / runs
    if int(json.loads(data)["flamegraph"]["total"]) <= 0:
        sys.exit("server bench: the flame graph is empty")
    emit(f"SelectMergeStacktraces {what}, p50", statistics.median(times) * 1000, "ms")
    emit(f"SelectMergeStacktraces {what}, CPU", cpu * 1000, "ms",
         "<= 80 (peer 800)" if what == "all services" else "<= 3.6 (peer 36)")


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
        bodies.append(push_request(f"service-{service}", f"pod-{i % 3}", gzip.compress(raw, 1)))
    span_ms = (options.profiles // options.services + 2) * 10_000
    start_ms, end_ms = now_ns // 10**6 - span_ms, now_ns // 10**6 + 1000
    server = Server(options.bin, folder)
    emit("ready after start", server.ready_s, "s", "< 1 (peer 48-52)")
    bench_push(server, options, bodies, raw_bytes)
    bench_query(server, start_ms, end_ms, "one service", '{service_name="service-1"}')
    bench_query(server, start_ms, end_ms, "all services", "{}")
    server.stop()
    emit("disk per profile after stop", server.disk_bytes() / options.profiles, "bytes", "<= 4100 (peer 16400 at level 0)")
    again = Server(options.bin, folder)
    emit("ready after restart", again.ready_s, "s", "< 1 (peer 48-52)")
    bench_query(again, start_ms, end_ms, "one service", '{service_name="service-1"}')
    again.stop()


if __name__ == "__main__":
    main()
