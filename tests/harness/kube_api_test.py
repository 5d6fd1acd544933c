#!/usr/bin/env python3
"""The API server of the harness answers as a real one does: compared with recordings of one."""
import argparse
import http.client
import json
import os
import sys

import kube_api

IGNORED_HEADERS = {"audit-id", "date", "server", "cache-control", "content-length", "connection",
                   "x-content-type-options", "x-kubernetes-pf-flowschema-uid", "x-kubernetes-pf-prioritylevel-uid"}
WATCH = ("/api/v1/pods?watch=true&allowWatchBookmarks=true&fieldSelector=spec.nodeName%3Dn1&timeoutSeconds=60"
         "&resourceVersion=")

LIST = "/api/v1/pods?fieldSelector=spec.nodeName%3Dn1"


class Bytes:
    """A recorded answer as a socket, which http.client reads."""

    def __init__(self, path):
        self.path = path

    def makefile(self, *arguments, **more):
        return open(self.path, "rb")


def read(response):
    headers = {name.lower(): value for name, value in response.getheaders() if name.lower() not in IGNORED_HEADERS}
    return response.status, headers, response.read().decode()


def recorded(folder, name):
    response = http.client.HTTPResponse(Bytes(os.path.join(folder, "wire", name + ".response")))
    response.begin()
    return read(response)


def asked(api, path, token, cut=False, method="GET", accept="application/json"):
    connection = http.client.HTTPConnection(api.url.removeprefix("http://"), timeout=20)
    headers = {"Accept": accept, **({"Authorization": f"Bearer {token}"} if token else {})}
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    if cut:
        while True:
            line = response.readline().decode()
            api.cut()
            return response.status, {name.lower(): value for name, value in response.getheaders()
                                     if name.lower() not in IGNORED_HEADERS}, line + response.read().decode()
    return read(response)


def shape(value):
    """Names and types, without what differs from cluster to cluster."""
    if isinstance(value, dict):
        return {name: value[name] if name in ("kind", "apiVersion", "code", "reason", "status", "type")
                and not isinstance(value[name], dict) else shape(value[name]) for name in value}
    return type(value).__name__


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: got {got!r}, wanted {wanted!r}")


def expect_same(what, got, wanted, kind=None):
    """The same status, headers, and first event or body; `kind` is that of the object, which may differ."""
    expect(what + ": status", got[0], wanted[0])
    expect(what + ": headers", got[1], wanted[1])
    # A Status for people has lines; of a stream the first event counts.
    first = [text[2] if text[2].startswith("{\n") else text[2].splitlines()[0] for text in (got, wanted)]
    if not wanted[1]["content-type"].startswith("application/json"):
        expect(what, *first)
        return
    shapes = [shape(json.loads(text)) for text in first]
    if kind is not None:
        for one in shapes:
            one["object"]["kind"] = kind
            one["object"] = {name: one["object"][name] for name in ("kind", "apiVersion", "metadata")}
            one["object"]["metadata"] = {name: one["object"]["metadata"][name]
                                         for name in ("name", "namespace", "uid", "resourceVersion")
                                         if name in one["object"]["metadata"]}
    expect(what, *shapes)


def check(folder):
    api = kube_api.KubeApi({"good"}, bookmark_s=0.05)
    bookmark = recorded(folder, "watch-bookmark")
    bookmark_line = next(line for line in bookmark[2].splitlines() if '"BOOKMARK"' in line)
    expect_same("a bookmark", asked(api, WATCH + "100", "good", cut=True), (*bookmark[:2], bookmark_line), "any")
    api.put(kube_api.pod("shop", "a", "u1", "n1", {"main": "c1"}))
    expect_same("an event", asked(api, WATCH + "100", "good", cut=True), recorded(folder, "watch-added-deleted"), "any")
    api.forget()
    expect_same("a version that is too old", asked(api, WATCH + "1", "good"),
                recorded(folder, "watch-expired-version-error-event"))
    expect_same("a wrong token", asked(api, WATCH + "102", "bad"), recorded(folder, "unauthorized-401"))
    expect_same("no token", asked(api, "/api/v1/pods", None), recorded(folder, "anonymous-403"))
    api.forbidden = {"watch"}
    expect_same("no right", asked(api, WATCH + "102", "good"), recorded(folder, "watch-forbidden-403"))
    api.busy, api.forbidden = 1, set()
    expect_same("too much to do", asked(api, "/api/v1/pods", "good"), recorded(folder, "too-many-requests-429"))
    expect_same("another method", asked(api, LIST, "good", method="POST"), recorded(folder, "method-not-allowed-405"))
    expect_same("another representation", asked(api, LIST, "good", accept="text/html"), recorded(folder, "not-acceptable-406"))
    expect_same("another resource", asked(api, "/apis/x.io/v1/xs", "good"), recorded(folder, "no-such-resource-404"))
    expect_same("a version of the future", asked(api, LIST + "&resourceVersion=999", "good"),
                recorded(folder, "list-resource-version-too-large"))
    expect_same("a version and a page", asked(api, LIST + "&resourceVersion=5&continue=x", "good"),
                recorded(folder, "list-rv-with-continue-400"))
    api.gone, api.forbidden = 1, set()
    expect_same("a version that is gone", asked(api, WATCH + "102", "good"), recorded(folder, "list-exact-expired-410"))
    expect("violations", len(api.violations), 5)
    listed = [json.loads(answer[2]) for answer in
              (asked(api, "/api/v1/pods?fieldSelector=spec.nodeName%3Dn1&resourceVersion=0", "good"),
               recorded(folder, "list-rv0-limit-ignored"))]
    expect("a list", *[{name: shape(one[name]) for name in ("kind", "apiVersion", "metadata")} for one in listed])


def check_strictness():
    """What no client that follows a node asks is refused, and counted."""
    api = kube_api.KubeApi({"good"})
    for path in ("/api/v1/pods", "/api/v1/pods?fieldSelector=status.phase%3DRunning", LIST + "&resourceVersion=x",
                 WATCH.replace("allowWatchBookmarks=true&", "") + "100", WATCH + "0", WATCH, WATCH.replace("fieldSelector", "labelSelector") + "100"):
        expect(path, asked(api, path, "good")[0], 400)
    expect("violations", len(api.violations), 7)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin")
    parser.add_argument("--recordings", required=True)
    options = parser.parse_args()
    check_strictness()
    if not os.path.exists(os.path.join(options.recordings, "wire")):
        print(f"nothing is compared: there are no recordings in {options.recordings}")
        return
    check(options.recordings)


if __name__ == "__main__":
    main()
