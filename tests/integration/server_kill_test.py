#!/usr/bin/env python3
"""kill -9 of the server under load: every acknowledged profile is there exactly once.

Clients push profiles and keep a ledger of what was acknowledged; the server is killed again and
again and started on the same directory. What was not acknowledged may be there once or not at all.
"""
import argparse
import os
import random
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset

N_CLIENTS = 4
VALUE = 10_000_000
# The profiles of a batch share one label set. The one sample of number n counts 4^(n mod 12) times
# VALUE, so that the sum of a batch, in base four, says how often each of them is stored; twelve
# digits keep the sum exact in a double.
BATCH_SIZE = 12


class Ledger:
    """What each profile was told: True acknowledged, False not."""

    def __init__(self):
        self.lock, self.acked, self.last = threading.Lock(), {}, 0

    def begin(self):
        with self.lock:
            self.last += 1
            self.acked[self.last] = False
            return self.last

    def acknowledge(self, number):
        with self.lock:
            self.acked[number] = True


def labels_of(number):
    return {"service_name": "ledger", "batch": str(number // BATCH_SIZE)}


def value_of(number):
    return VALUE << (2 * (number % BATCH_SIZE))


def client(server, ledger, stop):
    connection = server.connect(timeout=5)
    while not stop.is_set():
        number = ledger.begin()
        stack = {(f"leaf{number % 7}", "work", "main"): value_of(number)}
        try:
            cresset.push(connection, labels_of(number), cresset.pprof(stack, time.time_ns()))
        except (OSError, cresset.http.client.HTTPException):
            return
        ledger.acknowledge(number)


def run_until_killed(server, ledger, seconds):
    stop = threading.Event()
    threads = [threading.Thread(target=client, args=(server, ledger, stop)) for _ in range(N_CLIENTS)]
    for thread in threads:
        thread.start()
    stop.wait(seconds)
    server.kill()
    stop.set()
    for thread in threads:
        thread.join()


def stored(server, since_ms):
    """{number: how often it is stored}."""
    now_ms = int(time.time() * 1000) + 1000
    reply = cresset.query(server.connect(), "SelectSeries", profileTypeID=cresset.CPU_TYPE,
                          labelSelector='{service_name="ledger"}', start=since_ms, end=now_ms,
                          step=(now_ms - since_ms) / 1000, groupBy=["batch"])
    counts = {}
    for series in reply.get("series", []):
        batch = int(series["labels"][0]["value"])
        total = round(sum(point["value"] for point in series["points"])) // VALUE
        for i in range(BATCH_SIZE):
            counts[batch * BATCH_SIZE + i] = total >> (2 * i) & 3
    return counts


def violations(ledger, counts):
    lost = [number for number, acked in ledger.acked.items() if acked and not counts.get(number)]
    doubled = [number for number, count in counts.items() if count > 1]
    made_up = [number for number, count in counts.items() if count and number not in ledger.acked]
    return [f"{what}: {len(numbers)} profiles, first {numbers[0]}"
            for what, numbers in (("lost", lost), ("stored twice", doubled), ("made up", made_up))
            if numbers]


def run(options, folder):
    ledger, since_ms = Ledger(), int(time.time() * 1000) - 60_000
    chance = random.Random(options.seed)
    flags = ("--self-profile=false", "--segment-size", "256KiB", "--segment-age", "2s")
    slowest = 0
    for round_i in range(options.kills + 1):
        server = cresset.Server(options.bin, folder, *flags)
        slowest = max(slowest, server.ready_s)
        if round_i % 20 == 0 or round_i == options.kills:
            found = violations(ledger, stored(server, since_ms))
            if found:
                sys.exit(f"after {round_i} kills (seed {options.seed}): " + "; ".join(found))
        if round_i < options.kills:
            run_until_killed(server, ledger, chance.uniform(0.02, 0.25))
    server.stop()
    acked = sum(ledger.acked.values())
    print(f"{options.kills} kills, {acked} of {len(ledger.acked)} profiles acknowledged, "
          f"slowest start {slowest:.2f} s, seed {options.seed}")
    if acked < options.kills:
        sys.exit("too few profiles were acknowledged to prove anything")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(options, folder)


if __name__ == "__main__":
    main()
