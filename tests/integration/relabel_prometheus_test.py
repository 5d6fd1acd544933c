#!/usr/bin/env python3
"""Relabel rules mean what they mean to a real Prometheus: each case is a job of it, each set of labels a target, whose
labels behind the rules its API tells. What Prometheus refuses as rules is refused."""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset
import prometheus

cresset.need_system(["prometheus", "promtool"], {"yaml": "python3-yaml"})
import yaml

# Labels of targets: words that are alike, empty, long, foreign, and full of what means something elsewhere.
SETS = [
    {},
    {"a": "1", "b": "2", "c": "1"},
    {"a": "foo", "b": "foo;bar", "pod": "web-5d4f-x", "namespace": "shop"},
    {"a": "Straße ÄÖÜ ÀÉ", "b": "İstanbul ıIiİ", "c": "ΣΊΣΥΦΟΣ ς", "d": "ǅ ŉ ﬁ ǰ ẞ"},
    {"a": "aAbB-Zz_09", "A": "other case", "a_b": "2", "ab": "3"},
    {"k8s_pod": "p", "k8s_node": "n", "k8s_": "empty", "k8s_pod_x": "q", "node": "old"},
    {"a": "x.y$1", "b": "$a ${a} $$", "c": "\\1 \\d", "d": "(.*)"},
    {"a": " leading", "b": "trailing ", "c": "a\tb"},
    {"a": "abcabc", "b": "ABC", "c": "", "d": "𝔘𝔫𝔦 日本語"},
    {"app_kubernetes_io_name": "web", "__meta_kubernetes_pod_label_app": "shop", "__meta_kubernetes_pod_label_team_name": "blue",
     "__tmp": "t", "__param_x": "y"},
    {"m_a_x": "first", "m_b_x": "second", "m_c_x": "third"},
]
OWN = "__.*|job"  # what a target of Prometheus cannot be without


def rule(**fields):
    return fields


CASES = [
    [rule(source_labels=["a"], target_label="b")],
    [rule(source_labels=["a", "b"], target_label="c")],
    [rule(source_labels=["a", "b"], separator="", target_label="c")],
    [rule(source_labels=["a", "b"], separator="$", target_label="c", regex="(.*)\\$(.*)", replacement="$2-$1")],
    [rule(source_labels=["a", "b", "c"], separator="--", target_label="c")],
    [rule(target_label="z", replacement="fixed")],
    [rule(target_label="a", replacement="")],
    [rule(source_labels=["nobody"], target_label="a")],
    [rule(source_labels=["nobody"], regex=".+", target_label="a", replacement="x")],
    [rule(source_labels=["a"], regex="fo", target_label="z", replacement="x")],
    [rule(source_labels=["a"], regex="foo|1", target_label="z", replacement="x")],
    [rule(source_labels=["a"], regex="", target_label="z", replacement="x")],
    [rule(source_labels=["a"], regex="(f)(o)(o)?", target_label="z", replacement="$3$2$1")],
    [rule(source_labels=["a"], regex="(.)(.*)", target_label="z", replacement="$1x$2")],
    [rule(source_labels=["a"], regex="(.)(.*)", target_label="z", replacement="${1}x$2")],
    [rule(source_labels=["a"], regex="(.)(.*)", target_label="z", replacement="$9-$0-$$-$")],
    [rule(source_labels=["a"], regex="(?P<first>.)(?P<rest>.*)", target_label="z", replacement="$rest.$first.${rest}.$none")],
    [rule(source_labels=["a"], regex="(?i)FOO", target_label="z", replacement="x")],
    [rule(source_labels=["b"], regex="(?:([^;]*);)?(.*)", target_label="z", replacement="<$1|$2>")],
    [rule(source_labels=["a"], regex="(a*?)(.*)", target_label="z", replacement="<$1|$2>")],
    [rule(source_labels=["a"], regex="[[:alpha:]]+", target_label="z", replacement="letters")],
    [rule(source_labels=["a"], regex="\\pL+", target_label="z", replacement="letters")],
    [rule(source_labels=["d"], regex=".{3} .*", target_label="z", replacement="three")],
    [rule(source_labels=["a"], regex="\\w+", target_label="z", replacement="word")],
    [rule(source_labels=["pod"], regex="(.*)-[^-]+-[^-]+", target_label="workload", replacement="$1")],
    [rule(source_labels=["a"], regex="(.*)", target_label="name_${1}", replacement="y")],
    [rule(source_labels=["a"], regex="(.*)", target_label="${1}", replacement="y")],
    [rule(source_labels=["a"], target_label="b"), rule(source_labels=["b"], target_label="d"), rule(target_label="a", replacement="")],
    [rule(action="keep", source_labels=["a"], regex="foo|1")],
    [rule(action="keep", source_labels=["a", "b"], regex="1;2")],
    [rule(action="keep", source_labels=["nobody"])],
    [rule(action="keep", regex="x")],
    [rule(action="drop", source_labels=["a"], regex="fo+")],
    [rule(action="drop", source_labels=["a"], regex="")],
    [rule(action="Drop", source_labels=["a"], regex=".*A.*")],
    [rule(action="keepequal", source_labels=["a"], target_label="c")],
    [rule(action="dropequal", source_labels=["a"], target_label="c")],
    [rule(action="dropequal", source_labels=["a", "b"], target_label="d")],
    [rule(action="labelmap", regex="k8s_(.+)")],
    [rule(action="labelmap", regex="k8s_(.*)", replacement="got_$1")],
    [rule(action="labelmap", regex="__meta_kubernetes_pod_label_(.+)")],
    [rule(action="labelmap", regex="m_(.)_(.)", replacement="m_${2}")],
    [rule(action="labelmap", regex="(a|b)", replacement="c")],
    [rule(target_label="m_0_x", replacement="late"), rule(action="labelmap", regex="m_._x", replacement="one")],
    [rule(target_label="m_a_x", replacement="late"), rule(action="labelmap", regex="m_._x", replacement="one")],
    [rule(action="labelmap", regex="a", replacement="b"), rule(action="labeldrop", regex="a")],
    [rule(action="labeldrop", regex="a.*")],
    [rule(action="labeldrop", regex="k8s")],
    [rule(action="labelkeep", regex=f"a|{OWN}")],
    [rule(action="labelkeep", regex=f".*_.*|{OWN}")],
    [rule(action="hashmod", source_labels=["a"], target_label="z", modulus=8)],
    [rule(action="hashmod", source_labels=["a", "b"], target_label="z", modulus=18446744073709551615)],
    [rule(action="hashmod", source_labels=["nobody"], target_label="z", modulus=1)],
    [rule(action="hashmod", source_labels=["a"], target_label="z", modulus=4), rule(action="keep", source_labels=["z"], regex="[01]")],
    *[[rule(action=action, source_labels=[name], target_label="z")] for action in ("lowercase", "uppercase") for name in "abcd"],
    [rule(action="lowercase", source_labels=["a", "b"], target_label="a"), rule(action="UPPERCASE", source_labels=["a"], target_label="b")],
    [rule(action="lowercase", source_labels=["nobody"], target_label="a")],
    [rule(action="drop", source_labels=["a"], regex="1"), rule(source_labels=["b"], target_label="a")],
    [rule(source_labels=["__meta_kubernetes_pod_label_app"], regex="(.+)", target_label="service_name"),
     rule(source_labels=["pod"], regex="(.+)", target_label="service_name")],
    [rule(source_labels=["a"], target_label="__tmp"), rule(source_labels=["__tmp"], target_label="z")],
]

# Rules that one of the two may refuse; the labels of the second half are those that Prometheus from 3 on takes.
WRONG = [
    [rule()],
    [rule(target_label="")],
    [rule(target_label="z", regex="(")],
    [rule(target_label="z", regex="(?=a)")],
    [rule(target_label="z", regex="\\1")],
    [rule(target_label="z", surprise="x")],
    [rule(action="labeldrp", regex="a")],
    [rule(action="labeldrop", regex="a", source_labels=["b"])],
    [rule(action="labeldrop", regex="a", target_label="b")],
    [rule(action="labelkeep", regex="a", separator=",")],
    [rule(action="labelkeep", regex="a", replacement="b")],
    [rule(action="labelkeep", regex="a", modulus=2)],
    [rule(action="hashmod", source_labels=["a"], target_label="z")],
    [rule(action="hashmod", source_labels=["a"], modulus=2)],
    [rule(action="hashmod", source_labels=["a"], target_label="z", modulus=-1)],
    [rule(action="keepequal", source_labels=["a"])],
    [rule(action="keepequal", source_labels=["a"], target_label="b", regex="x")],
    [rule(action="dropequal", source_labels=["a"], target_label="b", separator=",")],
    [rule(action="dropequal", source_labels=["a"], target_label="b", replacement="x")],
    [rule(action="dropequal", source_labels=["a"], target_label="b", modulus=3)],
    [rule(action="lowercase", source_labels=["a"])],
    [rule(action="lowercase", source_labels=["a"], target_label="b", replacement="x")],
    [rule(action="uppercase", source_labels=["a"], target_label="$1")],
    [rule(action="hashmod", source_labels=["a"], target_label="${1}", modulus=2)],
    [rule(action="keepequal", source_labels=["a"], target_label="$x")],
    [rule(action="keep", source_labels="a", regex="b")],
    [rule(action="keep", source_labels=["a"], regex=["b"])],
    # These are right.
    [rule(action="keep", source_labels=["a"], target_label="b", replacement="c", modulus=4)],
    [rule(action="labeldrop", regex="a", separator=";")],
    [rule(action="labeldrop", regex="a", replacement="$1")],
    [rule(action="keepequal", source_labels=["a"], target_label="b", separator=";", replacement="$1")],
    [rule(action="lowercase", source_labels=["a"], target_label="b", replacement="$1", regex="x")],
    [rule(action="labelmap", regex="a(.*)", target_label="b")],
]


def address(case, number):
    return f"case{case}.set{number}.invalid:80"


def configuration():
    """No target is ever scraped: its labels are known before."""
    jobs = [{"job_name": f"case{case}", "scrape_interval": "1h", "relabel_configs": rules, "static_configs": [
        {"targets": [address(case, number)], "labels": {name: value for name, value in labels.items() if value}}
        for number, labels in enumerate(SETS)]} for case, rules in enumerate(CASES)]
    return {"global": {}, "scrape_configs": jobs}


def before(case, number):
    """The labels of a target that its rules see; what the API tells of them is changed by the rules (Prometheus 2.42)."""
    return {"__address__": address(case, number), "__metrics_path__": "/metrics", "__scheme__": "http", "__scrape_interval__": "1h",
            "__scrape_timeout__": "10s", "job": f"case{case}", **{name: value for name, value in SETS[number].items() if value}}


def ask(url):
    """{address: labels behind the rules; None: dropped} of all targets."""
    with urllib.request.urlopen(url + "/api/v1/targets?state=any", timeout=30) as answer:
        data = json.load(answer)["data"]
    found = {one["discoveredLabels"]["__address__"]: None for one in data["droppedTargets"]}
    found.update((urllib.parse.urlsplit(one["scrapeUrl"]).netloc, one["labels"]) for one in data["activeTargets"])
    return found if len(found) == len(CASES) * len(SETS) else None


def escaped(text):
    return text.replace("\\", "\\\\").replace("\t", "\\t")


def line_of(labels):
    return "\t".join(escaped(part) for pair in labels.items() for part in pair) + "\n"


def unescaped(text):
    """What g_strescape wrote."""
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1").decode()


def labels_of(line):
    if line == "dropped":
        return None
    parts = [unescaped(part) for part in line.split("\t")] if line else []
    return dict(zip(parts[::2], parts[1::2]))


def run_tool(tool, folder, rules, text=""):
    path = os.path.join(folder, "rules.yaml")
    with open(path, "w") as file:
        yaml.safe_dump(rules, file)
    return subprocess.run([tool, path], input=text, capture_output=True, text=True, timeout=60)


def visible(labels):
    """What a target has in the end: no names of "__", and `instance`."""
    if labels is None:
        return None
    own = {"instance": labels["__address__"]} if "instance" not in labels else {}
    return {name: value for name, value in {**labels, **own}.items() if not name.startswith("__")}


def check_meaning(tool, folder):
    process, url = prometheus.start(folder, configuration())
    try:
        targets = cresset.wait_for(lambda: ask(url), prometheus.WAIT_S, "all targets")
    finally:
        process.kill()
        process.wait()
    wrong = 0
    for case, rules in enumerate(CASES):
        sets = [before(case, number) for number in range(len(SETS))]
        done = run_tool(tool, folder, rules, "".join(line_of(labels) for labels in sets))
        if done.returncode != 0:
            sys.exit(f"{rules}: {done.stderr}")
        lines = done.stdout.split("\n")
        for labels, line in zip(sets, lines):
            got, wanted = visible(labels_of(line)), targets[labels["__address__"]]
            if got != wanted:
                wrong += 1
                print(f"{rules}\n  of {labels}\n  has {got}\n  not {wanted}")
    if wrong > 0:
        sys.exit(f"{wrong} sets of labels differ")
    print(f"{len(CASES)} lists of rules, {len(SETS)} sets of labels each: as Prometheus")


def check_refusals(tool, folder):
    wrong = []
    for rules in WRONG:
        path = os.path.join(folder, "refused.yml")
        with open(path, "w") as file:
            yaml.safe_dump({"scrape_configs": [{"job_name": "x", "relabel_configs": rules}]}, file)
        theirs = subprocess.run(["promtool", "check", "config", path], capture_output=True, text=True, timeout=60)
        ours = run_tool(tool, folder, rules)
        if (theirs.returncode == 0) != (ours.returncode == 0):
            wrong.append(f"{rules}: {ours.returncode} {ours.stderr.strip()}, Prometheus: {theirs.returncode} {theirs.stdout[-300:]}{theirs.stderr[-300:]}")
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(WRONG)} lists of rules are taken or refused as by Prometheus")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin")
    parser.add_argument("--tool", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        check_meaning(options.tool, folder)
        check_refusals(options.tool, folder)


if __name__ == "__main__":
    main()
