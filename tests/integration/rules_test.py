#!/usr/bin/env python3
"""Recording rules of the real server end in a real Prometheus, by remote write, and in /metrics."""
import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import time
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
import prometheus

WAIT_S = prometheus.WAIT_S
RULES = "/settings.v1.RecordingRulesService/"
MATCHERS = ['{__profile_type__="%s"}' % cresset.CPU_TYPE, '{service_name=~"shop|pay"}']


def ask_prometheus(url, expression):
    """{label sets without the name: value}"""
    with urllib.request.urlopen(f"{url}/api/v1/query?" + urllib.parse.urlencode({"query": expression}), timeout=5) as reply:
        result = json.load(reply)["data"]["result"]
    return {tuple(sorted((k, v) for k, v in row["metric"].items() if k != "__name__")): float(row["value"][1]) for row in result}


def upsert(server, **rule):
    body = json.dumps(rule)
    return json.loads(cresset.post(server.connect(), RULES + "UpsertRecordingRule", body, "application/json"))["rule"]


def push(server, service, stacks):
    cresset.push(server.connect(), {"service_name": service}, cresset.pprof(stacks, time.time_ns()))


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: got {got!r}, wanted {wanted!r}")


def check(server, metrics):
    total = upsert(server, metricName="cpu_by_service", matchers=MATCHERS, groupBy=["service_name"],
                   externalLabels=[{"name": "cluster", "value": 'a "b"'}])
    charge = upsert(server, metricName="cpu_of_charge", matchers=MATCHERS, groupBy=["service_name"],
                    stacktraceFilter={"functionName": {"functionName": "charge"}})
    pushed = time.time()
    push(server, "shop", {("charge", "work", "main"): 30_000_000, ("idle", "main"): 10_000_000})
    push(server, "pay", {("charge", "main"): 5_000_000})
    push(server, "other", {("charge", "main"): 7_000_000})
    over = f"sum_over_time(cpu_by_service[{int(time.time() - pushed) + WAIT_S}s])"
    labels = [("cluster", 'a "b"'), ("pyroscope_rule_id", total["id"])]
    wanted = {tuple(sorted(labels + [("service_name", "shop")])): 40_000_000.0,
              tuple(sorted(labels + [("service_name", "pay")])): 5_000_000.0}
    cresset.wait_for(lambda: ask_prometheus(metrics, over) == wanted, WAIT_S, f"the totals in prometheus, not {ask_prometheus(metrics, over)}")
    of_charge = ask_prometheus(metrics, over.replace("cpu_by_service", "cpu_of_charge"))
    expect("the function", of_charge, {(("pyroscope_rule_id", charge["id"]), ("service_name", "shop")): 30_000_000.0,
                                       (("pyroscope_rule_id", charge["id"]), ("service_name", "pay")): 5_000_000.0})


def page(server, path, tenant=None):
    connection = server.connect()
    connection.request("GET", path, headers={"X-Scope-OrgID": tenant} if tenant else {})
    return connection.getresponse().read().decode()


def check_pages(server):
    push(server, "shop", {("charge", "main"): 3_000_000})
    line = r'cpu_of_charge\{pyroscope_rule_id="[A-Za-z]+",service_name="shop"\} 3000000 \d+'
    cresset.wait_for(lambda: re.search(line, page(server, "/metrics")), WAIT_S, "the sample in /metrics")
    expect("the samples of another tenant", page(server, "/api/v1/rules/metrics", "b"), "")


def check_limit(server):
    """Two rules are there, and no third may be; those that are may change."""
    body = json.dumps({"metricName": "third", "matchers": MATCHERS})
    connection = server.connect()
    connection.request("POST", RULES + "UpsertRecordingRule", body, {"Content-Type": "application/json"})
    reply = connection.getresponse()
    text = reply.read().decode()
    expect("the status of one too many", reply.status, 429)
    if "max_recording_rules" not in text:
        sys.exit(f"the error does not name the limit: {text}")
    rules = json.loads(cresset.post(server.connect(), RULES + "ListRecordingRules", "{}", "application/json"))["rules"]
    expect("the rules", len(rules), 2)
    changed = upsert(server, id=rules[0]["id"], metricName="renamed", matchers=MATCHERS)
    expect("the rule that was changed", (changed["id"], changed["metricName"]), (rules[0]["id"], "renamed"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    options = parser.parse_args()
    if shutil.which("prometheus") is None:
        print("skipped: there is no prometheus")
        sys.exit(cresset.SKIPPED)
    with tempfile.TemporaryDirectory() as folder:
        process, url = prometheus.start(folder)
        try:
            server = cresset.Server(options.bin, folder, "--self-profile=false", "--remote-write-url", url + "/api/v1/write",
                                    "--rules-interval", "2s", "--rules-delay", "500ms", "--max-recording-rules", "2")
            check(server, url)
            check_pages(server)
            check_limit(server)
            expect("the exit status", server.stop(), 0)
        finally:
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    main()
