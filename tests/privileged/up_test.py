#!/usr/bin/env python3
"""`./dev up` does the main job: this machine's CPU profile, from both programs, then a clean end.

A program with known function names burns CPU beside it; the names have to come back in the flame
graph of its own service, from the API and in the page that a browser shows, whose screenshot is
artifacts/up.png. --source is the source folder; the programs there must be up to date.
"""
import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds"
SECONDS = 60  # long enough for two windows of the agent, and for the browser beside them
PAGE_SECONDS = 150  # the browser's test has limits of its own; this one is beyond them
SKIPPED = 77


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port, call, body):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/querier.v1.QuerierService/{call}",
                                     json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as reply:
        return json.load(reply)


def unit_of_this():
    """The service of systemd that this runs in, as some CI does: the agent names all of its processes after it."""
    with open("/proc/self/cgroup") as text:
        found = re.findall(r"/((?!user@)[^/\n]+\.service)$", text.read(), re.M)
    return found[0] if found else None


def names_of(port, service):
    """The function names in the flame graph of a service over the last ten minutes."""
    now = int(time.time() * 1000)
    body = {"profileTypeID": CPU, "labelSelector": f'{{service_name="{service}"}}',
            "start": now - 600_000, "end": now + 60_000}
    try:
        return set(ask(port, "SelectMergeStacktraces", body).get("flamegraph", {}).get("names", []))
    except OSError:
        return set()


def wait_for_names(port, up, service, names):
    """Asks until the names are there; the end of `up` is the bound."""
    while up.poll() is None:
        if names_of(port, service).issuperset(names):
            return True
        time.sleep(0.5)
    return False


def see_page(port, source, service, functions):
    """The exit code of the browser's test of the page, which may be that of a skip, and what it said."""
    node = os.environ.get("NODE") or shutil.which("node")
    if not node:
        return SKIPPED, "skipped: there is no node"
    environment = {**os.environ, "CRESSET_URL": f"http://127.0.0.1:{port}/", "CRESSET_SERVICE": service,
                   "CRESSET_FUNCTIONS": ",".join(functions),
                   "CRESSET_TEST_OUTPUT": os.path.join(os.path.abspath(source), "build", "up-test")}
    page = subprocess.run([node, os.path.join(source, "tests", "ui", "run.mjs"), "--project=live"],
                          env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=PAGE_SECONDS, check=False)
    return page.returncode, page.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--source", required=True)
    parser.add_argument("--load", required=True, help="a program that burns CPU, with names of its functions",
                        nargs="+", metavar="PROGRAM FUNCTION")
    options = parser.parse_args()
    if os.path.realpath(options.bin) != os.path.realpath(os.path.join(options.source, "build", "bin")):
        print("skipped: ./dev up builds into build/, and this is another folder")
        return SKIPPED
    port, (program, *functions) = free_port(), options.load
    service = unit_of_this() or os.path.basename(program)
    page, page_output = None, ""
    data_dir = tempfile.mkdtemp(prefix="cresset-up-")
    load = subprocess.Popen([program, "1000"], stdout=subprocess.DEVNULL)
    up = subprocess.Popen([os.path.join(options.source, "dev"), "up", "--for", str(SECONDS), "--port", str(port),
                           "--data-dir", data_dir], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        found = wait_for_names(port, up, service, functions)
        if found:
            page, page_output = see_page(port, options.source, service, functions)
        output = up.communicate(timeout=120)[0]
    finally:
        load.kill()
        up.kill()
        shutil.rmtree(data_dir, ignore_errors=True)
    print(output)
    print(page_output)
    if "the agent ended" in output:
        print("skipped: the agent cannot sample here, see its line above")
        return SKIPPED
    assert f"http://localhost:{port}/" in output, "the address of the flame graph is not printed"
    assert found, f"{functions} are not all in the flame graph of {service}"
    assert up.returncode == 0, f"./dev up ended with {up.returncode}"
    assert page in (0, SKIPPED), "the page does not show the functions, see above"
    return page


if __name__ == "__main__":
    sys.exit(main())
