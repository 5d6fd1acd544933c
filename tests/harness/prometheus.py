"""A real Prometheus on the loopback, empty or with samples of the past."""
import json
import os
import socket
import subprocess
import sys
import urllib.request

import cresset

WAIT_S = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def backfill(folder, families):
    """Stores {metric name: [(labels, value, seconds)]} in the folder, before a start there."""
    path = os.path.join(folder, "samples.txt")
    with open(path, "w") as out:
        for name, samples in families.items():
            out.write(f"# TYPE {name} gauge\n")
            for labels, value, seconds in samples:
                pairs = ",".join(f'{key}="{text}"' for key, text in labels.items())
                out.write(f"{name}{{{pairs}}} {value} {seconds}\n")
        out.write("# EOF\n")
    subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet", path, os.path.join(folder, "tsdb")], check=True,
                   timeout=WAIT_S)


def start(folder, configuration=None):
    """The process, to be ended by who starts it, and its URL; it takes remote writes. The configuration is that of
    prometheus.yml, which needs no quotes where it is JSON."""
    port, config, log = free_port(), os.path.join(folder, "prometheus.yml"), os.path.join(folder, "prometheus.log")
    with open(config, "w") as out:
        json.dump(configuration or {"global": {}}, out, ensure_ascii=False)
    process = cresset.start("prometheus", log, "--config.file", config, "--storage.tsdb.path", os.path.join(folder, "tsdb"),
                            "--web.listen-address", f"127.0.0.1:{port}", "--web.enable-remote-write-receiver")
    url = f"http://127.0.0.1:{port}"

    def is_ready():
        if process.poll() is not None:
            sys.exit("prometheus ended: " + open(log).read()[-2000:])
        try:
            return urllib.request.urlopen(url + "/-/ready", timeout=2).status == 200
        except OSError:
            return False
    cresset.wait_for(is_ready, WAIT_S, "prometheus")
    return process, url
