#!/usr/bin/env python3
"""kill -9 of the agent, again and again: each window that had ended reaches the server, and none twice.

Each agent starts on the spool that the one before left, in front of a server that answers, fails or is away, and is
killed at a moment of chance. What it had made into profiles by then has to come through it or through a later one.
"""
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
import fake_node
from fake_node import FakeNode, Ledger, check_stored, expect, total, wait_windows
from node import WAIT_S

SERVICES = ("web", "cart")
MODES = ("forward", "away", "busy", "failing", "held", "half_closed", "reset_request", "reset_reply", "cut_reply")
SEED = 41
KILLS = 300 if os.environ.get("CRESSET_TEST_LONG") else 9  # each mode once at least
WINDOW_S = 1


def made(agent):
    """How many profiles an agent has made since it started."""
    return int(agent.metrics()["cresset_agent_profiles_total"])


def run_until_killed(fake, spool, mode, chance):
    """How many profiles an agent had made before it was killed, as far as it could be asked."""
    with fake.agent("--spool-dir", spool, ends=False) as agent:
        cresset.wait_for(lambda: made(agent), WAIT_S, "a profile")
        fake.proxy.set_mode(mode)
        wanted = made(agent) + chance.randint(1, 2 * len(SERVICES))
        before = cresset.wait_for(lambda: made(agent) if made(agent) >= wanted else 0, WAIT_S, f"profiles while pushes are {mode}")
        try:
            agent.process.wait(chance.uniform(0, WINDOW_S))  # the moment of chance
        except subprocess.TimeoutExpired:
            agent.process.kill()
            agent.process.wait()
        else:
            sys.exit(f"the agent ended by itself: {agent.log()[-2000:]}")
    fake.proxy.set_mode("forward")
    return before


def check_kills(fake, spool):
    chance = random.Random(SEED)
    n_made = sum(run_until_killed(fake, spool, MODES[number % len(MODES)], chance) for number in range(KILLS))
    fake.proxy.set_mode("away")
    with fake.agent("--spool-dir", spool) as agent:
        ledger = Ledger(fake, agent)
        fake.proxy.set_mode("forward")
        wait_windows(agent, 1)
        n_made += ledger.check("the agent after the last kill") - int(total(agent.metrics(), "cresset_agent_profiles_recovered_total"))
    came, stored = fake.proxy.came, fake.proxy.stored
    if len(stored) < n_made:
        sys.exit(f"{n_made} profiles were made before {KILLS} kills, and {len(stored)} are stored")
    expect("profiles that came and are not stored", set(came) - set(stored), set())
    check_stored(fake, f"{KILLS} kills of agents", stored)
    print(f"{KILLS} kills: {n_made} profiles were known to be made, {len(stored)} came and are stored once each")


def run(options, folder):
    fake = FakeNode(options, folder)
    try:
        for name in SERVICES:
            fake.start_pod(name)
        check_kills(fake, os.path.join(folder, "spool"))
        expect("errors of the proxy's own", fake.proxy.errors, [])
    finally:
        fake.close()


if __name__ == "__main__":
    fake_node.main(__doc__, run)
