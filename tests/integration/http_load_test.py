#!/usr/bin/env python3
"""A bounded load by clients that others wrote: curl and h2load, over HTTP/1.1 and HTTP/2, clear and in TLS.
Every request is answered, and nothing of them is left."""
import argparse
import os
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
from certificates import make_pair, trust
from raw_http import expect, metric

REQUESTS, CLIENTS, STREAMS = 10000, 16, 10
PUSH_PATH = "/push.v1.PusherService/Push"


def check_curl(server, scheme):
    for flag, version in (("--http1.1", "1.1"), ("--http2-prior-knowledge" if scheme == "http" else "--http2", "2")):
        for compressed in ("gzip", "zstd", "identity"):
            done = subprocess.run(["curl", "-s", "-k", flag, "-H", f"Accept-Encoding: {compressed}", "-o", os.devnull,
                                   "-w", "%{http_version} %{http_code} %header{content-encoding}",
                                   f"{scheme}://{server.address}/metrics"], capture_output=True, timeout=60)
            wanted = f"{version} 200 {'' if compressed == 'identity' else compressed}"
            expect(f"curl {flag} by {scheme} that takes {compressed}", done.stdout.decode(), wanted)


def load(server, scheme, path, *options):
    done = subprocess.run(["h2load", "-n", str(REQUESTS), "-c", str(CLIENTS), "-m", str(STREAMS), *options,
                           f"{scheme}://{server.address}{path}"], capture_output=True, timeout=240)
    text = done.stdout.decode()
    found = re.search(r"^status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text, re.M)
    if found is None or done.returncode != 0:
        sys.exit(f"h2load {options} {scheme} {path} failed: {text[-1000:]} {done.stderr.decode()[-1000:]}")
    expect(f"the statuses of h2load {options} {scheme} {path}", [int(count) for count in found.groups()],
           [REQUESTS, 0, 0, 0])


def check_load(server, scheme, folder):
    body = os.path.join(folder, "push")
    stacks = {(f"leaf{i}", "main"): 10_000_000 for i in range(100)}
    with open(body, "wb") as out:
        out.write(cresset.push_request({"service_name": "load"}, cresset.pprof(stacks, time.time_ns())))
    for version in ((), ("--h1",)):
        load(server, scheme, "/ready", *version)
        load(server, scheme, PUSH_PATH, "-d", body, "-H", "Content-Type: application/proto", *version)
    cresset.wait_for(lambda: metric(server, "cresset_http_requests_in_flight")[""] == 1, 10, "all requests to end")
    cresset.wait_for(lambda: metric(server, "cresset_http_body_bytes")[""] == 0, 10, "all bodies to be forgotten")
    cresset.wait_for(lambda: metric(server, "cresset_http_connections")[""] == 1, 10, "all connections to end")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    options = parser.parse_args()
    cresset.need_system(["curl", "h2load", "openssl"], {})
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = make_pair(folder, "load")
        for scheme, flags, tls in (("http", (), None),
                                   ("https", ("--tls-cert", certificate, "--tls-key", key), trust(certificate))):
            server = cresset.Server(options.bin, folder, "--self-profile=false", *flags, tls=tls)
            check_curl(server, scheme)
            check_load(server, scheme, folder)
            expect("the exit status", server.stop(), 0)


if __name__ == "__main__":
    main()
