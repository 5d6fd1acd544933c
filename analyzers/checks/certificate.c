/* cert-manager: issuers, certificates, and the way from one to the other (cert-manager.io/v1). */
#include <string.h>

#include "analyzers/checks/container.h"
#include "analyzers/checks/secret_user.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_issuers(CheckRun *run);
static void run_certificates(CheckRun *run);
static void run_requests(CheckRun *run);

enum { ROW_ISSUER, ROW_NOT_READY, ROW_EXPIRING, ROW_CHALLENGE, ROW_DENIED };

static const CheckRow rows[] = {
    [ROW_ISSUER] =
        {
            .id = "certmanager-issuer-not-ready",
            .kind = "Issuer, ClusterIssuer",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_PLUGIN,
            .tier = 2,
            .hold_s = 10 * 60,
            .symptom = "Certificates are neither issued nor renewed.",
            .meaning = "The condition Ready of the issuer is False: its account, its credentials "
                       "or its server do not work.",
            .fix = "Read the issuer's message, and mend its account, credentials or server.",
            .run = run_issuers,
            .needs = {KIND_ISSUER, KIND_CLUSTER_ISSUER},
        },
    [ROW_NOT_READY] =
        {
            .id = "certmanager-cert-not-ready",
            .kind = "Certificate",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_QUOTA,
            .tier = 2,
            .hold_s = 15 * 60,
            .symptom = "A certificate has not been issued, or is not valid any more.",
            .meaning = "The condition Ready of the Certificate is False, or its time is over.",
            .fix = "Follow the certificate to its request, order and challenge.",
            .run = run_certificates,
            .needs = {KIND_CERTIFICATE},
        },
    [ROW_EXPIRING] =
        {
            .id = "certmanager-cert-expiring",
            .kind = "Certificate",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_QUOTA,
            .tier = 2,
            .hold_s = 60 * 60,
            .symptom = "A certificate will end soon, and its renewal fails.",
            .meaning = "status.notAfter is less than 14 days away, and status.renewalTime more "
                       "than a day ago, or tries have failed since then.",
            .fix = "Look at the issuer and the newest request of the certificate.",
            .run = run_certificates,
            .needs = {KIND_CERTIFICATE},
        },
    [ROW_CHALLENGE] =
        {
            .id = "certmanager-challenge-stuck",
            .kind = "Challenge, Order",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_ADMISSION,
            .tier = 2,
            .hold_s = 15 * 60,
            .symptom = "The certificate authority cannot verify that a domain is yours.",
            .meaning = "An ACME challenge or order is pending for more than 15 minutes, or has "
                       "failed, and its certificate still waits.",
            .fix = "Make the HTTP path or the DNS record of the challenge reachable from outside.",
            .run = run_requests,
            .needs = {KIND_CHALLENGE, KIND_ORDER},
        },
    [ROW_DENIED] =
        {
            .id = "certmanager-request-denied",
            .kind = "CertificateRequest",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_ADMISSION,
            .tier = 2,
            .symptom = "A certificate is not issued because its request was refused.",
            .meaning = "The condition Denied or InvalidRequest of the request is True, and its "
                       "certificate still waits.",
            .fix = "Change the request, or the policy that refuses it.",
            .run = run_requests,
            .needs = {KIND_CERTIFICATE_REQUEST},
        },
};

const CheckTopic check_topic_certificate = {rows, G_N_ELEMENTS(rows)};

static const char *
kind_text(const Object *object)
{
    return kind_row(object->kind)->kind;
}

/* ---- What a certificate says of its times. ---- */

static int64_t
ends(const Object *certificate)
{
    return value_time(certificate->value, "status.notAfter");
}

static bool
is_over(const CheckRun *run, const Object *certificate)
{
    int64_t ends_s = ends(certificate);
    return ends_s > 0 && ends_s <= run->now_s;
}

/* Since when its renewal is late; 0: it is not. */
static int64_t
late_since(const CheckRun *run, const Object *certificate)
{
    enum { SOON_S = 14 * 86400, PATIENCE_S = 86400 };
    int64_t ends_s = ends(certificate);
    int64_t due_s = value_time(certificate->value, "status.renewalTime");
    bool has_failed = value_int(certificate->value, "status.failedIssuanceAttempts", 0) > 0;
    if (ends_s == 0 || due_s == 0 || ends_s - run->now_s >= SOON_S || due_s >= run->now_s)
        return 0;
    return has_failed || run->now_s - due_s > PATIENCE_S ? due_s : 0;
}

/* "expired 1 d 2 h ago", "ends in 3 d"; free with g_free. */
static char *
end_text(const CheckRun *run, const Object *certificate)
{
    int64_t ends_s = ends(certificate);
    g_autofree char *span = span_text(ABS(ends_s - run->now_s));
    if (ends_s == 0)
        return g_strdup("has not been issued yet");
    return ends_s <= run->now_s ? g_strdup_printf("expired %s ago", span)
                                : g_strdup_printf("ends in %s", span);
}

/* What a certificate is like: one that has long to live matters for why it is not ready. */
static char *
state_text(const CheckRun *run, const Object *certificate)
{
    enum { FAR_S = 30 * 86400 };
    const Value *ready = condition_of(certificate, "Ready");
    const char *message = value_text(ready, "message");
    if (!value_is(ready, "status", "False") || ends(certificate) - run->now_s < FAR_S)
        return end_text(run, certificate);
    return g_strdup_printf("is not ready: %s",
                           message[0] != '\0' ? message : value_text(ready, "reason"));
}

/* ---- Who shows a certificate. ---- */

static void
add_host(GString *text, const char *host)
{
    if (host[0] != '\0' && text->len < 200 && strstr(text->str, host) == NULL)
        g_string_append_printf(text, "%shttps://%s", text->len > 0 ? ", " : "", host);
}

static void
add_gateway_hosts(GString *text, const Object *gateway, const char *secret)
{
    for (const Value *l = value_first(gateway->value, "spec.listeners"); l != NULL; l = l->next) {
        if (value_find(l, "tls.certificateRefs", "name", secret) != NULL)
            add_host(text, value_text(l, "hostname"));
    }
}

/* "https://a.example.com, https://b.example.com": what is served with it; "" for nothing known. */
static char *
urls_of(const CheckRun *run, Finding *finding, const Object *certificate)
{
    GString *text = g_string_new(NULL);
    const char *secret = value_text(certificate->value, "spec.secretName");
    const GPtrArray *ingresses =
        snapshot_in_namespace(run->snapshot, KIND_INGRESS, certificate->ns);
    for (guint i = 0; i < ingresses->len; i++) {
        const Object *ingress = ingresses->pdata[i];
        const Value *tls = value_find(ingress->value, "spec.tls", "secretName", secret);
        for (const Value *host = value_first(tls, "hosts"); host != NULL; host = host->next)
            add_host(text, value_text(host, ""));
        if (tls != NULL)
            finding_evidence(finding, "Ingress %s serves with it", ingress->name);
    }
    const GPtrArray *gateways = snapshot_in_namespace(run->snapshot, KIND_GATEWAY, certificate->ns);
    for (guint i = 0; i < gateways->len; i++)
        add_gateway_hosts(text, gateways->pdata[i], secret);
    return g_string_free(text, FALSE);
}

/* ---- Issuers. ---- */

static bool
is_issued_by(const Object *certificate, const Object *issuer)
{
    const Value *ref = value_at(certificate->value, "spec.issuerRef");
    const char *kind = value_text(ref, "kind");
    return value_is(ref, "name", issuer->name) &&
           strcmp(kind[0] != '\0' ? kind : "Issuer", kind_text(issuer)) == 0 &&
           (issuer->kind == KIND_CLUSTER_ISSUER || strcmp(certificate->ns, issuer->ns) == 0);
}

/* "portal/portal-tls (expired 1 d ago)": those that suffer first; *ret_n: how many there are. */
static char *
certificates_of(const CheckRun *run, const Object *issuer, guint *ret_n, bool *ret_is_over)
{
    enum { SHOWN = 5 };
    GString *text = g_string_new(NULL);
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_CERTIFICATE);
    *ret_n = 0;
    *ret_is_over = false;
    for (guint i = 0; i < all->len; i++) {
        const Object *certificate = all->pdata[i];
        if (!is_issued_by(certificate, issuer))
            continue;
        g_autofree char *end = end_text(run, certificate);
        *ret_is_over = *ret_is_over || is_over(run, certificate);
        if (++*ret_n <= SHOWN)
            g_string_append_printf(text, "%s%s/%s, which %s", text->len > 0 ? "; " : "",
                                   certificate->ns, certificate->name, end);
    }
    return g_string_free(text, FALSE);
}

static void
look_at_issuer(CheckRun *run, const Object *issuer)
{
    const CheckRow *row = &rows[ROW_ISSUER];
    const Value *ready = condition_of(issuer, "Ready");
    int64_t since_s = value_time(ready, "lastTransitionTime");
    if (!value_is(ready, "status", "False") || status_is_deleted(issuer) ||
        !check_held(run, row, since_s))
        return;
    guint n;
    bool is_any_over;
    g_autofree char *certificates = certificates_of(run, issuer, &n, &is_any_over);
    Finding *finding = check_report(run, row, issuer);
    finding->severity = n == 0 ? SEVERITY_MEDIUM : is_any_over ? SEVERITY_CRITICAL : row->severity;
    finding_since(finding, since_s);
    finding_title(finding, "%s %s cannot issue certificates: %s", kind_text(issuer), issuer->name,
                  value_text(ready, "reason"));
    finding_cause(finding, "The issuer is not ready: %s. %s%s%s", value_text(ready, "message"),
                  n > 0 ? "It cannot renew " : "No certificate uses it", certificates, ".");
    if (n > 0)
        finding_evidence(finding, "%u certificates come from it", n);
    check_advise(finding, issuer);
}

static void
run_issuers(CheckRun *run)
{
    const Kind kinds[] = {KIND_ISSUER, KIND_CLUSTER_ISSUER};
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        const GPtrArray *all = snapshot_objects(run->snapshot, kinds[k]);
        for (guint i = 0; i < all->len; i++)
            look_at_issuer(run, all->pdata[i]);
    }
}

/* ---- Certificates. ---- */

static void
report_certificate(CheckRun *run, const CheckRow *row, const Object *certificate, int64_t since_s)
{
    const Value *value = certificate->value, *ready = condition_of(certificate, "Ready");
    bool is_ready = value_is(ready, "status", "True");
    int64_t n_failed = value_int(value, "status.failedIssuanceAttempts", 0);
    Finding *finding = check_report(run, row, certificate);
    g_autofree char *state = state_text(run, certificate);
    g_autofree char *urls = urls_of(run, finding, certificate);
    const char *secret = value_text(value, "spec.secretName");
    if (ends(certificate) == 0)
        secret_users_add(run, finding, certificate->ns, secret);
    if (is_over(run, certificate))
        finding->severity = SEVERITY_CRITICAL;
    finding_since(finding, since_s);
    finding_title(finding, "Certificate %s %s", certificate->name, state);
    finding_cause(finding, "%s %s in Secret %s %s%s%s.",
                  is_ready ? "The renewal is late; the certificate" : "The certificate",
                  certificate->name, secret, state, urls[0] != '\0' ? "; it is shown at " : "",
                  urls);
    if (!is_ready)
        finding_evidence(finding, "%s: %s", value_text(ready, "reason"),
                         value_text(ready, "message"));
    if (n_failed > 0)
        finding_evidence(finding,
                         "%" G_GINT64_FORMAT " tries to issue it have failed, the last at "
                         "%s",
                         n_failed, value_text(value, "status.lastFailureTime"));
    if (value_text(value, "status.renewalTime")[0] != '\0')
        finding_evidence(finding, "Its renewal was due at %s",
                         value_text(value, "status.renewalTime"));
    finding_fix(finding, "%s", row->fix);
    finding_fix(finding, "kubectl -n %s get certificate,certificaterequest,order,challenge",
                certificate->ns);
}

static void
look_at_certificate(CheckRun *run, const Object *certificate)
{
    const CheckRow *not_ready = &rows[ROW_NOT_READY], *expiring = &rows[ROW_EXPIRING];
    const Value *ready = condition_of(certificate, "Ready");
    int64_t changed_s = value_time(ready, "lastTransitionTime");
    int64_t late_s = late_since(run, certificate), over_s = ends(certificate);
    if (status_is_deleted(certificate))
        return;
    /* Without its controller nobody says that it is not ready any more. */
    if (is_over(run, certificate))
        report_certificate(run, not_ready, certificate, over_s);
    else if (value_is(ready, "status", "False") && check_held(run, not_ready, changed_s))
        report_certificate(run, not_ready, certificate, changed_s);
    else if (check_held(run, expiring, late_s))
        report_certificate(run, expiring, certificate, late_s);
}

static void
run_certificates(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_CERTIFICATE);
    for (guint i = 0; i < all->len; i++)
        look_at_certificate(run, all->pdata[i]);
}

/* ---- Between the two. ---- */

/* Whether the certificate that this is made for still waits: old requests stay when newer ones
 * have worked. */
static bool
is_waited_for(const CheckRun *run, const Object *object)
{
    const Object *top = relations_controller(run->relations, object);
    if (status_is_deleted(object))
        return false;
    if (top->kind != KIND_CERTIFICATE)
        return true;
    return !status_is(top, "Ready", "True") || status_is(top, "Issuing", "True") ||
           late_since(run, top) > 0 || is_over(run, top);
}

static void
report_stuck(CheckRun *run, const Object *object, const char *what)
{
    const CheckRow *row = &rows[ROW_CHALLENGE];
    const char *state = value_text(object->value, "status.state");
    const char *reason = value_text(object->value, "status.reason");
    const char *type = value_text(object->value, "spec.type");
    Finding *finding = check_report(run, row, object);
    finding_since(finding, object->created_s);
    finding_title(finding, "%s for %s is %s", kind_text(object), what, state);
    finding_cause(finding,
                  "The certificate authority has not verified %s%s%s%s: %s. Until then its "
                  "certificate is not issued.",
                  what, type[0] != '\0' ? " (" : "", type, type[0] != '\0' ? ")" : "",
                  reason[0] != '\0' ? reason : "no reason is given");
    check_advise(finding, object);
}

static bool
is_stuck(const CheckRun *run, const Object *object)
{
    static const char *const states[] = {"pending", "processing", "errored",
                                         "invalid", "expired",    NULL};
    return g_strv_contains(states, value_text(object->value, "status.state")) &&
           check_held(run, &rows[ROW_CHALLENGE], object->created_s) && is_waited_for(run, object);
}

static void
look_at_request(CheckRun *run, const Object *request)
{
    const CheckRow *row = &rows[ROW_DENIED];
    const char *type = status_is(request, "Denied", "True") ? "Denied" : "InvalidRequest";
    const Value *condition = condition_of(request, type);
    if (!value_is(condition, "status", "True") || !is_waited_for(run, request))
        return;
    const Object *top = relations_controller(run->relations, request);
    Finding *finding = check_report(run, row, request);
    finding_since(finding, value_time(condition, "lastTransitionTime"));
    finding_about(finding, top);
    finding_title(finding, "CertificateRequest %s was refused", request->name);
    finding_cause(finding, "The request of %s %s was refused (%s): %s.", kind_text(top), top->name,
                  type, value_text(condition, "message"));
    check_advise(finding, request);
}

static void
run_requests(CheckRun *run)
{
    const GPtrArray *challenges = snapshot_objects(run->snapshot, KIND_CHALLENGE);
    const GPtrArray *orders = snapshot_objects(run->snapshot, KIND_ORDER);
    const GPtrArray *requests = snapshot_objects(run->snapshot, KIND_CERTIFICATE_REQUEST);
    for (guint i = 0; i < challenges->len; i++) {
        const Object *challenge = challenges->pdata[i];
        if (is_stuck(run, challenge))
            report_stuck(run, challenge, value_text(challenge->value, "spec.dnsName"));
    }
    for (guint i = 0; i < orders->len; i++) {
        const Object *order = orders->pdata[i];
        const char *name = value_text(value_first(order->value, "spec.dnsNames"), "");
        if (is_stuck(run, order) && relations_owned(run->relations, order)->len == 0)
            report_stuck(run, order, name[0] != '\0' ? name : order->name);
    }
    for (guint i = 0; i < requests->len; i++)
        look_at_request(run, requests->pdata[i]);
}
