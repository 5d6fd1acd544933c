"""The protobuf messages of proto/, compiled by protoc when a test asks for them. Needs python3-protobuf."""
import importlib
import os
import subprocess
import sys

PROTO_DIR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "proto")


def compile_into(folder):
    """Makes the modules in this folder; module() finds them from then on."""
    files = sorted(name for name in os.listdir(PROTO_DIR) if name.endswith(".proto"))
    subprocess.run(["protoc", f"--proto_path={PROTO_DIR}", f"--python_out={folder}", *files], check=True, timeout=60)
    sys.path.insert(0, folder)


def module(noun):
    """The module of proto/<noun>.proto."""
    return importlib.import_module(noun + "_pb2")


# Where the messages of a service are and how they are called, without Request and Response.
SERVICES = {
    "push.v1.PusherService": ("push", "{}"),
    "querier.v1.QuerierService": ("querier", "{}"),
    "settings.v1.SettingsService": ("settings", "{}Settings"),
    "settings.v1.RecordingRulesService": ("settings", "{}"),
    "adhocprofiles.v1.AdHocProfileService": ("adhoc", "AdHocProfiles{}"),
    "debuginfo.v1alpha1.DebuginfoService": ("debuginfo", "{}"),
    "opentelemetry.proto.collector.profiles.v1development.ProfilesService": ("otlp", "{}ProfilesService"),
}
# What is called otherwise: module, request and response.
EXCEPTIONS = {
    "LabelNames": ("types", "LabelNamesRequest", "LabelNamesResponse"),
    "LabelValues": ("types", "LabelValuesRequest", "LabelValuesResponse"),
    "GetProfileStats": ("types", "GetProfileStatsRequest", "GetProfileStatsResponse"),
    "SelectMergeSpanProfile": ("querier", "SelectMergeSpanProfileRequest", "SelectMergeStacktracesResponse"),
    "AdHocProfileService/Upload": ("adhoc", "AdHocProfilesUploadRequest", "AdHocProfilesGetResponse"),
    "SettingsService/Get": ("settings", "GetSettingsRequest", "GetSettingsResponse"),
    "Health/Check": ("health", "HealthCheckRequest", "HealthCheckResponse"),
    "Version": ("services", "Empty", "VersionResponse"),
    "GetFeatureFlags": ("services", "Empty", "GetFeatureFlagsResponse"),
}


def of_method(path):
    """The classes of request and response of "/<service>/<method>"; None for a method that is not served."""
    service, method = path.strip("/").split("/")
    short = service.rsplit(".", 1)[1] + "/" + method
    if method == "SelectMergeProfile":
        return module("querier").SelectMergeProfileRequest, module("profile").Profile
    if short in EXCEPTIONS or method in EXCEPTIONS:
        noun, request, response = EXCEPTIONS.get(short) or EXCEPTIONS[method]
    elif service in SERVICES:
        noun, name = SERVICES[service]
        request, response = name.format(method) + "Request", name.format(method) + "Response"
    else:
        return None
    found = [getattr(module(noun), name, None) for name in (request, response)]
    return found if all(found) else None


def encode(path, body):
    """The bytes of a request whose JSON form is this; fields that it does not have are left out."""
    from google.protobuf import json_format
    return json_format.ParseDict(body, of_method(path)[0](), ignore_unknown_fields=True).SerializeToString(deterministic=True)


def decode(path, data):
    """The JSON form of an answer."""
    from google.protobuf import json_format
    return json_format.MessageToDict(of_method(path)[1].FromString(data))
