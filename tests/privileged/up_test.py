#!/usr/bin/env python3
"""`./dev up` does the main job: this machine's CPU profile, from both programs, then a clean end.

A program with a known function name burns CPU beside it; its name has to come back in the flame
graph of its own service. --source is the source folder; the programs there must be up to date.
"""
import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds"
SECONDS = 40  # long enough for two windows of the agent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port, call, body):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/querier.v1.QuerierService/{call}",
                                     json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as reply:
        return json.load(reply)


def names_of(port, service):
    """The function names in the flame graph of a service over the last ten minutes."""
    now = int(time.time() * 1000)
    body = {"profileTypeID": CPU, "labelSelector": f'{{service_name="{service}"}}',
            "start": now - 600_000, "end": now + 60_000}
    try:
        return set(ask(port, "SelectMergeStacktraces", body).get("flamegraph", {}).get("names", []))
    except OSError:
        return set()


def wait_for_name(port, up, service, name):
    """Asks until the name is there; the end of `up` is the bound."""
    while up.poll() is None:
        if name in names_of(port, service):
            return True
        time.sleep(0.5)
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--source", required=True)
    parser.add_argument("--load", required=True, help="a program that burns CPU, with its function's name",
                        nargs=2, metavar=("PROGRAM", "FUNCTION"))
    options = parser.parse_args()
    if os.path.realpath(options.bin) != os.path.realpath(os.path.join(options.source, "build", "bin")):
        print("skipped: ./dev up builds into build/, and this is another folder")
        return 77
    port, (program, function) = free_port(), options.load
    data_dir = tempfile.mkdtemp(prefix="cresset-up-")
    load = subprocess.Popen([program, "1000"], stdout=subprocess.DEVNULL)
    up = subprocess.Popen([os.path.join(options.source, "dev"), "up", "--for", str(SECONDS), "--port", str(port),
                           "--data-dir", data_dir], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        found = wait_for_name(port, up, os.path.basename(program), function)
        output = up.communicate(timeout=120)[0]
    finally:
        load.kill()
        up.kill()
        shutil.rmtree(data_dir, ignore_errors=True)
    print(output)
    if "the agent ended" in output:
        print("skipped: the agent cannot sample here, see its line above")
        return 77
    assert f"http://localhost:{port}/" in output, "the address of the flame graph is not printed"
    assert found, f"{function} is not in the flame graph of {os.path.basename(program)}"
    assert up.returncode == 0, f"./dev up ended with {up.returncode}"
    return 0


if __name__ == "__main__":
    sys.exit(main())
