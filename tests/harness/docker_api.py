"""The part of Docker's Engine API that tells of containers, at a real Unix socket.

Shapes and filters: https://docs.docker.com/reference/api/engine/, operation ContainerList; Podman's are the same.
"""
import http.server
import json
import os
import socketserver
import threading
import time
import urllib.parse


def container(container_id, name, image="docker.io/shop/web:7", running=True, **labels):
    """An element of the answer to /containers/json, as Docker 27 writes it."""
    return {
        "Id": container_id, "Names": ["/" + name], "Image": image, "ImageID": "sha256:" + "0" * 64,
        "Command": "/bin/web --port 80", "Created": 1764320400,
        "Ports": [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}], "Labels": labels,
        "State": "running" if running else "exited", "Status": "Up 2 hours" if running else "Exited (0) 2 hours ago",
        "HostConfig": {"NetworkMode": "shop_default"},
        "NetworkSettings": {"Networks": {"shop_default": {
            "IPAMConfig": None, "Links": None, "Aliases": None, "MacAddress": "02:42:ac:12:00:02",
            "NetworkID": "f" * 64, "EndpointID": "e" * 64, "Gateway": "172.18.0.1", "IPAddress": "172.18.0.2",
            "IPPrefixLen": 16, "IPv6Gateway": "", "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0, "DriverOpts": None,
            "DNSNames": None}}},
        "Mounts": [{"Type": "volume", "Name": "data", "Source": "/var/lib/docker/volumes/data/_data",
                    "Destination": "/data", "Driver": "local", "Mode": "z", "RW": True, "Propagation": ""}],
    }


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        api, url = self.server.api, urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        filters = json.loads(query.get("filters", ["{}"])[0])
        api.requests.append((time.monotonic(), filters.get("id")))
        if api.failure is not None:
            return self.reply(500, {"message": api.failure})
        if url.path != "/containers/json" or set(filters) - {"id"}:
            return self.reply(404, {"message": "page not found"})
        wants_all = query.get("all", ["0"])[0] in ("1", "true")
        return self.reply(200, [one for one in list(api.containers) if (wants_all or one["State"] == "running") and (
            "id" not in filters or any(one["Id"].startswith(prefix) for prefix in filters["id"]))])

    def reply(self, status, value):
        body = json.dumps(value).encode() + b"\n"
        self.send_response(status)
        self.send_header("Api-Version", "1.47")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "unix"  # it has no address

    def log_message(self, *_):
        pass


class Listener(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class DockerApi:
    """Tells of `containers`; with `failure` set it answers everything with 500 and that message."""

    def __init__(self, path):
        self.path, self.containers, self.failure = path, [], None
        self.requests = []  # (time.monotonic(), ids or None)
        self.listener = Listener(path, Handler)
        self.listener.api = self
        threading.Thread(target=self.listener.serve_forever, daemon=True).start()

    def close(self):
        self.listener.shutdown()
        self.listener.server_close()
        os.unlink(self.path)
