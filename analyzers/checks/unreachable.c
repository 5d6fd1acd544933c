#include "analyzers/checks/unreachable.h"

#include <string.h>

#include "analyzers/checks/policy_block.h"
#include "analyzers/checks/status.h"
#include "analyzers/collect/backend.h"
#include "analyzers/collect/service_host.h"

/* Not "main.go:42: …", a place in the source. */
#define NO_FILE "(?!\\S*\\.(?:go|py|js|ts|rb|java|kt|scala|rs|c|cc|cpp|h|php|cs|exs?|lua|sh):)"

/* Where lines name a host, and its port when they do: the first that matches decides. Of a Go line
 * "lookup db on 10.96.0.10:53: read udp …: i/o timeout" it is the name server that is missing. */
static const struct {
    const char *pattern;
    bool is_dns;
} patterns[] = {
    {"lookup [^ ]+ on ([0-9a-f.:\\[\\]]+?):(53): (?!no such host)", true},
    {"lookup ([a-z0-9_.-]+?)\\.?(?: on [^ ]+)?:()", false},
    {"getaddrinfo (?:enotfound|eai_again) ([a-z0-9_.-]+)()", false},
    {"could not translate host name \"([a-z0-9_.-]+)\"()", false},
    {"host not found in (?:[a-z]+ )?\"([a-z0-9_.-]+)(?::([0-9]{1,5}))?\"", false},
    {"could not resolve address '([a-z0-9_.-]+)(?::([0-9]{1,5}))?'", false},
    {"(?:could not resolve host|unknownhostexception|unknown host):? ([a-z0-9_.-]+)()", false},
    {"dial tcp ([a-z0-9_.-]+):([0-9]{1,5})", false},
    {"connection to ([a-z0-9_.-]+):([0-9]{1,5}) refused", false},
    {"connect(?:ing)? to ([a-z0-9_.-]+):([0-9]{1,5})", false},
    {"(?:econnrefused|etimedout|econnreset) ([a-z0-9_.-]+):([0-9]{1,5})", false},
    {"host=['\"]?([a-z0-9_.-]+)['\"]?,? port=([0-9]{1,5})", false},
    {"\"([a-z0-9_.-]+)\"(?: \\([0-9a-f.:]+\\))?,? port ([0-9]{1,5})", false},
    {"[a-z]+://(?:[^@/ ]*@)?([a-z0-9_.-]+)(?::([0-9]{1,5}))?", false},
    {"\\bnc (?:-[a-z0-9]+ )*([a-z0-9.-]+) ([0-9]{2,5})", false},
    {"\\b(?:nslookup|pg_isready -h|dig|getent hosts) ([a-z0-9.-]+)()", false},
    {"(?:^|[ '\"(\\[/=,])" NO_FILE "([a-z][a-z0-9_.-]*[a-z0-9]):([0-9]{2,5})(?![0-9.]|:[^ ])",
     false},
    {"(?:^|[ '\"(\\[/=,])([0-9]{1,3}(?:\\.[0-9]{1,3}){3}):([0-9]{2,5})(?![0-9])", false},
};

static gpointer
compile_patterns(gpointer data)
{
    (void)data;
    GRegex **compiled = g_new0(GRegex *, G_N_ELEMENTS(patterns));
    for (size_t i = 0; i < G_N_ELEMENTS(patterns); i++)
        compiled[i] =
            g_regex_new(patterns[i].pattern, G_REGEX_CASELESS, G_REGEX_MATCH_DEFAULT, NULL);
    return compiled;
}

/* What a pattern finds, or NULL. */
static Unreachable *
find_host(size_t pattern, const char *line)
{
    static GOnce once = G_ONCE_INIT;
    GRegex *const *compiled = g_once(&once, compile_patterns, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    if (!g_regex_match(compiled[pattern], line, G_REGEX_MATCH_DEFAULT, &match))
        return NULL;
    g_autofree char *port = g_match_info_fetch(match, 2);
    Unreachable *dependency = g_new0(Unreachable, 1);
    dependency->host = g_match_info_fetch(match, 1);
    dependency->port = port != NULL ? g_ascii_strtoll(port, NULL, 10) : 0;
    return dependency;
}

/* ---- Which Service it is. ---- */

static bool
has_any(const char *line, const char *const *words)
{
    g_autofree char *lower = g_ascii_strdown(line, -1);
    for (size_t i = 0; words[i] != NULL; i++) {
        if (strstr(lower, words[i]) != NULL)
            return true;
    }
    return false;
}

/* What programs say of a name that is not found, and of one about which nobody answers. */
static const char *const not_found_words[] = {"no such host",
                                              "enotfound",
                                              "eai_again",
                                              "name resolution",
                                              "name or service not known",
                                              "could not translate host name",
                                              "could not resolve",
                                              "unknownhost",
                                              "unknown host",
                                              "host not found",
                                              NULL};
static const char *const no_answer_words[] = {"eai_again", "temporary failure in name resolution",
                                              NULL};

/* Why a pod does not ask the cluster's DNS; NULL: it does, or has servers of its own. */
static const char *
find_dns_fault(const Object *pod)
{
    const char *policy = value_text(pod->value, "spec.dnsPolicy");
    if (strcmp(policy, "Default") == 0)
        return "its dnsPolicy Default has names looked up by the DNS of its node, which knows no "
               "Service of the cluster";
    bool is_first = policy[0] == '\0' || strcmp(policy, "ClusterFirst") == 0;
    return is_first && value_is_true(pod->value, "spec.hostNetwork")
               ? "it uses the network of its node without dnsPolicy ClusterFirstWithHostNet, so "
                 "names are looked up by the DNS of the node, which knows no Service of the cluster"
               : NULL;
}

static void
resolve(const Snapshot *snapshot, const Object *pod, const char *line, Unreachable *dependency)
{
    dependency->service = service_of_host(snapshot, dependency->host, pod->ns);
    dependency->is_missing = service_host_is_missing(snapshot, dependency->host, pod->ns);
    if (dependency->service != NULL && has_any(line, not_found_words))
        dependency->dns_fault = find_dns_fault(pod);
}

Unreachable *
unreachable_of(const Snapshot *snapshot, const Object *pod, const char *line)
{
    Unreachable *best = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(patterns); i++) {
        Unreachable *found = find_host(i, line);
        if (found == NULL)
            continue;
        resolve(snapshot, pod, line, found);
        if (patterns[i].is_dns || has_any(line, no_answer_words))
            found->dns = policy_dns_service(snapshot);
        if (best == NULL || found->service != NULL) {
            unreachable_free(best);
            best = found;
        } else {
            unreachable_free(found);
        }
        /* An address that nobody has may stand beside the name that it was looked up for. */
        if (patterns[i].is_dns || best->service != NULL || !g_hostname_is_ip_address(best->host))
            break;
    }
    return best;
}

void
unreachable_free(Unreachable *dependency)
{
    if (dependency == NULL)
        return;
    g_free(dependency->host);
    g_free(dependency);
}

/* ---- What is wrong with it. ---- */

static guint
count_ready(const GPtrArray *pods)
{
    guint n = 0;
    for (guint i = 0; i < pods->len; i++)
        n += status_is(pods->pdata[i], "Ready", "True") && !status_is_deleted(pods->pdata[i]);
    return n;
}

static bool
has_selector(const Object *service)
{
    return value_count(service->value, "spec.selector") > 0;
}

static char *
missing_text(const Snapshot *snapshot, const Unreachable *dependency)
{
    const GPtrArray *services = snapshot_objects(snapshot, KIND_SERVICE);
    const char *ns = strchr(dependency->host, '.') == NULL ? "its namespace" : "the cluster";
    for (guint i = 0; i < services->len; i++) {
        const Object *service = services->pdata[i];
        if (strcmp(service->name, dependency->host) == 0)
            return g_strdup_printf("%s has no Service %s; namespace %s has one, to be called %s.%s",
                                   ns, dependency->host, service->ns, service->name, service->ns);
    }
    return g_strdup_printf("%s has no Service %s", ns, dependency->host);
}

/* Whether a Service can be called on a port. A headless one has those of its pods, which need not
 * declare them. */
static bool
has_port(const Object *service, const GPtrArray *pods, int port)
{
    if (service_port(service, port, "") != NULL)
        return true;
    if (!value_is(service->value, "spec.clusterIP", "None"))
        return false;
    for (guint i = 0; i < pods->len; i++) {
        const Value *pod = ((const Object *)pods->pdata[i])->value;
        if (port_count(pod) == 0 || port_numbered(pod, port, NULL) != NULL)
            return true;
    }
    return false;
}

char *
unreachable_fault(const Relations *relations, const Snapshot *snapshot,
                  const Unreachable *dependency)
{
    const Object *service = dependency->service;
    if (dependency->is_missing)
        return missing_text(snapshot, dependency);
    if (dependency->dns_fault != NULL)
        return g_strdup(dependency->dns_fault);
    if (service == NULL || !has_selector(service) || !snapshot_knows(snapshot, KIND_POD))
        return NULL;
    const GPtrArray *pods = relations_service_pods(relations, service);
    if (count_ready(pods) == 0)
        return g_strdup_printf("Service %s in namespace %s has no ready pod", service->name,
                               service->ns);
    if (dependency->port > 0 && !has_port(service, pods, (int)dependency->port))
        return g_strdup_printf("Service %s in namespace %s has no port %" G_GINT64_FORMAT,
                               service->name, service->ns, dependency->port);
    return NULL;
}

void
unreachable_blame(const Relations *relations, const Unreachable *dependency, Finding *finding)
{
    const Object *service = dependency->service, *dns = dependency->dns;
    if (dns != NULL && has_selector(dns) &&
        count_ready(relations_service_pods(relations, dns)) == 0)
        finding_blame(finding, dns);
    if (service == NULL || !has_selector(service) || dependency->dns_fault != NULL)
        return;
    const GPtrArray *pods = relations_service_pods(relations, service);
    if (count_ready(pods) > 0)
        return;
    for (guint i = 0; i < pods->len; i++) {
        if (relations_controller(relations, pods->pdata[i]) == finding->object)
            return; /* it is its own Service */
    }
    for (guint i = 0; i < pods->len; i++)
        finding_blame(finding, relations_controller(relations, pods->pdata[i]));
    finding_blame(finding, service);
}
