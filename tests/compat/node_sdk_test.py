#!/usr/bin/env python3
"""The Node SDK (@pyroscope/nodejs): a gzip pprof to /ingest with format=pprof."""
import os

import clients
from queries import Checks, Queries

CPU = "process_cpu:cpu:nanoseconds:wall:nanoseconds"
WALL = "wall:wall:nanoseconds:wall:nanoseconds"
INUSE = "memory:inuse_space:bytes:inuse_space:bytes"
SPAN = "00f067aa0ba902b7"
CHECKOUT, SEARCH, PRIMES, KEEP = (rf".*/main\.mjs:{name}:\d+"
                                  for name in ("handleCheckout", "handleSearch", "findPrimes", "keepObjects"))


def check(queries):
    checks = Checks(queries)
    checks.labels(service_name="shop.node", region="east", pyroscope_spy="nodespy")
    checks.labels(**{"otel.scope.name": "com.grafana.pyroscope/nodejs"})
    checks.function(WALL, PRIMES, 1e9)
    checks.function(WALL, CHECKOUT, 2e8, '{controller="checkout"}', absent=[SEARCH])
    checks.function(WALL, SEARCH, 2e8, '{controller="search"}', absent=[CHECKOUT])
    checks.function("wall:samples:count:wall:nanoseconds", PRIMES, 50)
    checks.function(CPU, PRIMES, 5e8)
    checks.function("memory:inuse_objects:count:inuse_space:bytes", KEEP, 10_000)
    checks.function(INUSE, KEEP, 1 << 20)
    checks.span(WALL, SPAN, CHECKOUT, 2e8, absent=[SEARCH])
    checks.end()


def main():
    options = clients.options(__doc__)
    program, folder = clients.node(options, "node_sdk")
    with clients.server(options, "--multitenancy", "required") as server:
        clients.run([program, os.path.join(folder, "main.mjs"), server.url, "node", "4"])
        check(Queries(server, "node"))


if __name__ == "__main__":
    main()
