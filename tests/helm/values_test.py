#!/usr/bin/env python3
"""What single values do to the manifests, by two major versions of Helm: namespaces, annotations, nodes, volumes and
containers of the user's own, security contexts, a chart that has this one below it, and what docs/kubernetes.md
shows."""
import os
import re
import shutil
import tempfile

import rendering
from rendering import yaml

COMPONENTS = ("agent", "server", "analyzer")
# Of each value what it becomes: where in the pod's spec or its container, and what. Templates in them are rendered.
POD_HOOKS = {
    "terminationGracePeriodSeconds": (77, "terminationGracePeriodSeconds", 77),
    "runtimeClassName": ("sandbox", "runtimeClassName", "sandbox"),
    "dnsPolicy": ("None", "dnsPolicy", "None"),
    "dnsConfig": ({"nameservers": ["192.0.2.1"]}, "dnsConfig", {"nameservers": ["192.0.2.1"]}),
    "hostAliases": ([{"ip": "192.0.2.2", "hostnames": ["{{ .Release.Name }}"]}], "hostAliases",
                    [{"ip": "192.0.2.2", "hostnames": ["demo"]}]),
    "initContainers": ([{"name": "{{ .Release.Name }}", "image": "a"}], "initContainers", [{"name": "demo", "image": "a"}]),
    "affinity": ({"nodeAffinity": {"x": "{{ .Release.Name }}"}}, "affinity", {"nodeAffinity": {"x": "demo"}}),
    "priorityClassName": ("own", "priorityClassName", "own"),
}
CONTAINER_HOOKS = {
    "extraEnvFrom": ([{"secretRef": {"name": "{{ .Release.Name }}"}}], "envFrom", [{"secretRef": {"name": "demo"}}]),
    "lifecycle": ({"preStop": {"sleep": {"seconds": 1}}}, "lifecycle", {"preStop": {"sleep": {"seconds": 1}}}),
}
# What is added to a list that has more.
ADDED_HOOKS = {
    "extraVolumes": ("volumes", {"name": "mine", "secret": {"secretName": "{{ .Release.Name }}"}}),
    "extraContainers": ("containers", {"name": "mine", "image": "{{ .Release.Name }}"}),
}


def expect(condition, text):
    if not condition:
        raise AssertionError(text)


def with_values(helm, values, *arguments, **where):
    """The objects of the chart by a file with these values."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(values, file)
        file.flush()
        return helm.objects("-f", file.name, *arguments, **where)


def check_hooks(helm):
    for component in COMPONENTS:
        hooks = {name: value for name, (value, *_) in {**POD_HOOKS, **CONTAINER_HOOKS}.items()}
        hooks.update({name: [value] for name, (_, value) in ADDED_HOOKS.items()})
        hooks["extraVolumeMounts"] = [{"name": "mine", "mountPath": "/{{ .Release.Name }}"}]
        spec, container = rendering.workload(with_values(helm, {component: hooks}), component)
        for where, table in ((spec, POD_HOOKS), (container, CONTAINER_HOOKS)):
            for name, (_, key, wanted) in table.items():
                expect(where.get(key) == wanted, f"{component}.{name}: {key} is {where.get(key)}")
        for name, (key, wanted) in ADDED_HOOKS.items():
            rendered = yaml.safe_load(yaml.safe_dump(wanted).replace("{{ .Release.Name }}", "demo"))
            expect(spec[key][-1] == rendered and len(spec[key]) > 1, f"{component}.{name}: {spec[key]}")
        expect(container["volumeMounts"][-1] == {"name": "mine", "mountPath": "/demo"}, f"{component}: {container['volumeMounts']}")


def check_namespace(helm):
    """All that has a namespace is in the one that the values name, and is reached there."""
    things = helm.objects("--set", "namespaceOverride=other,networkPolicy.enabled=true,server.serviceMonitor.enabled=true",
                          namespace="elsewhere")
    places = {thing["metadata"].get("namespace") for thing in things if not thing["kind"].startswith(("ClusterRole", "PriorityClass"))}
    expect(places == {"other"}, f"namespaces: {places}")
    for thing in things:
        expect("elsewhere" not in yaml.safe_dump(thing), f"{rendering.identity(thing)} names the namespace of the release")
    expect(".other.svc:4040" in helm.notes("--set", "namespaceOverride=other"), "the notes")


def check_annotations(helm):
    """Common annotations are those of all objects and of no pods, and an object's own win."""
    things = helm.objects("-f", rendering.values_files()["full"], "--set", "commonAnnotations.example\\.com/note=common")
    for thing in things:
        name, found = rendering.identity(thing), thing["metadata"].get("annotations", {})
        is_extra = rendering.component_of(thing) is None
        expect(is_extra or found.get("example.com/owner") == "platform", f"{name}: {found}")
        template = thing.get("spec", {}).get("template", {})
        expect("example.com/owner" not in template.get("metadata", {}).get("annotations", {}), f"pods of {name}")
    notes = {thing["kind"]: thing["metadata"]["annotations"].get("example.com/note") for thing in things
             if rendering.component_of(thing) == "server"}
    expect(notes["Ingress"] == "ingress" and notes["HTTPRoute"] == "route" and notes["StatefulSet"] == "common", f"{notes}")
    account = [thing for thing in rendering.of_kind(things, "ServiceAccount", "server")][0]
    expect(account["metadata"]["labels"]["example.com/identity"] == "server", f"{account}")


def check_nodes(helm):
    """No pod goes to a node whose processor the image is not for."""
    for component in COMPONENTS:
        spec, _ = rendering.workload(helm.objects(), component)
        expect(spec["nodeSelector"] == {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}, f"{component}: {spec['nodeSelector']}")


def check_security_contexts(helm):
    """Single keys can be taken out and added, and the others stay."""
    for component in ("server", "analyzer"):
        things = helm.objects("--set", f"{component}.podSecurityContext.runAsUser=null,{component}.podSecurityContext.supplementalGroups={{7}},"
                              f"{component}.securityContext.runAsUser=9")
        spec, container = rendering.workload(things, component)
        pod = spec["securityContext"]
        expect("runAsUser" not in pod and pod["runAsNonRoot"] is True and pod["supplementalGroups"] == [7], f"{component}: {pod}")
        own = container["securityContext"]
        expect(own["runAsUser"] == 9 and own["readOnlyRootFilesystem"] is True, f"{component}: {own}")


def check_priority(helm):
    things = helm.objects("--set", "global.priorityClassName=all,server.priorityClassName=mine,agent.priorityClass.create=true")
    found = [rendering.workload(things, component)[0]["priorityClassName"] for component in COMPONENTS]
    expect(found == ["obs.demo-cresset-agent", "mine", "all"], f"{found}")


def check_monitors(helm):
    """Monitors may be elsewhere, under a name that tells releases apart, and find pods of the release's namespace."""
    things = helm.objects("--set", "server.serviceMonitor.enabled=true,server.serviceMonitor.namespace=mon,server.serviceMonitor.targetLabels={a},"
                          "agent.podMonitor.enabled=true,agent.podMonitor.namespace=mon,agent.podMonitor.targetLabels={b}")
    for kind, component, key, label in (("ServiceMonitor", "server", "targetLabels", "a"), ("PodMonitor", "agent", "podTargetLabels", "b")):
        [monitor] = rendering.of_kind(things, kind)
        expect(rendering.identity(monitor) == (kind, "mon", f"obs.demo-cresset-{component}"), f"{rendering.identity(monitor)}")
        spec = monitor["spec"]
        expect(spec["namespaceSelector"] == {"matchNames": ["obs"]} and spec[key] == [label], f"{spec}")


def check_volume_stays(helm):
    """The claim of the analyzer outlives the release, as that of the StatefulSet does."""
    [claim] = rendering.of_kind(helm.objects(), "PersistentVolumeClaim")
    expect(claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}, f"{claim['metadata']}")


def check_parent(helm):
    """A chart that has this one below it may switch it by a condition, and have global values of its own."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(rendering.CHART, os.path.join(folder, "charts", "cresset"))
        parent = {"apiVersion": "v2", "name": "parent", "version": "1.0.0",
                  "dependencies": [{"name": "cresset", "version": "0.x.x", "condition": "cresset.enabled"}]}
        values = {"global": {"imagePullSecrets": [{"name": "pull"}], "team": "a"}, "cresset": {"enabled": True}}
        for name, content in (("Chart.yaml", parent), ("values.yaml", values)):
            with open(os.path.join(folder, name), "w") as file:
                yaml.safe_dump(content, file)
        things = [thing for thing in yaml.safe_load_all(helm.run("template", "demo", folder, "--kube-version", rendering.KUBERNETES)) if thing]
        expect(rendering.workload(things, "server")[0]["imagePullSecrets"] == [{"name": "pull"}], "secrets of the parent")
        things = helm.run("template", "demo", folder, "--kube-version", rendering.KUBERNETES, "--set", "cresset.enabled=false")
        expect(not things.strip(), f"it is off: {things}")


def check_stable(helm):
    """What is rendered twice is the same: nothing is made by chance, and nothing asks the cluster or hooks into the release."""
    full = ["-f", rendering.values_files()["full"]]
    expect(helm.template(*full) == helm.template(*full), "two renderings differ")
    for folder, _, names in os.walk(os.path.join(rendering.CHART, "templates")):
        for name in names:
            with open(os.path.join(folder, name)) as file:
                found = re.search(r"\b(lookup|rand\w+|gen(CA|SignedCert|PrivateKey)|now|uuidv4)\b *[ \"(]", re.sub(r"#.*|\{\{/\*.*?\*/\}\}", "", file.read()))
            expect(name == "NOTES.txt" or not found, f"{name}: {found}")


def check_containers(helm):
    """What reviewers of manifests ask of each container of the chart's own."""
    for name, path in rendering.values_files().items():
        things = helm.objects("-f", path)
        for component in COMPONENTS:
            if not rendering.workload(things, component):
                continue
            spec, container = rendering.workload(things, component)
            resources, image = container["resources"], container["image"]
            expect("memory" in resources["limits"] and {"cpu", "memory"} <= set(resources["requests"]), f"{name} {component}: {resources}")
            expect("cpu" not in resources["limits"], f"{name} {component}: a limit of the processor slows it down when it matters")
            expect(re.search(r"(:\d+\.\d+\.\d+|@sha256:[0-9a-f]{64})$", image), f"{name} {component}: {image}")
            is_job = component == "analyzer"
            expect(is_job or {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container), f"{name} {component}: probes")
            expect(not any("hostPort" in port for port in container.get("ports", [])), f"{name} {component}: hostPort")
            expect(spec["serviceAccountName"] not in ("", "default"), f"{name} {component}: {spec['serviceAccountName']}")


def blocks_of_docs():
    """The YAML of docs/kubernetes.md, block by block."""
    with open(os.path.join(rendering.ROOT, "docs", "kubernetes.md")) as file:
        return [yaml.safe_load(text) for text in re.findall(r"^```yaml\n(.*?)^```", file.read(), re.M | re.S)]


def check_docs(helm):
    """The values in docs/kubernetes.md are taken, also where each is the only one."""
    values = [block for block in blocks_of_docs() if "apiVersion" not in block]
    expect(len(values) > 5, f"the page has {len(values)} blocks of values")
    for block in values:
        with_values(helm, block)


def check_application_set(helm):
    """What the ApplicationSet there says, as it is for one cluster, is a spoke of its hub."""
    [made] = [block for block in blocks_of_docs() if block.get("kind") == "ApplicationSet"]
    [spec] = [made["spec"]["template"]["spec"]]
    helm_source = spec["source"]["helm"]
    with open(os.path.join(rendering.CHART, "Chart.yaml")) as file:
        expect(spec["source"]["targetRevision"] == yaml.safe_load(file)["version"], "the version of the chart")
    values = yaml.safe_load(yaml.safe_dump(helm_source["valuesObject"]).replace("{{.nameNormalized}}", "shop"))
    things = with_values(helm, values, release=helm_source["releaseName"], namespace=spec["destination"]["namespace"])
    kinds = {thing["kind"] for thing in things}
    expect({"DaemonSet", "CronJob"} <= kinds and not kinds & {"StatefulSet", "PersistentVolumeClaim"}, f"{kinds}")
    [config] = [yaml.safe_load(thing["data"]["config.yaml"]) for thing in rendering.of_kind(things, "ConfigMap", "agent")]
    mounts = {mount["mountPath"] for mount in rendering.workload(things, "agent")[1]["volumeMounts"]}
    expect(config["tenant"] == "shop" and config["label"] == ["cluster=shop"], f"{config}")
    expect(os.path.dirname(config["bearer-token-file"]) in mounts, f"{config} {mounts}")


def main():
    options = rendering.clients.options(__doc__)
    for helm in rendering.helms(options):
        check_hooks(helm)
        check_namespace(helm)
        check_annotations(helm)
        check_nodes(helm)
        check_security_contexts(helm)
        check_priority(helm)
        check_monitors(helm)
        check_volume_stays(helm)
        check_parent(helm)
        check_stable(helm)
        check_containers(helm)
        check_docs(helm)
        check_application_set(helm)
        print(f"{helm.name}: all values do what they say")


if __name__ == "__main__":
    main()
