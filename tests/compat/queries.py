"""What a client has stored, asked of a server as Grafana asks."""
import json
import re
import time

import clients
import cresset


class Queries:
    """Queries of the last hour of one tenant."""

    def __init__(self, server, tenant):
        self.server, self.tenant = server, tenant

    def call(self, method, **fields):
        now_ms = int(time.time() * 1000)
        body = json.dumps({"start": now_ms - 3_600_000, "end": now_ms + 60_000, **fields})
        connection = self.server.connect()
        connection.request("POST", "/querier.v1.QuerierService/" + method, body,
                           {"Content-Type": "application/json", "X-Scope-OrgID": self.tenant,
                            "Accept": "*/*; allow-utf8-labelnames=true"})
        reply = connection.getresponse()
        data = reply.read()
        if reply.status != 200:
            raise cresset.Failed(reply.status, data)
        return json.loads(data)

    def types(self):
        return sorted(one["ID"] for one in self.call("ProfileTypes").get("profileTypes", []))

    def label_names(self):
        return self.call("LabelNames").get("names", [])

    def label_values(self, name, selector="{}"):
        return self.call("LabelValues", name=name, matchers=[selector]).get("names", [])

    def totals(self, profile_type, selector="{}", **more):
        """{function: total value, where it is not its own caller}"""
        graph = self.call("SelectMergeStacktraces", profileTypeID=profile_type, labelSelector=selector,
                          maxNodes="1048576", **more).get("flamegraph", {"names": [], "levels": []})
        out, parents = {}, []
        for level in graph["levels"]:
            numbers, x, nodes = [int(value) for value in level["values"]], 0, []
            for i in range(0, len(numbers), 4):
                x += numbers[i]
                name = graph["names"][numbers[i + 3]]
                above = next((chain for start, end, chain in parents if start <= x < end), ())
                if name not in above:
                    out[name] = out.get(name, 0) + numbers[i + 1]
                nodes.append((x, x + numbers[i + 1], above + (name,)))
                x += numbers[i + 1]
            parents = nodes
        return out


class Checks:
    """Collects what is not as it should be, so that one run shows everything."""

    def __init__(self, queries):
        self.queries, self.wrong, self.right = queries, [], 0

    def that(self, ok, text):
        if ok:
            self.right += 1
        else:
            self.wrong.append(text)

    def labels(self, **values):
        """Each of the labels has this value and no other."""
        for name, value in values.items():
            got = self.queries.label_values(name)
            self.that(got == [value], f"label {name}: {got} instead of {value!r}")

    def _has(self, what, totals, function, at_least, absent):
        value = max((total for name, total in totals.items() if re.fullmatch(function, name)), default=0)
        top = sorted(totals.items(), key=lambda item: -item[1])[:12]
        self.that(value >= at_least, f"{what}: {function} has {value}, not {at_least} or more: {top}")
        for pattern in absent:
            found = [name for name in totals if re.fullmatch(pattern, name)]
            self.that(not found, f"{what}: {found} is in it")

    def function(self, profile_type, function, at_least, selector="{}", absent=()):
        """The profile has a function that matches, with a total of at least so much, and none of `absent`."""
        self._has(profile_type + selector, self.queries.totals(profile_type, selector), function, at_least, absent)

    def span(self, profile_type, span_id, function, at_least, absent=()):
        """The same for the samples of one span; the span is no label of the series."""
        self.that(not {"span_id", "profile_id"} & set(self.queries.label_names()), "the span is a label of the series")
        totals = self.queries.totals(profile_type, spanSelector=[span_id])
        self._has("span " + span_id, totals, function, at_least, absent)

    def end(self):
        if self.wrong:
            raise clients.Wrong(f"profile types: {self.queries.types()}\n" + "\n".join(self.wrong))
        print(f"{self.right} checks; profile types: {' '.join(self.queries.types())}")
