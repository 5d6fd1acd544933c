#!/usr/bin/env python3
"""Asynchronous queries of a real server: by every protocol and in every format they give what the same query gives at
once; only their tenant finds them; a tenant has so many at a time; answers take bounded memory; a restart forgets them."""
import argparse
import json
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
import messages
import rpc
from tenancy_test import expect, metric

PATH = "/querier.v1.QuerierService/SelectMergeStacktraces"
FORMATS = ["FLAMEGRAPH", "TREE", "DOT", "PPROF", "FUNCTIONS", "SANDWICH"]
WAYS = [way for way in rpc.WAYS if way.compression is None]
WAIT_S = 60
SUBMITS_MAX = 2000
HEAVY_STACKS, HEAVY_PROFILES = 8000, 6
LIMIT = 3
ROOM = 4 << 20


class Client:
    """What one tenant asks of a server."""

    def __init__(self, server, tenant):
        self.connections = {1: rpc.Http1(server), 2: rpc.Http2(server)}
        self.headers = {"X-Scope-OrgID": tenant}

    def send(self, way, message):
        """(code, the answer as the JSON form of the message, or the error's text)"""
        body = json.dumps(message).encode() if way.codec == "json" else messages.encode(PATH, message)
        reply = self.connections[way.http].send(rpc.call_of(way, PATH, body, self.headers))
        code, data = rpc.answer_of(way, reply)
        if code != "ok":
            return code, data
        return code, json.loads(data) if way.codec == "json" else messages.decode(PATH, data)

    def ask(self, message, way=rpc.CONNECT_BINARY):
        code, answer = self.send(way, message)
        expect(f"a query by {way.name}", (code, "async" in answer), ("ok", False))
        return answer

    def submit(self, message, way=rpc.CONNECT_BINARY):
        return self.send(way, {**message, "async": {"type": "ASYNC_QUERY_TYPE_FORCE"}})

    def submit_one(self, message, way=rpc.CONNECT_BINARY):
        code, answer = self.submit(message, way)
        expect(f"a query submitted by {way.name}", (code, answer["async"]["status"]), ("ok", "ASYNC_QUERY_STATUS_IN_PROGRESS"))
        return answer["async"]["requestId"]

    def poll(self, query, way=rpc.CONNECT_BINARY):
        return self.send(way, {"async": {"requestId": query}})

    def wait(self, query, way=rpc.CONNECT_BINARY):
        """What became of a query: its answer without `async`, and that."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            code, answer = self.poll(query, way)
            expect(f"a look at a query by {way.name}", code, "ok")
            if answer["async"]["status"] != "ASYNC_QUERY_STATUS_IN_PROGRESS":
                expect("the id", answer["async"]["requestId"], query)
                return answer, answer.pop("async")
            time.sleep(0.005)
        sys.exit(f"query {query} is in progress after {WAIT_S} s")


def request(selector="{}", **more):
    now_ms = int(time.time() * 1000)
    return {"profileTypeID": cresset.CPU_TYPE, "labelSelector": selector, "start": now_ms - 600_000, "end": now_ms + 60_000, **more}


def push(server, tenant, stacks, **labels):
    body = cresset.push_request({"service_name": "shop", **labels}, cresset.pprof(stacks, time.time_ns()))
    connection = server.connect()
    connection.request("POST", "/push.v1.PusherService/Push", body, {"Content-Type": "application/proto", "X-Scope-OrgID": tenant})
    reply = connection.getresponse()
    expect("a push", (reply.status, reply.read()), (200, b""))


def check_answers(server):
    """In every format and by every way, and each time also in the other codec."""
    client = Client(server, "a")
    for name in FORMATS:
        message = request(format="PROFILE_FORMAT_" + name, **({"sandwichFunction": "serve"} if name == "SANDWICH" else {}))
        wanted = client.ask(message)
        if not wanted:
            sys.exit(f"format {name} gives nothing")
        for way in WAYS:
            query = client.submit_one(message, way)
            for asked in (way, rpc.CONNECT_JSON, rpc.CONNECT_BINARY):
                answer, status = client.wait(query, asked)
                expect(f"{name} submitted by {way.name}, asked by {asked.name}", answer, wanted)
                expect("how it ended", status["status"], "ASYNC_QUERY_STATUS_SUCCESS")
    nothing = request('{service_name="nothing"}')
    expect("an answer without data", client.wait(client.submit_one(nothing))[0], client.ask(nothing))


def check_errors(server):
    client = Client(server, "a")
    for way in WAYS:
        code, text = client.submit(request("{"), way)
        expect(f"a bad selector by {way.name}", code, "invalid_argument")
        code, text = client.poll("no-such-query", way)
        expect(f"an id that is not known by {way.name}", code, "not_found")
    # Seen only when the answer is made: a sandwich is of some function.
    query = client.submit_one(request(format="PROFILE_FORMAT_SANDWICH", sandwichFunction=""))
    answer, status = client.wait(query)
    expect("a sandwich of nothing", (answer, status["status"]), ({}, "ASYNC_QUERY_STATUS_FAILURE"))
    expect("its reason", status["errorMessage"], client.send(rpc.CONNECT_JSON, request(format="PROFILE_FORMAT_SANDWICH"))[1])


def check_tenants(server):
    a, b, both = Client(server, "a"), Client(server, "b"), Client(server, "b|a")
    query = a.submit_one(request())
    a.wait(query)
    expect("of another tenant", b.poll(query)[0], "not_found")
    expect("of this one and another", both.poll(query)[0], "not_found")
    joined = both.submit_one(request())
    expect("of two tenants", both.wait(joined)[0], both.ask(request()))
    expect("of one of them", a.poll(joined)[0], "not_found")


def check_limit(server):
    """Queries that take longer than it takes to submit one."""
    client = Client(server, "heavy")
    queries = []
    while len(queries) < SUBMITS_MAX:
        code, answer = client.submit(request())
        if code != "ok":
            break
        queries.append(answer["async"]["requestId"])
    expect("one too many", code, "resource_exhausted")
    if "max_async_query_concurrency" not in answer or len(queries) < LIMIT:
        sys.exit(f"refused after {len(queries)}: {answer}")
    Client(server, "a").submit_one(request())  # the limit is the tenant's own
    for query in queries:
        client.wait(query)
    client.wait(client.submit_one(request()))


def check_memory(server):
    """Answers of more memory than there is for them: the oldest go, and those of others stay."""
    other, client = Client(server, "a"), Client(server, "heavy")
    small = other.submit_one(request())
    other.wait(small)
    first = client.submit_one(request(maxNodes=1_000_000))
    size = len(json.dumps(client.wait(first)[0]))
    for _ in range(4 * ROOM // size + 2):
        client.wait(client.submit_one(request(maxNodes=1_000_000)))
    expect("the oldest answer", client.poll(first)[0], "not_found")
    expect("the answer of another", other.poll(small)[0], "ok")
    used = metric(server, "cresset_server_async_query_bytes")
    if not 0 < used <= ROOM:
        sys.exit(f"answers take {used} bytes of {ROOM}")


def check_restart(options, folder, server):
    client = Client(server, "a")
    query = client.submit_one(request())
    client.wait(query)
    heavy = Client(server, "heavy")
    for _ in range(LIMIT):  # some run, some wait, while it stops
        heavy.submit(request())
    expect("the end of the server", server.stop(), 0)
    server = start(options, folder)
    client = Client(server, "a")
    expect("after a restart", client.poll(query)[0], "not_found")
    client.wait(client.submit_one(request()))
    return server


def start(options, folder):
    return cresset.Server(options.bin, folder, "--self-profile=false", "--multitenancy", "required", "--workers", "1",
                          "--max-async-query-concurrency", str(LIMIT), "--async-query-memory", str(ROOM))


def load(server):
    push(server, "a", {("leaf", "serve", "main"): 10_000_000, ("other", "serve", "main"): 30_000_000})
    push(server, "b", {("of b", "main"): 10_000_000})
    for i in range(HEAVY_PROFILES):
        push(server, "heavy", {tuple(f"function{(i * HEAVY_STACKS + k) // 4 ** d}" for d in range(12)) + ("main",): 10_000_000
                               for k in range(HEAVY_STACKS)}, number=str(i))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="the folder of the programs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cresset-async-") as folder:
        messages.compile_into(folder)
        server = start(options, folder)
        load(server)
        for check in (check_answers, check_errors, check_tenants, check_limit, check_memory):
            check(server)
        server = check_restart(options, folder, server)
        expect("the end of the server", server.stop(), 0)


if __name__ == "__main__":
    cresset.need_system(["protoc"], {"google.protobuf": "python3-protobuf", "h2": "python3-h2", "zstandard": "python3-zstandard"})
    main()
