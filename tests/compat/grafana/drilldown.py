"""The calls of Profiles Drilldown (grafana-pyroscope-app), from the browser: JSON without a version of
Connect, names of fields in both spellings."""
import base64
import gzip
import json
import urllib.parse

import cresset
from grafana.calls import CPU, MAX_NODES, QUERIER, SHOP, SHOP_TOTAL, call, expect, flame_tree, shop_tree

SHOP_QUERY = CPU + '{service_name="shop"}'
MATCHER = f'{{__profile_type__="{CPU}",service_name="shop"}}'


def is_onboarding(g):
    """Whether the app shows its page for those who have no data yet."""
    return not g.browser(QUERIER + "GetProfileStats", {}).get("dataIngested")


@call()
def profile_stats(g):
    stats = g.browser(QUERIER + "GetProfileStats", {})
    times = {"oldestProfileTime": str(g.now_ms - 300_000), "newestProfileTime": str(g.now_ms - 100_000)}
    expect(stats == {"dataIngested": True, **times}, "stats are", stats)


@call()
def services(g):
    """The list of services and their profile types."""
    names = ["service_name", "__profile_type__"]
    reply = g.browser(QUERIER + "Series", {"start": g.start, "end": g.end, "labelNames": names, "matchers": []})
    got = sorted(tuple(sorted((pair["name"], pair["value"]) for pair in one["labels"])) for one in reply["labelsSet"])
    off_cpu = CPU.replace("process_cpu", "off_cpu")
    want = [(("__profile_type__", kind), ("service_name", service))
            for kind, service in ((off_cpu, "shop"), (CPU, "cart"), (CPU, "shop"))]
    expect(got == want, "series are", got)


@call()
def label_names(g):
    reply = g.browser(QUERIER + "LabelNames", {"matchers": [MATCHER], "start": g.start, "end": g.end})
    expect({"service_name", "__profile_type__"} <= set(reply["names"]), "names are", reply)


@call()
def label_values(g):
    body = {"name": "service_name", "matchers": [MATCHER], "start": g.start, "end": g.end}
    expect(g.browser(QUERIER + "LabelValues", body) == {"names": ["shop"]}, "values of", MATCHER)


@call()
def analyze_query(g):
    body = {"start": g.start, "end": g.end, "query": SHOP_QUERY}
    expect(isinstance(g.browser(QUERIER + "AnalyzeQuery", body), dict), "no object")


def render(g, path, **parameters):
    return path + "?" + urllib.parse.urlencode(parameters)


@call()
def render_json(g):
    path = render(g, "/pyroscope/render", query=SHOP_QUERY, format="json", **{
        "from": g.start, "until": g.end, "max-nodes": MAX_NODES})
    reply = g.browser(path)
    graph = reply["flamebearer"]
    expect(flame_tree(graph["names"], graph["levels"]) == shop_tree(), "the flame graph is", graph)
    expect(graph["numTicks"] == SHOP_TOTAL and graph["maxSelf"] == SHOP_TOTAL // 2, "sums", graph)
    expect(reply["metadata"] == {"format": "single", "spyName": "", "sampleRate": 10**9, "units": "samples", "name": "cpu"},
           "metadata", reply["metadata"])
    line = reply["timeline"]
    expect(sum(line["samples"]) == SHOP_TOTAL and line["durationDelta"] == 15 and line["startTime"] % 15 == 0,
           "the time line is", line)


@call()
def render_dot(g):
    path = render(g, "/pyroscope/render", query=SHOP_QUERY, format="dot", **{
        "from": g.start, "until": g.end, "max-nodes": 100})
    reply, data = g.browser(path, raw=True)
    expect(data.startswith(b"digraph") and b"query" in data and b"->" in data, "not a graph in DOT:", data)


def diff_is_right(graph, levels):
    expect(graph["names"][0] == "total" and all(len(level) % 7 == 0 for level in levels), "the diff is", graph)
    left, right = levels[0][1], levels[0][4]
    expect((left, right) == (SHOP_TOTAL // 2, SHOP_TOTAL // 2), "sides", levels[0])


def sides(g):
    """The time before and after a point between the two profiles of the shop."""
    middle = g.now_ms - 250_000
    return (g.start, middle), (middle, g.end)


@call()
def render_diff(g):
    (left_from, left_until), (right_from, right_until) = sides(g)
    path = render(g, "/pyroscope/render-diff", leftQuery=SHOP_QUERY, leftFrom=left_from, leftUntil=left_until,
                  rightQuery=SHOP_QUERY, rightFrom=right_from, rightUntil=right_until, **{"max-nodes": MAX_NODES})
    reply = g.browser(path)
    expect(reply["metadata"]["format"] == "double" and reply["timeline"] is None, "metadata", reply["metadata"])
    expect((reply["leftTicks"], reply["rightTicks"]) == (SHOP_TOTAL // 2,) * 2, "ticks", reply)
    diff_is_right(reply["flamebearer"], reply["flamebearer"]["levels"])


def diff_request(g):
    both = [{"profileTypeID": CPU, "labelSelector": '{service_name="shop"}', "start": start, "end": end,
             "maxNodes": MAX_NODES} for start, end in sides(g)]
    return {"left": both[0], "right": both[1]}


@call()
def diff(g):
    graph = g.browser(QUERIER + "Diff", diff_request(g))["flamegraph"]
    diff_is_right(graph, [[int(value) for value in level["values"]] for level in graph["levels"]])
    expect((graph["leftTicks"], graph["rightTicks"]) == (str(SHOP_TOTAL // 2),) * 2, "ticks", graph)


@call()
def diff_of_functions(g):
    """A format of newer versions, which fall back when the answer has no `functions`."""
    reply = g.browser(QUERIER + "Diff", {**diff_request(g), "format": "PROFILE_FORMAT_FUNCTIONS", "maxNodes": 100})
    rows = {row["name"]: row for row in reply["functions"]["functions"]}
    expect(rows.keys() == {name for stack in SHOP for name in stack}, "functions", reply)
    expect(all(row.keys() <= {"name", "leftSelf", "leftTotal", "rightSelf", "rightTotal"} for row in rows.values()), "rows", rows)
    expect(rows["main"]["leftTotal"] == reply["functions"]["leftTotal"], "totals", reply)


def stacktraces(g, **more):
    body = {"profile_typeID": CPU, "label_selector": '{service_name="shop"}', "start": g.start, "end": g.end,
            "maxNodes": MAX_NODES, **more}
    graph = g.browser(QUERIER + "SelectMergeStacktraces", body)["flamegraph"]
    return flame_tree(graph["names"], [[int(value) for value in level["values"]] for level in graph["levels"]])


@call()
def flame_graph(g):
    expect(stacktraces(g) == shop_tree(), "the flame graph is", stacktraces(g))


@call()
def subtree(g):
    """The progressive flame graph asks again for what lies below a call site."""
    site = {"call_site": [{"name": "main"}, {"name": "handle"}, {"name": "parse"}]}
    tree = stacktraces(g, maxNodes="1048576", stackTraceSelector=site)
    expect(tree[("total", "main", "handle", "parse")] == (SHOP_TOTAL // 3, SHOP_TOTAL // 3), "the subtree is", tree)


@call()
def functions(g):
    """Formats of newer versions: an answer without their field makes them fall back."""
    body = {"profileTypeID": CPU, "labelSelector": '{service_name="shop"}', "start": g.start, "end": g.end}
    reply = g.browser(QUERIER + "SelectMergeStacktraces", {**body, "format": "PROFILE_FORMAT_FUNCTIONS"})["functions"]
    totals = {row["name"]: int(row["total"]) for row in reply["functions"]}
    expect(totals["main"] == int(reply["total"]) == SHOP_TOTAL, "functions", reply)
    reply = g.browser(QUERIER + "SelectMergeStacktraces",
                      {**body, "format": "PROFILE_FORMAT_SANDWICH", "sandwichFunction": "handle"})["sandwich"]
    names = {side: {reply["names"][node["nameIndex"]] for node in reply[side]} for side in ("callers", "callees")}
    expect(int(reply["total"]) == totals["handle"] == SHOP_TOTAL * 5 // 6, "the sandwich", reply)
    expect(names == {"callers": {"main"}, "callees": {"parse", "query"}}, "the sandwich", reply)


@call()
def frame_filter(g):
    """Of newer versions: only stacks with one function, or without."""
    parsing = stacktraces(g, stackTraceSelector={"frame_filter": {"include_function_names": ["parse"]}})
    others = stacktraces(g, stackTraceSelector={"frameFilter": {"excludeFunctionNameRegexes": ["^par"]}})
    expect(parsing[("total",)][0] == SHOP_TOTAL // 3, "with parse", parsing)
    expect(others[("total",)][0] == SHOP_TOTAL - SHOP_TOTAL // 3, "without parse", others)


@call()
def pprof_download(g):
    """Saved as .pb.gz: the message of the answer is the pprof itself."""
    message = cresset.block(1, CPU.encode()) + cresset.block(2, b'{service_name="shop"}')
    message += cresset.number(3, g.start) + cresset.number(4, g.end) + cresset.number(5, MAX_NODES)
    reply, data = g.browser(QUERIER + "SelectMergeProfile", message, "application/proto", raw=True)
    expect(reply["Content-Type"] == "application/proto", "the type is", reply["Content-Type"])
    for name in {name for stack in SHOP for name in stack}:
        expect(cresset.block(6, name.encode()) in data, "the pprof has no", name)


@call()
def function_details(g):
    """The lines of a function, by a call site that leads to it."""
    body = {"profile_typeID": CPU, "labelSelector": '{service_name="shop"}', "start": g.start, "end": str(g.end),
            "stackTraceSelector": {"call_site": [{"name": "main"}, {"name": "handle"}]}}
    reply = g.browser(QUERIER + "SelectMergeProfile", body)
    strings = reply["stringTable"]
    names = {strings[int(function["name"])] for function in reply["function"]}
    expect({"main", "handle", "query", "parse"} == names, "functions", names)
    expect(sum(int(sample["value"][0]) for sample in reply["sample"]) == SHOP_TOTAL * 5 // 6, "the sum of", reply["sample"])
    lines = [line for location in reply["location"] for line in location["line"]]
    expect(lines and all(int(line["line"]) > 0 for line in lines), "lines", lines)


SETTINGS = "/settings.v1.SettingsService/"
ADHOC = "/adhocprofiles.v1.AdHocProfileService/"


@call()
def settings(g):
    g.browser(SETTINGS + "Set", {"setting": g.setting})
    expect(g.browser(SETTINGS + "Get", {}) == {"settings": [g.setting]}, "settings", g.browser(SETTINGS + "Get", {}))


@call()
def recording_rules(g):
    reply = g.browser("/settings.v1.RecordingRulesService/ListRecordingRules", {})
    expect(not reply.get("rules"), "rules", reply)


@call()
def ad_hoc(g):
    data = base64.b64encode(gzip.compress(cresset.pprof(SHOP, g.now_ms * 1_000_000))).decode()
    sent = g.browser(ADHOC + "Upload", {"name": "shop.pb.gz", "profile": data})
    got = g.browser(ADHOC + "Get", {"id": sent["id"], "profile_type": sent["profileTypes"][0], "max_nodes": MAX_NODES})
    for reply in (sent, got):
        graph = json.loads(reply["flamebearerProfile"])["flamebearer"]
        expect(flame_tree(graph["names"], graph["levels"]) == shop_tree(1), "the flame graph is", graph)


@call(served=False)
def github_app(g):
    """Without credentials of an application the integration is shown as not available."""
    g.browser("/vcs.v1.VCSService/GithubApp", {})
