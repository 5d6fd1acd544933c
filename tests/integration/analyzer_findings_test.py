#!/usr/bin/env python3
"""cresset-analyzer reports to the real server: what it prints is what the server then has, with tokens and without a server too."""
import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
import slack

POD = """---
apiVersion: v1
kind: Pod
metadata: {namespace: shop, name: web, uid: web, creationTimestamp: "2026-01-01T00:00:00Z"}
spec: {nodeName: n1, containers: [{name: app, envFrom: [{configMapRef: {name: settings}}]}]}
status: {phase: Pending}
"""
CONFIG_MAP = """---
apiVersion: v1
kind: ConfigMap
metadata: {namespace: shop, name: settings}
"""
OTHER = CONFIG_MAP.replace("settings", "other")
SECRET = "not-to-be-said"


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: got {got!r}, wanted {wanted!r}")


class Analyzer:
    def __init__(self, options, folder):
        self.program, self.folder = os.path.abspath(os.path.join(options.bin, "cresset-analyzer")), folder
        self.input = os.path.join(folder, "cluster.yaml")

    def call(self, verb, objects, minute, *options):
        """(exit status, stdout, stderr)"""
        with open(self.input, "w") as out:
            out.write(objects)
        done = subprocess.run([self.program, verb, "--input", self.input, "--cluster", "prod", "--now", f"2026-01-02T12:{minute:02}:00Z",
                               *options], capture_output=True, timeout=60, cwd=self.folder)
        if SECRET in done.stderr.decode():
            sys.exit("the token is said: " + done.stderr.decode())
        return done.returncode, done.stdout.decode(), done.stderr.decode()


def ask(server, path):
    connection = server.connect()
    connection.request("GET", "/api/v1/findings" + path, None, {"X-Scope-OrgID": "team", "Authorization": "Bearer " + SECRET})
    reply = connection.getresponse()
    expect("the status of " + path, reply.status, 200)
    return json.loads(reply.read())


def check_server(analyzer, server, url, token):
    status, printed, said = analyzer.call("scan", OTHER + POD, 0, "--output", "json", *url, *token)
    expect("a scan", (status, said), (1, ""))
    shown = ask(server, "")["findings"]
    wanted = json.loads(printed)["findings"]
    expect("what the server has", [{key: one[key] for key in wanted[0]} for one in shown], wanted)
    expect("whose it is", [(one["tenant"], one["cluster"], one["state"]) for one in shown], [("team", "prod", "open")])
    state = ("--state", os.path.join(analyzer.folder, "state.sqlite"))
    expect("a dry run", analyzer.call("run", OTHER + POD + CONFIG_MAP, 1, *state, *url, *token, "--dry-run")[0], 0)
    expect("what a dry run changes", len(ask(server, "")["findings"]), 1)
    expect("a run", analyzer.call("run", OTHER + POD + CONFIG_MAP, 1, *state, *url, *token)[::2], (0, ""))
    expect("what the server has then", ask(server, "")["findings"], [])
    types = [one["type"] for one in ask(server, "/" + wanted[0]["fingerprint"])["transitions"]]
    expect("how it went", types, ["resolved", "opened"])
    # An older report, and one of a stranger, are said in one line, and change nothing else.
    for what, minute, options, words in (("an older report", 0, token, "older"), ("a report without a token", 2, (), "401")):
        status, printed, said = analyzer.call("scan", OTHER + POD, minute, *url, *options)
        expect(what, (status, said.count("\n"), words in said, "Pod" in printed), (1, 1, True, True))
    expect("what is left of them", ask(server, "")["findings"], [])
    status, _, said = analyzer.call("scan", OTHER, 3, "--namespace", "shop", *url)
    expect("a part of the findings", (status, "--namespace" in said), (2, True))


def check_no_server(analyzer, url):
    """Whom a webhook tells hears of it all the same."""
    receiver = slack.Receiver()
    status, _, said = analyzer.call("run", OTHER + POD, 4, "--state", "told.sqlite", "--webhook-url", receiver.url,
                                    "--webhook-form", "slack", *url)
    expect("a run without the server", (status, said.count("\n"), "not reported" in said), (0, 1, True))
    expect("messages", len(receiver.messages), 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tokens, token = os.path.join(folder, "tokens.yaml"), os.path.join(folder, "token")
        with open(tokens, "w") as out:
            out.write("tokens:\n  - {name: analyzer, sha256: %s, tenants: [team]}\n" % hashlib.sha256(SECRET.encode()).hexdigest())
        with open(token, "w") as out:
            out.write(SECRET + "\n")
        server, analyzer = cresset.Server(options.bin, folder, "--self-profile=false", "--tokens-file", tokens), Analyzer(options, folder)
        url = ("--findings-url", f"http://{server.address}", "--findings-tenant", "team")
        check_server(analyzer, server, url, ("--findings-token-file", token))
        expect("the end", server.stop(), 0)
        check_no_server(analyzer, url)


main()
