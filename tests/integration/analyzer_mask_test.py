#!/usr/bin/env python3
"""No name of a recorded cluster stands in what would be sent to a model, whatever its findings say.

The recordings are not part of the repository: they lie in ../shared/data/clusters beside it, or nowhere.
"""
import argparse
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile

RECORDINGS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "shared", "data", "clusters")
SKIPPED = 77
# What every cluster has: it may be told.
PUBLIC = {"alloy", "api", "config", "controller", "coredns", "data", "default", "ingress-nginx", "kube-dns", "kube-system", "kubernetes",
          "metrics-server", "nginx", "None", "true"}


def fail(text):
    sys.exit(text)


def lists(folder):
    for name in sorted(os.listdir(folder)):
        if ".error-" in name or not name.endswith((".json", ".json.gz")):
            continue
        with (gzip.open if name.endswith(".gz") else open)(os.path.join(folder, name), "rb") as file:
            yield from json.load(file).get("items") or []


def strings(value):
    """Every (key, text) below a value."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from [(key, child)] if isinstance(child, str) else strings(child)
    elif isinstance(value, list):
        for child in value:
            yield from strings(child)


def originals(folder):
    found = set()
    for item in lists(folder):
        meta = item["metadata"]
        found |= {meta["name"], meta.get("namespace", ""), *(meta.get("labels") or {}).values()}
        spec, status = item.get("spec") or {}, item.get("status") or {}
        for part in (spec, status) if "versions" not in spec else ():
            found |= {text for key, text in strings(part) if key in (
                "nodeName", "podIP", "hostIP", "clusterIP", "address", "host", "image", "claimName", "secretName", "volumeName", "externalName",
                "serviceAccountName", "storageClassName", "volumeHandle", "providerID", "podCIDR", "hostname")}
        for container in (spec.get("containers") or []) + ((spec.get("template") or {}).get("spec") or {}).get("containers", []):
            found |= {container["name"], container.get("image", "")}
    return {name for name in found if len(name) >= 2 and not re.fullmatch(r"v?[0-9.]+[A-Za-z]{0,2}", name)}


def check_recording(program, name, store):
    folder = os.path.join(RECORDINGS, name)
    with open(os.path.join(folder, "clock")) as clock:
        now = clock.read().strip()
    done = subprocess.run([program, "scan", "--input", os.path.join(folder, "lists"), "--now", now, "--tier", "3", "--cluster", "acme-prod-eu",
                           "--llm-dry-run", "--llm-model", "m", "--llm-log-lines", "always", "--llm-calls", "1000", "--llm-bytes", "64MiB",
                           "--llm-store", store], capture_output=True, text=True, timeout=300)
    if done.returncode != 0 or " 0 for a leak" not in done.stderr:
        fail(f"{name}: {done.stderr}")
    bodies = [json.loads(line) for line in done.stdout.splitlines()]
    sent = "\n".join(body["messages"][1]["content"] for body in bodies).lower().replace("_", "-")
    words = set(re.findall(r"[a-z0-9]+", sent))
    seen = []
    for original in originals(os.path.join(folder, "lists")) | {"acme-prod-eu"}:
        folded = original.lower().replace("_", "-")
        if original in PUBLIC or not set(re.findall(r"[a-z0-9]+", folded)) <= words:
            continue
        if re.search(r"(?<![a-z0-9])" + re.escape(folded) + r"(?![a-z0-9])", sent):
            seen.append(original)
    return len(bodies), seen


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    program = os.path.abspath(os.path.join(parser.parse_args().bin, "cresset-analyzer"))
    if not os.path.isdir(RECORDINGS):
        print("skipped: there are no recordings of clusters beside this repository")
        sys.exit(0 if os.environ.get("CI") == "true" else SKIPPED)  # they are no tool that could be installed
    total, wrong = 0, {}
    with tempfile.TemporaryDirectory() as folder:
        for name in sorted(os.listdir(RECORDINGS)):
            if os.path.exists(os.path.join(RECORDINGS, name, "clock")):
                n, seen = check_recording(program, name, os.path.join(folder, "llm.sqlite"))
                total += n
                if seen:
                    wrong[name] = sorted(seen)
    if wrong:
        fail("\n".join(f"{name}: {seen}" for name, seen in wrong.items()))
    if total < 30:
        fail(f"only {total} findings: the test has nothing to look at")
    print(f"{total} findings: ok")


if __name__ == "__main__":
    main()
