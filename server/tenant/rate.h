/* How fast tenants may push: a token bucket of bytes for each.
 *
 * The bucket of a tenant holds `burst` bytes, is full at first, and fills at `rate` bytes a second.
 * A push takes what it weighs or is refused whole. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/tenant/limits.h"

typedef struct TenantRates TenantRates;

TenantRates *tenant_rates_new(void);
void tenant_rates_free(TenantRates *rates);

/* Takes `bytes` from the tenant's bucket at `now_us` (g_get_monotonic_time). RESOURCE_EXHAUSTED
 * when they are not there, with the text of the Pyroscope API. No limit where the rate is 0. From
 * any thread. */
bool tenant_rates_take(TenantRates *rates, const char *tenant, const TenantLimits *limits,
                       uint64_t bytes, int64_t now_us, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TenantRates, tenant_rates_free)
