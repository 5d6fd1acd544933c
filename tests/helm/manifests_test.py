#!/usr/bin/env python3
"""The manifests of every values file by the schemas of the oldest and a new Kubernetes, and of the
Prometheus Operator: kubeconform -strict."""
import json
import os
import subprocess
import sys

import rendering

VERSIONS = [rendering.OLD_KUBERNETES, rendering.KUBERNETES]


def conform(program, schemas, version, text):
    """kubeconform's answer about a stream of manifests."""
    native = os.path.join(schemas, "{{ .NormalizedKubernetesVersion }}", "{{ .ResourceKind }}{{ .KindSuffix }}.json")
    custom = os.path.join(schemas, "crd", "{{ .ResourceKind }}.json")
    done = subprocess.run([program, "-strict", "-output", "json", "-summary", "-kubernetes-version", version,
                           "-schema-location", native, "-schema-location", custom, "-"],
                          input=text, capture_output=True, text=True, timeout=120)
    return json.loads(done.stdout)


def check(program, schemas, version, name, text):
    answer = conform(program, schemas, version, text)
    wanted = sum(1 for thing in rendering.yaml.safe_load_all(text) if thing)
    summary = answer["summary"]
    if summary["valid"] != wanted or summary["invalid"] + summary["errors"] + summary["skipped"] > 0:
        sys.exit(f"{name} for Kubernetes {version}: {json.dumps(answer, indent=1)}")
    return wanted


def check_it_sees(program, schemas, version, text):
    """A key that is not known, and one that has the wrong type, are found: the schemas are closed."""
    for good, bad in (("readinessProbe:", "readinesProbe:"), ("failureThreshold: 60", "failureThreshold: often"),
                      ("podMetricsEndpoints:", "podMetricEndpoints:"), ("kind: DaemonSet", "kind: DemonSet")):
        if good not in text:
            sys.exit(f"there is no {good}")
        summary = conform(program, schemas, version, text.replace(good, bad))["summary"]
        if summary["invalid"] + summary["errors"] == 0:
            sys.exit(f"{bad} is taken for Kubernetes {version}: {summary}")


def main():
    options = rendering.clients.options(__doc__)
    program = rendering.go_program(options, "kubeconform", rendering.KUBECONFORM)
    schemas = rendering.kubernetes_schemas(options, VERSIONS)
    helm = rendering.Helm(options, "helm3")
    for version in VERSIONS:
        for name, path in rendering.values_files().items():
            text = helm.template("-f", path, version=version)
            print(f"{name} for Kubernetes {version}: {check(program, schemas, version, name, text)} objects")
        check_it_sees(program, schemas, version, helm.template("-f", rendering.values_files()["full"], version=version))


if __name__ == "__main__":
    main()
