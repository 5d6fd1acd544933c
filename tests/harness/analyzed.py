"""A folder with a cluster that a test changes, and the runs of cresset-analyzer over it."""
import datetime
import os
import subprocess
import sys

MINUTE = datetime.timedelta(minutes=1)
POD = """---
apiVersion: v1
kind: Pod
metadata: {{namespace: shop, name: {name}, uid: {name}, creationTimestamp: "2026-01-01T00:00:00Z"}}
spec: {{nodeName: n1, containers: [{{name: app, envFrom: [{{configMapRef: {{name: {needs}}}}}]}}]}}
status: {{phase: Pending}}
"""
CONFIG_MAP = """---
apiVersion: v1
kind: ConfigMap
metadata: {{namespace: shop, name: {name}}}
"""
BROKEN = POD.format(name="web", needs="settings")
HEALED = BROKEN + CONFIG_MAP.format(name="settings")


def fail(text):
    sys.exit(text)


def expect(what, got, wanted):
    if got != wanted:
        fail(f"{what}: got {got!r}, wanted {wanted!r}")


class Cluster:
    """A folder with a cluster that a test changes, and the analyzer's state; `form` is that of the receiver."""

    def __init__(self, program, folder, receiver, form="slack"):
        self.program, self.folder, self.receiver, self.form = program, folder, receiver, form
        self.now = datetime.datetime(2026, 1, 2, 12)
        self.input = os.path.join(folder, "input")
        os.mkdir(self.input)
        self.objects = CONFIG_MAP.format(name="other") + POD.format(name="idle", needs="other").replace("Pending", "Running")

    def run(self, objects, later=10 * MINUTE, status=0, *options):
        """One run over these objects; returns what it says on stderr and stdout."""
        self.now += later
        with open(os.path.join(self.input, "all.yaml"), "w") as out:
            out.write(self.objects + objects)
        done = subprocess.run([self.program, "run", "--input", self.input, "--now", self.now.isoformat() + "Z", "--cluster", "prod",
                               "--state", os.path.join(self.folder, "state.sqlite"), "--webhook-url", self.receiver.url,
                               "--webhook-form", self.form, *options], capture_output=True, timeout=60)
        expect(f"the exit status, with {done.stderr.decode()!r}", done.returncode, status)
        if "secret" in done.stderr.decode():
            fail("the webhook's URL is said: " + done.stderr.decode())
        return done.stderr.decode(), done.stdout.decode()

    def told(self):
        messages, self.receiver.messages[:] = list(self.receiver.messages), []
        return messages
