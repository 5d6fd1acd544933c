#!/usr/bin/env python3
"""Findings of the real server: limits, tenants, tokens of several at once, and kill -9 in the midst of reports."""
import argparse
import json
import os
import random
import re
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset

PATH = "/api/v1/findings"
N_CLIENTS = 4


def finding(fingerprint, severity="high", name="web", title="t"):
    return {"check": "crash", "severity": severity, "object": {"kind": "Pod", "namespace": "shop", "name": name}, "since": None,
            "title": title, "cause": "c", "evidence": ["e" * 100], "fix": [], "explains": [], "fingerprint": fingerprint}


def report(second, *findings, cluster="prod"):
    clock = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1769860800 + second))
    return json.dumps({"cluster": cluster, "clock": clock, "findings": findings, "unverified": []})


def call(connection, path, body=None, tenant="a"):
    """(status, JSON) of a GET, or of a POST with a body."""
    connection.request("POST" if body is not None else "GET", path, body,
                       {"X-Scope-OrgID": tenant, "Content-Type": "application/json"})
    reply = connection.getresponse()
    return reply.status, json.loads(reply.read())


def fingerprints(connection, tenant="a", **params):
    status, answer = call(connection, PATH + "?" + urllib.parse.urlencode(params), tenant=tenant)
    assert status == 200, answer
    return [(one["tenant"], one["fingerprint"]) for one in answer["findings"]]


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: got {got!r}, wanted {wanted!r}")


def check_tenants(server):
    connection = server.connect()
    expect("a report of a", call(connection, PATH, report(0, finding("a1"), finding("a2", "low")))[0], 200)
    expect("a report of b", call(connection, PATH, report(0, finding("b1", "critical")), "b")[0], 200)
    expect("findings of a", fingerprints(connection), [("a", "a1"), ("a", "a2")])
    expect("findings of b", fingerprints(connection, "b"), [("b", "b1")])
    expect("findings of both", fingerprints(connection, "a|b"), [("b", "b1"), ("a", "a1"), ("a", "a2")])
    expect("the worst of both", fingerprints(connection, "a|b", limit=2), [("b", "b1"), ("a", "a1")])
    expect("b asks for one of a", call(connection, PATH + "/a1", tenant="b")[0], 404)
    expect("clusters of both", [(one["tenant"], one["open"]) for one in call(connection, PATH + "/clusters", tenant="a|b")[1]["clusters"]],
           [("a", 2), ("b", 1)])
    expect("transitions of b", [one["fingerprint"] for one in call(connection, PATH + "/transitions", tenant="b")[1]["transitions"]], ["b1"])
    connection.request("GET", "/api/v1/tenants")
    expect("tenants without profiles", json.loads(connection.getresponse().read())["tenants"], ["a", "b"])
    expect("a report for two", call(connection, PATH, report(1), "a|b")[0], 400)
    call(connection, PATH, report(1), "b")
    expect("a after the end of b", fingerprints(connection), [("a", "a1"), ("a", "a2")])
    expect("b after its end", fingerprints(connection, "b"), [])


def read_pages(connection, path, member, tenant, **params):
    """Every row of a list, page by page; the pages too."""
    rows, pages, cursor = [], 0, None
    while pages == 0 or cursor is not None:
        more = {"cursor": cursor} if cursor else {}
        status, answer = call(connection, f"{path}?{urllib.parse.urlencode({**params, **more})}", tenant=tenant)
        expect("a page", status, 200)
        expect("whether there is more", answer["truncated"], answer["next"] is not None)
        rows, pages, cursor = rows + answer[member], pages + 1, answer["next"]
    return rows, pages


def check_pages(server):
    """Pages give every row once, in the order of the whole list, of one tenant and of several."""
    connection = server.connect()
    severities = ("info", "low", "high", "critical")
    for tenant in ("p1", "p2"):
        for cluster in ("eu & us", "ü"):
            for second in range(3):
                some = [finding(f"{i:02x}", severities[(i + second) % 4]) for i in range(second, 9 + second)]
                expect("a report", call(connection, PATH, report(second, *some, cluster=cluster), tenant)[0], 200)
    for tenant in ("p1", "p1|p2"):
        for path, member, params in ((PATH, "findings", {"state": "all"}), (PATH, "findings", {"severity": "low"}),
                                     (PATH + "/transitions", "transitions", {}), (PATH + "/transitions", "transitions", {"cluster": "ü"})):
            whole, n = read_pages(connection, path, member, tenant, **params)
            expect("pages of the whole", n, 1)
            for limit in (1, 3, 7):
                rows, n = read_pages(connection, path, member, tenant, limit=limit, **params)
                expect(f"{member} of {tenant} by {limit}", rows, whole)
                expect(f"pages of {member} of {tenant} by {limit}", n, -(-len(whole) // limit))
    for cursor in ("x", "", "a=b", "MSAyIGEgYiBj.", "LTEgMiBhIGIgYw", "MSAyIGEgYg", "MSAyIGEgJXEgYw"):
        status, answer = call(connection, PATH + "?" + urllib.parse.urlencode({"cursor": cursor}), tenant="p1")
        expect(f"the status of cursor {cursor!r}", (status, "parameter cursor is no text" in answer["message"]), (400, True))


def check_limits(server):
    connection = server.connect()
    for what, body, knob in (
            ("too many", report(0, finding("1"), finding("2"), finding("3")), "max_findings_per_cluster is 2"),
            ("too long", report(0, finding("1", title="x" * 300)), "max_finding_text_length is 256")):
        status, answer = call(connection, PATH, body, "small")
        expect(what, (status, answer["code"], knob in answer["message"]), (400, "out_of_range", True))
    expect("one cluster", call(connection, PATH, report(0, cluster="one"), "small")[0], 200)
    status, answer = call(connection, PATH, report(0, cluster="two"), "small")
    expect("two clusters", (status, "max_finding_clusters is 1" in answer["message"]), (400, True))
    status, answer = call(server.connect(), PATH, "x" * 100_000, "small")
    expect("a large body", (status, "findings-body-bytes" in answer["message"]), (413, True))
    connection.request("GET", "/metrics")
    metrics = dict(re.findall(r"^(cresset_server_findings_\S+) (\S+)$", connection.getresponse().read().decode(), re.M))
    expect("reports over a limit", metrics['cresset_server_findings_reports_total{result="limit"}'], "3")
    expect("open ones", [metrics['cresset_server_findings_open{severity="%s"}' % word] for word in ("low", "high", "critical")],
           ["1", "1", "0"])


# ---- kill -9. ----

def reporter(server, cluster, acked, stop):
    """Report number n of a cluster opens finding n and ends n-1; `acked` has the last one that was answered."""
    connection = server.connect(timeout=5)
    number = acked[cluster]
    while not stop.is_set():
        number += 1
        try:
            status, answer = call(connection, PATH, report(number, finding("%x" % number), cluster=cluster), "killed")
        except (OSError, cresset.http.client.HTTPException, ValueError):
            return
        if status == 409:  # it was taken in just before the kill
            continue
        if status != 200:
            acked["error"] = f"report {number} of {cluster}: {status} {answer}"
            return
        acked[cluster] = number


def check_kept(server, acked):
    """What was acknowledged is there, whole; one more report may be."""
    connection = server.connect()
    for cluster in [name for name in acked if name != "error"]:
        here = "cluster=" + cluster
        open_ones = call(connection, f"{PATH}?{here}", tenant="killed")[1]["findings"]
        transitions = call(connection, f"{PATH}/transitions?{here}&limit=5000", tenant="killed")[1]["transitions"]
        last = int(open_ones[0]["fingerprint"], 16) if open_ones else 0
        if not acked[cluster] <= last <= acked[cluster] + 1 or len(open_ones) > 1:
            sys.exit(f"{cluster}: finding {last} is the last, {acked[cluster]} was acknowledged, {len(open_ones)} are open")
        opened = [int(one["fingerprint"], 16) for one in transitions if one["type"] == "opened"]
        ended = [int(one["fingerprint"], 16) for one in transitions if one["type"] == "resolved"]
        expect(f"{cluster}: what was opened", sorted(opened), list(range(1, last + 1)))
        expect(f"{cluster}: what has ended", sorted(ended), list(range(1, last)))
        acked[cluster] = last


def check_kills(options, folder, flags):
    acked = {f"c{i}": 0 for i in range(N_CLIENTS)}
    chance = random.Random(options.seed)
    for _ in range(options.kills):
        server, stop = cresset.Server(options.bin, folder, *flags), threading.Event()
        check_kept(server, acked)
        threads = [threading.Thread(target=reporter, args=(server, cluster, acked, stop)) for cluster in list(acked) if cluster != "error"]
        for thread in threads:
            thread.start()
        stop.wait(chance.uniform(0.05, 0.4))
        server.kill()
        stop.set()
        for thread in threads:
            thread.join()
        if "error" in acked:
            sys.exit(acked["error"])
    server = cresset.Server(options.bin, folder, *flags)
    check_kept(server, acked)
    expect("the end", server.stop(), 0)
    if sum(acked.values()) < options.kills:
        sys.exit("too few reports were acknowledged to prove anything")
    print(f"{options.kills} kills, {sum(acked.values())} reports acknowledged, seed {options.seed}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        overrides = os.path.join(folder, "overrides.yaml")
        with open(overrides, "w") as out:
            out.write("overrides:\n  small: {max_findings_per_cluster: 2, max_finding_text_length: 256, max_finding_clusters: 1}\n")
        flags = ("--self-profile=false", "--overrides-file", overrides, "--findings-body-bytes", "64KiB")
        server = cresset.Server(options.bin, folder, *flags)
        check_tenants(server)
        check_limits(server)
        check_pages(server)
        expect("the end", server.stop(), 0)
        check_kills(options, folder, flags)


main()
