#!/usr/bin/env python3
"""The Java agent (io.pyroscope:agent): JFR with labels, multipart, to /ingest."""
import os

import clients
from queries import Checks, Queries

CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds"
SPAN = "00f067aa0ba902b7"


def environment(server):
    return {**os.environ, "PYROSCOPE_SERVER_ADDRESS": server.url, "PYROSCOPE_TENANT_ID": "java",
            "PYROSCOPE_APPLICATION_NAME": "shop.java", "PYROSCOPE_LABELS": "region=east,host.name=node-1",
            "PYROSCOPE_UPLOAD_INTERVAL": "1s", "PYROSCOPE_FORMAT": "jfr", "PYROSCOPE_PROFILER_EVENT": "itimer",
            "PYROSCOPE_PROFILER_ALLOC": "128k", "PYROSCOPE_PROFILER_LOCK": "1ms", "PYROSCOPE_LOG_LEVEL": "warn"}


def check(queries):
    checks = Checks(queries)
    checks.labels(service_name="shop.java", region="east", pyroscope_spy="javaspy")
    checks.labels(**{"host.name": "node-1", "otel.scope.name": "com.grafana.pyroscope/java"})
    checks.function(CPU, r"Shop\.findPrimes", 1e9)
    checks.function(CPU, r"Shop\.handleCheckout", 5e8, '{controller="checkout"}', absent=[r"Shop\.handleSearch"])
    checks.function(CPU, r"Shop\.handleSearch", 5e8, '{controller="search"}', absent=[r"Shop\.handleCheckout"])
    # Where the buffers lie is up to the collector.
    allocated = sum(queries.totals(f"memory:alloc_{where}_tlab_bytes:bytes:space:bytes").get("Shop.allocateBuffers", 0)
                 for where in ("in_new", "outside"))
    checks.that(allocated >= 32 << 20, f"Shop.allocateBuffers has {allocated} bytes")
    checks.function("mutex:contentions:count:mutex:count", r"Shop\.holdLock", 5)
    checks.function("mutex:delay:nanoseconds:mutex:count", r"Shop\.holdLock", 1e8)
    checks.span(CPU, SPAN, r"Shop\.handleCheckout", 5e8, absent=[r"Shop\.handleSearch"])
    checks.end()


def is_sent(queries):
    """Whether the last window has arrived."""
    totals = queries.totals(CPU, '{controller="search"}')
    return totals.get("Shop.handleSearch", 0) >= 1e9


def main():
    options = clients.options(__doc__)
    java, compiler = clients.need("java", (11, 0), "-version"), clients.need("javac", (11, 0), "-version")
    folder = clients.maven(options, "java_sdk")
    agent = os.path.join(folder, "agent-2.9.2.jar")
    clients.run([compiler, "-cp", agent, "-d", folder, os.path.join(clients.HERE, "java_sdk", "Shop.java")])
    with clients.server(options, "--multitenancy", "required") as server:
        command = [java, f"-javaagent:{agent}", "-cp", folder + ":" + agent, "Shop", "4"]
        queries = Queries(server, "java")
        # The JVM and the agent say at their start how they were started.
        clients.run(command, quiet=False, until=lambda text: is_sent(queries), env=environment(server))
        check(queries)


if __name__ == "__main__":
    main()
