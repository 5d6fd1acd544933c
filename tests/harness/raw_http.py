"""What the tests share that talk to a server byte by byte: connections, expectations, refusals counted."""
import re
import socket
import sys

import cresset

WAIT_S = 20


def connect(server, wait_s=WAIT_S):
    host, port = server.address.split(":")
    return socket.create_connection((host, int(port)), timeout=wait_s)


def send(raw, data):
    """False when the server has closed."""
    try:
        raw.sendall(data)
        return True
    except OSError:
        return False


def metric(server, name):
    """{labels as text: value} of a metric's rows."""
    connection = server.connect()
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return {labels: float(value) for labels, value in
            re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", text, re.M)}


def refused(server):
    """{reason: clients that were cut off for it}."""
    return {re.search(r'reason="(\w+)"', labels).group(1): value
            for labels, value in metric(server, "cresset_http_refused").items()}


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: got {got!r}, wanted {wanted!r}")


def expect_counted(server, reason, before):
    cresset.wait_for(lambda: refused(server)[reason] > before[reason], WAIT_S, f"a refusal counted as {reason}")
