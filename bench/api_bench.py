#!/usr/bin/env python3
"""What clients of the API feel: idle connections of both HTTP versions, and pushes of 32 clients.

Prints one JSON object a line: {"bench", "metric", "value", "unit", "goal"}. Run by `./dev bench`.
"""
import argparse
import gzip
import json
import os
import re
import resource
import socket
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "tests", "harness"))
import cresset

HTTP1 = b"GET /ready HTTP/1.1\r\nHost: bench\r\n\r\n"
READY2 = b"\x82\x86\x04\x06/ready\x01\x05bench"  # GET, http, path and authority by RFC 7541
# The preface, empty settings, and one request.
HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" + bytes([0, 0, len(READY2), 1, 5, 0, 0, 0, 1]) + READY2
REST_S = 10  # for memory to be given back
PUSHES = 100  # of each client


def emit(metric, value, unit, goal=""):
    row = {"bench": "api", "metric": metric, "value": round(value, 4), "unit": unit, "goal": goal}
    print(json.dumps(row), flush=True)


def resident_mib(server):
    with open(f"/proc/{server.process.pid}/smaps_rollup") as rollup:
        return int(re.search(r"^Rss:\s+(\d+) kB", rollup.read(), re.M).group(1)) / 1024


def settled_mib(server):
    """The resident memory once it no longer falls."""
    least, end = resident_mib(server), time.monotonic() + REST_S
    while time.monotonic() < end:
        time.sleep(2)
        now = resident_mib(server)
        if now > least - 0.1:
            break
        least = now
    return least


def open_connections(server, n, greeting):
    """Connections that have been answered once and stay open."""
    host, port = server.address.split(":")
    connections = []
    for _ in range(n):
        connection = socket.create_connection((host, int(port)), timeout=30)
        connection.sendall(greeting)
        connections.append(connection)
    for connection in connections:
        connection.recv(4096)
    return connections


def measure_idle(options, name, greeting, goal):
    with tempfile.TemporaryDirectory() as folder:
        server = cresset.Server(options.bin, folder, "--self-profile=false", "--http-connections-max",
                                str(options.connections + 100))
        connections = open_connections(server, options.connections, greeting)
        emit(f"resident, {options.connections} idle connections, {name}", settled_mib(server), "MiB", goal)
        for connection in connections:
            connection.close()
        server.stop()


def bodies_of(number):
    names = [f"example.com/app.(*Worker{number}).handle{i}" for i in range(40)]
    for round_i in range(PUSHES):
        stacks = {tuple(names[i % 40 - k] for k in range(12)): 10_000_000 * (i + round_i + 1) for i in range(40)}
        yield gzip.compress(cresset.pprof(stacks, time.time_ns()), 1)


def push_all(server, number, bodies, times):
    connection = server.connect()
    for body in bodies:
        started = time.perf_counter()
        cresset.push(connection, {"service_name": f"service-{number % 8}"}, body)
        times.append(time.perf_counter() - started)


def measure_pushes(options):
    with tempfile.TemporaryDirectory() as folder:
        server = cresset.Server(options.bin, folder, "--self-profile=false")
        times = []
        bodies = [list(bodies_of(i)) for i in range(options.clients)]  # before: all clients share one interpreter
        threads = [threading.Thread(target=push_all, args=(server, i, bodies[i], times)) for i in range(options.clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.stop()
    cuts = statistics.quantiles(times, n=100)
    emit(f"push acknowledged, p50 of {options.clients} clients", cuts[49] * 1000, "ms")
    emit(f"push acknowledged, p99 of {options.clients} clients", cuts[98] * 1000, "ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin", help="folder of the programs")
    parser.add_argument("--connections", type=int, default=10000)
    parser.add_argument("--clients", type=int, default=32)
    options = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    options.connections = min(options.connections, most - 200)
    measure_idle(options, "HTTP/1.1", HTTP1, "<= 100")
    measure_idle(options, "HTTP/2", HTTP2, "<= 100")
    measure_pushes(options)


if __name__ == "__main__":
    main()
