#!/usr/bin/env python3
"""A real agent logs in at targets: by secrets that stand in its file, and by access tokens of a real token server.

What is secret may be in no page, metric or message of the agent.
"""
import argparse
import base64
import gzip
import http.server
import json
import os
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
from scrape_test import WAIT_S, Jobs, expect, find, get, job, only_custom, targets_of, wait_result

SECRETS = ("s3cret-client", "s3cret-file", "s3cret-bearer", "s3cret-password", "s3cret-key", "s3cret-token")
LIFETIMES_S = {"one": 8, "two": 3600, "three": 3600}  # of the access tokens of each client


class Listener:
    """An HTTP server whose paths are methods, get_NAME and post_NAME."""

    def __init__(self):
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.answer(*getattr(listener, "get_" + self.path.split("?")[0].strip("/"))(self.headers))

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = dict(urllib.parse.parse_qsl(body, strict_parsing=True))
                status, value = getattr(listener, "post_" + self.path.strip("/"))(self.headers, form)
                self.answer(status, json.dumps(value).encode())

            def answer(self, status, body=b""):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class TokenServer(Listener):
    """Gives tokens to clients that it knows."""

    def __init__(self):
        super().__init__()
        self.lock, self.ends, self.n_given = threading.Lock(), {}, {}

    def give(self, client, form):
        expect("form", (form["grant_type"], form.get("scope"), form.get("audience")),
               ("client_credentials", "read write", "profiles") if client == "one" else ("client_credentials", None, None))
        with self.lock:
            self.n_given[client] = self.n_given.get(client, 0) + 1
            token = f"{SECRETS[-1]}-{client}-{self.n_given[client]}"
            self.ends[token] = time.monotonic() + LIFETIMES_S[client]
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIMES_S[client]}

    def post_header(self, headers, form):
        """Clients say who they are in the head."""
        for client, secret in (("one", "s3cret-client"), ("two", "s3cret-file")):
            pair = base64.b64encode(f"{client}:{secret}".encode()).decode()
            if headers.get("Authorization") == f"Basic {pair}":
                return self.give(client, form)
        return 401, {"error": "invalid_client", "error_description": headers.get("Authorization", "")}

    def post_body(self, headers, form):
        """Clients say it in the form, or not at all."""
        if "Authorization" in headers or (form.get("client_id"), form.get("client_secret")) != ("three", "s3cret-client"):
            return 400, {"error": "invalid_request"}
        return self.give("three", form)

    def is_good(self, token):
        with self.lock:
            return self.ends.get(token, 0) > time.monotonic()

    def revoke(self):
        with self.lock:
            self.ends.clear()


class Target(Listener):
    """Offers a profile to whom it knows."""

    def __init__(self, tokens):
        super().__init__()
        self.tokens, self.n_refused = tokens, 0

    def offer(self, is_good):
        self.n_refused += not is_good
        body = gzip.compress(cresset.pprof({("leaf", "main"): 7}, time.time_ns()))
        return (200, body) if is_good else (401,)

    def get_oauth2(self, headers):
        scheme, token = headers.get("Authorization", " ").split(" ", 1)
        return self.offer(scheme == "Bearer" and self.tokens.is_good(token))

    def get_bearer(self, headers):
        return self.offer(headers.get("Authorization") == "Bearer s3cret-bearer")

    def get_key(self, headers):
        return self.offer(headers.get("Authorization") == "ApiKey s3cret-key")

    def get_basic(self, headers):
        pair = base64.b64encode(b"user:s3cret-password").decode()
        return self.offer(headers.get("Authorization") == f"Basic {pair}")


# --- parts of the test ----------------------------------------------------------------------------


def jobs_of(folder, target, tokens):
    def oauth2(client, path, **more):
        return {"client_id": client, "token_url": f"http://{tokens.address}/{path}", **more}

    secret_file = os.path.join(folder, "secret")
    with open(secret_file, "w") as file:
        file.write("s3cret-file\n")
    to = {"targets": [{"__address__": target.address}]}
    return [
        job("one", **to, **only_custom(["oauth2"], oauth2=oauth2(
            "one", "header", client_secret="s3cret-client", scopes=["read", "write"],
            endpoint_params={"audience": "profiles"}))),
        job("two", **to, **only_custom(["oauth2"], oauth2=oauth2("two", "header", client_secret_file=secret_file))),
        job("three", **to, **only_custom(["oauth2"], oauth2=oauth2("three", "body", client_secret="s3cret-client"))),
        job("denied", **to, **only_custom(["oauth2"], oauth2=oauth2("one", "header", client_secret="s3cret-file"))),
        job("no-file", **to, **only_custom(["oauth2"], oauth2=oauth2(
            "two", "header", client_secret_file=os.path.join(folder, "none")))),
        job("bearer", **to, **only_custom(["bearer"], bearer_token="s3cret-bearer")),
        job("key", **to, **only_custom(["key"], authorization={"type": "ApiKey", "credentials": "s3cret-key"})),
        job("basic", **to, **only_custom(["basic"], basic_auth={"username": "user", "password": "s3cret-password"})),
    ]


def check_tokens(agent, tokens):
    """One token serves many scrapes, and another one is there before it ends."""
    for name in ("one", "two", "three"):
        wait_result(agent, name, "oauth2", "ok")
    given, sent = dict(tokens.n_given), find(agent, "one", "oauth2")["profiles_sent"]
    cresset.wait_for(lambda: tokens.n_given["one"] >= given["one"] + 2, WAIT_S, "tokens before their end")
    n_tokens, n_sent = tokens.n_given["one"] - given["one"], find(agent, "one", "oauth2")["profiles_sent"] - sent
    if n_sent <= n_tokens or (tokens.n_given["two"], tokens.n_given["three"]) != (1, 1):
        sys.exit(f"{n_tokens} tokens were fetched for {n_sent} profiles, of all {tokens.n_given}")
    print(f"tokens: {n_tokens} fetched for {n_sent} profiles")


def check_revoked(agent, target, tokens):
    """A token that is refused is fetched again, although its end is far away."""
    n_refused, given = target.n_refused, dict(tokens.n_given)
    tokens.revoke()
    cresset.wait_for(lambda: target.n_refused > n_refused, WAIT_S, "a refusal")
    for name in ("one", "two", "three"):
        sent = find(agent, name, "oauth2")["profiles_sent"]
        cresset.wait_for(lambda name=name, sent=sent: find(agent, name, "oauth2")["profiles_sent"] > sent, WAIT_S,
                         f"profiles of {name} with another token")
    for name in ("two", "three"):
        expect(f"tokens fetched for {name}", tokens.n_given[name] - given[name], 1)
    print("revoked: another token was fetched")


def check_failures(agent):
    for name, why in (("denied", "oauth2: the token server answers 401 invalid_client"), ("no-file", "/none")):
        wait_result(agent, name, "oauth2", "token")
        said = find(agent, name, "oauth2")["last_error"]
        if why not in said or why not in get(agent, "/targets")[1]:
            sys.exit(f"{name}: {said!r} does not say {why!r}")
    metrics = agent.metrics()
    for result in ("ok", "http_4xx", "secret"):
        if not metrics[f'cresset_agent_scrape_token_requests_total{{result="{result}"}}'] > 0:
            sys.exit(f"token requests that end as {result} are not counted")
    if not metrics['cresset_agent_scrapes_total{result="token"}'] > 0:
        sys.exit("scrapes without a token are not counted")
    print("failures: told on /targets and counted by reason")


def check_no_secret(agent, jobs):
    """Neither where all is well, nor of a file that is wrong behind a secret."""
    jobs.write_text("scrape_configs:\n- job_name: a\n  basic_auth: {username: u, password: s3cret-password, pasword: s3cret-key}\n")
    cresset.wait_for(lambda: "pasword" in targets_of(agent).get("file_error", ""), WAIT_S, "a file error")
    jobs.write_text("scrape_configs:\n- job_name: a\n  bearer_token: s3cret-bearer\n  bearer_token_file: /x\n")
    cresset.wait_for(lambda: "bearer_token and bearer_token_file exclude" in targets_of(agent).get("file_error", ""),
                     WAIT_S, "an error that names both keys")
    pages = {path: get(agent, path)[1] for path in ("/targets", "/api/targets", "/metrics", "/ready")}
    for where, text in {**pages, "the log": agent.log()}.items():
        if "s3cret" in text or any(base64.b64encode(f"one:{secret}".encode()).decode() in text for secret in SECRETS):
            sys.exit(f"{where} has a secret")
    print("secrets: on no page, in no metric, in no message")


def run(options, folder):
    tokens = TokenServer()
    target, jobs = Target(tokens), Jobs(folder)
    jobs.write(*jobs_of(folder, target, tokens))
    server = cresset.Server(options.bin, folder, "--self-profile=false")
    agent = cresset.Agent(options.bin, folder, server, "--ebpf=false", "--window", "1s", "--scrape-file", jobs.path,
                          "--log-level", "debug")
    for name in ("bearer", "key", "basic"):
        wait_result(agent, name, name, "ok")
    check_tokens(agent, tokens)
    check_revoked(agent, target, tokens)
    check_failures(agent)
    check_no_secret(agent, jobs)
    expect("exit status", (agent.stop(), server.stop()), (0, 0))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    with tempfile.TemporaryDirectory() as folder:
        run(parser.parse_args(), folder)


if __name__ == "__main__":
    main()
