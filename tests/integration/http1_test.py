#!/usr/bin/env python3
"""HTTP/1.1 byte by byte against the real server: requests that two readers would cut apart in different
places, and clients that vanish, drip or never read."""
import argparse
import os
import socket
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
from raw_http import connect, expect, expect_counted, metric, refused, send

IDLE_S = 1
# Far above the idle timeout of the server that waits long, far below what that one allows.
SOON_S = 5
PUSH = b"POST /push.v1.PusherService/Push HTTP/1.1\r\nHost: test\r\nContent-Type: application/proto\r\n"


def read_all(raw):
    """Whatever comes until the server closes."""
    got = b""
    try:
        while True:
            more = raw.recv(65536)
            if not more:
                return got
            got += more
    except ConnectionResetError:
        return got


def status(raw):
    """The status of the first answer, and whether a second request behind it was answered before the server
    closed."""
    got = read_all(raw)
    if not got.startswith(b"HTTP/1.1 "):
        sys.exit(f"no answer but {got[:200]!r}")
    return int(got.split()[1]), b" 200 OK" in got[9:]


# Each is one request for one reader and two for another.
AMBIGUOUS = {
    "a length beside chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
    "an unknown transfer coding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "two transfer codings": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "a space before the colon": b"Content-Length : 5\r\n\r\n",
    "a length that is no number": b"Content-Length: 0x5\r\n\r\n",
    "a signed length": b"Content-Length: +5\r\n\r\n",
    "a CR in a value": b"X-Padding: a\rContent-Length: 5\r\n\r\n",
    "a CR in front of a line end": b"X-Padding: a\r\r\n\r\n",
    "a CR at the end of the head": b"Content-Length: 0\r\r\n",
    "a CR at the end of the head and a body": b"Content-Length: 0\r\r\n\0\0\0\0",
    "an LF alone": b"X-Padding: a\nContent-Length: 0\r\n\r\n",
    "an LF at the end of the head": b"Content-Length: 0\r\n\n",
    "a folded line": b"X-Padding: a\r\n Content-Length: 5\r\nContent-Length: 0\r\n\r\n",
    "a NUL in a value": b"X-Padding: a\0b\r\nContent-Length: 0\r\n\r\n",
}


def check_smuggling(server):
    second = b"GET /ready HTTP/1.1\r\nHost: test\r\n\r\n"
    for what, rest in AMBIGUOUS.items():
        before = refused(server)
        raw = connect(server)
        send(raw, PUSH + rest + second)
        expect(what, status(raw), (400, False))
        expect_counted(server, "protocol", before)
    raw = connect(server)
    send(raw, b"POST /push.v1.PusherService/Push HTTP/1.0\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    expect("chunks in HTTP/1.0", status(raw), (400, False))
    raw = connect(server)
    send(raw, b"GET /ready HTTP/1.1\r\n\r\n")
    expect("a request without Host", status(raw), (400, False))
    raw = connect(server)
    send(raw, b"GET /ready HTTP/1.1\rHost: test\r\n\r\n")
    expect("a CR behind the request line", status(raw), (400, False))


# What ends a chunk for one reader and not for another.
CHUNKS = {
    "chunks as they should be": b"2\r\n{}\r\n0\r\n\r\n",
    "an LF behind a size": b"2\n{}\r\n0\r\n\r\n",
    "an LF behind a chunk": b"2\r\n{}\n0\r\n\r\n",
    "an LF behind the last chunk": b"2\r\n{}\r\n0\r\n\n",
    "an LF in an extension": b"2;a\nb\r\n{}\r\n0\r\n\r\n",
    "a CR in an extension": b"2;a\rb\r\n{}\r\n0\r\n\r\n",
    "an LF behind a trailer": b"2\r\n{}\r\n0\r\nX: a\n\r\n",
    "a size with 0x": b"0x2\r\n{}\r\n0\r\n\r\n",
    "a signed size": b"+2\r\n{}\r\n0\r\n\r\n",
    "a size behind a space": b" 2\r\n{}\r\n0\r\n\r\n",
    "a size with a NUL": b"2\0\r\n{}\r\n0\r\n\r\n",
    "a size beyond 64 bits": b"10000000000000002\r\n{}\r\n0\r\n\r\n",
    "a chunk longer than it says": b"2\r\n{}x\r\n0\r\n\r\n",
}


def check_chunks(server):
    """Wherever another reader sees the end of a chunked body: nothing behind it is taken for a request."""
    ask = (b"POST /querier.v1.QuerierService/ProfileTypes HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
           b"Transfer-Encoding: chunked\r\n\r\n")
    for what, body in CHUNKS.items():
        raw = connect(server)
        send(raw, ask + body + b"GET /ready HTTP/1.1\r\nHost: test\r\n\r\n")
        got = read_all(raw)
        if not got.startswith((b"HTTP/1.1 200", b"HTTP/1.1 400", b"HTTP/1.1 413")) or got.count(b"HTTP/1.1 ") != 1:
            sys.exit(f"{what}: {got!r}")


def check_plain_heads(server):
    """What is unusual and means one thing is served, in one piece and byte by byte."""
    for head in (b"GET /ready HTTP/1.0\r\n\r\n", b"\r\nGET /ready HTTP/1.1\r\nHost:test\r\nX-Empty:\r\nX-Space:  a \t\r\n\r\n",
                 b"GET /ready?a=%41&b HTTP/1.1\r\nHost: test\r\nCookie: a=b; c=\"d\"\r\nConnection: close\r\n\r\n"):
        for size in (len(head), 1):
            raw = connect(server)
            for i in range(0, len(head), size):
                send(raw, head[i:i + size])
            raw.shutdown(socket.SHUT_WR)
            expect(f"the status of {head!r}", status(raw)[0], 200)


def check_long_heads(server):
    """Within the memory of a connection they are served, beyond it refused."""
    connection = server.connect()
    connection.request("GET", "/ready?" + "x" * 6000)
    expect("the answer to a long request line", connection.getresponse().read(), b"ready\n")
    for what, wanted, line, rest in (("a request line", b"414", b"GET /ready?" + b"x" * 20000, b""),
                                     ("a head", b"431", b"GET /ready", b"X-Long: " + b"x" * 20000 + b"\r\n")):
        before = refused(server)
        raw = connect(server)
        send(raw, line + b" HTTP/1.1\r\nHost: test\r\n" + rest + b"\r\n")
        expect(f"the status of {what} that is too long", raw.recv(12)[9:], wanted)
        expect_counted(server, "header", before)


def in_flight(server):
    """Requests under way beside the one that asks."""
    return metric(server, "cresset_http_requests_in_flight")[""] - 1


def check_vanished(server):
    """A client that is gone in the midst of a request is forgotten at once, however its last bytes and its end
    arrive."""
    parts = {"the head": PUSH, "the body": PUSH + b"Content-Length: 1000\r\n\r\nabc",
             "a chunk": PUSH + b"Transfer-Encoding: chunked\r\n\r\n100\r\nabc"}
    for what, part in parts.items():
        for pause_s in (0, 0.05):
            for _ in range(50):
                raw = connect(server)
                send(raw, part)
                time.sleep(pause_s)
                raw.close()
            cresset.wait_for(lambda: in_flight(server) == 0, SOON_S, f"requests cut off in {what} to end")
            cresset.wait_for(lambda: metric(server, "cresset_http_connections")[""] <= 2, SOON_S,
                             f"connections cut off in {what} to end")


def check_half_closed(server):
    """Who has sent all may close its side and still gets the answer."""
    raw = connect(server)
    send(raw, b"GET /ready HTTP/1.1\r\nHost: test\r\n\r\n")
    raw.shutdown(socket.SHUT_WR)
    expect("an answer to a client that sends no more", status(raw)[0], 200)


def drip(raw, data, every_s, wait_s):
    """Sends a byte at a time; whether the server closed within wait_s."""
    raw.settimeout(every_s)
    end = time.monotonic() + wait_s
    for i in range(len(data)):
        if time.monotonic() > end or not send(raw, data[i:i + 1]):
            break
        try:
            if raw.recv(4096) == b"":
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


def check_drips(server):
    """A byte now and then is traffic, but no progress."""
    drips = {"a head": (b"", PUSH + b"X-Padding: " + b"a" * 1000),
             "a body": (PUSH + b"Content-Length: 1000\r\n\r\n", b"a" * 1000),
             "chunks": (PUSH + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 1000)}
    for what, (at_once, slowly) in drips.items():
        before = refused(server)
        raw = connect(server)
        send(raw, at_once)
        if not drip(raw, slowly, 0.1, 10 * IDLE_S):
            sys.exit(f"{what} may come a byte at a time for ever")
        expect_counted(server, "stall", before)


def check_unread(server):
    """Who asks and never reads does not hold the answers for ever."""
    before = refused(server)
    raw = connect(server)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    ask = b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n" * 2000
    raw.settimeout(1)
    send(raw, ask)
    cresset.wait_for(lambda: metric(server, "cresset_http_connections")[""] <= 1, 10 * IDLE_S,
                     "the connection of a client that does not read to end")
    expect_counted(server, "stall", before)


def is_alive(server):
    connection = server.connect()
    connection.request("GET", "/ready")
    expect("the answer to a good client", connection.getresponse().read(), b"ready\n")
    connection.close()


def run(bin_dir, idle_s, checks):
    with tempfile.TemporaryDirectory() as folder:
        server = cresset.Server(bin_dir, folder, "--self-profile=false", "--http-idle-timeout", f"{idle_s}s")
        for check in checks:
            check(server)
            is_alive(server)
        expect("the exit status", server.stop(), 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    options = parser.parse_args()
    run(options.bin, 600, (check_smuggling, check_chunks, check_plain_heads, check_long_heads, check_vanished, check_half_closed))
    run(options.bin, IDLE_S, (check_drips, check_unread))


if __name__ == "__main__":
    main()
