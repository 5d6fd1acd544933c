#!/usr/bin/env python3
"""The Python SDK (pyroscope-io, on pyroscope-rs): Push with a gzip body of plain pprof."""
import os

import clients
from queries import Checks, Queries

CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds"
SPAN = "00f067aa0ba902b7"


def check(queries):
    checks = Checks(queries)
    checks.labels(service_name="shop.python", region="east")
    checks.labels(**{"host.name": "node-1", "otel.scope.name": "com.grafana.pyroscope/python"})
    checks.function(CPU, "find_primes", 1e9)
    checks.function(CPU, "handle_checkout", 2e8, '{controller="checkout"}', absent=["handle_search"])
    checks.function(CPU, "handle_search", 2e8, '{controller="search"}', absent=["handle_checkout"])
    checks.function(CPU, "handle_search", 2e8, '{thread_name="worker-search"}', absent=["handle_checkout"])
    checks.function("memory:alloc_space:bytes:space:bytes", "keep_buffers", 32 << 20)
    checks.function("memory:inuse_space:bytes:space:bytes", "keep_buffers", 32 << 20)
    checks.span(CPU, SPAN, "handle_checkout", 2e8, absent=["handle_search"])
    checks.end()


def main():
    options = clients.options(__doc__)
    program = clients.python(options, "python_sdk")
    with clients.server(options, "--multitenancy", "required") as server:
        clients.run([program, "-B", os.path.join(clients.HERE, "python_sdk", "main.py"), server.url, "python", "4"])
        check(Queries(server, "python"))


if __name__ == "__main__":
    main()
