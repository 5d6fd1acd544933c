/* Policies that refuse the objects of several controllers. */
#include <string.h>

#include "analyzers/checks/refusal.h"
#include "analyzers/checks/table.h"

static void run_denials(CheckRun *run);

enum { ROW_WEBHOOK, ROW_POLICY };

enum { MAKERS_MIN = 3 }; /* of which the policy, not the object, is what they have in common */

static const CheckRow rows[] = {
    [ROW_WEBHOOK] =
        {
            .id = "admission-denied-burst",
            .kind = "WebhookConfiguration",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_ADMISSION,
            .tier = 2,
            .hold_s = 5 * 60,
            .symptom = "Several controllers get no pods because a policy refuses them.",
            .meaning = "Events FailedCreate of at least three controllers say that the same "
                       "webhook denied the request.",
            .fix = "Change the manifests as the policy demands, or the policy.",
            .run = run_denials,
            .needs = {KIND_EVENT},
        },
    [ROW_POLICY] =
        {
            .id = "vap-denied",
            .kind = "ValidatingAdmissionPolicy",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_ADMISSION,
            .tier = 2,
            .hold_s = 5 * 60,
            .symptom = "Controllers get no pods because a ValidatingAdmissionPolicy refuses them.",
            .meaning = "Events FailedCreate say that the policy denied the request.",
            .fix = "Change the manifests as the policy demands, or the policy.",
            .run = run_denials,
            .needs = {KIND_EVENT, KIND_VALIDATING_ADMISSION_POLICY},
        },
};

const CheckTopic check_topic_denial = {rows, G_N_ELEMENTS(rows)};

/* The configuration that has a webhook, or the policy; NULL: it is not known. */
static const Object *
denier(const CheckRun *run, const Refusal *refusal)
{
    const Kind kinds[] = {KIND_VALIDATING_WEBHOOK, KIND_MUTATING_WEBHOOK};
    if (refusal->class == REFUSAL_POLICY_DENIED)
        return snapshot_get(run->snapshot, KIND_VALIDATING_ADMISSION_POLICY, "", refusal->subject);
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        const GPtrArray *all = snapshot_objects(run->snapshot, kinds[k]);
        for (guint i = 0; i < all->len; i++) {
            const Object *configuration = all->pdata[i];
            if (value_find(configuration->value, "webhooks", "name", refusal->subject) != NULL)
                return configuration;
        }
    }
    return NULL;
}

static void
report(CheckRun *run, const CheckRow *row, const Object *by, const GPtrArray *refusals)
{
    const Refusal *first = refusals->pdata[0];
    Finding *finding = check_report(run, row, by);
    for (guint i = 0; i < refusals->len; i++) {
        const Refusal *refusal = refusals->pdata[i];
        finding_since(finding, refusal->since_s);
        finding_about(finding, refusal->maker);
        finding_evidence(finding, "%s %s/%s: %s", kind_row(refusal->maker->kind)->kind,
                         refusal->maker->ns, refusal->maker->name,
                         refusal_reason(refusal->message));
    }
    finding_title(finding, "%s %s refuses pods of %u controller%s", kind_row(by->kind)->kind,
                  by->name, refusals->len, refusals->len > 1 ? "s" : "");
    finding_cause(finding, "%s says no to the pods of %s %s/%s%s: %s", first->subject,
                  kind_row(first->maker->kind)->kind, first->maker->ns, first->maker->name,
                  refusals->len > 1 ? " and others" : "", refusal_reason(first->message));
    check_advise(finding, by);
}

static void
free_array(gpointer array)
{
    g_ptr_array_unref(array);
}

static void
run_denials(CheckRun *run)
{
    g_autoptr(GPtrArray) refusals = refusals_find(run);
    g_autoptr(GHashTable) by_denier = g_hash_table_new_full(NULL, NULL, NULL, free_array);
    for (guint i = 0; i < refusals->len; i++) {
        Refusal *refusal = refusals->pdata[i];
        bool is_policy = refusal->class == REFUSAL_POLICY_DENIED;
        if ((!is_policy && refusal->class != REFUSAL_WEBHOOK_DENIED) ||
            !check_held(run, &rows[is_policy ? ROW_POLICY : ROW_WEBHOOK], refusal->since_s))
            continue;
        const Object *by = denier(run, refusal);
        GPtrArray *own = by != NULL ? g_hash_table_lookup(by_denier, by) : NULL;
        if (by == NULL)
            continue;
        if (own == NULL) {
            own = g_ptr_array_new();
            g_hash_table_insert(by_denier, (gpointer)(uintptr_t)by, own);
        }
        g_ptr_array_add(own, refusal);
    }
    GHashTableIter iter;
    gpointer by, own;
    g_hash_table_iter_init(&iter, by_denier);
    while (g_hash_table_iter_next(&iter, &by, &own)) {
        bool is_policy = ((const Object *)by)->kind == KIND_VALIDATING_ADMISSION_POLICY;
        if (is_policy || ((const GPtrArray *)own)->len >= MAKERS_MIN)
            report(run, &rows[is_policy ? ROW_POLICY : ROW_WEBHOOK], by, own);
    }
}
