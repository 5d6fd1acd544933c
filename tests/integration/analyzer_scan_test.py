#!/usr/bin/env python3
"""cresset-analyzer scan on folders of its own: forms, exit statuses, broken and hostile input."""
import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

NOW = "2026-01-02T12:00:00Z"
POD = {"apiVersion": "v1", "kind": "Pod",
       "metadata": {"namespace": "shop", "name": "web", "uid": "1", "creationTimestamp": "2026-01-01T00:00:00Z"},
       "spec": {"nodeName": "n1", "containers": [{"name": "app", "envFrom": [{"configMapRef": {"name": "settings"}}]}]},
       "status": {"phase": "Pending"}}
CONFIG_MAP = {"metadata": {"namespace": "shop", "name": "settings"}}


def listed(kind, *items, version="v1"):
    return json.dumps({"kind": kind + "List", "apiVersion": version, "metadata": {}, "items": items})


def fail(text):
    sys.exit(text)


def expect(what, got, wanted):
    if got != wanted:
        fail(f"{what}: got {got!r}, wanted {wanted!r}")


def expect_in(what, part, text):
    if part not in text:
        fail(f"{what}: no {part!r} in {text!r}")


class Input:
    """A folder of lists."""

    def __init__(self, program, folder, **files):
        self.program, self.folder = program, folder
        self.write("core_v1_pods.json", listed("Pod", POD))
        self.write("core_v1_configmaps.json", listed("ConfigMap"))
        for name, content in files.items():
            self.write(name, content)

    def write(self, name, content):
        path = os.path.join(self.folder, name)
        with (gzip.open if name.endswith(".gz") else open)(path, "wb") as out:
            out.write(content if isinstance(content, bytes) else content.encode())

    def remove(self, name):
        os.remove(os.path.join(self.folder, name))

    def scan(self, *options, status=None):
        done = subprocess.run([self.program, "scan", "--input", self.folder, "--now", NOW, *options], capture_output=True, timeout=120)
        if status is not None:
            expect(f"the exit status of {options}, which says {done.stderr.decode()!r}", done.returncode, status)
        return done.stdout.decode() + done.stderr.decode()

    def report(self, *options):
        return json.loads(self.scan("--output", "json", *options))


def checks(report):
    return [finding["check"] for finding in report["findings"]]


def unverified(report):
    return {entry["check"]: entry["reason"] for entry in report["unverified"]}


def check_forms(given):
    text = given.scan("--cluster", "prod", "--color", "never", status=1)
    for part in ("HIGH", "ConfigMap settings", "Pod shop/web", "for 1 d 12 h", "missing-configmap-ref", "kubectl -n shop"):
        expect_in("the text", part, text)
    if "\033" in text:
        fail("there are colours though none are wanted")
    expect_in("a coloured text", "\033[31m", given.scan("--color", "always"))
    report = given.report("--cluster", "prod")
    expect("the members of a report", list(report), ["cluster", "clock", "findings", "unverified"])
    expect("the clock", report["clock"], NOW)
    finding = report["findings"][0]
    expect("the members of a finding", list(finding), ["check", "severity", "object", "since", "title", "cause", "evidence", "fix",
                                                       "explains", "fingerprint"])
    expect("the object", finding["object"], {"kind": "Pod", "namespace": "shop", "name": "web"})
    expect("since when", finding["since"], "2026-01-01T00:00:00Z")
    if given.scan("--output", "json") != given.scan("--output", "json"):
        fail("two runs over the same input differ")
    sarif = json.loads(given.scan("--output", "sarif"))
    expect("the rule of SARIF", sarif["runs"][0]["results"][0]["ruleId"], "missing-configmap-ref")
    junit = xml.etree.ElementTree.fromstring(given.scan("--output", "junit"))
    expect("the failures of JUnit", junit.get("failures"), "1")


def check_statuses(given):
    given.scan(status=1)
    given.scan("--fail-on", "critical", status=0)
    given.scan("--namespace", "other", status=0)
    for options, says in ((("--output", "xml"), "junit"), (("--color", "alwyas"), "auto, always, never"), (("--fail-on", "bad"), "critical"), (("--now", "yesterday"), "2026-01-31"),
                          (("--inptu", "x"), "--input")):
        expect_in("the error", says, given.scan(*options, status=2))
    given.write("core_v1_configmaps.json", listed("ConfigMap", CONFIG_MAP))
    expect_in("what a healthy cluster gives", "Nothing is wrong", given.scan(status=0))
    given.write("core_v1_namespaces.json", listed("Namespace", {"metadata": {"name": "shop"}}))
    given.scan("--namespace", "shop", status=0)
    expect_in("the error", "--namespace 'shpo': there is no such namespace", given.scan("--namespace", "shpo", status=2))
    for option in ("--silences", "--log-signatures"):
        expect_in("the error", f"cresset-analyzer: {option}: ", given.scan(option, "/nonexistent", status=2))
    given.folder += "/none"
    expect_in("the error", f"cresset-analyzer: --input {given.folder}: cannot be opened: ", given.scan(status=2))


def check_by_hand(given):
    """What is asked for wrongly by hand is answered with what to do."""
    environment = {"PATH": os.environ["PATH"], "HOME": given.folder}
    for arguments, status, says in ((("--version",), 0, "cresset-analyzer 0."), (("--help",), 0, "--version"), ((), 2, "Usage: "), (("scna",), 2, "there is no verb 'scna'"),
                                    (("scan",), 2, "no cluster; --kubeconfig, --server or --input name one: "),
                                    (("scan", "--kubeconfig", "/nonexistent"), 2, "--kubeconfig: cannot read /nonexistent: "),
                                    (("explain",), 2, "explain needs CHECK"), (("explain", "readiness-failin"), 2, "there is readiness-failing"),
                                    (("explain", "readiness-failing"), 0, "# readiness-failing"), (("checks",), 0, "readiness-failing")):
        done = subprocess.run([given.program, *arguments], capture_output=True, text=True, timeout=60, env=environment)
        expect(f"the exit status of {arguments}", done.returncode, status)
        expect_in(f"what {arguments} says", says, done.stderr if status else done.stdout)


def check_what_cannot_be_read(given):
    """A kind that is forbidden, cut off, or not there is not empty."""
    broken = {"core_v1_configmaps.error-403.json": json.dumps({"kind": "Status", "message": "configmaps is forbidden"}),
              "core_v1_configmaps.json": listed("ConfigMap", CONFIG_MAP)[:-20], "core_v1_configmaps.json.gz": b""}
    given.remove("core_v1_configmaps.json")
    report = given.report()
    expect("findings without a list", checks(report), [])
    expect_in("why it could not verify", "does not have them", unverified(report)["missing-configmap-ref"])
    for name, content in broken.items():
        given.write(name, content)
        if name.endswith(".gz"):
            with open(os.path.join(given.folder, name), "wb") as out:
                out.write(gzip.compress(listed("ConfigMap", CONFIG_MAP).encode())[:30])
        report = given.report()
        expect(f"findings with {name}", checks(report), ["analyzer-partial-scan"])
        expect(f"the object with {name}", report["findings"][0]["object"], {"kind": "Backend", "namespace": "", "name": "kubernetes"})
        expect_in(f"why it could not verify with {name}", "configmaps could not be", unverified(report)["missing-configmap-ref"])
        given.remove(name)
    given.write("core_v1_configmaps.error-404.json", "404 page not found")
    expect("findings where the API is not there", checks(given.report()), ["missing-configmap-ref"])


def check_dumps(given):
    """What kubectl prints: one list of several kinds, YAML, single objects."""
    for name in os.listdir(given.folder):
        given.remove(name)
    given.write("all.json", json.dumps({"kind": "List", "apiVersion": "v1", "items": [
        POD, {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"namespace": "shop", "name": "other"}}]}))
    expect("findings of a list of several kinds", checks(given.report()), ["missing-configmap-ref"])
    given.write("more.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {namespace: shop, name: settings}\n---\n# nothing\n---\nkind: Other\n")
    expect("findings with a manifest beside it", checks(given.report()), [])
    given.write("my_cluster_dump.json", json.dumps({"kind": "List", "apiVersion": "v1", "items": [dict(POD, metadata=dict(
        POD["metadata"], namespace="other", uid="2"))]}))
    expect("findings of a dump whose name has two underscores", checks(given.report()), ["missing-configmap-ref"])
    check_named_by_hand(given)
    given.write("bad.yaml", "a: [")
    expect_in("the error about a bad file", "bad.yaml: line", given.scan(status=2))


def check_named_by_hand(given):
    """A single file is read whatever its name looks like."""
    folder = given.folder
    given.folder = os.path.join(folder, "cluster_v1_dump.json")
    with open(given.folder, "w", encoding="utf-8") as out:
        out.write(json.dumps({"kind": "List", "apiVersion": "v1", "items": [POD, dict(CONFIG_MAP, kind="ConfigMap", apiVersion="v1", metadata={
            "namespace": "shop", "name": "other"})]}))
    expect("findings of a single file", checks(given.report()), ["missing-configmap-ref"])
    given.folder = folder
    given.remove("cluster_v1_dump.json")


def check_hostile_objects(given):
    deep = json.dumps(POD)[:-1] + ',"deep":' + "[" * 100000 + "]" * 100000 + "}"
    evil = json.loads(json.dumps(POD))
    evil["metadata"].update(name="evil\x1b[31m\u202e<!channel>", uid="2", annotations={"big": "x" * (10 << 20)})
    evil["status"] = {"phase": "Pending", "containerStatuses": [{"restartCount": 1e300, "state": "no map"}], "conditions": 7}
    odd = [7, "text", None, [], {}, {"metadata": []}, {"metadata": {"name": ""}}, {"metadata": {"name": "x", "ownerReferences": {}}, "spec": []}]
    circle = [{"metadata": {"namespace": "shop", "name": name, "uid": name, "ownerReferences": [{"controller": True, "uid": other}]},
               "spec": {"containers": [{"envFrom": [{"configMapRef": {"name": "settings"}}]}]}, "status": {"phase": "Pending"}}
              for name, other in (("a", "b"), ("b", "a"))]
    given.write("core_v1_pods.json", '{"kind":"PodList","apiVersion":"v1","metadata":{"remainingItemCount":-1},"items":['
                + ",".join([deep, json.dumps(evil), *map(json.dumps, odd + circle)]) + "]}")
    started = time.monotonic()
    text = given.scan("--color", "never", status=1)
    if "\x1b" in text or "\u202e" in text:
        fail("what an object says came through as it is")
    expect_in("the findings", "evil", text)
    if time.monotonic() - started > 20:
        fail("hostile objects take too long")


def check_silences(given):
    """What a file says that nobody wants to hear of is not said, until the rule has expired."""
    path = os.path.join(given.folder, os.pardir, os.path.basename(given.folder) + ".silences")
    for until, status, said in (("2100-01-01T00:00:00Z", 0, ""), ("2020-01-01T00:00:00Z", 1, "silence 1 (known) has expired"), ("soon", 2, ":2: until")):
        with open(path, "w", encoding="utf-8") as out:
            out.write(f'silences:\n  - {{checks: missing-*, namespaces: sh*, until: "{until}", reason: known}}\n')
        done = subprocess.run([given.program, "scan", "--input", given.folder, "--silences", path], capture_output=True, timeout=60, check=False)
        expect("the status with silences until " + until, done.returncode, status)
        expect_in("what is said of silences until " + until, said, done.stderr.decode())
    os.remove(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    program = os.path.abspath(os.path.join(parser.parse_args().bin, "cresset-analyzer"))
    for check in (check_forms, check_statuses, check_by_hand, check_what_cannot_be_read, check_dumps, check_silences, check_hostile_objects):
        with tempfile.TemporaryDirectory() as folder:
            check(Input(program, folder))
            print(f"{check.__name__}: ok")


if __name__ == "__main__":
    main()
