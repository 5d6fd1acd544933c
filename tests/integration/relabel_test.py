#!/usr/bin/env python3
"""Relabel rules of tenants in a real server: what they change, drop and leave to others, that a rule which cannot
be run refuses the push, and that a file which is written anew holds."""
import argparse
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
from formats_test import Client
from tenancy_test import metric

RELOAD_S = 40  # read again within 10 s; a busy machine is slow, not wrong
RULES = r"""
overrides:
  ruled:
    ingestion_relabeling_rules:
      - {action: drop, source_labels: [namespace], regex: dev}
      - {action: labeldrop, regex: pod}
      - {source_labels: [service_name], regex: '(.*)-v\d+', target_label: application, replacement: $1}
  endless:
    ingestion_relabeling_rules:
      - {action: drop, source_labels: [pod], regex: '(a|aa)+b|(.*)*(.*)*[x]'}
"""
NO_RULES = "overrides: {}\n"


def push(server, tenant, **labels):
    """The status of one push and what it says."""
    profile = cresset.pprof({("f",): 10_000_000}, time.time_ns())
    body = cresset.push_request({"__name__": "process_cpu", **labels}, profile)
    return Client(server, tenant).post("/push.v1.PusherService/Push", body, "application/proto")


def series(server, tenant):
    """Without the labels that the server adds; sorted."""
    sets = Client(server, tenant).ask("Series").get("labelsSet", [])
    return sorted(sorted((pair["name"], pair["value"]) for pair in one["labels"] if not pair["name"].startswith("__"))
                  for one in sets)


def dropped(server):
    return metric(server, 'pyroscope_discarded_samples_total{reason="dropped_by_relabel_rules",tenant="ruled"}')


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: {got}, not {wanted}")


def write(path, text):
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


def check_rules(server):
    labels = {"service_name": "shop-v3", "namespace": "prod", "pod": "p1"}
    expect("a push", push(server, "ruled", **labels)[0], 200)
    expect("a push that is dropped", push(server, "ruled", **{**labels, "namespace": "dev"})[0], 200)
    expect("a push of a tenant without rules", push(server, "free", **{**labels, "namespace": "dev"})[0], 200)
    expect("the series by rules", series(server, "ruled"),
           [[("application", "shop"), ("namespace", "prod"), ("service_name", "shop-v3")]])
    expect("the series without", series(server, "free"),
           [[("namespace", "dev"), ("pod", "p1"), ("service_name", "shop-v3")]])
    expect("what was dropped", dropped(server), 1)


def check_endless(server):
    """A permanent error: clients do not send again."""
    status, body = push(server, "endless", service_name="shop", pod="a" * 1000)
    expect("the status of a push whose rule cannot be run", status, 400)
    if b"ingestion_relabeling_rules: relabel rule 1" not in body:
        sys.exit(f"the rule is not named: {body}")
    expect("the series of it", series(server, "endless"), [])


def check_reload(server, path):
    """A broken file leaves the rules as they were."""
    write(path, RULES.replace("labeldrop", "labeldrp"))
    cresset.wait_for(lambda: metric(server, "cresset_server_overrides_current") == 0, RELOAD_S, "the broken file to be seen")
    if "did you mean labeldrop?" not in server.log():
        sys.exit("the log does not name what is wrong with the file")
    push(server, "ruled", service_name="still", namespace="dev")
    expect("what was dropped with the broken file", dropped(server), 2)
    write(path, NO_RULES)

    def is_taken():
        push(server, "ruled", service_name="late", namespace="dev")
        return [("namespace", "dev"), ("service_name", "late")] in series(server, "ruled")
    cresset.wait_for(is_taken, RELOAD_S, "the rules to go")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "overrides.yaml")
        write(path, RULES)
        server = cresset.Server(options.bin, folder, "--self-profile=false", "--multitenancy", "required",
                                "--overrides-file", path)
        check_rules(server)
        check_endless(server)
        check_reload(server, path)
        expect("the exit status", server.stop(), 0)


if __name__ == "__main__":
    main()
