#!/usr/bin/env python3
"""Tokens and limits of tenants, in files that are replaced while the real server runs."""
import argparse
import hashlib
import json
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
from mounted_volume import MountedVolume

QUERY = "/querier.v1.QuerierService/"
RELOAD_S = 20  # read again within 10 s; a busy machine is slow, not wrong


def replace(path, text):
    with open(path + ".new", "w") as out:
        out.write(text)
    os.rename(path + ".new", path)


def tokens(rows):
    lines = ["tokens:"]
    for name, secret, tenants, access in rows:
        digest = hashlib.sha256(secret.encode()).hexdigest()
        lines.append(f"  - {{name: {name}, sha256: {digest}, tenants: {json.dumps(tenants)}, "
                     f"access: {json.dumps(access)}}}")
    return "\n".join(lines) + "\n"


def call(server, path, body, headers, content_type="application/json"):
    connection = server.connect()
    connection.request("POST" if body is not None else "GET", path, body,
                       {"Content-Type": content_type, **headers})
    reply = connection.getresponse()
    return reply.status, reply.read().decode(), dict(reply.getheaders())


def push(server, headers, name="api", size=1):
    stack = {(f"leaf{i}", "main"): 10_000_000 for i in range(size)}
    body = cresset.push_request({"service_name": name}, cresset.pprof(stack, time.time_ns()))
    return call(server, "/push.v1.PusherService/Push", body, headers, "application/proto")


def services(server, headers):
    now = int(time.time() * 1000)
    body = json.dumps({"name": "service_name", "start": now - 3600_000, "end": now + 60_000})
    status, text, head = call(server, QUERY + "LabelValues", body, headers)
    return status, json.loads(text).get("names", []) if status == 200 else text, head


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: got {got!r}, wanted {wanted!r}")


def metric(server, name):
    text = call(server, "/metrics", None, {})[1]
    for line in text.splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    return None


def bearer(secret, tenant=None):
    return {"Authorization": "Bearer " + secret, **({"X-Scope-OrgID": tenant} if tenant else {})}


def check_tokens(server):
    expect("no token", push(server, {"X-Scope-OrgID": "a"})[0], 401)
    status, text, head = services(server, {"X-Scope-OrgID": "a"})
    expect("no token, read", status, 401)
    expect("how to send one", head.get("WWW-Authenticate"), 'Basic realm="cresset"')
    expect("wrong token", push(server, bearer("nope", "a"))[0], 401)
    expect("own tenant", push(server, bearer("secret-a", "a"), "of-a")[0], 200)
    expect("tenant of the token", push(server, bearer("secret-a"), "of-a2")[0], 200)
    expect("other tenant", push(server, bearer("secret-a", "b"))[0], 403)
    expect("write with a token for reading", push(server, bearer("reads-b", "b"))[0], 403)
    expect("all tenants", push(server, bearer("secret-all", "b"), "of-b")[0], 200)
    expect("services of a", services(server, bearer("secret-a", "a"))[1], ["of-a", "of-a2"])
    expect("services of b", services(server, bearer("reads-b", "b"))[1], ["of-b"])
    status, text, _ = services(server, bearer("secret-a", "b"))
    expect("services of another", status, 403)
    if "of-b" in text:
        sys.exit(f"an error shows another tenant's data: {text}")
    tenants = json.loads(call(server, "/api/v1/tenants", None, bearer("secret-a"))[1])["tenants"]
    expect("tenants in the list", tenants, ["a"])
    expect("without a token", json.loads(call(server, "/api/v1/tenants", None, {})[1])["tenants"], [])


def select_series(server, headers, selector, group_by):
    now = int(time.time() * 1000)
    body = json.dumps({"profileTypeID": cresset.CPU_TYPE, "labelSelector": selector, "start": now - 3600_000,
                       "end": now + 60_000, "step": 15, "groupBy": group_by})
    status, text, _ = call(server, QUERY + "SelectSeries", body, headers)
    expect("SelectSeries", status, 200)
    return {tuple((label["name"], label["value"]) for label in series.get("labels", [])):
            sum(point["value"] for point in series["points"]) for series in json.loads(text)["series"]}


def check_federation(server):
    both = bearer("secret-all", "b|a")
    expect("services of both", services(server, both)[1], ["of-a", "of-a2", "of-b"])
    by_tenant = select_series(server, both, "{}", ["__tenant_id__"])
    expect("values by tenant", by_tenant, {(("__tenant_id__", "a"),): 20_000_000, (("__tenant_id__", "b"),): 10_000_000})
    only_b = select_series(server, both, '{__tenant_id__="b"}', ["service_name"])
    expect("values of one of them", only_b, {(("service_name", "of-b"),): 10_000_000})
    alone = select_series(server, bearer("secret-all", "a"), "{}", ["__tenant_id__"])
    expect("one tenant has no label of it", alone, {(): 20_000_000})
    expect("both by a token for one", services(server, bearer("secret-a", "a|b"))[0], 403)
    expect("a write to both", push(server, both)[0], 400)
    status, text, _ = call(server, QUERY + "GetProfileStats", "{}", both)
    expect("what needs one tenant", (status, "exactly one tenant" in text), (400, True))


def check_token_reload(server, path):
    replace(path, tokens([("fresh", "fresh", ["a"], ["read"])]))
    cresset.wait_for(lambda: services(server, bearer("fresh", "a"))[0] == 200, RELOAD_S, "a new token")
    expect("the old token", services(server, bearer("secret-a", "a"))[0], 401)
    replace(path, "tokens: [{sha256: abc}]\n")
    cresset.wait_for(lambda: metric(server, "cresset_server_tokens_current") == 0, RELOAD_S,
                     "the metric of a bad file")
    expect("the last good file", services(server, bearer("fresh", "a"))[0], 200)
    if "abc" not in server.log() and "64 hexadecimal digits" not in server.log():
        sys.exit("the log does not say what is wrong with the file")


def check_metrics(server):
    """What /metrics says of tenants by name is for tokens that may read all of them."""
    expect("a push", push(server, bearer("secret-a", "a"))[0], 200)
    expect("a push that is refused", push(server, bearer("secret-a", "a"), size=20_000)[0], 400)
    shown = {secret: 'tenant="' in call(server, "/metrics", None, bearer(secret))[1]
             for secret in ("secret-a", "writes-all", "nobody", "secret-all")}
    expect("who sees metrics of tenants", [secret for secret, is_shown in shown.items() if is_shown], ["secret-all"])
    expect("without a token", 'tenant="' in call(server, "/metrics", None, {})[1], False)
    name = 'pyroscope_discarded_samples_total{reason="samples_limit"'
    expect("what was refused, to everybody", metric(server, name + "}"), 1)
    expect("by tenant", name + ',tenant="a"} 1' in call(server, "/metrics", None, bearer("secret-all"))[1], True)


def check_limits(server, mount):
    tenant = {"X-Scope-OrgID": "slow"}
    expect("before the limit", push(server, tenant)[0], 200)
    limit = "overrides:\n  slow:\n    ingestion_rate_mb: 0.001\n    ingestion_burst_size_mb: 0.001\n"
    mount.write({"overrides.yaml": limit})
    status, text, _ = cresset.wait_for(lambda: [r for r in [push(server, tenant, size=50)] if r[0] != 200],
                                       RELOAD_S, "a limit")[0]
    expect("status over the rate", status, 429)
    for part in ("resource_exhausted", "push rate limit", "ingestion_rate_mb"):
        if part not in text:
            sys.exit(f"the error {text!r} does not say {part}")
    stacks = "".join(f"main;work;leaf{i} 1\n" for i in range(200))
    status, text, _ = call(server, "/ingest?name=app", stacks, tenant, "text/plain")
    expect("status of /ingest over the rate", (status, json.loads(text)["code"]), (429, "resource_exhausted"))
    expect("another tenant", push(server, {"X-Scope-OrgID": "other"}, size=50)[0], 200)
    mount.write({"overrides.yaml": "overrides:\n  slow:\n    no_such_limit: 1\n"})
    cresset.wait_for(lambda: metric(server, "cresset_server_overrides_current") == 0, RELOAD_S,
                     "the metric of bad overrides")
    expect("the last good limit", push(server, tenant, size=50)[0], 429)
    mount.write({"overrides.yaml": "overrides: {}\n"})
    cresset.wait_for(lambda: push(server, tenant, size=50)[0] == 200, RELOAD_S, "no limit")
    expect("the metric of a good file", metric(server, "cresset_server_overrides_current"), 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tokens.yaml")
        replace(path, tokens([("a", "secret-a", ["a"], ["read", "write"]), ("b", "reads-b", ["b"], ["read"]),
                              ("all", "secret-all", ["*"], ["read", "write"])]))
        server = cresset.Server(options.bin, folder, "--tokens-file", path, "--multitenancy", "required",
                                "--self-profile=false")
        check_tokens(server)
        check_federation(server)
        check_token_reload(server, path)
        expect("exit status", server.stop(), 0)
    with tempfile.TemporaryDirectory() as folder:
        path, overrides = os.path.join(folder, "tokens.yaml"), os.path.join(folder, "overrides.yaml")
        replace(path, tokens([("a", "secret-a", ["a"], ["read", "write"]), ("writer", "writes-all", ["*"], ["write"]),
                              ("all", "secret-all", ["*"], ["read"])]))
        replace(overrides, "overrides: {a: {ingestion_limit: {period_type: hour, period_limit_mb: 9}, "
                           "distributor_usage_groups: {all: '{}'}}}\n")
        server = cresset.Server(options.bin, folder, "--tokens-file", path, "--overrides-file", overrides,
                                "--self-profile=false")
        check_metrics(server)
        expect("exit status", server.stop(), 0)
    with tempfile.TemporaryDirectory() as folder:
        mount = MountedVolume(os.path.join(folder, "mount"), {"overrides.yaml": "overrides: {}\n"})
        server = cresset.Server(options.bin, folder, "--overrides-file",
                                mount.path("overrides.yaml"), "--self-profile=false")
        check_limits(server, mount)
        expect("exit status", server.stop(), 0)


if __name__ == "__main__":
    main()
