/* Bindings to what does not exist, and rights that a program lacks. */
#include <string.h>

#include "analyzers/checks/log_line.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"
#include "lib/base/redact.h"

static void run_bindings(CheckRun *run);
static void run_logs(CheckRun *run);
static void run_accounts(CheckRun *run);

enum { ROW_ROLE, ROW_SUBJECT, ROW_REFUSED, ROW_PULL_SECRET };

static const CheckRow rows[] = {
    [ROW_ROLE] =
        {
            .id = "rbac-roleref-missing",
            .kind = "RoleBinding",
            .severity = SEVERITY_LOW,
            .stage = STAGE_QUOTA,
            .tier = 1,
            .hold_s = 3600,
            .is_own_cause = true,
            .symptom = "A binding gives nobody any right.",
            .meaning = "roleRef names a Role or ClusterRole that does not exist.",
            .fix = "Create the role, or delete the binding.",
            .run = run_bindings,
            .needs = {KIND_ROLE_BINDING, KIND_CLUSTER_ROLE_BINDING, KIND_ROLE, KIND_CLUSTER_ROLE},
        },
    [ROW_SUBJECT] =
        {
            .id = "rbac-subject-missing",
            .kind = "RoleBinding",
            .severity = SEVERITY_INFO,
            .stage = STAGE_ADVICE,
            .tier = 3,
            .hold_s = 3600,
            .symptom = "A binding names an account that does not exist.",
            .meaning = "A subject is a ServiceAccount that its namespace does not have.",
            .fix = "Correct the name, or delete the binding.",
            .run = run_bindings,
            .needs = {KIND_ROLE_BINDING, KIND_CLUSTER_ROLE_BINDING, KIND_SERVICE_ACCOUNT},
        },
    [ROW_REFUSED] =
        {
            .id = "rbac-forbidden-in-logs",
            .kind = "Controller of pods",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_QUOTA,
            .tier = 1,
            .hold_s = 10 * 60,
            .is_own_cause = true,
            .symptom = "A program does not work because the API server refuses its requests.",
            .meaning = "The log of a pod that is not ready says that its ServiceAccount may not "
                       "do something.",
            .fix = "Give the account the right, if it is meant to have it.",
            .run = run_logs,
            .needs = {KIND_POD},
        },
    [ROW_PULL_SECRET] =
        {
            .id = "serviceaccount-secret-missing",
            .kind = "ServiceAccount",
            .severity = SEVERITY_LOW,
            .stage = STAGE_ADVICE,
            .tier = 1,
            .hold_s = 3600,
            .is_own_cause = true,
            .symptom = "A ServiceAccount lists a pull secret that does not exist.",
            .meaning = "imagePullSecrets of the account names a Secret that its namespace does not "
                       "have.",
            .fix = "Create the Secret, or take it off the list.",
            .run = run_accounts,
            .needs = {KIND_SERVICE_ACCOUNT, KIND_SECRET},
        },
};

const CheckTopic check_topic_rights = {rows, G_N_ELEMENTS(rows)};

/* ---- Bindings. ---- */

static void
look_at_role(CheckRun *run, const Object *binding)
{
    const char *name = value_text(binding->value, "roleRef.name");
    bool is_cluster = value_is(binding->value, "roleRef.kind", "ClusterRole");
    Kind kind = is_cluster ? KIND_CLUSTER_ROLE : KIND_ROLE;
    if (name[0] == '\0' || !status_is_settled(run, binding, rows[ROW_ROLE].hold_s) ||
        snapshot_presence(run->snapshot, kind, is_cluster ? "" : binding->ns, name) !=
            PRESENCE_MISSING)
        return;
    const char *word = kind_row(binding->kind)->kind;
    Finding *finding = check_report(run, &rows[ROW_ROLE], binding);
    finding_title(finding, "%s %s grants %s %s, which does not exist", word, binding->name,
                  kind_row(kind)->kind, name);
    finding_cause(finding,
                  "roleRef names %s %s. There is none, so nobody gets any right by this "
                  "binding.",
                  kind_row(kind)->kind, name);
    finding_fix(finding, "%s", rows[ROW_ROLE].fix);
    finding_fix(finding, "kubectl get %s %s%s -o yaml", kind_row(binding->kind)->resource,
                binding->ns[0] != '\0' ? "-n " : "", binding->ns);
}

static void
look_at_subjects(CheckRun *run, const Object *binding)
{
    for (const Value *subject = value_first(binding->value, "subjects"); subject != NULL;
         subject = subject->next) {
        const char *ns = value_text(subject, "namespace"), *name = value_text(subject, "name");
        ns = ns[0] != '\0' ? ns : binding->ns;
        if (!value_is(subject, "kind", "ServiceAccount") ||
            g_str_has_prefix(binding->name, "system:") ||
            snapshot_get(run->snapshot, KIND_NAMESPACE, "", ns) == NULL ||
            snapshot_presence(run->snapshot, KIND_SERVICE_ACCOUNT, ns, name) != PRESENCE_MISSING ||
            !status_is_settled(run, binding, rows[ROW_SUBJECT].hold_s))
            continue;
        Finding *finding = check_report(run, &rows[ROW_SUBJECT], binding);
        finding_title(finding, "%s %s names ServiceAccount %s/%s, which does not exist",
                      kind_row(binding->kind)->kind, binding->name, ns, name);
        finding_cause(finding, "The account is misspelt, or what it was for is gone.");
        finding_fix(finding, "%s", rows[ROW_SUBJECT].fix);
        finding_fix(finding, "kubectl -n %s get serviceaccounts", ns);
        return;
    }
}

static void
run_bindings(CheckRun *run)
{
    const Kind kinds[] = {KIND_ROLE_BINDING, KIND_CLUSTER_ROLE_BINDING};
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        const GPtrArray *all = snapshot_objects(run->snapshot, kinds[k]);
        for (guint i = 0; i < all->len; i++) {
            if (status_is_deleted(all->pdata[i]))
                continue;
            look_at_role(run, all->pdata[i]);
            look_at_subjects(run, all->pdata[i]);
        }
    }
}

/* ---- Logs. ---- */

/* `configmaps is forbidden: User "system:serviceaccount:ns:name" cannot list resource "configmaps"
 * in API group "" in the namespace "ns"`: from "User" to the end of the line, secrets
 * taken out; NULL: not there. */
static char *
refused_text(const char *log)
{
    static const char user[] = "User \"system:serviceaccount:";
    g_autoptr(GString) plain = g_string_new(log);
    g_string_replace(plain, "\\\"", "\"", 0); /* within a string of logfmt or JSON */
    const char *at = strstr(plain->str, user);
    if (at == NULL || strstr(at, " cannot ") == NULL)
        return NULL;
    g_autofree char *line = g_strndup(at, strcspn(at, "\n"));
    return strstr(line, " cannot ") != NULL ? redact(line) : NULL;
}

static void
look_at_log(CheckRun *run, const Object *pod, const char *container, int64_t since_s)
{
    g_autofree char *log = snapshot_log(run->snapshot, pod, container, false);
    g_autofree char *line = refused_text(log);
    if (line == NULL) {
        g_free(log);
        log = snapshot_log(run->snapshot, pod, container, true);
        line = refused_text(log);
    }
    if (line == NULL)
        return;
    bool is_new;
    Finding *finding = check_report_pod(run, &rows[ROW_REFUSED], pod, container, since_s, &is_new);
    if (!is_new)
        return;
    g_auto(GStrv) parts = g_strsplit(line, "\"", 3);
    const char *account = parts[0] != NULL && parts[1] != NULL ? parts[1] : "";
    const char *cannot = strstr(line, " cannot ");
    findings_log_line(run->findings, line);
    findings_log_line(run->findings, cannot);
    finding_title(finding, "%s %s is refused by the API server: its account lacks a right",
                  kind_row(finding->object->kind)->kind, finding->object->name);
    finding_cause(finding, "Account %s%s, says the log of container %s.", account, cannot,
                  container);
    finding_evidence(finding, "%s", line);
    finding_fix(finding, "%s", rows[ROW_REFUSED].fix);
    finding_fix(finding, "kubectl auth can-i --list --as=%s -n %s", account, pod->ns);
}

static void
run_logs(CheckRun *run)
{
    enum { PODS_MAX = 500 };
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    guint n = 0;
    for (guint i = 0; i < pods->len && n < PODS_MAX; i++) {
        const Object *pod = pods->pdata[i];
        int64_t since_s;
        if (!pod_is_unready(pod, &since_s) || !check_held(run, &rows[ROW_REFUSED], since_s))
            continue;
        n++;
        for (const Value *c = value_first(pod->value, "spec.containers"); c != NULL; c = c->next)
            look_at_log(run, pod, value_text(c, "name"), since_s);
    }
    log_say_unread(run, &rows[ROW_REFUSED]);
}

/* ---- Accounts. ---- */

static void
run_accounts(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_SERVICE_ACCOUNT);
    for (guint i = 0; i < all->len; i++) {
        const Object *account = all->pdata[i];
        for (const Value *ref = value_first(account->value, "imagePullSecrets"); ref != NULL;
             ref = ref->next) {
            const char *name = value_text(ref, "name");
            if (name[0] == '\0' || !status_is_settled(run, account, rows[ROW_PULL_SECRET].hold_s) ||
                snapshot_presence(run->snapshot, KIND_SECRET, account->ns, name) !=
                    PRESENCE_MISSING)
                continue;
            Finding *finding = check_report_once(run, &rows[ROW_PULL_SECRET], account, name);
            if (finding == NULL)
                continue;
            finding_title(finding, "ServiceAccount %s lists pull secret %s, which does not exist",
                          account->name, name);
            finding_cause(finding, "Pods of this account pull their images without it.");
            finding_fix(finding, "%s", rows[ROW_PULL_SECRET].fix);
            finding_fix(finding, "kubectl -n %s get serviceaccount %s -o yaml", account->ns,
                        account->name);
        }
    }
}
