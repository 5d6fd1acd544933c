/* Certificates in Secrets of type kubernetes.io/tls, where the analyzer may read them. */
#include <string.h>

#include "analyzers/checks/certificate_file.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_secrets(CheckRun *run);

enum { ROW_EXPIRING, ROW_MISMATCH, ROW_NOT_YET };

enum { DAY_S = 86400, CLOCKS_DIFFER_S = 5 * 60 };

static const CheckRow rows[] = {
    [ROW_EXPIRING] =
        {
            .id = "tls-secret-expiring",
            .kind = "Secret",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_REFERENCE,
            .tier = 2,
            .is_own_cause = true,
            .symptom = "Clients will soon refuse what is served with a certificate.",
            .meaning =
                "The certificate of a Secret of type kubernetes.io/tls ends within 14 days (7 "
                "days: high, a day: critical) and within the last quarter of its time, and an "
                "Ingress, a Gateway, a webhook or an APIService serves with it. Those that "
                "cert-manager renews are told of as its Certificates. Needs --tls-secrets.",
            .fix = "Renew the certificate, and find out why nothing has renewed it.",
            .run = run_secrets,
            .needs = {KIND_TLS_SECRET},
        },
    [ROW_MISMATCH] =
        {
            .id = "tls-secret-mismatch",
            .kind = "Secret",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_REFERENCE,
            .tier = 2,
            .is_own_cause = true,
            .symptom = "What serves with a certificate cannot load it, or clients refuse it.",
            .meaning =
                "tls.key of a Secret is not the key of tls.crt, or the certificate of a public "
                "authority comes without the one that signed it. The severity is low when nothing "
                "is known to serve with it. Needs --tls-secrets.",
            .fix = "Create the Secret anew from a certificate, its chain and its own key.",
            .run = run_secrets,
            .needs = {KIND_TLS_SECRET},
        },
    [ROW_NOT_YET] =
        {
            .id = "tls-cert-not-yet-valid",
            .kind = "Secret",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_REFERENCE,
            .tier = 2,
            .is_own_cause = true,
            .symptom = "Clients refuse a certificate whose time has not begun.",
            .meaning = "The certificate of a Secret that something serves with begins more than "
                       "five minutes from now. Needs --tls-secrets.",
            .fix = "Compare the clock of who issued it with that of the nodes.",
            .run = run_secrets,
            .needs = {KIND_TLS_SECRET},
        },
};

const CheckTopic check_topic_tls_secret = {rows, G_N_ELEMENTS(rows)};

/* ---- Who serves with it. ---- */

/* Objects that serve with a Secret, and their hosts. */
typedef struct {
    GPtrArray *objects;
    GString *hosts; /* "https://a.example, https://b.example" */
} Users;

static void
users_clear(Users *users)
{
    g_ptr_array_unref(users->objects);
    g_string_free(users->hosts, TRUE);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Users, users_clear)

static void
add_user(Users *users, const Object *object)
{
    if (!g_ptr_array_find(users->objects, object, NULL))
        g_ptr_array_add(users->objects, (gpointer)(uintptr_t)object);
}

static void
add_host(Users *users, const char *host)
{
    enum { HOSTS_BYTES_MAX = 200 };
    if (host[0] != '\0' && users->hosts->len < HOSTS_BYTES_MAX)
        g_string_append_printf(users->hosts, "%shttps://%s", users->hosts->len > 0 ? ", " : "",
                               host);
}

static void
find_ingresses(const CheckRun *run, const Object *secret, Users *users)
{
    const GPtrArray *all = snapshot_in_namespace(run->snapshot, KIND_INGRESS, secret->ns);
    for (guint i = 0; i < all->len; i++) {
        const Object *ingress = all->pdata[i];
        const Value *tls = value_find(ingress->value, "spec.tls", "secretName", secret->name);
        if (tls != NULL)
            add_user(users, ingress);
        for (const Value *host = value_first(tls, "hosts"); host != NULL; host = host->next)
            add_host(users, value_text(host, ""));
    }
}

static bool
names_secret(const Object *gateway, const Value *listener, const Object *secret)
{
    for (const Value *ref = value_first(listener, "tls.certificateRefs"); ref != NULL;
         ref = ref->next) {
        const char *ns = value_text(ref, "namespace"), *kind = value_text(ref, "kind");
        if (value_is(ref, "name", secret->name) &&
            strcmp(ns[0] != '\0' ? ns : gateway->ns, secret->ns) == 0 &&
            (kind[0] == '\0' || strcmp(kind, "Secret") == 0))
            return true;
    }
    return false;
}

static void
find_gateways(const CheckRun *run, const Object *secret, Users *users)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_GATEWAY);
    for (guint i = 0; i < all->len; i++) {
        const Object *gateway = all->pdata[i];
        for (const Value *l = value_first(gateway->value, "spec.listeners"); l != NULL;
             l = l->next) {
            if (!names_secret(gateway, l, secret))
                continue;
            add_user(users, gateway);
            add_host(users, value_text(l, "hostname"));
        }
    }
}

static bool
mounts(const Object *pod, const char *secret)
{
    for (const Value *v = value_first(pod->value, "spec.volumes"); v != NULL; v = v->next) {
        if (value_is(v, "secret.secretName", secret))
            return true;
        for (const Value *s = value_first(v, "projected.sources"); s != NULL; s = s->next) {
            if (value_is(s, "secret.name", secret))
                return true;
        }
    }
    return false;
}

static bool
is_mounted_behind(const CheckRun *run, const Object *service, const Object *secret)
{
    const GPtrArray *pods = relations_service_pods(run->relations, service);
    for (guint i = 0; strcmp(service->ns, secret->ns) == 0 && i < pods->len; i++) {
        if (mounts(pods->pdata[i], secret->name))
            return true;
    }
    return false;
}

/* What the API server calls: webhooks and aggregated APIs. */
static void
find_called(const CheckRun *run, const Object *secret, Users *users)
{
    static const Kind kinds[] = {KIND_VALIDATING_WEBHOOK, KIND_MUTATING_WEBHOOK, KIND_API_SERVICE};
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        const GPtrArray *all = snapshot_objects(run->snapshot, kinds[k]);
        for (guint i = 0; i < all->len; i++) {
            g_autoptr(GPtrArray) needs = relations_needs(run->relations, all->pdata[i]);
            for (guint n = 0; n < needs->len; n++) {
                const Object *service = needs->pdata[n];
                if (service->kind == KIND_SERVICE && is_mounted_behind(run, service, secret))
                    add_user(users, all->pdata[i]);
            }
        }
    }
}

static Users
users_of(const CheckRun *run, const Object *secret)
{
    Users users = {g_ptr_array_new(), g_string_new(NULL)};
    find_ingresses(run, secret, &users);
    find_gateways(run, secret, &users);
    find_called(run, secret, &users);
    return users;
}

/* ---- What is wrong with it. ---- */

static Finding *
report(CheckRun *run, int row, const Object *secret, const CertificateFile *file,
       const Users *users)
{
    Finding *finding = check_report(run, &rows[row], secret);
    for (guint i = 0; i < users->objects->len; i++) {
        const Object *user = users->objects->pdata[i];
        finding_about(finding, user);
        finding_evidence(finding, "%s %s serves with it", kind_row(user->kind)->kind, user->name);
    }
    if (users->hosts->len > 0)
        finding_evidence(finding, "%s", users->hosts->str);
    finding_evidence(finding, "Issued by %s", file->issuer);
    check_advise(finding, secret);
    return finding;
}

/* cert-manager's own checks tell of what it renews. */
static bool
is_renewed(const CheckRun *run, const Object *secret)
{
    const GPtrArray *all = snapshot_in_namespace(run->snapshot, KIND_CERTIFICATE, secret->ns);
    for (guint i = 0; i < all->len; i++) {
        if (value_is(((const Object *)all->pdata[i])->value, "spec.secretName", secret->name))
            return true;
    }
    return false;
}

static void
look_at_times(CheckRun *run, const Object *secret, const CertificateFile *file, const Users *users)
{
    int64_t left_s = file->end_s - run->now_s;
    g_autofree char *left = span_text(ABS(left_s));
    const char *names = file->names[0] != NULL ? file->names[0] : secret->name;
    if (file->begin_s - run->now_s > CLOCKS_DIFFER_S) {
        g_autofree char *span = span_text(file->begin_s - run->now_s);
        Finding *finding = report(run, ROW_NOT_YET, secret, file, users);
        finding_title(finding, "The certificate of Secret %s begins in %s", secret->name, span);
        finding_cause(finding, "It is for %s, and clients refuse it until then.", names);
    }
    if (!certificate_ends_soon(file, run->now_s) || (left_s > 0 && is_renewed(run, secret)))
        return;
    Finding *finding = report(run, ROW_EXPIRING, secret, file, users);
    finding->severity = left_s < DAY_S       ? SEVERITY_CRITICAL
                        : left_s < 7 * DAY_S ? SEVERITY_HIGH
                                             : SEVERITY_MEDIUM;
    if (left_s <= 0) {
        finding_since(finding, file->end_s);
        finding_title(finding, "The certificate of Secret %s ended %s ago", secret->name, left);
        finding_cause(finding, "It is for %s; clients refuse it.", names);
    } else {
        finding_title(finding, "The certificate of Secret %s ends in %s", secret->name, left);
        finding_cause(finding, "It is for %s, and is not being renewed.", names);
    }
}

static void
look_at_pair(CheckRun *run, const Object *secret, const CertificateFile *file, const Users *users)
{
    gsize size = 0;
    const Value *data = value_at(secret->value, "data");
    g_autofree guchar *key = g_base64_decode(value_text(value_get(data, "tls.key"), ""), &size);
    bool is_strange =
        size > 0 && certificate_file_key(file, (const char *)key, size) == KEY_OF_ANOTHER;
    explicit_bzero(key, size);
    if (!is_strange && file->chain == CHAIN_WHOLE)
        return;
    Finding *finding = report(run, ROW_MISMATCH, secret, file, users);
    if (users->objects->len == 0)
        finding->severity = SEVERITY_LOW;
    finding_since(finding, object_changed_s(secret, NULL));
    if (is_strange) {
        finding_title(finding, "The key of Secret %s is not that of its certificate", secret->name);
        finding_cause(finding, "tls.key and tls.crt do not belong together, so nothing can serve "
                               "with them.");
    } else {
        finding_title(finding, "The certificate of Secret %s comes without its chain",
                      secret->name);
        finding_cause(finding,
                      "tls.crt %s the certificate of %s, which signed it: clients that have not "
                      "seen that one elsewhere refuse it.",
                      file->chain == CHAIN_BROKEN ? "has others behind it, but not" : "lacks",
                      file->issuer);
    }
}

static void
look_at(CheckRun *run, const Object *tls_secret)
{
    gsize size = 0;
    const Value *data = value_at(tls_secret->value, "data");
    g_autofree guchar *pem = g_base64_decode(value_text(value_get(data, "tls.crt"), ""), &size);
    g_auto(CertificateFile) file = {0};
    const Object *known =
        snapshot_get(run->snapshot, KIND_SECRET, tls_secret->ns, tls_secret->name);
    const Object *secret = known != NULL ? known : tls_secret;
    if (!certificate_file_read((const char *)pem, size, &file))
        return;
    g_auto(Users) users = users_of(run, secret);
    look_at_pair(run, tls_secret, &file, &users);
    if (users.objects->len > 0)
        look_at_times(run, secret, &file, &users);
}

static void
run_secrets(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_TLS_SECRET);
    for (guint i = 0; i < all->len; i++) {
        const Object *secret = all->pdata[i];
        if (!status_is_deleted(secret))
            look_at(run, secret);
    }
}
