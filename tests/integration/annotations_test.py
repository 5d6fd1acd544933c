#!/usr/bin/env python3
"""What SelectSeries says of profiles that are a part of what was pushed, in a real server: of pushes beyond a limit, of
usage groups and sampling; from memory, after a restart and from blocks. Clients cannot annotate their profiles."""
import argparse
import base64
import glob
import json
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
from formats_test import Client
from relabel_test import expect, push, write

OVERRIDES = r"""
overrides:
  throttled:
    ingestion_limit:
      {period_type: day, period_limit_mb: 128, limit_reached: true, limit_reset_time: 4102444800,
       sampling: {num_requests: 2, period: 52w}}
  grouped:
    distributor_usage_groups: {web: '{namespace="web"}', 'team/${labels.team}': '{team!=""}'}
    distributor_sampling: {usage_groups: {web: {probability: 0.9999999}, team/all: {probability: 1}}}
    ingestion_limit: {usage_groups: {web: {period_limit_mb: 7, limit_reached: true}}, sampling: {num_requests: 1, period: 52w}}
  stripped:
    keep_stripped_profiles: true
    include_stripped_profiles: true
    distributor_sampling: {usage_groups: {other: {probability: 0}}}
"""
THROTTLED, SAMPLED = "pyroscope.ingest.throttled", "pyroscope.ingest.sampled"


def throttled(period, limit_mb, reset_s, period_s, requests, group):
    return (THROTTLED, {"body": {"periodType": period, "periodLimitMb": limit_mb, "limitResetTime": reset_s,
                                 "samplingPeriodSec": period_s, "samplingRequests": requests, "usageGroup": group}})


def sampled(group, probability):
    return (SAMPLED, {"body": {"source": {"usageGroup": group, "probability": probability}}})


YEAR_S = 52 * 7 * 86400
OF_THROTTLED = [throttled("day", 128, 4102444800, YEAR_S, 2, "")]
OF_GROUPED = [sampled("web", 0.9999999), throttled("hour", 7, 0, YEAR_S, 1, "web")]
# The annotations of all points, by tenant.
EXPECTED = {"throttled": OF_THROTTLED, "grouped": OF_GROUPED, "stripped": [sampled("other", 0)], "free": [],
            "throttled|free": OF_THROTTLED, "grouped|throttled": [OF_GROUPED[0], *OF_THROTTLED, OF_GROUPED[1]]}


def push_all(server):
    statuses = [push(server, "throttled", service_name="a")[0] for _ in range(3)]
    expect("pushes beyond the limit", statuses, [200, 200, 429])
    statuses = [push(server, "grouped", service_name="a", namespace="web")[0] for _ in range(2)]
    expect("profiles beyond the limit of a group", statuses, [200, 429])
    expect("a profile of a group that keeps all", push(server, "grouped", service_name="a", team="all")[0], 200)
    expect("a profile whose totals are kept", push(server, "stripped", service_name="a")[0], 200)


def push_annotated(server):
    """Profiles with annotations of the client's own, which mean nothing."""
    profile = cresset.pprof({("f",): 10_000_000}, time.time_ns())
    own = cresset.block(3, cresset.block(1, THROTTLED.encode()) + cresset.block(2, b"{}"))
    labels = b"".join(cresset.block(1, cresset.block(1, name) + cresset.block(2, value))
                      for name, value in ((b"__name__", b"process_cpu"), (b"service_name", b"a")))
    body = cresset.block(1, labels + cresset.block(2, cresset.block(1, profile)) + own)
    expect("a push as protobuf", Client(server, "free").post("/push.v1.PusherService/Push", body, "application/proto")[0], 200)
    message = {"series": [{"labels": [{"name": "__name__", "value": "process_cpu"}, {"name": "service_name", "value": "b"}],
                           "samples": [{"rawProfile": base64.b64encode(profile).decode()}],
                           "annotations": [{"key": THROTTLED, "value": "{}"}]}]}
    status = Client(server, "free").post("/push.v1.PusherService/Push", json.dumps(message), "application/json")[0]
    expect("a push as JSON", status, 200)


def annotations_of(points):
    """Of the points, as JSON has them, in the order of name and text: each (name, object) once."""
    pairs = sorted({(one["key"], one["value"]) for point in points for one in point.get("annotations", [])})
    return [(name, json.loads(text)) for name, text in pairs]


def check_json(server):
    for tenant, wanted in EXPECTED.items():
        client = Client(server, tenant)
        series = client.ask("SelectSeries", profileTypeID=cresset.CPU_TYPE, labelSelector="{}", step=15)["series"]
        expect("the number of series", len(series), 1)
        expect(f"the annotations of {tenant}", annotations_of(series[0]["points"]), wanted)
        for point in series[0]["points"]:
            pairs = [(one["key"], one["value"]) for one in point.get("annotations", [])]
            expect("the annotations of a point, each once", pairs, sorted(set(pairs)))
    by_team = Client(server, "grouped").ask("SelectSeries", profileTypeID=cresset.CPU_TYPE, labelSelector='{team="all"}', step=15)
    expect("the annotations of what is whole", annotations_of(by_team["series"][0]["points"]), [])
    connection = server.connect()
    connection.request("GET", f"/pyroscope/render?query={cresset.CPU_TYPE}%7B%7D&from=now-1h&until=now&format=json", headers={"X-Scope-OrgID": "throttled"})
    reply = connection.getresponse()
    expect("the legacy timeline", (reply.status, b"annotations" in reply.read()), (200, False))


def run(options, check):
    """check(server) while the profiles are in memory, once they were read from the log, and once from blocks."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "overrides.yaml")
        write(path, OVERRIDES)
        arguments = ("--self-profile=false", "--multitenancy", "required", "--overrides-file", path)
        server = cresset.Server(options.bin, folder, *arguments)
        push_all(server)
        push_annotated(server)
        check(server)
        server.kill()
        for _ in range(2):
            server = cresset.Server(options.bin, folder, *arguments)
            check(server)
            # What a start has read from the log becomes blocks, one for each tenant.
            cresset.wait_for(lambda: len(glob.glob(f"{server.data_dir}/blocks/*.block")) == 4, 30, "the blocks")
            check(server)
            expect("the exit status", server.stop(), 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    run(parser.parse_args(), check_json)


if __name__ == "__main__":
    main()
