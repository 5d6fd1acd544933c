#!/usr/bin/env python3
"""What a real server says of its options and of the limits of tenants: as files that set the same again."""
import argparse
import hashlib
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import cresset

CONFIG, LIMITS = "/api/v1/status/config", "/runtime_config"
RELOAD_S = 20  # read again within 10 s; a busy machine is slow, not wrong
OVERRIDES = """overrides:
  team-a:
    ingestion_rate_mb: 16
    max_query_length: 3d
    ingestion_limit: {period_type: day, period_limit_mb: 5}
    ingestion_relabeling_rules: [{action: drop, source_labels: [namespace], regex: "5"}]
    distributor_usage_groups: {web: '{namespace="web"}'}
    compactor_split_groups: 3
  team-b:
    max_profile_size_bytes: 8MiB
    max_query_length: 8d
"""


def get(server, path, headers=()):
    connection = server.connect()
    connection.request("GET", path, headers=dict(headers))
    reply = connection.getresponse()
    return reply.status, reply.read().decode(), dict(reply.getheaders())


def yaml_of(server, path, headers=()):
    status, text, head = get(server, path, headers)
    expect(path, (status, head["Content-Type"]), (200, "text/yaml; charset=utf-8"))
    return yaml.safe_load(text)


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: {got!r}, not {wanted!r}")


def write(path, text):
    with open(path + ".new", "w") as out:
        out.write(text)
    os.rename(path + ".new", path)


def check_options(bin_dir, folder):
    """What is said of a server starts another that says the same."""
    write(os.path.join(folder, "overrides.yaml"), OVERRIDES)
    given = {"overrides-file": os.path.join(folder, "overrides.yaml"), "segment-size": "5000000", "segment-age": "90s",
             "ingestion-rate-mb": "0.25", "self-profile": "false", "workers": "2", "log-level": "debug"}
    server = cresset.Server(bin_dir, folder, *[f"--{name}={value}" for name, value in given.items()])
    full, diff, default = (yaml_of(server, CONFIG + path) for path in ("", "/diff", "/default"))
    expect("what differs", diff, {**given, "listen": "127.0.0.1:0", "data-dir": server.data_dir, "segment-size": "5MB",
                                  "ingestion-rate-mb": 0.25, "self-profile": False, "workers": 2})
    expect("all options", full, {**default, **diff})
    expect("a default", (default["listen"], default["self-profile"], default["max-query-length"]),
           ("0.0.0.0:4040", True, "8d"))
    write(os.path.join(folder, "config.yaml"), get(server, CONFIG)[1])
    expect("exit status", server.stop(), 0)
    again = cresset.Server(bin_dir, folder, "--config", os.path.join(folder, "config.yaml"))
    expect("what the file sets", yaml_of(again, CONFIG), full)
    expect("exit status", again.stop(), 0)


def check_secrets(bin_dir, folder):
    server = cresset.Server(bin_dir, folder, "--self-profile=false", "--remote-write-url", "http://me:hunter2@127.0.0.1:9/w?k=hunter2",
                            "--remote-write-header", "X-Key: hunter2", "--debuginfod-url", "http://hunter2@127.0.0.1:9/")
    for path in (CONFIG, CONFIG + "/diff"):
        shown = yaml_of(server, path)
        expect("secrets", [shown[name] for name in ("remote-write-url", "remote-write-header", "debuginfod-url")],
               ["http://127.0.0.1:9/w", ["[redacted]"], ["http://127.0.0.1:9/"]])
        if "hunter2" in get(server, path)[1]:
            sys.exit(f"{path} shows a secret")
    expect("without a file", yaml_of(server, LIMITS), {"overrides": {}})
    status, text, _ = get(server, LIMITS + "?mode=other")
    expect("an unknown mode", (status, "mode" in text), (400, True))
    expect("exit status", server.stop(), 0)


def check_limits(bin_dir, folder):
    """What is said of limits is a file that gives the same limits."""
    path = os.path.join(folder, "overrides.yaml")
    write(path, OVERRIDES)
    server = cresset.Server(bin_dir, folder, "--self-profile=false", "--overrides-file", path)
    wanted = yaml.safe_load(OVERRIDES)
    del wanted["overrides"]["team-a"]["compactor_split_groups"]  # means nothing here
    del wanted["overrides"]["team-b"]["max_query_length"]  # as everybody has it
    expect("what differs", yaml_of(server, LIMITS + "?mode=diff"), wanted)
    full = yaml_of(server, LIMITS)
    for tenant, limits in wanted["overrides"].items():
        expect(f"all limits of {tenant}", {**full["overrides"][tenant], **limits}, full["overrides"][tenant])
    expect("a limit of everybody", [one["max_label_names_per_series"] for one in full["overrides"].values()], [30, 30])
    write(path, get(server, LIMITS)[1] + "  team-c: {}\n")
    cresset.wait_for(lambda: "team-c" in get(server, LIMITS)[1], RELOAD_S, "the new file")
    wanted["overrides"]["team-c"] = {}
    expect("what it makes of its own answer", yaml_of(server, LIMITS + "?mode=diff"), wanted)
    write(path, "overrides: {team-a: {no_such_limit: 1}}\n")
    cresset.wait_for(lambda: get(server, LIMITS) and "no_such_limit" in server.log(), RELOAD_S, "the log of a bad file")
    expect("the last good file", yaml_of(server, LIMITS + "?mode=diff"), wanted)
    expect("exit status", server.stop(), 0)


def token(name, tenants, access):
    digest = hashlib.sha256(name.encode()).hexdigest()
    return f"  - {{name: {name}, sha256: {digest}, tenants: {tenants}, access: [{access}]}}\n"


def check_tokens(bin_dir, folder):
    """A token shows the limits of its tenants, and options only when it may read everything."""
    write(os.path.join(folder, "overrides.yaml"), OVERRIDES)
    write(os.path.join(folder, "tokens.yaml"), "tokens:\n" + token("of-a", "[team-a]", "read") + token("writer", '["*"]', "write") +
          token("of-all", '["*"]', "read"))
    server = cresset.Server(bin_dir, folder, "--self-profile=false", "--multitenancy", "required", "--overrides-file",
                            os.path.join(folder, "overrides.yaml"), "--tokens-file", os.path.join(folder, "tokens.yaml"))
    seen = {"of-a": ["team-a"], "writer": [], "of-all": ["team-a", "team-b"], "nobody": [], None: []}
    statuses = {"of-a": 403, "writer": 403, "of-all": 200, "nobody": 401, None: 401}
    for name, tenants in seen.items():
        headers = {"Authorization": f"Bearer {name}"} if name else {}
        for path in (LIMITS, LIMITS + "?mode=diff"):
            expect(f"{path} with {name}", sorted(yaml_of(server, path, headers)["overrides"]), tenants)
        for path in (CONFIG, CONFIG + "/diff", CONFIG + "/default"):
            status, text, _ = get(server, path, headers)
            expect(f"{path} with {name}", status, statuses[name])
            if status != 200 and "listen" in text:
                sys.exit(f"{path} shows options with {status}")
    expect("exit status", server.stop(), 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    options = parser.parse_args()
    for check in (check_options, check_secrets, check_limits, check_tokens):
        with tempfile.TemporaryDirectory() as folder:
            check(options.bin, folder)


if __name__ == "__main__":
    cresset.need_system([], {"yaml": "python3-yaml"})
    import yaml

    main()
