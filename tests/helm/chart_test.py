#!/usr/bin/env python3
"""The chart by two major versions of Helm: golden manifests of every values file in ci/, wrong values, names
of two releases, what pods may do, and the notes. --update writes golden/ anew."""
import difflib
import os
import re
import sys

import rendering
from rendering import CHART, HERE, OLD_KUBERNETES, ROOT, Rejected, yaml

GOLDEN = os.path.join(HERE, "golden")

# Values, as --set takes them, and what the error has to name.
WRONG = [
    (["agnt.enabled=true"], "agnt"),
    (["agent.config.rat=19"], "agent/config.*'rat'"),
    (["agent.config.rate=fast"], "agent/config/rate"),
    (["agent.config.server=http://elsewhere"], "agent/config.*'server'"),
    (["agent.config.unwinder=magic"], "agent/config/unwinder"),
    (["agent.config.kubernetes=maybe"], "agent/config/kubernetes"),
    (["agent.config.targeting=some"], "agent/config/targeting"),
    (["agent.config.relabel-file=/rules"], "agent/config.*'relabel-file'"),
    (["agent.config.scrape-file=/jobs"], "agent/config.*'scrape-file'"),
    (["agent.scrapeConfigs[0].scheme=http"], "agent/scrapeConfigs/0.*job_name"),
    (["agent.scrapeConfigs[0].job_name=a,agent.scrapeConfigs[0].scrape_intervall=5s"], "agent/scrapeConfigs/0.*'scrape_intervall'"),
    (["agent.config.kubeconfig=/config"], "agent/config.*'kubeconfig'"),
    (["agent.relabelRules[0].action=dorp"], "agent/relabelRules/0/action"),
    (["agent.relabelRules[0].sourceLabels={pod}"], "agent/relabelRules/0.*'sourceLabels'"),
    (["agent.rbac.crate=true"], "agent/rbac.*'crate'"),
    (["agent.rbac.nodesProxy=true"], "agent.rbac.nodesProxy"),
    (["agent.config.kubelet=auto", "agent.config.kubernetes=off"], "agent.config.kubelet"),
    (["agent.config.kubelet-ca=/ca.crt"], "agent/config.*'kubelet-ca'"),
    (["agent.port=80"], "agent/port"),
    (["agent.maxUnavailable=0"], "agent/maxUnavailable"),
    (["agent.extraCapabilities={cap_sys_admin}"], "agent/extraCapabilities/0"),
    (["agent.seccompProfile=None"], "agent/seccompProfile"),
    (["agent.resources.limit.memory=1Gi"], "agent/resources.*'limit'"),
    (["agent.privileged=true"], "'?/?agent'?.*'privileged'"),
    (["cluster.tenant=a|b"], "cluster/tenant"),
    (["cluster.tenant=.."], "cluster/tenant"),
    (["analyzer.loki.tenant=."], "analyzer/loki/tenant"),
    (["namespaceOverride=Obs"], "namespaceOverride"),
    (["agent.dnsPolicy=Mine"], "agent/dnsPolicy"),
    (["agent.terminationGracePeriodSeconds=0"], "agent/terminationGracePeriodSeconds"),
    (["agent.extraVolume[0].name=a"], "agent.*'extraVolume'"),
    (["server.httpRoute.enabled=true"], "server.httpRoute.parentRefs"),
    (["image.pullPolicy=Sometimes"], "image/pullPolicy"),
    (["image.digest=sha256:abc"], "image/digest"),
    (["remote.url=hub.example:4040"], "remote/url"),
    (["server.config.segment-age=5x"], "server/config/segment-age"),
    (["server.config.max-query-lenght=1d"], "server/config.*'max-query-lenght'"),
    (["server.config.memory-max=much"], "server/config/memory-max"),
    (["server.config.multitenancy=on"], "server/config/multitenancy"),
    (["server.replicas=2"], "server.*'replicas'"),
    (["server.persistence.size=large"], "server/persistence/size"),
    (["server.service.type=External"], "server/service/type"),
    (["analyzer.schedule=hourly"], "analyzer/schedule"),
    (["analyzer.config.tier=high"], "analyzer/config/tier"),
    (["analyzer.config.webhook-severity=bad"], "analyzer/config/webhook-severity"),
    (["analyzer.secrets=sometimes"], "analyzer/secrets"),
    (["analyzer.webhook.url=https://example.com"], "analyzer/webhook.*'url'"),
    (["analyzer.silences[0].checks={pod-*}"], "analyzer/silences/0.*'reason'"),
    (["agent.enabled=false", "server.enabled=false", "analyzer.enabled=false"], "agent.enabled"),
    (["server.enabled=false"], "remote.url"),
    (["server.enabled=false", "agent.enabled=false"], "analyzer.profiles.url"),
    (["server.tokens.existingSecret=tokens"], "server.tokens.existingSecret"),
    (["agent.endpoints[0].url=http://hub", "agent.endpoints[0].tls.ca_file=x"], "endpoints"),
    (["agent.endpoints[0].name=hub"], "url"),
    (["agent.spool.hostPath=spool"], "hostPath"),
    (["agent.config.spool-dir=/tmp"], "spool-dir"),
    (["server.ingress.enabled=true"], "server.ingress.host"),
    (["analyzer.webhook.existingSecret=a", "analyzer.notify.existingSecret=b"], "analyzer.webhook.existingSecret"),
    (["analyzer.webhook.existingSecret=a", "analyzer.state=none"], "analyzer.state"),
    (["analyzer.state=server", "analyzer.findings.enabled=false"], "analyzer.state"),
    (["analyzer.state=server"], "cluster.name"),
    (["analyzer.state=disk"], "analyzer/state"),
    (["analyzer.loki.tokenKey=token"], "analyzer.loki.existingSecret"),
    (["analyzer.loki.existingSecret=token"], "analyzer.loki.tokenKey"),
    (["analyzer.remoteWrite.tokenKey=token"], "analyzer.remoteWrite.existingSecret"),
]


def expect(condition, text):
    if not condition:
        raise AssertionError(text)


def check_lint(helm):
    for path in rendering.values_files().values():
        helm.run("lint", "--strict", "--kube-version", rendering.KUBERNETES, CHART, "-f", path)


def without_blank_lines(text):
    """Versions of Helm differ in the blank lines between documents."""
    return "".join(line for line in text.splitlines(True) if line.strip())


def check_golden(helm, update):
    """The manifests are those of golden/, and no others are there."""
    names = rendering.values_files()
    wrong = 0
    for name, values in names.items():
        got, path = without_blank_lines(helm.template("-f", values)), os.path.join(GOLDEN, name + ".yaml")
        if update:
            os.makedirs(GOLDEN, exist_ok=True)
            with open(path, "w") as out:
                out.write(got)
        wanted = open(path).read() if os.path.exists(path) else ""
        if got != wanted:
            wrong += 1
            print("".join(difflib.unified_diff(wanted.splitlines(True), got.splitlines(True), path, helm.name)))
    expect(wrong == 0, f"{wrong} manifests differ; where that is right: tests/helm/chart_test.py --update")
    expect({name + ".yaml" for name in names} == set(os.listdir(GOLDEN)), "golden/ has files without values in ci/")


def check_wrong_values(helm):
    for settings, key in WRONG:
        arguments = [argument for setting in settings for argument in ("--set", setting)]
        try:
            helm.template(*arguments)
        except Rejected as rejected:
            expect(re.search(key, str(rejected), re.S), f"{helm.name}: the error of {settings} does not name {key}: {rejected}")
        else:
            raise AssertionError(f"{helm.name}: {settings} was taken")


def pairs(labels):
    return set((labels or {}).items())


def selectors(thing):
    """The labels by which an object finds pods."""
    spec = thing.get("spec", {})
    if thing["kind"] == "Service":
        return [spec["selector"]]
    if thing["kind"] in ("DaemonSet", "StatefulSet"):
        return [spec["selector"]["matchLabels"]]
    if thing["kind"] in ("PodMonitor", "NetworkPolicy"):
        return [spec.get("selector", spec.get("podSelector"))["matchLabels"]]
    return []


def check_two_releases(helm):
    """No object of a release has the name of another one's, and none finds the pods of another."""
    full = ["-f", rendering.values_files()["full"], "--set", "nameOverride=null,analyzer.serviceAccount.name=,extraObjects=null"]
    long = "a-release-with-a-name-as-long-as-helm-lets-it-be-ab"
    places = [("demo", "obs"), ("other", "obs"), ("demo", "team"), ("cresset", "obs"), ("a", "b-c"), ("b-c", "a"),
              ("obs-demo", "x"), (long + "1", "obs"), (long + "2", "obs"), ("de.mo", "obs"), ("de-mo", "obs")]
    seen, pods, finders = {}, [], []
    for place in places:
        things = helm.objects(*full, release=place[0], namespace=place[1])
        for thing in things:
            name = rendering.identity(thing)
            expect(name not in seen, f"{name} is of {place} and of {seen.get(name)}")
            seen[name] = place
            limit = 52 if thing["kind"] in ("CronJob", "StatefulSet") else 63 if thing["kind"] == "Service" else 253
            expect(len(name[2]) <= limit, f"{name} is longer than {limit}")
            elsewhere = "monitoring" if thing["kind"] == "PodMonitor" else None
            expect(thing["metadata"].get("namespace") in (None, elsewhere or place[1]), f"{name} is not in {place[1]}")
            if rendering.pod_template(thing):
                pods.append((place, name, pairs(rendering.pod_template(thing)[0])))
            finders += [(place, name, pairs(labels)) for labels in selectors(thing)]
    component = {name: name[2].rpartition("-")[2] for _, name, _ in pods}
    for place, finder, labels in finders:
        found = [pod for where, pod, has in pods if labels <= has and where[1] == place[1]]
        expect(found and all(seen[pod] == place for pod in found), f"{finder} of {place} finds {found}")
        expect(len({component[pod] for pod in found}) == 1, f"{finder} finds several components: {found}")


def check_labels(helm):
    """Labels of values change none by which objects find pods, and those of a component win over common ones."""
    mine = "app\\.kubernetes\\.io/name=other"
    things = helm.objects("--set", f"commonLabels.{mine},commonLabels.team=all,agent.podLabels.{mine},agent.podLabels.team=node,"
                          f"agent.podMonitor.enabled=true,agent.podMonitor.labels.{mine},agent.podMonitor.labels.team=watch")
    for kind, labels in (("DaemonSet", "node"), ("StatefulSet", "all")):
        [thing] = rendering.of_kind(things, kind)
        found = rendering.pod_template(thing)[0]
        expect(pairs(selectors(thing)[0]) <= pairs(found) and found["team"] == labels, f"{kind}: {found}")
    names = {thing["metadata"]["labels"]["app.kubernetes.io/name"] for thing in things}
    teams = {thing["kind"]: thing["metadata"]["labels"]["team"] for thing in things}
    expect(names == {"cresset"} and teams["PodMonitor"] == "watch" and teams["DaemonSet"] == "all", f"{names} {teams}")


def check_restricted(things):
    """Server and analyzer are what Pod Security "restricted" lets in (kubernetes.io/docs/concepts/security)."""
    for component in ("server", "analyzer"):
        if rendering.workload(things, component) is None:
            continue
        spec, container = rendering.workload(things, component)
        for key in ("hostPID", "hostIPC", "hostNetwork"):
            expect(not spec.get(key), f"{component}: {key}")
        pod = spec["securityContext"]
        expect(pod["runAsNonRoot"] is True and pod.get("runAsUser", 1) > 0, f"{component}: {pod}")
        expect(spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", component)
        own = container["securityContext"]
        expect(own == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
               f"{component}: {own}")
        kinds = {key for volume in spec["volumes"] for key in volume if key != "name"}
        expect(kinds <= {"configMap", "secret", "emptyDir", "persistentVolumeClaim"}, f"{component} mounts {kinds}")
        expect(not any("hostPort" in port for port in container.get("ports", [])), component)
    if rendering.workload(things, "server"):
        expect(not rendering.workload(things, "server")[0]["automountServiceAccountToken"], "the server has a token")


def needed_capabilities():
    with open(os.path.join(ROOT, "SECURITY.md")) as file:
        table = file.read().partition("or these capabilities")[2]
    return {name for row in re.findall(r"^\| (`CAP_.*?) \|", table, re.M) for name in re.findall(r"CAP_(\w+)", row)}


def check_agent(things, extra=()):
    """The agent has the capabilities that SECURITY.md lists, and mounts nothing of the node but its spool."""
    spec, container = rendering.workload(things, "agent")
    own = container["securityContext"]
    expect(own["privileged"] is False and own["allowPrivilegeEscalation"] is False, f"agent: {own}")
    expect(own["readOnlyRootFilesystem"] is True and own["capabilities"]["drop"] == ["ALL"], f"agent: {own}")
    expect(set(own["capabilities"]["add"]) == needed_capabilities() | set(extra), f"agent: {own['capabilities']}")
    expect(spec["hostPID"] is True and "hostNetwork" not in spec, "agent")
    [config] = [yaml.safe_load(thing["data"]["config.yaml"]) for thing in rendering.of_kind(things, "ConfigMap", "agent")]
    of_node = [volume["name"] for volume in spec["volumes"] if "hostPath" in volume]
    expect(of_node == ["spool"] * ("spool-dir" in config), f"the agent mounts the node's files: {of_node}")
    check_agent_api(things, spec)
    probes = {key: container[key]["httpGet"]["path"] for key in container if key.endswith("Probe")}
    expect(probes == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/ready"},
           f"a server that is away restarts agents: {probes}")


def check_agent_api(things, spec):
    """The agent has a token and, under a policy, a way to the API server or kubelet where it asks for pods; else neither."""
    [config] = [yaml.safe_load(thing["data"]["config.yaml"]) for thing in rendering.of_kind(things, "ConfigMap", "agent")]
    reads_pods = config.get("kubernetes") != "off"
    expect(spec["automountServiceAccountToken"] is reads_pods, f"the agent has a token: {not reads_pods}")
    for policy in rendering.of_kind(things, "NetworkPolicy", "agent"):
        ports = {port["port"] for rule in policy["spec"]["egress"] for port in rule.get("ports", [])}
        asks_kubelet = "kubelet" in config
        expect(({6443, 443} <= ports) is (reads_pods and not asks_kubelet), f"the agent reaches {ports}")
        expect((10250 in ports) is asks_kubelet, f"the agent reaches {ports}")
        scrapes = "scrape-file" in config or (reads_pods and config.get("scrape-annotations", True))
        reaches_pods = {"to": [{"namespaceSelector": {}}]} in policy["spec"]["egress"]
        expect(reaches_pods is scrapes, f"the agent reaches all pods: {reaches_pods}")


def check_references(things, others):
    """What pods mount is of the release, or named by the values; ports that are named exist."""
    made = {(thing["kind"], thing["metadata"]["name"]) for thing in things}
    for thing in things:
        if not rendering.pod_template(thing):
            continue
        spec = rendering.pod_template(thing)[1]
        container = spec["containers"][0]
        claims = {claim["metadata"]["name"] for claim in thing["spec"].get("volumeClaimTemplates", [])}
        volumes = {volume["name"] for volume in spec["volumes"]} | claims
        expect({mount["name"] for mount in container["volumeMounts"]} == volumes, f"mounts of {rendering.identity(thing)}")
        named = [("ConfigMap", volume["configMap"]["name"]) for volume in spec["volumes"] if "configMap" in volume]
        named += [("Secret", volume["secret"]["secretName"]) for volume in spec["volumes"] if "secret" in volume]
        named += [("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) for volume in spec["volumes"]
                  if "persistentVolumeClaim" in volume]
        named.append(("ServiceAccount", spec["serviceAccountName"]))
        lost = [name for name in named if name not in made and name[1] not in others]
        expect(not lost, f"{rendering.identity(thing)} needs {lost}")
        ports = {port["name"] for port in container.get("ports", [])}
        probes = {container[key]["httpGet"]["port"] for key in container if key.endswith("Probe")}
        expect(probes <= ports, f"{rendering.identity(thing)} has no ports {probes - ports}")
        component = thing["metadata"]["labels"]["app.kubernetes.io/component"]
        targets = {port["targetPort"] for service in rendering.of_kind(things, "Service", component)
                   for port in service["spec"]["ports"]}
        expect(targets <= ports, f"Services of {component} send to {targets}")


def check_pods(helm):
    for name, path in rendering.values_files().items():
        things = helm.objects("-f", path)
        check_restricted(things)
        if rendering.workload(things, "agent"):
            check_agent(things, ["SYS_RESOURCE"] if name == "agent-only" else [])
        with open(path) as file:
            check_references(things, set(re.findall(r"[\w.-]+", file.read())))
    without_names = helm.objects("--set", "networkPolicy.enabled=true,agent.config.kubernetes=off")
    check_agent(without_names)


def check_egress(helm):
    """Further rules of values stand in the policy of their component alone, also where it has no others."""
    for component in ("agent", "server", "analyzer"):
        things = helm.objects("--set", f"networkPolicy.enabled=true,networkPolicy.{component}Egress[0].ports[0].port=8080")
        found = {policy["metadata"]["labels"]["app.kubernetes.io/component"]
                 for policy in rendering.of_kind(things, "NetworkPolicy")
                 if {"ports": [{"port": 8080}]} in policy["spec"]["egress"]}
        expect(found == {component}, f"{component}Egress is of {found}")


def check_old_cluster(helm):
    """Before Kubernetes 1.30 AppArmor is set by an annotation."""
    things = helm.objects(version=OLD_KUBERNETES)
    [daemons] = rendering.of_kind(things, "DaemonSet")
    annotations = daemons["spec"]["template"]["metadata"]["annotations"]
    expect(annotations["container.apparmor.security.beta.kubernetes.io/agent"] == "unconfined", str(annotations))
    expect("appArmorProfile" not in rendering.workload(things, "agent")[1]["securityContext"], "appArmorProfile")


def check_settings(helm):
    """A change of the configuration restarts the pods that read it only at their start, and no others."""
    def sums(*arguments):
        things = helm.objects(*arguments)
        return [thing["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
                for kind in ("DaemonSet", "StatefulSet") for thing in rendering.of_kind(things, kind)]
    before = sums()
    changed = sums("--set", "agent.config.rate=19")
    expect(changed[0] != before[0] and changed[1] == before[1], f"agent.config: {before} {changed}")
    for value in ("server.overrides.a.ingestion_rate_mb", "agent.relabelRules[0].modulus"):
        once, twice = (sums("--set", f"{value}={number}") for number in (1, 2))
        expect(once == twice, f"a change of {value} restarts pods")


def check_notes(helm):
    text, files = helm.notes(), rendering.values_files()
    for part in ("agent server analyzer", "http://demo-cresset-server.obs.svc:4040", "service/demo-cresset-server 4040:4040", "helm test demo -n obs",
                 "cronjob/demo-cresset-analyzer", "Nobody is told yet", "enforce=privileged"):
        expect(part in text, f"{helm.name}: the notes lack {part}: {text}")
    spoke = helm.notes("-f", files["spoke"])
    expect("push to https://profiles.hub.example" in spoke and "port-forward" not in spoke, spoke)
    bare = helm.notes("-f", files["no-storage"])
    expect("WARNING: server.persistence.enabled" in bare, "no warning")
    expect("the account reader may list and watch pods" in bare, bare)
    expect("They name no pods" in helm.notes("-f", files["agent-only"]) and "They name" not in text, text)
    warning = "WARNING: the cluster has no monitoring.coreos.com/v1"
    expect(warning in helm.notes("-f", files["full"]), "no warning that monitors need an operator")
    expect(warning not in helm.notes("-f", files["full"], "--api-versions", "monitoring.coreos.com/v1"), "a needless warning")


def main():
    update = "--update" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--update"]
    options = rendering.clients.options(__doc__)
    for helm in rendering.helms(options):
        check_lint(helm)
        check_golden(helm, update)
        check_wrong_values(helm)
        check_two_releases(helm)
        check_labels(helm)
        check_pods(helm)
        check_egress(helm)
        check_old_cluster(helm)
        check_settings(helm)
        check_notes(helm)
        print(f"{helm.name}: {len(rendering.values_files())} files of values, {len(WRONG)} wrong ones")


if __name__ == "__main__":
    main()
