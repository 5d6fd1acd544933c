"""A receiver that answers as Loki documents its HTTP API (grafana.com/docs/loki/latest/reference/loki-http-api), and refuses what is
not in there: methods, tenants, times, limits and queries. Errors are plain text. Of LogQL it knows the part that tests need:
selectors, filters of lines and labels, sums of counts over time, label_replace, comparisons with numbers, and, or, unless.
"""
import http.server
import json
import re
import threading
import time
import urllib.parse

ENTRIES_MAX, SERIES_MAX, LENGTH_MAX_S, VALUES_MAX_S = 5000, 500, 30 * 86400 + 3600, 6 * 3600
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*"|`[^`]*`)|(\d+(?:ms|[smhd])\b)|(\d+(?:\.\d+)?)|([A-Za-z_]\w*)|(\|~|\|=|!=|!~|=~|>=|<=|==|[{}()\[\],=|><]))')


class Refused(Exception):
    """A status and its text."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status, self.text = status, text


class Line:
    """A line of a stream; metadata are those of the line, structured."""

    def __init__(self, at, stream, text, metadata=None):
        self.at, self.stream, self.text, self.metadata = at, stream, text, metadata or {}
        self.labels = {**self.stream, **self.metadata}


def unquote(token):
    return token[1:-1] if token[0] == "`" else json.loads(re.sub(r"\\x(..)", r"\\u00\1", token))


class Query:
    """A query that is parsed while it is evaluated, over these lines."""

    def __init__(self, text, lines):
        self.text, self.lines, self.tokens, self.next, at = text, lines, [], 0, 0
        while text[at:].strip():
            found = TOKEN.match(text, at)
            if found is None:
                raise self.syntax(text[at:].strip()[:1], at)
            self.tokens.append((found.group(0).strip(), found.start()))
            at = found.end()

    def syntax(self, what, at=None):
        return Refused(400, f"parse error at line 1, col {(at or 0) + 1}: syntax error: unexpected {what}\n")

    def peek(self):
        return self.tokens[self.next][0] if self.next < len(self.tokens) else "$end"

    def take(self, *wanted):
        token = self.peek()
        if wanted and token not in wanted:
            raise self.syntax(token, self.tokens[self.next][1] if self.next < len(self.tokens) else len(self.text))
        self.next += 1
        return token

    def matcher(self, of):
        """A predicate on what `of` makes of a line and a label's name."""
        name, operator, value = self.take(), self.take("=", "!=", "=~", "!~"), unquote(self.take())
        if operator in ("=", "!="):
            return lambda line: (of(line, name) == value) == (operator == "="), operator == "=" and value != ""
        expression = re.compile(value.replace("(?i)", ""), re.I if "(?i)" in value else 0)
        return (lambda line: (expression.fullmatch(of(line, name)) is not None) == (operator == "=~"),
                operator == "=~" and expression.fullmatch("") is None)

    def log(self):
        """The lines of a log query."""
        self.take("{")
        matchers = [self.matcher(lambda line, name: line.stream.get(name, ""))]
        while self.take(",", "}") == ",":
            matchers.append(self.matcher(lambda line, name: line.stream.get(name, "")))
        if not any(positive for _, positive in matchers):
            raise Refused(400, "parse error : queries require at least one regexp or equality matcher that does not have an empty-compatible "
                               "value. For instance, app=~\".*\" does not meet this requirement, but app=~\".+\" will\n")
        lines = [line for line in self.lines if all(match(line) for match, _ in matchers)]
        while self.peek() in ("|~", "|=", "!=", "!~", "|"):
            keep = self.stage(self.take())
            lines = [line for line in lines if keep(line)]
        return lines

    def stage(self, operator):
        if operator == "|":
            matches = [self.matcher(lambda line, name: line.labels.get(name, ""))[0]]
            while self.peek() == "or":
                self.take("or")
                matches.append(self.matcher(lambda line, name: line.labels.get(name, ""))[0])
            return lambda line: any(match(line) for match in matches)
        text = unquote(self.take())
        if operator in ("|=", "!="):
            return lambda line: (text in line.text) == (operator == "|=")
        expression = re.compile(text)
        return lambda line: (expression.search(line.text) is not None) == (operator == "|~")

    def counts(self, at):
        """count_over_time or label_replace of it: [(labels, count)]."""
        function = self.take("count_over_time", "label_replace")
        self.take("(")
        if function == "label_replace":
            series = self.counts(at)
            target, new, source, pattern = [(self.take(","), unquote(self.take()))[1] for _ in range(4)]
            self.take(")")
            return [(replaced(labels, target, new, source, pattern), n) for labels, n in series]
        lines = self.log()
        self.take("[")
        window = seconds_of(self.take())
        self.take("]")
        if self.peek() == "offset":
            self.take("offset")
            at -= seconds_of(self.take())
        self.take(")")
        found = {}
        for line in lines:
            if at - window < line.at <= at:
                key = tuple(sorted(line.labels.items()))
                found[key] = found.get(key, 0) + 1
        return [(dict(key), n) for key, n in found.items()]

    def vector(self, at):
        """sum [by (a, b)] (counts) [> 5]."""
        self.take("sum")
        by = []
        if self.peek() == "by":
            self.take("by")
            self.take("(")
            by.append(self.take())
            while self.take(",", ")") == ",":
                by.append(self.take())
        self.take("(")
        sums = {}
        for labels, n in self.counts(at):
            key = tuple((name, labels[name]) for name in sorted(by) if labels.get(name))
            sums[key] = sums.get(key, 0) + n
        self.take(")")
        if self.peek() == ">":
            self.take(">")
            least = float(self.take())
            sums = {key: n for key, n in sums.items() if n > least}
        return sums

    def metric(self, at):
        sums = self.vector(at)
        while self.peek() in ("and", "or", "unless"):
            operator, other = self.take(), self.vector(at)
            if operator == "or":
                sums = {**other, **sums}
            else:
                sums = {key: n for key, n in sums.items() if (key in other) == (operator == "and")}
        if self.peek() != "$end":
            raise self.syntax(self.peek(), self.tokens[self.next][1])
        return sums


def replaced(labels, target, new, source, pattern):
    found = re.fullmatch(pattern, labels.get(source, ""))
    return labels if found is None else {**labels, target: found.expand(new.replace("$", "\\"))}


def seconds_of(text):
    number, unit = re.fullmatch(r"(\d+)(ms|[smhd])", text).groups()
    return int(number) * UNITS[unit]


def time_of(text, otherwise):
    """Ten digits or fewer are seconds, more are nanoseconds, and a fraction is one of seconds."""
    if text is None:
        return otherwise
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        raise Refused(400, f"cannot parse \"{text}\" to a valid timestamp\n")
    return float(text) if "." in text or len(text) <= 10 else int(text) / 1e9


class Loki:
    """Serves lines on the loopback until it is stopped; `busy` is how many requests it refuses first."""

    def __init__(self, lines, tenant="team", busy=0):
        self.lines, self.tenant, self.busy, self.requests = lines, tenant, busy, []
        loki = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                self.close_connection = False
                try:
                    status, kind, text = 200, "application/json; charset=UTF-8", json.dumps(loki.answer(self))
                except Refused as refused:
                    status, kind, text = refused.status, "text/plain; charset=utf-8", refused.text
                data = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.do_GET()

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request):
        address = urllib.parse.urlsplit(request.path)
        fields = {name: values[0] for name, values in urllib.parse.parse_qs(address.query, keep_blank_values=True).items()}
        self.requests.append((address.path, fields))
        answers = {"/loki/api/v1/labels": self.labels, "/loki/api/v1/query_range": self.query_range, "/loki/api/v1/query": self.query}
        tenant = request.headers.get("X-Scope-OrgID", "")
        if address.path not in answers:
            raise Refused(404, "404 page not found\n")
        if request.command != "GET":
            raise Refused(405, "")
        if not tenant:
            raise Refused(401, "no org id\n")
        if self.busy > 0:
            self.busy -= 1
            raise Refused(429, "too many outstanding requests\n")
        return {"status": "success", **answers[address.path](fields, [line for line in self.lines if tenant == self.tenant])}

    def labels(self, fields, lines):
        end = time_of(fields.get("end"), time.time())
        start = time_of(fields.get("start"), end - VALUES_MAX_S)
        names = {name for line in lines if start <= line.at <= end for name in line.stream}
        return {"data": sorted(names)} if names else {}

    def query_range(self, fields, lines):
        end = time_of(fields.get("end"), time.time())
        start, limit = time_of(fields.get("start"), end - 3600), int(fields.get("limit", 100))
        if end <= start:
            raise Refused(400, "end timestamp must not be before or equal to start time\n")
        if limit <= 0:
            raise Refused(400, "limit must be a positive value\n")
        if fields.get("direction", "backward") not in ("forward", "backward"):
            raise Refused(400, f"invalid direction '{fields['direction']}'\n")
        if end - start > LENGTH_MAX_S:
            raise Refused(400, f"the query time range exceeds the limit (query length: {end - start:.0f}s, limit: 30d1h)\n")
        if limit > ENTRIES_MAX:
            raise Refused(400, f"max entries limit per query exceeded, limit > max_entries_limit_per_query ({limit} > {ENTRIES_MAX})\n")
        query = Query(fields.get("query", ""), lines)
        found = query.log()
        if query.peek() != "$end":
            raise query.syntax(query.peek())
        backward = fields.get("direction", "backward") == "backward"
        found = sorted((line for line in found if start <= line.at < end), key=lambda line: line.at, reverse=backward)[:limit]
        streams = {}
        for line in found:
            streams.setdefault(tuple(sorted(line.labels.items())), []).append([str(int(line.at * 1e9)), line.text])
        return {"data": {"resultType": "streams", "result": [{"stream": dict(key), "values": values} for key, values in streams.items()],
                         "stats": {"summary": {"totalLinesProcessed": len(lines)}}}}

    def query(self, fields, lines):
        text, at = fields.get("query", ""), time_of(fields.get("time"), time.time())
        if text.lstrip().startswith("{"):
            raise Refused(400, "log queries are not supported as an instant query type, please change your query to a range query type\n")
        sums = Query(text, lines).metric(at)
        if len(sums) > SERIES_MAX:
            raise Refused(400, f"maximum of series ({SERIES_MAX}) reached for a single query\n")
        return {"data": {"resultType": "vector", "result": [{"metric": dict(key), "value": [at, str(n)]} for key, n in sums.items()], "stats": {}}}
