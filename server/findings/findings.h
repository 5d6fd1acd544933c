/* The findings of the clusters of every tenant: takes reports of analyzers in. They lie in the
 * store (server/store/finding.h), from which they are read. */
#pragma once
#include "server/findings/diff.h"
#include "server/store/store.h"
#include "server/tenant/limits.h"

typedef struct Findings Findings;

/* Borrows both. */
Findings *findings_new(Store *store, TenantOverrides *overrides);
void findings_free(Findings *findings);

/* Takes a report in; it is durable when this returns. The same report again changes nothing.
 *   INVALID_ARGUMENT    it is no report; names the field
 *   ALREADY_EXISTS      it is older than the newest one of its cluster
 *   OUT_OF_RANGE        it is over a limit of the tenant, which is named */
bool findings_report(Findings *findings, const char *tenant, const void *text, size_t size,
                     FindingDiff *ret_diff, GError **error);

/* Appends cresset_server_findings_… as Prometheus text. */
void findings_write_metrics(Findings *findings, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Findings, findings_free)
