#!/usr/bin/env python3
"""Addresses get their functions from a real debuginfod, and a bad one neither harms nor holds anybody.

debuginfod cannot be told to listen on the loopback interface only, so everything runs in a network
namespace that has no other."""
import argparse
import http.server
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
import native
from cresset import wait_for

WAIT_S = 60
UNKNOWN = "00112233445566778899aabbccddeeff00112233"
PORT = 8002  # in a namespace of its own nobody else has it
FETCHES = "cresset_server_debuginfod_fetches_total"


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: got {got!r}, wanted {wanted!r}")


def numbers(address):
    """The metrics that are served there."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as reply:
        return {name: float(value) for name, value in re.findall(r"^([^#\s].*) (\S+)$", reply.read().decode(), re.M)}


def fetches(server):
    """{result: how many} of those that were."""
    found = {re.search(r'result="(\w+)"', name).group(1): value for name, value in numbers(server.address).items() if name.startswith(FETCHES)}
    return {result: value for result, value in found.items() if value}


def under_way(server):
    return numbers(server.address)["cresset_server_debuginfod_under_way"]


def self_times(server, service):
    now = int(time.time() * 1000)
    body = {"profileTypeID": cresset.CPU_TYPE, "labelSelector": f'{{service_name="{service}"}}', "start": now - 600_000, "end": now + 60_000}
    return cresset.self_times(cresset.query(server.connect(), "SelectMergeStacktraces", **body)["flamegraph"])


def cached_bytes(server):
    """Of files that were fetched, or in part; not the settings of elfutils beside their folders."""
    cache = pathlib.Path(server.data_dir, "debuginfod")
    return sum(path.stat().st_size for path in cache.glob("*/*"))


class Program:
    """A program of which only the debug information is to be had."""

    def __init__(self, path, folder):
        self.build_id = native.build_id_of(path)
        self.addresses = [native.address_of(path, name) + 4 for name in ("mix_heavy", "descend", "main")]
        self.segment = native.code_segment(path)
        self.debug_file = os.path.join(folder, "burn.debug")
        subprocess.run(["objcopy", "--only-keep-debug", path, self.debug_file], check=True)

    def push(self, server, service, build_id=None, mapping=None):
        cresset.push(server.connect(), {"service_name": service},
                     native.bare_profile(build_id or self.build_id, self.addresses, mapping))


def start_debuginfod(program, folder):
    log = os.path.join(folder, "debuginfod.log")
    served = os.path.dirname(program.debug_file)
    process = cresset.start("debuginfod", log, "-F", "-p", str(PORT), "-d", ":memory:", "-t", "0", "-g", "0", "-v", served)

    def has_file():
        if process.poll() is not None:
            sys.exit("debuginfod ended: " + open(log).read()[-2000:])
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{PORT}/buildid/{program.build_id}/debuginfo", timeout=5).status == 200
        except OSError:
            return False
    wait_for(has_file, WAIT_S, "debuginfod")
    return process


def requests():
    """How often debuginfod was asked for debug information."""
    return sum(value for name, value in numbers(f"127.0.0.1:{PORT}").items() if name.startswith("http_requests_total") and "debuginfo" in name)


def check_names(server, program):
    """Bare addresses of the file, and of a process that maps it, in several services at once."""
    before = requests()
    program.push(server, "file")
    program.push(server, "mapped", mapping=native.mapped_at(0x7F0000000000, program.segment))
    for service in ("file", "mapped"):
        wait_for(lambda: {"mix_heavy", "descend", "main"} <= self_times(server, service).keys(), WAIT_S, f"the names of {service}")
    expect("results", fetches(server), {"found": 1})
    expect("requests", requests() - before, 1)


def check_unknown(server, program):
    """Asked for once, told once, and not asked for again."""
    before = requests()
    program.push(server, "unknown", build_id=UNKNOWN)
    self_times(server, "unknown")
    wait_for(lambda: fetches(server) == {"found": 1, "not_found": 1}, WAIT_S, "the answer for an unknown build id")
    expect("requests", requests() - before, 1)
    for _ in range(3):
        expect("the unknown program", self_times(server, "unknown").get("[burn]"), 10_000_000)
    expect("requests after more queries", requests() - before, 1)
    expect("lines of the log", server.log().count(UNKNOWN), 1)


def check_not_hexadecimal(server, program):
    before = fetches(server)
    for build_id in ("no-hex", "../../etc/passwd", "ab/cd", "a" * 41):
        program.push(server, "nohex", build_id=build_id)
        expect("without a build id", self_times(server, "nohex").get("[burn]") > 0, True)
    expect("results", (fetches(server), under_way(server)), (before, 0))


def check_real(options, program, folder):
    url = f"http://127.0.0.1:{PORT}"
    debuginfod = start_debuginfod(program, folder)
    server = cresset.Server(options.bin, folder, "--self-profile=false", "--debuginfod-url", url, "--debuginfod-wait", "30s")
    check_names(server, program)
    check_unknown(server, program)
    check_not_hexadecimal(server, program)
    expect("exit status", server.stop(), 0)
    debuginfod.terminate()
    debuginfod.wait(30)
    # The cache outlives both.
    server = cresset.Server(options.bin, folder, "--self-profile=false", "--debuginfod-url", url)
    wait_for(lambda: "mix_heavy" in self_times(server, "file"), WAIT_S, "the names from the cache")
    expect("exit status", server.stop(), 0)


class Odd(http.server.BaseHTTPRequestHandler):
    """What a debuginfod should not do, by the first digits of the build id."""
    release = threading.Event()
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        kind = self.path.split("/")[2][:2]
        if kind == "11":  # never answers
            self.release.wait()
            self.close_connection = True
        elif kind == "22":  # no ELF file
            self.answer(b"<html>no</html>")
        elif kind == "33":  # that of another program
            with open(self.server.file, "rb") as file:
                self.answer(file.read())
        elif kind == "44":  # says that it is too large
            self.send_response(200)
            self.send_header("Content-Length", str(1 << 40))
            self.end_headers()
            self.wfile.write(b"x")
            self.release.wait()
            self.close_connection = True
        else:  # is too large without saying so
            self.pour()

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def pour(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while not self.release.is_set():
                self.wfile.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        except OSError:
            pass
        self.close_connection = True

    def log_message(self, *_):
        pass


def check_odd(options, program, folder):
    odd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    odd.daemon_threads = True
    odd.file = program.debug_file
    threading.Thread(target=odd.serve_forever, daemon=True).start()
    server = cresset.Server(options.bin, folder, "--self-profile=false", "--debuginfod-url", f"http://127.0.0.1:{odd.server_port}",
                            "--debuginfod-wait", "1s", "--debuginfod-file-bytes", "4MiB")
    wanted = {}
    for kind, result in (("22", "wrong_file"), ("33", "wrong_file"), ("44", "too_large"), ("55", "too_large")):
        program.push(server, "odd" + kind, build_id=kind + UNKNOWN[2:])
        self_times(server, "odd" + kind)
        wanted[result] = wanted.get(result, 0) + 1
        wait_for(lambda: fetches(server) == wanted, WAIT_S, f"{wanted}, not {fetches(server)}")
        expect("the addresses", self_times(server, "odd" + kind).get("[burn]"), 10_000_000)
    expect("bytes of refused downloads", cached_bytes(server), 0)
    wait_for(lambda: f", not 33{UNKNOWN[2:]}" in server.log(), WAIT_S, "a message with the build id that was wanted")
    # Queries are answered while the server that never answers is still being asked.
    program.push(server, "hung", build_id="11" + UNKNOWN[2:])
    for _ in range(2):
        expect("the addresses", self_times(server, "hung").get("[burn]"), 10_000_000)
        expect("under way", under_way(server), 1)
    expect("exit status", server.stop(), 0)
    Odd.release.set()
    odd.shutdown()


def check_refused(options, program, folder):
    """Nobody listens; one server that does not answer in time."""
    hung = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    hung.daemon_threads = True
    Odd.release.clear()
    threading.Thread(target=hung.serve_forever, daemon=True).start()
    slow = f"http://127.0.0.1:{hung.server_port}"
    for url, result, variable in (("http://127.0.0.1:1", "failed", "DEBUGINFOD_TIMEOUT"), (slow, "timeout", "DEBUGINFOD_TIMEOUT"),
                                  (slow, "timeout", "DEBUGINFOD_MAXTIME")):
        with tempfile.TemporaryDirectory() as own:
            os.environ[variable] = "1"
            server = cresset.Server(options.bin, own, "--self-profile=false", "--debuginfod-url", url, "--debuginfod-wait", "0")
            program.push(server, "burn", build_id="11" + UNKNOWN[2:])
            expect("the addresses", self_times(server, "burn").get("[burn]"), 10_000_000)
            wait_for(lambda: fetches(server) == {result: 1}, WAIT_S, f"{result}, not {fetches(server)}")
            expect("the addresses", self_times(server, "burn").get("[burn]"), 10_000_000)
            expect("exit status", server.stop(), 0)
            del os.environ[variable]
    Odd.release.set()
    hung.shutdown()


def check_uploaded_first(options, program, folder):
    """What a tenant has uploaded is not asked for."""
    server = cresset.Server(options.bin, folder, "--self-profile=false", "--debuginfod-url", "http://127.0.0.1:1")
    native.upload(server, program.debug_file, program.build_id)
    program.push(server, "burn", mapping=native.mapped_at(0x550000000000, program.segment))
    expect("the names", {"mix_heavy", "descend", "main"} <= self_times(server, "burn").keys(), True)
    expect("results", (fetches(server), under_way(server)), ({}, 0))
    expect("exit status", server.stop(), 0)


def check_wrong_url(options, _program, folder):
    for url in ("ftp://host/", "host", "http://", "http://one http://two"):
        run = subprocess.run([os.path.join(options.bin, "cresset-server"), "--listen", "127.0.0.1:0", "--data-dir", folder,
                              "--debuginfod-url", url], capture_output=True, text=True, timeout=WAIT_S)
        expect(url, (run.returncode, "debuginfod-url" in run.stderr), (2, True))


def enter_namespace():
    """Starts this script anew in a network namespace, or says why not."""
    inside = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    if subprocess.run([*inside, "ip", "link", "set", "lo", "up"], capture_output=True).returncode != 0:
        print("skipped: a network namespace is not allowed here")
        sys.exit(cresset.SKIPPED)
    os.environ["CRESSET_TEST_NAMESPACE"] = "1"
    os.execvp(inside[0], [*inside, "sh", "-c", 'ip link set lo up && exec "$0" "$@"', sys.executable, "-B", *sys.argv])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--program", required=True)
    options = parser.parse_args()
    missing = [name for name in ("debuginfod", "objcopy", "readelf", "unshare", "ip") if shutil.which(name) is None]
    if missing:
        print("skipped: there is no " + ", ".join(missing))
        sys.exit(cresset.SKIPPED)
    if "CRESSET_TEST_NAMESPACE" not in os.environ:
        enter_namespace()
    os.environ["no_proxy"] = "127.0.0.1"
    with tempfile.TemporaryDirectory() as served:
        program = Program(options.program, served)
        for check in (check_real, check_odd, check_refused, check_uploaded_first, check_wrong_url):
            with tempfile.TemporaryDirectory() as folder:
                check(options, program, folder)


if __name__ == "__main__":
    main()
