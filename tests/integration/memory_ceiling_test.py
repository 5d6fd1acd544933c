#!/usr/bin/env python3
"""More pushes and queries than there is memory for: some are refused with 503, which names the limit; nothing that
was acknowledged is lost, and the server lives."""
import argparse
import concurrent.futures
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
import raw_http

MIB = 1 << 20
MEMORY_MAX = 64 * MIB
PUSHERS, QUERIERS, PROFILES, STACKS, DEPTH = 4, 4, 48, 4000, 12
VALUE = 10_000_000


def profile(i):
    """Stacks that no other profile has."""
    return cresset.pprof({tuple(f"function{(i * STACKS + k) // 4 ** d}" for d in range(DEPTH)) + ("main",): VALUE
                          for k in range(STACKS)}, time.time_ns())


def refused(error):
    """Whether it is the refusal that is expected; anything else ends the test."""
    if error.status == 503 and b"memory-max" in error.body:
        return True
    sys.exit(f"a request was refused by something else: {error}")


def push_once(server, i):
    try:
        cresset.push(server.connect(), {"service_name": "shop"}, profile(i))
        return True
    except cresset.Failed as error:
        return not refused(error)


def ask(server, **more):
    now_ms = int(time.time() * 1000)
    return cresset.query(server.connect(60), "SelectMergeStacktraces", profile_typeID=cresset.CPU_TYPE, label_selector="{}",
                         start=now_ms - 600_000, end=now_ms + 60_000, **more)


def ask_once(server):
    try:
        ask(server, max_nodes=1048576)
        return True
    except cresset.Failed as error:
        return not refused(error)


def stored(server):
    """How many profiles are there."""
    return int(ask(server, max_nodes=1)["flamegraph"]["total"]) // (STACKS * VALUE)


def check(bin_dir, folder):
    server = cresset.Server(bin_dir, folder, "--self-profile=false", f"--memory-max={MEMORY_MAX}")
    peak, accepted, answered, refusals = 0, 0, 0, 0
    with concurrent.futures.ThreadPoolExecutor(PUSHERS) as pushers, \
            concurrent.futures.ThreadPoolExecutor(QUERIERS) as queriers:
        pushes = [pushers.submit(push_once, server, i) for i in range(PROFILES)]
        queries = []
        while not all(push.done() for push in pushes):
            queries += [queriers.submit(ask_once, server) for _ in range(QUERIERS - sum(not q.done() for q in queries))]
            peak = max(peak, raw_http.metric(server, "cresset_memory_bytes")[""])
        accepted, answered = sum(push.result() for push in pushes), sum(query.result() for query in queries)
        refusals = len(pushes) + len(queries) - accepted - answered
    print(f"{accepted} of {PROFILES} pushes and {answered} of {len(queries)} queries went through; "
          f"at most {peak / MIB:.0f} of {MEMORY_MAX / MIB:.0f} MiB")
    if refusals == 0:
        sys.exit("nothing was refused: the test is too small")
    counted = raw_http.refused(server)["memory"]
    if counted == 0 or peak > 1.5 * MEMORY_MAX:
        sys.exit(f"{counted} refusals were counted, and {peak} bytes were taken")
    if server.process.poll() is not None or server.stop() != 0:
        sys.exit("the server ended: " + server.log()[-1000:])
    again = cresset.Server(bin_dir, folder, "--self-profile=false")
    if stored(again) != accepted:
        sys.exit(f"{accepted} profiles were acknowledged, and {stored(again)} are there")
    again.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    with tempfile.TemporaryDirectory() as folder:
        check(os.path.abspath(parser.parse_args().bin), folder)


if __name__ == "__main__":
    main()
