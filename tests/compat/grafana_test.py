#!/usr/bin/env python3
"""The calls of Grafana's data source and of Profiles Drilldown, with their headers and bodies.

Each answer is taken apart as the plugin does. What is not served yet is marked so at its call.
"""
import sys

import clients
import cresset
from grafana import datasource, drilldown
from grafana.calls import CALLS, Grafana


def wrong_with(g, function, served, status):
    """What is wrong with one call, or nothing."""
    try:
        function(g)
    except cresset.Failed as error:
        return f"fails: {error}" if served or error.status != status else None
    except clients.Wrong as error:
        return str(error)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        return f"has not the shape that is needed: {error!r}"
    return None if served else "is served: change its line"


def main():
    options = clients.options(__doc__)
    wrong = []
    with clients.server(options, "--multitenancy", "required") as server:
        datasource.health(Grafana(server))
        if not drilldown.is_onboarding(Grafana(server)):
            wrong.append("an empty server: the app does not show its first page")
        g = Grafana(server)
        g.push()
        for call in CALLS:
            text = wrong_with(g, *call)
            if text:
                wrong.append(f"{call[0].__module__}.{call[0].__name__} {text}")
    print(f"{len(CALLS)} calls, {sum(not served for _, served, _ in CALLS)} of them not served")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
