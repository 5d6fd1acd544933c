#!/usr/bin/env python3
"""Every method of the Pyroscope API, called by its own generated Go clients in each protocol.

What each method is expected to do is the table in connect/methods.go.
"""
import subprocess
import sys

import clients


def main():
    options = clients.options(__doc__)
    program = clients.go(options, "connect")
    with clients.server(options) as server:
        done = subprocess.run([program, server.url], timeout=120)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
