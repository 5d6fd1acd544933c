"""The pods of a Kubernetes API server, for agents under test: strict about what it is asked.

It answers list and watch of /api/v1/pods with a selector by node, in the words and shapes of a real
API server (kube_api_test.py compares them with recordings). What a real one would refuse it refuses,
and what no good client asks is kept in `violations`.
"""
import http.server
import json
import queue
import threading
import urllib.parse

LIST_PARAMETERS = {"fieldSelector", "resourceVersion", "limit"}
WATCH_PARAMETERS = {"fieldSelector", "resourceVersion", "watch", "allowWatchBookmarks", "timeoutSeconds"}
SELECTOR = "spec.nodeName="


def status(code, reason, message, **more):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
            "reason": reason, **more, "code": code}


class KubeApi:
    """Serves on a free port of the loopback interface. The fields are changed while it runs:

    tokens    those that are good; others are 401, none at all is 403
    forbidden verbs (list, watch) that are 403
    busy      so many requests are answered with 429 and Retry-After: 1
    """

    def __init__(self, tokens, bookmark_s=1.0):
        self.tokens, self.forbidden, self.busy, self.bookmark_s = set(tokens), set(), 0, bookmark_s
        self.violations, self.requests = [], []
        self.lock = threading.Lock()
        self.version, self.oldest, self.pods, self.events, self.watches = 100, 0, {}, [], set()
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                api.answer(self)

            def log_message(self, *arguments):
                pass

        class Listener(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # a client that hangs up is no news

        self.server = Listener(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

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
        self.requests.append((verb, query))
        if self.refuse(handler, verb):
            return
        if url.path != "/api/v1/pods":
            self.violations.append(f"path {url.path}")
            self.send(handler, 404, "text/plain; charset=utf-8", b"404 page not found\n")
            return
        known = WATCH_PARAMETERS if verb == "watch" else LIST_PARAMETERS
        self.violations += [f"{verb}: parameter {name}" for name in query if name not in known]
        if not query.get("fieldSelector", "").startswith(SELECTOR):
            self.violations.append(f"{verb}: selector {query.get('fieldSelector')}")
        if "application/json" not in handler.headers.get("Accept", ""):
            self.violations.append(f"{verb}: Accept {handler.headers.get('Accept')}")
        if verb == "watch":
            self.watch(handler, query)
        else:
            self.list(handler, query)

    def refuse(self, handler, verb):
        token = handler.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.busy > 0:
            self.busy -= 1
            self.send(handler, 429, "text/plain; charset=utf-8", b"Too many requests, please try again later.\n",
                      {"Retry-After": "1"})
        elif token and token not in self.tokens:
            self.send_json(handler, 401, status(401, "Unauthorized", "Unauthorized"))
        elif not token or verb in self.forbidden:
            user = "test-agent" if token else "system:anonymous"
            self.send_json(handler, 403, status(
                403, "Forbidden", f'pods is forbidden: User "{user}" cannot {verb} resource "pods" in API group "" '
                'at the cluster scope', details={"kind": "pods"}))
        else:
            return False
        return True

    def list(self, handler, query):
        with self.lock:
            items = [pod for pod in self.pods.values() if self.selects(query, pod)]
            body = {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": str(self.version)},
                    "items": items}
        self.send_json(handler, 200, body)

    @staticmethod
    def selects(query, pod):
        return pod["spec"].get("nodeName") == query.get("fieldSelector", "").removeprefix(SELECTOR)

    def watch(self, handler, query):
        start, mine = int(query.get("resourceVersion") or 0), queue.Queue()
        if start == 0 or query.get("allowWatchBookmarks") != "true" or int(query.get("timeoutSeconds", 0)) == 0:
            self.violations.append(f"watch: {query}")
        with self.lock:
            is_old = start < self.oldest
            for event in self.events:
                if event[0] > start:
                    mine.put(event)
            self.watches.add(mine)
        try:
            self.begin_stream(handler)
            if is_old:
                self.send_event(handler, "ERROR", status(
                    410, "Expired", f"too old resource version: {start} ({self.oldest})"))
            else:
                self.stream(handler, query, mine)
            handler.wfile.write(b"0\r\n\r\n")
        finally:
            with self.lock:
                self.watches.discard(mine)

    def stream(self, handler, query, mine):
        while True:
            try:
                event = mine.get(timeout=self.bookmark_s)
            except queue.Empty:
                with self.lock:
                    version = str(self.version)
                self.send_event(handler, "BOOKMARK", {"kind": "Pod", "apiVersion": "v1",
                                                      "metadata": {"resourceVersion": version}})
                continue
            if event is None:
                return
            if self.selects(query, event[2]):
                self.send_event(handler, event[1], {"kind": "Pod", "apiVersion": "v1", **event[2]})

    @staticmethod
    def begin_stream(handler):
        handler.send_response(200)
        handler.send_header("Cache-Control", "no-cache, private")
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()

    @staticmethod
    def send_event(handler, kind, thing):
        line = json.dumps({"type": kind, "object": thing}, separators=(",", ":")).encode() + b"\n"
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))

    def send_json(self, handler, code, body):
        self.send(handler, code, "application/json", json.dumps(body, separators=(",", ":")).encode() + b"\n")

    @staticmethod
    def send(handler, code, kind, body, headers=None):
        handler.send_response(code)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)


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
