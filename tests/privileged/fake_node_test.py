#!/usr/bin/env python3
"""A node without a cluster: a real agent in a network namespace and with the service account of a pod, real Go
programs in cgroups of pods, the API server and the kubelet of the harness, and a real server behind a proxy.

The network, the server, the API server and the kubelet fail in every way, and a ledger says of each window and
service that the server holds what was sent, once. Time is short by options: windows of a second, short pauses.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import certificates
import cresset
import fake_node
import kube_api
import node
from fake_node import LABELS, NAMESPACE, NODE, FakeNode, Ledger, dropped, expect, total, wait_windows
from node import WAIT_S, wait_ready, wait_unready

SERVICES = ("web", "cart", "mail")
OUTAGE_WINDOWS = 40  # ten minutes of windows of 15 s
OUTAGE_S = 400  # for them on a loaded machine
STORM = 50  # answers of 410 in a row
RETRY_MAX_S = 0.2
PAUSE_MIN_S = 0.5 * RETRY_MAX_S  # a pause is within 50 % of it
SCRAPE_FILE = """
scrape_configs:
- job_name: annotations
  kubernetes: {role: annotations}
  scrape_interval: 2s
"""
SCRAPED = {"profiles.grafana.com/goroutine.scrape": "true", "profiles.grafana.com/goroutine.port_name": "pprof"}
REFUSED = ("refused", "invalid")  # why profiles are dropped that the server takes never


def check_outage(fake, agent, ledger):
    """The server is away for as many windows as ten minutes have, within what the queue holds."""
    fake.proxy.set_mode("away")
    wait_windows(agent, OUTAGE_WINDOWS, OUTAGE_S)
    waiting = total(agent.metrics(), "cresset_agent_queue_profiles")
    if waiting < OUTAGE_WINDOWS:
        sys.exit(f"only {waiting} profiles wait after {OUTAGE_WINDOWS} windows without a server")
    fake.proxy.set_mode("forward")
    ledger.check(f"a server that was away for {OUTAGE_WINDOWS} windows")


def check_faults(fake, agent, ledger):
    for mode in ("busy", "failing", "held", "half_closed", "reset_request", "reset_reply", "cut_reply"):
        start = fake.proxy.count(mode)
        fake.proxy.set_mode(mode)
        wanted = 1 if mode == "held" else 2
        cresset.wait_for(lambda: fake.proxy.count(mode) >= start + wanted, WAIT_S, f"{wanted} pushes that are {mode}")
        wait_windows(agent, 2)
        fake.proxy.set_mode("forward")
        ledger.check(f"pushes that are {mode}")
    duplicates = metric(fake.server, "cresset_ingest_duplicate_profiles_total")
    if duplicates == 0:
        sys.exit("nothing came twice, although answers were lost")
    print(f"{duplicates:.0f} profiles came twice and are stored once")


def metric(server, name):
    connection = server.connect()
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))


def check_restarts(fake, agent, ledger):
    for what, end in (("a server that was restarted", fake.server.stop), ("a server that was killed", None)):
        (end or fake.server.kill)()
        wait_windows(agent, 3)
        fake.server = cresset.Server(fake.options.bin, fake.folder, "--self-profile=false")
        fake.proxy.target = fake.server.address
        ledger.check(what)


def check_refusal(fake, agent, ledger):
    """What is refused for good is dropped and counted, and the rest goes on."""
    fake.proxy.set_mode("refusing")
    cresset.wait_for(lambda: dropped(agent.metrics(), *REFUSED) > 0, WAIT_S, "a refused profile")
    fake.proxy.set_mode("forward")
    ledger.check("a server that refused", *REFUSED)


def check_full_queue(fake):
    """Beyond the bounds of the queue the oldest are lost, as many as are counted."""
    with fake.agent("--queue-bytes", "64KiB") as agent:
        ledger = Ledger(fake, agent)
        wait_windows(agent, 2)
        fake.proxy.set_mode("away")
        cresset.wait_for(lambda: dropped(agent.metrics(), "queue_full") >= 5, OUTAGE_S, "a full queue")
        fake.proxy.set_mode("forward")
        ledger.check("a queue that was full", "queue_full")


def check_spool(fake):
    """An agent that is killed in an outage loses at most the window that is open; the next one sends what it left."""
    spool = os.path.join(fake.folder, "spool")
    came = len(fake.proxy.came)
    with fake.agent("--spool-dir", spool, ends=False) as agent:
        wait_windows(agent, 2)
        fake.proxy.set_mode("away")
        wait_windows(agent, 10)
        written = total(agent.metrics(), "cresset_agent_spool_profiles")
        agent.process.kill()
        agent.process.wait()
    with fake.agent("--spool-dir", spool) as agent:
        ledger = Ledger(fake, agent)
        wait_windows(agent, 2)
        fake.proxy.set_mode("forward")
        recovered = total(agent.metrics(), "cresset_agent_profiles_recovered_total")
        if recovered < written:
            sys.exit(f"{recovered} profiles were found of {written} that were written before the kill")
        ledger.check("a kill in an outage")
    print(f"{recovered:.0f} profiles of the agent that was killed came, of {len(fake.proxy.came) - came}")


# --- names ------------------------------------------------------------------------------------------


def wait_profile(fake, pod):
    return cresset.wait_for(lambda: fake.profiles(pod), WAIT_S, f"a profile of {pod}")[-1]


def check_names(fake, names):
    """Every profile has what the options and the pods say."""
    for name in names:
        wait_profile(fake, f"{name}-0")
    with fake.proxy.changed:
        came = list(fake.proxy.came.values())
    for profile in came:
        labels = dict(profile.labels)
        name = labels["service_name"]
        wanted = {"namespace": NAMESPACE, "pod": f"{name}-0", "container": "main", "node": NODE, "source": "ebpf", **LABELS}
        expect("labels of a profile", {key: labels.get(key) for key in wanted}, wanted)
        if name == "hidden":
            sys.exit("a pod that opted out was profiled")


def check_new_pod(fake, name):
    fake.start_pod(name)
    wait_profile(fake, f"{name}-0")


# --- the API server ---------------------------------------------------------------------------------


def ends(agent, reason):
    return agent.metrics()[f'cresset_agent_pod_watch_ends_total{{reason="{reason}"}}']


def wait_end(fake, agent, reason, act=lambda: None, **fields):
    """A watch ends for that reason after act(), or once the API server has these fields and the watch that runs is cut;
    then all is well again."""
    start = ends(agent, reason)
    for name, value in fields.items():
        setattr(fake.api, name, value)

    def has_ended():
        if ends(agent, reason) > start:
            return True
        act()  # again: perhaps no watch ran before, or a list came in between
        fake.api.cut()
        return False
    cresset.wait_for(has_ended, WAIT_S, f"a watch that ends as {reason}")
    wait_ready(agent)


def check_token(fake, agent):
    """The token is replaced while the watch runs; then one expires before it is."""
    api, account = fake.api, fake.account
    api.tokens = {"first", "second"}
    account.rotate("second")
    api.tokens = {"second"}
    wait_end(fake, agent, "due")
    expect("watches that were refused", ends(agent, "unauthenticated"), 0)
    api.tokens = {"third"}
    api.cut()
    wait_unready(agent, "the token is expired or wrong (401): Unauthorized")
    account.rotate("third")
    wait_ready(agent)


def check_api(fake, agent):
    api = fake.api
    wait_ready(agent)
    check_token(fake, agent)
    api.forbidden = {"watch"}
    api.cut()
    wait_unready(agent, '(403): pods is forbidden: User "test-agent" cannot watch')
    api.forbidden = set()
    wait_ready(agent)
    wait_end(fake, agent, "throttled", busy=1)
    wait_end(fake, agent, "expired", gone=1)
    wait_end(fake, agent, "expired", api.forget)
    wait_end(fake, agent, "unavailable", halved=True)
    wait_end(fake, agent, "due", slow_s=1)
    api.slow_s, api.silent = 0, True
    wait_unready(agent, "the watch went silent: nothing came from")
    api.silent = False
    wait_ready(agent)
    check_new_pod(fake, "late")


def lists_since(api, start):
    return [request.time_s for request in api.requests[start:] if request.verb == "list"]


def check_storm(fake, agent):
    """The server forgets the watch again and again: lists are as rare as the pauses make them, and names right after."""
    api = fake.api
    start = len(api.requests)
    api.expired = STORM
    api.cut()
    wait_unready(agent, "the server has forgotten where the watch was (410): too old resource version")
    pod = fake.start_pod("storm")
    cresset.wait_for(lambda: api.expired == 0, WAIT_S, "the end of the storm")
    wait_ready(agent)
    times = lists_since(api, start)
    shortest = min(after - before for before, after in zip(times, times[1:]))
    if len(times) != STORM or shortest < PAUSE_MIN_S:
        sys.exit(f"{len(times)} lists for {STORM} answers of 410, two of them within {shortest:.3f} s")
    print(f"{STORM} answers of 410: {len(times)} lists within {times[-1] - times[0]:.1f} s, none sooner than {shortest:.3f} s after another")
    wait_profile(fake, pod["metadata"]["name"])


def check_pauses(fake):
    """By default pauses grow from a second on: half of each at least, as they are within 50 %."""
    api, start = fake.api, len(fake.api.requests)
    api.expired = 10 ** 6
    with fake.agent():
        times = cresset.wait_for(lambda: len(lists_since(api, start)) >= 5 and lists_since(api, start), WAIT_S, "five lists")
    api.expired = 0
    gaps = [after - before for before, after in zip(times, times[1:])]
    if any(gap < 0.5 * 2 ** n for n, gap in enumerate(gaps)):
        sys.exit(f"pauses between lists: {gaps}")
    print("pauses between lists by default:", " ".join(f"{gap:.2f} s" for gap in gaps))


def check_wrong_ca(fake):
    """A server whose certificate is of somebody else is not asked."""
    folder = os.path.join(fake.folder, "other")
    os.mkdir(folder)
    account = node.ServiceAccount(folder, "third", certificates.make_pair(folder, "other", fake.network.PLANE)[0])
    start = len(fake.api.requests)
    with fake.agent("--kubernetes-retry-max", "1s", account=account) as agent:
        wait_unready(agent, "certificate")
    expect("requests", len(fake.api.requests), start)
    print("an API server of another authority: not asked, and named in /ready")


# --- the kubelet ------------------------------------------------------------------------------------


def check_kubelet(fake):
    """The kubelet tells of pods, and nobody asks the API server; a pod that opts out is never profiled."""
    kubelet = kube_api.Kubelet(fake.api, NODE, fake.network.PLANE, 10250, fake.certificate)
    start = len(fake.api.requests)
    with fake.agent("--kubelet", "auto", "--kubelet-interval", "1s", "--kubernetes-retry-max", "1s", "--targeting", "all",
                    variables=[f"NODE_IP={fake.network.PLANE}"]) as agent:
        wait_ready(agent)
        hidden = fake.start_pod("hidden", enabled="false", told=False)
        wait_windows(agent, 1)
        fake.api.put(hidden)
        check_new_pod(fake, "polled")
        cresset.wait_for(lambda: agent.metrics()['cresset_agent_processes_skipped_total{reason="opt_out"}'] > 0, WAIT_S, "an opt-out")
        expect("profiles of what opted out", [one for one in fake.proxy.came.values()
                                              if one.label("container_id") == fake.containers[-2].id], [])
        kubelet.forbidden = True
        wait_unready(agent, "kubelet: the right to list or watch is missing (403): Forbidden (user=")
        kubelet.forbidden = False
        wait_ready(agent)
        kubelet.tokens = {"fourth"}
        wait_unready(agent, "kubelet: the token is expired or wrong (401): Unauthorized")
        fake.account.rotate("fourth")
        wait_ready(agent)
    expect("what no client should ask a kubelet", kubelet.violations, [])
    expect("requests to the API server", len(fake.api.requests), start)
    gaps = [after.time_s - before.time_s for before, after in zip(kubelet.requests, kubelet.requests[1:])]
    print(f"{len(kubelet.requests)} requests to the kubelet, {min(gaps):.2f} s to {max(gaps):.2f} s after one another")


def check_scrape(fake):
    """A pod that asks for it is scraped, and its profiles have the labels of the options and of the pod."""
    path = os.path.join(fake.folder, "scrape.yaml")
    with open(path, "w") as out:
        out.write(SCRAPE_FILE)
    fake.start_pod("scraped", enabled="false", annotations=SCRAPED)
    with fake.agent("--scrape-file", path):
        cresset.wait_for(lambda: len(fake.profiles("scraped-0")) >= 3, WAIT_S, "three scraped profiles")
        for profile in fake.profiles("scraped-0"):
            labels = dict(profile.labels)
            wanted = {"__name__": "goroutine", "namespace": NAMESPACE, "container": "main", "node": NODE, "service_name": "scraped", **LABELS}
            expect("labels of a scraped profile", {key: labels.get(key) for key in wanted}, wanted)
    print(f"{len(fake.profiles('scraped-0'))} profiles were scraped of a pod that asks for it")


def run(options, folder):
    fake = FakeNode(options, folder)
    try:
        for name in SERVICES:
            fake.start_pod(name)
        with fake.agent("--kubernetes-retry-max", f"{RETRY_MAX_S}s", "--kubernetes-silence", "5s") as agent:
            ledger = Ledger(fake, agent)
            check_names(fake, SERVICES)
            check_outage(fake, agent, ledger)
            check_faults(fake, agent, ledger)
            check_restarts(fake, agent, ledger)
            check_api(fake, agent)
            check_storm(fake, agent)
            check_names(fake, (*SERVICES, "late", "storm"))
            ledger.check("the API server's faults")
            check_refusal(fake, agent, ledger)
        check_full_queue(fake)
        check_spool(fake)
        check_scrape(fake)
        check_pauses(fake)
        check_wrong_ca(fake)
        check_kubelet(fake)
        expect("what no client should ask", fake.api.violations, [])
        expect("errors of the proxy's own", fake.proxy.errors, [])
    finally:
        fake.close()


if __name__ == "__main__":
    fake_node.main(__doc__, run)
