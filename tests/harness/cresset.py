"""What the Python tests and benchmarks share: a pprof writer, a push writer, a real server.

Formats: github.com/google/pprof/proto/profile.proto and push.v1 of the Pyroscope API.
"""
import http.client
import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zlib

CPU_TYPE = "process_cpu:cpu:nanoseconds:cpu:nanoseconds"
SKIPPED = 77


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


def pprof(stacks, time_ns, duration_ns=10_000_000_000, period=10_000_000, sample_type=("cpu", "nanoseconds"), period_type=("cpu", "nanoseconds")):
    """A raw pprof of {tuple of function names, the leaf first: value}."""
    names = sorted({name for stack in stacks for name in stack})
    ids = {name: i + 1 for i, name in enumerate(names)}
    strings = ["", *sample_type, "main.c"] + names + [*period_type]
    out = [block(1, number(1, 1) + number(2, 2))]
    for stack, value in stacks.items():
        frames = b"".join(varint(ids[name]) for name in stack)
        out.append(block(2, block(1, frames) + block(2, varint(value))))
    out.append(block(3, number(1, 1) + number(2, 0x400000) + number(3, 0x900000)))
    for name, i in ids.items():
        code = zlib.crc32(name.encode())  # the same address and line in every profile
        line = number(1, i) + number(2, code % 300 + 1)
        out.append(block(4, number(1, i) + number(2, 1) + number(3, 0x400000 + code % 0x400000) + block(4, line)))
        out.append(block(5, number(1, i) + number(2, 3 + i) + number(3, 3 + i) + number(4, 3)))
    out += [block(6, text.encode()) for text in strings]
    out += [number(9, time_ns), number(10, duration_ns), block(11, number(1, len(strings) - 2) + number(2, len(strings) - 1))]
    out.append(number(12, period))
    return b"".join(out)


def push_request(labels, profile, sample_id=""):
    """A push.v1.PushRequest with one series of one profile; labels without __name__ are CPU."""
    pairs = {"__name__": "process_cpu", **labels}
    coded = b"".join(block(1, block(1, name.encode()) + block(2, value.encode()))
                     for name, value in pairs.items())
    sample = block(1, profile) + (block(2, sample_id.encode()) if sample_id else b"")
    return block(1, coded + block(2, sample))


def start(program, log_path, *arguments):
    """A process that writes to this file and ends, at the latest, together with this one."""
    with open(log_path, "w") as log:
        return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", program, *arguments], stdout=log, stderr=log)


SYSTEM_PYTHON = "/usr/bin/python3"


def has_module(name):
    try:
        importlib.import_module(name)
        return True
    except ImportError:
        return False


def need_system(programs, modules):
    """Ends the test as skipped where one of these programs and Python modules, {module: package}, is missing.

    The packages of modules are for the system's Python, which need not be the one that runs the test: it then
    begins again in that one.
    """
    missing = [program for program in programs if shutil.which(program) is None]
    missing += [package for module, package in modules.items() if not has_module(module)]
    is_system = not os.path.exists(SYSTEM_PYTHON) or os.path.realpath(sys.executable) == os.path.realpath(SYSTEM_PYTHON)
    if set(missing) & set(modules.values()) and not is_system:
        os.execv(SYSTEM_PYTHON, [SYSTEM_PYTHON, "-B", *sys.argv])
    if missing:
        print(f"skipped: {', '.join(missing)} not installed")
        sys.exit(1 if os.environ.get("CI") == "true" else SKIPPED)


class Failed(Exception):
    """An answer that is not 200."""

    def __init__(self, status, body):
        super().__init__(f"{status} {body[:500]!r}")
        self.status, self.body = status, body


class Server:
    """A real cresset-server on a free port of the loopback interface."""

    def __init__(self, bin_dir, folder, *options, wait_s=20, tls=None):
        self.tls = tls  # an ssl.SSLContext of its clients; None: clear text
        self.data_dir = os.path.join(folder, "data")
        self.log_path = os.path.join(folder, "server.log")
        self.started = time.monotonic()
        self.process = start(os.path.join(bin_dir, "cresset-server"), self.log_path, "--listen", "127.0.0.1:0",
                             "--data-dir", self.data_dir, *options)
        self.address = self._wait_address(wait_s)
        self.ready_s = time.monotonic() - self.started

    def log(self):
        with open(self.log_path) as log:
            return log.read()

    def _wait_address(self, wait_s):
        while time.monotonic() < self.started + wait_s and self.process.poll() is None:
            found = re.search(r"listening on https?://([0-9.:]+)", self.log())
            if found:
                return found.group(1)
            time.sleep(0.005)
        self.kill()
        raise RuntimeError("the server did not start: " + self.log()[-1000:])

    def connect(self, timeout=30):
        if self.tls is not None:
            return http.client.HTTPSConnection(self.address, timeout=timeout, context=self.tls)
        return http.client.HTTPConnection(self.address, timeout=timeout)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Agent:
    """A real cresset-agent that pushes to `server`; its metrics are served on the loopback, or another address.

    `prefix` is a command line that becomes the agent's, as that of nsenter.
    """

    def __init__(self, bin_dir, folder, server, *options, wait_s=20, prefix=(), host="127.0.0.1"):
        self.log_path = os.path.join(folder, "agent.log")
        program, *arguments = [*prefix, os.path.join(bin_dir, "cresset-agent"), "--server", f"http://{server.address}",
                               "--listen", f"{host}:0", *options]
        self.process = start(program, self.log_path, *arguments)
        self.address = wait_for(lambda: self._listening(), wait_s, "the agent's address")

    def log(self):
        with open(self.log_path) as log:
            return log.read()

    def _listening(self):
        if self.process.poll() is not None:
            raise RuntimeError("the agent did not start: " + self.log()[-1000:])
        found = re.search(r"listening on http://([0-9.:]+)", self.log())
        return found and found.group(1)

    def metrics(self):
        text = self.get("/metrics")[1]
        return {name: float(value) for name, value in re.findall(r"^([^#\s]+) ([^\s]+)$", text, re.M)}

    def get(self, path):
        """The status and the text of a page of the agent's own."""
        connection = http.client.HTTPConnection(self.address, timeout=30)
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def wait_for(check, seconds, what):
    """The first true value of check(), asked every 50 ms for at most so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = check()
        if value:
            return value
        time.sleep(0.05)
    raise RuntimeError(f"waited {seconds} s for {what}")


def self_times(flamegraph):
    """{function: self value} of a flame graph in the JSON codec."""
    names, out = flamegraph["names"], {}
    for level in flamegraph["levels"]:
        values = [int(value) for value in level["values"]]
        for i in range(0, len(values), 4):
            name = names[values[i + 3]]
            out[name] = out.get(name, 0) + values[i + 2]
    return out


def post(connection, path, body, content_type="application/proto"):
    connection.request("POST", path, body, {"Content-Type": content_type})
    reply = connection.getresponse()
    data = reply.read()
    if reply.status != 200:
        raise Failed(reply.status, data)
    return data


def push(connection, labels, profile, sample_id=""):
    post(connection, "/push.v1.PusherService/Push", push_request(labels, profile, sample_id))


def query(connection, method, **fields):
    """A querier.v1 call in the JSON codec."""
    body = json.dumps(fields)
    return json.loads(post(connection, "/querier.v1.QuerierService/" + method, body, "application/json"))
