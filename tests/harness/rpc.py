"""Calls of one server by every protocol that it speaks: Connect, gRPC and gRPC-Web, in both codecs, over
HTTP/1.1 and HTTP/2. Needs python3-h2 and python3-zstandard.
"""
import base64
import collections
import gzip
import json
import struct
import urllib.parse

import raw_http

CODES = ["ok", "canceled", "unknown", "invalid_argument", "deadline_exceeded", "not_found", "already_exists",
         "permission_denied", "resource_exhausted", "failed_precondition", "aborted", "out_of_range", "unimplemented",
         "internal", "unavailable", "data_loss", "unauthenticated"]  # by their number in gRPC
FLAG_COMPRESSED, FLAG_TRAILERS = 1, 0x80

Call = collections.namedtuple("Call", "method path headers body")
# Header fields by their names in lower case, those of the trailers among them.
Reply = collections.namedtuple("Reply", "status headers body")
# How an RPC travels: protocol connect, grpc, grpc-web or grpc-web-text; codec json or proto; the version of HTTP;
# what its answer may be compressed by, or None.
Way = collections.namedtuple("Way", "name protocol codec http compression")

CONNECT_JSON = Way("Connect JSON", "connect", "json", 1, None)
CONNECT_BINARY = Way("Connect binary", "connect", "proto", 1, None)
WAYS = [
    CONNECT_JSON,
    CONNECT_BINARY,
    Way("Connect JSON, gzip", "connect", "json", 1, "gzip"),
    Way("Connect binary over HTTP/2, zstd", "connect", "proto", 2, "zstd"),
    Way("gRPC-Web JSON", "grpc-web", "json", 1, None),
    Way("gRPC-Web binary", "grpc-web", "proto", 1, None),
    Way("gRPC-Web binary, gzip", "grpc-web", "proto", 1, "gzip"),
    Way("gRPC-Web text", "grpc-web-text", "proto", 1, None),
    Way("gRPC JSON", "grpc", "json", 2, None),
    Way("gRPC binary", "grpc", "proto", 2, None),
    Way("gRPC binary, gzip", "grpc", "proto", 2, "gzip"),
]


def plain(headers, body):
    """The body without its compression."""
    import zstandard  # of the system's Python, as h2 is
    packed = {"gzip": gzip.decompress, "zstd": zstandard.ZstdDecompressor().decompress}
    return packed[headers["content-encoding"]](body) if "content-encoding" in headers else body


class Http1:
    """A connection by HTTP/1.1."""

    def __init__(self, server):
        self.connection = server.connect()

    def send(self, call):
        self.connection.request(call.method, call.path, call.body, call.headers)
        reply = self.connection.getresponse()
        body, headers = reply.read(), {name.lower(): value for name, value in reply.getheaders()}
        return Reply(reply.status, headers, plain(headers, body))


class Http2:
    """A connection by HTTP/2 with prior knowledge; one call at a time, whose body fits into the first window."""

    def __init__(self, server):
        import h2.config
        import h2.connection
        self.address = server.address
        self.socket = raw_http.connect(server)
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.state.initiate_connection()

    def send(self, call):
        stream, body = self.state.get_next_available_stream_id(), call.body or b""
        fields = {":method": call.method, ":scheme": "http", ":path": call.path, ":authority": self.address, **call.headers}
        self.state.send_headers(stream, [(name.lower(), value) for name, value in fields.items()], end_stream=not body)
        for at in range(0, len(body), self.state.max_outbound_frame_size):
            self.state.send_data(stream, body[at:at + self.state.max_outbound_frame_size])
        if body:
            self.state.end_stream(stream)
        self.socket.sendall(self.state.data_to_send())
        return self._receive(stream)

    def _receive(self, stream):
        import h2.events
        headers, body, is_open = {}, b"", True
        while is_open:
            got = self.socket.recv(65536)
            assert got, "the server closed the connection"
            for event in self.state.receive_data(got):
                assert not isinstance(event, h2.events.StreamReset), event
                if isinstance(event, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
                    headers.update(event.headers)
                elif isinstance(event, h2.events.DataReceived):
                    body += event.data
                    self.state.acknowledge_received_data(event.flow_controlled_length, stream)
                is_open = is_open and not isinstance(event, h2.events.StreamEnded)
            self.socket.sendall(self.state.data_to_send())
        return Reply(int(headers.pop(":status")), headers, plain(headers, body))


def call_of(way, path, message, headers):
    """The call with this message, encoded in the codec of the way."""
    if way.protocol == "connect":
        fields = {"Content-Type": "application/" + way.codec, "Accept-Encoding": way.compression or "identity"}
        return Call("POST", path, {**fields, **headers}, message)
    fields = {"Content-Type": f"application/{way.protocol}+{way.codec}", "TE": "trailers",
              "grpc-accept-encoding": way.compression or "identity", "Accept-Encoding": "identity"}
    body = struct.pack(">BI", 0, len(message)) + message
    if way.protocol == "grpc-web-text":
        body = base64.b64encode(body)
    return Call("POST", path, {**fields, **headers}, body)


def read_frames(body):
    """(flags, message) of each frame of gRPC."""
    frames = []
    while body:
        flags, size = struct.unpack(">BI", body[:5])
        assert len(body) >= 5 + size, f"a frame of {size} bytes is cut off"
        frames.append((flags, body[5:5 + size]))
        body = body[5 + size:]
    return frames


def answer_of(way, reply):
    """("ok", the message's bytes) or (the error's code, its text), whatever the protocol."""
    if way.protocol == "connect":
        if reply.status == 200:
            return "ok", reply.body
        error = json.loads(reply.body)
        return error["code"], error.get("message", "")
    assert reply.status == 200, f"{way.name}: status {reply.status}"
    frames = read_frames(base64.b64decode(reply.body) if way.protocol == "grpc-web-text" else reply.body)
    fields = dict(reply.headers)
    if frames and frames[-1][0] & FLAG_TRAILERS:
        lines = frames.pop()[1].decode().splitlines()
        fields.update((name.lower(), value.strip()) for name, value in (line.split(":", 1) for line in lines))
    code = CODES[int(fields["grpc-status"])]
    if code != "ok":
        assert not frames, f"{way.name}: an error with a message"
        return code, urllib.parse.unquote(fields.get("grpc-message", ""))
    assert len(frames) == 1, f"{way.name}: {len(frames)} messages"
    flags, message = frames[0]
    return "ok", gzip.decompress(message) if flags & FLAG_COMPRESSED else message


def is_compressed(reply):
    return bool({"content-encoding", "grpc-encoding"} & reply.headers.keys())
