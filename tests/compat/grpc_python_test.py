#!/usr/bin/env python3
"""gRPC from Python (grpcio), by stubs that are made of our own .proto files."""
import os
import subprocess
import sys

import clients


def main():
    options = clients.options(__doc__)
    program = clients.python(options, "grpc_python")
    stubs = clients.stubs(options, program, "grpc_python")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([stubs, os.path.join(clients.HERE, "..", "harness")])}
    with clients.server(options, "--multitenancy", "required") as server:
        done = subprocess.run([program, "-B", os.path.join(clients.HERE, "grpc_python", "main.py"), server.address],
                              env=environment, timeout=120)
    if done.returncode != 0:
        sys.exit(f"the client ended with {done.returncode}")


if __name__ == "__main__":
    main()
