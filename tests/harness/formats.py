"""Bodies of the formats that the server takes beside pprof, small and well-formed."""
import json
import os
import struct
import time

import cresset

SCHEMA = "https://www.speedscope.app/file-format-schema.json"
SMALL_JFR = os.path.join(os.path.dirname(__file__), "..", "data", "jfr_fixture", "small.jfr.gz")


def form(**parts):
    """A multipart body with these files, and its content type."""
    out = b"".join(b'--XX\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n\r\n%s\r\n' % (name.encode(), name.encode(), data)
                   for name, data in parts.items())
    return out + b"--XX--\r\n", "multipart/form-data; boundary=XX"


def node(name, value, n_children):
    """One node of a binary tree or trie, in pre-order; name is bytes."""
    return cresset.varint(len(name)) + name + cresset.varint(value) + cresset.varint(n_children)


def speedscope(*profiles):
    """A file of speedscope with these profiles of the frames 0 (main) and 1 (work)."""
    frames = [{"name": "main"}, {"name": "work", "file": "work.c", "line": 7}]
    return json.dumps({"$schema": SCHEMA, "shared": {"frames": frames}, "profiles": profiles}).encode()


SAMPLED = {"type": "sampled", "name": "one", "unit": "seconds", "startValue": 0, "endValue": 3,
           "samples": [[0, 1], [0]], "weights": [2, 0.5]}
EVENTED = {"type": "evented", "name": "two", "unit": "milliseconds", "startValue": 0, "endValue": 9,
           "events": [{"type": "O", "frame": 0, "at": 0}, {"type": "O", "frame": 1, "at": 4},
                      {"type": "C", "frame": 1, "at": 6}, {"type": "C", "frame": 0, "at": 9}]}


def otlp(service, *stacks, time_ns=None, numbering="1.10"):
    """An OTLP request with one profile of CPU samples; each stack is (position in the stack table, count)."""
    block, number, varint = cresset.block, cresset.number, cresset.varint
    strings = ["", "samples", "count", "cpu", "nanoseconds", "main", "work"]
    location = {name: block(2, block(3, number(1, i + 1))) for i, name in enumerate(["main", "work"])}
    tables = block(2, b"") + location["main"] + location["work"] + block(3, b"") + block(3, number(1, 5)) + block(3, number(1, 6))
    tables += block(4, b"") + block(6, b"") + b"".join(block(5, text.encode()) for text in strings)
    tables += block(7, b"") + block(7, block(1, b"\2\1")) + block(7, block(1, b"\1"))
    field = 4 if numbering == "1.10" else 2
    samples = b"".join(block(2, number(1, stack) + block(field, varint(count))) for stack, count in stacks)
    time_ns = struct.pack("<Q", time_ns or time.time_ns())
    profile = block(1, number(1, 1) + number(2, 2)) + samples + b"\x19" + time_ns + block(5, number(1, 3) + number(2, 4))
    profile += number(6, 10_000_000)
    resource = block(1, block(1, block(1, b"service.name") + block(2, block(1, service.encode()))))
    return block(1, resource + block(2, block(2, profile))) + block(2, tables)


def otlp_json(service, time_ns=None, release="1.10"):
    """The same as JSON: ids are hexadecimal, 64-bit numbers may be strings; the sample has a span and an attribute."""
    samples, lines = ("sample", "line") if release == "1.8" else ("samples", "lines")
    attribute = {"key": "service.name", "value": {"arrayValue": {"values": [{"stringValue": service}]}}}
    strings = ["", "samples", "count", "cpu", "nanoseconds", "main", "thread.id"]
    dictionary = {"stringTable": strings, "functionTable": [{}, {"nameStrindex": 5}], "stackTable": [{}, {"locationIndices": [1]}],
                  "locationTable": [{}, {lines: [{"functionIndex": 1, "line": "7"}]}],
                  "attributeTable": [{}, {"keyStrindex": 6, "value": {"intValue": "42"}}],
                  "linkTable": [{}, {"traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7"}]}
    sample = {"stackIndex": 1, "values": ["3", 2], "linkIndex": 1, "attributeIndices": [1]}
    profile = {"sampleType": {"typeStrindex": 1, "unitStrindex": 2}, samples: [sample], "timeUnixNano": str(time_ns or time.time_ns()),
               "periodType": {"typeStrindex": 3, "unitStrindex": 4}, "period": "10000000", "profileId": "0af7651916cd43dd8448eb211c80319c"}
    return json.dumps({"dictionary": dictionary, "resourceProfiles": [
        {"resource": {"attributes": [attribute]}, "scopeProfiles": [{"profiles": [profile]}]}]})
