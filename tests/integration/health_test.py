#!/usr/bin/env python3
"""`cresset-server health`: 0 while a server with the same options is ready, else 1 with the reason; 2 for wrong options."""
import argparse
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import certificates
import cresset


def ask(options, address, *more):
    done = subprocess.run([os.path.join(options.bin, "cresset-server"), "health", "--listen", address, *more],
                          capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: {found}, not {wanted}")


def check(options, folder, *more, tls=None):
    server = cresset.Server(options.bin, folder, *more, tls=tls)
    try:
        expect("a server that is ready", ask(options, server.address, *more), (0, ""))
        other = [] if more else ["--tls-cert", __file__, "--tls-key", __file__]
        status, text = ask(options, server.address, *other)
        expect(f"a server that has TLS, or not: {text}", (status, server.address in text), (1, True))
    finally:
        server.stop()
    status, text = ask(options, server.address, *more)
    expect("a server that has ended", (status, server.address in text), (1, True))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    cresset.need_system(["openssl"], {})
    with tempfile.TemporaryDirectory() as folder:
        check(options, os.path.join(folder))
        certificate, key = certificates.make_pair(folder, "tls")
        check(options, folder, "--tls-cert", certificate, "--tls-key", key, tls=certificates.trust(certificate))
    status, text = ask(options, "127.0.0.1:1", "--no-such-option")
    expect("a wrong option", (status, "no-such-option" in text), (2, True))


if __name__ == "__main__":
    main()
