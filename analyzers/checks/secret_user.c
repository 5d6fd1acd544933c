#include "analyzers/checks/secret_user.h"

static bool
container_refers_to(const Value *container, const char *secret)
{
    for (const Value *from = value_first(container, "envFrom"); from != NULL; from = from->next) {
        if (value_is(from, "secretRef.name", secret))
            return true;
    }
    for (const Value *env = value_first(container, "env"); env != NULL; env = env->next) {
        if (value_is(env, "valueFrom.secretKeyRef.name", secret))
            return true;
    }
    return false;
}

static bool
refers_to(const Value *template, const char *secret)
{
    const char *const lists[] = {"spec.containers", "spec.initContainers"};
    for (const Value *v = value_first(template, "spec.volumes"); v != NULL; v = v->next) {
        if (value_is(v, "secret.secretName", secret))
            return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (const Value *c = value_first(template, lists[i]); c != NULL; c = c->next) {
            if (container_refers_to(c, secret))
                return true;
        }
    }
    return false;
}

void
secret_users_add(const CheckRun *run, Finding *finding, const char *ns, const char *secret)
{
    static const Kind kinds[] = {KIND_DEPLOYMENT, KIND_STATEFUL_SET, KIND_DAEMON_SET,
                                 KIND_CRON_JOB};
    for (size_t k = 0; secret[0] != '\0' && k < G_N_ELEMENTS(kinds); k++) {
        const GPtrArray *all = snapshot_in_namespace(run->snapshot, kinds[k], ns);
        for (guint i = 0; i < all->len; i++) {
            const Object *maker = all->pdata[i];
            if (!refers_to(pod_template(maker), secret))
                continue;
            finding_about(finding, maker);
            finding_evidence(finding, "%s %s needs Secret %s", kind_row(maker->kind)->kind,
                             maker->name, secret);
        }
    }
}
