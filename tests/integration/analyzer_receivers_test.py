#!/usr/bin/env python3
"""cresset-analyzer run: each kind of message, of any size and with any text in it, is taken by receivers that are as strict as the real ones."""
import argparse
import json
import os
import re
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "harness"))
import discord
import slack
import teams
import webhook
from analyzed import BROKEN, HEALED, MINUTE, POD, Cluster, expect, fail

READINESS = os.path.join(HERE, "..", "golden", "stories", "own-readiness.yaml")
CEPH = """---
apiVersion: ceph.rook.io/v1
kind: CephCluster
metadata: {{namespace: shop, name: store, uid: store, creationTimestamp: "2026-01-01T00:00:00Z"}}
status: {{ceph: {{health: {health}, lastChanged: "2026-01-01T00:00:00Z", details: {{OSD_DOWN: {{severity: {health}, message: 1 osds down}}}}}}}}
"""


class Mattermost(webhook.Receiver):
    """Also Rocket.Chat: one text. The lower of their limits is that of Rocket.Chat, Message_MaxAllowedSize (5,000)."""

    path = "/hooks/secret"

    def judge(self, body):
        text = json.loads(body).get("text")
        return (200, "ok", {}) if isinstance(text, str) and 1 <= len(text) <= 5000 else (400, "no text, or a long one", {})


FORMS = {"slack": (slack.Receiver, slack.words), "discord": (discord.Receiver, discord.words), "teams": (teams.Receiver, teams.words),
         "markdown": (Mattermost, lambda message: message["text"])}


def words_of(cluster):
    """The text of the one message that was told."""
    expect(f"{cluster.form}: messages that were refused", cluster.receiver.refusals, [])
    messages = cluster.told()
    expect(f"{cluster.form}: messages", len(messages), 1)
    return FORMS[cluster.form][1](messages[0])


def check_says(cluster, *parts):
    text = words_of(cluster)
    for part in parts:
        if part not in text:
            fail(f"{cluster.form}: no {part!r} in {text!r}")
    return text


def end(cluster):
    for _ in range(3):
        cluster.run(HEALED)
    check_says(cluster, "prod: 1 resolved; 0 open", "✅ resolved: ", "UTC, ")


def check_life(cluster):
    """A fault from when it was found to its last end."""
    cluster.run(BROKEN)
    check_says(cluster, "prod: 1 already there; 1 open", "🟠", "Pod web needs ConfigMap settings", "kubectl -n shop", "cresset.dev/ignore: missing-configmap-ref")
    end(cluster)
    for _ in range(2):
        cluster.run(BROKEN)
        check_says(cluster, "prod: 1 back; 1 open")
        end(cluster)
    cluster.run(BROKEN)
    check_says(cluster, "prod: 1 flapping; 1 open")
    cluster.run(BROKEN, 361 * MINUTE)
    check_says(cluster, "1 reminder; 1 open", "reminder", "since")
    cluster.run(BROKEN + POD.format(name="pay", needs="keys"))
    check_says(cluster, "prod: 1 new; ", "Pod shop/pay")


def check_worse(cluster):
    cluster.run("")
    cluster.run(CEPH.format(health="HEALTH_WARN"))
    check_says(cluster, "prod: 1 new; 1 open", "🟡")
    cluster.run(CEPH.format(health="HEALTH_ERR"))
    check_says(cluster, "prod: 1 worse; 1 open", "🔴")


def check_consequences(cluster):
    """What a fault explains is named, when it is new and when it is told again."""
    with open(READINESS) as source:
        cluster.objects = source.read()
    cluster.run("")
    named = "explains 1 more: Service web"
    check_says(cluster, "Pod web-1", named)
    cluster.run("", 361 * MINUTE)
    check_says(cluster, "1 reminder; 1 open", named)


def check_many_consequences(cluster):
    """Of many the first ones."""
    services = "".join(f"""---
apiVersion: v1
kind: Service
metadata: {{namespace: shop, name: web-{i}, uid: svc-web-{i}, creationTimestamp: "2026-01-01T00:00:00Z"}}
spec: {{selector: {{app: web}}, ports: [{{port: 80, targetPort: 8080, protocol: TCP}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{namespace: shop, name: piece-{i}, uid: slice-{i}, labels: {{kubernetes.io/service-name: web-{i}}}, creationTimestamp: "2026-01-01T00:00:00Z"}}
addressType: IPv4
ports: [{{port: 8080, protocol: TCP}}]
endpoints: [{{addresses: [10.0.0.1], conditions: {{ready: false}}, targetRef: {{kind: Pod, namespace: shop, name: web-1, uid: web-1}}}}]
""" for i in range(14))
    with open(READINESS) as source:
        cluster.objects = source.read()
    cluster.run(services)
    check_says(cluster, "explains 15 more: Service web", "; Service web-0", "; Service web-1", "; …")


def check_storm(cluster):
    cluster.run("")
    cluster.run("".join(POD.format(name=f"storm{i}", needs=f"map{i}") for i in range(200)))
    check_says(cluster, "prod: 200 new; 200 open", " like it: ")
    cluster.run("", 20 * MINUTE)
    check_says(cluster, "prod: 200 resolved; 0 open", "and 199 like it: ")


def check_long(cluster):
    """Names as long as they may be, that all have to be told apart."""
    long = "".join(POD.format(name=f"{'p' * 240}{i}", needs=f"{'m' * 240}{i}").replace("namespace: shop", f"namespace: {'n' * 60}{i}") for i in range(120))
    cluster.run("")
    cluster.run(long)
    check_says(cluster, "prod: 120 new; 120 open", "p" * 240, " more")
    cluster.run("", 20 * MINUTE)
    check_says(cluster, "prod: 120 resolved; 0 open", " more")


def check_emojis(cluster):
    """Characters of four bytes, cut at none of them."""
    cluster.run(POD.format(name="web", needs='"' + "🦊é中🚀" * 60 + '"'))
    text = check_says(cluster, "🦊")
    if "\ufffd" in text:
        fail(f"{cluster.form}: half a character in {text!r}")


HOSTILE = ("@everyone", "@here", "<@123>", "<@&4>", "<!channel>", "[click](https://evil.example)", "https://evil.example", "**bold**", "# heading",
           "||spoiler||", "~~gone~~", "```code", "<at>all</at>", "![i](https://evil.example/i.png)", "{{$env}}")
MARKDOWN = r"@everyone", r"@here", r"(?<!\\)<[@!a]", r"(?<!\\)\]\(https:", r"https://evil", r"(?<!\\)\*\*bold", r"(?<!\\)# heading", r"(?<!\\)\|\|", r"(?<!\\)~~", r"(?<!\\)```"
LIVE = {"slack": (r"<!channel>", r"<@", r"<at", r"```code"), "discord": MARKDOWN, "teams": MARKDOWN, "markdown": MARKDOWN}


def check_foreign_text(cluster):
    """What strangers write is text: it mentions nobody, links nowhere and makes no marks."""
    pods = ""
    cluster.run("")
    for i, foreign in enumerate(HOSTILE):
        pods += POD.format(name=f"evil{i}", needs=json.dumps(foreign))
        cluster.run(pods, MINUTE)
        text = check_says(cluster, f"Pod shop/evil{i}")
        for mark in LIVE[cluster.form]:
            if re.search(mark, text):
                fail(f"{cluster.form}: {mark!r} is live in {text!r}")


def check_daily(cluster):
    path = os.path.join(cluster.folder, "notify.yaml")
    with open(path, "w") as out:
        json.dump({"receivers": [{"name": "ops", "form": cluster.form, "url": cluster.receiver.url}], "daily": {"at": "13:00", "receivers": ["ops"]}}, out)
    options = "--webhook-url", "", "--notify-file", path
    for _ in range(3):
        cluster.run("", 30 * MINUTE, 0, *options)
    check_says(cluster, "prod: all quiet; 0 open")


class Anything(webhook.Receiver):
    def judge(self, body):
        return 200, "", {}


def check_programs(program):
    """Programs get what a fault explains too."""
    for form, find in (("generic", lambda one: (one["n_explained"], one["explains"][0])), ("alertmanager", lambda one: one["annotations"]["explains"])):
        with tempfile.TemporaryDirectory() as folder:
            cluster = Cluster(program, folder, Anything(), form)
            with open(READINESS) as source:
                cluster.objects = source.read()
            cluster.run("")
            title = "Service web has no ready endpoint"
            expect(form, find(cluster.told()[0][0]), (1, title) if form == "generic" else f"explains 1 more: {title}")


def check_outage_of_discord(program):
    """Discord names the time to wait in its JSON; a webhook that was deleted is said."""
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(program, folder, discord.Receiver(), "discord")
        cluster.run("")
        cluster.receiver.answers.append(discord.rate_limited(1500.5))
        cluster.run(BROKEN)
        requests = cluster.receiver.requests
        cluster.run(BROKEN, 20 * MINUTE)
        expect("requests before the time that Discord named", cluster.receiver.requests, requests)
        cluster.receiver.answers.append(discord.UNKNOWN)
        said, _ = cluster.run(BROKEN, 6 * MINUTE, 2)
        if "Unknown Webhook" not in said:
            fail(f"what Discord says is not said: {said!r}")
        cluster.run(BROKEN, 40 * MINUTE)
        check_says(cluster, "Pod shop/web")


def check_no_success(program):
    """What a proxy says is no success, whoever the receiver is, and nothing is lost by it."""
    for form, (receiver, _) in FORMS.items():
        with tempfile.TemporaryDirectory() as folder:
            cluster = Cluster(program, folder, receiver(), form)
            cluster.run("")
            cluster.receiver.answers.append((200, "<html>Sign in to the network</html>", {}))
            said, _ = cluster.run(BROKEN, 10 * MINUTE, 2)
            if "Sign in to the network" not in said:
                fail(f"{form}: the page is not said: {said!r}")
            cluster.run(BROKEN, 40 * MINUTE)
            check_says(cluster, "Pod shop/web")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    program = os.path.abspath(os.path.join(parser.parse_args().bin, "cresset-analyzer"))
    for check in (check_life, check_worse, check_consequences, check_many_consequences, check_storm, check_long, check_emojis, check_foreign_text, check_daily):
        for form, (receiver, _) in FORMS.items():
            with tempfile.TemporaryDirectory() as folder:
                check(Cluster(program, folder, receiver(), form))
        print(f"{check.__name__}: ok")
    for check in (check_programs, check_outage_of_discord, check_no_success):
        check(program)
        print(f"{check.__name__}: ok")


if __name__ == "__main__":
    main()
