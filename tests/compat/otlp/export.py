"""An OTLP exporter of profiles with the messages of one release of opentelemetry-proto:

    export.py TRANSPORT ADDRESS TENANT SERVICE

TRANSPORT is http, http-gzip, http-json or grpc. Sends 30 samples of CPU time, of which 10 belong to a
span, and 7 ms of waiting. Ends with 3 when the server does not offer the transport.
"""
import gzip
import http.client
import json
import sys
import time

import grpc
from google.protobuf import json_format
from opentelemetry.proto.collector.profiles.v1development import profiles_service_pb2 as service_pb2
from opentelemetry.proto.collector.profiles.v1development import profiles_service_pb2_grpc as service_pb2_grpc
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.profiles.v1development import profiles_pb2
from opentelemetry.proto.resource.v1 import resource_pb2

NOT_SERVED = 3
PERIOD_NS = 10_000_000
TRACE, SPAN = bytes.fromhex("4bf92f3577b34da6a3ce929d0e0e4736"), bytes.fromhex("00f067aa0ba902b7")


class Builder:
    """The dictionary of a request; every table begins with its empty entry."""

    def __init__(self):
        self.out = profiles_pb2.ProfilesDictionary()
        self.strings = {}
        self.has_stacks = hasattr(profiles_pb2, "Stack")
        self.string("")
        for table in ("mapping_table", "location_table", "function_table", "link_table", "attribute_table"):
            getattr(self.out, table).add()
        if self.has_stacks:
            self.out.stack_table.add()
        self.out.link_table.add(trace_id=TRACE, span_id=SPAN)
        self.out.mapping_table.add(memory_start=0x400000, memory_limit=0x900000, filename_strindex=self.string("shop"))

    def string(self, text):
        if text not in self.strings:
            self.strings[text] = len(self.strings)
            self.out.string_table.append(text)
        return self.strings[text]

    def attribute(self, key, value):
        if self.has_stacks:
            entry = self.out.attribute_table.add(key_strindex=self.string(key))
        else:
            entry = self.out.attribute_table.add(key=key)
        entry.value.string_value = value
        return len(self.out.attribute_table) - 1

    def location(self, name):
        function = self.out.function_table.add(name_strindex=self.string(name), filename_strindex=self.string("shop.c"))
        function.start_line = 7
        location = self.out.location_table.add(mapping_index=1, address=0x400000 + 16 * len(self.out.location_table))
        lines = location.lines if hasattr(location, "lines") else location.line
        lines.add(function_index=len(self.out.function_table) - 1, line=9)
        return len(self.out.location_table) - 1

    def value_type(self, message, kind, unit):
        message.type_strindex, message.unit_strindex = self.string(kind), self.string(unit)


def new_profile(builder, kind, unit, time_ns):
    profile = profiles_pb2.Profile()
    if builder.has_stacks:
        builder.value_type(profile.sample_type, kind, unit)
        profile.time_unix_nano, profile.duration_nano = time_ns, 10**10
    else:
        builder.value_type(profile.sample_type.add(), kind, unit)
        profile.time_nanos, profile.duration_nanos = time_ns, 10**10
    return profile


def add_sample(builder, profile, names, value, thread, link=0):
    """`names` are the stack, the leaf first."""
    locations = [builder.location(name) for name in names]
    if builder.has_stacks:
        builder.out.stack_table.add(location_indices=locations)
        sample = profile.samples.add(stack_index=len(builder.out.stack_table) - 1, values=[value])
    else:
        sample = profile.sample.add(locations_start_index=len(profile.location_indices), value=[value])
        sample.locations_length = len(locations)
        profile.location_indices.extend(locations)
    sample.attribute_indices.append(builder.attribute("thread.name", thread))
    if link:
        sample.link_index = link


def attributes(builder, texts):
    out = [common_pb2.KeyValue(key=key, value=common_pb2.AnyValue(string_value=value)) for key, value in texts.items()]
    if "key_strindex" in common_pb2.KeyValue.DESCRIPTOR.fields_by_name:
        value = common_pb2.AnyValue(string_value_strindex=builder.string("test"))
        out.append(common_pb2.KeyValue(key_strindex=builder.string("deployment.environment.name"), value=value))
    return out


def request_of(service):
    builder, now_ns = Builder(), time.time_ns()
    cpu = new_profile(builder, "samples", "count", now_ns)
    builder.value_type(cpu.period_type, "cpu", "nanoseconds")
    cpu.period = PERIOD_NS
    add_sample(builder, cpu, ["query", "checkout", "main"], 10, "worker-1", link=1)
    add_sample(builder, cpu, ["parse", "search", "main"], 20, "worker-2")
    waiting = new_profile(builder, "off_cpu", "nanoseconds", now_ns)
    add_sample(builder, waiting, ["wait", "main"], 7_000_000, "worker-1")
    resource = resource_pb2.Resource(attributes=attributes(builder, {"service.name": service, "host.name": "node-1"}))
    scope = common_pb2.InstrumentationScope(name="exporter", version="1")
    scopes = [profiles_pb2.ScopeProfiles(scope=scope, profiles=[cpu, waiting])]
    return service_pb2.ExportProfilesServiceRequest(
        resource_profiles=[profiles_pb2.ResourceProfiles(resource=resource, scope_profiles=scopes)], dictionary=builder.out)


def as_json(message):
    """OTLP's JSON has ids in hexadecimal where that of protobuf has base64."""
    out = json_format.MessageToDict(message)
    for link in out["dictionary"]["linkTable"]:
        if link:
            link["traceId"], link["spanId"] = TRACE.hex(), SPAN.hex()
    return json.dumps(out).encode()


def export_http(address, tenant, message, transport):
    body, headers = message.SerializeToString(), {"Content-Type": "application/x-protobuf", "X-Scope-OrgID": tenant}
    if transport == "http-json":
        body, headers["Content-Type"] = as_json(message), "application/json"
    if transport == "http-gzip":
        body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request("POST", "/v1development/profiles", body, headers)
    reply = connection.getresponse()
    text = reply.read()
    if reply.status in (404, 501):
        return NOT_SERVED
    if reply.status != 200:
        print(reply.status, text[:1000])
        return 1
    service_pb2.ExportProfilesServiceResponse().ParseFromString(text)
    return 0


def export_grpc(address, tenant, message):
    stub = service_pb2_grpc.ProfilesServiceStub(grpc.insecure_channel(address))
    try:
        stub.Export(message, metadata=[("x-scope-orgid", tenant)], timeout=30)
    except grpc.RpcError as error:
        if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNIMPLEMENTED):
            return NOT_SERVED
        print(error.code(), error.details())
        return 1
    return 0


def main():
    transport, address, tenant, service = sys.argv[1:5]
    message = request_of(service)
    if transport == "grpc":
        sys.exit(export_grpc(address, tenant, message))
    sys.exit(export_http(address, tenant, message, transport))


if __name__ == "__main__":
    main()
