#!/usr/bin/env python3
"""The limit of what a tenant may push in a period, in a real server: what is counted and refused by every way in, that
a start goes on with the count, what is taken beyond it, and that other tenants and usage groups are left alone."""
import argparse
import datetime
import json
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
from formats_test import Client
from relabel_test import RELOAD_S, expect, push, write
from tenancy_test import metric

MIB = 1 << 20
OVERRIDES = r"""
overrides:
  counted:
    ingestion_limit: {period_type: month, period_limit_mb: 1}
  reached:
    ingestion_limit: {period_limit_mb: 128, limit_reached: true, limit_reset_time: 4102444800}
  sampled:
    ingestion_limit: {limit_reached: true, sampling: {num_requests: 2, period: 52w}}
  dropped:
    ingestion_relabeling_rules: [{action: drop, source_labels: [namespace], regex: dev}]
    ingestion_limit: {period_type: month, period_limit_mb: 1}
  grouped:
    distributor_usage_groups: {web: '{namespace="web"}'}
    ingestion_limit: {usage_groups: {web: {period_limit_mb: 7, limit_reached: true}}}
"""
RESET = "2100-01-01T00:00:00Z"


def month():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m")


def refused(server):
    return metric(server, 'pyroscope_discarded_samples_total{reason="ingest_limit_reached",tenant="reached"}')


def expect_refusal(what, reply, text):
    expect(what, reply[0], 429)
    message = json.loads(reply[1])
    expect(what, message["code"], "resource_exhausted")
    if text not in message["message"] or "(limit ingestion_limit)" not in message["message"]:
        sys.exit(f"{what}: {message}")


def check_reached(server):
    text = f"limit of 128 MiB/hour reached, next reset at {RESET}"
    expect_refusal("a push", push(server, "reached", service_name="a"), text)
    expect_refusal("folded stacks", Client(server, "reached").ingest("shop.cpu", b"a;b 1\n"), text)
    status, body = Client(server, "reached").post("/v1development/profiles", b"", "application/x-protobuf")
    expect("an empty request of OTLP", status, 400)
    expect("profiles that were refused", refused(server), 2)
    expect("a push of another tenant", push(server, "free", service_name="a")[0], 200)
    expect("what is stored", Client(server, "reached").labels(), [])


def check_sampled(server):
    statuses = [push(server, "sampled", service_name="a")[0] for _ in range(4)]
    expect("pushes beyond the limit", statuses, [200, 200, 429, 429])


def check_groups(server):
    reply = push(server, "grouped", service_name="a", namespace="web")
    expect_refusal("a push of the group", reply, "limit of 7 MiB/hour of usage group 'web' reached")
    expect("a push of no group", push(server, "grouped", service_name="a")[0], 200)
    expect("received of the group", metric(server, 'cresset_ingest_usage_group_profiles_total{tenant="grouped",usage_group="web"}'), 1)


def check_dropped(server):
    """What relabel rules drop is not counted."""
    expect("a push that is dropped", push(server, "dropped", service_name="a", namespace="dev")[0], 200)
    expect("what is counted of it", metric(server, 'cresset_ingest_limit_used_bytes{tenant="dropped"}'), 0)
    expect("a push that is not", push(server, "dropped", service_name="a")[0], 200)
    if not metric(server, 'cresset_ingest_limit_used_bytes{tenant="dropped"}') > 50:
        sys.exit("what is taken is not counted")


def large_push(server):
    """More than 1 MiB."""
    stacks = {(f"a_function_with_a_long_name_{'x' * 80}_{i}",): 1 for i in range(12_000)}
    body = cresset.push_request({"service_name": "large"}, cresset.pprof(stacks, time.time_ns()))
    return Client(server, "counted").post("/push.v1.PusherService/Push", body, "application/proto")


def used(server):
    return metric(server, 'cresset_ingest_limit_used_bytes{tenant="counted"}')


def check_counted(options, folder, path):
    """False when a month ends in between."""
    started = month()
    arguments = ("--self-profile=false", "--multitenancy", "required", "--overrides-file", path)
    server = cresset.Server(options.bin, folder, *arguments)
    expect("a push below the limit", push(server, "counted", service_name="a")[0], 200)
    expect("the push that reaches it", large_push(server)[0], 200)
    bytes_used = used(server)
    if not MIB < bytes_used < 4 * MIB:
        sys.exit(f"{bytes_used} bytes are counted")
    refusal = push(server, "counted", service_name="a")
    expect("the exit status", server.stop(), 0)
    server = cresset.Server(options.bin, folder, *arguments)
    later = push(server, "counted", service_name="a")
    if month() == started:
        expect_refusal("a push behind the limit", refusal, "limit of 1 MiB/month reached, next reset at ")
        expect_refusal("a push after a start", later, "limit of 1 MiB/month reached, next reset at ")
        expect("what is counted after a start", used(server), bytes_used)
        write(path, OVERRIDES.replace("period_limit_mb: 1}", "period_limit_mb: 100}"))
        cresset.wait_for(lambda: push(server, "counted", service_name="a")[0] == 200, RELOAD_S, "a higher limit")
    server.stop()
    return month() == started


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "overrides.yaml")
        write(path, OVERRIDES)
        server = cresset.Server(options.bin, folder, "--self-profile=false", "--multitenancy", "required", "--overrides-file", path)
        check_reached(server)
        check_sampled(server)
        check_groups(server)
        check_dropped(server)
        if "ingestion_limit" in server.log():
            sys.exit("the log warns of a limit that is in force")
        expect("the exit status", server.stop(), 0)
    done = False
    while not done:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "overrides.yaml")
            write(path, OVERRIDES)
            done = check_counted(options, folder, path)


if __name__ == "__main__":
    main()
