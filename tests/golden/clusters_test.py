#!/usr/bin/env python3
"""The whole report about each recorded cluster, held by a file of its own: clusters/<recording>.txt.

The recordings are not part of the repository: they lie in ../shared/data/clusters beside it, or nowhere.
--update writes the files anew.
"""
import argparse
import difflib
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
RECORDINGS = os.path.join(HERE, "..", "..", "..", "shared", "data", "clusters")
SKIPPED = 77


def report(program, folder):
    with open(os.path.join(folder, "clock")) as clock:
        now = clock.read().strip()
    done = subprocess.run([program, "scan", "--input", os.path.join(folder, "lists"), "--now", now, "--color", "never"],
                          capture_output=True, text=True, timeout=120)
    if done.returncode > 1 or done.stderr:
        sys.exit(f"{folder}: {done.stderr}")
    return done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()
    program = os.path.abspath(os.path.join(options.bin, "cresset-analyzer"))
    if not os.path.isdir(RECORDINGS):
        print("skipped: there are no recordings of clusters beside this repository")
        sys.exit(0 if os.environ.get("CI") == "true" else SKIPPED)  # they are no tool that could be installed
    wrong = 0
    for name in sorted(os.listdir(RECORDINGS)):
        folder, path = os.path.join(RECORDINGS, name), os.path.join(HERE, "clusters", name + ".txt")
        if not os.path.exists(os.path.join(folder, "clock")):
            continue
        got = report(program, folder)
        if options.update:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as out:
                out.write(got)
            continue
        wanted = open(path).read() if os.path.exists(path) else ""
        if got != wanted:
            wrong += 1
            print("".join(difflib.unified_diff(wanted.splitlines(True), got.splitlines(True), path, "now")))
    if wrong:
        sys.exit(f"{wrong} reports differ; where that is right: tests/golden/clusters_test.py --update")


if __name__ == "__main__":
    main()
