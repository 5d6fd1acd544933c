#!/usr/bin/env python3
"""Every method of the Pyroscope API, called by its own generated Go clients in each protocol.

What each method is expected to do is the table in connect/methods.go. What profiles are annotated with is read once
they are in memory, in the log and in blocks.
"""
import json
import os
import subprocess
import sys

import clients

sys.path.insert(0, os.path.join(clients.HERE, "..", "integration"))
import annotations_test

PROTOCOLS = 11


def check_annotations(program, server):
    for tenant, wanted in annotations_test.EXPECTED.items():
        done = subprocess.run([program, f"http://{server.address}", tenant], stdout=subprocess.PIPE, timeout=60, check=True)
        lines = done.stdout.splitlines()
        annotations_test.expect("the number of protocols", len(lines), PROTOCOLS)
        for line in lines:
            pairs = sorted((key, value) for key, values in json.loads(line).items() for value in values)
            annotations_test.expect(f"annotations of {tenant}", [(key, json.loads(value)) for key, value in pairs], wanted)


def main():
    options = clients.options(__doc__)
    program = clients.go(options, "connect")
    with clients.server(options) as server:
        done = subprocess.run([program, server.url], timeout=120)
    if done.returncode != 0:
        sys.exit(done.returncode)
    annotations_test.run(options, lambda server: check_annotations(program, server))


if __name__ == "__main__":
    main()
