#!/usr/bin/env python3
"""Usage groups and sampling of tenants in a real server: what they count and drop, that the same profile sent again
has the same fate, that other tenants are left alone, and that a file which is written anew holds."""
import argparse
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


def count(server, what, tenant, group):
    return metric(server, f'cresset_ingest_usage_group_{what}_total{{tenant="{tenant}",usage_group="{group}"}}')


def dropped(server):
    return metric(server, 'pyroscope_discarded_samples_total{reason="dropped_by_sampling_rules"}')


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
        write(path, GROUPS)
        server = cresset.Server(options.bin, folder, "--self-profile=false", "--multitenancy", "required",
                                "--overrides-file", path)
        check_groups(server)
        check_half(server)
        check_reload(server, path)
        expect("the exit status", server.stop(), 0)


if __name__ == "__main__":
    main()
