"""The profiles that the golden answers are of: all of one minute in the past, sent in every way that the server takes.

Where a profile has an id of its own, its UUID is made of what was sent, so that it is the same in every run.
"""
import base64
import gzip
import json
import urllib.parse

import cresset
import formats
import messages

TENANT, OTHER_TENANT, ANNOTATED_TENANT = "golden", "other", "annotated"
START_S = 1_700_000_000  # 2023-11-14 22:13:20 UTC
START_MS, END_MS = START_S * 1000, (START_S + 60) * 1000
CPU = cresset.CPU_TYPE
GOROUTINES = "goroutine:goroutine:count:goroutine:count"
SPAN, OTHER_SPAN, TRACE = "00f067aa0ba902b7", "b7ad6b7169203331", "4bf92f3577b34da6a3ce929d0e0e4736"
BUILD_ID = "5dcd1ae8d6f3b2c0a7e49f1b83d2640c9e57ab12"

CPU_TYPES, CPU_PERIOD = [("cpu", "nanoseconds")], ("cpu", "nanoseconds", 10_000_000)
MEMORY_TYPES = [("alloc_objects", "count"), ("alloc_space", "bytes"), ("inuse_objects", "count"), ("inuse_space", "bytes")]

# The overrides of the tenant whose profiles are annotated: every push is beyond its limit, and loses its stacks.
OF_ANNOTATED = f"""\
  {ANNOTATED_TENANT}:
    keep_stripped_profiles: true
    include_stripped_profiles: true
    distributor_sampling: {{usage_groups: {{other: {{probability: 0}}}}}}
    ingestion_limit: {{period_limit_mb: 128, limit_reached: true, limit_reset_time: 4102444800, sampling: {{num_requests: 2, period: 90s}}}}
"""


class Builder:
    """A google.v1.Profile of stacks that are written "root;caller+inlined;leaf"."""

    def __init__(self, types, period, time_s):
        self.profile = messages.module("profile").Profile(time_nanos=time_s * 10**9, duration_nanos=10 * 10**9)
        self.texts, self.functions, self.locations = {}, {}, {}
        self.text("")
        for name, unit in types:
            self.profile.sample_type.add(type=self.text(name), unit=self.text(unit))
        self.profile.period_type.type, self.profile.period_type.unit = self.text(period[0]), self.text(period[1])
        self.profile.period = period[2]
        self.profile.mapping.add(id=1, memory_start=0x400000, memory_limit=0x800000, file_offset=0x1000,
                                 filename=self.text("/usr/bin/shop"), build_id=self.text(BUILD_ID), has_functions=True,
                                 has_filenames=True, has_line_numbers=True, has_inline_frames=True)

    def text(self, text):
        if text not in self.texts:
            self.texts[text] = len(self.texts)
            self.profile.string_table.append(text)
        return self.texts[text]

    def function(self, name):
        if name not in self.functions:
            number = self.functions[name] = len(self.functions) + 1
            self.profile.function.add(id=number, name=self.text(name), system_name=self.text(name),
                                      filename=self.text(f"src/{name}.go"), start_line=10 * number)
        return self.functions[name]

    def location(self, frame):
        """The location of a frame; behind a + is what was inlined into it."""
        if frame not in self.locations:
            number = self.locations[frame] = len(self.locations) + 1
            lines = [{"function_id": self.function(name), "line": 10 * number + 1} for name in reversed(frame.split("+"))]
            self.profile.location.add(id=number, mapping_id=1, address=0x400000 + 0x10 * number, line=lines)
        return self.locations[frame]

    def add(self, stack, values, **labels):
        sample = self.profile.sample.add(location_id=[self.location(frame) for frame in reversed(stack.split(";"))], value=values)
        for key, value in labels.items():
            sample.label.add(key=self.text(key), str=self.text(value))


def pprof(types, period, time_s, *samples):
    """The bytes of a profile of these samples: (stack, values) or (stack, values, labels)."""
    builder = Builder(types, period, time_s)
    for stack, values, *labels in samples:
        builder.add(stack, values, **(labels[0] if labels else {}))
    return builder.profile.SerializeToString(deterministic=True)


def cpu(time_s, *samples):
    return pprof(CPU_TYPES, CPU_PERIOD, time_s, *samples)


def pairs(**labels):
    return [{"name": name, "value": value} for name, value in labels.items()]


def push_body(name, profile, number=0, **labels):
    """A PushRequest as JSON, with an id for the profile."""
    return {"series": [{"labels": pairs(__name__=name, **labels),
                        "samples": [{"rawProfile": base64.b64encode(profile).decode(),
                                     "ID": f"00000000-0000-4000-8000-{number:012d}"}]}]}


# CPU time of a shop in two regions: functions that are not ASCII, one that is inlined, spans of a trace.
SHOP = [
    (10, "east", [("main;serve;zählen", [30_000_000]), ("main;serve+parse;read", [20_000_000], {"span_id": SPAN, "trace_id": TRACE}),
                  ("main;serve", [10_000_000])]),
    (20, "east", [("main;serve;zählen", [40_000_000]), ("main;idle", [20_000_000]), ("main;serve;北京", [20_000_000])]),
    (25, "west", [("main;serve;zählen", [50_000_000], {"span_id": OTHER_SPAN}), ("main;gc", [10_000_000])]),
    (40, "west", [("main;serve;zählen", [70_000_000], {"span_id": SPAN}), ("main;gc;sweep", [10_000_000])]),
]
# Gauges, two of them in one step of 30 s.
GAUGE = [(5, 10), (15, 30), (45, 50)]
# The worked example of the encoding: a;b = 3, a = 1, c = 2; and what it is compared to.
WORKED = [("a;b", [3]), ("a", [1]), ("c", [2])]
WORKED_RIGHT = [("a;b", [1])]


def pushes():
    """The bodies for Push."""
    number = 0
    for offset_s, region, samples in SHOP:
        number += 1
        yield push_body("process_cpu", cpu(START_S + offset_s, *samples), number, service_name="shop", region=region,
                        **{"k8s.pod.name": f"shop-{region}"})
    for offset_s, value in GAUGE:
        number += 1
        profile = pprof([("goroutine", "count")], ("goroutine", "count", 1), START_S + offset_s, ("main;wait", [value]))
        yield push_body("goroutine", profile, number, service_name="pool")
    yield push_body("process_cpu", cpu(START_S + 10, *WORKED), number + 1, service_name="worked")
    yield push_body("process_cpu", cpu(START_S + 10, *WORKED_RIGHT), number + 2, service_name="worked-right")


def ingests():
    """(parameters, body, content type) for /ingest, in each of its formats."""
    config = json.dumps({"cpu": {"units": "samples", "display-name": "block_duration"}}).encode()
    memory = pprof(MEMORY_TYPES, ("space", "bytes", 524288), START_S + 12, ("main;serve;zählen", [4, 4096, 1, 1024]),
                   ("main;cache", [2, 2048, 2, 2048]))
    plain = "text/plain"
    with open(formats.SMALL_JFR, "rb") as file:
        jfr = file.read()
    tree = formats.node(b"", 0, 1) + formats.node(b"main", 1, 1) + formats.node(b"work", 300, 0)
    trie = formats.node(b"", 0, 1) + formats.node(b"main;wo", 0, 2) + formats.node(b"rk", 1, 0) + formats.node(b"rld", 2, 0)
    yield {"name": "shop{region=east}", "format": "pprof", "spyName": "gospy"}, gzip.compress(memory), plain
    block = cpu(START_S + 12, ("main;lock", [700]))
    yield {"name": "form", "spyName": "gospy"}, *formats.form(profile=gzip.compress(block), sample_type_config=config)
    yield {"name": "folded{region=east,__secret__=x}"}, "main;work 2\nmain;größe 1\n".encode(), plain
    yield {"name": "lines.wall{service_name=other}", "format": "lines", "sampleRate": "1000"}, b"main;work\nmain;work\nmain\n", plain
    yield {"name": "tree.alloc_space", "format": "tree"}, tree, plain
    yield {"name": "trie", "format": "trie"}, trie, plain
    yield {"name": "scope", "format": "speedscope"}, formats.speedscope(formats.SAMPLED, formats.EVENTED), plain
    yield {"name": "java", "format": "jfr", "spyName": "javaspy"}, gzip.decompress(jfr), "application/octet-stream"
    yield {"name": "java-form", "format": "jfr", "spyName": "javaspy"}, *formats.form(jfr=jfr)


def otlps():
    """(body, content type) for OTLP over HTTP."""
    time_ns = (START_S + 14) * 10**9
    yield formats.otlp("otlp", (1, 2), (2, 1), time_ns=time_ns), "application/x-protobuf"
    yield formats.otlp("otlp-older", (1, 2), time_ns=time_ns, numbering="1.9"), "application/x-protobuf"
    yield formats.otlp_json("otlp-json", time_ns), "application/json"


def load(connection):
    """Sends everything; each answer is 200."""
    def send(path, body, content_type, tenant=TENANT):
        connection.request("POST", path, body, {"Content-Type": content_type, "X-Scope-OrgID": tenant})
        reply = connection.getresponse()
        data = reply.read()
        assert reply.status == 200, (path, reply.status, data)
    push = "/push.v1.PusherService/Push"
    for i, body in enumerate(pushes()):
        if i % 2:
            send(push, json.dumps(body), "application/json")
        else:
            send(push, messages.encode(push, body), "application/proto")
    for params, body, content_type in ingests():
        times = {"from": START_S + 12, "until": START_S + 22}
        send("/ingest?" + urllib.parse.urlencode({**params, **times}), body, content_type)
    for body, content_type in otlps():
        send("/v1development/profiles", body, content_type)
    other = push_body("process_cpu", cpu(START_S + 10, *WORKED_RIGHT), service_name="other")
    send(push, json.dumps(other), "application/json", OTHER_TENANT)
    send(push, json.dumps(other), "application/json", ANNOTATED_TENANT)
