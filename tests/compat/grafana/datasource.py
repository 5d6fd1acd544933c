"""The calls of Grafana's own data source (grafana-pyroscope-datasource): requests in the binary codec.

Numbers are the fields of querier.v1 and types.v1.
"""
import json
import struct

import cresset
from grafana.calls import (CART_TOTAL, CPU, MAX_NODES, OFF_CPU, SHOP_TOTAL, SPAN, call, expect, flame_tree, shop_tree)

block, number = cresset.block, cresset.number


def text(field, value):
    return block(field, value.encode())


def double(field, value):
    return cresset.varint(field << 3 | 1) + struct.pack("<d", value)


def pairs(labels):
    return {pair.text(1): pair.text(2) for pair in labels}


def health(g):
    """Save & test asks for a range that has nothing in it."""
    reply = g.backend("ProfileTypes", number(1, 1000) + number(2, 4000))
    expect(not reply.fields, "the health check finds", reply.fields)


@call()
def check_health(g):
    health(g)


@call()
def profile_types(g):
    reply = g.backend("ProfileTypes", number(1, g.now_ms - 3_600_000) + number(2, g.now_ms + 3_600_000))
    ids = [one.text(1) for one in reply.messages(1)]
    expect(ids == sorted([CPU, OFF_CPU]), "profile types", ids)
    first = [one for one in reply.messages(1) if one.text(1) == CPU][0]
    parts = [first.text(field) for field in (2, 4, 5, 6, 7)]
    expect(":".join(parts) == CPU, "the parts of the profile type are", parts)


def label_names_of(g, query, utf8):
    message = text(1, query) + number(2, g.start) + number(3, g.end)
    return [name for name in g.backend("LabelNames", message, utf8).texts(1) if not name.startswith("__")]


@call()
def label_names(g):
    names = label_names_of(g, '{service_name="shop"}', utf8=False)
    expect(names == ["service_name"], "label names", names)


@call()
def label_names_utf8(g):
    names = label_names_of(g, "{}", utf8=True)
    expect(names == ["k8s.pod", "service_name"], "label names", names)


@call()
def label_values(g):
    message = text(1, "service_name") + text(2, "{}") + number(3, g.start) + number(4, g.end)
    values = g.backend("LabelValues", message).texts(1)
    expect(values == ["cart", "shop"], "values", values)


def select_series(g, selector, *more):
    step = 15.0  # max(interval of the panel, 15 s)
    message = text(1, CPU) + text(2, selector) + number(3, g.start) + number(4, g.end) + b"".join(more)
    series = g.backend("SelectSeries", message + double(6, step)).messages(1)
    for one in series:
        times = [point.number(2) for point in one.messages(2)]
        expect(times == sorted(set(times)) and all((time - g.start) % 15_000 == 0 for time in times), "times", times)
    return series


def sum_of(series):
    return sum(struct.unpack("<d", point.fields[1][0])[0] for point in series.messages(2))


@call()
def metrics(g):
    series = select_series(g, "{}")
    expect(len(series) == 1 and not series[0].fields.get(1), "not one series without labels:", len(series))
    expect(sum_of(series[0]) == SHOP_TOTAL + CART_TOTAL, "the sum is", sum_of(series[0]))


@call()
def metrics_grouped(g):
    series = select_series(g, "{}", text(5, "service_name"), number(9, 10))
    got = [(pairs(one.messages(1)), sum_of(one)) for one in series]
    expect(got == [({"service_name": "shop"}, SHOP_TOTAL), ({"service_name": "cart"}, CART_TOTAL)], got)


@call()
def metrics_limited(g):
    series = select_series(g, "{}", text(5, "service_name"), number(9, 1))
    expect([pairs(one.messages(1)) for one in series] == [{"service_name": "shop"}], "not the largest alone", series)


@call()
def metrics_average(g):
    series = select_series(g, '{service_name="shop"}', number(7, 1))
    values = {struct.unpack("<d", point.fields[1][0])[0] for point in series[0].messages(2)}
    expect(values == {SHOP_TOTAL / 2}, "averages", values)


@call()
def metrics_with_exemplars(g):
    """With the toggle profilesExemplars; an exemplar is (time, profile id, value)."""
    series = select_series(g, '{service_name="shop"}', number(10, 2))
    expect(sum_of(series[0]) == SHOP_TOTAL, "the sum is", sum_of(series[0]))
    exemplars = [exemplar for point in series[0].messages(2) for exemplar in point.messages(4)]
    expect([one.number(4) for one in exemplars] == [SHOP_TOTAL / 2] * 2, "exemplars", [one.fields for one in exemplars])
    tree = tree_of(stacktraces(g, "{}", text(8, exemplars[0].text(2))))
    expect(tree == shop_tree(1), "the flame graph of an exemplar is", tree)


@call()
def heat_map(g):
    """With the toggle profilesHeatmap."""
    message = text(1, CPU) + text(2, "{}") + number(3, g.start) + number(4, g.end) + double(5, 56.25)
    reply = g.backend("SelectHeatmap", message + number(7, 1) + number(8, 2))
    slots = [slot for series in reply.messages(1) for slot in series.messages(2)]
    expect(sum(sum(slot.numbers(3)) for slot in slots) == 3, "not three profiles in", slots)
    expect(all(len(slot.fields[2][0]) == 20 * 8 and len(slot.numbers(3)) == 20 for slot in slots), "not 20 buckets")


def tree_of(reply):
    graph = reply.messages(1)[0]
    return flame_tree(graph.texts(1), [level.numbers(1) for level in graph.messages(2)])


def stacktraces(g, selector, *more):
    message = text(1, CPU) + text(2, selector) + number(3, g.start) + number(4, g.end)
    return g.backend("SelectMergeStacktraces", message + number(5, MAX_NODES) + b"".join(more))


@call()
def profile(g):
    tree = tree_of(stacktraces(g, '{service_name="shop"}'))
    expect(tree == shop_tree(), "the flame graph is", tree)


@call()
def profile_of_a_call_site(g):
    site = block(7, b"".join(block(1, text(1, name)) for name in ("main", "handle", "query")))
    tree = tree_of(stacktraces(g, '{service_name="shop"}', site))
    expect(tree[("total", "main", "handle", "query")] == (SHOP_TOTAL // 2, SHOP_TOTAL // 2), "the flame graph is", tree)


@call()
def profile_without_data(g):
    reply = stacktraces(g, '{service_name="nothing"}')
    expect(not reply.fields or tree_of(reply) == {("total",): (0, 0)}, "the flame graph is", reply.fields)


@call()
def span_profile(g):
    """From a trace: no sample has this span."""
    message = text(1, CPU) + text(2, "{}") + text(3, SPAN) + number(4, g.start) + number(5, g.end)
    reply = g.backend("SelectMergeSpanProfile", message + number(6, MAX_NODES))
    expect(not reply.fields or tree_of(reply) == {("total",): (0, 0)}, "the flame graph is", reply.fields)


def refused(g, *more, selector="{}"):
    try:
        stacktraces(g, selector, *more)
    except cresset.Failed as error:
        if error.status != 400:
            raise
        reason = json.loads(error.body)
        expect(reason["code"] == "invalid_argument" and len(reason["message"]) > 10, "the error is", reason)
        return
    expect(False, "it is not refused")


@call()
def invalid_trace(g):
    refused(g, text(10, "xyz"))


@call()
def invalid_selector(g):
    refused(g, selector='{service_name=shop"}')
