"""The pods of a Kubernetes API server, and of a kubelet, for agents under test: strict about what they are asked.

The API server answers list and watch of /api/v1/pods with a selector by node, in the words and shapes of a real
one (kube_api_test.py compares them with recordings). What a real one would refuse it refuses, and so what no
good client asks, which is kept in `violations`.
"""
import http.server
import json
import queue
import ssl
import threading
import time
import typing
import urllib.parse

LIST_PARAMETERS = {"fieldSelector", "resourceVersion", "resourceVersionMatch", "limit", "continue", "timeout"}
WATCH_PARAMETERS = {"fieldSelector", "resourceVersion", "watch", "allowWatchBookmarks", "timeoutSeconds"}
SELECTOR = "spec.nodeName="
PLAIN = "text/plain; charset=utf-8"


def status(code, reason, message, **more):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
            "reason": reason, **more, "code": code}


class Request(typing.NamedTuple):
    verb: str  # list, watch; of a kubelet get
    query: dict
    time_s: float  # of time.monotonic()


class Listener(http.server.ThreadingHTTPServer):
    """Answers GETs by `answer(handler)`; with the paths of a certificate and its key by TLS."""
    daemon_threads = True

    def __init__(self, answer, host, port=0, certificate=None):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                answer(self)

            do_POST = do_PUT = do_DELETE = do_PATCH = do_GET

            def log_message(self, *arguments):
                pass
        super().__init__((host, port), Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"{'http' if certificate is None else 'https'}://{host}:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # a client that hangs up is no news


def send(handler, code, kind, body, headers=None):
    handler.send_response(code)
    for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def send_json(handler, code, body, headers=None):
    send(handler, code, "application/json", json.dumps(body, separators=(",", ":")).encode() + b"\n", headers)


def token_of(handler):
    return handler.headers.get("Authorization", "").removeprefix("Bearer ")


class KubeApi:
    """Serves on a free port. The fields are changed while it runs:

    tokens    those that are good; others are 401, none at all is 403
    forbidden verbs (list, watch) that are 403
    busy      so many requests are answered with 429 and Retry-After: 1
    expired   so many watches are told at once that their version is too old, by an ERROR event
    gone      so many watches are answered with 410
    slow_s    time before every answer
    silent    watches are told nothing, not even bookmarks
    halved    the next event is sent by half, and the connection closed
    """

    def __init__(self, tokens, bookmark_s=1.0, host="127.0.0.1", certificate=None):
        self.tokens, self.forbidden, self.busy, self.bookmark_s = set(tokens), set(), 0, bookmark_s
        self.expired, self.gone, self.slow_s, self.silent, self.halved = 0, 0, 0, False, False
        self.violations, self.requests = [], []
        self.lock = threading.Lock()
        self.version, self.oldest, self.pods, self.events, self.watches = 100, 0, {}, [], set()
        self.server = Listener(self.answer, host, certificate=certificate)
        self.url = self.server.url

    def take(self, name):
        """Whether one of a number of faults was left."""
        with self.lock:
            left = getattr(self, name)
            setattr(self, name, max(left - 1, 0))
        return left > 0

    # --- what the test does ---

    def put(self, pod):
        """Adds or changes a pod."""
        with self.lock:
            uid = pod["metadata"]["uid"]
            self.record("MODIFIED" if uid in self.pods else "ADDED", pod)
            self.pods[uid] = pod

    def delete(self, uid):
        with self.lock:
            self.record("DELETED", self.pods.pop(uid))

    def record(self, kind, pod):
        self.version += 1
        pod["metadata"]["resourceVersion"] = str(self.version)
        event = (self.version, kind, json.loads(json.dumps(pod)))
        self.events.append(event)
        for watch in self.watches:
            watch.put(event)

    def cut(self):
        """Ends the watches that run."""
        with self.lock:
            for watch in self.watches:
                watch.put(None)

    def forget(self):
        """Ends the watches that run, and forgets what was: from there on they are 410, as after a compaction."""
        with self.lock:
            self.version += 1
            self.oldest, self.events = self.version, []
            for watch in self.watches:
                watch.put(None)

    # --- what clients see ---

    def answer(self, handler):
        url = urllib.parse.urlsplit(handler.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        verb = "watch" if query.get("watch") in ("true", "1") else "list"
        self.requests.append(Request(verb, query, time.monotonic()))
        time.sleep(self.slow_s)
        if self.refuse_caller(handler, verb) or self.refuse_path(handler, url.path) or self.refuse_query(handler, verb, query):
            return
        if verb == "watch":
            self.watch(handler, query)
        else:
            self.list(handler, query)

    def refuse_caller(self, handler, verb):
        token = token_of(handler)
        if self.take("busy"):
            send(handler, 429, PLAIN, b"Too many requests, please try again later.\n", {"Retry-After": "1"})
        elif token and token not in self.tokens:
            send_json(handler, 401, status(401, "Unauthorized", "Unauthorized"))
        elif not token or verb in self.forbidden:
            user = "test-agent" if token else "system:anonymous"
            send_json(handler, 403, status(
                403, "Forbidden", f'pods is forbidden: User "{user}" cannot {verb} resource "pods" in API group "" '
                'at the cluster scope', details={"kind": "pods"}))
        else:
            return False
        return True

    def refuse_path(self, handler, path):
        accepted = handler.headers.get("Accept", "")
        if path != "/api/v1/pods":
            self.violations.append(f"path {path}")
            send(handler, 404, PLAIN, b"404 page not found\n")
        elif handler.command != "GET":
            self.violations.append(f"method {handler.command}")
            send_json(handler, 405, status(405, "MethodNotAllowed", "the server does not allow this method on the requested "
                                           "resource", details={}))
        elif "application/json" not in accepted and "*/*" not in accepted:
            self.violations.append(f"Accept {accepted}")
            send_json(handler, 406, status(406, "NotAcceptable", "406: Not Acceptable\n\nAvailable representations: application/json",
                                           details={}))
        else:
            return False
        return True

    def refuse_query(self, handler, verb, query):
        """What a real server refuses, and what a client that follows the pods of a node never asks."""
        version, current = query.get("resourceVersion", ""), self.version
        if query.get("continue") and version:
            return self.refuse(handler, f"{verb}: {query}", "specifying resource version is not allowed when using continue")
        if version and not version.isdigit():
            return self.refuse(handler, f"{verb}: {query}", f'resourceVersion: Invalid value: "{version}": strconv.ParseUint: parsing '
                               f'"{version}": invalid syntax')
        if version and int(version) > current:
            self.violations.append(f"{verb}: version {version} of {current}")
            send_json(handler, 504, status(
                504, "Timeout", f"Timeout: Too large resource version: {version}, current: {current}",
                details={"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
                         "retryAfterSeconds": 1}), {"Retry-After": "1"})
            return True
        known = WATCH_PARAMETERS if verb == "watch" else LIST_PARAMETERS
        wrong = [f"{verb}: parameter {name}" for name in query if name not in known]
        if not query.get("fieldSelector", "").startswith(SELECTOR):
            wrong.append(f"{verb}: selector {query.get('fieldSelector')}")
        if verb == "watch" and (not version or version == "0" or query.get("allowWatchBookmarks") != "true"
                                or not query.get("timeoutSeconds", "").isdigit()):
            wrong.append(f"watch: {query}")
        return bool(wrong) and self.refuse(handler, "; ".join(wrong), "this is not asked: " + "; ".join(wrong))

    def refuse(self, handler, violation, message):
        self.violations.append(violation)
        send_json(handler, 400, status(400, "BadRequest", message))
        return True

    def list(self, handler, query):
        with self.lock:
            items = [pod for pod in self.pods.values() if self.selects(query, pod)]
            body = {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": str(self.version)},
                    "items": items}
        send_json(handler, 200, body)

    @staticmethod
    def selects(query, pod):
        return pod["spec"].get("nodeName") == query.get("fieldSelector", "").removeprefix(SELECTOR)

    def watch(self, handler, query):
        start, mine = int(query["resourceVersion"]), queue.Queue()
        if self.take("gone"):
            send_json(handler, 410, status(410, "Expired", "The resourceVersion for the provided watch is too old."))
            return
        with self.lock:
            is_old = start < self.oldest
            for event in self.events:
                if event[0] > start:
                    mine.put(event)
            self.watches.add(mine)
        try:
            self.begin_stream(handler)
            if is_old or self.take("expired"):
                self.send_event(handler, "ERROR", status(
                    410, "Expired", f"too old resource version: {start} ({max(self.oldest, start + 1)})"))
            else:
                self.stream(handler, query, mine)
            handler.wfile.write(b"0\r\n\r\n")
        finally:
            with self.lock:
                self.watches.discard(mine)

    def stream(self, handler, query, mine):
        end_s = time.monotonic() + int(query["timeoutSeconds"])
        while time.monotonic() < end_s:
            try:
                event = mine.get(timeout=self.bookmark_s)
            except queue.Empty:
                with self.lock:
                    version = str(self.version)
                event = (0, "BOOKMARK", {"metadata": {"resourceVersion": version}})
            if event is None:
                return
            if not self.silent and (event[1] == "BOOKMARK" or self.selects(query, event[2])):
                self.send_event(handler, event[1], {"kind": "Pod", "apiVersion": "v1", **event[2]})

    @staticmethod
    def begin_stream(handler):
        handler.send_response(200)
        handler.send_header("Cache-Control", "no-cache, private")
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()

    def send_event(self, handler, kind, thing):
        line = json.dumps({"type": kind, "object": thing}, separators=(",", ":")).encode() + b"\n"
        if self.halved:
            self.halved = False
            handler.wfile.write(b"%x\r\n%s" % (len(line), line[:len(line) // 2]))
            raise ConnectionAbortedError("as was asked for")
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))


class Kubelet:
    """The pods of one node as its kubelet tells them, of those that `api` has, by TLS. `tokens` and `forbidden` are
    changed while it runs; `requests` are those of /pods."""

    def __init__(self, api, node, host, port, certificate):
        self.api, self.node, self.tokens, self.forbidden = api, node, set(api.tokens), False
        self.requests, self.violations = [], []
        self.server = Listener(self.answer, host, port, certificate)

    def answer(self, handler):
        url = urllib.parse.urlsplit(handler.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        self.requests.append(Request("get", query, time.monotonic()))
        if url.path != "/pods" or query:
            self.violations.append(handler.path)
        if token_of(handler) not in self.tokens:
            send(handler, 401, PLAIN, b"Unauthorized")
        elif self.forbidden:
            send(handler, 403, PLAIN, b"Forbidden (user=system:serviceaccount:obs:agent, verb=get, resource=nodes, "
                                      b"subresource(s)=[pods proxy])\n")
        elif url.path != "/pods":
            send(handler, 404, PLAIN, b"404 page not found\n")
        else:
            with self.api.lock:
                items = [one for one in self.api.pods.values() if one["spec"].get("nodeName") == self.node]
            send_json(handler, 200, {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items})


def pod(namespace, name, uid, node, containers, **metadata):
    """A running pod; `containers` are ids by name."""
    return {"metadata": {"namespace": namespace, "name": name, "uid": uid, **metadata},
            "spec": {"nodeName": node, "containers": [{"name": one, "image": "example.com/x:1"} for one in containers]},
            "status": {"phase": "Running", "containerStatuses": [
                {"name": one, "containerID": f"containerd://{id_}"} for one, id_ in containers.items()]}}


def kubeconfig(path, url, token_file):
    """Writes a kubeconfig that reads its token from a file."""
    config = {"apiVersion": "v1", "kind": "Config", "current-context": "test",
              "clusters": [{"name": "test", "cluster": {"server": url}}],
              "users": [{"name": "test", "user": {"tokenFile": token_file}}],
              "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}]}
    with open(path, "w") as out:
        json.dump(config, out)
