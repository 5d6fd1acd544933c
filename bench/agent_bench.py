#!/usr/bin/env python3
"""What the agent costs: a real server and a real agent on this machine, beside busy programs.

Prints one JSON object a line: {"bench", "metric", "value", "unit", "goal"}. Run by `./dev bench`.
"""
import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

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


def bpftool(*words):
    out = subprocess.run(["bpftool", "-j", *words], capture_output=True, text=True, check=True)
    return json.loads(out.stdout)


def of_process(rows, pid):
    return [row for row in rows if any(owner["pid"] == pid for owner in row.get("pids", []))]


def bpf_run(pid):
    """Nanoseconds and runs of the agent's BPF programs since they were loaded, by name."""
    return {row["name"]: (row.get("run_time_ns", 0), row.get("run_cnt", 0))
            for row in of_process(bpftool("prog", "show"), pid) if "name" in row}


def map_mib(pid):
    return sum(row.get("bytes_memlock", 0) for row in of_process(bpftool("map", "show"), pid)) / 2**20


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
    return subprocess.Popen(command, stdout=log, stderr=log)


def stop(*processes):
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
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
        return metrics(url + "/metrics").get("cresset_agent_samples_total", 0) > 0
    except OSError:
        return False


def busy_programs(bin_dir, seconds):
    python_loop = "import json\nwhile True: json.loads(json.dumps({str(i): [i] * 5 for i in range(200)}))"
    return [[os.path.join(bin_dir, "burn"), str(seconds), "30"], [sys.executable, "-c", python_loop]]


def measure(agent, url, seconds):
    before_cpu, before_bpf, before = tree_cpu_s(agent.pid), bpf_run(agent.pid), metrics(url + "/metrics")
    started = time.monotonic()
    time.sleep(seconds)
    elapsed = time.monotonic() - started
    after_cpu, after_bpf, after = tree_cpu_s(agent.pid), bpf_run(agent.pid), metrics(url + "/metrics")
    samples = after["cresset_agent_samples_total"] - before["cresset_agent_samples_total"]
    bpf_ns = sum(after_bpf[name][0] - before_bpf.get(name, (0, 0))[0] for name in after_bpf)
    user = (after_cpu - before_cpu) / elapsed * 100
    bpf = bpf_ns / 1e9 / elapsed * 100
    emit("samples", samples, "samples")
    emit("BPF time per sample", bpf_ns / max(samples, 1) / 1000, "us", "<= 15 (peer 30-45)")
    emit("agent CPU, user space", user, "% of a core", "")
    emit("agent CPU with BPF", user + bpf, "% of a core", "<= 2.5 (peer 5.0 beside other work)")
    emit("agent resident (PSS with symbolizer)", tree_rss_mib(agent.pid), "MiB", "<= 20 (peer 57-75)")
    emit("BPF maps", map_mib(agent.pid), "MiB", "<= 12 (peer 45-50)")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin", help="folder of the programs")
    parser.add_argument("--load", default="build/bench", help="folder of the load programs")
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("agent bench: sampling needs root")
    with tempfile.TemporaryDirectory() as folder:
        run(options, folder)


def run(options, folder):
    paths = {name: os.path.join(folder, name + ".log") for name in ("server", "agent", "load")}
    logs = {name: open(path, "w") for name, path in paths.items()}
    processes = []
    stats = open("/proc/sys/kernel/bpf_stats_enabled", "r+")
    stats.write("1")
    stats.flush()
    try:
        processes.append(start([os.path.join(options.bin, "cresset-server"), "--listen", "127.0.0.1:0",
                                "--data-dir", os.path.join(folder, "data")], logs["server"]))
        server = wait_for("server", 10, lambda: listening(paths["server"]))
        for command in busy_programs(options.load, options.seconds + 120):
            processes.append(start(command, logs["load"]))
        began = time.monotonic()
        agent = start([os.path.join(options.bin, "cresset-agent"), "--server", server, "--listen",
                       "127.0.0.1:0"], logs["agent"])
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
