#!/usr/bin/env python3
"""`go tool pprof` on what the server merges: the same tables as on the profiles that went in.

Profiles of a live Go program are pushed; the tool merges the originals itself, by function and by
line, and prints their stacks.
"""
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse

import clients
import cresset

sys.path.insert(0, os.path.join(clients.HERE, "..", "integration"))
import go_pprof_test as round_trip

CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds"
ALLOC = "memory:alloc_space:bytes:space:bytes"
REPORTS = ["-top", "-lines -top", "-traces"]


def report(pprof, kind, profile_type, *files):
    """What the tool prints without the lines about the files themselves, in an order of its own."""
    sample_type, unit = profile_type.split(":")[1:3]
    command = [*pprof, *kind.split(), "-nodecount=0", "-nodefraction=0", "-edgefraction=0", f"-unit={unit}",
               f"-sample_index={sample_type}", *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise clients.Wrong(f"{' '.join(command)}: {done.stderr}")
    if kind == "-traces":
        return stacks(done.stdout)
    # Equal values stand in any order; the running sum depends on it.
    rows = [line.split() for line in done.stdout.splitlines() if re.match(r"\s*\d\S*\s+\S+%", line)]
    return sorted(row[:2] + row[3:] for row in rows)


def stacks(text):
    """(stack, value) of -traces; stacks that differ by addresses alone are one."""
    sums = {}
    for block in re.split(r"\n *-+\+-+ *\n", text)[1:]:
        found = re.search(r"^ *(\d+)[a-zA-Z]+ +(\S.*)", block, re.M | re.S)
        if found:
            stack = tuple(line.strip() for line in found[2].splitlines())
            sums[stack] = sums.get(stack, 0) + int(found[1])
    return sorted(sums.items())


def exports(server, profile_type, folder):
    """{how: a file with the pprof that the server gives, or where the tool gets it itself}"""
    now_ms = int(time.time() * 1000)
    message = cresset.block(1, profile_type.encode()) + cresset.block(2, b'{service_name="live"}')
    message += cresset.number(3, now_ms - 600_000) + cresset.number(4, now_ms + 1000)
    path = "/querier.v1.QuerierService/"
    wrapped = cresset.post(server.connect(), path + "SelectMergeStacktraces", message + cresset.number(6, 4))
    bodies = {"SelectMergeProfile": cresset.post(server.connect(), path + "SelectMergeProfile", message),
              "SelectMergeStacktraces": unwrap(unwrap(wrapped, 5), 1)}
    out = {how: os.path.join(folder, how + ".pb") for how in bodies}
    for how, file in out.items():
        with open(file, "wb") as target:
            target.write(bodies[how])
    query = urllib.parse.urlencode({"query": profile_type + '{service_name="live"}', "from": now_ms - 600_000,
                                    "until": now_ms + 1000, "format": "pprof"})
    return {**out, "render": f"{server.url}/pyroscope/render?{query}"}


def unwrap(data, field):
    """The one field of a message."""
    size = shift = 0
    for at, byte in enumerate(data[1:], 2):
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    if data[0] != field << 3 | 2 or size != len(data) - at:
        raise clients.Wrong(f"not field {field} alone: {data[:20]!r}")
    return data[at:]


def compare(server, pprof, profile_type, originals, folder):
    for how, file in exports(server, profile_type, folder).items():
        for kind in REPORTS:
            want = report(pprof, kind, profile_type, *originals)
            got = report(pprof, kind, profile_type, file)
            if want != got or not want:
                different = [row for row in want if row not in got][:3] + [row for row in got if row not in want][:3]
                raise clients.Wrong(f"{profile_type} {how} {kind}: {len(want)} rows, {len(got)} come back: {different}")
            print(f"{profile_type} {how} {kind}: {len(want)} rows equal")


def main():
    options = clients.options(__doc__)
    pprof = [clients.need("go", (1, 25), "version"), "tool", "pprof"]
    with tempfile.TemporaryDirectory() as folder, clients.server(options) as server:
        os.environ["PPROF_TMPDIR"] = folder
        process, address = round_trip.start_fixture(folder)
        try:
            for name, path, times, profile_type in [("process_cpu", "profile?seconds=1", 2, CPU), ("memory", "heap", 1, ALLOC)]:
                files = [os.path.join(folder, f"{name}{i}.pb.gz") for i in range(times)]
                for file in files:
                    data = round_trip.fetch(address, path, file)
                    cresset.push(server.connect(), {"__name__": name, "service_name": "live"}, data)
                compare(server, pprof, profile_type, files, folder)
        finally:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
