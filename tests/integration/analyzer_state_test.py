#!/usr/bin/env python3
"""cresset-analyzer run --state URL: a real server keeps what was told, so that nobody hears of anything twice or never."""
import argparse
import concurrent.futures
import contextlib
import datetime
import hashlib
import http.client
import http.server
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
import slack

MINUTE = datetime.timedelta(minutes=1)
POD = """---
apiVersion: v1
kind: Pod
metadata: {{namespace: shop, name: {name}, uid: {name}, creationTimestamp: "2026-01-01T00:00:00Z"}}
spec: {{nodeName: n1, containers: [{{name: app, envFrom: [{{configMapRef: {{name: {needs}}}}}]}}]}}
status: {{phase: {phase}}}
"""
HEALTHY = ("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {namespace: shop, name: other}\n" +
           POD.format(name="idle", needs="other", phase="Running"))
BROKEN = HEALTHY + POD.format(name="web", needs="settings", phase="Pending")
SECRET = "not-to-be-said"
STATE = "/api/v1/findings/state"


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: got {got!r}, wanted {wanted!r}")


def expect_words(what, words, text):
    if words not in text:
        sys.exit(f"{what}: no {words!r} in {text!r}")


def call(address, method, cluster, body=None, tenant="team", **headers):
    """(status, ETag, body)"""
    connection = http.client.HTTPConnection(address, timeout=30)
    query = "?" + urllib.parse.urlencode({"cluster": cluster}) if cluster is not None else ""
    fields = {"X-Scope-OrgID": tenant, "Authorization": "Bearer " + SECRET, **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection.request(method, STATE + query, body, fields)
    reply = connection.getresponse()
    with contextlib.closing(connection):
        return reply.status, reply.headers.get("ETag"), reply.read()


class Gate:
    """Stands before a server: `before` is called with the number of a PUT before it goes on; it may say "cut": the
    server gets it, and who has sent it no answer."""

    def __init__(self, address):
        self.n_puts, self.before, self.failure = 0, lambda n: None, None
        gate = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def pass_on(self):
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                if self.command == "PUT":
                    gate.n_puts += 1
                verdict = gate.judge(gate.n_puts) if self.command == "PUT" else None
                fields = {name: value for name, value in self.headers.items() if name != "Content-Length"}
                try:
                    with contextlib.closing(http.client.HTTPConnection(address, timeout=30)) as connection:
                        connection.request(self.command, self.path, body, fields)
                        reply = connection.getresponse()
                        content = reply.read()
                except OSError:  # there is no server any more
                    verdict = "cut"
                if verdict == "cut":
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    if name not in ("Content-Length", "Connection"):
                        self.send_header(name, value)
                if reply.status != 204:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = pass_on

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def judge(self, n):
        try:
            return self.before(n)
        except BaseException as failure:  # for the thread of the test to raise
            self.failure = failure
            raise

    def check(self):
        if self.failure is not None:
            raise self.failure


class Cluster:
    """A cluster whose state lies on the server."""

    def __init__(self, options, folder, server, name):
        self.program, self.folder, self.server, self.name = os.path.abspath(os.path.join(options.bin, "cresset-analyzer")), folder, server, name
        self.receiver, self.now = slack.Receiver(), datetime.datetime(2026, 1, 2, 12)
        self.token = os.path.join(folder, "token")

    def run(self, objects, later=10 * MINUTE, status=0, *options, address=None):
        """One run over these objects; returns what it says on stderr."""
        self.now += later
        now = self.now
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", dir=self.folder) as source:
            source.write(objects)
            source.flush()
            done = subprocess.run([self.program, "run", "--input", source.name, "--now", now.isoformat() + "Z", "--cluster", self.name,
                                   "--state", f"http://{address or self.server.address}", "--findings-tenant", "team",
                                   "--findings-token-file", self.token, "--webhook-url", self.receiver.url, "--webhook-form", "slack",
                                   *options], capture_output=True, timeout=120, cwd=self.folder)
        said = done.stderr.decode()
        expect(f"the exit status, with {said!r}", done.returncode, status)
        if SECRET in said:
            sys.exit("the token is said: " + said)
        return said

    def told(self):
        texts, self.receiver.messages[:] = [slack.headline(message) for message in self.receiver.messages], []
        return texts

    def kept(self):
        return call(self.server.address, "GET", self.name)


class KilledServer:
    """The server of these options and data, which is killed and started again."""

    def __init__(self, *arguments):
        self.arguments = arguments
        self.start()

    def start(self):
        self.server = cresset.Server(*self.arguments)
        self.address = self.server.address

    def kill(self):
        self.server.kill()


def check_once(cluster):
    """Twenty runs, after each of which the server is killed, tell a fault once and its end once."""
    cluster.run(HEALTHY)
    for i in range(20):
        cluster.run(BROKEN, MINUTE)
        expect(f"messages of run {i}", cluster.told(), [f"{cluster.name}: 1 new; 1 open"] if i == 0 else [])
        cluster.server.kill()
        cluster.server.start()
    for _ in range(5):
        cluster.run(HEALTHY)
    expect("messages about the end", cluster.told(), [f"{cluster.name}: 1 resolved; 0 open"])
    expect("files beside", [name for name in os.listdir(cluster.folder) if "sqlite" in name], [])


def check_overlap_of_sending(cluster):
    """A run that begins while another one sends does not send the same."""
    answer = cluster.receiver.answer

    def overlap(body):
        cluster.receiver.answer = answer
        cluster.run(BROKEN, MINUTE)
        return answer(body)

    cluster.run(HEALTHY)
    cluster.receiver.answer = overlap
    cluster.run(BROKEN)
    cluster.run(BROKEN, 30 * MINUTE)
    expect("messages of three runs", cluster.told(), [f"{cluster.name}: 1 new; 1 open"])


def check_overlap(cluster):
    """Another run comes before each single change of one: together they tell the fault once, and its end."""
    cluster.run(HEALTHY)
    for objects, texts in ((BROKEN, ["1 new; 1 open"]), (HEALTHY, ["1 resolved; 0 open"])):
        for which in (1, 2, 3, 4, 5):
            gate = Gate(cluster.server.address)

            def overtake(n, which=which, objects=objects):
                if n == which:
                    cluster.run(objects, MINUTE)

            gate.before = overtake
            cluster.run(objects, 20 * MINUTE, address=gate.address)
            gate.check()
        expect("messages of overlapping runs", cluster.told(), [f"{cluster.name}: {text}" for text in texts])


def check_daily(cluster):
    """Of eight runs at once one sends the daily message, and one that could not be sent comes with the next run."""
    path = os.path.join(cluster.folder, "notify.yaml")
    with open(path, "w") as out:
        out.write(f"receivers: [{{name: ops, form: slack, url: '{cluster.receiver.url}'}}]\ndaily: {{at: '13:00', receivers: [ops]}}\n")
    options = "--webhook-url", "", "--notify-file", path
    cluster.run(HEALTHY, 0 * MINUTE, 0, *options)
    cluster.now += 70 * MINUTE
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: cluster.run(HEALTHY, 0 * MINUTE, 0, *options), range(8)))
    expect("daily messages", cluster.told(), [f"{cluster.name}: all quiet; 0 open"])
    cluster.receiver.answers.append((503, "", {}))
    cluster.run(HEALTHY, 24 * 60 * MINUTE, 0, *options)
    expect("daily messages that could not be sent", [text for text in cluster.told() if "quiet" in text], [])
    for _ in range(3):
        cluster.run(HEALTHY, 10 * MINUTE, 0, *options)
    expect("the daily message", [text for text in cluster.told() if "new" not in text], [f"{cluster.name}: all quiet; 0 open"])


def check_at_once(cluster):
    """Eight runs at once, of the same second, many times over: as many messages as there are faults."""
    cluster.run(HEALTHY)
    objects = HEALTHY
    for i in range(5):
        objects += POD.format(name=f"pay{i}", needs=f"keys{i}", phase="Pending")
        cluster.now += MINUTE
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _, objects=objects: cluster.run(objects, 0 * MINUTE), range(8)))
    cluster.run(objects, 12 * MINUTE)  # claims have ended, and no run is late
    expect("messages of runs at once", cluster.told(), [f"{cluster.name}: 1 new; {i + 1} open" for i in range(5)])


def check_lost_answers(cluster):
    """Whoever hears nothing of what it has stored asks, and goes on."""
    gate = Gate(cluster.server.address)
    cluster.run(HEALTHY)
    verdicts = []
    gate.before = lambda n: verdicts.append(n) or ("cut" if n % 2 == 1 else None)
    cluster.run(BROKEN, address=gate.address)
    expect("whether answers were cut", len(verdicts) >= 8, True)
    cluster.run(BROKEN, 30 * MINUTE)
    expect("messages", cluster.told(), [f"{cluster.name}: 1 new; 1 open"])


def check_away(cluster):
    """Without the server a run says so, and tells nobody what it cannot remember."""
    cluster.run(HEALTHY)
    cluster.server.kill()
    said = cluster.run(BROKEN, status=2)
    expect_words("a run without the server", "state: ", said)
    expect("its lines", said.count("\n"), 1)
    expect("messages without the server", cluster.told(), [])
    cluster.server.start()

    def end(n):  # the claim is stored, what became of it is not
        if n == 3:
            cluster.server.kill()

    gate = Gate(cluster.server.address)
    gate.before = end
    cluster.run(BROKEN, status=2, address=gate.address)
    cluster.server.start()
    for _ in range(3):
        cluster.run(BROKEN, MINUTE)
    expect("messages around the end of the server", cluster.told(), [f"{cluster.name}: 1 new; 1 open"])


def check_damage(cluster):
    """What is damaged is kept as another cluster's, and a new state begun, whose first findings are known."""
    cluster.run(BROKEN)
    cluster.told()
    status, tag, image = cluster.kept()
    expect("the state", (status, image[:15]), (200, b"SQLite format 3"))
    wal = image[:18] + b"\x02\x02" + image[20:]
    for damaged in (b"no database", b"", image[:5000], image[:100] + b"\xff" * 4000 + image[4100:], wal):
        status, tag, _ = cluster.kept()
        expect("the damage", call(cluster.server.address, "PUT", cluster.name, damaged, If_Match=tag)[0], 204)
        said = cluster.run(BROKEN, 10 * MINUTE, 2, "--dry-run")
        expect("lines of a dry run", said.count("\n"), 1)
        expect("what a dry run leaves", cluster.kept()[2], damaged)
        said = cluster.run(BROKEN)
        expect("lines about the damage", said.count("\n"), 1)
        aside = said.split("it is kept as that of cluster ")[1].split(",")[0]
        expect("what is set aside", call(cluster.server.address, "GET", aside)[2], damaged)
        expect("messages", cluster.told(), [f"{cluster.name}: 1 already there; 1 open"])
        with open(os.path.join(cluster.folder, "image"), "wb") as out:
            out.write(cluster.kept()[2])
        with contextlib.closing(sqlite3.connect(os.path.join(cluster.folder, "image"))) as database:
            expect("incidents in the new state", database.execute("SELECT COUNT(*) FROM incident").fetchone(), (1,))
    os.remove(os.path.join(cluster.folder, "image"))


def check_options(cluster):
    expect_words("a URL without a cluster", "needs --cluster", cluster.run(BROKEN, 0 * MINUTE, 2, "--cluster", ""))
    expect_words("a bad URL", "--state: ", cluster.run(BROKEN, 0 * MINUTE, 2, "--state", "http://"))
    expect_words("a strange tenant", " answers 403", cluster.run(BROKEN, 0 * MINUTE, 2, "--findings-tenant", "stranger"))
    before = cluster.kept()
    cluster.run(BROKEN, 0 * MINUTE, 0, "--dry-run")
    expect("what a dry run leaves", cluster.kept(), before)
    many = HEALTHY + "".join(POD.format(name=f"pod{i}", needs=f"map{i}", phase="Pending") for i in range(400))
    said = cluster.run(many, 10 * MINUTE, 2)
    expect_words("a state that is too large", " answers 413", said)
    expect_words("a state that is too large", "findings-state-bytes", said)
    expect("what it leaves", cluster.kept(), before)


def check_tenants(cluster):
    """Nobody else has it, nor can write it."""
    address = cluster.server.address
    status, tag, image = call(address, "GET", cluster.name)
    expect("the state", (status, len(image) > 0), (200, True))
    expect("the state of another tenant", call(address, "GET", cluster.name, tenant="other")[0], 404)
    expect("the state of a stranger", call(address, "GET", cluster.name, tenant="stranger")[0], 403)
    expect("the state of two tenants", call(address, "GET", cluster.name, tenant="team|other")[0], 400)
    expect("without a token", call(address, "GET", cluster.name, Authorization="Bearer none")[0], 401)
    expect("a PUT of another tenant", call(address, "PUT", cluster.name, b"x", "other", If_Match=tag)[0], 412)
    expect("a PUT of a stranger", call(address, "PUT", cluster.name, b"x", "stranger", If_Match=tag)[0], 403)
    expect("a new one of another tenant", call(address, "PUT", cluster.name, b"x", "other", If_None_Match="*")[0], 204)
    expect("what is left", call(address, "GET", cluster.name), (200, tag, image))


def check_versions(server):
    address = server.address
    expect("none", call(address, "GET", "v")[:2], (404, None))
    for what, headers in (("nothing is said", {}), ("an empty one", {"If_Match": ""}), ("another If-None-Match", {"If_None_Match": '"1"'})):
        expect(what, call(address, "PUT", "v", b"a", **headers)[0], 428)
    expect("one that is not there", call(address, "PUT", "v", b"a", If_Match='"1"')[0], 412)
    status, first, _ = call(address, "PUT", "v", b"a", If_None_Match="*")
    expect("the first", status, 204)
    expect("what is kept", call(address, "GET", "v"), (200, first, b"a"))
    expect("the first again", call(address, "PUT", "v", b"b", If_None_Match="*")[0], 412)
    status, second, _ = call(address, "PUT", "v", b"a", If_Match=first)
    expect("the second", (status, first != second), (204, True))
    expect("the first once more", call(address, "PUT", "v", b"b", If_Match=first)[0], 412)
    expect("anyone", call(address, "PUT", "v", b"b", If_Match="*")[0], 412)
    expect("without a cluster", [call(address, method, None, body, If_Match=second)[0] for method, body in (("GET", None), ("PUT", b"b"))], [400, 400])
    expect("a long name", call(address, "GET", "v" * 2000)[0], 400)
    expect("a large one", call(address, "PUT", "v", b"b" * (512 * 1024), If_Match=second)[0], 413)
    expect("to delete", call(address, "DELETE", "v")[0], 405)
    server.kill()
    server.start()
    expect("after a kill", call(server.address, "GET", "v"), (200, second, b"a"))
    for i in range(4):
        last = call(server.address, "PUT", f"many{i}", b"b", "small", If_None_Match="*")
    expect("the first of a tenant that keeps one for a second", call(server.address, "PUT", "old", b"b", "brief", If_None_Match="*")[0], 204)
    cresset.wait_for(lambda: call(server.address, "PUT", "new", b"b", "brief", If_None_Match="*")[0] == 204, 30, "an old state to be forgotten")
    expect("what was forgotten", call(server.address, "GET", "old", tenant="brief")[0], 404)
    expect("one too many", (last[0], b"max_finding_clusters is 3" in last[2]), (400, True))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tokens, overrides = os.path.join(folder, "tokens.yaml"), os.path.join(folder, "overrides.yaml")
        with open(tokens, "w") as out:
            out.write("tokens:\n  - {name: analyzer, sha256: %s, tenants: [team, other, small, brief]}\n" % hashlib.sha256(SECRET.encode()).hexdigest())
        with open(overrides, "w") as out:
            out.write("overrides:\n  small: {max_finding_clusters: 3}\n  brief: {max_finding_clusters: 1, findings_retention: 1s}\n")
        with open(os.path.join(folder, "token"), "w") as out:
            out.write(SECRET + "\n")
        server = KilledServer(options.bin, folder, "--self-profile=false", "--tokens-file", tokens, "--overrides-file", overrides,
                              "--findings-state-bytes", "256KiB")
        check_versions(server)
        for check in (check_once, check_overlap_of_sending, check_overlap, check_daily, check_at_once, check_lost_answers, check_away, check_damage,
                      check_options, check_tenants):
            cluster = Cluster(options, folder, server, check.__name__ + " größe")
            if check in (check_options, check_tenants):
                cluster.run(BROKEN)
            check(cluster)
        expect("the end", server.server.stop(), 0)


main()
