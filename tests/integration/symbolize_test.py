#!/usr/bin/env python3
"""A stack of bare addresses gets its functions from a debug file that is uploaded after it, in
every answer: trees, pprof, filters by call site and recording rules."""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
import native


def ask(server, method, **fields):
    now = int(time.time() * 1000)
    return cresset.query(server.connect(), method, profileTypeID=cresset.CPU_TYPE, labelSelector='{service_name="burn"}',
                         start=now - 600_000, end=now + 60_000, **fields)


def functions(server):
    return cresset.self_times(ask(server, "SelectMergeStacktraces")["flamegraph"])


def total_below(server, *call_site):
    """What series and flame graph say of the stacks that begin like this."""
    selector = {"callSite": [{"name": name} for name in call_site]}
    series = ask(server, "SelectSeries", step=600, stackTraceSelector=selector).get("series", [])
    graph = ask(server, "SelectMergeStacktraces", stackTraceSelector=selector).get("flamegraph", {})
    return sum(point["value"] for one in series for point in one["points"]), int(graph.get("total", 0))


def get(server, path):
    connection = server.connect()
    connection.request("GET", path)
    reply = connection.getresponse()
    data = reply.read()
    if reply.status != 200:
        raise cresset.Failed(reply.status, data)
    return data


def export(server, file_format):
    query = urllib.parse.urlencode({"query": cresset.CPU_TYPE + '{service_name="burn"}', "from": "now-10m",
                                    "until": "now+1m", "format": file_format})
    return get(server, "/pyroscope/render?" + query)


def go_top(folder, profile):
    """What `go tool pprof -top` prints: (flat, name) by line, or None without Go."""
    if shutil.which("go") is None:
        return None
    path = os.path.join(folder, "merged.pb.gz")
    with open(path, "wb") as file:
        file.write(profile)
    out = subprocess.run(["go", "tool", "pprof", "-top", "-lines", "-symbolize=none", "-nodefraction=0", path],
                         capture_output=True, text=True, check=True).stdout
    return [line.split()[0:1] + line.split()[5:] for line in out.splitlines() if "%" in line and line.split()[0] != "Showing"]


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: got {got!r}, wanted {wanted!r}")


def check_pprof(server, folder):
    profile = ask(server, "SelectMergeProfile")
    strings = profile["stringTable"]
    names = {function["id"]: strings[int(function["name"])] for function in profile["function"]}
    files = {os.path.basename(strings[int(function["filename"])]) for function in profile["function"]}
    lines = {names[line["functionId"]]: int(line.get("line", 0)) for location in profile["location"] for line in location["line"]}
    expect("functions of the pprof", set(lines), {"mix_heavy", "descend", "main"})
    expect("files of the pprof", files, {"burn.c"})
    if not all(lines.values()):
        sys.exit(f"a function without its line: {lines}")
    flags = {key: profile["mapping"][0].get(key) for key in ("hasFunctions", "hasFilenames", "hasLineNumbers")}
    expect("flags of the mapping", set(flags.values()), {True})
    rows = go_top(folder, export(server, "pprof"))
    if rows is None:
        print("go tool pprof is not asked: there is no go")
    elif not any(row[0] == "10ms" and row[1] == "mix_heavy" and row[2].endswith(f"burn.c:{lines['mix_heavy']}") for row in rows):
        sys.exit(f"go tool pprof: {rows}")


def check_texts(server):
    for file_format in ("collapsed", "dot", "speedscope", "perf-script"):
        text = export(server, file_format).decode()
        if not all(name in text for name in ("mix_heavy", "descend", "main")):
            sys.exit(f"{file_format}: {text}")


def check_rule(server, profile):
    """A recording rule of one function counts the addresses in it."""
    rule = {"metricName": "burn_mix", "groupBy": ["service_name"], "matchers": ['{service_name="burn"}', '{__profile_type__="%s"}' % cresset.CPU_TYPE],
            "stacktraceFilter": {"functionName": {"functionName": "mix_heavy"}}}
    cresset.post(server.connect(), "/settings.v1.RecordingRulesService/UpsertRecordingRule", json.dumps(rule), "application/json")
    cresset.push(server.connect(), {"service_name": "burn"}, profile())
    line = rb'burn_mix\{pyroscope_rule_id="[A-Za-z]+",service_name="burn"\} [12]0000000 '  # with the first profile, if it is as young
    cresset.wait_for(lambda: re.search(line, get(server, "/api/v1/rules/metrics")), 60, "the sample of the rule")


def check_split(options, program, build_id, addresses):
    """Of a process that maps the program, by a file that has only its debug information, where segments are said to
    lie elsewhere in the file than they did in the program."""
    with tempfile.TemporaryDirectory() as folder:
        server = cresset.Server(options.bin, folder, "--self-profile=false")
        debug_file = os.path.join(folder, "burn.debug")
        subprocess.run(["objcopy", "--only-keep-debug", program, debug_file], check=True)
        native.upload(server, debug_file, build_id)
        mapping = native.mapped_at(0x7F0000000000, native.code_segment(program))
        cresset.push(server.connect(), {"service_name": "burn"}, native.bare_profile(build_id, addresses, mapping))
        found = functions(server)
        if found.get("mix_heavy") != 10_000_000 or not {"descend", "main"} <= found.keys():
            sys.exit(f"with a split file: {found}")
        expect("the exit status", server.stop(), 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--program", required=True)
    options = parser.parse_args()
    build_id = native.build_id_of(options.program)
    addresses = [native.address_of(options.program, name) + 4 for name in ("mix_heavy", "descend", "main")]
    with tempfile.TemporaryDirectory() as folder:
        server = cresset.Server(options.bin, folder, "--self-profile=false", "--rules-interval", "2s", "--rules-delay", "500ms")
        cresset.push(server.connect(), {"service_name": "burn"}, native.bare_profile(build_id, addresses))
        before = functions(server)
        if "mix_heavy" in before or before.get("[burn]") != 10_000_000:
            sys.exit(f"without the file: {before}")
        expect("below main, without the file", total_below(server, "main"), (0, 0))
        expect("below the address, without the file", total_below(server, "[burn]"), (10_000_000, 10_000_000))
        native.upload(server, options.program, build_id)
        after = functions(server)
        if after.get("mix_heavy") != 10_000_000 or not {"descend", "main"} <= after.keys():
            sys.exit(f"with the file: {after}")
        expect("below main and descend", total_below(server, "main", "descend"), (10_000_000, 10_000_000))
        expect("below the address", total_below(server, "[burn]"), (0, 0))
        check_pprof(server, folder)
        check_texts(server)
        check_rule(server, lambda: native.bare_profile(build_id, addresses))
        if server.stop() != 0:
            sys.exit("the server did not stop well")
    check_split(options, options.program, build_id, addresses)


if __name__ == "__main__":
    main()
