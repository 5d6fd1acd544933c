#!/usr/bin/env python3
"""gRPC from Python (grpcio), by stubs that are made of our own .proto files: in clear text, and over TLS."""
import os
import subprocess
import sys
import tempfile

import clients
import certificates
import cresset


def main():
    options = clients.options(__doc__)
    cresset.need_system(["openssl"], {})
    program = clients.python(options, "grpc_python")
    stubs = clients.stubs(options, program, "grpc_python")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([stubs, os.path.join(clients.HERE, "..", "harness")])}
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = certificates.make_pair(folder, "grpc")
        for flags, trusted in (((), ()), (("--tls-cert", certificate, "--tls-key", key), (certificate,))):
            with clients.server(options, "--multitenancy", "required", *flags) as server:
                command = [program, "-B", os.path.join(clients.HERE, "grpc_python", "main.py"), server.address, *trusted]
                done = subprocess.run(command, env=environment, timeout=120)
            if done.returncode != 0:
                sys.exit(f"the client ended with {done.returncode}, {'over TLS' if trusted else 'in clear text'}")


if __name__ == "__main__":
    main()
