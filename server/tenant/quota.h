/* What tenants have used of their ingestion_limit (ingest_limit.h) in the present period.
 *
 * A push is taken as long as the limit has not been reached, also when it goes beyond it. What was
 * used is written down every minute and at the end, so that a start goes on with it. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/store/store.h"
#include "server/tenant/ingest_limit.h"
#include "server/tenant/usage_groups.h"

typedef struct TenantQuotas TenantQuotas;

/* `store` keeps what was used; NULL: it is forgotten. */
TenantQuotas *tenant_quotas_new(Store *store);
void tenant_quotas_free(TenantQuotas *quotas);

/* A limit that had been reached, and beyond which its sampling took something all the same. */
typedef struct {
    const IngestLimit *limit;
    int64_t limit_mb, reset_s; /* reset_s 0: the limit holds as long as it stands */
    const char *usage_group;   /* among the names of the match, or "" for the tenant's own limit */
} IngestThrottle;

/* Whether a push of the tenant is taken at `now_s` (seconds since 1970); what sampling takes adds
 * an IngestThrottle to `throttles`, which may be NULL. RESOURCE_EXHAUSTED when its limit has been
 * reached, with the text of the Pyroscope API. From any thread, as the others. */
bool tenant_quotas_check(TenantQuotas *quotas, const char *tenant, const IngestLimit *limit,
                         int64_t now_s, GArray *throttles, GError **error);
/* Whether a profile of these usage groups is taken; each group that has reached its limit samples
 * its profiles by itself. */
bool tenant_quotas_check_groups(TenantQuotas *quotas, const char *tenant, const IngestLimit *limit,
                                const UsageMatch *match, int64_t now_s, GArray *throttles,
                                GError **error);
/* Counts a profile that was taken; its groups may be none. */
void tenant_quotas_add(TenantQuotas *quotas, const char *tenant, const IngestLimit *limit,
                       const UsageMatch *match, uint64_t bytes, int64_t now_s);
/* Writes down what all tenants have used: before the store is closed. */
void tenant_quotas_save(TenantQuotas *quotas);

/* Appends cresset_ingest_limit_… as Prometheus text, nothing as long as nothing was counted. */
void tenant_quotas_write_metrics(TenantQuotas *quotas, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TenantQuotas, tenant_quotas_free)
