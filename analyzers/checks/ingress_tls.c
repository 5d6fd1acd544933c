/* Whether certificates are for the hosts that Ingresses serve with them, as cert-manager knows it:
 * Secrets are not read. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_certificates(CheckRun *run);

static const CheckRow rows[] = {
    {
        .id = "ingress-tls-host-mismatch",
        .kind = "Ingress",
        .severity = SEVERITY_MEDIUM,
        .stage = STAGE_ROUTE,
        .tier = 2,
        .hold_s = 600,
        .symptom = "Browsers warn that the certificate is for another host.",
        .meaning = "An Ingress serves a host with the Secret of a cert-manager Certificate whose "
                   "dnsNames do not cover that host.",
        .fix = "Add the host to dnsNames of the Certificate, or name the right Secret.",
        .run = run_certificates,
        .needs = {KIND_INGRESS, KIND_CERTIFICATE},
    },
};

const CheckTopic check_topic_ingress_tls = {rows, G_N_ELEMENTS(rows)};

/* "*.example.com" covers one label. */
static bool
covers_host(const char *name, const char *host)
{
    const char *dot = strchr(host, '.');
    return g_ascii_strcasecmp(name, host) == 0 ||
           (g_str_has_prefix(name, "*.") && dot != NULL &&
            g_ascii_strcasecmp(name + strlen("*"), dot) == 0);
}

static bool
certificate_covers(const Object *certificate, const char *host)
{
    for (const Value *name = value_first(certificate->value, "spec.dnsNames"); name != NULL;
         name = name->next) {
        if (covers_host(value_text(name, ""), host))
            return true;
    }
    return covers_host(value_text(certificate->value, "spec.commonName"), host);
}

static const Object *
find_certificate(const CheckRun *run, const char *ns, const char *secret)
{
    const GPtrArray *all = snapshot_in_namespace(run->snapshot, KIND_CERTIFICATE, ns);
    for (guint i = 0; secret[0] != '\0' && i < all->len; i++) {
        const Object *certificate = all->pdata[i];
        if (value_is(certificate->value, "spec.secretName", secret))
            return certificate;
    }
    return NULL;
}

static void
look_at_host(CheckRun *run, const Object *ingress, const Object *certificate, const char *host)
{
    int64_t changed_s = MAX(object_changed_s(ingress, NULL), object_changed_s(certificate, NULL));
    if (host[0] == '\0' || certificate_covers(certificate, host) ||
        !check_held(run, &rows[0], changed_s))
        return;
    Finding *finding = check_report_once(run, &rows[0], ingress, host);
    if (finding == NULL)
        return;
    finding_about(finding, certificate);
    finding_title(finding, "The certificate of Ingress %s is not for %s", ingress->name, host);
    finding_cause(finding, "Secret %s comes from Certificate %s, which is for %s%s.",
                  value_text(certificate->value, "spec.secretName"), certificate->name,
                  value_text(value_first(certificate->value, "spec.dnsNames"), ""),
                  value_count(certificate->value, "spec.dnsNames") > 1 ? " and others" : "");
    check_advise(finding, certificate);
}

static void
run_certificates(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_INGRESS);
    for (guint i = 0; i < all->len; i++) {
        const Object *ingress = all->pdata[i];
        for (const Value *tls = value_first(ingress->value, "spec.tls"); tls != NULL;
             tls = tls->next) {
            const Object *certificate =
                find_certificate(run, ingress->ns, value_text(tls, "secretName"));
            if (certificate == NULL || value_count(certificate->value, "spec.dnsNames") == 0)
                continue;
            for (const Value *host = value_first(tls, "hosts"); host != NULL; host = host->next)
                look_at_host(run, ingress, certificate, value_text(host, ""));
        }
    }
}
