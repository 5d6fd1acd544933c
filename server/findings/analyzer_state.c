#include "server/findings/analyzer_state.h"

#include <string.h>

#include "lib/base/error.h"
#include "server/store/document.h"

#define KIND "analyzer state"

/* The version of a document is when it was written, in nanoseconds, and grows with each writing. */
static AnalyzerStateTag
tag_of(int64_t version)
{
    AnalyzerStateTag tag;
    (void)g_snprintf(tag.text, sizeof tag.text, "\"%016" G_GINT64_MODIFIER "x\"", (guint64)version);
    return tag;
}

bool
analyzer_state_get(Store *store, const char *tenant, const char *cluster, GBytes **ret_content,
                   AnalyzerStateTag *ret_tag, GError **error)
{
    const DocumentKey key = {tenant, KIND, cluster};
    g_autoptr(Document) document = store_document_get(store, &key, error);
    if (document == NULL)
        return false;
    *ret_content = g_bytes_ref(document->content);
    *ret_tag = tag_of(document->version);
    return true;
}

/* A document on its way into the store. */
typedef struct {
    const char *cluster, *expected;
    GBytes *content;
    int64_t now_ns, clusters_max;
    AnalyzerStateTag tag;
} Putting;

static bool
put(const Document *old, const DocumentOthers *others, Document *ret_new, void *data,
    GError **error)
{
    Putting *putting = data;
    const AnalyzerStateTag known = old != NULL ? tag_of(old->version) : (AnalyzerStateTag){""};
    if (strcmp(known.text, putting->expected) != 0)
        return error_set(error, CRESSET_ERROR_ABORTED,
                         "the state of cluster '%s' is another one by now", putting->cluster);
    if (old == NULL && others->n >= (uint64_t)putting->clusters_max)
        return error_set(error, CRESSET_ERROR_OUT_OF_RANGE,
                         "the state of cluster '%s' is one too many (max_finding_clusters is "
                         "%" G_GINT64_FORMAT ")",
                         putting->cluster, putting->clusters_max);
    ret_new->version = old != NULL ? MAX(putting->now_ns, old->version + 1) : putting->now_ns;
    ret_new->content = g_bytes_ref(putting->content);
    putting->tag = tag_of(ret_new->version);
    return true;
}

/* Leaves nothing of a document that is still as old as it was in the list. */
static bool
forget(const Document *old, const DocumentOthers *others, Document *ret_new, void *data,
       GError **error)
{
    (void)others;
    (void)error;
    const int64_t *oldest_ns = data;
    if (old == NULL || old->version < *oldest_ns)
        return true;
    ret_new->version = old->version;
    ret_new->content = g_bytes_ref(old->content);
    return true;
}

/* All but the one of `cluster`. */
static bool
forget_silent(Store *store, const char *tenant, const char *cluster, int64_t oldest_ns,
              GError **error)
{
    g_autoptr(GPtrArray) list = store_document_list(store, tenant, KIND, false, error);
    if (list == NULL)
        return false;
    for (guint i = 0; i < list->len; i++) {
        const Document *document = list->pdata[i];
        const DocumentKey key = {tenant, KIND, document->name};
        if (document->version < oldest_ns && strcmp(document->name, cluster) != 0 &&
            !store_document_change(store, &key, forget, &oldest_ns, error))
            return false;
    }
    return true;
}

bool
analyzer_state_put(Store *store, TenantOverrides *overrides, const char *tenant,
                   const char *cluster, const char *expected, GBytes *content,
                   AnalyzerStateTag *ret_tag, GError **error)
{
    TenantLimits limits;
    tenant_overrides_get(overrides, tenant, &limits);
    const DocumentKey key = {tenant, KIND, cluster};
    Putting putting = {.cluster = cluster,
                       .expected = expected,
                       .content = content,
                       .now_ns = g_get_real_time() * 1000,
                       .clusters_max = limits.finding_clusters_max};
    if (!forget_silent(store, tenant, cluster, putting.now_ns - limits.findings_retention_ns,
                       error) ||
        !store_document_change(store, &key, put, &putting, error))
        return false;
    *ret_tag = putting.tag;
    return true;
}
