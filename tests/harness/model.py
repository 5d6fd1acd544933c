"""An endpoint with the API of OpenAI's chat completions (platform.openai.com/docs/api-reference/chat) that answers as it is told."""
import http.server
import json
import re
import socket
import threading

PLACEHOLDER = r"\b[a-z]+-[0-9a-f]{6,}\b"


def completion(content, **choice):
    return json.dumps({"id": "c1", "object": "chat.completion", "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}, **choice}]})


def note(cause, first_step="Look at its log.", confidence="medium", **more):
    return json.dumps({"cause": cause, "first_step": first_step, "confidence": confidence, **more})


def good(request):
    """A valid answer that names what the question names."""
    names = re.findall(PLACEHOLDER, re.search(r"object: .*", request["messages"][1]["content"]).group())
    return 200, completion(note(f"{names[-1]} lacks its settings.")), "application/json"


class Model:
    """`answer` makes (status, body, content type) of a request; None: bytes without end."""

    def __init__(self):
        self.requests, self.headers, self.bodies, self.answer = [], [], [], good
        model = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                model.bodies.append(body.decode())
                model.requests.append(json.loads(body))
                model.headers.append((self.path, dict(self.headers)))
                made = model.answer(model.requests[-1])
                if made is None:
                    return self.stream()
                status, text, kind = made
                data = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                return self.wfile.write(data)

            def stream(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                try:
                    while True:
                        self.wfile.write(b"data: {}\n\n" * 1000)
                except OSError:
                    self.close_connection = True

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def closed_url():
    """Where nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{one.getsockname()[1]}/v1"
