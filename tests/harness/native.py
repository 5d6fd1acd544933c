"""What tests of native programs share: facts of an ELF file, profiles of bare addresses, uploads of debug files."""
import json
import re
import subprocess
import sys
import time

import cresset
from cresset import block, number, varint

SERVICE = "/debuginfo.v1alpha1.DebuginfoService/"


def readelf(option, program):
    return subprocess.run(["readelf", option, program], capture_output=True, text=True, check=True).stdout


def build_id_of(program):
    return re.search(r"Build ID: ([0-9a-f]+)", readelf("-n", program)).group(1)


def address_of(program, function):
    symbols = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
    return int(re.search(rf"^([0-9a-f]+) [tT] {function}$", symbols, re.M).group(1), 16)


def code_segment(program):
    """(offset in the file, virtual address, bytes in memory) of the executable segment."""
    found = re.search(r"LOAD\s+(0x\w+)\s+(0x\w+)\s+0x\w+\s+0x\w+\s+(0x\w+)\s+R E", readelf("-lW", program))
    return tuple(int(text, 16) for text in found.groups())


def mapped_at(bias, segment):
    """How a process has that segment mapped where the file lies `bias` further up: (bias, start, limit, offset)."""
    offset, address, size = segment
    start, limit = address & ~4095, (address + size + 4095) & ~4095
    return bias, bias + start, bias + limit, offset & ~4095


def bare_profile(build_id, addresses, mapping=None):
    """A CPU pprof of one stack without a function, the leaf first. `addresses` are those of the file; with a
    mapping (mapped_at) they are written as the process has them."""
    bias, start, limit, offset = mapping or (0, 0, 0, 0)
    strings = ["", "cpu", "nanoseconds", "/usr/bin/burn", build_id]
    out = [block(1, number(1, 1) + number(2, 2)),
           block(2, block(1, b"".join(varint(i + 1) for i in range(len(addresses)))) + block(2, varint(10_000_000))),
           block(3, number(1, 1) + number(2, start) + number(3, limit) + number(4, offset) + number(5, 3) + number(6, 4))]
    out += [block(4, number(1, i + 1) + number(2, 1) + number(3, address + bias)) for i, address in enumerate(addresses)]
    out += [block(6, text.encode()) for text in strings]
    return b"".join(out + [number(9, time.time_ns()), block(11, number(1, 1) + number(2, 2)), number(12, 10_000_000)])


def debug_info(server, method, **fields):
    """A call of the service in the JSON codec."""
    return json.loads(cresset.post(server.connect(), SERVICE + method, json.dumps(fields), "application/json"))


def upload(server, program, build_id):
    answer = debug_info(server, "ShouldInitiateUpload",
                        file={"gnuBuildId": build_id, "name": "burn", "type": "TYPE_EXECUTABLE_FULL"})
    if not answer.get("shouldInitiateUpload"):
        sys.exit(f"the upload is not wanted: {answer}")
    with open(program, "rb") as file:
        cresset.post(server.connect(), SERVICE + "Upload/" + build_id, file.read(), "application/octet-stream")
    debug_info(server, "UploadFinished", gnuBuildId=build_id)
