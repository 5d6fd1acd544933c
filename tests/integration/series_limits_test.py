#!/usr/bin/env python3
"""What the series of a tenant may be called and how many there may be, in a real server: by every way in, for the
tenants that have such limits, as the file of overrides says while the server runs."""
import argparse
import json
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
from formats import otlp_json
from formats_test import OTLP, Client
from relabel_test import RELOAD_S, expect, push, write
from tenancy_test import QUERY, call, metric

OVERRIDES = """
overrides:
  plain: {disable_label_sanitization: false, enforce_labels_order: true}
  few: {max_global_series_per_tenant: 9, max_local_series_per_tenant: 2}
"""


def expect_refusal(what, reply, *parts):
    expect(what, (reply[0], json.loads(reply[1])["code"]), (400, "invalid_argument"))
    for part in parts:
        if part not in json.loads(reply[1])["message"]:
            sys.exit(f"{what}: {reply[1]} does not say {part}")


def discarded(server, tenant, reason):
    return metric(server, f'pyroscope_discarded_samples_total{{reason="{reason}",tenant="{tenant}"}}')


def series(server, tenant):
    """The labels of clients, whatever their names are; sorted."""
    now_ms = int(time.time() * 1000)
    body = json.dumps({"start": now_ms - 3_600_000, "end": now_ms + 60_000})
    headers = {"X-Scope-OrgID": tenant, "Accept": "*/*; allow-utf8-labelnames=true"}
    status, text, _ = call(server, QUERY + "Series", body, headers)
    expect("Series", status, 200)
    return sorted(sorted((pair["name"], pair["value"]) for pair in one["labels"]
                         if pair["name"] == "__order__" or not pair["name"].startswith(("__", "pyroscope_spy")))
                  for one in json.loads(text).get("labelsSet", []))


def check_names_are_rewritten(server):
    plain, free = Client(server, "plain"), Client(server, "free")
    labels = {"service_name": "pushed", "otel.scope.name": "x", "otel_scope_name": "x", "__order__": "enforced"}
    for client in (plain, free):
        expect("a push", push(server, client.tenant, **labels)[0], 200)
        expect("folded stacks", client.ingest("folded{a.b=c}", b"a;b 1\n")[0], 200)
        expect("OpenTelemetry", client.post(OTLP, otlp_json("otlp"), "application/json"), (200, b""))
    expect("series with names as they came", series(server, "free"), sorted([
        [("otel.scope.name", "x"), ("otel_scope_name", "x"), ("service_name", "pushed")],
        [("a.b", "c"), ("service_name", "folded")],
        [("service.name", "otlp"), ("service_name", "otlp"), ("thread.id", "42")]]))
    expect("series with plain names", series(server, "plain"), sorted([
        [("otel_scope_name", "x"), ("service_name", "pushed")],
        [("a_b", "c"), ("service_name", "folded")],
        [("service_name", "otlp"), ("thread_id", "42")]]))
    selected = plain.stacks(cresset.CPU_TYPE, '{otel_scope_name="x"}')
    expect("what is found by a plain name", selected, {"f": 10_000_000})


def check_names_are_refused(server):
    plain = Client(server, "plain")
    expect_refusal("a push", push(server, "plain", service_name="s", **{"a-b": "c"}),
                   "the name 'a-b' ", "(disable_label_sanitization)")
    status, text = plain.ingest("folded{1a=c}", b"a;b 1\n")
    expect("folded stacks", (status, b"the name '1a' " in text), (422, True))
    body = otlp_json("otlp").replace("thread.id", "thread-id")
    status, text = plain.post(OTLP, body, "application/json")
    expect("OpenTelemetry", (status, b"the name 'thread-id' " in text), (400, True))
    expect("what was refused", discarded(server, "plain", "invalid_labels"), 3)
    expect_refusal("two values", push(server, "plain", service_name="s", **{"a.b": "c", "a_b": "d"}), "duplicate label name")
    expect("what was refused", discarded(server, "plain", "duplicate_label_names"), 1)
    expect("a push of another tenant", push(server, "free", service_name="s", **{"a-b": "c"})[0], 200)
    expect("series with plain names", len(series(server, "plain")), 3)


def check_series(server, path):
    for name in ("a", "b", "a"):
        expect("a push within the limit", push(server, "few", service_name=name)[0], 200)
    for name in ("c", "d", "e"):
        expect("a push of a tenant without", push(server, "free", service_name=name)[0], 200)
    expect_refusal("a series too many", push(server, "few", service_name="c"),
                   "Maximum active series limit exceeded (2/2)", 'service_name="c"', "(max_local_series_per_tenant)")
    expect("a series that is known", push(server, "few", service_name="b")[0], 200)
    expect("what is stored", series(server, "few"), [[("service_name", "a")], [("service_name", "b")]])
    expect("what was refused", discarded(server, "few", "series_limit"), 1)
    expect("what is active", metric(server, 'cresset_ingest_active_series{tenant="few"}'), 2)
    expect("what is active of a tenant without", metric(server, 'cresset_ingest_active_series{tenant="free"}'), None)
    write(path, OVERRIDES.replace("max_local_series_per_tenant: 2", "max_local_series_per_tenant: 0"))
    cresset.wait_for(lambda: push(server, "few", service_name="c")[0] == 200, RELOAD_S, "a higher limit")
    limits = json.loads(call(server, "/api/v1/tenant_limits", None, {"X-Scope-OrgID": "few"})[1])
    expect("what a client is told", (limits["max_global_series_per_user"], limits["limits"]["max_local_series_per_tenant"]), (9, 0))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "overrides.yaml")
        write(path, OVERRIDES)
        server = cresset.Server(options.bin, folder, "--self-profile=false", "--multitenancy", "required", "--overrides-file", path)
        check_names_are_rewritten(server)
        check_names_are_refused(server)
        check_series(server, path)
        if "mean nothing here: enforce_labels_order\n" not in server.log():
            sys.exit("the log does not name the one limit that changes nothing")
        expect("the exit status", server.stop(), 0)


if __name__ == "__main__":
    main()
