#!/usr/bin/env python3
"""TLS on the port of the real server: both protocols by ALPN, files that are replaced while it runs, and
clients that speak no TLS, stall or vanish."""
import argparse
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
from certificates import make_pair, trust
from http2_test import DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, SETTINGS, Client, fields, frame
from raw_http import connect, expect, expect_counted, metric, refused, send

IDLE_S = 1
RELOAD_S = 20  # read again within 5 s; a busy machine is slow, not wrong


def connect_tls(server, *protocols):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(protocols)
    return context.wrap_socket(connect(server))


def check_http1(server):
    connection = server.connect()
    for _ in range(3):  # of one connection
        connection.request("GET", "/ready")
        expect("an answer by HTTP/1.1", connection.getresponse().read(), b"ready\n")
    expect("the protocol of a client that speaks only HTTP/1.1",
           connect_tls(server, "http/1.1").selected_alpn_protocol(), "http/1.1")


def http2_client(server):
    client = Client.__new__(Client)
    client.socket, client.buffer = connect_tls(server, "h2", "http/1.1"), b""
    expect("the protocol of a client that speaks both", client.socket.selected_alpn_protocol(), "h2")
    client.send(PREFACE + frame(SETTINGS, 0, 0))
    return client


def check_http2(server):
    client = http2_client(server)
    for stream in (1, 3):
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, fields()))
        expect("an answer by HTTP/2", client.wait(DATA)[3], b"ready\n")


def read_all(raw):
    got = b""
    while more := raw.recv(65536):
        got += more
    return got


def ask_large(server):
    """A client that takes its answer in small pieces."""
    raw = connect_tls(server)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    path = f"/pyroscope/render?query={cresset.CPU_TYPE}%7B%7D&from=now-1h&until=now&maxNodes=100000"
    send(raw, f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())
    return raw


def check_whole(answer):
    head, body = answer.split(b"\r\n\r\n", 1)
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    expect("the size of a large answer", len(body), length)
    if length < 1_000_000:
        sys.exit(f"the answer is not large: {length} bytes")


def check_large(server):
    """More than any buffer on the way holds, both ways, the answer read slowly."""
    stacks = {tuple(f"function_{i}_{k}_{'x' * 60}" for k in range(20)): 10_000_000 for i in range(1500)}
    now = time.time_ns()
    connection = server.connect()
    cresset.push(connection, {"service_name": "large"}, cresset.pprof(stacks, now))
    ask = {"profileTypeID": cresset.CPU_TYPE, "labelSelector": "{}", "start": now // 10**6 - 60_000,
           "end": now // 10**6 + 60_000, "maxNodes": 100_000}
    answer = cresset.query(connection, "SelectMergeStacktraces", **ask)
    expect("the total of a large answer", int(answer["flamegraph"]["total"]), 1500 * 10_000_000)
    check_whole(read_all(ask_large(server)))


def check_clear_text(server):
    before = refused(server)
    raw = connect(server)
    send(raw, b"GET /ready HTTP/1.1\r\nHost: test\r\n\r\n")
    got = read_all(raw)
    expect("the status of a request in clear text", got.split()[1], b"400")
    expect("its answer", got.split(b"\r\n\r\n")[1], b"this port speaks HTTPS\n")
    raw = connect(server)
    send(raw, PREFACE)
    expect("HTTP/2 in clear text", raw.recv(12), b"HTTP/1.1 400")
    expect_counted(server, "protocol", before)


def check_broken_handshake(server):
    before = refused(server)
    raw = connect(server)
    send(raw, b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00")  # a ClientHello of one byte
    try:
        while raw.recv(4096):
            continue
    except ConnectionResetError:
        pass
    expect_counted(server, "protocol", before)


def expect_connections(server, most, what):
    cresset.wait_for(lambda: metric(server, "cresset_http_connections")[""] <= most + 1, 10, what)


def check_vanished(server):
    """In the handshake, in a request, in an answer; gone by an end of TLS or of TCP."""
    for _ in range(20):
        connect(server).close()
        raw = connect(server)
        send(raw, b"\x16\x03\x01")
        raw.close()
        for polite in (False, True):
            raw = connect_tls(server)
            send(raw, b"POST /push.v1.PusherService/Push HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nabc")
            if polite:
                raw.unwrap()
            raw.close()
            client = http2_client(server)
            client.send(frame(HEADERS, END_HEADERS, 1, fields("POST", "/push.v1.PusherService/Push")))
            client.socket.close()
    expect_connections(server, 0, "connections of clients that are gone to end")


def check_stalls(server):
    raw = connect(server)
    send(raw, b"\x16\x03\x01")
    expect("a handshake that does not come", raw.recv(1), b"")
    before = refused(server)
    raw = connect_tls(server)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.settimeout(1)
    send(raw, b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n" * 2000)
    expect_counted(server, "stall", before)
    expect_connections(server, 0, "the connection of a client that does not read to end")


def certificate_of(server):
    return connect_tls(server).getpeercert(binary_form=True)


def der(path):
    with open(path) as pem:
        return ssl.PEM_cert_to_DER_cert(pem.read())


def replace(source, target):
    shutil.copy(source, target + ".new")
    os.rename(target + ".new", target)


def check_replaced(server, folder, first, second):
    """The certificate first and the key later; meanwhile, and for connections that are open, the old pair."""
    used = [os.path.join(folder, name) for name in ("used.crt", "used.key")]
    old = server.connect()
    old.request("GET", "/ready")
    expect("the certificate at first", certificate_of(server), der(first[0]))
    replace(second[0], used[0])
    cresset.wait_for(lambda: certificate_of(server) and "not used" in server.log(), RELOAD_S,
                     "a certificate without its key to be refused")
    expect("the certificate while the key is the old one", certificate_of(server), der(first[0]))
    replace(second[1], used[1])
    cresset.wait_for(lambda: certificate_of(server) == der(second[0]), RELOAD_S, "the new certificate")
    expect("an answer by an old connection", old.getresponse().read(), b"ready\n")


def check_drain(server):
    """An answer under way is finished, and HTTP/2 told."""
    client = http2_client(server)
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, fields()))
    expect("an answer before the end", client.wait(DATA)[3], b"ready\n")
    raw = ask_large(server)
    got = raw.recv(1024)
    server.process.send_signal(signal.SIGTERM)
    expect("the word of the end", client.wait(GOAWAY)[0], GOAWAY)
    check_whole(got + read_all(raw))
    expect("the exit status", server.process.wait(30), 0)


def check_bad_files(bin_dir, folder, first, second):
    for options, status, said in (
            (("--tls-cert", first[0]), 2, "tls-key"),
            (("--tls-cert", first[0], "--tls-key", second[1]), 1, "tls-key"),
            (("--tls-cert", os.path.join(folder, "none"), "--tls-key", first[1]), 1, "none")):
        done = subprocess.run([os.path.join(bin_dir, "cresset-server"), "--listen", "127.0.0.1:0", "--data-dir",
                               os.path.join(folder, "unused"), *options], capture_output=True, timeout=60)
        expect(f"the exit status of {options}", done.returncode, status)
        if said not in done.stderr.decode():
            sys.exit(f"{said} is not named: {done.stderr.decode()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    options = parser.parse_args()
    if shutil.which("openssl") is None:
        print("skipped: openssl makes the certificates, and is not installed")
        sys.exit(1 if os.environ.get("CI") == "true" else cresset.SKIPPED)
    with tempfile.TemporaryDirectory() as folder:
        first, second = make_pair(folder, "first"), make_pair(folder, "second")
        used = [os.path.join(folder, name) for name in ("used.crt", "used.key")]
        for source, target in zip(first, used):
            shutil.copy(source, target)
        files = ("--self-profile=false", "--tls-cert", used[0], "--tls-key", used[1])
        server = cresset.Server(options.bin, folder, *files, tls=trust(first[0], second[0]))
        for check in (check_http1, check_http2, check_large, check_clear_text, check_broken_handshake, check_vanished):
            check(server)
        check_replaced(server, folder, first, second)
        check_drain(server)
        short = cresset.Server(options.bin, folder, *files, "--http-idle-timeout", f"{IDLE_S}s",
                               tls=trust(first[0], second[0]))
        check_stalls(short)
        expect("the exit status", short.stop(), 0)
        check_bad_files(options.bin, folder, first, second)


if __name__ == "__main__":
    main()
