#include "server/tenant/rate.h"

#include "lib/base/error.h"

#define MIB 1048576.0

typedef struct {
    double bytes; /* that may be taken */
    int64_t at_us;
} Bucket;

struct TenantRates {
    GMutex lock;
    GHashTable *buckets; /* tenant -> Bucket; full ones are forgotten */
    int64_t swept_us;
};

TenantRates *
tenant_rates_new(void)
{
    TenantRates *rates = g_new0(TenantRates, 1);
    g_mutex_init(&rates->lock);
    rates->buckets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return rates;
}

void
tenant_rates_free(TenantRates *rates)
{
    if (rates == NULL)
        return;
    g_hash_table_unref(rates->buckets);
    g_mutex_clear(&rates->lock);
    g_free(rates);
}

typedef struct {
    int64_t before_us;
} Sweep;

static gboolean
is_idle(gpointer tenant, gpointer bucket, gpointer data)
{
    (void)tenant;
    return ((const Bucket *)bucket)->at_us < ((const Sweep *)data)->before_us;
}

/* Forgets tenants that have not pushed for an hour: their buckets are full, or start so. */
static void
sweep(TenantRates *rates, int64_t now_us)
{
    const int64_t hour_us = INT64_C(3600) * G_USEC_PER_SEC;
    if (now_us - rates->swept_us < hour_us)
        return;
    rates->swept_us = now_us;
    Sweep old = {now_us - hour_us};
    g_hash_table_foreach_remove(rates->buckets, is_idle, &old);
}

static Bucket *
bucket_of(TenantRates *rates, const char *tenant, double burst, int64_t now_us)
{
    Bucket *bucket = g_hash_table_lookup(rates->buckets, tenant);
    if (bucket == NULL) {
        bucket = g_new(Bucket, 1);
        *bucket = (Bucket){burst, now_us};
        g_hash_table_insert(rates->buckets, g_strdup(tenant), bucket);
    }
    return bucket;
}

bool
tenant_rates_take(TenantRates *rates, const char *tenant, const TenantLimits *limits,
                  uint64_t bytes, int64_t now_us, GError **error)
{
    double rate = limits->ingestion_rate_mb * MIB, burst = limits->ingestion_burst_size_mb * MIB;
    if (rate <= 0)
        return true;
    g_mutex_lock(&rates->lock);
    sweep(rates, now_us);
    Bucket *bucket = bucket_of(rates, tenant, burst, now_us);
    double elapsed_s = (double)MAX(now_us - bucket->at_us, 0) / G_USEC_PER_SEC;
    bucket->bytes = MIN(bucket->bytes + elapsed_s * rate, burst);
    bucket->at_us = now_us;
    bool is_taken = (double)bytes <= bucket->bytes;
    if (is_taken)
        bucket->bytes -= (double)bytes;
    g_mutex_unlock(&rates->lock);
    if (is_taken)
        return true;
    g_autofree char *size = g_format_size_full(bytes, G_FORMAT_SIZE_IEC_UNITS);
    return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                     "push rate limit (%.1f MiB) exceeded while adding %s (limits "
                     "ingestion_rate_mb, ingestion_burst_size_mb)",
                     limits->ingestion_rate_mb, size);
}
