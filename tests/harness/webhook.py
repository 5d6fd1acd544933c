"""A receiver of incoming webhooks, for a kind of which says how it answers a message."""
import http.server
import json
import threading


class Receiver:
    """`answers` holds (status, body, headers) for the next requests; without any, messages are judged.

    A kind of receiver has `judge`, which returns such an answer to a body, and `path`, that of its URLs; `refusals` are
    the bodies of what it has refused.
    """

    path = "/hook/secret"

    def __init__(self):
        self.messages, self.refusals, self.answers, self.requests, self.gets, self.puts = [], [], [], 0, 0, []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, text, headers = receiver.answer(body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def do_PUT(self):
                receiver.puts.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self):
                receiver.gets += 1
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}{self.path}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def judge(self, body):
        raise NotImplementedError

    def answer(self, body):
        self.requests += 1
        if self.answers:
            return self.answers.pop(0)
        status, text, headers = self.judge(body)
        if 200 <= status < 300:
            self.messages.append(json.loads(body))
        else:
            self.refusals.append(text)
        return status, text, headers
