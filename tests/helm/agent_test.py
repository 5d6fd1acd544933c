#!/usr/bin/env python3
"""The agent as the DaemonSet runs it: with the capabilities of the chart and no others, no new privileges,
and the rendered configuration it samples, pushes to a server, and misses nothing; of the API it asks what the
chart lets it; and its metrics, and those of the server, are named as Prometheus wants. Runs as root."""
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

import rendering
import kube_api
from programs_test import AGENT_RIGHTS, Mounted
from rendering import cresset

VALUES = ("cluster.tenant=shop,cluster.name=shop,agent.config.window=1s,agent.relabelRules[0].target_label=rules,"
          "agent.relabelRules[0].replacement=taken")


def restricted(capabilities):
    """A command line before that of a program, by which it has these capabilities alone."""
    names = ",".join(["-all"] + ["+" + name.lower() for name in capabilities])
    return ["setpriv", "--bounding-set", names, "--inh-caps", "-all", "--no-new-privs"]


def services(server, tenant):
    """Names of services of the last minutes that have the labels of VALUES."""
    now_ms = int(time.time() * 1000)
    body = json.dumps({"name": "service_name", "matchers": ['{cluster="shop",rules="taken"}'], "start": now_ms - 600_000, "end": now_ms + 60_000})
    connection = server.connect()
    connection.request("POST", "/querier.v1.QuerierService/LabelValues", body,
                       {"Content-Type": "application/json", "X-Scope-OrgID": tenant})
    answer = connection.getresponse()
    text = answer.read().decode()
    if answer.status != 200:
        sys.exit(f"LabelValues: {answer.status} {text}")
    return json.loads(text).get("names", [])


def check_metrics(addresses):
    """What promtool says of the metrics at these addresses has to be nothing."""
    for address in addresses:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as answer:
            done = subprocess.run(["promtool", "check", "metrics"], input=answer.read(), capture_output=True)
        if done.returncode != 0 or done.stderr:
            sys.exit(f"metrics of {address}: {done.stderr.decode()}")


def main():
    cresset.need_system(["promtool"], {})
    options = rendering.clients.options(__doc__)
    options.bin = os.path.abspath(options.bin)
    if os.geteuid() != 0:
        rendering.clients.skip("only root can give capabilities")
    things = rendering.Helm(options, "helm4").objects("--set", VALUES)
    spec, container = rendering.workload(things, "agent")
    with tempfile.TemporaryDirectory() as folder:
        server = cresset.Server(options.bin, folder, "--self-profile=false", "--multitenancy=required")
        mounted = Mounted(folder, things, "agent")
        # No pod of a cluster is here: the account, at the address of a kubeconfig.
        api, token, kubeconfig = kube_api.KubeApi(["good"]), os.path.join(folder, "token"), os.path.join(folder, "kubeconfig")
        with open(token, "w") as out:
            out.write("good")
        kube_api.kubeconfig(kubeconfig, api.url, token)
        log_path = os.path.join(folder, "agent.log")
        prefix = restricted(container["securityContext"]["capabilities"]["add"])
        with open(log_path, "w") as log:
            agent = subprocess.Popen([*prefix, os.path.join(options.bin, "cresset-agent"), *mounted.command[1:], "--server",
                                      f"http://{server.address}", "--listen", "127.0.0.1:0", "--kubeconfig", kubeconfig], stdout=log, stderr=log)
        try:
            found = cresset.wait_for(lambda: agent.poll() is not None or (
                services(server, "shop") and {request.verb for request in api.requests} >= {"list", "watch"}), 60,
                "profiles of the agent, and a watch of pods")
            alive = agent.poll() is None
            if alive:
                [own] = re.findall(r"listening on http://(\S+)", open(log_path).read())
                check_metrics([own, server.address])
        finally:
            agent.terminate()
            status = agent.wait(30)
            server.stop()
        text = open(log_path).read()
    asked = {("", "pods", request.verb) for request in api.requests}
    if not asked <= AGENT_RIGHTS or api.violations:
        sys.exit(f"the agent asked for {asked}, {api.violations}")
    if not (found and alive and status == 0) or "missing" in text or "warning" in text:
        sys.exit(f"the agent with {prefix} ended with {status}: {text}")


if __name__ == "__main__":
    main()
