#!/usr/bin/env python3
"""A real agent names processes after the containers that Docker tells of, and pushes them to a real server.

The processes lie in cgroups made as Docker makes them; the Engine API is that of the harness, at a socket that the
agent is given, which then fails and comes back, or at one that it finds.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
import docker_api
import node
from kubernetes_test import expect, series, wait_profile
from node import WAIT_S, Container, wait_ready, wait_unready

PAUSE_S = 10  # of the agent between two questions (LOCAL_CONTAINERS_PAUSE_MS)
RULES = """
- action: labelmap
  regex: __meta_docker_container_label_(team)
- source_labels: [__meta_docker_container_name]
  regex: /(.*)
  target_label: container
- source_labels: [__meta_docker_container_image]
  target_label: image
"""
# A mount namespace with an empty /run, where links to sockets can be put.
OWN_RUN = ["unshare", "--mount", "--propagation", "private", "sh", "-c", 'mount -t tmpfs none /run && exec "$@"', "sh"]


class Host:
    """Containers on this machine, and what Docker tells of them."""

    def __init__(self, options, folder):
        self.root, self.burn, self.containers = node.cgroup_root(), options.burn, []
        self.docker = docker_api.DockerApi(os.path.join(folder, "docker.sock"))

    def run(self, name=None, **labels):
        """A container of this name, or without one what Docker knows nothing of."""
        self.containers.append(Container(self.root, None, self.burn, "1000"))
        container_id = self.containers[-1].id
        if name is not None:
            self.docker.containers.append(docker_api.container(container_id, name, **labels))
        return self.containers[-1]

    def close(self):
        for container in self.containers:
            container.close()
        self.docker.close()


def check_labels(server, container, wanted):
    """All profiles of a container, those of the first window too, have these labels."""
    wait_profile(server, f'{{container_id="{container.id}"}}')
    found = series(server, f'{{container_id="{container.id}"}}')
    expect("series of the container", len(found), 1)
    expect("its labels", {name: found[0].get(name) for name in wanted}, wanted)
    expect("no label of the rules", [name for name in found[0] if name.startswith("__meta")], [])


def check_names(host, agent, server):
    web = host.run("shop-web-1", team="blue", **{"com.docker.compose.service": "web"})
    other, unknown = host.run("db"), host.run()
    with agent() as running:
        check_labels(server, web, {"service_name": "web", "container": "shop-web-1", "team": "blue", "pid":
                                   str(web.process.pid), "image": "docker.io/shop/web:7", "comm": "burn"})
        check_labels(server, other, {"service_name": "db", "container": "db"})
        check_labels(server, unknown, {"service_name": "burn", "container": None})
        wait_ready(running)
        expect("the first question", host.docker.requests[0][1], None)
        late = host.run("late")
        wait_profile(server, f'{{service_name="late",container_id="{late.id}"}}')
        asked = [container_id for _, ids in host.docker.requests[1:] for container_id in ids]
        expect("how often Docker was asked for each", [asked.count(one.id) for one in (web, other, unknown, late)],
               [0, 0, 1, 1])
        expect("containers", running.metrics()["cresset_agent_containers"], 3)
        check_failure(host, running, server)
    times = [at for at, _ in host.docker.requests]
    expect("questions within the pause", [b - a for a, b in zip(times, times[1:]) if b - a < PAUSE_S], [])


def check_failure(host, agent, server):
    host.docker.failure = "server misbehaving"
    hidden = host.run("hidden")
    wait_unready(agent, 'docker.sock answers with 500: {"message": "server misbehaving"}')
    failures = 'cresset_agent_container_requests_total{result="failed"}'
    cresset.wait_for(lambda: agent.metrics()[failures] >= 2, WAIT_S, "two questions that fail")
    expect("warnings", agent.log().count("misbehaving"), 1)
    host.docker.failure = None
    wait_profile(server, f'{{service_name="hidden",container_id="{hidden.id}"}}')
    wait_ready(agent)
    expect("messages of the end", agent.log().count("docker.sock tells of containers again"), 1)


def check_found_socket(host, agent, server):
    """Nobody is told that the usual sockets are missing; one that comes is found."""
    with agent("--label", "run=found", prefix=OWN_RUN) as running:
        wait_profile(server, '{run="found",service_name="burn"}')
        expect("words of Docker", "docker" in running.log(), False)
        wait_ready(running)
        os.symlink(host.docker.path, f"/proc/{running.process.pid}/root/run/docker.sock")
        wait_profile(server, '{run="found",service_name="web",container="shop-web-1"}')
        if "after the containers that /var/run/docker.sock tells of" not in running.log():
            sys.exit(f"the socket is not named: {running.log()}")


def check_no_socket(host, agent, server):
    n_requests = len(host.docker.requests)
    with agent("--label", "run=off", "--docker-socket", "", prefix=OWN_RUN) as running:
        wait_profile(server, '{run="off",service_name="burn"}')
        wait_ready(running)
        expect("services", {one["service_name"] for one in series(server, '{run="off",comm="burn"}')}, {"burn"})
    expect("questions", len(host.docker.requests), n_requests)


class Runs:
    """An agent for a `with`, that ends well behind it."""

    def __init__(self, agent):
        self.agent = agent

    def __enter__(self):
        return self.agent

    def __exit__(self, kind, *_):
        if kind is None:
            expect("the agent's end", self.agent.stop(), 0)
        else:
            print(self.agent.log()[-3000:], file=sys.stderr)
            self.agent.process.kill()


def run(options, folder):
    host, rules = Host(options, folder), os.path.join(folder, "rules.yaml")
    with open(rules, "w") as out:
        out.write(RULES)
    server = cresset.Server(options.bin, folder, "--self-profile=false")

    def agent(*more, **how):
        try:
            return Runs(cresset.Agent(options.bin, folder, server, "--window", "5", "--kubernetes", "off",
                                      "--relabel-file", rules, *more, **how))
        except RuntimeError as error:
            return node.skip(f"the agent cannot sample here: {error}")
    try:
        check_names(host, lambda: agent("--docker-socket", host.docker.path), server)
        check_found_socket(host, agent, server)
        check_no_socket(host, agent, server)
    finally:
        host.close()
        server.stop()


if __name__ == "__main__":
    node.main(__doc__, run, "--bin", "--burn")
