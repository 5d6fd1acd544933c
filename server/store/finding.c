#include "server/store/finding.h"

#include "server/store/meta_finding.h"
#include "server/store/store_private.h"

void
finding_free(Finding *finding)
{
    if (finding == NULL)
        return;
    g_free(finding->cluster);
    g_free(finding->fingerprint);
    g_free(finding->check);
    g_free(finding->kind);
    g_free(finding->ns);
    g_free(finding->name);
    g_free(finding->title);
    g_free(finding->cause);
    g_free(finding->evidence);
    g_free(finding->fix);
    g_free(finding->explains);
    g_free(finding->changes);
    g_free(finding->links);
    g_free(finding->note);
    g_free(finding);
}

Finding *
finding_copy(const Finding *finding)
{
    Finding *copy = g_memdup2(finding, sizeof *finding);
    copy->cluster = g_strdup(finding->cluster);
    copy->fingerprint = g_strdup(finding->fingerprint);
    copy->check = g_strdup(finding->check);
    copy->kind = g_strdup(finding->kind);
    copy->ns = g_strdup(finding->ns);
    copy->name = g_strdup(finding->name);
    copy->title = g_strdup(finding->title);
    copy->cause = g_strdup(finding->cause);
    copy->evidence = g_strdup(finding->evidence);
    copy->fix = g_strdup(finding->fix);
    copy->explains = g_strdup(finding->explains);
    copy->changes = g_strdup(finding->changes);
    copy->links = g_strdup(finding->links);
    copy->note = g_strdup(finding->note);
    return copy;
}

void
finding_transition_free(FindingTransition *transition)
{
    if (transition == NULL)
        return;
    g_free(transition->cluster);
    g_free(transition->fingerprint);
    g_free(transition->check);
    g_free(transition->kind);
    g_free(transition->ns);
    g_free(transition->name);
    g_free(transition->title);
    g_free(transition);
}

void
finding_cluster_free(FindingCluster *cluster)
{
    if (cluster == NULL)
        return;
    g_free(cluster->cluster);
    g_free(cluster);
}

bool
store_finding_change(Store *store, const FindingReportKey *key, FindingChangeFunc change,
                     void *data, GError **error)
{
    return meta_finding_change(store->meta, key, change, data, error);
}

GPtrArray *
store_finding_list(Store *store, const char *tenant, const FindingQuery *query, GError **error)
{
    return meta_finding_list(store->meta, tenant, query, error);
}

GPtrArray *
store_finding_transitions(Store *store, const char *tenant, const FindingTransitionQuery *query,
                          GError **error)
{
    return meta_finding_transitions(store->meta, tenant, query, error);
}

GPtrArray *
store_finding_clusters(Store *store, const char *tenant, GError **error)
{
    return meta_finding_clusters(store->meta, tenant, error);
}

bool
store_finding_count_open(Store *store, int64_t ret_counts[FINDING_SEVERITIES], GError **error)
{
    return meta_finding_count_open(store->meta, ret_counts, error);
}
