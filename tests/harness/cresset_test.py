#!/usr/bin/env python3
"""A test that ends early, whichever way, leaves none of its programs running."""
import argparse
import os
import select
import subprocess
import sys
import tempfile

ENDINGS = {"by sys.exit": "sys.exit(3)", "by an exception": "raise ValueError", "by a signal": "os.kill(os.getpid(), 9)"}
SCRIPT = """
import os, sys
sys.path.insert(0, {harness!r})
import cresset
server = cresset.Server({bin!r}, {folder!r}, "--self-profile=false")
print(server.process.pid, flush=True)
{ending}
"""


def check_ending(bin_dir, folder, name, ending):
    script = SCRIPT.format(harness=os.path.dirname(os.path.abspath(__file__)), bin=bin_dir, folder=folder, ending=ending)
    with subprocess.Popen([sys.executable, "-B", "-c", script], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as child:
        server = int(child.stdout.readline())
        try:
            handle = os.pidfd_open(server)
        except ProcessLookupError:  # it is gone already
            return
        child.wait(30)
    ended, _, _ = select.select([handle], [], [], 10)
    os.close(handle)
    if not ended:
        os.kill(server, 9)
        sys.exit(f"a test that ends {name} leaves its server running")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    options = parser.parse_args()
    for name, ending in ENDINGS.items():
        with tempfile.TemporaryDirectory() as folder:
            check_ending(os.path.abspath(options.bin), folder, name, ending)


if __name__ == "__main__":
    main()
