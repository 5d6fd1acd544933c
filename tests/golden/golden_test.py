#!/usr/bin/env python3
"""The bytes of every answer of the API, held by files: what a change of them changes is seen in its review.

Each case of cases.py is asked of one real server. An RPC is called in every way there is (rpc.WAYS): the
answers of Connect in both codecs stand in the case's file, and every other way has to give the same message or
error. What is no RPC is asked over HTTP/1.1, plain and with gzip, and over HTTP/2 with zstd.

    golden_test.py --bin build/bin             compares, and prints what differs
    golden_test.py --bin build/bin --update    writes the files anew
"""
import argparse
import collections
import difflib
import gzip
import json
import os
import re
import sys
import tempfile
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "harness"), HERE]
import cresset
import messages
import rpc

OPENAPI = os.path.join(HERE, "..", "..", "docs", "reference", "openapi.yaml")
AGAIN_S = 30  # for what a case asks again about
# Counts what the process has done, and say what it runs with: configuration_test has them.
CONFIG = "/api/v1/status/config"
NOT_RECORDED = {"/metrics", CONFIG, CONFIG + "/diff", CONFIG + "/default"}

# Of the header fields only what says how to read the answer.
SHOWN_HEADERS = ["Content-Disposition", "Accept-Post", "Allow", "Location"]
RAW_WAYS = [rpc.Way("HTTP/1.1", None, None, 1, None), rpc.Way("HTTP/1.1, gzip", None, None, 1, "gzip"),
            rpc.Way("HTTP/2, zstd", None, None, 2, "zstd")]

# What is another value in every run. Nothing else may be: a case names the masks that it needs, and each of them
# has to find its value. `pattern` is what the value looks like, `value` what stands in the file instead of it.
Mask = collections.namedtuple("Mask", "reason key field pattern value")
UUID, ULID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "[0-9A-HJKMNP-TV-Z]{26}"
MS, TIME = "[0-9]{13}", r"20[0-9-]{8}T[0-9:]{8}(?:\.[0-9]+)?Z"
MASKS = {
    "id": Mask("an ad-hoc profile is called by time and chance", "id", "id", ULID, "0" * 26),
    "uploadedAt": Mask("the server's clock", "uploadedAt", "uploaded_at", MS, "1" * 13),
    "modifiedAt": Mask("the server's clock, where the client does not say", "modifiedAt", "modifiedAt", MS, "1" * 13),
    "startedAt": Mask("the server's clock", "startedAt", "started_at", TIME, "2001-02-03T04:05:06.700000001Z"),
    "finishedAt": Mask("the server's clock", "finishedAt", "finished_at", TIME, "2001-02-03T04:05:06.700000001Z"),
    "tenant": Mask("the steps are done for several tenants", "tenant", None, "steps[0-9]+", "steps"),
    "received": Mask("the server's clock", "received", None, TIME, "2001-02-03T04:05:06Z"),
    "rule_id": Mask("a rule without an id is called by chance", "id", "id", "[a-z]{10}", "a" * 10),
    "request_id": Mask("an asynchronous query is called by chance", "requestId", "request_id", UUID, "0" * 36),
    "version": Mask("of the build", "version", None, '[^"]+', "0"),
    "revision": Mask("of the build", "revision", None, '[^"]*', "0"),
    "branch": Mask("of the build", "branch", None, '[^"]*', "0"),
}


class Wrong(Exception):
    """An answer that no file could make right."""


# ---- What stands in a file. ----

def json_tokens(text):
    """The tokens of JSON without spaces between them, each as it is written."""
    tokens = re.findall(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', text)
    if "".join(tokens) != text:
        raise Wrong(f"JSON with spaces in it: {text[:200]!r}")
    return tokens


def json_lines(text):
    """JSON over several lines: only spaces are added, so that order and spelling of everything are seen."""
    json.loads(text)
    tokens, at = json_tokens(text), 0

    def value(indent):
        nonlocal at
        opening = tokens[at]
        at += 1
        if opening not in "{[":
            return opening
        items = []
        while tokens[at] not in "}]":
            item = tokens[at] + ": " if opening == "{" else ""
            at += 2 if opening == "{" else 0
            items.append(item + value(indent + "  "))
            at += tokens[at] == ","
        closing = tokens[at]
        at += 1
        line = opening + ", ".join(items) + closing
        is_flat = opening == "[" and not any(item[0] in "{[" for item in items)
        if "\n" not in line and (is_flat or len(line) + len(indent) <= 110):
            return line
        return opening + "".join(f"\n{indent}  {item}," for item in items)[:-1] + f"\n{indent}{closing}"
    return value("")


def hex_lines(data):
    lines = []
    for i in range(0, len(data), 16):
        row = data[i:i + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{i:06x}  {row.hex(' '):<47}  |{text}|")
    return "\n".join(lines)


def body_lines(content_type, data):
    if not data:
        return "(nothing)"
    if content_type.startswith("application/json"):
        return json_lines(data.decode())
    if data[:2] == b"\x1f\x8b":  # the bytes of gzip depend on the zlib there is
        return "gzip of\n" + hex_lines(gzip.decompress(data))
    text = data.decode(errors="replace")
    if not content_type.startswith("text/") or "\ufffd" in text or not re.sub("[\n\t]", "", text).isprintable():
        return hex_lines(data)
    return text[:-1] if text.endswith("\n") else text + "\n(no newline)"


def reply_lines(way, reply, body):
    content_type = reply.headers.get("content-type", "(no content type)")
    shown = [f"{name}: {reply.headers[name.lower()]}\n" for name in SHOWN_HEADERS if name.lower() in reply.headers]
    return f"\n=== {way.name}: {reply.status} {content_type}\n{''.join(shown)}{body_lines(content_type, body)}\n"


def request_lines(case):
    """The request with the parameters of its path decoded, one in a line."""
    path, _, query = case.path.partition("?")
    fields = "".join(f"{name}: {value}\n" for name, value in case.headers.items())
    params = "".join(f"  {name}={value}\n" for name, value in urllib.parse.parse_qsl(query))
    body = ""
    if case.message is not None:
        body = "\n" + json_lines(cases.compact(case.message)) + "\n"
    elif case.body:
        body = "\n" + body_lines("application/json" if is_json(case.body) else "text/", case.body) + "\n"
    return f"{case.method} {path}\n{params}{fields}{body}"


def is_json(data):
    try:
        return data == cases.compact(json.loads(data)).encode()
    except ValueError:
        return False


def file_of(case):
    return os.path.join(case.path.split("?")[0].strip("/"), case.name + ".golden")


# ---- What is masked. ----

def mask_json(case, data):
    text = data.decode()
    for name in case.masks:
        mask = MASKS[name]
        text, n = re.subn(rf'("{mask.key}":"){mask.pattern}', lambda found: found.group(1) + mask.value, text)
        if n == 0:
            raise Wrong(f"there is no {mask.key} like {mask.pattern} in {data!r}")
    return text.encode()


def mask_fields(message, mask):
    """How many fields of the message and those within got the value of the mask."""
    n = 0
    for field, value in message.ListFields():
        values = value if field.label == field.LABEL_REPEATED else [value]
        if field.name == mask.field and field.type == field.TYPE_MESSAGE:
            value.FromJsonString(mask.value)
            n += 1
        elif field.type == field.TYPE_MESSAGE:
            n += sum(mask_fields(one, mask) for one in values)
        elif field.name == mask.field:
            text, found = re.subn("^" + mask.pattern, mask.value, str(value))
            setattr(message, field.name, type(value)(text))
            n += found
    return n


def mask_proto(case, data):
    """The bytes are those of the server: python3-protobuf writes what it has read byte by byte the same."""
    if not case.masks:
        return data
    message = messages.of_method(case.path)[1].FromString(data)
    if message.SerializeToString(deterministic=True) != data:
        raise Wrong("the message is not in the order of its fields")
    for name in case.masks:
        if mask_fields(message, MASKS[name]) == 0:
            raise Wrong(f"there is no field {MASKS[name].field} like {MASKS[name].pattern}")
    return message.SerializeToString(deterministic=True)


def masked(case, way, code, data):
    if code != "ok":
        return data
    return mask_proto(case, data) if way.codec == "proto" else mask_json(case, data)


# ---- Asking. ----

def field_of(case, way, body, path):
    """The field "a.b" of an answer; None where it has none."""
    value = json.loads(body) if way.codec == "json" else messages.decode(case.path, body)
    for key in path.split("."):
        value = value.get(key, {})
    return value or None


def is_unsettled(case, way, reply):
    code, body = rpc.answer_of(way, reply)
    return code == "ok" and all(field_of(case, way, body, path) == value for path, value in case.again.items())


class Run:
    """One server with the profiles of data.py, and what it answered: {file: {way: (reply, answer)}}."""

    def __init__(self, server):
        self.connections = {1: rpc.Http1(server), 2: rpc.Http2(server)}
        self.variables = {}  # what the cases keep
        self.answers = collections.defaultdict(dict)
        self.n_compressed = collections.Counter()

    def call(self, case, way, tenant):
        headers = {**case.headers, **tenant}
        if case.message is None:
            return rpc.Call(case.method, case.path, {**headers, "Accept-Encoding": way.compression or "identity"}, case.body)
        text = re.sub(r"\$(\w+)", lambda found: self.variables[found.group(1)], cases.compact(case.message))
        if way.codec == "json":
            return rpc.call_of(way, case.path, text.encode(), headers)
        message = messages.encode(case.path, json.loads(text)) if messages.of_method(case.path) else b""
        return rpc.call_of(way, case.path, message, headers)

    def take(self, case, way, reply):
        if rpc.is_compressed(reply):
            self.n_compressed[way] += 1
        try:
            if way.protocol is None:
                code, body = "ok", mask_json(case, reply.body) if case.masks else reply.body
            else:
                code, body = rpc.answer_of(way, reply)
                self.keep(case, way, body)
                body = masked(case, way, code, body)
        except Exception as error:  # whatever it is, it is of this case
            raise Wrong(f"{file_of(case)}, {way.name}: {type(error).__name__} {error}") from error
        known = self.answers[file_of(case)].setdefault(way, (reply, (code, body)))
        if known[1] != (code, body):
            raise Wrong(f"{file_of(case)}: {body!r} after {known[1]!r}")

    def keep(self, case, way, body):
        for variable, path in case.keep.items():
            self.variables[variable] = field_of(case, way, body, path)

    def ask(self, cases, way, tenant):
        for case in cases:
            self.take(case, way, self.send(case, way, tenant))

    def send(self, case, way, tenant):
        """The answer, once it is no longer one upon which the case asks again."""
        end = time.monotonic() + AGAIN_S
        while True:
            reply = self.connections[way.http].send(self.call(case, way, tenant))
            if not case.again or time.monotonic() > end or not is_unsettled(case, way, reply):
                return reply
            time.sleep(0.01)

    def ask_all(self, cases):
        """Everything that only reads first, in every way; then what changes something, step by step."""
        reads = [case for case in cases if not case.in_order]
        steps = [case for case in cases if case.in_order]
        for way in [*rpc.WAYS, *RAW_WAYS]:
            chosen = [case for case in reads if (case.message is None) == (way.protocol is None)]
            self.ask(chosen, way, {})
        for i, way in enumerate(rpc.WAYS):
            for case in steps:
                self.ask([case], way if case.message is not None else RAW_WAYS[0], {"X-Scope-OrgID": f"steps{i}"})


# ---- Comparing. ----

def check_ways(case, answers):
    """Every way gives the same message, in each codec, or the same error."""
    recorded = {"json": answers[rpc.CONNECT_JSON], "proto": answers[rpc.CONNECT_BINARY]}
    for way, (_, answer) in answers.items():
        _, wanted = recorded[way.codec]
        if answer != wanted:
            raise Wrong(f"{file_of(case)}: {way.name} answers {answer!r}, not {wanted!r}")
    (code, text), (proto_code, message) = (recorded[codec][1] for codec in ("json", "proto"))
    if code != proto_code or (code != "ok" and text != message):
        raise Wrong(f"{file_of(case)}: {code} {text!r} as JSON, {proto_code} {message!r} as protobuf")
    if code == "ok" and json.loads(text) != messages.decode(case.path, message):
        raise Wrong(f"{file_of(case)}: as JSON\n{text!r}\nand as protobuf\n{messages.decode(case.path, message)!r}")


def check_raw(case, answers):
    replies = {way: (reply.status, body) for way, (reply, (_, body)) in answers.items()}
    for way, got in replies.items():
        if got != replies[RAW_WAYS[0]]:
            raise Wrong(f"{file_of(case)}: {way.name} answers {got!r}, not {replies[RAW_WAYS[0]]!r}")


def content_of(case, answers):
    recorded = [RAW_WAYS[0]] if case.message is None else [rpc.CONNECT_JSON, rpc.CONNECT_BINARY]
    out = request_lines(case)
    for way in recorded:
        reply, (code, body) = answers[way]
        out += reply_lines(way, reply, body if code == "ok" else reply.body)
    return out


def recorded_files():
    return {os.path.relpath(os.path.join(folder, name), HERE) for folder, _, names in os.walk(HERE) for name in names
            if name.endswith(".golden")}


def read(path):
    try:
        with open(os.path.join(HERE, path), encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None


def compare(contents):
    """Prints what differs from the files; how many files are not right."""
    n_wrong = 0
    for path, content in contents.items():
        old = read(path)
        if old == content:
            continue
        n_wrong += 1
        if old is None:
            print(f"{path}: there is no such file")
            continue
        sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), content.splitlines(True), "tests/golden/" + path, "answered"))
    for path in sorted(recorded_files() - contents.keys()):
        n_wrong += 1
        print(f"{path}: no case has this file")
    return n_wrong


def update(contents):
    for path in recorded_files() - contents.keys():
        os.remove(os.path.join(HERE, path))
    for path, content in contents.items():
        if read(path) != content:
            os.makedirs(os.path.dirname(os.path.join(HERE, path)), exist_ok=True)
            with open(os.path.join(HERE, path), "w", encoding="utf-8", newline="") as file:
                file.write(content)
            print(f"wrote {path}")


def check_paths(cases):
    """Every path that is documented has a case."""
    with open(OPENAPI, encoding="utf-8") as file:
        documented = re.findall(r"^  (/\S+):$", file.read(), re.M)
    asked = {case.path.split("?")[0] for case in cases}
    for path in documented:
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
        if path not in NOT_RECORDED and not any(re.fullmatch(pattern, one) for one in asked):
            raise Wrong(f"{path} has no case")


def check_all(run, cases):
    """{file: what has to stand in it}"""
    contents = {}
    for case in cases:
        path = file_of(case)
        answers = run.answers[path]
        if path in contents:
            raise Wrong(f"{path} is the file of two cases")
        (check_raw if case.message is None else check_ways)(case, answers)
        contents[path] = content_of(case, answers)
    for way in [*rpc.WAYS, *RAW_WAYS]:
        if (way.compression is not None) != (run.n_compressed[way] > 0):
            raise Wrong(f"{way.name}: {run.n_compressed[way]} answers were compressed")
    return contents


def ask(options, folder):
    overrides = os.path.join(folder, "overrides.yaml")
    with open(overrides, "w") as file:
        file.write("overrides:\n  week:\n    max_query_lookback: 7d\n" + data.OF_ANNOTATED)
    server = cresset.Server(options.bin, folder, "--self-profile=false", "--multitenancy", "required", "--reject-older-than", "0",
                            "--max-query-lookback", "0", "--max-query-length", "8d", "--overrides-file", overrides)
    try:
        run, all_cases = Run(server), cases.all_cases()
        check_paths(all_cases)
        data.load(server.connect())
        run.ask_all(all_cases)
        return check_all(run, all_cases)
    finally:
        assert server.stop() == 0, server.log()[-1000:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, help="the folder of the programs")
    parser.add_argument("--update", action="store_true", help="write the files instead of comparing with them")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cresset-golden-") as folder:
        messages.compile_into(folder)
        try:
            contents = ask(options, folder)
        except Wrong as error:
            sys.exit(str(error))
    if options.update:
        update(contents)
    elif n_wrong := compare(contents):
        sys.exit(f"{n_wrong} of {len(contents)} files differ. If the answers are right as they are now: "
                 f"tests/golden/golden_test.py --bin {options.bin} --update")


if __name__ == "__main__":
    cresset.need_system(["protoc"], {"google.protobuf": "python3-protobuf", "h2": "python3-h2", "zstandard": "python3-zstandard"})
    import cases
    import data
    main()
