#!/usr/bin/env python3
"""HTTP/2 frame by frame against the real server: how it tells protocols apart, and what it does with
clients that flood, stall or talk nonsense. Frames: RFC 9113; header fields: RFC 7541, all literal.
"""
import argparse
import os
import struct
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
from raw_http import connect, expect, expect_counted, metric, refused, send

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 8, 9
ACK, END_STREAM, END_HEADERS = 1, 1, 4
MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 3, 4
CANCEL, ENHANCE_YOUR_CALM = 8, 11
IDLE_S = 1


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    def text(data):
        out, length = bytearray(), len(data)
        if length < 127:
            out.append(length)
        else:
            out.append(127)
            length -= 127
            while length > 127:
                out.append(length & 127 | 128)
                length >>= 7
            out.append(length)
        return bytes(out) + data
    return b"\0" + text(name.encode()) + text(value.encode())


def fields(method="GET", path="/ready", **more):
    pairs = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "test")]
    return b"".join(literal(*pair) for pair in pairs + [(k.replace("_", "-"), v) for k, v in more.items()])


class Client:
    def __init__(self, server, settings=b"", preface=PREFACE):
        self.socket = connect(server)
        self.buffer = b""
        self.send(preface + frame(SETTINGS, 0, 0, settings))

    def send(self, data):
        """False when the server has closed."""
        return send(self.socket, data)

    def receive(self):
        """The next frame: kind, flags, stream, payload; None when the server has closed."""
        while True:
            if len(self.buffer) >= 9:
                length = int.from_bytes(self.buffer[:3], "big")
                if len(self.buffer) >= 9 + length:
                    kind, flags, stream = self.buffer[3], self.buffer[4], int.from_bytes(self.buffer[5:9], "big")
                    payload, self.buffer = self.buffer[9:9 + length], self.buffer[9 + length:]
                    return kind, flags, stream, payload
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not more:
                return None
            self.buffer += more

    def wait(self, wanted):
        """Reads on until a frame of that kind; None when the server has closed before."""
        while True:
            got = self.receive()
            if got is None or got[0] == wanted:
                return got


def is_alive(server):
    client = Client(server)
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, fields()))
    got = client.wait(DATA)
    expect("the answer of a good client", got and got[3], b"ready\n")


def check_preface(server):
    client = Client(server, preface=PREFACE[:3])
    expect("a frame behind a part of the preface", client.wait(DATA), None)
    raw = connect(server)
    whole = PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS | END_STREAM, 1, fields())
    for part in (whole[:5], whole[5:20], whole[20:]):
        raw.sendall(part)
        time.sleep(0.05)  # so that they arrive apart
    client = Client.__new__(Client)
    client.socket, client.buffer = raw, b""
    expect("an answer to a preface in pieces", client.wait(DATA)[3], b"ready\n")


def check_rapid_reset(server):
    before = refused(server)
    client = Client(server)
    for i in range(1, 4000, 2):
        if not client.send(frame(HEADERS, END_HEADERS | END_STREAM, i, fields()) +
                           frame(RST, 0, i, struct.pack(">I", CANCEL))):
            break
    got = client.wait(GOAWAY)
    if got is not None:
        expect("the reason", struct.unpack(">I", got[3][4:8])[0], ENHANCE_YOUR_CALM)
    expect_counted(server, "resets", before)


def check_header_bomb(server):
    before = refused(server)
    client = Client(server)
    bomb = fields() + b"".join(literal(f"x-{i}", "v" * 4000) for i in range(30))
    parts = [bomb[i:i + 16000] for i in range(0, len(bomb), 16000)]
    client.send(frame(HEADERS, END_STREAM, 1, parts[0]))
    for i, part in enumerate(parts[1:]):
        client.send(frame(CONTINUATION, END_HEADERS if i == len(parts) - 2 else 0, 1, part))
    got = client.receive()
    while got is not None and got[0] not in (RST, GOAWAY):
        got = client.receive()
    after = refused(server)
    if after["header"] + after["protocol"] <= before["header"] + before["protocol"]:
        sys.exit(f"a header without end was not refused: {before} {after}")


def check_ping_flood(server):
    before = refused(server)
    client = Client(server)
    pings = frame(PING, 0, 0, b"12345678") * 1000
    client.socket.settimeout(5)
    for _ in range(2000):  # answers are never read
        if not client.send(pings):
            break
    else:
        sys.exit("two million pings were taken")
    expect_counted(server, "flood", before)


def check_chatter(server):
    """Frames that say nothing, from a client that reads every answer."""
    for name, chatter in {"ping": frame(PING, 0, 0, b"12345678"), "settings": frame(SETTINGS, 0, 0),
                          "priority": frame(PRIORITY, 0, 1, struct.pack(">IB", 0, 1)),
                          "empty data": frame(DATA, 0, 1)}.items():
        before = refused(server)
        client = Client(server)
        client.send(frame(HEADERS, END_HEADERS, 1, fields("POST", "/push.v1.PusherService/Push",
                                                          content_type="application/proto")))
        client.socket.settimeout(0.001)
        for _ in range(400):
            if not client.send(chatter * 100):
                break
            try:
                while client.socket.recv(1 << 20):
                    continue
                break
            except TimeoutError:
                continue
            except OSError:
                break
        else:
            sys.exit(f"40000 frames of {name} were taken")
        expect_counted(server, "flood", before)


def check_too_many_streams(server):
    before = refused(server)
    client = Client(server)
    settings = client.wait(SETTINGS)[3]
    limits = dict(struct.unpack(">HI", settings[i:i + 6]) for i in range(0, len(settings), 6))
    client.send(frame(SETTINGS, ACK, 0))
    head = fields("POST", "/push.v1.PusherService/Push", content_type="application/proto", content_length="10")
    for i in range(limits[MAX_CONCURRENT_STREAMS] + 1):
        client.send(frame(HEADERS, END_HEADERS, 2 * i + 1, head))
    if client.wait(GOAWAY) is None:
        sys.exit("a client with more streams than allowed was not told so")
    expect_counted(server, "protocol", before)


def check_continuations(server):
    """CVE-2024-28182: a head that is continued without end, with nothing in it."""
    before = refused(server)
    client = Client(server)
    client.send(frame(HEADERS, END_STREAM, 1, fields()))
    for _ in range(10000):
        if not client.send(frame(CONTINUATION, 0, 1) * 10):
            break
    else:
        sys.exit("100000 continuations were taken")
    expect_counted(server, "header", before)


def drip(client, data, every_s=0.1, wait_s=10 * IDLE_S):
    """Sends a byte at a time; the kind of the frame that ended it, None when the server closed."""
    client.socket.settimeout(every_s)
    end = time.monotonic() + wait_s
    for i in range(len(data)):
        if time.monotonic() > end:
            return "nothing"
        if not client.send(data[i:i + 1]):
            return None
        try:
            got = client.receive()
            while got is not None and got[0] not in (RST, GOAWAY):
                got = client.receive()
            return got and got[0]
        except TimeoutError:
            continue
    return "nothing"


def check_drips(server):
    head = frame(HEADERS, END_HEADERS, 1, fields("POST", "/push.v1.PusherService/Push",
                                                 content_type="application/proto", content_length="1000"))
    bodies = b"".join(frame(DATA, 0, 1, b"a") for _ in range(500))
    plain = frame(HEADERS, END_HEADERS | END_STREAM, 1, fields())
    drips = {"a head": (plain[:20], plain[20:], None, "stall"),
             "a continuation": (frame(HEADERS, 0, 1, fields()), frame(CONTINUATION, 0, 1), None, "header"),
             "a body": (head, bodies, RST, "stall"),
             "a frame": (b"", frame(0xaa, 0, 0, b"a" * 1000), None, "stall")}
    for what, (at_once, slowly, wanted, reason) in drips.items():
        before = refused(server)
        client = Client(server)
        client.send(at_once)
        expect(f"the end of {what} in drips", drip(client, slowly), wanted)
        expect_counted(server, reason, before)


def check_window_drip(server):
    """An answer that is taken a byte at a time."""
    before = refused(server)
    client = Client(server, settings=struct.pack(">HI", INITIAL_WINDOW_SIZE, 0))
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, fields(path="/metrics")))
    end = time.monotonic() + 10 * IDLE_S
    client.socket.settimeout(0.1)
    while time.monotonic() < end:
        client.send(frame(WINDOW_UPDATE, 0, 1, struct.pack(">I", 1)))
        try:
            if client.wait(RST) is not None:
                expect_counted(server, "stall", before)
                return
        except TimeoutError:
            continue
    sys.exit("an answer may be taken a byte at a time for ever")


def check_nonsense(server):
    before = refused(server)
    client = Client(server)
    client.send(frame(DATA, 0, 0, b"data of no stream") + b"\xff" * 100)
    while client.receive() is not None:
        continue
    expect_counted(server, "protocol", before)


def check_slow_body(server):
    before = refused(server)
    client = Client(server)
    head = fields("POST", "/push.v1.PusherService/Push", content_type="application/proto", content_length="1000")
    client.send(frame(HEADERS, END_HEADERS, 1, head) + frame(DATA, 0, 1, b"a"))
    got = client.wait(RST)
    expect("a body that does not come", got and struct.unpack(">I", got[3])[0], CANCEL)
    expect_counted(server, "stall", before)


def check_closed_window(server):
    before = refused(server)
    client = Client(server, settings=struct.pack(">HI", INITIAL_WINDOW_SIZE, 0))
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, fields(path="/metrics")))
    got = client.wait(RST)
    expect("a window that stays shut", got and struct.unpack(">I", got[3])[0], CANCEL)
    expect_counted(server, "stall", before)


def check_silence(server):
    raw = connect(server)
    expect("a connection that says nothing", raw.recv(1), b"")
    client = Client(server)
    while client.receive() is not None:  # ends: idle connections are closed
        continue


def check_drain(server):
    client = Client(server)
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, fields()))
    expect("an answer before the end", client.wait(DATA)[3], b"ready\n")
    expect("the exit status", server.stop(), 0)
    expect("the word of the end", client.wait(GOAWAY)[0], GOAWAY)


def remains(server):
    """The pieces of uploads that lie on the disk."""
    return [name for name in os.listdir(os.path.join(server.data_dir, "debug-info")) if name.startswith(".body")]


def held(server):
    """What uploads hold: files of the process, requests beside the one that asks, bytes of bodies."""
    gauges = ("cresset_http_requests_in_flight", "cresset_http_body_bytes")
    return (len(os.listdir(f"/proc/{server.process.pid}/fd")), *(int(metric(server, name)[""]) for name in gauges))


def check_reset_upload(server):
    """An upload of a debug file that its client resets, or that ends with the connection, leaves nothing."""
    build_id = "ab" * 20
    service = "/debuginfo.v1alpha1.DebuginfoService/"
    cresset.post(server.connect(), service + "ShouldInitiateUpload", '{"file":{"gnuBuildId":"%s","type":"TYPE_EXECUTABLE_FULL"}}' % build_id,
                 "application/json")
    cresset.wait_for(lambda: metric(server, "cresset_http_connections")[""] <= 1, 20, "earlier connections to end")
    before = held(server)
    for resets in (True, False):
        for n_frames in (0, 1, 40):  # of 16 KiB: none on the disk, none yet, and two pieces
            client = Client(server)
            client.wait(SETTINGS)
            client.send(frame(SETTINGS, ACK, 0))  # from now on its wider window holds
            client.send(frame(HEADERS, END_HEADERS, 1, fields("POST", service + "Upload/" + build_id, content_type="application/octet-stream")))
            for _ in range(n_frames):
                client.send(frame(DATA, 0, 1, b"x" * 16384))
            if n_frames == 40:
                cresset.wait_for(lambda: remains(server), IDLE_S, "the first piece on the disk")
            if resets:
                client.send(frame(RST, 0, 1, struct.pack(">I", CANCEL)) + frame(HEADERS, END_HEADERS | END_STREAM, 3, fields()))
                expect("an answer on the same connection", client.wait(DATA)[3], b"ready\n")
            client.socket.close()
            cresset.wait_for(lambda: not remains(server) and all(map(int.__le__, held(server), before)), 20,
                             f"what is left of an upload to go: {remains(server)}, {held(server)} more than {before}")
    connection = server.connect()
    connection.request("POST", service + "Upload/" + build_id, b"no ELF file", {"Content-Type": "application/octet-stream"})
    expect("the status of another upload of that file", connection.getresponse().status, 400)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = cresset.Server(options.bin, folder, "--self-profile=false", "--http-idle-timeout", f"{IDLE_S}s")
        for check in (check_preface, check_rapid_reset, check_header_bomb, check_continuations, check_ping_flood,
                      check_chatter, check_too_many_streams, check_nonsense, check_slow_body, check_drips,
                      check_closed_window, check_window_drip, check_silence, check_reset_upload):
            check(server)
            is_alive(server)
        check_drain(server)


if __name__ == "__main__":
    main()
