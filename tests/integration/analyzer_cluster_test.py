#!/usr/bin/env python3
"""cresset-analyzer scan on a running API: lists in pages, what is refused, logs that a check wants."""
import argparse
import http.server
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import slack

NOW = "2026-01-02T12:00:00Z"
RESOURCES = {"pods": "Pod", "configmaps": "ConfigMap", "secrets": "Secret", "services": "Service", "events": "Event", "cronjobs": "CronJob"}


def pod(i, **status):
    return {"metadata": {"namespace": "shop", "name": f"web{i}", "uid": f"web{i}", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"nodeName": "n1", "containers": [{"name": "app", "envFrom": [{"configMapRef": {"name": "settings"}}]}]},
            "status": {"phase": "Running", **status}}


CRASHED = pod(0, containerStatuses=[{"name": "app", "restartCount": 7, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                                     "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}}])


COREFILE = {"metadata": {"namespace": "kube-system", "name": "coredns", "uid": "coredns", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "data": {"Corefile": ".:53 {\n    rewrite name shop.svc.cluster.local other.example\n}\n"}}
LOG = b"starting\nERROR cannot reach db: connection refused password=hunter2\n"
# What a kubelet answers with the status 200 when the container is gone.
GONE = b"unable to retrieve container logs for containerd://7f0a4c"
# Events that are asked for: those of trouble, and the normal ones that checks read.
METADATA_ONLY = "as=PartialObjectMetadataList"


EVENT_FIELDS = {"apiVersion", "kind", "metadata", "eventTime", "reportingController", "reportingInstance", "action", "reason", "regarding", "note", "type"}


def event_error(namespace, event):
    """Why the API server would refuse an Event of events.k8s.io/v1 (its validation of new ones), or None."""
    if set(event) != EVENT_FIELDS or event["apiVersion"] != "events.k8s.io/v1" or event["kind"] != "Event":
        return f"fields {sorted(event)}"
    if event["metadata"]["namespace"] != namespace or event["regarding"]["namespace"] != namespace:
        return "namespaces differ"
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event["eventTime"]):
        return f"eventTime {event['eventTime']}"
    if any(not 1 <= len(event[name]) <= 128 for name in ("reportingInstance", "action", "reason")) or len(event["note"].encode()) > 1024:
        return "a text has no good length"
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", event["metadata"]["name"]) or event["type"] not in ("Normal", "Warning"):
        return "name or type"
    return None


class Api:
    """Serves pods in pages of at most two, whatever is asked; paths in `refused` answer 403. Takes Events as strictly as a real one."""

    def __init__(self):
        self.refused, self.requests, self.events = set(), [], {}
        self.late = []  # ConfigMaps that were made after the list of all
        self.logs = {True: LOG, False: LOG}  # of the last run, of this one
        self.objects = {"pods": [CRASHED] + [pod(i) for i in range(1, 5)],
                        "configmaps": [{"metadata": {"namespace": "shop", "name": "settings"}}]}
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status, body, kind = api.answer(self.path, self.headers)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                status, body, kind = api.create(self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path, headers):
        url = urllib.parse.urlsplit(path)
        query = urllib.parse.parse_qs(url.query)
        self.requests.append((path, headers.get("Accept", "")))
        name = url.path.rsplit("/", 1)[-1]
        if url.path == "/api":
            return self.json({"kind": "APIVersions", "versions": ["v1"]})
        if url.path == "/apis":
            version = {"groupVersion": "batch/v1", "version": "v1"}
            return self.json({"kind": "APIGroupList", "apiVersion": "v1", "groups": [{"name": "batch", "versions": [version], "preferredVersion": version}]})
        if url.path == "/apis/batch/v1":
            return self.json({"kind": "APIResourceList", "groupVersion": "batch/v1", "resources": [
                {"name": "cronjobs", "kind": "CronJob", "namespaced": True, "verbs": ["get", "list"]}]})
        if url.path == "/api/v1":
            return self.json({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
                {"name": resource, "kind": kind, "namespaced": True, "verbs": ["get", "list"]} for resource, kind in RESOURCES.items() if kind != "CronJob"]})
        if name in self.refused:
            return self.json({"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403,
                              "message": f'{name} is forbidden: User "x" cannot list it'}, 403)
        if name == "log":
            return 200, self.logs["previous" in query], "text/plain"
        if "fieldSelector" in query:
            return self.select(name, url.path, query["fieldSelector"][0], headers)
        if name in self.objects:
            objects = self.objects[name]
            if METADATA_ONLY in headers.get("Accept", ""):
                objects = [{"metadata": one["metadata"]} for one in objects]
            return self.page(RESOURCES[name], objects, int(query.get("continue", ["0"])[0]))
        if name in RESOURCES:
            return self.page(RESOURCES[name], [], 0)
        return 404, b"404 page not found\n", "text/plain"

    def select(self, resource, path, selector, headers):
        """The one object that a list was asked for by its name, in a namespace."""
        namespace = re.fullmatch(r"/api/v1/namespaces/([^/]+)/[a-z]+", path)
        field, _, name = selector.partition("=")
        if namespace is None or field != "metadata.name" or METADATA_ONLY not in headers.get("Accept", ""):
            return self.json({"kind": "Status", "status": "Failure", "reason": "BadRequest", "code": 400, "message": f"{path} by {selector}"}, 400)
        if "lookup" in self.refused:
            return self.json({"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403, "message": "nobody looks twice"}, 403)
        objects = self.late if resource == "configmaps" else []
        return self.page(RESOURCES[resource], [one for one in objects if one["metadata"]["name"] == name
                                               and one["metadata"]["namespace"] == namespace.group(1)], 0)

    def create(self, path, event):
        namespace = re.fullmatch(r"/apis/events.k8s.io/v1/namespaces/([^/]+)/events", path)
        if namespace is None:
            return 404, b"404 page not found\n", "text/plain"
        error, name = event_error(namespace.group(1), event), event["metadata"]["name"]
        reason, status = ("Forbidden", 403) if "create" in self.refused else ("Invalid", 422) if error else ("AlreadyExists", 409) if name in self.events else (None, 201)
        if reason is not None:
            return self.json({"kind": "Status", "status": "Failure", "reason": reason, "code": status, "message": error or f"events: {reason}"}, status)
        self.events[name] = event
        return self.json(event, 201)

    def page(self, kind, objects, start):
        end = start + 2
        more = {"continue": str(end), "remainingItemCount": len(objects) - end} if end < len(objects) else {}
        return self.json({"kind": kind + "List", "apiVersion": "v1", "metadata": more, "items": objects[start:end]})

    @staticmethod
    def json(message, status=200):
        return status, json.dumps(message).encode(), "application/json"


def fail(text):
    sys.exit(text)


def expect(what, got, wanted):
    if got != wanted:
        fail(f"{what}: got {got!r}, wanted {wanted!r}")


def scan(program, api, *options):
    done = subprocess.run([program, "scan", "--server", api.url, "--now", NOW, "--output", "json", *options], capture_output=True, text=True,
                          timeout=120)
    if done.returncode == 2:
        fail(done.stderr)
    return json.loads(done.stdout)


def check_contents(program):
    """ConfigMaps are read with their content, Secrets never are."""
    api = Api()
    api.objects["configmaps"].append(COREFILE)
    report = scan(program, api, "--secrets")
    if "coredns-override" not in [finding["check"] for finding in report["findings"]]:
        fail(f"the content of ConfigMaps is not looked at: {report['findings']}")
    whole = [path for path, accept in api.requests if "/secrets" in path and METADATA_ONLY not in accept]
    expect("requests for the content of Secrets", whole, [])


def check(program):
    api = Api()
    report = scan(program, api)
    expect("the findings", [finding["check"] for finding in report["findings"]][:1], ["crashloop-dependency"])
    text = json.dumps(report)
    if "cannot reach db" not in text or "hunter2" in text:
        fail(f"the log is not quoted, or a secret is: {text}")
    pages = [path for path, _ in api.requests if path.startswith("/api/v1/pods")]
    expect("requests for pods", len(pages), 3)
    if any("/secrets" in path for path, _ in api.requests):
        fail("secrets were asked for")
    events = [urllib.parse.parse_qs(urllib.parse.urlsplit(path).query) for path, _ in api.requests if "/events" in path]
    expect("requests for events", events, [{"limit": ["500"], "timeout": ["30s"]}])
    api.logs = {True: GONE, False: LOG}
    expect("the finding by the log of the last run", scan(program, api)["findings"][0]["check"], "crashloop-dependency")
    api.logs[False] = GONE
    report = scan(program, api)
    expect("the finding without a log", report["findings"][0]["check"], "container-crashloop")
    if "unable to retrieve" in json.dumps(report):
        fail(f"what the kubelet says in place of a log counts as one: {report['findings'][0]}")
    api.refused = {"configmaps"}
    api.objects["configmaps"] = []
    report = scan(program, api, "--secrets")
    if any(finding["check"] == "missing-configmap-ref" for finding in report["findings"]):
        fail("what is forbidden counts as missing")
    reasons = {entry["check"]: entry["reason"] for entry in report["unverified"]}
    if "403" not in reasons.get("missing-configmap-ref", ""):
        fail(f"that configmaps are forbidden is not said: {reasons}")
    if not any("/secrets" in path for path, _ in api.requests):
        fail("--secrets does not list secrets")
    api.server.shutdown()
    api.server.server_close()
    done = subprocess.run([program, "scan", "--server", api.url], capture_output=True, text=True, timeout=120)
    expect("the exit status without a server", done.returncode, 2)
    if api.url not in done.stderr:
        fail(f"the error does not name the server: {done.stderr}")
    if ": 0 " in done.stderr:
        fail(f"the error has a status though nobody answered: {done.stderr}")


WAITING = {"metadata": {"namespace": "shop", "name": "new", "uid": "new", "creationTimestamp": "2026-01-02T11:50:00Z"},
           "spec": {"nodeName": "n1", "containers": [{"name": "app", "envFrom": [{"configMapRef": {"name": "fresh"}}]}]},
           "status": {"phase": "Pending"}}
FRESH = {"metadata": {"namespace": "shop", "name": "fresh"}}


def check_lookups(program):
    """What a list lacks, as it was made while the others were read, is no finding; it is asked for once, by its name."""
    api = Api()
    twin = json.loads(json.dumps(WAITING).replace('"new"', '"other"'))
    api.objects["pods"] = [WAITING, twin]

    def missing():
        api.requests.clear()
        report = scan(program, api)
        asked = [path for path, _ in api.requests if "fieldSelector" in path]
        expect("requests for what is missing", [urllib.parse.urlsplit(path).path for path in asked], ["/api/v1/namespaces/shop/configmaps"])
        return ([finding["object"]["name"] for finding in report["findings"] if finding["check"] == "missing-configmap-ref"],
                [entry["reason"] for entry in report["unverified"] if entry["check"] == "missing-configmap-ref"])

    expect("what misses a ConfigMap that nobody has", missing(), (["new", "other"], []))
    api.late = [FRESH]
    expect("what misses a ConfigMap that is there now", missing(), ([], []))
    api.refused = {"lookup"}
    expect("what misses a ConfigMap that cannot be asked for", missing(),
           ([], ["what is in no list could not be asked for: nobody looks twice"]))


CRONJOB = {"metadata": {"namespace": "obs", "name": "cresset-analyzer", "uid": "b7d6f3c0", "creationTimestamp": "2026-01-01T00:00:00Z"},
           "spec": {"schedule": "*/10 * * * *"}, "status": {"lastScheduleTime": "2026-01-02T12:00:00Z", "lastSuccessfulTime": "2026-01-02T12:00:00Z"}}


def check_failure_event(program):
    """Whoever looks at the CronJob sees that a receiver does not get its messages: one Event an hour, once a person has to look."""
    api, receiver = Api(), slack.Receiver()
    api.objects["cronjobs"] = [CRONJOB]
    with tempfile.TemporaryDirectory() as folder:
        def run(clock, status, *options):
            done = subprocess.run([program, "run", "--server", api.url, "--now", f"2026-01-02T{clock}:00Z", "--cluster", "prod", "--state",
                                   os.path.join(folder, "state.sqlite"), "--webhook-url", receiver.url, "--webhook-form", "slack",
                                   "--failure-event", "obs/cresset-analyzer", *options], capture_output=True, text=True, timeout=120)
            expect(f"the exit status at {clock}, with {done.stderr!r}", done.returncode, status)
            return done.stderr
        receiver.answers = [(503, "", {}), (503, "", {}), (404, "no_service", {}), (404, "no_service", {}), (404, "no_service", {})]
        run("12:00", 0)
        expect("Events of a first failure", api.events, {})
        run("12:10", 2)
        (event,) = api.events.values()
        expect("what it is about", event["regarding"], {"apiVersion": "batch/v1", "kind": "CronJob", "namespace": "obs", "name": "cresset-analyzer", "uid": "b7d6f3c0"})
        expect("what it says", (event["type"], event["reason"], event["note"]), ("Warning", "DeliveryFailing", "slack-delivery-failing: "
               "receiver webhook has failed 2 times in 10 min, 1 change waits: 503"))
        run("12:20", 2)
        run("12:25", 2)  # nothing is sent before the next try
        expect("Events of an hour", len(api.events), 1)
        run("13:00", 2)
        expect("Events of two hours", len(api.events), 2)
        api.refused = {"create"}
        said = run("14:00", 2)
        if "--failure-event: no Event could be created at obs/cresset-analyzer: " not in said or "Forbidden" not in said:
            fail(f"that there is no Event is not said: {said!r}")
        run("15:00", 0)
        expect("Events when it works again", len(api.events), 2)
        for value, words in (("cresset", "NAMESPACE/NAME"), ("a/b/c", "NAMESPACE/NAME"), ("/x", "NAMESPACE/NAME")):
            if words not in run("15:10", 2, "--failure-event", value):
                fail(f"{value!r} is taken for a CronJob")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    program = os.path.abspath(os.path.join(parser.parse_args().bin, "cresset-analyzer"))
    for one in (check, check_contents, check_lookups, check_failure_event):
        one(program)
        print(f"{one.__name__}: ok")


if __name__ == "__main__":
    main()
