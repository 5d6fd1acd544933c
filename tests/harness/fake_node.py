"""A node without a cluster, and a ledger of the profiles of its agents.

A real agent runs in a network namespace and with the service account of a pod; real Go programs run in cgroups of
pods; the API server and the kubelet are those of the harness; a real server stands behind a proxy. Time is short by
options: windows of a second. All of it needs root.
"""
import contextlib
import os
import shutil
import subprocess
import sys
import uuid

import certificates
import cresset
import kube_api
import messages
import node
from node import WAIT_S
from push_proxy import PushProxy

FIXTURE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "go_pprof")
NODE, NAMESPACE = "node-1", "shop"
ENABLED = "profiles.grafana.com/cpu.ebpf.enabled"
LABELS = {"cluster": "north", "region": "eu-1"}
BOOKMARK_S = 0.5


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: got {got!r}, wanted {wanted!r}")


class FakeNode:
    """All of it but the agents. `close` ends what would outlive the test."""

    def __init__(self, options, folder):
        self.options, self.folder, self.agents, self.containers = options, folder, 0, []
        self.cgroups = node.cgroup_root()
        self.program = os.path.join(folder, "go_pprof")
        subprocess.run(["go", "build", "-o", self.program, "."], cwd=FIXTURE, check=True)
        messages.compile_into(folder)
        self.network = node.Network()
        self.certificate = certificates.make_pair(folder, "api", self.network.PLANE)
        self.account = node.ServiceAccount(folder, "first", self.certificate[0])
        self.api = kube_api.KubeApi({"first"}, BOOKMARK_S, self.network.PLANE, self.certificate)
        self.server = cresset.Server(options.bin, folder, "--self-profile=false")
        self.proxy = PushProxy(self.network.PLANE, self.server.address)
        # A pod of another node, which nobody here may hear of.
        self.api.put(kube_api.pod(NAMESPACE, "elsewhere", str(uuid.uuid4()), "node-2", {"main": "0" * 64}))

    def close(self):
        for container in self.containers:
            container.close()
        self.server.kill()
        self.network.close()

    def start_pod(self, name, enabled="true", told=True, annotations=None):
        """A Go program in a pod; the API server is told of it at once, or later by api.put."""
        uid = str(uuid.uuid4())
        container = node.Container(self.cgroups, uid, *self.network.command("nice", self.program, f"{self.network.NODE}:0"),
                                   stdout=subprocess.PIPE)
        self.containers.append(container)
        port = int(container.process.stdout.readline().rpartition(":")[2])
        pod = kube_api.pod(NAMESPACE, f"{name}-0", uid, NODE, {"main": container.id}, labels={"app.kubernetes.io/name": name},
                           annotations={ENABLED: enabled, **(annotations or {})})
        pod["spec"]["containers"][0]["ports"] = [{"name": "pprof", "containerPort": port}]
        pod["status"]["podIP"] = self.network.NODE
        if told:
            self.api.put(pod)
        return pod

    @contextlib.contextmanager
    def agent(self, *options, account=None, variables=(), ends=True):
        """A running agent, as a pod of the node has it; `ends`: it is stopped, and has to end well."""
        self.agents += 1
        folder = os.path.join(self.folder, f"agent-{self.agents}")
        os.mkdir(folder)
        prefix = [*self.network.command(), *(account or self.account).mounted(), *node.in_cluster(self.api.url, *variables)]
        labels = [argument for name, value in LABELS.items() for argument in ("--label", f"{name}={value}")]
        try:
            agent = cresset.Agent(self.options.bin, folder, self.proxy, "--window", "1s", "--node", NODE, "--targeting",
                                  "annotation", *labels, *options, prefix=prefix, host=self.network.NODE)
        except RuntimeError as error:
            node.skip(f"the agent cannot sample here: {error}")
        try:
            yield agent
            if ends:
                expect("the agent's end", agent.stop(), 0)
        except BaseException:
            print(f"--- the agent's log ---\n{agent.log()[-4000:]}", file=sys.stderr)
            raise
        finally:
            agent.process.kill()
            agent.process.wait()

    def profiles(self, pod):
        """What came of a pod so far."""
        with self.proxy.changed:
            return [one for one in self.proxy.came.values() if one.label("pod") == pod]


# --- the ledger -------------------------------------------------------------------------------------


def windows(agent):
    return agent.metrics()["cresset_agent_export_seconds_count"]


def wait_windows(agent, number, seconds=WAIT_S):
    """So many windows more were made into profiles."""
    start = windows(agent)
    cresset.wait_for(lambda: windows(agent) >= start + number, seconds, f"{number} windows")


def total(metrics, name, *words):
    """Of a metric over all its labels that contain one of these words."""
    return sum(value for key, value in metrics.items() if key.partition("{")[0] == name and
               (not words or any(f'"{word}"' in key for word in words)))


def dropped(metrics, *reasons):
    """Profiles that were lost for these reasons; for any without one."""
    return total(metrics, "cresset_agent_profiles_dropped_total", *reasons)


class Ledger:
    """What one agent says, against what came through the proxy and what the server holds."""

    def __init__(self, fake, agent):
        self.fake, self.agent = fake, agent
        self.before = set(fake.proxy.came), set(fake.proxy.acknowledged)

    def snapshot(self):
        """(metrics, {id: profile} acknowledged) of a moment in which nothing was on its way; None: it was not one."""
        with self.fake.proxy.changed:
            first = dict(self.fake.proxy.acknowledged)
        metrics = self.agent.metrics()
        with self.fake.proxy.changed:
            same = len(first) == len(self.fake.proxy.acknowledged)
        mine = {id_: profile for id_, profile in first.items() if id_ not in self.before[1]}
        made = metrics["cresset_agent_profiles_total"] + total(metrics, "cresset_agent_profiles_recovered_total")
        is_still = same and made == total(metrics, "cresset_agent_profiles_pushed_total") + dropped(metrics)
        return (metrics, mine) if is_still and total(metrics, "cresset_agent_queue_profiles") == 0 else None

    def check(self, what, *reasons):
        """Nothing is lost but for these reasons, and nothing double. Prints and returns how many profiles there are."""
        metrics, mine = cresset.wait_for(self.snapshot, WAIT_S, f"an empty queue after {what}")
        made, recovered, pushed = (int(total(metrics, f"cresset_agent_profiles{name}_total")) for name in ("", "_recovered", "_pushed"))
        made += recovered
        expect(f"{what}: profiles acknowledged and told as pushed", len(mine), pushed)
        expect(f"{what}: profiles that were lost", made - pushed, dropped(metrics, *reasons))
        check_stored(self.fake, what, mine)
        print(f"{what}: {made} profiles made, {pushed} stored, {made - pushed} dropped as told")
        return pushed


def check_stored(fake, what, profiles):
    """Of each service and window, what the server holds is what these profiles, {id: Profile}, have in sum."""
    sums = {}
    for profile in profiles.values():
        key = profile.label("service_name"), profile.time_ns // 1_000_000
        sums[key] = sums.get(key, 0) + profile.value
    held = {key: stored_value(fake.server, *key) for key in sums}
    wrong = {key: (sums[key], held[key]) for key in sums if sums[key] != held[key]}
    if wrong:
        sys.exit(f"{what}: {len(wrong)} of {len(sums)} windows differ (sent, held): {list(wrong.items())[:5]}")


def stored_value(server, service, time_ms):
    reply = cresset.query(server.connect(), "SelectMergeStacktraces", profileTypeID=cresset.CPU_TYPE,
                          labelSelector=f'{{service_name="{service}",namespace="{NAMESPACE}"}}', start=time_ms - 1, end=time_ms + 1)
    return int(reply.get("flamegraph", {}).get("total", 0))


def main(description, run):
    """The main function of a test: run(options, folder) where all is there that a fake node needs."""
    cresset.need_system(["openssl", "protoc", "ip", "nsenter", "unshare"], {"google.protobuf": "python3-protobuf"})
    if shutil.which("go") is None:
        os.environ["PATH"] += os.pathsep + "/usr/local/go/bin"
    cresset.need_system(["go"], {})
    node.main(description, run, "--bin")
