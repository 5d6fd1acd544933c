#include "analyzers/checks/secret_user.h"

#include <string.h>

#include "analyzers/collect/reference.h"

typedef struct {
    const char *secret;
    bool is_found;
} Search;

static void
look_at_name(void *data, Kind kind, const char *name)
{
    Search *search = data;
    search->is_found =
        search->is_found || (kind == KIND_SECRET && strcmp(name, search->secret) == 0);
}

static bool
refers_to(const Value *template, const char *secret)
{
    Search search = {.secret = secret};
    template_each_reference(template, look_at_name, &search);
    return search.is_found;
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
