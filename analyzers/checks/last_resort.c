#include "analyzers/checks/last_resort.h"

GHashTable *
last_resort_known(const Findings *findings, bool umbrellas)
{
    GHashTable *known = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < findings->all->len; i++) {
        const Finding *finding = findings->all->pdata[i];
        if (finding->check->stage == STAGE_ADVICE || (finding->check->is_umbrella && !umbrellas))
            continue;
        g_hash_table_add(known, (gpointer)(uintptr_t)finding->object);
        for (guint k = 0; k < finding->about->len; k++)
            g_hash_table_add(known, finding->about->pdata[k]);
    }
    return known;
}

bool
last_resort_is_known(const CheckRun *run, GHashTable *known, const Object *pod)
{
    if (g_hash_table_contains(known, pod) ||
        g_hash_table_contains(known, relations_controller(run->relations, pod)))
        return true;
    g_autoptr(GPtrArray) services = relations_pod_services(run->relations, pod);
    for (guint i = 0; i < services->len; i++) {
        if (g_hash_table_contains(known, services->pdata[i]))
            return true;
    }
    return false;
}
