#!/usr/bin/env python3
"""Profiles in every format that /ingest takes, found again by query in a real server."""
import argparse
import gzip
import json
import os
import re
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
from formats import EVENTED, SAMPLED, SMALL_JFR, form, node, otlp, otlp_json, speedscope

CPU = cresset.CPU_TYPE


class Client:
    """One tenant of the server."""

    def __init__(self, server, tenant):
        self.server, self.tenant = server, tenant

    def post(self, path, body, content_type):
        connection = self.server.connect()
        connection.request("POST", path, body, {"Content-Type": content_type, "X-Scope-OrgID": self.tenant})
        reply = connection.getresponse()
        return reply.status, reply.read()

    def ingest(self, name, body, content_type="text/plain", path="/ingest", **params):
        params = {"name": name, "from": int(time.time()) - 10, "until": int(time.time()), **params}
        return self.post(path + "?" + urllib.parse.urlencode(params), body, content_type)

    def ask(self, method, **fields):
        now_ms = int(time.time() * 1000)
        body = json.dumps({"start": now_ms - 3_600_000, "end": now_ms + 60_000, **fields})
        status, data = self.post("/querier.v1.QuerierService/" + method, body, "application/json")
        assert status == 200, (method, status, data)
        return json.loads(data)

    def stacks(self, profile_type, selector="{}"):
        """{frames joined by ';', the root first: self value}"""
        graph = self.ask("SelectMergeStacktraces", profileTypeID=profile_type, labelSelector=selector).get("flamegraph", {})
        out, parents = {}, [(0, 1 << 62, "")]
        for depth, level in enumerate(graph.get("levels", [])):
            numbers, x, nodes = [int(value) for value in level["values"]], 0, []
            for i in range(0, len(numbers), 4):
                x += numbers[i]
                above = next(path for start, end, path in parents if start <= x < end)
                path = above + (";" if above else "") + graph["names"][numbers[i + 3]] if depth else ""
                if numbers[i + 2]:
                    out[path] = numbers[i + 2]
                nodes.append((x, x + numbers[i + 1], path))
                x += numbers[i + 1]
            parents = nodes
        return out

    def labels(self):
        """The label sets of all series, without those that say what the values are."""
        ours = ("__type__", "__unit__", "__period_type__", "__period_unit__", "__profile_type__", "__service_name__")
        sets = self.ask("Series", matchers=["{}"]).get("labelsSet", [])
        return [{pair["name"]: pair["value"] for pair in one["labels"] if pair["name"] not in ours} for one in sets]


def expect(got, wanted):
    if got != wanted:
        raise AssertionError(f"got {got!r} instead of {wanted!r}")


def refused(reply, status, code, *texts):
    expect(reply[0], status)
    error = json.loads(reply[1])
    expect(error["code"], code)
    for text in texts:
        assert text in error["message"], error


def test_folded(client):
    body = b"main;work 2\nmain;idle 1\n\nmain;work 3\n"
    expect(client.ingest("shop{region=east,__secret__=x}", body, spyName="myspy"), (200, b""))
    expect(client.stacks(CPU), {"main;work": 50_000_000, "main;idle": 10_000_000})
    expect(client.labels(), [{"__name__": "process_cpu", "service_name": "shop", "region": "east", "pyroscope_spy": "myspy"}])


def test_times_are_told_apart_by_their_digits(client):
    now_ns = time.time_ns() - 30_000_000_000
    for i, time_text in enumerate((now_ns // 10**9, now_ns // 10**6, now_ns // 10**3, now_ns, "now-30s", "now - 30s")):
        expect(client.ingest(f"app{i}", b"main 1", **{"from": time_text, "until": time_text}), (200, b""))
    series = client.ask("SelectSeries", profileTypeID=CPU, labelSelector="{}", step=15, groupBy=["service_name"],
                        start=now_ns // 10**6 - 5000, end=now_ns // 10**6 + 25_000)["series"]
    expect(sorted(one["labels"][0]["value"] for one in series), [f"app{i}" for i in range(6)])


def test_lines(client):
    body = b"main;work\nmain;work\nmain\n"
    expect(client.ingest("shop.wall{service_name=other}", body, format="lines", sampleRate="1000"), (200, b""))
    expect(client.stacks("wall:wall:nanoseconds:cpu:nanoseconds"), {"main;work": 2_000_000, "main": 1_000_000})
    expect(client.labels(), [{"__name__": "wall", "service_name": "other", "app_name": "shop", "pyroscope_spy": "unknown"}])


def test_pprof(client):
    profile = cresset.pprof({("leaf", "main"): 7}, time.time_ns())
    expect(client.ingest("a", profile, format="pprof", spyName="gospy"), (200, b""))
    expect(client.ingest("b{service_name=c,x=y}", gzip.compress(profile), format="pprof", spyName="rbspy"), (200, b""))
    expect(client.stacks(CPU), {"main;leaf": 7, "main.c main;main.c leaf": 7})
    # Without a time of its own a profile is of the time that the request says.
    untimed = cresset.pprof({("leaf", "main"): 7}, 0)
    refused(client.ingest("a", untimed, format="pprof", **{"from": "now-3h"}), 422, "unknown",
            "pushing IngestInput-pprof failed: push series with index 0", "outside of ingestion window")
    by_service = {one["service_name"]: one for one in client.labels()}
    expect(by_service["c"], {"__name__": "process_cpu", "service_name": "c", "x": "y", "pyroscope_spy": "rbspy"})


def test_an_empty_profile_is_taken(client):
    empty = cresset.pprof({}, time.time_ns())
    expect(client.ingest("a", empty, format="pprof"), (200, b""))
    expect(client.ingest("a", *form(profile=empty)), (200, b""))
    expect(client.ingest("a", b""), (200, b""))
    expect(client.labels(), [])
    refused(client.ingest("a", b"", format="pprof"), 422, "unknown", "parsing IngestInput-pprof failed", "sample_type")


def test_pprof_form(client):
    profile = cresset.pprof({("leaf", "main"): 7}, time.time_ns())
    config = json.dumps({"cpu": {"units": "samples", "display-name": "block_duration"}}).encode()
    expect(client.ingest("a", *form(profile=gzip.compress(profile), sample_type_config=config)), (200, b""))
    expect(client.stacks("block:cpu:nanoseconds:cpu:nanoseconds"), {"main;leaf": 7})
    begin = "parsing IngestInput-pprof failed: "
    refused(client.ingest("a", *form(profile=profile, prev_profile=profile)), 422, "unknown", begin + "unsupported client version")
    refused(client.ingest("a", *form(sample_type_config=config)), 422, "unknown", begin, "no file part called profile")
    refused(client.ingest("a", *form(profile=profile, sample_type_config=b"[")), 422, "unknown", begin + "sample_type_config")
    # Only a part with the name of a file is one.
    body, content_type = form(profile=profile)
    refused(client.ingest("a", re.sub(rb'; filename="[^"]*"', b"", body), content_type), 422, "unknown", begin, "no file part called profile")
    # format=pprof comes before the content type.
    refused(client.ingest("a", *form(profile=profile), format="pprof"), 422, "unknown", begin)


def test_a_form_is_one_whatever_else_the_format_is(client):
    body, content_type = form(profile=cresset.pprof({("leaf", "main"): 7}, time.time_ns()))
    for name in ("groups", "whatever"):
        expect(client.ingest("a", body, content_type, format=name), (200, b""))
    expect(client.stacks(CPU), {"main;leaf": 14})


def test_the_format_is_told_in_pyroscopes_order(client):
    """Content types of trees come first, then the format; Content-Encoding says nothing here."""
    tree, trie = node(b"", 0, 1) + node(b"main", 1, 0), node(b"", 0, 1) + node(b"ma;in", 1, 0)
    form_body, form_type = form(profile=cresset.pprof({("leaf", "main"): 7}, time.time_ns()))
    for body, content_type, format, stack in (
            (trie, "binary/octet-stream+trie", "pprof", "ma;in"), (trie, "binary/octet-stream+tree", "trie", "ma;in"),
            (tree, "binary/octet-stream+tree", "lines", "main"), (b"a;b", form_type, "lines", "a;b"), (b"a;b 1", "x/y", "whatever", "a;b")):
        app = re.sub("[^a-z]", "-", f"{content_type}-{format}")
        expect(client.ingest(app, body, content_type, format=format), (200, b""))
        expect(client.stacks(CPU, f'{{service_name="{app}"}}'), {stack: 10_000_000})
    headers = {"Content-Type": "application/octet-stream", "Content-Encoding": "gzip", "X-Scope-OrgID": client.tenant}
    connection = client.server.connect()
    connection.request("POST", "/ingest?format=pprof&name=plain", cresset.pprof({("leaf", "main"): 7}, time.time_ns()), headers)
    expect(connection.getresponse().status, 200)
    expect(client.stacks(CPU, '{service_name="plain"}'), {"main;leaf": 7})


def test_tree(client):
    body = node(b"", 0, 1) + node(b"main", 1, 1) + node(b"work", 300, 0)
    expect(client.ingest("shop.alloc_space", body, format="tree", path="/pyroscope/ingest"), (200, b""))
    expect(client.ingest("shop.alloc_space", body, "binary/octet-stream+tree"), (200, b""))
    expect(client.stacks("memory:alloc_space:bytes::"), {"main": 2, "main;work": 600})


def test_trie(client):
    body = node(b"", 0, 1) + node(b"main;wo", 0, 2) + node(b"rk", 1, 0) + node(b"rld", 2, 0)
    expect(client.ingest("shop", body, "binary/octet-stream+trie"), (200, b""))
    expect(client.ingest("shop", body, format="trie", sampleRate="nonsense"), (200, b""))
    expect(client.stacks(CPU), {"main;work": 20_000_000, "main;world": 40_000_000})


def test_speedscope(client):
    expect(client.ingest("shop", speedscope(SAMPLED), format="speedscope"), (200, b""))
    expect(client.stacks(CPU), {"main;work": 2_000_000_000, "main": 500_000_000})
    expect(client.labels(), [{"__name__": "process_cpu", "service_name": "shop", "profile_name": "one", "pyroscope_spy": "unknown"}])
    expect(client.ingest("shop", speedscope(EVENTED, {**EVENTED, "name": "three"}), format="speedscope"), (200, b""))
    wall = "wall:wall:nanoseconds:cpu:nanoseconds"
    expect(client.stacks(wall, '{profile_name="two"}'), {"main;work": 2_000_000, "main": 7_000_000})
    expect(client.stacks(wall), {"main;work": 4_000_000, "main": 14_000_000})


def test_the_good_profiles_of_a_file_are_kept(client):
    bad = {**SAMPLED, "samples": [[0, 7], [0]]}
    refused(client.ingest("shop", speedscope(bad, SAMPLED), format="speedscope"), 422, "unknown",
            "parsing IngestInput-speedscope failed: profiles[0]: samples wants positions in shared.frames")
    expect(client.stacks("wall:wall:nanoseconds:cpu:nanoseconds"), {"main;work": 2_000_000_000, "main": 500_000_000})


def expect_small_java(client, name):
    """What Small.java did, by its service."""
    selector = f'{{service_name="{name}"}}'
    cpu = client.stacks(CPU, selector)
    assert sum(value for path, value in cpu.items() if "Small.compute;Small.count" in path) >= 500_000_000, cpu
    expect(client.stacks("memory:alloc_outside_tlab_bytes:bytes:space:bytes", selector), {"Small.main;Small.allocate": 16 * ((4 << 20) + 16)})
    (delay,) = client.stacks("mutex:delay:nanoseconds:mutex:count", selector).items()
    assert delay[0].endswith(";Small.hold") and delay[1] == 48_050_892, delay
    (park,) = client.stacks("block:delay:nanoseconds:block:count", selector).items()
    assert park[0].startswith("Small.main;Small.park;java/util/"), park


def test_jfr(client):
    with open(SMALL_JFR, "rb") as file:
        packed = file.read()
    expect(client.ingest("plain", gzip.decompress(packed), "application/octet-stream", format="jfr", spyName="javaspy"), (200, b""))
    expect_small_java(client, "plain")
    context = cresset.block(1, cresset.number(1, 5) + cresset.block(2, b""))
    expect(client.ingest("form{service_name=other}", *form(jfr=packed, labels=gzip.compress(context)), format="jfr"), (200, b""))
    expect_small_java(client, "other")
    (labels,) = [one for one in client.labels() if one["__name__"] == "process_cpu" and one["service_name"] == "other"]
    expect(labels, {"__name__": "process_cpu", "service_name": "other", "app_name": "form", "pyroscope_spy": "unknown"})
    # Any type with a boundary is of parts.
    body, content_type = form(jfr=packed)
    expect(client.ingest("mixed", body, content_type.replace("form-data", "mixed"), format="jfr"), (200, b""))
    expect_small_java(client, "mixed")


def test_jfr_errors(client):
    with open(SMALL_JFR, "rb") as file:
        packed = file.read()
    plain = gzip.decompress(packed)
    begin = "parsing IngestInput-jfr failed: "
    refused(client.ingest("x", plain[:-1], format="jfr"), 422, "unknown", begin + "chunk 0: a chunk of")
    refused(client.ingest("x", b"text", format="jfr"), 422, "unknown", begin + "chunk 0: it does not begin")
    refused(client.ingest("x", packed[:-9], format="jfr"), 422, "unknown", begin)
    refused(client.ingest("x", *form(profile=packed), format="jfr"), 422, "unknown", begin, "no file part called jfr")
    refused(client.ingest("x", *form(jfr=packed, labels=b"\1"), format="jfr"), 422, "unknown", begin + "labels: byte 0")
    refused(client.ingest("x", gzip.compress(bytes(5 << 20)), format="jfr"), 422, "unknown", begin, "max_profile_size_bytes")
    expect(client.labels(), [])


OTLP, EXPORT = "/v1development/profiles", "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export"


def test_otlp(client):
    expect(client.post(OTLP, otlp("shop", (1, 2), (2, 1)), "application/x-protobuf"), (200, b""))
    expect(client.post(OTLP, otlp("shop", (1, 2), numbering="1.9"), "application/protobuf"), (200, b""))
    expect(client.post(EXPORT, otlp("shop", (2, 4)), "application/proto"), (200, b""))
    expect(client.stacks(CPU), {"main;work": 40_000_000, "main": 50_000_000})
    expect(client.labels(), [{"__name__": "process_cpu", "service_name": "shop", "__otel__": "true"}])


def test_otlp_as_json(client):
    """Ids are hexadecimal, 64-bit numbers may be strings, and single attributes may be lists."""
    body = otlp_json("shop")
    expect(client.post(OTLP, body, "application/json"), (200, b""))
    # What has an id of its own is stored once, however it is sent.
    expect(client.post(EXPORT, body, "application/json"), (200, b"{}"))
    expect(client.stacks(CPU, '{service_name="shop","thread.id"="42"}'), {"main": 50_000_000})
    span = client.ask("SelectMergeStacktraces", profileTypeID=CPU, labelSelector="{}", spanSelector=["00f067aa0ba902b7"])
    expect(span["flamegraph"]["total"], "50000000")


def test_otlp_names(client):
    """Which service a profile is of, and which type: (resource attributes, attribute of the sample), (value types), what they give."""
    def attribute(key, text):
        return {"key": key, "value": {"stringValue": text}}
    exe, cpu = attribute("process.executable.name", "java"), ("cpu", "nanoseconds")
    cases = [
        ([], None, ("samples", "count"), cpu, "unknown_service", CPU, 50_000_000),
        ([exe], None, ("samples", "count"), cpu, "unknown_service:java", CPU, 50_000_000),
        ([exe, attribute("service.name", "")], None, ("off_cpu", "nanoseconds"), None, "unknown_service:java", "off_cpu:off_cpu:nanoseconds::", 5),
        ([attribute("service.name", "a"), attribute("service.name", "b")], None, ("inuse", "bytes"), ("space", "bytes"), "a",
         "space:inuse:bytes:space:bytes", 5),
        ([attribute("service.name", "a")], "own", ("off_cpu", "nanoseconds"), cpu, "own", "cpu:off_cpu:nanoseconds:cpu:nanoseconds", 5),
        ([attribute("service.name", "c")], None, None, None, "c", "process_cpu:samples:count::", 5),
    ]
    for i, (resource, own, sample_type, period_type, service, profile_type, value) in enumerate(cases):
        one = Client(client.server, f"{client.tenant}-{i}")
        request = json.loads(otlp_json("shop"))
        (profiles,) = request["resourceProfiles"]
        (profile,) = profiles["scopeProfiles"][0]["profiles"]
        profile["timeUnixNano"] = "0"  # it is of now
        profiles["resource"]["attributes"] = resource
        strings = request["dictionary"]["stringTable"]
        for field, value_type in (("sampleType", sample_type), ("periodType", period_type)):
            del profile[field]
            if value_type:
                profile[field] = {"typeStrindex": len(strings), "unitStrindex": len(strings) + 1}
                strings += value_type
        if own:
            profile["samples"][0]["attributeIndices"] = [len(request["dictionary"]["attributeTable"])]
            request["dictionary"]["attributeTable"].append({"keyStrindex": len(strings), "value": {"stringValue": own}})
            strings.append("service.name")
        expect(one.post(OTLP, json.dumps(request), "application/json"), (200, b""))
        expect(one.stacks(profile_type, f'{{service_name="{service}"}}'), {"main": value})


def test_otlp_mappings(client):
    """A mapping has functions, or lines, only where each of its locations has; its build id is an attribute."""
    for line, has_other, flags in (("7", False, {"hasFunctions": True, "hasLineNumbers": True}), ("0", False, {"hasFunctions": True}), ("7", True, {})):
        one = Client(client.server, f"{client.tenant}-{line}-{has_other}")
        request = json.loads(otlp_json("shop"))
        dictionary = request["dictionary"]
        strings, attributes, locations = dictionary["stringTable"], dictionary["attributeTable"], dictionary["locationTable"]
        dictionary["mappingTable"] = [{}, {"memoryStart": "4096", "memoryLimit": "8192", "filenameStrindex": len(strings),
                                           "attributeIndices": [len(attributes)]}]
        attributes.append({"keyStrindex": len(strings) + 1, "value": {"stringValue": "abcd"}})
        strings += ["/bin/shop", "process.executable.build_id.gnu"]
        locations[1] |= {"mappingIndex": 1, "address": "4100"}
        locations[1]["lines"][0]["line"] = line
        if has_other:
            locations.append({"mappingIndex": 1, "address": "4200"})
            dictionary["stackTable"][1]["locationIndices"].insert(0, 2)
        expect(one.post(OTLP, json.dumps(request), "application/json"), (200, b""))
        expect(one.stacks(CPU), {"main;[shop]" if has_other else "main": 50_000_000})
        profile = one.ask("SelectMergeProfile", profileTypeID=CPU, labelSelector="{}")
        for mapping in profile["mapping"]:
            names = [profile["stringTable"][int(mapping[name])] for name in ("filename", "buildId")]
            expect(names, ["/bin/shop", "abcd"])
            expect({name: mapping[name] for name in ("hasFunctions", "hasLineNumbers") if name in mapping}, flags)


def test_otlp_as_json_of_older_releases(client):
    """1.8 has other names for samples and lines; 1.7 had no table of stacks."""
    old = otlp_json("shop", release="1.8")
    expect(client.post(OTLP, old, "application/json"), (200, b""))
    expect(client.post(EXPORT, old.replace("0af765", "1af765"), "application/json"), (200, b"{}"))
    expect(client.stacks(CPU, '{service_name="shop"}'), {"main": 100_000_000})
    older = json.loads(old)
    (profile,) = older["resourceProfiles"][0]["scopeProfiles"][0]["profiles"]
    profile["sample"] = [{"locationsStartIndex": 0, "locationsLength": 1, "value": ["5"]}]
    status, body = client.post(OTLP, json.dumps(older), "application/json")
    expect((status, b"samples[0]" in body), (400, True))


def test_otlp_as_json_is_of_one_numbering(client):
    """A sample without values is refused, not taken for one of a release with other numbers."""
    request = json.loads(otlp_json("shop"))
    profiles = request["resourceProfiles"][0]["scopeProfiles"][0]["profiles"]
    bad = {**profiles[0], "samples": [{"stackIndex": 1, "attributeIndices": [1]}]}
    profiles[:] = [bad]
    expect(client.post(OTLP, json.dumps(request), "application/json"), (400, b"profile 0: samples[0]: it has neither values nor timestamps"))
    expect(client.labels(), [])


def test_otlp_keeps_the_good_profiles(client):
    both = otlp("shop", (1, 2)) + cresset.block(1, resource_of(otlp("bad", (9, 1))))
    status, body = client.post(OTLP, both, "application/x-protobuf")
    expect(status, 200)
    assert b"stack_index is 9, the stack_table has 3 entries" in body, body
    assert b"\x08\x01" in body[:5], body  # partial_success.rejected_profiles
    old = otlp("old", (1, 1), time_ns=time.time_ns() - 10**13)
    status, body = client.post(OTLP, both + cresset.block(1, resource_of(old)), "application/x-protobuf")
    expect(status, 200)
    assert b"\x08\x02" in body[:5], body
    assert b"outside of ingestion window" in body, body
    expect(client.stacks(CPU), {"main;work": 40_000_000})


def resource_of(request):
    """The bytes of the first field, resource_profiles."""
    size, at, shift = 0, 1, 0
    while True:
        size |= (request[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if request[at - 1] < 128:
            return request[at:at + size]


def test_otlp_errors(client):
    def text(reply, status, part):
        expect(reply[0], status)
        assert part in reply[1].decode(), reply
    text(client.post(OTLP, otlp("shop", (1, 2)), "application/octet-stream"), 415, "application/x-protobuf")
    text(client.post(OTLP, b"", "application/x-protobuf"), 400, "there is no dictionary")
    text(client.post(OTLP, b"{", "application/json"), 400, "not valid JSON")
    text(client.post(OTLP, otlp("bad", (9, 1)), "application/x-protobuf"), 400, "samples[0]: stack_index is 9")
    refused(client.post(EXPORT, otlp("bad", (9, 1)), "application/proto"), 400, "invalid_argument", "stack_index is 9")
    refused(client.post(EXPORT, b"\1", "application/proto"), 400, "invalid_argument", "request: field")
    expect(client.labels(), [])


def test_nothing_is_taken_and_stored_nowhere(client):
    expect(client.ingest("shop", b""), (200, b""))
    of_span = "shop{profile_id=1234567890abcdef}"
    tree = node(b"", 0, 1) + node(b"main", 1, 0)
    for body, format in ((b"main 1", "groups"), (b"main", "lines"), (tree, "tree"), (tree, "trie")):
        expect(client.ingest(of_span, body, format=format), (200, b""))
    expect(client.labels(), [])
    expect(client.ingest(of_span, cresset.pprof({("main",): 7}, time.time_ns()), format="pprof"), (200, b""))
    expect(client.stacks(CPU), {"main": 7})


def test_what_is_wrong_is_named(client):
    refused(client.ingest("", b"main 1"), 400, "invalid_argument", "name:")
    refused(client.ingest("shop.java", b"main 1"), 400, "invalid_argument", "unknown profile type: java")
    refused(client.ingest("shop", b"main 1\nmain"), 422, "unknown", "parsing IngestInput-groups failed: line 2:")
    refused(client.ingest("shop", b"\5a", format="tree"), 422, "unknown", "parsing IngestInput-tree failed: byte 0")
    refused(client.ingest("shop", b"main 1", **{"from": "now-2d"}), 422, "unknown",
            "pushing IngestInput-groups failed: push series with index 0", "outside of ingestion window")
    expect(client.labels(), [])


def test_limits_of_a_profile_hold(client):
    many = b"".join(b"main;f%d 1\n" % i for i in range(20000))
    refused(client.ingest("shop", many), 422, "unknown", "line 16001:", "max_profile_stacktrace_samples")
    refused(client.ingest("shop", b"x" * (5 << 20) + b" 1"), 422, "unknown", "max_profile_size_bytes")
    deep = b";".join(b"f%d" % i for i in range(1200))
    expect(client.ingest("shop", deep + b" 1"), (200, b""))
    (stack,) = client.stacks(CPU)
    expect(len(stack.split(";")), 1000)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    tests = {name: test for name, test in globals().items() if name.startswith("test_")}
    with tempfile.TemporaryDirectory(prefix="cresset-formats-") as folder:
        server = cresset.Server(options.bin, folder, "--self-profile=false")
        try:
            for name, test in tests.items():
                print(name, flush=True)
                test(Client(server, name))
        finally:
            status = server.stop()
    expect(status, 0)


if __name__ == "__main__":
    main()
