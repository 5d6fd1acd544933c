"""A node for agents under test: a network namespace, containers in cgroups, and the files of a service account.

Namespaces have no names and are held by processes that end with the test, so nothing is left behind, however it
ends; cgroups are removed by Container.close. All of it needs root.
"""
import argparse
import ctypes
import os
import secrets
import subprocess
import sys
import tempfile

import cresset
import mounted_volume

CLONE_NEWNET = 0x40000000  # sched.h
ACCOUNT_DIR = "/run/secrets/kubernetes.io/serviceaccount"  # /var/run is /run
WAIT_S = 90  # of a loaded machine; backoff included


def skip(why):
    print("skipped:", why)
    sys.exit(cresset.SKIPPED)


def cgroup_root():
    """Where cgroup v2 is mounted."""
    with open("/proc/mounts") as mounts:
        for line in mounts:
            fields = line.split()
            if fields[2] == "cgroup2":
                return fields[1]
    return skip("cgroup v2 is not mounted")


class Container:
    """A program in a cgroup made as the kubelet's systemd driver and containerd make it, or without a pod as Docker
    with systemd does."""

    def __init__(self, root, pod_uid, *command, stdout=subprocess.DEVNULL):
        self.id = secrets.token_hex(32)
        slices = ["system.slice", f"docker-{self.id}.scope"]
        if pod_uid is not None:
            slices = ["kubepods.slice", "kubepods-burstable.slice",
                      f"kubepods-burstable-pod{pod_uid.replace('-', '_')}.slice", f"cri-containerd-{self.id}.scope"]
        self.folders = [os.path.join(root, *slices[:n + 1]) for n in range(len(slices))]
        try:
            os.makedirs(self.folders[-1], exist_ok=True)
        except OSError as error:
            skip(f"no cgroup can be made: {error}")

        def enter():
            with open(os.path.join(self.folders[-1], "cgroup.procs"), "w") as out:
                out.write("0")
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command], preexec_fn=enter,
                                        stdout=stdout, text=True)

    def close(self):
        self.process.kill()
        self.process.wait()
        for folder in reversed(self.folders):
            try:
                cresset.wait_for(lambda: self.is_empty(folder), 10, "an empty cgroup")
                os.rmdir(folder)
            except (OSError, RuntimeError):
                return  # others are in it

    @staticmethod
    def is_empty(folder):
        with open(os.path.join(folder, "cgroup.procs")) as procs:
            return not procs.read()


class Network:
    """The test goes into a namespace of its own, with PLANE as its address, and the node into another, with NODE:
    what the test starts is in the first, and what `command` makes of a command line in the second."""
    PLANE, NODE = "10.77.0.1", "10.77.0.2"

    def __init__(self):
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
            skip(f"no network namespace can be made: {os.strerror(ctypes.get_errno())}")
        self.holder = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"])
        cresset.wait_for(lambda: self.namespace(self.holder.pid) != self.namespace("self"), WAIT_S, "the node's namespace")
        self.ip("link", "set", "lo", "up")
        self.ip("link", "add", "plane0", "type", "veth", "peer", "name", "node0", "netns", str(self.holder.pid))
        self.ip("address", "add", f"{self.PLANE}/24", "dev", "plane0")
        self.ip("link", "set", "plane0", "up")
        for arguments in (["link", "set", "lo", "up"], ["address", "add", f"{self.NODE}/24", "dev", "node0"],
                          ["link", "set", "node0", "up"]):
            subprocess.run(self.command("ip", *arguments), check=True)

    @staticmethod
    def namespace(process):
        return os.readlink(f"/proc/{process}/ns/net")

    @staticmethod
    def ip(*arguments):
        subprocess.run(["ip", *arguments], check=True)

    def command(self, *command):
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", *command]

    def close(self):
        self.holder.kill()
        self.holder.wait()


class ServiceAccount:
    """The files of a service account, mounted as a kubelet does it."""

    def __init__(self, folder, token, ca):
        self.folder, self.ca = os.path.join(folder, "serviceaccount"), ca
        self.volume = mounted_volume.MountedVolume(self.folder, self.files(token))

    def files(self, token):
        with open(self.ca) as ca:
            return {"token": token, "ca.crt": ca.read(), "namespace": "obs"}

    def rotate(self, token):
        self.volume.write(self.files(token))

    def mounted(self):
        """The begin of a command line that sees it where pods do, in a mount namespace of its own."""
        script = (f'mount -t tmpfs none /run && mkdir -p {ACCOUNT_DIR} && mount --bind "$1" {ACCOUNT_DIR} && shift && exec "$@"')
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", self.folder]


def in_cluster(url, *more):
    """The begin of a command line with the variables that a kubelet gives the containers of a pod."""
    host, _, port = url.rpartition("//")[2].rpartition(":")
    return ["env", f"KUBERNETES_SERVICE_HOST={host}", f"KUBERNETES_SERVICE_PORT={port}", *more]


def main(description, run, *options):
    """The main function of a test that needs root: run(options, folder), with these options, which are paths."""
    parser = argparse.ArgumentParser(description=description)
    for option in options:
        parser.add_argument(option, required=True, type=os.path.abspath)
    parsed = parser.parse_args()
    if os.geteuid() != 0:
        skip("needs root")
    with tempfile.TemporaryDirectory() as folder:
        run(parsed, folder)


def ready(agent):
    return agent.get("/ready")


def wait_unready(agent, words, seconds=WAIT_S):
    def says():
        code, text = ready(agent)
        return code == 503 and words in text
    try:
        cresset.wait_for(says, seconds, f"/ready with {words!r}")
    except RuntimeError as error:
        raise RuntimeError(f"{error}; it says {ready(agent)}") from error


def wait_ready(agent):
    try:
        cresset.wait_for(lambda: ready(agent) == (200, "ready\n"), WAIT_S, "/ready")
    except RuntimeError as error:
        raise RuntimeError(f"{error}; it says {ready(agent)}") from error
