#!/usr/bin/env python3
"""cresset-analyzer run: what changes in a cluster is told once, to a receiver that is as strict as Slack."""
import argparse
import contextlib
import datetime
import json
import os
import re
import sqlite3
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import slack
from analyzed import BROKEN, CONFIG_MAP, HEALED, MINUTE, POD, Cluster, expect, fail


def check_once(cluster):
    cluster.run("")
    expect("messages about a healthy cluster", cluster.told(), [])
    cluster.run(BROKEN)
    first = cluster.told()
    expect("messages about a new fault", len(first), 1)
    text = slack.words(first[0])
    expect("what a telephone shows", first[0]["text"], "prod: 1 new; 1 open\n🟠 Pod web needs ConfigMap settings, which does not exist")
    for part in ("prod: 1 new; 1 open", "ConfigMap settings", "Pod shop/web", "kubectl -n shop", "`cresset.dev/ignore: missing-configmap-ref`"):
        if part not in text:
            fail(f"no {part!r} in {text!r}")
    for _ in range(100):
        cluster.run(BROKEN, MINUTE)
    expect("messages about an unchanged cluster", cluster.told(), [])
    for _ in range(5):
        cluster.run(HEALED)
    ended = cluster.told()
    expect("messages about a healed cluster", len(ended), 1)
    expect("its headline", slack.headline(ended[0]), "prod: 1 resolved; 0 open")


def check_outage(cluster):
    """For an hour Slack answers with what goes away, then all is told in one message."""
    busy = [(500, "rollup_error", {}), (503, "", {}), (429, "rate_limited", {"Retry-After": "30"})]
    pods = ""
    for i in range(6):
        pods += POD.format(name=f"pay{i}", needs="keys")
        cluster.receiver.answers.append(busy[i % len(busy)])
        said, _ = cluster.run(pods, 10 * MINUTE, 0 if i == 0 else 2)
        if "the message waits" not in said:
            fail(f"the outage is not said: {said!r}")
        if (i > 0) != ("slack-delivery-failing: receiver webhook has failed" in said):
            fail(f"a receiver that fails again is not said, or one that fails once is: {said!r}")
    expect("messages during the outage", cluster.told(), [])
    cluster.run(pods)
    after = cluster.told()
    expect("messages after the outage", [slack.headline(message) for message in after], ["prod: 6 new; 6 open"])
    cluster.run("")
    expect("messages when they are gone", [slack.headline(message) for message in cluster.told()], ["prod: 6 resolved; 0 open"])


def check_corrupt_state(cluster):
    """A state that is damaged is set aside with one line; what is open is told as already there, in one message, and its end once."""
    path, pods = os.path.join(cluster.folder, "state.sqlite"), "".join(POD.format(name=f"pay{i}", needs=f"keys{i}") for i in range(30))
    cluster.run(pods)
    expect("messages before the damage", len(cluster.told()), 1)
    with open(path, "r+b") as state:
        state.write(b"\xff" * 4096)
    said, _ = cluster.run(pods)
    if said.count("\n") != 1 or f"state: {path}: " not in said or f"it is kept as {path}.corrupt-" not in said:
        fail(f"what became of the state is not said in one line: {said!r}")
    expect("messages after the damage", [slack.headline(one) for one in cluster.told()], ["prod: 30 already there; 30 open"])
    for _ in range(10):
        expect("what is said later", cluster.run(pods)[0], "")
    expect("messages of ten runs after it", cluster.told(), [])
    cluster.run("")
    expect("messages about the end", [slack.headline(one) for one in cluster.told()], ["prod: 30 resolved; 0 open"])


def check_retry_after(cluster):
    cluster.receiver.answers.append((429, "rate_limited", {"Retry-After": "600"}))
    cluster.run(BROKEN)
    before = cluster.receiver.requests
    cluster.run(BROKEN, 5 * MINUTE)
    expect("requests before the time that Slack named", cluster.receiver.requests, before)
    cluster.run(BROKEN, 6 * MINUTE)
    expect("messages after it", len(cluster.told()), 1)
    cluster.run("")
    cluster.told()


def check_refusals(cluster):
    """What is refused for good is said, kept, and told when a person has mended it."""
    for status, body in ((403, "invalid_token"), (404, "no_service"), (410, "channel_is_archived")):
        cluster.receiver.answers.append((status, body, {}))
        said, _ = cluster.run(BROKEN, 40 * MINUTE, 2)
        if body not in said:
            fail(f"{body} is not said: {said!r}")
    cluster.run(BROKEN, 40 * MINUTE)
    expect("messages after it was mended", len(cluster.told()), 1)
    cluster.receiver.answers.append((400, "invalid_blocks", {}))
    cluster.run("")
    plain = cluster.told()
    expect("messages when blocks are refused", len(plain), 1)
    if "blocks" in plain[0] or "resolved" not in plain[0]["text"]:
        fail(f"the message is not plain: {plain}")


def check_urls(cluster):
    """A URL that can never be sent to is said, with an exit status that a CronJob shows."""
    said, _ = cluster.run(BROKEN, 10 * MINUTE, 2, "--webhook-url", "hooks.example/secret")
    if "not a URL" not in said:
        fail(f"the malformed URL is not said: {said!r}")
    said, _ = cluster.run(BROKEN, 10 * MINUTE, 2, "--webhook-form", "slak")
    if "--webhook-form: 'slak' is none of auto, slack" not in said:
        fail(f"the option of the form is not named: {said!r}")
    empty = os.path.join(cluster.folder, "url")
    with open(empty, "w") as out:
        out.write("\n")
    said, _ = cluster.run(BROKEN, 10 * MINUTE, 2, "--webhook-url-file", empty)
    if "--webhook-url-file" not in said:
        fail(f"the empty file is not said: {said!r}")
    cluster.run(BROKEN, 40 * MINUTE)
    expect("messages after it was mended", len(cluster.told()), 1)


def check_overlap(cluster):
    """A run that begins while another one sends does not send the same."""
    answer = cluster.receiver.answer

    def overlap(body):
        cluster.receiver.answer = answer
        cluster.run(BROKEN, MINUTE)
        return answer(body)

    cluster.receiver.answer = overlap
    cluster.run(BROKEN)
    expect("messages of two runs", len(cluster.told()), 1)


def check_no_receiver(cluster):
    """Who comes later is told once of what is still open, as already there."""
    cluster.run(BROKEN, 10 * MINUTE, 0, "--webhook-url", "")
    cluster.run(BROKEN)
    expect("messages about what was before there was a receiver", [slack.headline(message) for message in cluster.told()],
           ["prod: 1 already there; 1 open"])
    cluster.run(BROKEN)
    expect("messages about it again", cluster.told(), [])
    cluster.run(BROKEN + POD.format(name="pay", needs="keys"))
    expect("messages about what is new", [slack.headline(message) for message in cluster.told()], ["prod: 1 new; 2 open"])


NAMESPACE = """---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: payments}}
"""


def write_notify_file(cluster, pay, more=""):
    """Two receivers: the cluster's for most, `pay` also for what belongs to the payments team."""
    path = os.path.join(cluster.folder, "notify.yaml")
    with open(path, "w") as out:
        out.write(f"receivers:\n  - {{name: ops, form: slack, severity: low, url: '{cluster.receiver.url}'}}\n  - {{name: pay, form: slack, url: '{pay.url}'}}\n"
                  "default: ops\nroutes:\n  - {receiver: pay, labels: {team: payments}, continue: true}\n  - {receiver: ops}\n" + more)
    return "--webhook-url", "", "--notify-file", path


def check_receivers(cluster):
    """One that is down holds nobody up and loses nothing; nobody hears anything twice."""
    pay = slack.Receiver()
    options = write_notify_file(cluster, pay)
    pods = NAMESPACE
    for i in range(6):
        pods += POD.format(name=f"pay{i}", needs="keys")
        pay.answers.append((503, "", {}))
        said, _ = cluster.run(pods, 10 * MINUTE, 0 if i == 0 else 2, *options)
        expect(f"messages of run {i} to the one that is up", [slack.headline(one) for one in cluster.told()], [f"prod: 1 new; {i + 1} open"])
        if "receiver pay" not in said or "receiver ops" in said:
            fail(f"who is down is not said: {said!r}")
    for _ in range(100):
        cluster.run(pods, MINUTE, 0, *options)
    expect("messages of 100 runs without a change", cluster.told(), [])
    expect("messages to the one that is back", [slack.headline(one) for one in pay.messages], ["prod: 6 new; 6 open"])
    del pay.messages[:]
    for _ in range(5):
        cluster.run(NAMESPACE, MINUTE, 0, *options)
    for receiver in (cluster.receiver, pay):
        expect("messages about the end", [slack.headline(one) for one in receiver.messages], ["prod: 6 resolved; 0 open"])


def check_failing_until_nothing_waits(cluster):
    """Who fails is said in every run, also in those that wait with the next try, until nothing is for them any more."""
    for status in (2, 2):
        cluster.receiver.answers.append((404, "no_service", {}))
        cluster.run(BROKEN, 40 * MINUTE, status)
    requests = cluster.receiver.requests
    said, _ = cluster.run(BROKEN, 5 * MINUTE, 2)
    expect("requests before the next try", cluster.receiver.requests, requests)
    if "slack-delivery-failing: receiver webhook has failed 2 times in 45 min, 1 change waits" not in said:
        fail(f"who fails is not said: {said!r}")
    cluster.run(BROKEN, 40 * MINUTE, 0, "--webhook-severity", "critical")  # so that what waits is not for them
    expect("messages", cluster.told(), [])


def check_failing_without_a_backlog(cluster):
    """Also who is to keep alerts open fails until it works again, though no change waits."""
    form = "--webhook-form", "alertmanager"
    cluster.receiver.answer = lambda body: (200, "ok", {})
    cluster.run(BROKEN, 10 * MINUTE, 0, *form)
    cluster.receiver.answer = lambda body: (404, "no_service", {})
    for _ in range(2):
        cluster.run(BROKEN, 40 * MINUTE, 2, *form)
    requests = cluster.receiver.requests
    said, _ = cluster.run(BROKEN, 5 * MINUTE, 2, *form)
    expect("requests before the next try", cluster.receiver.requests, requests)
    if "slack-delivery-failing: receiver webhook has failed 2 times in 45 min, 0 changes wait" not in said:
        fail(f"who fails is not said: {said!r}")
    cluster.receiver.answer = lambda body: (200, "ok", {})
    cluster.run(BROKEN, 40 * MINUTE, 0, *form)


def check_notify_file_errors(cluster):
    for more, words in (("rotues: []\n", ":8: the file: there is no key 'rotues', did you mean routes?"), ("default: nobody\n", "notify.yaml:8: ")):
        said, _ = cluster.run(BROKEN, 10 * MINUTE, 2, *write_notify_file(cluster, cluster.receiver, more))
        if words not in said:
            fail(f"no {words!r} in {said!r}")
    said, _ = cluster.run(BROKEN, 10 * MINUTE, 2, "--notify-file", os.path.join(cluster.folder, "notify.yaml"))
    if "--webhook-url" not in said:
        fail(f"two ways to name receivers are taken: {said!r}")


def check_silences(cluster):
    """Rules of the notify file and of a file of silences hold together, and each says which of its own have expired."""
    rules = os.path.join(cluster.folder, "silences.yaml")
    with open(rules, "w") as out:
        out.write("silences:\n  - {names: [web], reason: the move}\n")
    options = write_notify_file(cluster, slack.Receiver(), "silences:\n  - {names: [pay], until: 2026-01-02T13:00:00Z, reason: the key is on its way}\n")
    both = BROKEN + POD.format(name="pay", needs="keys")
    cluster.run(both, 10 * MINUTE, 0, *options, "--silences", rules)
    expect("messages when both are silenced", cluster.told(), [])
    cluster.run(both, 10 * MINUTE, 0, *options)
    text = slack.words(cluster.told()[0])
    if "ConfigMap settings" not in text or "ConfigMap keys" in text:
        fail(f"the rules of the notify file alone do not hold: {text!r}")
    said, _ = cluster.run(both, 60 * MINUTE, 0, *options, "--silences", rules)
    if "notify.yaml: silence 1 (the key is on its way) has expired on 2026-01-02T13:00:00Z" not in said:
        fail(f"what has expired is not said: {said!r}")
    text = slack.words(cluster.told()[0])
    if "ConfigMap keys" not in text:
        fail(f"a rule that has expired still holds: {text!r}")
    said, _ = cluster.run(both, 10 * MINUTE, 2, *write_notify_file(cluster, slack.Receiver(), "silences: [{names: pay}]\n"))
    if "notify.yaml:8: " not in said or "a silence needs a reason" not in said:
        fail(f"a silence without a reason is taken: {said!r}")


def check_quiet_hours(cluster):
    """What is not urgent waits for the morning and comes as one message; what is urgent does not wait."""
    mild = ('apiVersion: apps/v1\nkind: Deployment\nmetadata: {{namespace: shop, name: {name}, uid: {name}, creationTimestamp: "2026-01-01T00:00:00Z"}}\n'
            "spec: {{replicas: 1, paused: true, selector: {{matchLabels: {{a: {name}}}}}}}\n")
    options = write_notify_file(cluster, slack.Receiver(), "quiet_hours: [{from: '12:00', to: '15:00'}]\n")
    cluster.run("", 10 * MINUTE, 0, *options)
    cluster.run("".join("---\n" + mild.format(name=name) for name in ("a", "b")), 10 * MINUTE, 0, *options)
    expect("messages in quiet hours", cluster.told(), [])
    cluster.run("---\n" + mild.format(name="b") + BROKEN, 10 * MINUTE, 0, *options)
    expect("what is urgent in quiet hours", [slack.headline(one) for one in cluster.told()], ["prod: 1 new; 2 open"])
    while cluster.now.hour < 15:
        expect("messages in quiet hours", cluster.told(), [])
        cluster.run("---\n" + mild.format(name="b") + BROKEN, 10 * MINUTE, 0, *options)
    expect("what was held", [slack.headline(one) for one in cluster.told()], ["prod: 1 new, 1 resolved; 2 open"])


def check_daily(cluster):
    """Once a day a line says that all is quiet, or what is open."""
    options = write_notify_file(cluster, slack.Receiver(), "daily: {at: '13:00', receivers: [ops]}\n")
    texts = []
    for objects in ("", BROKEN):
        for _ in range(25):
            cluster.run(objects, 60 * MINUTE, 0, *options)
            texts += [slack.headline(one) for one in cluster.told()]
    expect("messages of two days", [text for text in texts if "reminder" not in text],
           ["prod: all quiet; 0 open", "prod: 1 new; 1 open", "prod: daily summary; 1 open"])


def check_heartbeat(cluster):
    """The heartbeat comes with each run that went well, and with no other."""
    heart = slack.Receiver()
    options = write_notify_file(cluster, slack.Receiver(), f"heartbeat_url: '{heart.url}'\n")
    cluster.run("", 10 * MINUTE, 0, *options)
    expect("heartbeats of a good run", heart.gets, 1)
    cluster.receiver.answers.append((404, "no_service", {}))
    cluster.run(BROKEN, 10 * MINUTE, 2, *options)
    expect("heartbeats of a bad run", heart.gets, 1)
    cluster.run(BROKEN, 40 * MINUTE, 0, *options)
    expect("heartbeats when all is well again", heart.gets, 2)


def read_metrics(text):
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if not line.startswith("#")}


def check_metrics(cluster):
    """Each answer of Slack is counted by its class, and what waits is seen; a Pushgateway gets the same text."""
    path, gateway = os.path.join(cluster.folder, "analyzer.prom"), slack.Receiver()
    options = "--metrics-file", path, "--metrics-url", gateway.url + "/metrics/job/cresset-analyzer"
    answers = [(400, "invalid_payload_of_another_kind", "4xx"), (400, "user_not_found", "4xx"), (403, "action_prohibited", "4xx"), (404, "channel_not_found", "4xx"), (410, "channel_is_archived", "4xx"),
               (429, "rate_limited", "429"), (500, "rollup_error", "5xx"), (503, "", "5xx")]
    counted = {}
    for i, (status, body, status_class) in enumerate(answers):
        n = 2 if body.startswith("invalid_payload") else 1  # once more as plain text
        cluster.receiver.answers += [(status, body, {})] * n
        cluster.run(BROKEN, 40 * MINUTE, 2, *options)
        counted[status_class] = counted.get(status_class, 0) + n
        with open(path) as text:
            metrics = read_metrics(text.read())
        for name, wanted in counted.items():
            expect(f"answers of the class {name} after {status} {body}", metrics['cresset_analyzer_webhook_answers_total{cluster="prod",receiver="webhook",class="%s"}' % name], wanted)
        expect("changes that wait", metrics['cresset_analyzer_outbox_changes{cluster="prod",receiver="webhook"}'] >= 1, True)
        expect("tries that have failed", metrics['cresset_analyzer_receiver_failures{cluster="prod",receiver="webhook"}'], i + 1)
    cluster.run(BROKEN, 40 * MINUTE, 0, *options)
    with open(path) as text:
        metrics = read_metrics(text.read())
    for name, wanted in (('webhook_answers_total{cluster="prod",receiver="webhook",class="2xx"}', 1), ('outbox_changes{cluster="prod",receiver="webhook"}', 0),
                         ('findings{cluster="prod",check="missing-configmap-ref",severity="high"}', 1), ('open_incidents{cluster="prod"}', 1),
                         ('last_success_timestamp_seconds{cluster="prod"}', cluster.now.replace(tzinfo=datetime.timezone.utc).timestamp())):
        expect(name, metrics["cresset_analyzer_" + name], wanted)
    expect("the text at the Pushgateway", read_metrics(gateway.puts[-1]), metrics)
    expect("what else is in the folder", sorted(os.listdir(cluster.folder)), ["analyzer.prom", "input", "state.sqlite"])
    gateway.server.shutdown()
    gateway.server.server_close()
    said, _ = cluster.run(BROKEN, 10 * MINUTE, 0, *options)
    if "--metrics-url" not in said:
        fail(f"a Pushgateway that is away is not said: {said!r}")
    cluster.run(BROKEN, 10 * MINUTE, 2, "--metrics-file", os.path.join(cluster.folder, "none", "file"))


def check_storm(cluster):
    """Two hundred at once are one message."""
    cluster.run("".join(POD.format(name=f"storm{i}", needs=f"map{i}") for i in range(200)))
    storm = cluster.told()
    expect("messages about a storm", [slack.headline(message) for message in storm], ["prod: 200 new; 200 open"])
    words = slack.words(storm[0])
    if "🟠 195 new: " not in words or "and 194 like it: " not in words or "more" in words:
        fail(f"what is alike does not share a line: {words!r}")
    cluster.run("", 20 * MINUTE)
    ended = cluster.told()
    expect("messages about its end", [slack.headline(message) for message in ended], ["prod: 200 resolved; 0 open"])
    if "and 199 like it: " not in slack.words(ended[0]):
        fail(f"what is alike does not share a line: {ended[0]!r}")


def check_storm_as_text(cluster):
    """The same for a receiver of Markdown, and what is not alike has lines of its own."""
    cluster.receiver.answer = lambda body: (cluster.receiver.messages.append(json.loads(body)), (200, "ok", {}))[1]
    pods = "".join(POD.format(name=f"storm{i}", needs=f"map{i}") for i in range(40))
    other = POD.format(name="far", needs="map").replace("shop", "far") + CONFIG_MAP.format(name="x").replace("shop", "far")
    cluster.run(pods + other, 10 * MINUTE, 0, "--webhook-form", "markdown")
    text = cluster.told()[0]["text"]
    n_details = text.count("First: ")
    if f" {40 - n_details} new: " not in text and f" {41 - n_details} new: " not in text:
        fail(f"what is alike does not share a line: {text!r}")
    if "far/far" not in text:
        fail(f"what is not alike is not told: {text!r}")


def check_foreign_text(cluster):
    hostile = '"<!channel> <https://evil.example|click> \\e[31m `code` ' + "&" * 500 + '"'
    cluster.run(POD.format(name="evil", needs=hostile))
    messages = cluster.told()
    expect("messages with foreign text", len(messages), 1)
    text = slack.words(messages[0])
    expect("marks of strangers", slack.foreign_marks(text), [])
    if "\x1b" in text:
        fail("an escape sequence came through")


def check_dry_run(cluster):
    _, printed = cluster.run(BROKEN, 60 * MINUTE, 0, "--dry-run")
    expect("what a dry run prints", slack.message_error(printed.encode()), None)
    expect("messages of a dry run", cluster.told(), [])
    cluster.run(BROKEN)
    expect("messages after it", len(cluster.told()), 1)
    cluster.run("", 10 * MINUTE, 0, "--dry-run", "--state", os.path.join(cluster.folder, "none.sqlite"))
    cluster.run("", 10 * MINUTE, 2, "--dry-run", "--state", cluster.folder)
    expect("files of the dry runs", sorted(os.listdir(cluster.folder)), ["input", "state.sqlite"])


def check_links(cluster):
    """A message leads to the finding on the server, and to what somebody has set up."""
    options = ("--findings-link", "https://cresset.example.com/", "--finding-link", "Runbook: https://wiki.example.com/{check}",
               "--finding-link", "Node: https://wiki.example.com/{cluster}/{namespace}")
    _, printed = cluster.run(BROKEN, 60 * MINUTE, 0, "--dry-run", *options)
    text = slack.words(json.loads(printed))
    found = re.search(r"<https://cresset\.example\.com/findings\?cluster=prod&amp;finding=[0-9a-f]{32}\|Finding>\n"
                      r"<https://wiki\.example\.com/missing-configmap-ref\|Runbook>\n<https://wiki\.example\.com/prod/shop\|Node>", text)
    if found is None:
        fail(f"the links are not in {text!r}")
    said, _ = cluster.run(BROKEN, MINUTE, 2, "--finding-link", "Runbook: https://wiki.example.com/{pod}")
    if "--finding-link 'Runbook: https://wiki.example.com/{pod}': '{pod}' is none of" not in said:
        fail(f"a link with a word that is not known is taken: {said!r}")


def check_dry_run_during_a_write(cluster):
    """A dry run reads no half-written state."""
    with contextlib.closing(sqlite3.connect(os.path.join(cluster.folder, "state.sqlite"), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        said, _ = cluster.run(BROKEN, 10 * MINUTE, 2, "--dry-run")
        if "locked" not in said:
            fail(f"the lock is not said: {said!r}")
    cluster.run(BROKEN, 10 * MINUTE, 0, "--dry-run")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    program = os.path.abspath(os.path.join(parser.parse_args().bin, "cresset-analyzer"))
    for check in (check_once, check_outage, check_corrupt_state, check_retry_after, check_refusals, check_urls, check_overlap, check_no_receiver, check_receivers, check_failing_until_nothing_waits, check_failing_without_a_backlog, check_notify_file_errors, check_silences, check_quiet_hours, check_daily, check_heartbeat, check_metrics, check_storm, check_storm_as_text, check_foreign_text, check_links, check_dry_run,
                  check_dry_run_during_a_write):
        with tempfile.TemporaryDirectory() as folder:
            cluster = Cluster(program, folder, slack.Receiver())
            if check is not check_once:
                cluster.run("")
            check(cluster)
            print(f"{check.__name__}: ok")


if __name__ == "__main__":
    main()
