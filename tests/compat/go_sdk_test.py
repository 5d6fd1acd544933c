#!/usr/bin/env python3
"""The Go SDK (github.com/grafana/pyroscope-go): multipart pprof to /ingest."""
import clients
from queries import Checks, Queries

CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds"
SPAN = "00f067aa0ba902b7"


def check(queries):
    checks = Checks(queries)
    checks.labels(service_name="shop.backend", region="east", pyroscope_spy="gospy")
    checks.labels(**{"host.name": "node-1", "process.runtime.name": "go"})
    checks.function(CPU, "main.findPrimes", 1e9)
    checks.function(CPU, "main.handleCheckout", 5e8, '{controller="checkout"}', absent=["main.handleSearch"])
    checks.function(CPU, "main.handleSearch", 5e8, '{controller="search"}', absent=["main.handleCheckout"])
    checks.function("process_cpu:samples:count:cpu:nanoseconds", "main.findPrimes", 100)
    checks.function("memory:alloc_space:bytes:space:bytes", "main.allocateBuffers", 32 << 20)
    checks.function("memory:inuse_space:bytes:space:bytes", "main.allocateBuffers", 32 << 20)
    checks.function("memory:alloc_objects:count:space:bytes", "main.allocateBuffers", 32)
    checks.function("memory:inuse_objects:count:space:bytes", "main.allocateBuffers", 32)
    checks.function("goroutine:goroutine:count:goroutine:count", "main.main", 1)
    checks.function("mutex:delay:nanoseconds:contentions:count", "main.holdLock", 1e8)
    checks.function("mutex:contentions:count:contentions:count", "main.holdLock", 5)
    checks.function("block:delay:nanoseconds:contentions:count", "main.holdLock", 1e8)
    checks.function("block:contentions:count:contentions:count", "main.holdLock", 5)
    checks.span(CPU, SPAN, "main.handleCheckout", 5e8, absent=["main.handleSearch"])
    checks.end()


def main():
    options = clients.options(__doc__)
    program = clients.go(options, "go_sdk")
    with clients.server(options, "--multitenancy", "required") as server:
        clients.run([program, server.url, "go", "4"])
        check(Queries(server, "go"))


if __name__ == "__main__":
    main()
