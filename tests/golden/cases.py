"""The table of cases: what is asked of the server, a line each where that is possible.

The answers stand in a file of their own, <folder>/<name>.golden, where the folder is the path of the endpoint.
"""
import base64
import collections
import copy
import json
import struct
import urllib.parse

import data
import formats
from data import BUILD_ID, CPU, END_MS, GOROUTINES, OTHER_SPAN, SPAN, START_MS, START_S, TENANT, TRACE

# An RPC has its message's JSON form as `message`; anything else a body as it is. A case with `in_order` changes
# what the server keeps: such cases run one after the other, for each way of calling in a tenant of its own.
# `keep` takes fields of the answer ("async.requestId" is one within another) into variables, for "$variable" in
# later messages; `masks` names what of the answer is another value in every run (golden_test.MASKS). A case with
# `again` is asked again as long as these fields have these values.
Case = collections.namedtuple("Case", "name method path headers message body in_order keep masks again",
                              defaults=(None, None, False, {}, (), {}))
QUERIER, SETTINGS, RULES = "/querier.v1.QuerierService/", "/settings.v1.SettingsService/", "/settings.v1.RecordingRulesService/"
ADHOC, DEBUG, PUSH = "/adhocprofiles.v1.AdHocProfileService/", "/debuginfo.v1alpha1.DebuginfoService/", "/push.v1.PusherService/"
OTLP = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export"
OTLP_HTTP = "/v1development/profiles"
HEALTH = "/grpc.health.v1.Health/"
VCS, VERSION, FLAGS = "/vcs.v1.VCSService/", "/version.v1.Version/Version", "/capabilities.v1.FeatureFlagsService/GetFeatureFlags"

INGEST = "/ingest?name=shop&from=%d" % START_S

OF_GOLDEN = {"X-Scope-OrgID": TENANT}
NOBODY = {"X-Scope-OrgID": "nobody"}  # has no data
STORES_NOTHING = {"X-Scope-OrgID": "odd"}
WEEK = {"X-Scope-OrgID": "week"}  # may look back a week, which is after the data
UTF8_NAMES = {"Accept": "*/*; allow-utf8-labelnames=true"}


def compact(message):
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def text_of(message):
    return compact(message).encode()


def rpc(name, path, message, tenant=OF_GOLDEN, **more):
    return Case(name, "POST", path, {**tenant, **more.pop("headers", {})}, message, **more)


def step(name, path, message, **more):
    return rpc(name, path, message, tenant={}, in_order=True, **more)


def sent(name, path, body, content_type=None):
    return post(name, path, body, content_type, tenant={})._replace(in_order=True)


def get(name, path, tenant=OF_GOLDEN, masks=(), **params):
    query = "?" + urllib.parse.urlencode(params, doseq=True) if params else ""
    return Case(name, "GET", path + query, tenant, masks=masks)


def post(name, path, body, content_type=None, tenant=OF_GOLDEN):
    fields = {"Content-Type": content_type} if content_type else {}
    return Case(name, "POST", path, {**tenant, **fields}, body=body)


def span(seconds_from, seconds_to):
    return {"start": START_MS + seconds_from * 1000, "end": START_MS + seconds_to * 1000}


def of(selector, profile_type=CPU, **more):
    return {"profile_typeID": profile_type, "label_selector": selector, **RANGE, **more}


def frames(**lists):
    return {"stack_trace_selector": {"frame_filter": lists}}


def callers(*names, **more):
    return {"stack_trace_selector": {"call_site": [{"name": name} for name in names], **more}}


RANGE = {"start": START_MS, "end": END_MS}
SHOP, POOL = '{service_name="shop"}', '{service_name="pool"}'
SHOP_PROFILE = "d444173c-199f-8577-b339-1be70c48aa16"  # that of 25 s
WORKED, WORKED_RIGHT = '{service_name="worked"}', '{service_name="worked-right"}'
NOTHING = '{service_name="nothing"}'
BAD = '{service_name="shop"'

PROFILE_TYPES = [
    rpc("all", QUERIER + "ProfileTypes", RANGE),
    rpc("health", QUERIER + "ProfileTypes", {"start": 1000, "end": 4000}),
    rpc("strings", QUERIER + "ProfileTypes", {key: str(value) for key, value in span(5, 5).items()}),
    rpc("out-of-reach", QUERIER + "ProfileTypes", RANGE, WEEK),
    rpc("start-only", QUERIER + "ProfileTypes", {"start": START_MS}),
    rpc("no-tenant", QUERIER + "ProfileTypes", RANGE, {}),
]
LABELS = [
    rpc("all", QUERIER + "LabelNames", RANGE),
    rpc("utf8", QUERIER + "LabelNames", RANGE, headers=UTF8_NAMES),
    rpc("matchers", QUERIER + "LabelNames", {"matchers": [POOL, '{__name__="goroutine"}'], **RANGE}),
    rpc("none", QUERIER + "LabelNames", RANGE, NOBODY),
    rpc("out-of-reach", QUERIER + "LabelNames", RANGE, WEEK),
    rpc("bad-matcher", QUERIER + "LabelNames", {"matchers": [BAD], **RANGE}),
    rpc("no-range", QUERIER + "LabelNames", {}),
    rpc("no-tenant", QUERIER + "LabelNames", RANGE, {}),
    rpc("services", QUERIER + "LabelValues", {"name": "service_name", **RANGE}),
    rpc("types", QUERIER + "LabelValues", {"name": "__profile_type__", "matchers": [SHOP], **RANGE}),
    rpc("utf8", QUERIER + "LabelValues", {"name": "k8s.pod.name", **RANGE}),
    rpc("none", QUERIER + "LabelValues", {"name": "no_such_label", **RANGE}),
    rpc("out-of-reach", QUERIER + "LabelValues", {"name": "service_name", **RANGE}, WEEK),
    rpc("no-name", QUERIER + "LabelValues", RANGE),
    rpc("no-range", QUERIER + "LabelValues", {"name": "service_name"}),
    rpc("two-names", QUERIER + "Series", {"label_names": ["service_name", "__profile_type__"],
                                          "matchers": ['{service_name=~"shop|pool"}'], **RANGE}),
    rpc("all-labels", QUERIER + "Series", {"matchers": [SHOP], **RANGE}),
    rpc("utf8", QUERIER + "Series", {"matchers": [SHOP], **RANGE}, headers=UTF8_NAMES),
    rpc("quoted-matcher", QUERIER + "Series", {"matchers": ['{"k8s.pod.name"=~".*-east"}'], "labelNames": ["region"], **RANGE}),
    rpc("two-tenants", QUERIER + "Series", {"labelNames": ["__tenant_id__", "service_name"], "matchers": ['{service_name=~"shop|other"}'],
                                            **RANGE}, {"X-Scope-OrgID": "golden|other"}),
    rpc("none", QUERIER + "Series", {"matchers": [NOTHING], **RANGE}),
    rpc("out-of-reach", QUERIER + "Series", RANGE, WEEK),
    rpc("bad-matcher", QUERIER + "Series", {"matchers": ["{region=~\"(\"}"], **RANGE}),
    rpc("no-range", QUERIER + "Series", {}),
]

STACKS = QUERIER + "SelectMergeStacktraces"
FORMATS = ["UNSPECIFIED", "FLAMEGRAPH", "TREE", "DOT", "PPROF", "FUNCTIONS"]
AS_FUNCTIONS, AS_SANDWICH = {"format": "PROFILE_FORMAT_FUNCTIONS"}, {"format": "PROFILE_FORMAT_SANDWICH"}
STACKTRACES = [
    *[rpc("worked-" + name.lower(), STACKS, of(WORKED, format="PROFILE_FORMAT_" + name)) for name in FORMATS],
    *[rpc("shop-" + name.lower(), STACKS, of(SHOP, format="PROFILE_FORMAT_" + name)) for name in FORMATS[1:]],
    *[rpc("none-" + name.lower(), STACKS, of(NOTHING, format="PROFILE_FORMAT_" + name)) for name in FORMATS[1:]],
    *[rpc("out-of-reach-" + name.lower(), STACKS, of(SHOP, format="PROFILE_FORMAT_" + name), WEEK) for name in FORMATS[1:]],
    # Of a format that the server does not know clients fall back on the flame graph.
    rpc("unknown-format", STACKS, of(WORKED, format=5)),
    post("unknown-format-name", STACKS, text_of(of(WORKED, format="PROFILE_FORMAT_NO_SUCH")), "application/json"),
    rpc("max-nodes-functions", STACKS, of(SHOP, max_nodes=2, **AS_FUNCTIONS)),
    rpc("worked-sandwich", STACKS, of(WORKED, sandwichFunction="a", **AS_SANDWICH)),
    rpc("shop-sandwich", STACKS, of(SHOP, sandwichFunction="serve", **AS_SANDWICH)),
    rpc("max-nodes-sandwich", STACKS, of(SHOP, sandwichFunction="main", maxNodes=1, **AS_SANDWICH)),
    rpc("sandwich-of-a-stranger", STACKS, of(SHOP, sandwichFunction="nobody", **AS_SANDWICH)),
    rpc("none-sandwich", STACKS, of(NOTHING, sandwichFunction="a", **AS_SANDWICH)),
    rpc("no-sandwich-function", STACKS, of(SHOP, **AS_SANDWICH)),
    rpc("format-by-number", STACKS, of(WORKED, format=2)),
    rpc("camel-names", STACKS, {"profileTypeID": CPU, "labelSelector": WORKED, "start": str(START_MS), "end": str(END_MS),
                                "maxNodes": "16384", "noSuchField": [{}]}),
    rpc("delta", STACKS, of(WORKED, CPU + ":delta")),
    rpc("empty-selector", STACKS, of("", GOROUTINES)),
    rpc("max-nodes", STACKS, of(SHOP, max_nodes=3)),
    rpc("max-nodes-tree", STACKS, of(SHOP, max_nodes=3, format="PROFILE_FORMAT_TREE")),
    rpc("max-nodes-dot", STACKS, of(SHOP, max_nodes=3, format="PROFILE_FORMAT_DOT")),
    rpc("max-nodes-0", STACKS, of(WORKED, max_nodes=0)),
    rpc("call-site", STACKS, of(SHOP, **callers("main", "serve", "parse"))),
    rpc("call-site-pprof", STACKS, of(SHOP, **callers("main", "gc"), format="PROFILE_FORMAT_PPROF")),
    rpc("call-site-none", STACKS, of(SHOP, **callers("serve"))),
    rpc("go-pgo", STACKS, of(SHOP, **callers(go_pgo={"keep_locations": 2, "aggregate_callees": True}), format="PROFILE_FORMAT_PPROF")),
    rpc("frame-filter", STACKS, of(WORKED, stackTraceSelector={"frameFilter": {"excludeFunctionNames": ["b"]}})),
    rpc("frame-filter-pprof", STACKS, of(SHOP, **frames(include_function_names=["parse"]), format="PROFILE_FORMAT_PPROF")),
    rpc("frame-filter-dot", STACKS, of(SHOP, **frames(exclude_function_name_regexes=["^se"]), format="PROFILE_FORMAT_DOT")),
    rpc("frame-filter-functions", STACKS, of(SHOP, **frames(include_function_name_regexes=["ars", "^gc$"]), **AS_FUNCTIONS)),
    rpc("frame-filter-none", STACKS, of(SHOP, **frames(include_function_names=["main"], exclude_function_names=["main"]))),
    rpc("bad-frame-filter", STACKS, of(SHOP, **frames(include_function_name_regexes=["a", "("]))),
    rpc("too-many-frames", STACKS, of(SHOP, **frames(exclude_function_name_regexes=["a"] * 33))),
    rpc("span", STACKS, of(SHOP, span_selector=[SPAN])),
    rpc("trace", STACKS, of(SHOP, trace_id_selector=[TRACE])),
    rpc("profile-id", STACKS, of("{}", profile_id_selector=[SHOP_PROFILE])),
    rpc("two-tenants", STACKS, of('{service_name=~"other|worked"}'), {"X-Scope-OrgID": "golden|other"}),
    rpc("alloc-space", STACKS, of(SHOP, "memory:alloc_space:bytes:space:bytes")),
    rpc("form", STACKS, of("{}", "block:cpu:nanoseconds:cpu:nanoseconds")),
    *[rpc(name, STACKS, of(f'{{service_name="{name}"}}')) for name in ("folded", "trie", "otlp", "otlp-older", "otlp-json")],
    rpc("lines", STACKS, of('{service_name="other"}', "wall:wall:nanoseconds:cpu:nanoseconds")),
    rpc("tree", STACKS, of('{service_name="tree"}', "memory:alloc_space:bytes::")),
    rpc("speedscope", STACKS, of('{service_name="scope"}', "wall:wall:nanoseconds:cpu:nanoseconds")),
    *[rpc(name, STACKS, of(f'{{service_name="{name}"}}', "mutex:delay:nanoseconds:mutex:count")) for name in ("java", "java-form")],
    rpc("bad-selector", STACKS, of(BAD)),
    rpc("bad-type", STACKS, of(SHOP, "process_cpu:cpu")),
    rpc("bad-span", STACKS, of(SHOP, span_selector=["xyz"])),
    rpc("bad-trace", STACKS, of(SHOP, trace_id_selector=[SPAN])),
    rpc("span-and-trace", STACKS, of(SHOP, span_selector=[SPAN], trace_id_selector=[TRACE])),
    rpc("bad-profile-id", STACKS, of(SHOP, profile_id_selector=["größe"])),
    rpc("no-range", STACKS, {"profile_typeID": CPU, "label_selector": SHOP}),
    rpc("end-before-start", STACKS, {**of(SHOP), **span(60, 0)}),
    rpc("too-long", STACKS, {**of(SHOP), **span(0, 9 * 86400)}),
    rpc("too-many-nodes", STACKS, of(SHOP, max_nodes=2_000_000)),
    rpc("negative-nodes", STACKS, of(SHOP, max_nodes=-1)),
    rpc("async-bad-selector", STACKS, of(BAD, **{"async": {"type": "ASYNC_QUERY_TYPE_FORCE"}})),
    rpc("async-not-found", STACKS, {"async": {"request_id": "00000000-0000-4000-8000-000000000000"}}),
    rpc("async-disabled", STACKS, of(SHOP, max_nodes=1, **{"async": {"type": "ASYNC_QUERY_TYPE_DISABLED"}})),
    rpc("no-tenant", STACKS, of(SHOP), {}),

    rpc("flamegraph", QUERIER + "SelectMergeSpanProfile", of(SHOP, span_selector=[SPAN])),
    rpc("tree", QUERIER + "SelectMergeSpanProfile", of(SHOP, span_selector=[SPAN, OTHER_SPAN], format="PROFILE_FORMAT_TREE")),
    rpc("dot-is-flamegraph", QUERIER + "SelectMergeSpanProfile", of(SHOP, span_selector=[OTHER_SPAN], format="PROFILE_FORMAT_DOT")),
    rpc("none", QUERIER + "SelectMergeSpanProfile", of(SHOP, span_selector=["0000000000000001"])),
    rpc("no-span", QUERIER + "SelectMergeSpanProfile", of(SHOP)),
    rpc("no-range", QUERIER + "SelectMergeSpanProfile", {"profile_typeID": CPU, "label_selector": SHOP, "span_selector": [SPAN]}),

    rpc("shop", QUERIER + "SelectMergeProfile", of(SHOP)),
    rpc("memory", QUERIER + "SelectMergeProfile", of(SHOP, "memory:inuse_space:bytes:space:bytes")),
    rpc("no-period-type", QUERIER + "SelectMergeProfile", of('{service_name="tree"}', "memory:alloc_space:bytes::")),
    rpc("max-nodes-are-not-applied", QUERIER + "SelectMergeProfile", of(SHOP, max_nodes=1)),
    rpc("go-pgo", QUERIER + "SelectMergeProfile", of(SHOP, **callers(go_pgo={"keep_locations": 2, "aggregate_callees": True}))),
    rpc("call-site", QUERIER + "SelectMergeProfile", of(SHOP, **callers("main", "serve", "parse"))),
    rpc("frame-filter", QUERIER + "SelectMergeProfile", of(SHOP, **frames(exclude_function_names=["gc"]))),
    rpc("trace", QUERIER + "SelectMergeProfile", of(SHOP, trace_id_selector=[TRACE])),
    rpc("profile-id", QUERIER + "SelectMergeProfile", of(SHOP, profile_id_selector=[SHOP_PROFILE])),
    rpc("none", QUERIER + "SelectMergeProfile", of(NOTHING)),
    rpc("out-of-reach", QUERIER + "SelectMergeProfile", of(SHOP), WEEK),
    rpc("bad-selector", QUERIER + "SelectMergeProfile", of(BAD)),
    rpc("no-range", QUERIER + "SelectMergeProfile", {"profile_typeID": CPU}),

    rpc("worked", QUERIER + "Diff", {"left": of(WORKED), "right": of(WORKED_RIGHT)}),
    rpc("regions", QUERIER + "Diff", {"left": of('{region="east"}'), "right": of('{region="west"}')}),
    rpc("max-nodes", QUERIER + "Diff", {"left": of('{region="east"}', max_nodes=3), "right": of('{region="west"}', max_nodes=2)}),
    rpc("max-nodes-of-its-own", QUERIER + "Diff", {"left": of('{region="east"}', max_nodes=9), "right": of('{region="west"}'), "maxNodes": 1}),
    rpc("async-is-ignored", QUERIER + "Diff", {"left": of(WORKED, **{"async": {"request_id": "00000000-0000-4000-8000-000000000000"}}),
                                                "right": of(WORKED, **{"async": {"type": "ASYNC_QUERY_TYPE_FORCE"}})}),
    rpc("functions", QUERIER + "Diff", {"left": of('{region="east"}'), "right": of('{region="west"}'), **AS_FUNCTIONS}),
    rpc("max-nodes-functions", QUERIER + "Diff", {"left": of(WORKED), "right": of(WORKED_RIGHT), "maxNodes": 2, **AS_FUNCTIONS}),
    rpc("none-functions", QUERIER + "Diff", {"left": of(NOTHING), "right": of(NOTHING), **AS_FUNCTIONS}),
    rpc("frame-filter", QUERIER + "Diff", {"left": of(WORKED, **frames(include_function_names=["b"])), "right": of(WORKED)}),
    rpc("too-many-nodes", QUERIER + "Diff", {"left": of(WORKED), "right": of(WORKED), "maxNodes": 2_000_000}),
    rpc("right-is-empty", QUERIER + "Diff", {"left": of(WORKED), "right": of(NOTHING)}),
    rpc("none", QUERIER + "Diff", {"left": of(NOTHING), "right": of(NOTHING)}),
    rpc("out-of-reach", QUERIER + "Diff", {"left": of(WORKED), "right": of(WORKED)}, WEEK),
    rpc("bad-right", QUERIER + "Diff", {"left": of(WORKED), "right": of(BAD)}),
    rpc("no-left", QUERIER + "Diff", {"right": of(WORKED)}),
]

SUM, AVERAGE = ("TIME_SERIES_AGGREGATION_TYPE_" + name for name in ("SUM", "AVERAGE"))
SERIES, HEATMAP = QUERIER + "SelectSeries", QUERIER + "SelectHeatmap"
INDIVIDUAL, BY_SPAN = {"query_type": "HEATMAP_QUERY_TYPE_INDIVIDUAL"}, {"query_type": "HEATMAP_QUERY_TYPE_SPAN"}
OVER_TIME = [
    rpc("sum", SERIES, of(SHOP, step=15)),
    rpc("group-by", SERIES, of(SHOP, step=15, group_by=["region", "no_such_label"])),
    rpc("group-by-utf8", SERIES, of(SHOP, step=60, group_by=["k8s.pod.name"])),
    rpc("limit", SERIES, of(SHOP, step=30, group_by=["region"], limit=1)),
    # A point covers what is behind it: a profile at its time is in it, one at the start too.
    rpc("right-edges", SERIES, {**of(SHOP, step=5), **span(10, 27)}),
    rpc("fraction-of-a-step", SERIES, {**of(SHOP, step=0.5), **span(19, 21)}),
    rpc("gauge-sum", SERIES, of(POOL, GOROUTINES, step=30, aggregation=SUM)),
    rpc("gauge-average", SERIES, of(POOL, GOROUTINES, step=30, aggregation=AVERAGE)),
    rpc("exemplars", SERIES, of(SHOP, step=30, group_by=["region"], exemplar_type="EXEMPLAR_TYPE_INDIVIDUAL")),
    rpc("annotations", SERIES, of("{}", step=30), {"X-Scope-OrgID": data.ANNOTATED_TENANT}),
    rpc("call-site", SERIES, of(SHOP, step=30, **callers("main", "gc"))),
    rpc("frame-filter", SERIES, of(SHOP, step=30, **frames(include_function_names=["gc"]))),
    rpc("none", SERIES, of(NOTHING, step=15)),
    rpc("out-of-reach", SERIES, of(SHOP, step=15), WEEK),
    rpc("bad-selector", SERIES, of(BAD, step=15)),
    rpc("no-step", SERIES, of(SHOP)),
    rpc("no-range", SERIES, {"profile_typeID": CPU, "label_selector": SHOP, "step": 15}),
    rpc("exemplars-of-spans", SERIES, of(SHOP, step=15, exemplar_type="EXEMPLAR_TYPE_SPAN")),

    rpc("profiles", HEATMAP, of(SHOP, step=30, **INDIVIDUAL)),
    rpc("exemplars", HEATMAP, of(SHOP, step=30, **INDIVIDUAL, group_by=["region"], exemplar_type="EXEMPLAR_TYPE_INDIVIDUAL")),
    rpc("spans", HEATMAP, of(SHOP, step=30, **BY_SPAN, exemplar_type="EXEMPLAR_TYPE_SPAN")),
    rpc("limit", HEATMAP, of(SHOP, step=60, **INDIVIDUAL, group_by=["region"], limit=1)),
    rpc("one-value", HEATMAP, of(WORKED, step=60, **INDIVIDUAL)),
    rpc("none", HEATMAP, of(NOTHING, step=60, **INDIVIDUAL)),
    rpc("out-of-reach", HEATMAP, of(SHOP, step=60, **INDIVIDUAL), WEEK),
    rpc("no-type", HEATMAP, of(SHOP, step=60)),
    rpc("other-exemplars", HEATMAP, of(SHOP, step=60, **INDIVIDUAL, exemplar_type="EXEMPLAR_TYPE_SPAN")),
    rpc("no-range", HEATMAP, {"profile_typeID": CPU, "step": 60, **INDIVIDUAL}),
    rpc("bad-selector", HEATMAP, of(BAD, step=60, **INDIVIDUAL)),
]

SERVER = [
    rpc("data", QUERIER + "GetProfileStats", {}),
    rpc("no-data", QUERIER + "GetProfileStats", {}, NOBODY),
    rpc("two-tenants", QUERIER + "GetProfileStats", {}, {"X-Scope-OrgID": "golden|other"}),
    rpc("no-tenant", QUERIER + "GetProfileStats", {}, {}),
    rpc("shop", QUERIER + "AnalyzeQuery", {"query": CPU + SHOP, **RANGE}),
    rpc("selector-only", QUERIER + "AnalyzeQuery", {"query": SHOP, **RANGE}),
    rpc("none", QUERIER + "AnalyzeQuery", {"query": NOTHING, **RANGE}),
    rpc("no-range", QUERIER + "AnalyzeQuery", {"query": SHOP}),
    rpc("bad-query", QUERIER + "AnalyzeQuery", {"query": BAD, **RANGE}),
    rpc("unknown-method", QUERIER + "NoSuchMethod", {}),
    rpc("unknown-method", PUSH + "NoSuchMethod", {}),
    rpc("unknown-method", SETTINGS + "NoSuchMethod", {}),
    rpc("unknown-method", ADHOC + "NoSuchMethod", {}),
    rpc("unknown-method", DEBUG + "NoSuchMethod", {}),
    *[rpc("no-tenant", path, {}, {}) for path in (SETTINGS + "Get", RULES + "ListRecordingRules", ADHOC + "List", DEBUG + "ListDebuginfo", OTLP)],
    rpc("not-configured", VCS + "GithubApp", {}),
    *[rpc("not-configured", VCS + method, {}) for method in ("GithubLogin", "GithubRefresh", "GetFile", "GetCommit", "GetCommits")],
    post("wrong-content-type", VCS + "GithubApp", b"{}", "text/plain"),
    rpc("version", VERSION, {}, {}),
    rpc("flags", FLAGS, {}, {}),
    rpc("server", HEALTH + "Check", {}, {}),
    rpc("service", HEALTH + "Check", {"service": "querier.v1.QuerierService"}, {}),
    rpc("unknown-service", HEALTH + "Check", {"service": "querier.v1"}, {}),
    rpc("not-offered", HEALTH + "Watch", {}, {}),
]


def elf(build_id):
    """The smallest ELF file with this GNU build id: a header, one segment and its note."""
    note = struct.pack("<III4s", 4, len(build_id), 3, b"GNU\0") + build_id
    segment = struct.pack("<IIQQQQQQ", 4, 4, 120, 0, 0, len(note), len(note), 4)
    header = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    return header + segment + note


FILE = {"gnu_build_id": BUILD_ID, "name": "shop", "type": "TYPE_EXECUTABLE_FULL", "otel_file_id": "4d1ab5"}
RULE = {"metric_name": "cpu_of_serve", "matchers": ['{__profile_type__="%s"}' % CPU, SHOP], "group_by": ["region"],
        "external_labels": data.pairs(team="größe"), "stacktrace_filter": {"function_name": {"function_name": "serve"}}}
COLLAPSED, OTHER_COLLAPSED = (base64.b64encode(text).decode() for text in (b"a;b 3\na 1\nc 2\n", b"a;b 1\n"))


def pushed(name, *samples, **labels):
    return data.push_body(name, data.cpu(START_S + 1, *samples), **labels)


FINDINGS = "/api/v1/findings"
FINDINGS_STATE = FINDINGS + "/state"
CRASH = {"check": "crashloop-oom", "severity": "high", "object": {"kind": "Deployment", "namespace": "shop", "name": "web"},
         "since": "2026-01-31T11:00:00Z", "title": "Deployment web: größe", "cause": "It takes more memory than its limit.",
         "evidence": ["23 restarts", "a \"limit\" of 256Mi"], "fix": ["kubectl -n shop get pods"],
         "explains": [{"check": "service-no-ready-endpoints", "object": {"kind": "Service", "namespace": "shop", "name": "web"}}],
         "fingerprint": "0a1b"}
SERVICE = {"check": "service-no-ready-endpoints", "severity": "medium", "object": {"kind": "Service", "namespace": "shop", "name": "web"},
           "since": None, "title": "Service web has no endpoints", "cause": "", "evidence": [], "fix": [], "explains": [],
           "fingerprint": "2c3d"}
NODE = {**SERVICE, "check": "node-not-ready", "severity": "critical", "object": {"kind": "Node", "namespace": "", "name": "n1"},
        "title": "Node n1 is down", "fingerprint": "4e5f"}
NOT_SEEN = {"check": "node-not-ready", "object": {"kind": "Node", "namespace": "", "name": ""}, "reason": "403"}


def report(name, minute, *findings, unverified=(), cluster="prod", day="2026-01-31"):
    message = {"cluster": cluster, "clock": "%sT12:%02d:00Z" % (day, minute), "findings": findings, "unverified": unverified}
    return sent(name, FINDINGS, text_of(message), "application/json")


def seen(name, path, masks=("tenant",), **params):
    return get(name, path, {}, masks, **params)._replace(in_order=True)


def put_state(name, body, **condition):
    path = FINDINGS_STATE + "?" + urllib.parse.urlencode({"cluster": "größe"})
    headers = {field.replace("_", "-"): value for field, value in condition.items()}
    return Case("put-" + name, "PUT", path, headers, body=body, in_order=True)


def findings_kept():
    return [
        seen("none", FINDINGS, masks=()),
        seen("none", FINDINGS + "/transitions", masks=()),
        seen("none", FINDINGS + "/clusters", masks=()),
        report("first", 0, SERVICE, NODE),
        report("same-again", 0, SERVICE, NODE),
        report("explained", 1, CRASH, {**NODE, "severity": "high"}),
        report("unverified", 2, CRASH, unverified=[NOT_SEEN]),
        report("older", 1, CRASH),
        report("future", 0, day="2200-01-31"),
        report("other-cluster", 0, SERVICE, cluster="test"),
        report("bad-severity", 3, {**CRASH, "severity": "bad"}),
        sent("no-report", FINDINGS, b"[]", "application/json"),
        sent("no-json", FINDINGS, b"{", "application/json"),
        seen("open", FINDINGS),
        seen("resolved", FINDINGS, state="resolved"),
        seen("filtered", FINDINGS, state="all", cluster="prod", namespace="shop", kind="Service", severity="medium",
             check="service-no-ready-endpoints"),
        seen("cut", FINDINGS, limit=1),
        seen("bad-severity-parameter", FINDINGS, masks=(), severity="bad"),
        seen("bad-state", FINDINGS, masks=(), state="closed"),
        seen("bad-limit", FINDINGS, masks=(), limit=0),
        seen("all", FINDINGS + "/transitions"),
        seen("range", FINDINGS + "/transitions", cluster="prod", limit=1, **{"from": 1769860860000, "until": 1769860860000}),
        seen("end-before-start", FINDINGS + "/transitions", masks=(), **{"from": 2, "until": 1}),
        seen("all", FINDINGS + "/clusters", masks=("tenant", "received")),
        seen("folded", FINDINGS + "/2c3d"),
        seen("of-a-cluster", FINDINGS + "/2c3d", cluster="test"),
        seen("unknown", FINDINGS + "/ff", masks=()),
        get("no-tenant", FINDINGS, {}),
        seen("none", FINDINGS_STATE, masks=(), cluster="größe"),
        seen("no-cluster", FINDINGS_STATE, masks=()),
        put_state("without-a-version", b"first"),
        put_state("another-version", b"first", If_Match='"1"'),
        put_state("first", b"first\x00", If_None_Match="*"),
        put_state("first-again", b"second", If_None_Match="*"),
        seen("first", FINDINGS_STATE, masks=(), cluster="größe"),
        get("two-tenants", FINDINGS_STATE, {"X-Scope-OrgID": "a|b"}, cluster="größe"),
    ]


IN_PROGRESS = {"async.status": "ASYNC_QUERY_STATUS_IN_PROGRESS"}


def kept():
    """Cases that change what the server keeps, in their order."""
    export = json.loads(formats.otlp_json("otlp", (START_S + 1) * 10**9))
    export["dictionary"]["linkTable"] = [{}, {}]  # ids are written in hexadecimal, which is not the JSON of protobuf
    export["resourceProfiles"][0]["scopeProfiles"][0]["profiles"][0].pop("profileId")
    partial = copy.deepcopy(export)
    sample = partial["resourceProfiles"][0]["scopeProfiles"][0]["profiles"][0]["samples"][0]
    partial["resourceProfiles"][0]["scopeProfiles"][0]["profiles"].append(
        {**export["resourceProfiles"][0]["scopeProfiles"][0]["profiles"][0], "samples": [{**sample, "stackIndex": 9}]})
    good = pushed("process_cpu", ("main", [1]), service_name="shop")
    bad = pushed("process_cpu", ("main", [1]), service_name="shop", **{"": "x"})
    return [
        step("profile", PUSH + "Push", good),
        step("same-id-again", PUSH + "Push", good),
        step("nothing", PUSH + "Push", {}),
        step("no-labels", PUSH + "Push", {"series": [{"samples": good["series"][0]["samples"]}]}),
        step("bad-label", PUSH + "Push", {"series": good["series"] + bad["series"]}),
        step("not-a-profile", PUSH + "Push", {"series": [{"labels": data.pairs(__name__="cpu"), "samples": [{"rawProfile": "AQ=="}]}]}),
        step("stored-once", STACKS, of("{}")),
        step("async", STACKS, of("{}", **{"async": {"type": "ASYNC_QUERY_TYPE_FORCE"}}), masks=("request_id",),
             keep={"query": "async.requestId"}),
        step("async-answer", STACKS, {"async": {"request_id": "$query"}}, masks=("request_id",), again=IN_PROGRESS),
        step("async-functions", STACKS, of("{}", **AS_FUNCTIONS, **{"async": {"type": "ASYNC_QUERY_TYPE_FORCE"}}),
             masks=("request_id",), keep={"query": "async.requestId"}),
        step("async-functions-answer", STACKS, {"async": {"request_id": "$query"}}, masks=("request_id",), again=IN_PROGRESS),
        step("profile", OTLP, export),
        step("one-of-two", OTLP, partial),
        step("no-dictionary", OTLP, {}),
        sent("profile", OTLP_HTTP, formats.otlp("shop", (1, 2), time_ns=(START_S + 1) * 10**9), "application/x-protobuf"),
        sent("one-of-two", OTLP_HTTP, text_of(partial), "application/json"),
        sent("folded", INGEST, b"main;work 2\nmain;idle 1\n", "text/plain"),
        sent("tree", INGEST + "&format=tree", formats.node(b"", 0, 1) + formats.node(b"main", 1, 0), "text/plain"),
        sent("form", INGEST, *formats.form(profile=data.cpu(START_S + 1, ("main", [1])))),

        step("set", SETTINGS + "Set", {"setting": {"name": "collapsedFlamegraphs", "value": "größe", "modifiedAt": START_MS}}),
        step("set-older", SETTINGS + "Set", {"setting": {"name": "collapsedFlamegraphs", "value": "x", "modifiedAt": START_MS - 1}}),
        step("set-now", SETTINGS + "Set", {"setting": {"name": "empty"}}, masks=("modifiedAt",)),
        step("set-no-name", SETTINGS + "Set", {"setting": {"value": "x"}}),
        step("delete", SETTINGS + "Delete", {"name": "empty"}),
        step("delete-no-name", SETTINGS + "Delete", {}),
        step("get", SETTINGS + "Get", {}),

        step("new", RULES + "UpsertRecordingRule", {"id": "serve", **RULE}),
        step("next-generation", RULES + "UpsertRecordingRule", {"id": "serve", "generation": 1, **RULE, "group_by": []}),
        step("stale-generation", RULES + "UpsertRecordingRule", {"id": "serve", "generation": 1, **RULE}),
        step("bad-id", RULES + "UpsertRecordingRule", {"id": "a1", **RULE}),
        step("bad-metric-name", RULES + "UpsertRecordingRule", {**RULE, "metric_name": "größe"}),
        step("no-profile-type", RULES + "UpsertRecordingRule", {**RULE, "matchers": [SHOP]}),
        step("rule", RULES + "GetRecordingRule", {"id": "serve"}),
        step("unknown", RULES + "GetRecordingRule", {"id": "other"}),
        step("one", RULES + "ListRecordingRules", {}),
        step("rule", RULES + "DeleteRecordingRule", {"id": "serve"}),
        step("unknown", RULES + "DeleteRecordingRule", {"id": "serve"}),
        step("without-id", RULES + "UpsertRecordingRule", RULE, masks=("rule_id",)),

        step("none", ADHOC + "List", {}),
        step("collapsed", ADHOC + "Upload", {"name": "größe 1.txt", "profile": COLLAPSED}, masks=("id", "uploadedAt"), keep={"left": "id"}),
        step("pprof", ADHOC + "Upload", {"name": "heap.pb", "max_nodes": 2, "profile": base64.b64encode(
            data.pprof(data.MEMORY_TYPES, ("space", "bytes", 524288), START_S, ("main;cache", [2, 2048, 2, 2048]))).decode()},
            masks=("id", "uploadedAt"), keep={"heap": "id"}),
        step("other", ADHOC + "Upload", {"name": "other", "profile": OTHER_COLLAPSED}, masks=("id", "uploadedAt"), keep={"right": "id"}),
        step("bad-profile", ADHOC + "Upload", {"name": "x", "profile": "AQID"}),
        step("no-name", ADHOC + "Upload", {"profile": COLLAPSED}),
        step("first-type", ADHOC + "Get", {"id": "$heap"}, masks=("id", "uploadedAt")),
        step("by-type", ADHOC + "Get", {"id": "$heap", "profile_type": "inuse_space"}, masks=("id", "uploadedAt")),
        step("unknown", ADHOC + "Get", {"id": "01ARZ3NDEKTSV4RRFFQ69G5FAV-x"}),
        step("all", ADHOC + "List", {}, masks=("id", "uploadedAt")),
        step("worked", ADHOC + "Diff", {"left_id": "$left", "right_id": "$right"}),
        step("unknown", ADHOC + "Diff", {"left_id": "$left", "right_id": "x"}),

        step("wanted", DEBUG + "ShouldInitiateUpload", {"file": FILE}),
        step("no-file", DEBUG + "ShouldInitiateUpload", {}),
        step("under-way", DEBUG + "ShouldInitiateUpload", {"file": FILE}),
        step("uploading", DEBUG + "ListDebuginfo", {}, masks=("startedAt",)),
        sent("elf", DEBUG + "Upload/" + BUILD_ID, elf(bytes.fromhex(BUILD_ID))),
        sent("not-announced", DEBUG + "Upload/00", b"x"),
        step("done", DEBUG + "UploadFinished", {"gnu_build_id": BUILD_ID}),
        step("unknown", DEBUG + "UploadFinished", {"gnu_build_id": "00"}),
        step("uploaded", DEBUG + "ListDebuginfo", {}, masks=("startedAt", "finishedAt")),
        step("there-already", DEBUG + "ShouldInitiateUpload", {"file": FILE}),
        step("file", DEBUG + "DeleteDebuginfo", {"gnu_build_id": BUILD_ID}),
        step("none", DEBUG + "ListDebuginfo", {}),
    ]


SECONDS = {"from": START_S, "until": START_S + 60}
RIGHT_SECONDS = {"rightFrom": START_S, "rightUntil": START_S + 60}
LEFT_SECONDS = {"leftFrom": START_S, "leftUntil": START_S + 60}
RENDER, RENDER_DIFF = "/pyroscope/render", "/pyroscope/render-diff"
FILES = ["collapsed", "dot", "perf-script", "pprof", "speedscope"]
LEGACY = [
    get("worked", RENDER, query=CPU + WORKED, **SECONDS),
    get("shop", RENDER, query=CPU + SHOP, **SECONDS),
    get("group-by", RENDER, query=CPU + SHOP, groupBy=["region", "service_name"], **SECONDS),
    get("average", RENDER, query=GOROUTINES + POOL, aggregation="avg", **SECONDS),
    get("objects", RENDER, query="memory:inuse_objects:count:space:bytes" + SHOP, **SECONDS),
    get("max-nodes", RENDER, query=CPU + SHOP, maxNodes=3, **SECONDS),
    get("milliseconds", RENDER, query=CPU + WORKED, **{"from": START_MS, "until": END_MS}),
    *[get("format-" + name, RENDER, query=CPU + SHOP, format=name, **SECONDS) for name in FILES],
    get("none", RENDER, query=CPU + NOTHING, **SECONDS),
    get("none-dot", RENDER, query=CPU + NOTHING, format="dot", **SECONDS),
    get("out-of-reach", RENDER, WEEK, query=CPU + SHOP, **SECONDS),
    get("no-query", RENDER, **SECONDS),
    get("bad-query", RENDER, query=CPU + BAD, **SECONDS),
    get("no-tenant", RENDER, {}, query=CPU + SHOP, **SECONDS),
    get("worked", RENDER_DIFF, leftQuery=CPU + WORKED, rightQuery=CPU + WORKED_RIGHT, **LEFT_SECONDS, **RIGHT_SECONDS),
    get("max-nodes", RENDER_DIFF, leftQuery=CPU + '{region="east"}', rightQuery=CPU + '{region="west"}', **{"max-nodes": 3},
        **LEFT_SECONDS, **RIGHT_SECONDS),
    get("other-type", RENDER_DIFF, leftQuery=CPU + SHOP, rightQuery=GOROUTINES + POOL, **LEFT_SECONDS, **RIGHT_SECONDS),
    get("no-right", RENDER_DIFF, leftQuery=CPU + SHOP, **LEFT_SECONDS),
    get("all", "/pyroscope/label-names", **SECONDS),
    get("types", "/pyroscope/label-values", label="__name__", query=SHOP, **SECONDS),
    get("services", "/pyroscope/label-values", label="service_name", **SECONDS),
    get("none", "/pyroscope/label-values", NOBODY, label="service_name", **SECONDS),
    get("no-label", "/pyroscope/label-values", **SECONDS),
]

MILLISECONDS = {"from": START_MS, "until": END_MS}
FLAMEGRAPH, FUNCTIONS, EXPORT, POINTS = ("/api/v1/" + name for name in ("flamegraph", "functions", "export", "series"))


def ours(name, path, selector=SHOP, tenant=OF_GOLDEN, profile_type=CPU, **params):
    return get(name, path, tenant, profile_type=profile_type, selector=selector, **MILLISECONDS, **params)


OUR_OWN = [
    ours("worked", FLAMEGRAPH, WORKED),
    ours("shop", FLAMEGRAPH),
    ours("max-nodes", FLAMEGRAPH, max_nodes=3),
    ours("call-site", FLAMEGRAPH, call_site=["main", "serve"]),
    ours("callees-of", FLAMEGRAPH, callees_of="serve"),
    ours("callers-of", FLAMEGRAPH, callers_of="zählen"),
    ours("both-ways", FLAMEGRAPH, callers_of="serve", callees_of="serve"),
    ours("none", FLAMEGRAPH, NOTHING),
    ours("out-of-reach", FLAMEGRAPH, tenant=WEEK),
    ours("bad-number", FLAMEGRAPH, max_nodes="many"),
    ours("no-tenant", FLAMEGRAPH, tenant={}),
    ours("worked", FLAMEGRAPH + "/diff", WORKED, right_selector=WORKED_RIGHT),
    ours("halves", FLAMEGRAPH + "/diff", right_from=START_MS + 30_000, right_until=END_MS),
    ours("callees-of", FLAMEGRAPH + "/diff", right_from=START_MS + 30_000, callees_of="serve"),
    ours("callers-of", FLAMEGRAPH + "/diff", right_from=START_MS + 30_000, callers_of="parse"),
    ours("around-nothing", FLAMEGRAPH + "/diff", WORKED, right_selector=WORKED_RIGHT, callees_of="serve"),
    ours("both-ways", FLAMEGRAPH + "/diff", callers_of="serve", callees_of="serve"),
    ours("bad-right", FLAMEGRAPH + "/diff", right_selector=BAD),
    ours("by-total", FUNCTIONS),
    ours("by-self", FUNCTIONS, sort="self", limit=2),
    ours("regex", FUNCTIONS, regex="^.{2}$|ä"),
    ours("none", FUNCTIONS, NOTHING),
    ours("bad-regex", FUNCTIONS, regex="("),
    ours("bad-sort", FUNCTIONS, sort="name"),
    ours("sum", POINTS, step=15),
    ours("group-by", POINTS, step=30, group_by="region"),
    ours("call-site", POINTS, step=30, call_site=["main", "gc"]),
    ours("average", POINTS, POOL, profile_type=GOROUTINES, step=30, aggregation="average"),
    ours("none", POINTS, NOTHING, step=15),
    ours("bad-step", POINTS, step=0),
    *[ours(name, EXPORT, format=name) for name in FILES],
    ours("max-nodes", EXPORT, format="collapsed", max_nodes=3),
    ours("none", EXPORT, NOTHING, format="collapsed"),
    ours("bad-format", EXPORT, format="svg"),
    get("no-type", EXPORT, format="dot"),
    get("all", "/api/v1/tenants", {}),
    get("defaults", "/api/v1/tenant_limits"),
    get("overridden", "/api/v1/tenant_limits", {"X-Scope-OrgID": "golden|week"}),
    get("no-tenant", "/api/v1/tenant_limits", {}),
    get("none", "/api/v1/rules/metrics"),
    get("buildinfo", "/api/v1/status/buildinfo", {}, masks=("version", "revision", "branch")),
    get("diff", "/runtime_config", {}, mode="diff"),
    get("bad-mode", "/runtime_config", {}, mode="all"),
    get("redirect", "/ui", {}),
    get("ready", "/ready", {}),
    get("ready", "/healthz", {}),
    get("unknown", "/api/v1/no-such-path", {}),
]

# Bodies that no method can read, headers that no protocol has.
ODD = [
    post("no-json", QUERIER + "ProfileTypes", b"", "application/json"),
    post("bad-json", QUERIER + "ProfileTypes", b'{"start":', "application/json"),
    post("wrong-kind", QUERIER + "ProfileTypes", b'{"start":"x"}', "application/json"),
    post("bad-proto", QUERIER + "ProfileTypes", b"\x0a\xff", "application/proto"),
    post("charset", QUERIER + "ProfileTypes", text_of(span(5, 5)), "application/json; charset=utf-8"),
    post("wrong-content-type", QUERIER + "ProfileTypes", b"{}", "text/plain"),
    Case("wrong-method", "GET", QUERIER + "ProfileTypes", OF_GOLDEN),
    post("wrong-protocol-version", QUERIER + "ProfileTypes", b"{}", "application/json", {**OF_GOLDEN, "Connect-Protocol-Version": "2"}),
    post("wrong-accept", QUERIER + "LabelNames", text_of(span(5, 5)), "application/json", {**OF_GOLDEN, "Accept": "*/; allow-utf8-labelnames=true"}),
    post("wrong-encoding", QUERIER + "ProfileTypes", b"{}", "application/json", {**OF_GOLDEN, "Content-Encoding": "br"}),
    post("wrong-content-type", PUSH + "Push", b"{}", "text/plain"),
    post("no-tenant", PUSH + "Push", b"{}", "application/json", {}),
    *[post("wrong-content-type", path, b"{}", "text/plain") for path in (SETTINGS + "Get", RULES + "ListRecordingRules", ADHOC + "List",
                                                                         DEBUG + "ListDebuginfo", OTLP)],
    post("nothing", INGEST, b"", "text/plain", STORES_NOTHING),
    post("no-name", "/ingest", b"main 1", "text/plain", STORES_NOTHING),
    post("unknown-suffix", "/ingest?name=shop.java", b"main 1", "text/plain", STORES_NOTHING),
    post("bad-line", INGEST, b"main", "text/plain", STORES_NOTHING),
    *[post("bad-" + name, f"{INGEST}&format={name}", b"\xff", "text/plain", STORES_NOTHING)
      for name in ("pprof", "jfr", "trie", "tree", "speedscope")],
    post("bad-form", INGEST, *formats.form(other=b"x"), STORES_NOTHING),
    post("no-tenant", INGEST, b"main 1", "text/plain", {}),
    post("alias", "/pyroscope/ingest?name=shop", b"", "text/plain", STORES_NOTHING),
    post("wrong-content-type", OTLP_HTTP, b"", "text/plain", STORES_NOTHING),
    post("no-dictionary", OTLP_HTTP, b"{}", "application/json", STORES_NOTHING),
    post("no-tenant", OTLP_HTTP, b"{}", "application/json", {}),
    Case("wrong-method", "GET", OTLP_HTTP, OF_GOLDEN),
]


def all_cases():
    return [*PROFILE_TYPES, *LABELS, *STACKTRACES, *OVER_TIME, *SERVER, *LEGACY, *OUR_OWN, *ODD, *kept(), *findings_kept()]
