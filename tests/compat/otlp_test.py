#!/usr/bin/env python3
"""OTLP profiles in the numbering of each release of opentelemetry-proto, by HTTP and by gRPC."""
import os
import subprocess
import sys

import clients
from queries import Checks, Queries

CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds"
SPAN = "00f067aa0ba902b7"
NOT_SERVED = 3  # as otlp/export.py
# What is not served must be refused: a line changes when it is.
TRANSPORTS = {"http": True, "http-gzip": True, "http-json": True, "grpc": True}
# The releases up to 1.7 had no table of stacks; their profiles are refused with the reason.
RELEASES = {"1.7": False, "1.9": True, "1.10": True}


def check(queries, service, release):
    checks, selector = Checks(queries), f'{{service_name="{service}"}}'
    checks.function(CPU, "checkout", 100_000_000, selector)
    checks.function(CPU, "search", 200_000_000, selector)
    checks.function(CPU, "main", 300_000_000, selector)
    checks.function(CPU, "search", 200_000_000, f'{{service_name="{service}","thread.name"="worker-2"}}', absent=["checkout"])
    checks.function("off_cpu:off_cpu:nanoseconds::", "wait", 7_000_000, selector)
    for name, values in {"thread.name": ["worker-1", "worker-2"], "host.name": ["node-1"], "__otel__": ["true"]}.items():
        got = queries.label_values(name, selector)
        checks.that(got == values, f"{name}: {got}")
    if release == "1.10":
        got = queries.label_values("deployment.environment.name", selector)
        checks.that(got == ["test"], f"the attribute by index of the string table: {got}")
    checks.span(CPU, SPAN, "checkout", 100_000_000, absent=["search"])
    checks.end()


def wrong_with(server, program, release, transport):
    """What is wrong with one way to send, or nothing."""
    service = f"shop-{release}-{transport}"
    command = [program, "-B", os.path.join(clients.HERE, "otlp", "export.py"), transport, server.address, "otlp", service]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if not TRANSPORTS[transport]:
        return None if done.returncode == NOT_SERVED else f"is served: change TRANSPORTS ({done.returncode} {done.stdout})"
    if not RELEASES[release]:
        return None if done.returncode == 1 and done.stdout else f"is not refused ({done.returncode})"
    if done.returncode != 0:
        return f"fails with {done.returncode}: {done.stdout}{done.stderr[-2000:]}"
    try:
        check(Queries(server, "otlp"), service, release)
    except clients.Wrong as error:
        return str(error)
    return None


def main():
    options = clients.options(__doc__)
    programs = {release: clients.python(options, f"otlp-{release}", f"otlp/requirements-{release}.txt") for release in RELEASES}
    wrong = []
    with clients.server(options, "--multitenancy", "required") as server:
        for release, program in programs.items():
            for transport in TRANSPORTS:
                text = wrong_with(server, program, release, transport)
                if text:
                    wrong.append(f"{release} by {transport} {text}")
    if wrong:
        sys.exit("\n".join(wrong))
    served = [transport for transport, is_served in TRANSPORTS.items() if is_served]
    print(f"releases {' '.join(RELEASES)}; served: {' '.join(served) or 'nothing yet'}")


if __name__ == "__main__":
    main()
