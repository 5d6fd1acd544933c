#!/usr/bin/env python3
"""Usage groups and sampling of tenants in a real server: what they count and drop, that the same profile sent again
has the same fate, that other tenants are left alone, and that a file which is written anew holds."""
import argparse
import json
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
from formats_test import Client
from relabel_test import RELOAD_S, expect, push, series, write
from tenancy_test import metric

N_PUSHES = 400
GROUPS = r"""
overrides:
  sampled:
    distributor_usage_groups:
      noise: '{namespace="dev"}'
      team/${labels.team}: '{}'
    distributor_sampling:
      usage_groups:
        noise: {probability: 0}
        team/half: {probability: 0.5}
"""
NO_SAMPLING = GROUPS[:GROUPS.index("    distributor_sampling")]
STRIPPED = r"""
  stripped:
    keep_stripped_profiles: true
    distributor_usage_groups:
      noise: '{namespace="dev"}'
    distributor_sampling:
      usage_groups:
        noise: {probability: 0}
"""
INCLUDED = "    include_stripped_profiles: true\n"


def count(server, what, tenant, group):
    return metric(server, f'cresset_ingest_usage_group_{what}_total{{tenant="{tenant}",usage_group="{group}"}}')


def dropped(server):
    return metric(server, 'pyroscope_discarded_samples_total{reason="dropped_by_sampling_rules",tenant="sampled"}')


def check_groups(server):
    expect("a push that is dropped", push(server, "sampled", service_name="a", namespace="dev")[0], 200)
    expect("a push without a rule", push(server, "sampled", service_name="b", team="x")[0], 200)
    expect("a push of another tenant", push(server, "free", service_name="a", namespace="dev")[0], 200)
    expect("the series", series(server, "sampled"), [[("service_name", "b"), ("team", "x")]])
    expect("the series of another tenant", len(series(server, "free")), 1)
    expect("dropped", dropped(server), 1)
    expect("received as noise", count(server, "profiles", "sampled", "noise"), 1)
    expect("dropped of it", count(server, "sampled_out_profiles", "sampled", "noise"), 1)
    expect("received of team x", count(server, "profiles", "sampled", "team/x"), 1)
    expect("dropped of it", count(server, "sampled_out_profile_bytes", "sampled", "team/x"), 0)
    if not count(server, "profile_bytes", "sampled", "team/x") > 100:
        sys.exit("the bytes of team x are not counted")
    expect("groups of another tenant", count(server, "profiles", "free", "other"), None)


def push_with_ids(server):
    for i in range(N_PUSHES):
        profile = cresset.pprof({("f",): 10_000_000}, TIME_NS)
        body = cresset.push_request({"service_name": "c", "team": "half"}, profile, f"id-{i}")
        expect("a push", Client(server, "sampled").post("/push.v1.PusherService/Push", body, "application/proto")[0], 200)


def check_half(server):
    """A binomial of 400 and a half is outside of 120 to 280 once in 10^15."""
    before = dropped(server)
    push_with_ids(server)
    share = dropped(server) - before
    if not 120 <= share <= 280:
        sys.exit(f"{share} of {N_PUSHES} were dropped where half should be")
    expect("the profiles that were kept", metric(server, "cresset_ingest_profiles_total"), 2 + N_PUSHES - share)
    push_with_ids(server)
    expect("what was dropped when sent again", dropped(server) - before, share)
    expect("what was known when sent again", metric(server, "cresset_ingest_duplicate_profiles_total"), N_PUSHES)


def total(client, selector="{}"):
    flamegraph = client.ask("SelectMergeStacktraces", profileTypeID=cresset.CPU_TYPE, labelSelector=selector)["flamegraph"]
    points = client.ask("SelectSeries", profileTypeID=cresset.CPU_TYPE, labelSelector=selector, step=15).get("series", [])
    series_total = sum(point["value"] for one in points for point in one["points"])
    expect("the total of the series", series_total, int(flamegraph.get("total", 0)))
    return series_total


def expect_totals_in_exports(client):
    """A sample without a stack is one in pprof, too."""
    now_ms = int(time.time() * 1000)
    body = {"profileTypeID": cresset.CPU_TYPE, "labelSelector": "{}", "start": now_ms - 600_000, "end": now_ms + 60_000}
    status, answer = client.post("/querier.v1.QuerierService/SelectMergeProfile", json.dumps(body), "application/json")
    expect("the status of the export", status, 200)
    profile = json.loads(answer)
    expect("the values of the export", sorted(int(sample["value"][0]) for sample in profile["sample"]), [10_000_000, 20_000_000])
    expect("stacks of the export", sorted(len(sample.get("locationId", [])) for sample in profile["sample"]), [0, 1])


def check_stripped(server, path):
    """Totals of dropped profiles are kept, and seen by those who ask for them or whose tenant does."""
    client = Client(server, "stripped")
    labels = [{"service_name": "a", "namespace": "dev"}, {"service_name": "a", "namespace": "dev"}, {"service_name": "b"}]
    before = metric(server, "cresset_ingest_profiles_total")
    for one in labels:
        expect("a push", push(server, "stripped", **one)[0], 200)
    expect("profiles with stacks", metric(server, "cresset_ingest_profiles_total"), before + 1)
    expect("stripped profiles", metric(server, "cresset_ingest_stripped_profiles_total"), 2)
    expect("the stacks", client.stacks(cresset.CPU_TYPE), {"f": 10_000_000})
    expect("the total without", total(client), 10_000_000)
    expect("the series without", series(server, "stripped"), [[("service_name", "b")]])
    expect("the total of these alone", total(client, '{__sampled__="true"}'), 20_000_000)
    expect("the names without", "__sampled__" in client.ask("LabelNames")["names"], False)
    write(path, GROUPS + STRIPPED + INCLUDED)
    cresset.wait_for(lambda: total(client) == 30_000_000, RELOAD_S, "the totals to be included")
    expect("the stacks with totals", client.stacks(cresset.CPU_TYPE), {"f": 10_000_000})
    expect("the series with totals", len(series(server, "stripped")), 2)
    expect("the values of the label", client.ask("LabelValues", name="__sampled__")["names"], ["true"])
    expect_totals_in_exports(client)


def check_reload(server, path):
    write(path, NO_SAMPLING)

    def is_taken():
        push(server, "sampled", service_name="late", namespace="dev")
        return [("namespace", "dev"), ("service_name", "late")] in series(server, "sampled")
    cresset.wait_for(is_taken, RELOAD_S, "sampling to end")


TIME_NS = time.time_ns()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "overrides.yaml")
        write(path, GROUPS + STRIPPED)
        server = cresset.Server(options.bin, folder, "--self-profile=false", "--multitenancy", "required",
                                "--overrides-file", path)
        check_groups(server)
        check_half(server)
        check_stripped(server, path)
        check_reload(server, path)
        expect("the exit status", server.stop(), 0)


if __name__ == "__main__":
    main()
