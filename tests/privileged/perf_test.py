#!/usr/bin/env python3
"""Self time per function agrees with `perf record` on the same run, within two percentage points.

The program is built with -O2 -fomit-frame-pointer and has a known call tree; perf samples it at the
same time as a real agent that pushes to a real server. Both use the CPU clock at high rates, so that
chance alone stays well under the bound.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset

SECONDS = 20
POINTS_MAX = 2.0
FUNCTIONS = ("mix_light", "mix_heavy", "descend", "main")


def shares(counts):
    total = sum(counts.get(name, 0) for name in FUNCTIONS)
    return {name: 100 * counts.get(name, 0) / total for name in FUNCTIONS} if total else {}


def perf_counts(path):
    out = subprocess.run(["perf", "script", "-i", path, "-F", "ip,sym"], capture_output=True, text=True, check=True)
    counts = {}
    for line in out.stdout.splitlines():
        name = line.split(maxsplit=1)[-1] if line.strip() else ""
        counts[name] = counts.get(name, 0) + 1
    return counts


def agent_counts(server, since_ms):
    reply = cresset.query(server.connect(), "SelectMergeStacktraces", profileTypeID=cresset.CPU_TYPE,
                          labelSelector='{comm="burn"}', start=since_ms, end=int(time.time() * 1000) + 60_000)
    return cresset.self_times(reply["flamegraph"])


def run(options, folder):
    since_ms = int(time.time() * 1000) - 60_000
    server = cresset.Server(options.bin, folder, "--self-profile=false")
    agent = cresset.Agent(options.bin, folder, server, "--rate", "499", "--window", "5")
    data = os.path.join(folder, "perf.data")
    burn = subprocess.Popen([options.burn, str(SECONDS), "30"])
    perf = subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-F", "1999", "-o", data, "-p", str(burn.pid)],
                          capture_output=True, text=True)
    burn.wait()
    if agent.stop() != 0:
        sys.exit("the agent did not stop with 0: " + agent.log()[-1000:])
    if perf.returncode != 0:
        sys.exit("perf record failed: " + perf.stderr[-500:])
    want, got = shares(perf_counts(data)), shares(agent_counts(server, since_ms))
    server.stop()
    print("perf ", {name: round(value, 2) for name, value in want.items()})
    print("agent", {name: round(value, 2) for name, value in got.items()})
    far = [name for name in FUNCTIONS if abs(want[name] - got.get(name, 0)) > POINTS_MAX]
    if far:
        sys.exit(f"more than {POINTS_MAX} percentage points apart: {far}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--burn", default="build/bench/burn")
    options = parser.parse_args()
    if os.geteuid() != 0 or shutil.which("perf") is None:
        print("skipped: needs root and perf")
        sys.exit(cresset.SKIPPED)
    with tempfile.TemporaryDirectory() as folder:
        run(options, folder)


if __name__ == "__main__":
    main()
