"""Calls the server by gRPC with stubs: main.py 127.0.0.1:4040 [the certificate to trust: over TLS]

Prints a line per check and ends with 1 when one failed.
"""
import random
import sys
import time

import grpc
import health_pb2
import health_service_pb2_grpc
import profile_pb2
import push_pb2
import push_service_pb2_grpc
import querier_pb2
import querier_service_pb2_grpc
import types_pb2

import cresset

CPU = cresset.CPU_TYPE
METADATA = [("x-scope-orgid", "grpc")]
N_CALLS = 200


def channel(address, certificate):
    options = [("grpc.max_receive_message_length", 256 << 20)]
    if certificate is None:
        return grpc.insecure_channel(address, options=options)
    with open(certificate, "rb") as file:
        return grpc.secure_channel(address, grpc.ssl_channel_credentials(file.read()), options=options)


class Client:
    def __init__(self, address, certificate=None):
        self.channel = channel(address, certificate)
        self.pusher = push_service_pb2_grpc.PusherServiceStub(self.channel)
        self.querier = querier_service_pb2_grpc.QuerierServiceStub(self.channel)
        self.now_ms = int(time.time() * 1000)
        self.range = {"start": self.now_ms - 3_600_000, "end": self.now_ms + 60_000}

    def push_request(self, service, profile):
        pairs = [types_pb2.LabelPair(name=name, value=value)
                 for name, value in [("__name__", "process_cpu"), ("service_name", service)]]
        return push_pb2.PushRequest(series=[push_pb2.RawProfileSeries(
            labels=pairs, samples=[push_pb2.RawSample(raw_profile=profile)])])

    def push(self, service, stacks, **options):
        profile = cresset.pprof(stacks, time.time_ns())
        return self.pusher.Push(self.push_request(service, profile), metadata=METADATA, timeout=30, **options)

    def stacktraces(self, service, **more):
        return querier_pb2.SelectMergeStacktracesRequest(
            profile_typeID=CPU, label_selector=f'{{service_name="{service}"}}', **self.range, **more)


def small(client):
    client.push("shop", {("query", "main"): 300, ("parse", "main"): 200})
    reply = client.querier.SelectMergeStacktraces(client.stacktraces("shop"), metadata=METADATA, timeout=30)
    assert reply.flamegraph.total == 500 and set(reply.flamegraph.names) == {"total", "main", "query", "parse"}, reply
    assert list(reply.flamegraph.levels[0].values) == [0, 500, 0, 0], reply


def metadata_calls(client):
    values = client.querier.LabelValues(types_pb2.LabelValuesRequest(name="service_name", **client.range),
                                        metadata=METADATA, timeout=30)
    assert "shop" in values.names, values
    names = client.querier.LabelNames(types_pb2.LabelNamesRequest(**client.range), metadata=METADATA, timeout=30)
    assert "service_name" in names.names, names
    series = client.querier.Series(querier_pb2.SeriesRequest(label_names=["service_name"], **client.range),
                                   metadata=METADATA, timeout=30)
    assert series.labels_set, series
    stats = client.querier.GetProfileStats(types_pb2.GetProfileStatsRequest(), metadata=METADATA, timeout=30)
    assert stats.data_ingested, stats
    client.querier.AnalyzeQuery(querier_pb2.AnalyzeQueryRequest(), metadata=METADATA, timeout=30)


def health(client):
    """As probes ask: of the server and of a service, without a tenant."""
    stub, ask = health_service_pb2_grpc.HealthStub(client.channel), health_pb2.HealthCheckRequest
    for service in ("", "querier.v1.QuerierService", "push.v1.PusherService"):
        reply = stub.Check(ask(service=service), timeout=30)
        assert reply.status == health_pb2.HealthCheckResponse.SERVING, (service, reply)
    code, text = code_of(stub.Check, ask(service="nobody"), timeout=30)
    assert code == grpc.StatusCode.NOT_FOUND and text, (code, text)
    code, text = code_of(lambda: list(stub.Watch(ask(), timeout=30)))
    assert code == grpc.StatusCode.UNIMPLEMENTED, (code, text)


def compressed(client):
    """Each compression that the client knows, of the request and, as the client allows it, of the answer."""
    for kind in (grpc.Compression.Gzip, grpc.Compression.Deflate):
        try:
            client.push(f"compressed {kind.name}", {("query", "main"): 300}, compression=kind)
        except grpc.RpcError as error:
            assert kind is grpc.Compression.Deflate and error.code() == grpc.StatusCode.UNIMPLEMENTED, error


def big(client):
    """More than any window of HTTP/2, both ways: every stack has a name of its own."""
    chance = random.Random(7)
    stacks = {(f"leaf_{i}_{chance.getrandbits(400):x}", f"middle_{i % 97}", "main"): i + 1 for i in range(12_000)}
    client.push("big", stacks)
    total = sum(stacks.values())
    reply = client.querier.SelectMergeStacktraces(client.stacktraces("big", max_nodes=1 << 20), metadata=METADATA, timeout=30)
    assert reply.flamegraph.total == total and reply.ByteSize() > 1 << 20, (reply.flamegraph.total, total, reply.ByteSize())
    request = querier_pb2.SelectMergeProfileRequest(profile_typeID=CPU, label_selector='{service_name="big"}', **client.range)
    profile = client.querier.SelectMergeProfile(request, metadata=METADATA, timeout=30)
    assert isinstance(profile, profile_pb2.Profile) and sum(sample.value[0] for sample in profile.sample) == total


def many(client):
    """Many calls at once as streams of one connection."""
    calls = []
    for i in range(N_CALLS):
        profile = cresset.pprof({("leaf", "main"): 1 << (i % 8)}, time.time_ns())
        calls.append(client.pusher.Push.future(client.push_request("many", profile), metadata=METADATA, timeout=60))
        calls.append(client.querier.SelectMergeStacktraces.future(client.stacktraces("shop"), metadata=METADATA, timeout=60))
    totals = {call.result().flamegraph.total for call in calls[1::2]}
    for call in calls[0::2]:
        call.result()
    assert totals == {500}, totals
    series = client.querier.SelectSeries(querier_pb2.SelectSeriesRequest(
        profile_typeID=CPU, label_selector='{service_name="many"}', step=60, **client.range), metadata=METADATA, timeout=30)
    got = sum(point.value for point in series.series[0].points)
    want = sum(1 << (i % 8) for i in range(N_CALLS))
    assert got == want, (got, want)


def code_of(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except grpc.RpcError as error:
        return error.code(), error.details()
    return grpc.StatusCode.OK, ""


def errors(client):
    bad = client.stacktraces("shop")
    bad.label_selector = '{service_name="größe'
    code, text = code_of(client.querier.SelectMergeStacktraces, bad, metadata=METADATA, timeout=30)
    assert code == grpc.StatusCode.INVALID_ARGUMENT and text, (code, text)
    code, text = code_of(client.pusher.Push, push_pb2.PushRequest(), metadata=METADATA, timeout=30)
    assert code == grpc.StatusCode.INVALID_ARGUMENT and text, (code, text)
    code, text = code_of(client.querier.NoSuchMethod, querier_pb2.AnalyzeQueryRequest(), metadata=METADATA, timeout=30)
    assert code == grpc.StatusCode.UNIMPLEMENTED, (code, text)
    code, text = code_of(client.querier.ProfileTypes, querier_pb2.ProfileTypesRequest(**client.range), timeout=30)
    assert code == grpc.StatusCode.UNAUTHENTICATED and text, ("without a tenant", code, text)


def cancelled(client):
    """A call that is given up leaves the connection to the others."""
    calls = [client.querier.SelectMergeStacktraces.future(client.stacktraces("big"), metadata=METADATA) for _ in range(20)]
    for call in calls:
        call.cancel()
    small_reply = client.querier.SelectMergeStacktraces(client.stacktraces("shop"), metadata=METADATA, timeout=30)
    assert small_reply.flamegraph.total == 500
    code, _ = code_of(client.querier.SelectMergeStacktraces, client.stacktraces("big"), metadata=METADATA, timeout=1e-4)
    assert code == grpc.StatusCode.DEADLINE_EXCEEDED, code


def main():
    client = Client(*sys.argv[1:])
    bad = 0
    for check in (small, metadata_calls, health, compressed, big, many, errors, cancelled):
        try:
            check(client)
            print(f"{check.__name__}: right")
        except (grpc.RpcError, AssertionError) as error:
            bad += 1
            print(f"{check.__name__}: {str(error)[:1000] or repr(error)}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
