#!/usr/bin/env python3
"""What the chart tells the programs: each rendered command line, variable and file is taken by the built
programs, agent and analyzer may read what they read and no more, and versions and options are those of the programs."""
import itertools
import os
import re
import subprocess
import sys
import tempfile

import rendering
from rendering import clients, cresset, yaml

sys.path.insert(0, os.path.join(rendering.ROOT, "tests", "harness"))
import certificates
import slack

# What a Secret that the values name would have, by the name of the file that it becomes.
SECRETS = {
    "webhook-url": "https://hooks.slack.com/services/T0/B0/x",
    "tokens.yaml": "tokens:\n  - {name: test, sha256: " + 64 * "0" + ", tenants: ['*']}\n",
    "notify.yaml": "receivers:\n  - {name: ops, form: slack, url_file: ETC/notify/ops}\ndefault: ops\n",
    "ops": "https://hooks.slack.com/services/T0/B0/x",
}
FIELDS = {"spec.nodeName": "node-1", "status.hostIP": "192.0.2.7", "metadata.uid": "a086e354-3604-462f-8b39-db5906fe9f52"}
EMPTY_CLUSTER = "apiVersion: v1\nkind: List\nitems:\n  - {apiVersion: v1, kind: Namespace, metadata: {name: default}}\n"
AGENT_FAILED = 1  # 2 is a wrong option


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


class Mounted:
    """The files of a pod's container below a folder, with paths in them and on the command line turned there."""

    def __init__(self, folder, things, component):
        self.folder = folder
        spec, container = rendering.workload(things, component)
        maps = {thing["metadata"]["name"]: thing["data"] for thing in rendering.of_kind(things, "ConfigMap")}
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        for mount in container["volumeMounts"]:
            place = self.path(mount["mountPath"])
            os.makedirs(place, exist_ok=True)
            volume = volumes.get(mount["name"], {})
            for name, text in maps.get(volume.get("configMap", {}).get("name"), {}).items():
                write(os.path.join(place, name), self.text(text))
            if "secret" in volume:
                self.mount_secret(place, volume["secret"])
        self.command = [self.text(part) for part in container["command"] + container["args"]]
        self.environment = {variable["name"]: variable.get("value") or self.other_value(variable["valueFrom"])
                            for variable in container.get("env", [])}
        self.probes = {container[key]["httpGet"]["path"] for key in container if key.endswith("Probe")}

    @staticmethod
    def other_value(source):
        """Of a variable that a kubelet or a Secret gives."""
        return FIELDS[source["fieldRef"]["fieldPath"]] if "fieldRef" in source else "x: y"

    def config(self):
        with open(self.path("/etc/cresset/config/config.yaml")) as file:
            return file.read()

    def path(self, path):
        return os.path.join(self.folder, path.strip("/"))

    def text(self, text):
        return re.sub(r"/(etc|var/lib)/cresset\b", lambda found: self.path(found.group()), text)

    def mount_secret(self, place, secret):
        names = [item["path"] for item in secret.get("items", [])] or list(SECRETS) + ["api-key"]
        for name in names:
            write(os.path.join(place, name), SECRETS.get(name, "secret").replace("ETC", os.path.join(self.folder, "etc/cresset")))
        certificate, key = certificates.make_pair(place, "tls")
        if "ca.crt" in names:
            os.replace(certificate, os.path.join(place, "ca.crt"))
            os.remove(key)

    def run(self, folder_of_programs, *arguments, **options):
        program = os.path.join(folder_of_programs, os.path.basename(self.command[0]))
        clean = {name: value for name, value in os.environ.items() if not name.startswith("CRESSET_")}
        return subprocess.run([program, *self.command[1:], *arguments], capture_output=True, text=True, timeout=120,
                              env={**clean, **self.environment}, **options)


def get(server, path):
    connection = server.connect()
    connection.request("GET", path)
    return connection.getresponse().status


def check_helm_test(options, mounted, things, address):
    """The pod of `helm test` asks the Service by what is rendered, and so finds a server that is ready."""
    [pod] = rendering.of_kind(things, "Pod", "test")
    [container] = pod["spec"]["containers"]
    [service] = [thing for thing in rendering.of_kind(things, "Service", "server") if "clusterIP" not in thing["spec"]]
    name, where, port = service["metadata"]["name"], service["metadata"]["namespace"], service["spec"]["ports"][0]["port"]
    arguments = [argument.replace(f"{name}.{where}.svc:{port}", address) for argument in container["args"]]
    if arguments == container["args"]:
        sys.exit(f"the test does not ask the Service: {arguments}")
    program = os.path.join(options.bin, os.path.basename(container["command"][0]))
    done = subprocess.run([program, *container["command"][1:], *map(mounted.text, arguments)], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        sys.exit(f"helm test: {done}")


def check_server(options, folder, things):
    """The server starts by what is rendered, on another port, and answers the probes."""
    mounted = Mounted(folder, things, "server")
    config = yaml.safe_load(mounted.config())
    tls = certificates.trust(config["tls-cert"]) if "tls-cert" in config else None
    os.environ.update(mounted.environment)
    try:
        server = cresset.Server(options.bin, folder, *mounted.command[1:], tls=tls)
    finally:
        for name in mounted.environment:
            del os.environ[name]
    try:
        answers = {path: get(server, path) for path in mounted.probes}
        check_helm_test(options, mounted, things, server.address)
    finally:
        status = server.stop()
    if set(answers.values()) != {200} or status != 0:
        sys.exit(f"probes of the server: {answers}, and it ended with {status}: {server.log()}")
    strange = re.findall(r".*(?: is no option | mean nothing here).*", server.log())
    if strange:
        sys.exit(f"the server says: {strange}")


def check_analyzer(options, folder, things):
    """A run by what is rendered reads a cluster of files to its end, and tells nobody."""
    mounted = Mounted(folder, things, "analyzer")
    recorded = os.path.join(folder, "cluster.yaml")
    write(recorded, EMPTY_CLUSTER)
    # A state at a server that is away ends the run; check_whole has one that is there.
    state = ["--state", mounted.path("/var/lib/cresset/state")] if "state: http" in mounted.config() else []
    done = mounted.run(options.bin, "--input", recorded, "--dry-run", *state)
    if done.returncode != 0 or "is no option" in done.stderr:
        sys.exit(f"the analyzer ended with {done.returncode}: {done.stderr}{done.stdout}")


def check_agent(options, folder, things):
    """Without any capability the agent takes all options, and misses just those that the chart gives it."""
    mounted = Mounted(folder, things, "agent")
    user = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    # The folder of the build may be closed to others: what has to be read is opened here.
    os.chmod(folder, 0o755)
    done = mounted.run(options.bin, "--listen", "127.0.0.1:0", **user)
    missing = set(re.findall(r"CAP_(\w+) is missing", done.stderr))
    added = rendering.workload(things, "agent")[1]["securityContext"]["capabilities"]["add"]
    if done.returncode != AGENT_FAILED or "is no option" in done.stderr or missing != set(added) - {"SYS_RESOURCE"}:
        sys.exit(f"the agent ended with {done.returncode}, the chart adds {added}: {done.stderr}")


def check_programs(options, helm):
    checks = {"server": check_server, "analyzer": check_analyzer, "agent": check_agent}
    for name, path in rendering.values_files().items():
        things = helm.objects("-f", path)
        for component, check in checks.items():
            if rendering.workload(things, component):
                with tempfile.TemporaryDirectory() as folder:
                    check(options, folder, things)
                print(f"{name}: {component}")


BROKEN_POD = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, creationTimestamp: "2026-01-01T00:00:00Z"}
spec: {nodeName: n1, containers: [{name: app, image: "registry.example/web:1"}]}
status:
  phase: Pending
  containerStatuses:
    - name: app
      ready: false
      restartCount: 0
      image: registry.example/web:1
      imageID: ""
      state: {waiting: {reason: ImagePullBackOff, message: Back-off pulling image}}
"""


def check_whole(options, helm, state):
    """Analyzer and server of one release: what two runs find is at the server, as the tenant and cluster of the
    values, and Slack hears of it once, as the state is kept."""
    values = ("cluster.name=prod,cluster.tenant=shop,analyzer.webhook.existingSecret=slack,analyzer.config.webhook-form=slack,"
              f"server.config.multitenancy=required,server.config.self-profile=false,analyzer.state={state}")
    things = helm.objects("--set", values)
    receiver = slack.Receiver()
    with tempfile.TemporaryDirectory() as folder:
        mounted = {name: Mounted(os.path.join(folder, name), things, name) for name in ("server", "analyzer")}
        write(mounted["analyzer"].path("/etc/cresset/webhook/webhook-url"), receiver.url)
        write(os.path.join(folder, "pod.yaml"), BROKEN_POD)
        server = cresset.Server(options.bin, folder, *mounted["server"].command[1:])
        config = mounted["analyzer"].config().replace("http://demo-cresset-server.obs.svc:4040", f"http://{server.address}")
        write(mounted["analyzer"].path("/etc/cresset/config/config.yaml"), config)
        try:
            for _ in range(2):
                done = mounted["analyzer"].run(options.bin, "--input", os.path.join(folder, "pod.yaml"))
                if done.returncode != 0:
                    sys.exit(f"the analyzer ended with {done.returncode}: {done.stderr}")
            connection = server.connect()
            connection.request("GET", "/api/v1/findings", headers={"X-Scope-OrgID": "shop"})
            answer = connection.getresponse().read().decode()
        finally:
            server.stop()
    if len(receiver.messages) != 1 or not all(word in answer for word in ('"prod"', "image-registry-unreachable")):
        sys.exit(f"{len(receiver.messages)} messages, and the server has {answer}")
    print(f"state on a {state}: told once in two runs")


def check_wrong_files(options, helm):
    """The checks above can fail: an option that is not there ends each program with 2."""
    things = helm.objects()
    for component in ("server", "analyzer", "agent"):
        with tempfile.TemporaryDirectory() as folder:
            mounted = Mounted(folder, things, component)
            with open(mounted.path("/etc/cresset/config/config.yaml"), "a") as config:
                config.write("\nno-such-option: 1\n")
            done = mounted.run(options.bin)
        if done.returncode != 2 or "no-such-option" not in done.stderr:
            sys.exit(f"{component} ended with {done.returncode}: {done.stderr}")


def roles(things):
    """The rules of each role, by its kind and name."""
    return {(kind, thing["metadata"]["name"]): thing["rules"] for kind in ("ClusterRole", "Role")
            for thing in rendering.of_kind(things, kind)}


def rights(things):
    """{(namespace, account): {(API group, resource, verb)}} of all that bindings of the release give."""
    rules_of, found = roles(things), {}
    for binding in (thing for thing in things if thing["kind"].endswith("Binding")):
        for subject in binding["subjects"]:
            for rule in rules_of.pop((binding["roleRef"]["kind"], binding["roleRef"]["name"])):
                if set(rule) != {"apiGroups", "resources", "verbs"}:
                    sys.exit(f"a rule has {set(rule)}")
                found.setdefault((subject["namespace"], subject["name"]), set()).update(
                    itertools.product(rule["apiGroups"], rule["resources"], rule["verbs"]))
    if rules_of:
        sys.exit(f"roles that nobody has: {set(rules_of)}")
    return found


AGENT_RIGHTS = {("", "pods", verb) for verb in ("list", "watch")}
KUBELET_RIGHTS = {("", "nodes/pods", "get")}


def analyzer_rights():
    """What analyzers/collect lists, and the logs that it reads."""
    with open(os.path.join(rendering.ROOT, "analyzers", "collect", "kind.h")) as file:
        rows = re.sub(r"\s*\\\n\s*", " ", file.read()).partition("#define KINDS(X)")[2].partition("\n")[0]
    kinds = re.findall(r'X\(\w+, "\w+", "([\w.-]*)", "(\w+)", (?:true|false)\)', rows)
    if len(kinds) != rows.count("X(") or len(kinds) < 50:
        sys.exit(f"{len(kinds)} kinds are understood of {rows.count('X(')}")
    return {(group, resource, "list") for group, resource in kinds if resource != "managed"} | {("", "pods/log", "get")}


def check_rights(helm):
    secrets = {("", "secrets", "list")}
    without_secrets = analyzer_rights() - secrets
    cases = [
        ("", AGENT_RIGHTS, without_secrets),
        ("analyzer.secrets=true", AGENT_RIGHTS, without_secrets | secrets),
        ("analyzer.tlsSecrets=true", AGENT_RIGHTS, without_secrets | secrets),
        ("analyzer.managedGroups={s3.example.org}", AGENT_RIGHTS, without_secrets | {("s3.example.org", "*", "list")}),
        ("analyzer.failureEvent=true", AGENT_RIGHTS, without_secrets | {("events.k8s.io", "events", "create")}),
        ("analyzer.failureEvent=true,analyzer.rbac.create=false", AGENT_RIGHTS, None),
        ("analyzer.rbac.create=false", AGENT_RIGHTS, None),
        ("agent.rbac.create=false", None, without_secrets),
        ("agent.config.kubernetes=off", None, without_secrets),
        ("agent.config.kubelet=auto", KUBELET_RIGHTS, without_secrets),
        ("agent.config.kubelet=auto,agent.rbac.nodesProxy=true", KUBELET_RIGHTS | {("", "nodes/proxy", "get")}, without_secrets),
        ("agent.config.kubelet=auto,agent.rbac.create=false", None, without_secrets),
        ("agent.enabled=false,analyzer.enabled=false", None, None),
        ("agent.serviceAccount.name=a,analyzer.serviceAccount.name=b", AGENT_RIGHTS, without_secrets),
    ]
    for settings, *wanted in cases:
        things = helm.objects("--set", settings)
        accounts = [("obs", rendering.workload(things, component)[0]["serviceAccountName"]) if has else None
                    for component, has in zip(("agent", "analyzer"), wanted)]
        expected, found = {account: has for account, has in zip(accounts, wanted) if has}, rights(things)
        if found != expected:
            sys.exit(f"{settings}: has {found}, not {expected}")


def check_versions(options):
    with open(os.path.join(rendering.CHART, "Chart.yaml")) as file:
        wanted = yaml.safe_load(file)["appVersion"]
    for command in (["cresset-server"], ["cresset-agent"], ["cresset-analyzer"], ["cresset-analyzer", "run"]):
        line = subprocess.run([os.path.join(options.bin, command[0]), *command[1:], "--version"], capture_output=True,
                              text=True, check=True).stdout
        found = re.search(r"(\d+\.\d+\.\d+\S*)", line).group(1)
        if found != wanted:
            sys.exit(f"appVersion is {wanted}, {command[0]} is {found}")


def check_generated(options):
    program = os.path.join(rendering.ROOT, "tools", "check_chart")
    done = subprocess.run([sys.executable, "-B", program, options.bin], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)


def main():
    options = clients.options(__doc__)
    options.bin = os.path.abspath(options.bin)
    cresset.need_system(["openssl"], {})
    check_versions(options)
    check_generated(options)
    helm = rendering.Helm(options, "helm4")
    check_rights(helm)
    check_programs(options, helm)
    check_whole(options, helm, "volume")
    check_whole(options, helm, "server")
    check_wrong_files(options, helm)


if __name__ == "__main__":
    main()
