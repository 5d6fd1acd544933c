#!/usr/bin/env python3
"""A stack of bare addresses gets its functions from a debug file that is uploaded after it."""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
from cresset import block, number, varint

SERVICE = "/debuginfo.v1alpha1.DebuginfoService/"


def build_id_of(program):
    notes = subprocess.run(["readelf", "-n", program], capture_output=True, text=True, check=True).stdout
    return re.search(r"Build ID: ([0-9a-f]+)", notes).group(1)


def address_of(program, function):
    symbols = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
    return int(re.search(rf"^([0-9a-f]+) [tT] {function}$", symbols, re.M).group(1), 16)


def bare_profile(build_id, addresses):
    """A CPU pprof of one stack without a function: the leaf first, addresses of the file itself."""
    strings = ["", "cpu", "nanoseconds", "/usr/bin/burn", build_id]
    out = [block(1, number(1, 1) + number(2, 2)),
           block(2, block(1, b"".join(varint(i + 1) for i in range(len(addresses)))) + block(2, varint(10_000_000))),
           block(3, number(1, 1) + number(5, 3) + number(6, 4))]
    out += [block(4, number(1, i + 1) + number(2, 1) + number(3, address)) for i, address in enumerate(addresses)]
    out += [block(6, text.encode()) for text in strings]
    return b"".join(out + [number(9, time.time_ns()), block(11, number(1, 1) + number(2, 2)), number(12, 10_000_000)])


def functions(server):
    now = int(time.time() * 1000)
    reply = cresset.query(server.connect(), "SelectMergeStacktraces", profileTypeID=cresset.CPU_TYPE,
                          labelSelector='{service_name="burn"}', start=now - 600_000, end=now + 60_000)
    return cresset.self_times(reply["flamegraph"])


def rpc(server, method, **fields):
    return json.loads(cresset.post(server.connect(), SERVICE + method, json.dumps(fields), "application/json"))


def upload(server, program, build_id):
    answer = rpc(server, "ShouldInitiateUpload", file={"gnuBuildId": build_id, "name": "burn", "type": "TYPE_EXECUTABLE_FULL"})
    if not answer.get("shouldInitiateUpload"):
        sys.exit(f"the upload is not wanted: {answer}")
    with open(program, "rb") as file:
        cresset.post(server.connect(), SERVICE + "Upload/" + build_id, file.read(), "application/octet-stream")
    rpc(server, "UploadFinished", gnuBuildId=build_id)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--program", required=True)
    options = parser.parse_args()
    build_id = build_id_of(options.program)
    addresses = [address_of(options.program, name) + 4 for name in ("mix_heavy", "descend", "main")]
    with tempfile.TemporaryDirectory() as folder:
        server = cresset.Server(options.bin, folder, "--self-profile=false")
        cresset.push(server.connect(), {"service_name": "burn"}, bare_profile(build_id, addresses))
        before = functions(server)
        if "mix_heavy" in before or before.get("[burn]") != 10_000_000:
            sys.exit(f"without the file: {before}")
        upload(server, options.program, build_id)
        after = functions(server)
        if after.get("mix_heavy") != 10_000_000 or not {"descend", "main"} <= after.keys():
            sys.exit(f"with the file: {after}")
        if server.stop() != 0:
            sys.exit("the server did not stop well")


if __name__ == "__main__":
    main()
