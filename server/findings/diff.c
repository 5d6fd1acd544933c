#include "server/findings/diff.h"

#include <string.h>

typedef struct {
    const FindingReport *report;
    FindingChange *change;
    FindingDiff *diff;
} Diff;

static void
add_transition(const Diff *diff, FindingTransitionType type, const Finding *finding,
               const Finding *former)
{
    FindingTransition *transition = g_new0(FindingTransition, 1);
    transition->cluster = g_strdup(diff->report->cluster);
    transition->fingerprint = g_strdup(finding->fingerprint);
    transition->check = g_strdup(finding->check);
    transition->kind = g_strdup(finding->kind);
    transition->ns = g_strdup(finding->ns);
    transition->name = g_strdup(finding->name);
    transition->title = g_strdup(finding->title);
    transition->time_ns = diff->report->clock_ns;
    transition->type = type;
    transition->severity = finding->severity;
    transition->former_severity = former != NULL ? former->severity : -1;
    g_ptr_array_add(diff->change->transitions, transition);
    diff->diff->n[type]++;
}

static bool
is_changed(const Finding *finding, const Finding *former)
{
    return finding->severity != former->severity || strcmp(finding->title, former->title) != 0 ||
           strcmp(finding->cause, former->cause) != 0;
}

/* A finding that is there now. */
static void
take_present(const Diff *diff, const Finding *finding)
{
    const Finding *former = g_hash_table_lookup(diff->change->known, finding->fingerprint);
    Finding *now = finding_copy(finding);
    now->seen_ns = now->opened_ns = diff->report->clock_ns;
    g_ptr_array_add(diff->change->put, now);
    diff->diff->open++;
    if (former == NULL) {
        add_transition(diff, FINDING_OPENED, now, NULL);
    } else if (former->resolved_ns > 0) {
        add_transition(diff, FINDING_REOPENED, now, former);
    } else {
        now->opened_ns = former->opened_ns;
        if (is_changed(now, former))
            add_transition(diff, FINDING_CHANGED, now, former);
    }
}

static bool
is_or_any(const char *wanted, const char *text)
{
    return wanted[0] == '\0' || strcmp(wanted, text) == 0;
}

/* Whether the check of a finding could not look. The object is one that the check needed, of a kind
 * that may be another than that of the finding, as the ConfigMap that a pod names: then it counts
 * for the namespace. */
static bool
is_unverified(const FindingReport *report, const Finding *finding)
{
    for (guint i = 0; i < report->unverified->len; i++) {
        const FindingUnverified *unverified = report->unverified->pdata[i];
        if (strcmp(unverified->check, finding->check) != 0 ||
            (finding->ns[0] != '\0' && !is_or_any(unverified->ns, finding->ns)))
            continue;
        if (strcmp(unverified->kind, finding->kind) != 0 ||
            is_or_any(unverified->name, finding->name))
            return true;
    }
    return false;
}

/* A finding that was open and is not in the report. */
static void
take_absent(const Diff *diff, const Finding *former)
{
    if (is_unverified(diff->report, former)) {
        diff->diff->kept++;
        diff->diff->open++;
        return;
    }
    g_autofree char *key =
        finding_object_key(former->check, former->kind, former->ns, former->name);
    bool is_folded = g_hash_table_contains(diff->report->explained, key);
    Finding *now = finding_copy(former);
    now->resolved_ns = diff->report->clock_ns;
    g_ptr_array_add(diff->change->put, now);
    add_transition(diff, is_folded ? FINDING_FOLDED : FINDING_RESOLVED, now, former);
}

void
finding_diff(const FindingReport *report, FindingChange *change, FindingDiff *ret_diff)
{
    *ret_diff = (FindingDiff){0};
    const Diff diff = {report, change, ret_diff};
    g_autoptr(GHashTable) present = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < report->findings->len; i++) {
        const Finding *finding = report->findings->pdata[i];
        g_hash_table_add(present, finding->fingerprint);
        take_present(&diff, finding);
    }
    GHashTableIter iter;
    void *former;
    g_hash_table_iter_init(&iter, change->known);
    while (g_hash_table_iter_next(&iter, NULL, &former)) {
        const Finding *finding = former;
        if (finding->resolved_ns == 0 && !g_hash_table_contains(present, finding->fingerprint))
            take_absent(&diff, finding);
    }
}
