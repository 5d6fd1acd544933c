#!/usr/bin/env python3
"""What the agent costs: a real server and a real agent on this machine, beside busy programs.

Prints one JSON object a line: {"bench", "metric", "value", "unit", "goal"}. Run by `./dev bench`.
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

STACKS = "cresset_agent_sampler_stacks_total"
TICKS = os.sysconf("SC_CLK_TCK")


def emit(metric, value, unit, goal=""):
    row = {"bench": "agent", "metric": metric, "value": round(value, 4), "unit": unit, "goal": goal}
    print(json.dumps(row), flush=True)


def process_cpu_s(pid):
    """User and system CPU seconds of a process and of its reaped children."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return sum(int(fields[i]) for i in (11, 12, 13, 14)) / TICKS


def process_tree(pid):
    """The process and its direct children (the symbolizer)."""
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return [pid] + [int(child) for child in children.read().split()]


def tree_cpu_s(pid):
    return sum(process_cpu_s(one) for one in process_tree(pid))


def tree_rss_mib(pid):
    total = 0
    for one in process_tree(pid):
        with open(f"/proc/{one}/smaps_rollup") as rollup:
            total += int(re.search(r"^Pss:\s+(\d+) kB", rollup.read(), re.M).group(1))
    return total / 1024


def bpf_objects(pid):
    """What the kernel says of the BPF maps and programs that a process holds: one dict each."""
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{fd}") as info:
                fields = dict(re.findall(r"^(\w+):\s*(\S+)", info.read(), re.M))
        except FileNotFoundError:
            continue
        for kind in ("map_id", "prog_id"):
            if kind in fields and "link_id" not in fields:
                found[kind, fields[kind]] = fields
    return found.values()


PERF_EVENT_PROGRAM = "7"  # enum bpf_prog_type of linux/bpf.h


def bpf_ns(pid):
    """Nanoseconds that the agent's BPF programs have run since the statistics were switched on: those
    that sample, and all."""
    times = [(fields.get("prog_type"), int(fields.get("run_time_ns", 0))) for fields in bpf_objects(pid)]
    return sum(ns for kind, ns in times if kind == PERF_EVENT_PROGRAM), sum(ns for _, ns in times)


def map_mib(pid):
    return sum(int(fields["memlock"]) for fields in bpf_objects(pid) if "map_id" in fields) / 2**20


def metrics(url):
    with urllib.request.urlopen(url, timeout=5) as reply:
        text = reply.read().decode()
    return {name: float(value) for name, value in re.findall(r"^([^#\s]+) ([^\s]+)$", text, re.M)}


def wait_for(what, seconds, check):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = check()
        if value:
            return value
        time.sleep(0.05)
    sys.exit(f"agent bench: no {what} within {seconds} s")


def start(command, log):
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


def stop(*processes):
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)  # a loop and what it has just started
    for process in processes:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def listening(path):
    with open(path) as log:
        found = re.search(r"listening on (http://[0-9.:]+)", log.read())
    return found and found.group(1)


def sampled(url):
    try:
        return metrics(url + "/metrics").get("cresset_agent_sampler_samples_total", 0) > 0
    except OSError:
        return False


# A node's mix: what is installed of it runs for ever, all at once.
PYTHON_JSON = "import json\nwhile True: json.loads(json.dumps({str(i): [i] * 5 for i in range(200)}))"
PYTHON_REGEX = "import re\nwhile True: re.findall(r'(\\w+)@(\\w+)', 'name@host and other@place ' * 500)"
NODE_JSON = "while (true) JSON.parse(JSON.stringify(Array.from({length: 500}, (_, i) => ({id: i, name: 'n' + i}))))"
NODE_SORT = "while (true) Array.from({length: 5000}, Math.random).sort((a, b) => a - b)"
PERL_HASH = "while (1) { my %h; $h{$_ % 97} .= $_ for 1 .. 20000; my $s = join ',', sort keys %h }"
AWK_SUM = "BEGIN { while (1) { s = 0; for (i = 0; i < 100000; i++) { s += i % 7; a[i % 100] = s } } }"
SQL_COUNT = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(x * x) FROM n;"
C_SOURCE = "int f(int a) { for (int i = 0; i < a; i++) a ^= i * 31; return a; }"


def forever(command):
    """Runs a shell command again and again: new processes all the time."""
    return ["sh", "-c", f"while :; do {command}; done"]


def busy_programs(bin_dir, folder, seconds):
    source, data = os.path.join(folder, "unit.c"), os.path.join(folder, "data.bin")
    with open(source, "w") as file:
        file.write("\n".join(C_SOURCE.replace("f(", f"f{i}(") for i in range(300)))
    with open(data, "wb") as file:
        file.write(b"".join(os.urandom(48) + bytes(80) for _ in range(65536)))
    burn = os.path.join(bin_dir, "burn")
    commands = [
        [burn, str(seconds), "30"], [burn, str(seconds), "200"],
        [sys.executable, "-c", PYTHON_JSON], [sys.executable, "-c", PYTHON_REGEX],
        ["node", "-e", NODE_JSON], ["node", "-e", NODE_SORT],
        ["perl", "-e", PERL_HASH], ["awk", AWK_SUM], ["sqlite3", ":memory:", SQL_COUNT],
        forever(f"gcc -O2 -c -o /dev/null {source}"), forever(f"xz -6 -c {data}"),
        forever(f"gzip -9 -c {data}"), forever(f"sort -R {source}"), forever(f"sha256sum {data}"),
        forever("openssl speed -seconds 2 aes-256-gcm"), forever("git log --stat -n 50"),
        forever("ls -lR /usr/share"),
    ]
    return [command for command in commands if shutil.which(command[0])]


def complete_share(before, after):
    """Of the stacks with a user side, the part that reached the outermost frame."""
    counts = {name: after[name] - before.get(name, 0) for name in after if STACKS in name}
    # Kernel threads, and execve between two programs, have none.
    whole = sum(counts.get(f'{STACKS}{{stop="{reason}"}}', 0) for reason in ("root",))
    without = sum(counts.get(f'{STACKS}{{stop="{reason}"}}', 0) for reason in ("no_user", "exec"))
    return 100 * whole / max(sum(counts.values()) - without, 1)


def measure(agent, url, seconds):
    before_cpu, before_bpf, before = tree_cpu_s(agent.pid), bpf_ns(agent.pid), metrics(url + "/metrics")
    started = time.monotonic()
    time.sleep(seconds)
    elapsed = time.monotonic() - started
    after_cpu, after_bpf, after = tree_cpu_s(agent.pid), bpf_ns(agent.pid), metrics(url + "/metrics")
    samples = after["cresset_agent_sampler_samples_total"] - before["cresset_agent_sampler_samples_total"]
    user = (after_cpu - before_cpu) / elapsed * 100
    sampling, bpf = (after - before for after, before in zip(after_bpf, before_bpf))
    of_bpf = bpf / 1e9 / elapsed * 100
    emit("samples", samples, "samples")
    emit("stacks that reach the root, of all", complete_share(before, after), "%", ">= 97 (peer 90)")
    emit("BPF time per sample", sampling / max(samples, 1) / 1000, "us", "<= 15 (peer 30-45)")
    emit("BPF, process events", (bpf - sampling) / 1e9 / elapsed * 100, "% of a core", "")
    emit("agent CPU, user space", user, "% of a core", "")
    emit("agent CPU with BPF", user + of_bpf, "% of a core", "<= 2.5 (peer 5.0 beside other work)")
    emit("agent resident (PSS with symbolizer)", tree_rss_mib(agent.pid), "MiB", "<= 20 (peer 57-75)")
    maps = max(map_mib(agent.pid), after["cresset_agent_sampler_map_bytes"] / 2**20)
    name = 'cresset_agent_pushed_bytes_total{endpoint="default"}'
    emit("pushed", (after[name] - before[name]) / elapsed / 1024, "KiB/s")
    emit("BPF maps", maps, "MiB", "<= 12 (peer 45-50)")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin", help="folder of the programs")
    parser.add_argument("--load", default="build/bench", help="folder of the load programs")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--spool", action="store_true", help="profiles go through a spool on the disk")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("agent bench: sampling needs root")
    with tempfile.TemporaryDirectory() as folder:
        run(options, folder)


def run(options, folder):
    paths = {name: os.path.join(folder, name + ".log") for name in ("server", "agent")}
    logs = {name: open(path, "w") for name, path in paths.items()}
    processes = []
    stats = open("/proc/sys/kernel/bpf_stats_enabled", "r+")
    stats.write("1")
    stats.flush()
    try:
        processes.append(start([os.path.join(options.bin, "cresset-server"), "--listen", "127.0.0.1:0",
                                "--data-dir", os.path.join(folder, "data")], logs["server"]))
        server = wait_for("server", 10, lambda: listening(paths["server"]))
        commands = busy_programs(options.load, folder, options.seconds + 120)
        emit("busy programs", len(commands), "programs")
        for command in commands:
            processes.append(start(command, subprocess.DEVNULL))
        began = time.monotonic()
        spool = ["--spool-dir", os.path.join(folder, "spool")] if options.spool else []
        agent = start([os.path.join(options.bin, "cresset-agent"), "--server", server, "--listen",
                       "127.0.0.1:0", *spool], logs["agent"])
        processes.append(agent)
        url = wait_for("agent", 20, lambda: listening(paths["agent"]))
        wait_for("sample", 20, lambda: sampled(url))
        emit("start to first sample, wall", time.monotonic() - began, "s")
        emit("start to first sample, CPU", tree_cpu_s(agent.pid), "s", "<= 0.5 (peer 3.7-6)")
        time.sleep(5)
        measure(agent, url, options.seconds)
    finally:
        stop(*reversed(processes))
        stats.seek(0)
        stats.write("0")
        stats.close()


if __name__ == "__main__":
    main()
