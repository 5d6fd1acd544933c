"""What the calls of Grafana's data source and of its Profiles Drilldown have in common."""
import base64
import gzip
import json
import time

import clients
import cresset

CPU = cresset.CPU_TYPE
OFF_CPU = "off_cpu:cpu:nanoseconds:cpu:nanoseconds"
QUERIER = "/querier.v1.QuerierService/"
SPAN, TRACE = "00f067aa0ba902b7", "4bf92f3577b34da6a3ce929d0e0e4736"
MAX_NODES = 16384

# What is stored: (service, name, seconds ago, {stack with the leaf first: nanoseconds})
SHOP = {("query", "handle", "main"): 300_000_000, ("parse", "handle", "main"): 200_000_000, ("main",): 100_000_000}
CART = {("add", "main"): 50_000_000}
PROFILES = [("shop", "process_cpu", 300, SHOP), ("shop", "process_cpu", 200, SHOP), ("shop", "off_cpu", 200, SHOP),
            ("cart", "process_cpu", 100, CART)]
SHOP_TOTAL, CART_TOTAL = 1_200_000_000, 50_000_000

CALLS = []


def call(served=True, status=501):
    """Registers a function as one call. What is not served must be refused with `status`: change its
    line when it is."""
    def register(function):
        CALLS.append((function, served, status))
        return function
    return register


def expect(ok, *what):
    if not ok:
        raise clients.Wrong(" ".join(str(one) for one in what)[:2000])


class Grafana:
    """The requests of one Grafana to one server, with the headers that it sends."""

    def __init__(self, server):
        self.server = server
        self.now_ms = int(time.time() * 1000)
        self.start, self.end = self.now_ms - 3_600_000, self.now_ms
        self.setting = {"name": "pluginSettings", "modifiedAt": str(self.now_ms),
                        "value": json.dumps({"collapsedFlamegraphs": False, "maxNodes": MAX_NODES})}

    def request(self, verb, path, body, headers):
        """(headers of the answer, its body without gzip); an answer that is not 200 is cresset.Failed."""
        connection = self.server.connect()
        connection.request(verb, path, body, {"X-Scope-OrgID": "grafana", **headers})
        reply = connection.getresponse()
        data = reply.read()
        if reply.headers.get("Content-Encoding") == "gzip":
            data = gzip.decompress(data)
        if reply.status != 200:
            raise cresset.Failed(reply.status, data)
        return reply.headers, data

    def backend(self, method, message, utf8=False):
        """A call of the data source's back end, a connect-go client with the binary codec."""
        headers = {"Content-Type": "application/proto", "Connect-Protocol-Version": "1", "Accept-Encoding": "gzip",
                   "User-Agent": "connect-go/1.19.1 (go1.25.3)",
                   "Authorization": "Basic " + base64.b64encode(b"grafana:secret").decode()}
        if utf8:
            headers["Accept"] = "*/*; allow-utf8-labelnames=true"
        reply, data = self.request("POST", QUERIER + method, message, headers)
        expect(reply["Content-Type"] == "application/proto", method, "answers as", reply["Content-Type"])
        return Message(data)

    def browser(self, path, body=None, content_type="application/json", raw=False):
        """A call of the app in the browser, through Grafana's proxy for data sources."""
        headers = {"Accept": "application/json, text/plain, */*", "Accept-Encoding": "gzip, deflate, br",
                   "Accept-Language": "en-GB,en;q=0.9", "Origin": "http://localhost:3000", "X-Grafana-Org-Id": "1",
                   "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "X-Forwarded-For": "127.0.0.1",
                   "X-Grafana-User": "admin"}
        if body is not None:
            headers["Content-Type"] = content_type
            body = body if isinstance(body, bytes) else json.dumps(body)
        reply, data = self.request("GET" if body is None else "POST", path, body, headers)
        if raw:
            return reply, data
        expect(reply["Content-Type"].startswith("application/json"), path, "answers as", reply["Content-Type"])
        return json.loads(data)

    def push(self):
        for service, name, ago_s, stacks in PROFILES:
            labels = {"__name__": name, "service_name": service, "k8s.pod": service + "-1"}
            profile = cresset.pprof(stacks, (self.now_ms - ago_s * 1000) * 1_000_000)
            self.request("POST", "/push.v1.PusherService/Push", cresset.push_request(labels, profile),
                         {"Content-Type": "application/proto"})


class Message:
    """A protobuf message by field numbers, which are those of the Pyroscope API."""

    def __init__(self, data):
        self.fields, at = {}, 0
        while at < len(data):
            tag, at = read_varint(data, at)
            if tag & 7 == 0:
                value, at = read_varint(data, at)
            else:
                size = 8
                if tag & 7 == 2:
                    size, at = read_varint(data, at)
                expect(tag & 7 in (1, 2) and at + size <= len(data), "not a message:", data)
                value, at = data[at:at + size], at + size
            self.fields.setdefault(tag >> 3, []).append(value)

    def number(self, field):
        return self.fields.get(field, [0])[-1]

    def text(self, field):
        return self.fields.get(field, [b""])[-1].decode()

    def texts(self, field):
        return [value.decode() for value in self.fields.get(field, [])]

    def messages(self, field):
        return [Message(value) for value in self.fields.get(field, [])]

    def numbers(self, field):
        """Packed numbers."""
        out, at, data = [], 0, b"".join(self.fields.get(field, []))
        while at < len(data):
            value, at = read_varint(data, at)
            out.append(value)
        return out


def read_varint(data, at):
    value = shift = 0
    while True:
        expect(at < len(data) and shift < 70, "a number is cut:", data)
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def flame_tree(names, levels):
    """{stack, root first: (total, self)}, as the data source makes its frame of a flame graph: level
    0 is one node, and a node belongs to the one above that it lies within."""
    expect(len(levels) > 0 and len(levels[0]) == 4, "level 0 is not one node:", levels[:1])
    out, parents = {}, []
    for depth, level in enumerate(levels):
        x, nodes = 0, []
        for i in range(0, len(level), 4):
            offset, total, self_value, name = level[i:i + 4]
            x += offset
            above = [stack for start, end, stack in parents if start <= x and x + total <= end]
            expect(depth == 0 or len(above) == 1, "a node of level", depth, "has no parent:", level)
            stack = (above[0] if above else ()) + (names[name],)
            expect(stack not in out and 0 <= self_value <= total, "a bad node", stack, total, self_value)
            out[stack] = (total, self_value)
            nodes.append((x, x + total, stack))
            x += total
        parents = nodes
    return out


def shop_tree(times=2):
    """What flame_tree gives for so many profiles of the shop."""
    ms = 1_000_000 * times
    return {("total",): (600 * ms, 0), ("total", "main"): (600 * ms, 100 * ms),
            ("total", "main", "handle"): (500 * ms, 0), ("total", "main", "handle", "query"): (300 * ms, 300 * ms),
            ("total", "main", "handle", "parse"): (200 * ms, 200 * ms)}
