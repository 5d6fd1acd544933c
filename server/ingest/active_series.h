/* Which series tenants have pushed lately, and the limit of how many these may be. */
#pragma once
#include <glib.h>
#include <stdint.h>

#include "server/ingest/prepare.h"

/* A series is active for so long after it was pushed. */
enum { ACTIVE_SERIES_S = 600 };

/* Tenants that metrics name. */
enum { ACTIVE_SERIES_TENANTS_SHOWN = 1000 };

typedef struct ActiveSeries ActiveSeries;

ActiveSeries *active_series_new(void);
void active_series_free(ActiveSeries *active);

/* Makes the series of `prepared` active at `now_s`, a clock that only goes forward. Where the
 * tenant has a limit (tenant_limits_series_max), rows whose series would be one too many are taken
 * away and counted in n_refused, and *error tells of them: INVALID_ARGUMENT. For each series of a
 * tenant with a limit some 100 bytes are held. From any thread. */
void active_series_admit(ActiveSeries *active, const char *tenant, const TenantLimits *limits,
                         int64_t now_s, PreparedProfile *prepared, GError **error);

/* Appends cresset_ingest_active_series as Prometheus text, of tenants with a limit; nothing when
 * there are none. */
void active_series_write_metrics(ActiveSeries *active, int64_t now_s, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ActiveSeries, active_series_free)
