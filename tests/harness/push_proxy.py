"""What stands between an agent and its server under test: it passes pushes on, fails in every way that a network or
a server does, and keeps a ledger of the profiles that came.

The protocol is push.v1 (proto/push.proto), whose messages have to be compiled: messages.compile_into.
"""
import gzip
import http.client
import http.server
import socket
import struct
import sys
import threading
import traceback
import typing

import messages

FORWARD_S = 60
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends a reset


class Profile(typing.NamedTuple):
    labels: tuple  # (name, value), sorted
    time_ns: int
    value: int  # the sum of all samples, of the last sample type

    def label(self, name):
        return dict(self.labels).get(name, "")


def profiles_of(body):
    """{id: Profile} of a PushRequest."""
    found = {}
    for series in messages.module("push").PushRequest.FromString(body).series:
        labels = tuple(sorted((pair.name, pair.value) for pair in series.labels))
        for sample in series.samples:
            raw = gzip.decompress(sample.raw_profile) if sample.raw_profile[:2] == b"\x1f\x8b" else sample.raw_profile
            profile = messages.module("profile").Profile.FromString(raw)
            found[sample.ID] = Profile(labels, profile.time_nanos, sum(one.value[-1] for one in profile.sample))
    return found


class PushProxy:
    """Listens on a free port of `host`, and passes on to `target` ("host:port", which may be changed).

    What it does with requests (`mode`, by set_mode):
      forward        passes them on
      away           nothing listens, and connections that there were are cut
      busy           429 with Retry-After: 1
      failing        503
      refusing       400, which is final
      held           nothing is answered before the mode is another
      half_closed    the connection is closed for writing, without an answer
      reset_request  the connection is reset when half of the request was read
      reset_reply    passes them on, and resets the connection instead of the answer
      cut_reply      passes them on, and closes in the middle of the answer

    `came` has the profiles of all requests that came whole, `stored` those that the target took, and `acknowledged`
    those of which the agent was told so, each by id; `requests` counts those of each mode, and `errors` has what is wrong
    with the proxy itself.
    """

    def __init__(self, host, target):
        self.host, self.target, self.port = host, target, 0
        self.mode, self.came, self.stored, self.acknowledged, self.requests = "forward", {}, {}, {}, {}
        self.errors = []
        self.changed = threading.Condition()
        self.connections = set()
        self.listen()
        self.address = f"{host}:{self.port}"

    def listen(self):
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                proxy.answer(self)

            def log_message(self, *arguments):
                pass

        class Listener(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def process_request(self, request, client_address):
                with proxy.changed:
                    proxy.connections.add(request)
                super().process_request(request, client_address)

            def shutdown_request(self, request):
                with proxy.changed:
                    proxy.connections.discard(request)
                if proxy.is_reset(request):
                    self.close_request(request)  # without the FIN before it
                else:
                    super().shutdown_request(request)

            def handle_error(self, request, client_address):
                error = sys.exception()
                if not isinstance(error, OSError):  # connections are cut here all the time
                    proxy.errors.append(repr(error))
                    traceback.print_exception(error)

        self.server = Listener((self.host, self.port), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @staticmethod
    def is_reset(request):
        return request.fileno() >= 0 and request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)[:4] == RESET[:4]

    def set_mode(self, mode):
        with self.changed:
            was, self.mode = self.mode, mode
            self.changed.notify_all()
            cut = list(self.connections) if mode == "away" else []
        if was == "away" and mode != "away":
            self.listen()
        elif mode == "away" and was != "away":
            self.server.shutdown()
            self.server.server_close()
            for connection in cut:
                self.reset(connection)

    @staticmethod
    def reset(connection):
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.shutdown(socket.SHUT_RDWR)  # wakes who reads
        except OSError:
            pass  # closed already

    def count(self, mode):
        return self.requests.get(mode, 0)

    # --- one request ---

    def answer(self, handler):
        with self.changed:
            mode = self.mode
            self.requests[mode] = self.count(mode) + 1
        size = int(handler.headers["Content-Length"])
        if mode == "reset_request":
            handler.rfile.read(size // 2)
            self.abort(handler)
            return
        if mode == "half_closed":
            handler.connection.shutdown(socket.SHUT_WR)
            handler.rfile.read(size)
            handler.close_connection = True
            return
        body = handler.rfile.read(size)
        profiles = profiles_of(self.unpacked(handler, body))
        with self.changed:
            self.came.update(profiles)
        if mode == "held":
            with self.changed:
                self.changed.wait_for(lambda: self.mode != "held")
        statuses = {"busy": (429, {"Retry-After": "1"}), "failing": (503, {}), "refusing": (400, {})}
        if mode in statuses:
            self.reply(handler, *statuses[mode], b"as was asked for")
            return
        self.forward(handler, mode, body, profiles)

    @staticmethod
    def unpacked(handler, body):
        coding = handler.headers.get("Content-Encoding", "identity")
        if coding == "gzip":
            return gzip.decompress(body)
        if coding == "zstd":
            import zstandard
            return zstandard.ZstdDecompressor().decompressobj().decompress(body)
        return body

    def forward(self, handler, mode, body, profiles):
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in ("host", "connection", "content-length")}
        try:
            connection = http.client.HTTPConnection(self.target, timeout=FORWARD_S)
            connection.request("POST", handler.path, body, headers)
            response = connection.getresponse()
            code, kind, text = response.status, response.getheader("Content-Type", ""), response.read()
        except (OSError, http.client.HTTPException):
            self.abort(handler)  # as if it were the server's own connection
            return
        if code == 200:
            with self.changed:
                self.stored.update(profiles)
        if mode == "reset_reply":
            self.abort(handler)
        elif mode == "cut_reply":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            handler.close_connection = True
        else:
            if code == 200:  # before the agent can have counted them
                with self.changed:
                    self.acknowledged.update(profiles)
            self.reply(handler, code, {"Content-Type": kind}, text)

    @staticmethod
    def reply(handler, code, headers, body):
        handler.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def abort(self, handler):
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        handler.close_connection = True
