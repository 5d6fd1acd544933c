#include "analyzers/checks/absence.h"

static void
confirm(Findings *findings, const Snapshot *snapshot, const Finding *finding, GHashTable *doubtful)
{
    const Absence *absence = finding->absence;
    g_autofree char *why = NULL;
    Presence presence = snapshot_lookup(snapshot, absence->kind, absence->ns, absence->name, &why);
    if (presence == PRESENCE_MISSING)
        return;
    g_hash_table_add(doubtful, (gpointer)(uintptr_t)finding);
    if (presence == PRESENCE_UNKNOWN)
        findings_unverified(findings, finding->check, absence->kind, absence->ns, absence->name,
                            why);
}

static bool
is_certain(const Finding *finding, const void *data)
{
    return !g_hash_table_contains((GHashTable *)(uintptr_t)data, finding);
}

void
confirm_absences(Findings *findings, const Snapshot *snapshot)
{
    g_autoptr(GHashTable) doubtful = g_hash_table_new(NULL, NULL); /* Finding, set */
    for (int severity = SEVERITY_CRITICAL; severity >= SEVERITY_HIGH; severity--) {
        for (guint i = 0; i < findings->all->len; i++) {
            const Finding *finding = findings->all->pdata[i];
            if (finding->absence != NULL && (int)finding->severity == severity)
                confirm(findings, snapshot, finding, doubtful);
        }
    }
    findings_filter(findings, is_certain, doubtful);
}
