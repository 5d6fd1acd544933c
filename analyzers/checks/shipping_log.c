#include "analyzers/checks/shipping_log.h"

#include <string.h>

#include "analyzers/collect/backend.h"
#include "analyzers/collect/service_host.h"
#include "lib/base/redact.h"

enum { LINE_BYTES_MAX = 300 };

/* Lines about sending have one of these: components of Alloy, and words of its clients and of
 * cresset-agent. */
static const char *const sending[] = {"remote_write",
                                      "remote storage",
                                      "loki.write",
                                      "pyroscope.write",
                                      "otelcol.exporter",
                                      "send batch",
                                      "sending batch",
                                      "/push",
                                      "push",
                                      NULL};

/* Parts of lines in lower case; the first that is there decides. */
static const struct {
    const char *part, *why, *step;
} troubles[] = {
#define CREDENTIALS "Renew its credentials, and check the tenant that it sends to."
    {"401", "the back end answers 401: it refuses its credentials", CREDENTIALS},
    {"403", "the back end answers 403: it refuses its credentials or tenant", CREDENTIALS},
    {"no org id", "the back end wants a tenant", CREDENTIALS},
#define LIMITS "Raise the ingestion limit of the tenant, or send fewer series, lines or profiles."
    {"429", "the back end answers 429: it limits what comes", LIMITS},
    {"err-mimir-", "the back end refuses what comes by a limit", LIMITS},
#define AWAY "See whether the back end is up."
    {"status 500", "the back end answers 500: it fails", AWAY},
    {"status 502", "the back end answers 502: it cannot be reached behind its gateway", AWAY},
    {"status 503", "the back end answers 503: it is not available", AWAY},
    {"status 504", "the back end answers 504: it is too slow", AWAY},
#define NAMES "Check the name of the host, and DNS on the node."
    {"no such host", "the name of the back end is not resolved", NAMES},
    {"server misbehaving", "DNS does not answer", NAMES},
    {"name resolution", "the name of the back end is not resolved", NAMES},
    {":53: i/o timeout", "DNS does not answer", NAMES},
#define TRUST "Check the certificate of the back end, and the authority that the collector trusts."
    {"x509", "it does not trust the certificate of the back end", TRUST},
    {"tls:", "the TLS handshake with the back end fails", TRUST},
#define NETWORK "Check the way from the node to the back end: policies, firewalls, proxies."
    {"connection refused", "the back end refuses the connection", AWAY},
    {"i/o timeout", "the back end does not answer", NETWORK},
    {"no route to host", "there is no way to the back end", NETWORK},
    {"network is unreachable", "there is no way to the back end", NETWORK},
    {"connection reset", "connections to the back end are cut", NETWORK},
    {"context deadline exceeded", "the back end does not answer in time", NETWORK},
};

void
shipping_trouble_clear(ShippingTrouble *trouble)
{
    g_free(trouble->line);
    g_free(trouble->host);
    *trouble = (ShippingTrouble){0};
}

/* Whether a line has a part. A number is a status, so it is no piece of a time, a port or a longer
 * number. */
static bool
has_part(const char *line, const char *part)
{
    size_t n = strlen(part);
    if (!g_ascii_isdigit(part[0]))
        return strstr(line, part) != NULL;
    for (const char *at = strstr(line, part); at != NULL; at = strstr(at + 1, part)) {
        bool goes_before = at > line && (g_ascii_isalnum(at[-1]) || at[-1] == '.');
        bool goes_behind = g_ascii_isalnum(at[n]) || (at[n] == '.' && g_ascii_isdigit(at[n + 1]));
        if (!goes_before && !goes_behind)
            return true;
    }
    return false;
}

/* Which trouble a line tells; -1: none. */
static int
trouble_of(const char *line)
{
    bool is_sending = false;
    g_autofree char *lower = g_ascii_strdown(line, -1);
    for (size_t i = 0; sending[i] != NULL && !is_sending; i++)
        is_sending = strstr(lower, sending[i]) != NULL;
    for (size_t i = 0; is_sending && i < G_N_ELEMENTS(troubles); i++) {
        if (has_part(lower, troubles[i].part))
            return (int)i;
    }
    return -1;
}

/* When a line of logfmt was written ("ts=2026-01-01T11:59:00.1Z"); 0: it does not say. */
static int64_t
time_of(const char *line)
{
    const char *at = strstr(line, "ts=");
    g_auto(GStrv) words = g_strsplit_set(at != NULL ? at + strlen("ts=") : "", " \"", 2);
    return words[0] != NULL ? time_parse(words[0]) : 0;
}

/* The first URL of a line, if it has one. */
static void
take_host(const char *line, ShippingTrouble *trouble)
{
    const char *at = strstr(line, "http://");
    if (at == NULL && (at = strstr(line, "https://")) == NULL)
        return;
    g_autofree char *text = g_strndup(at, strcspn(at, " \"'\\"));
    g_autoptr(GUri) uri = g_uri_parse(text, G_URI_FLAGS_NONE, NULL);
    if (uri == NULL || g_uri_get_host(uri) == NULL)
        return;
    trouble->host = g_strdup(g_uri_get_host(uri));
    trouble->port = MAX(g_uri_get_port(uri), 0);
}

bool
shipping_trouble_of(const char *log, ShippingTrouble *ret_trouble)
{
    *ret_trouble = (ShippingTrouble){0};
    g_auto(GStrv) lines = g_strsplit(log, "\n", -1);
    guint n = g_strv_length(lines);
    while (n > 0 && trouble_of(lines[n - 1]) < 0)
        n--;
    if (n == 0)
        return false;
    int last = trouble_of(lines[n - 1]);
    g_autofree char *redacted = redact(g_strstrip(lines[n - 1]));
    g_autofree char *cut = g_strndup(redacted, LINE_BYTES_MAX);
    *ret_trouble = (ShippingTrouble){
        .why = troubles[last].why, .step = troubles[last].step, .line = g_utf8_make_valid(cut, -1)};
    take_host(redacted, ret_trouble);
    for (guint i = 0; i < n && ret_trouble->since_s == 0; i++) {
        if (trouble_of(lines[i]) == last)
            ret_trouble->since_s = time_of(lines[i]);
    }
    return true;
}

bool
shipping_trouble_read(const CheckRun *run, const Object *pod, const char *container,
                      ShippingTrouble *ret_trouble)
{
    g_autofree char *log =
        container != NULL ? snapshot_log(run->snapshot, pod, container, false) : NULL;
    *ret_trouble = (ShippingTrouble){0};
    if (log == NULL || !shipping_trouble_of(log, ret_trouble))
        return false;
    findings_log_line(run->findings, ret_trouble->line);
    return true;
}

const Object *
shipping_service(const CheckRun *run, const Object *pod, const ShippingTrouble *trouble)
{
    return trouble->host != NULL ? service_of_host(run->snapshot, trouble->host, pod->ns) : NULL;
}

const Value *
shipping_service_port(const Object *service, const ShippingTrouble *trouble)
{
    const Value *port = service != NULL ? service_port(service, trouble->port, NULL) : NULL;
    return port == NULL && service != NULL ? value_first(service->value, "spec.ports") : port;
}
