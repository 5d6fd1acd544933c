"""The chart as Helm renders it, and the tools that the tests of it need, at pinned versions.

A tool is fetched and compiled once, into a folder of its own below compat/ of the build folder; where it
cannot be had, the test is skipped.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "compat"), os.path.join(HERE, "..", "harness")]
import clients
import cresset

cresset.need_system([], {"yaml": "python3-yaml"})
import yaml

ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
CHART = os.path.join(ROOT, "helm", "cresset")
HELM = {"helm3": "helm.sh/helm/v3/cmd/helm@v3.22.0", "helm4": "helm.sh/helm/v4/cmd/helm@v4.3.1"}
KUBECONFORM = "github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0"
SCHEMAS = "kubernetes-validate==1.37.0"  # a wheel with the JSON schemas of Kubernetes
# Modules that have custom types: the folder in it, and the files of the types.
CUSTOM_TYPES = {
    "github.com/prometheus-operator/prometheus-operator@v0.83.0": (
        "example/prometheus-operator-crd", {"servicemonitor": "monitoring.coreos.com_servicemonitors.yaml",
                                            "podmonitor": "monitoring.coreos.com_podmonitors.yaml"}),
    "sigs.k8s.io/gateway-api@v1.3.0": ("config/crd/standard", {"httproute": "gateway.networking.k8s.io_httproutes.yaml"}),
}
KUBERNETES = "1.34.0"
OLD_KUBERNETES = "1.25.0"  # the oldest that the chart takes
COMPILE_S = 1800


class Rejected(Exception):
    """What Helm says against a chart or its values."""


def go_program(options, name, package):
    """The path of a program that Go makes of a released package."""
    compiler = clients.need("go", (1, 25), "version")
    folder = clients.Folder(options, name, __file__)
    if not folder.is_ready():
        folder.begin()
        folder.run(f"go install {package}", [compiler, "install", package], limit_s=COMPILE_S,
                   env={**os.environ, "GOBIN": folder.path, "GOFLAGS": "-buildvcs=false"})
        folder.end()
    return os.path.join(folder.path, package.rpartition("@")[0].rpartition("/")[2])


class Helm:
    """One version of Helm, with a home of its own."""

    def __init__(self, options, name):
        self.name, self.program = name, go_program(options, name, HELM[name])
        self.home = tempfile.TemporaryDirectory()

    def run(self, *arguments):
        home = {f"HELM_{kind}_HOME": self.home.name for kind in ("CACHE", "CONFIG", "DATA")}
        done = subprocess.run([self.program, *arguments], capture_output=True, text=True, timeout=120,
                              env={**os.environ, **home, "KUBECONFIG": os.devnull})
        if done.returncode != 0:
            raise Rejected(done.stderr + done.stdout)
        return done.stdout

    def template(self, *arguments, release="demo", namespace="obs", version=KUBERNETES):
        """The rendered text; arguments are those of helm, as "-f", FILE and "--set", "a=b"."""
        return self.run("template", release, CHART, "--namespace", namespace, "--kube-version", version, *arguments)

    def notes(self, *arguments):
        """What Helm says after an install; without a cluster no verb of it prints that, so it is rendered as a file."""
        with tempfile.TemporaryDirectory() as folder:
            chart = shutil.copytree(CHART, os.path.join(folder, "cresset"))
            os.rename(os.path.join(chart, "templates", "NOTES.txt"), os.path.join(chart, "files", "NOTES.txt"))
            with open(os.path.join(chart, "templates", "notes.yaml"), "w") as file:
                file.write('text: |\n  {{- tpl (.Files.Get "files/NOTES.txt") . | nindent 2 }}\n')
            text = self.run("template", "demo", chart, "--namespace", "obs", "--kube-version", KUBERNETES, "--show-only",
                            "templates/notes.yaml", *arguments)
        return yaml.safe_load(text)["text"]

    def objects(self, *arguments, **where):
        return [document for document in yaml.safe_load_all(self.template(*arguments, **where)) if document]


def helms(options):
    return [Helm(options, name) for name in HELM]


def values_files():
    """{name: path} of ci/NAME-values.yaml."""
    folder = os.path.join(CHART, "ci")
    return {name.removesuffix("-values.yaml"): os.path.join(folder, name) for name in sorted(os.listdir(folder))}


def identity(thing):
    return thing["kind"], thing["metadata"].get("namespace", ""), thing["metadata"]["name"]


def pod_template(thing):
    """(labels, spec) of the pods that a workload makes; None when it makes none."""
    spec = thing.get("spec", {})
    if thing["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    if "template" not in spec:
        return None
    return spec["template"]["metadata"]["labels"], spec["template"]["spec"]


def component_of(thing):
    """None of an object that the values brought."""
    return thing["metadata"].get("labels", {}).get("app.kubernetes.io/component")


def of_kind(things, kind, component=None):
    found = [thing for thing in things if thing["kind"] == kind and
             component in (None, component_of(thing))]
    return found


def workload(things, component):
    """(pod spec, container) of a component; None when the release has none."""
    for thing in things:
        if pod_template(thing) and component_of(thing) == component:
            spec = pod_template(thing)[1]
            return spec, spec["containers"][0]
    return None


def kubernetes_schemas(options, versions):
    """A folder with a folder of JSON schemas for each version, and crd/ for custom types."""
    folder = clients.Folder(options, "kube_schemas", __file__)
    if not folder.is_ready():
        folder.begin()
        environment = os.path.join(folder.path, "python")
        folder.run("making a virtual environment", [sys.executable, "-m", "venv", environment])
        folder.run("pip", [os.path.join(environment, "bin", "python"), "-m", "pip", "download", "-q", "--no-deps",
                           "--only-binary=:all:", "-d", folder.path, SCHEMAS])
        [wheel] = [name for name in os.listdir(folder.path) if name.endswith(".whl")]
        unpack_schemas(os.path.join(folder.path, wheel), folder.path, versions)
        os.makedirs(os.path.join(folder.path, "crd"))
        for module, (place, files) in CUSTOM_TYPES.items():
            unpack_types(folder, module, place, files)
        folder.end()
    return folder.path


def unpack_schemas(wheel, folder, versions):
    with zipfile.ZipFile(wheel) as archive:
        for version in versions:
            prefix = f"kubernetes_validate/kubernetes-json-schema/v{version}-local-strict/"
            os.makedirs(os.path.join(folder, f"v{version}"))
            for name in archive.namelist():
                if name.startswith(prefix) and name != prefix:
                    # They refer to one another by an address of the web: by their folder instead.
                    schema = json.loads(archive.read(name).decode().replace('"/api/_definitions.json', '"_definitions.json'))
                    schema.pop("$id", None)
                    with open(os.path.join(folder, f"v{version}", name.removeprefix(prefix)), "w") as out:
                        json.dump(schema, out)


def closed(schema):
    """A schema of a custom type in which a key that is not known is an error, as an API server warns of it."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "type" in schema:
        schema.setdefault("additionalProperties", False)
    return schema


def unpack_types(folder, module, place, files):
    """The schemas of the newest stable version of each type."""
    compiler = clients.need("go", (1, 25), "version")
    done = subprocess.run([compiler, "mod", "download", "-json", module], capture_output=True, text=True, cwd="/")
    if done.returncode != 0:
        clients.skip(f"go mod download failed, is there a package registry? {done.stdout}{done.stderr}")
    source = os.path.join(json.loads(done.stdout)["Dir"], place)
    for kind, name in files.items():
        with open(os.path.join(source, name)) as file:
            [version] = [version for version in yaml.safe_load(file)["spec"]["versions"] if version["name"] == "v1"]
        schema = version["schema"]["openAPIV3Schema"]
        schema["properties"]["metadata"] = {"type": "object", "x-open": True}
        with open(os.path.join(folder.path, "crd", f"{kind}.json"), "w") as out:
            json.dump(closed(schema), out)
