#!/usr/bin/env python3
"""The Python SDK (pyroscope-io, on pyroscope-rs): Push with a gzip body of plain pprof, and before
1.0 pprof to /ingest."""
import os

import clients
from queries import Checks, Queries

CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds"
SPAN = "00f067aa0ba902b7"
# /ingest may put the file in front of Python's function names.
FILE = r"(\S+\.py )?"


def check_ingest(checks):
    checks.labels(pyroscope_spy="pyspy")


def check_push(checks):
    checks.labels(**{"otel.scope.name": "com.grafana.pyroscope/python"})
    checks.function("memory:alloc_space:bytes:space:bytes", "keep_buffers", 32 << 20)
    checks.function("memory:inuse_space:bytes:space:bytes", "keep_buffers", 32 << 20)


# What is true of one release alone.
RELEASES = {"1.4": check_push, "0.8": check_ingest}


def check(checks):
    checks.labels(service_name="shop.python", region="east", **{"host.name": "node-1"})
    # Of four seconds: on a busy machine the sampler of the SDK has few of its turns.
    checks.function(CPU, FILE + "find_primes", 3e8)
    checks.function(CPU, FILE + "handle_checkout", 5e7, '{controller="checkout"}', absent=[FILE + "handle_search"])
    checks.function(CPU, FILE + "handle_search", 5e7, '{controller="search"}', absent=[FILE + "handle_checkout"])
    checks.function(CPU, FILE + "handle_search", 5e7, '{thread_name="worker-search"}', absent=[FILE + "handle_checkout"])
    checks.span(CPU, SPAN, FILE + "handle_checkout", 5e7, absent=[FILE + "handle_search"])


def main():
    options = clients.options(__doc__)
    programs = {release: clients.python(options, f"python_sdk-{release}", f"python_sdk/requirements-{release}.txt")
                for release in RELEASES}
    with clients.server(options, "--multitenancy", "required") as server:
        for release, check_release in RELEASES.items():
            tenant = "python-" + release
            clients.run([programs[release], "-B", os.path.join(clients.HERE, "python_sdk", "main.py"), server.url, tenant, "4"])
            checks = Checks(Queries(server, tenant))
            check(checks)
            check_release(checks)
            checks.end()


if __name__ == "__main__":
    main()
