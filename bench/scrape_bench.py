#!/usr/bin/env python3
"""What scraping costs: an agent that scrapes 200 targets for 5 types of profiles every 15 s, and
nothing else, into a real server.

The targets are the ports of one Go program (tests/fixtures/go_fleet). Prints one JSON object a line:
{"bench", "metric", "value", "unit", "goal"}. Run by `./dev bench`.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "harness"))
import cresset

FLEET = os.path.join(ROOT, "tests", "fixtures", "go_fleet")
CPU_PROFILE = os.path.join(ROOT, "tests", "fixtures", "go_pprof", "cpu.pb.gz")
TICKS = os.sysconf("SC_CLK_TCK")


def emit(metric, value, unit, goal=""):
    print(json.dumps({"bench": "scrape", "metric": metric, "value": round(value, 4), "unit": unit, "goal": goal}),
          flush=True)


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return sum(int(fields[i]) for i in (11, 12)) / TICKS


def memory_mib(pid, field):
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        return int(re.search(rf"^{field}:\s+(\d+) kB", rollup.read(), re.M).group(1)) / 1024


def start_fleet(folder, n):
    program = os.path.join(folder, "go_fleet")
    subprocess.run(["go", "build", "-o", program, "."], cwd=FLEET, check=True)
    process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", program, str(n), CPU_PROFILE],
                               stdout=subprocess.PIPE, text=True)
    return process, [process.stdout.readline().strip() for _ in range(n)]


def write_jobs(folder, addresses, interval_s):
    path = os.path.join(folder, "scrape.yaml")
    with open(path, "w") as file:
        file.write(f"scrape_configs:\n- job_name: fleet\n  scrape_interval: {interval_s}s\n  targets:\n")
        for i, address in enumerate(addresses):
            file.write(f'  - {{__address__: "{address}", service_name: service-{i}}}\n')
    return path


def count(metrics, name):
    return sum(value for key, value in metrics.items() if key.split("{")[0] == name)


def measure(agent, seconds, interval_s, n_targets):
    before, before_cpu, started = agent.metrics(), cpu_s(agent.process.pid), time.monotonic()
    peak = 0
    while time.monotonic() < started + seconds:
        time.sleep(0.5)
        peak = max(peak, memory_mib(agent.process.pid, "Rss"))
    elapsed = time.monotonic() - started
    after, after_cpu = agent.metrics(), cpu_s(agent.process.pid)
    grown = {name: after[name] - before.get(name, 0) for name in after}
    scrapes = count(grown, "cresset_agent_scrapes_total")
    good = sum(grown.get(f'cresset_agent_scrapes_total{{result="{result}"}}', 0) for result in ("ok", "empty"))
    emit("scrapes of those that are due", 100 * scrapes * interval_s / (5 * n_targets * elapsed), "%", ">= 99")
    emit("scrapes that succeed", 100 * good / max(scrapes, 1), "%", "100")
    emit("answers", count(grown, "cresset_agent_scrape_bytes_total") / max(scrapes, 1) / 1024, "KiB each")
    emit("profiles sent", count(grown, "cresset_agent_scrape_profiles_total") / elapsed, "a second")
    emit("agent CPU", 100 * (after_cpu - before_cpu) / elapsed, "% of a core", "<= 3")
    emit("agent resident, at most", peak, "MiB", "<= 30")
    emit("agent resident, its own (PSS)", memory_mib(agent.process.pid, "Pss"), "MiB")
    emit("memory of deltas", after["cresset_agent_scrape_delta_bytes"] / 2**20, "MiB")


def run(options, folder):
    fleet, addresses = start_fleet(folder, options.targets)
    try:
        server = cresset.Server(options.bin, folder, "--self-profile=false")
        agent = cresset.Agent(options.bin, folder, server, "--ebpf=false", "--scrape-file",
                              write_jobs(folder, addresses, options.interval))
        emit("targets, each for 5 types", options.targets, "targets")
        time.sleep(2 * options.interval)
        measure(agent, options.seconds, options.interval, options.targets)
        agent.stop()
        server.stop()
    finally:
        fleet.kill()
        fleet.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin", help="folder of the programs")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--targets", type=int, default=200)
    parser.add_argument("--interval", type=int, default=15, help="seconds between two scrapes")
    with tempfile.TemporaryDirectory() as folder:
        run(parser.parse_args(), folder)


if __name__ == "__main__":
    main()
