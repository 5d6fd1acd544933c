#!/usr/bin/env python3
"""Deltas of the profiles of a real Go program equal Go's own, row by row.

Its allocs, mutex and block profiles are taken before and after known work. What lib/pprof makes of
them equals what `go tool pprof -base` makes of the same files, and for the rows of the work what the
program itself answers to ?seconds=N around it. Then the program is started again: without its start
known, and with it where no counter has fallen.
"""
import argparse
import os
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

FIXTURE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "go_delta")
PROFILES = {"allocs": ["alloc_objects", "alloc_space"], "mutex": ["contentions", "delay"],
            "block": ["contentions", "delay"]}
RATES = [1, 4096]  # of the memory profile: everything, and samples that are scaled up
WORK, MORE_WORK = 40, 90
INTERVAL_NS = 3600 * 10**9  # all of the processes here are younger


class Program:
    """The Go program, which works when asked to."""

    def __init__(self, path, rate):
        self.start_ns = time.time_ns()
        self.process = subprocess.Popen([path, str(rate)], stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()

    def get(self, path, method="GET"):
        request = urllib.request.Request(f"http://{self.address}{path}", method=method)
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.read()

    def work(self, n):
        self.get(f"/work?n={n}", "POST")

    def save(self, folder, name):
        """Takes all profiles into files NAME-PROFILE."""
        for profile in PROFILES:
            with open(os.path.join(folder, f"{name}-{profile}"), "wb") as out:
                out.write(self.get(f"/debug/pprof/{profile}"))

    def waits_for_deltas(self):
        """How many handlers of ?seconds=N have their first profile and wait for the second."""
        stacks = self.get("/debug/pprof/goroutine?debug=2").decode()
        return sum("serveDeltaProfile" in stack and "[select" in stack.split("\n", 1)[0] for stack in stacks.split("\n\n"))

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def own_deltas(program, folder, n):
    """Go's own deltas around work, as files "own-PROFILE"; the work must have been done within them."""
    def take(profile, seconds):
        with open(os.path.join(folder, f"own-{profile}"), "wb") as out:
            out.write(program.get(f"/debug/pprof/{profile}?seconds={seconds}"))

    for seconds in (2, 8, 30):
        threads = [threading.Thread(target=take, args=(profile, seconds)) for profile in PROFILES]
        for thread in threads:
            thread.start()
        while program.waits_for_deltas() < len(PROFILES) and all(thread.is_alive() for thread in threads):
            time.sleep(0.01)
        program.work(n)
        in_time = program.waits_for_deltas() == len(PROFILES)
        for thread in threads:
            thread.join()
        if in_time:
            return
    sys.exit("the machine is too slow: the work was not done within 30 s")


def rows(path, base=None):
    """{(frames, labels): values} of a profile, or of what it has more than `base`; and its header."""
    command = ["go", "tool", "pprof", "-symbolize=none", "-raw"] + (["-base", base] if base else []) + [path]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    head, _, rest = text.partition("Samples:\n")
    samples, _, tables = rest.partition("Locations\n")
    locations = {}
    for line in tables.partition("Mappings\n")[0].splitlines():
        found = re.match(r"\s*(\d+): (0x\w+)( M=\d+)? (.*)$", line)
        if found:
            number, address, _, frame = found.groups()
            locations[number] = f"{address} {frame}"
        else:
            locations[number] += ";" + line.strip()
    lines, result = samples.splitlines()[1:], {}
    for i, line in enumerate(lines):
        found = re.match(r"([\s\d-]+): ([\d ]*)$", line)
        if not found:
            continue
        values = tuple(int(value) for value in found[1].split())
        labels = lines[i + 1].strip() if i + 1 < len(lines) and "[" in lines[i + 1] else ""
        key = tuple(locations[number] for number in found[2].split()), labels
        result[key] = tuple(map(sum, zip(values, result[key]))) if key in result else values
    return {key: values for key, values in result.items() if any(values)}, head


def of_work(table):
    """The cumulative values of the rows of the work: the first two of each."""
    table = {key: values[:2] for key, values in table.items() if any("main.work" in frame for frame in key[0])}
    return {key: values for key, values in table.items() if any(values)}


def with_current(delta, now):
    """What is expected of a delta: Go's differences of the first two values, and the others as they are now."""
    table = {key: delta.get(key, (0, 0))[:2] + now.get(key, (0, 0))[2:] for key in {**delta, **now}}
    return {key: values for key, values in table.items() if any(values)}


def equal(what, want, got):
    if want != got or not want:
        different = [(key, want.get(key), got.get(key)) for key in {**want, **got} if want.get(key) != got.get(key)]
        sys.exit(f"{what}: {len(different)} of {len(want)} rows differ: {different[:3]}")
    if any(value < 0 for values in got.values() for value in values):
        sys.exit(f"{what}: a value is negative")
    return f"{what}: {len(want)} rows equal"


class Deltas:
    def __init__(self, options, folder, profile):
        self.program, self.folder, self.profile = options.program, folder, profile

    def path(self, name):
        return os.path.join(self.folder, f"{name}-{self.profile}")

    def make(self, *files):
        """The kinds of the deltas of successive files, each a name or (name, start)."""
        named = [file if isinstance(file, tuple) else (file, 0) for file in files]
        arguments = [f"{self.path(name)}@{start}" for name, start in named]
        command = [self.program, ",".join(PROFILES[self.profile]), str(INTERVAL_NS)] + arguments
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    def difference(self, name, base):
        """Our delta of one file equals Go's difference to another."""
        now, _ = rows(self.path(name))
        delta, _ = rows(self.path(name), self.path(base))
        got, head = rows(self.path(name) + ".delta")
        if "Duration" not in head:
            sys.exit(f"{self.profile} {name}: the delta has no duration: {head}")
        print(equal(f"{self.profile}: {name} since {base}", with_current(delta, now), got))
        return got

    def whole(self, name):
        """Our delta of one file is all that it has."""
        got, _ = rows(self.path(name) + ".delta")
        print(equal(f"{self.profile}: {name}, all of it", rows(self.path(name))[0], got))


def expect(what, want, got):
    if want != got:
        sys.exit(f"{what}: {got}, not {want}")


def check(deltas, starts):
    """All rules for one profile; `starts` are those of the two processes."""
    first, second = starts
    with open(deltas.path("broken"), "wb") as out, open(deltas.path("after"), "rb") as whole:
        out.write(whole.read()[:-20])

    kinds = deltas.make("before", "after", "restarted", "later")
    expect(f"{deltas.profile}, kinds", ["first", "changed", "reset", "changed"], kinds)
    got = deltas.difference("after", "before")
    print(equal(f"{deltas.profile}: ?seconds=N", of_work(rows(deltas.path("own"))[0]), of_work(got)))
    deltas.whole("restarted")
    deltas.difference("later", "restarted")

    kinds = deltas.make("before", "broken", "after")
    expect(f"{deltas.profile}, kinds", ["first", "changed"], [kinds[0], kinds[2]])
    if not kinds[1].startswith("error: gzip data is damaged or cut"):
        sys.exit(f"{deltas.profile}: a cut profile: {kinds[1]}")
    deltas.difference("after", "before")

    # The second process has done more than the first had when it was asked: only its start tells.
    kinds = deltas.make(("before", first), ("later", second))
    expect(f"{deltas.profile}, kinds", ["changed", "reset"], kinds)
    deltas.whole("before")
    deltas.whole("later")


def run(options, folder, rate):
    path = os.path.join(folder, "go_delta")
    subprocess.run(["go", "build", "-o", path, "."], cwd=FIXTURE, check=True)
    program = Program(path, rate)
    try:
        program.work(1)
        program.save(folder, "before")
        own_deltas(program, folder, WORK)
        program.save(folder, "after")
        starts = [program.start_ns]
        program.stop()
        program = Program(path, rate)
        starts.append(program.start_ns)
        program.work(1)
        program.save(folder, "restarted")
        program.work(MORE_WORK)
        program.save(folder, "later")
    finally:
        program.stop()
    for profile in PROFILES:
        check(Deltas(options, folder, profile), starts)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--program", required=True, help="profile_deltas")
    options = parser.parse_args()
    if shutil.which("go") is None:
        print("skipped: no go toolchain on the PATH")
        sys.exit(cresset.SKIPPED)
    for rate in RATES:
        print(f"memory profile rate {rate}")
        with tempfile.TemporaryDirectory() as folder:
            run(options, folder, rate)


if __name__ == "__main__":
    main()
