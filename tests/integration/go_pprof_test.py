#!/usr/bin/env python3
"""A real Go profile makes the round trip: net/http/pprof, Push, SelectMergeProfile, go tool pprof.

The table that `go tool pprof -top` prints of what comes back equals that of the original, for the
CPU profile and for each sample type of the heap profile.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset

FIXTURE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "go_pprof")
CASES = [
    ("profile?seconds=2", "process_cpu", ["process_cpu:cpu:nanoseconds:cpu:nanoseconds",
                                          "process_cpu:samples:count:cpu:nanoseconds"]),
    ("heap", "memory", ["memory:alloc_space:bytes:space:bytes", "memory:alloc_objects:count:space:bytes",
                        "memory:inuse_space:bytes:space:bytes", "memory:inuse_objects:count:space:bytes"]),
]


def top(path, sample_type):
    """{function: (flat, cum)} of `go tool pprof -top`, every function, in the smallest unit."""
    command = ["go", "tool", "pprof", "-top", "-nodecount=0", "-nodefraction=0", "-edgefraction=0",
               "-unit=minimum", f"-sample_index={sample_type}", path]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    table = {}
    for line in out.splitlines():
        found = re.match(r"\s*(\S+)\s+\S+%\s+\S+%\s+(\S+)\s+\S+%\s+(.+)$", line)
        if found:
            flat, cum, name = found.groups()
            old = table.get(name, ("0", "0"))
            table[name] = (flat, cum) if old == ("0", "0") else sorted([old, (flat, cum)])
    return table


def start_fixture(folder):
    program = os.path.join(folder, "go_pprof")
    subprocess.run(["go", "build", "-o", program, "."], cwd=FIXTURE, check=True)
    process = subprocess.Popen([program], stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def fetch(address, path, file):
    with urllib.request.urlopen(f"http://{address}/debug/pprof/{path}", timeout=30) as reply:
        data = reply.read()
    with open(file, "wb") as out:
        out.write(data)
    return data


def round_trip(server, name, profile_type, original, folder):
    now_ms = int(time.time() * 1000)
    message = cresset.block(1, profile_type.encode()) + cresset.block(2, f'{{service_name="{name}"}}'.encode())
    message += cresset.number(3, now_ms - 600_000) + cresset.number(4, now_ms + 1000)
    data = cresset.post(server.connect(), "/querier.v1.QuerierService/SelectMergeProfile", message)
    back = os.path.join(folder, "back.pb")
    with open(back, "wb") as out:
        out.write(data)
    sample_type = profile_type.split(":")[1]
    want, got = top(original, sample_type), top(back, sample_type)
    may_be_empty = sample_type.startswith("inuse")
    if want != got or not (want or may_be_empty):
        different = {key: (want.get(key), got.get(key)) for key in {**want, **got} if want.get(key) != got.get(key)}
        sys.exit(f"{profile_type}: {len(different)} of {len(want)} functions differ: {list(different.items())[:5]}")
    return len(want)


def run(options, folder):
    process, address = start_fixture(folder)
    try:
        server = cresset.Server(options.bin, folder, "--self-profile=false")
        for path, name, types in CASES:
            original = os.path.join(folder, name + ".pb.gz")
            data = fetch(address, path, original)
            cresset.push(server.connect(), {"__name__": name, "service_name": name}, data)
            for profile_type in types:
                n = round_trip(server, name, profile_type, original, folder)
                print(f"{profile_type}: {n} functions equal")
        if server.stop() != 0:
            sys.exit("the server did not stop with 0")
    finally:
        process.kill()
        process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    options = parser.parse_args()
    if shutil.which("go") is None:
        print("skipped: no go toolchain on the PATH")
        sys.exit(cresset.SKIPPED)
    with tempfile.TemporaryDirectory() as folder:
        run(options, folder)


if __name__ == "__main__":
    main()
