#include "server/ingest/active_series.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/metrics.h"
#include "server/ingest/series_labels.h"

/* Two series with the same hash count as one. */
typedef struct {
    uint64_t hash;
    int64_t seen_s;
    GList link; /* in by_age */
} Series;

typedef struct {
    GHashTable *series; /* a set of Series, by hash */
    GQueue by_age;      /* of Series, that which was not seen for the longest first */
} Tenant;

struct ActiveSeries {
    GMutex lock;
    GHashTable *tenants; /* name -> Tenant; only those with a limit */
    int64_t swept_s;
};

static void
free_tenant(void *data)
{
    Tenant *tenant = data;
    g_hash_table_unref(tenant->series);
    g_free(tenant);
}

ActiveSeries *
active_series_new(void)
{
    ActiveSeries *active = g_new0(ActiveSeries, 1);
    g_mutex_init(&active->lock);
    active->tenants = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_tenant);
    return active;
}

void
active_series_free(ActiveSeries *active)
{
    if (active == NULL)
        return;
    g_hash_table_unref(active->tenants);
    g_mutex_clear(&active->lock);
    g_free(active);
}

static Tenant *
tenant_of(ActiveSeries *active, const char *name)
{
    Tenant *tenant = g_hash_table_lookup(active->tenants, name);
    if (tenant == NULL) {
        tenant = g_new0(Tenant, 1);
        tenant->series = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
        g_hash_table_insert(active->tenants, g_strdup(name), tenant);
    }
    return tenant;
}

/* Forgets the series that are not active any more. */
static void
expire(Tenant *tenant, int64_t now_s)
{
    Series *oldest;
    while ((oldest = g_queue_peek_head(&tenant->by_age)) != NULL &&
           now_s - oldest->seen_s >= ACTIVE_SERIES_S) {
        g_queue_unlink(&tenant->by_age, &oldest->link);
        g_hash_table_remove(tenant->series, &oldest->hash);
    }
}

static gboolean
is_idle(gpointer name, gpointer tenant, gpointer now_s)
{
    (void)name;
    expire(tenant, *(const int64_t *)now_s);
    return g_hash_table_size(((const Tenant *)tenant)->series) == 0;
}

/* Forgets tenants that push no more. */
static void
sweep(ActiveSeries *active, int64_t now_s)
{
    if (now_s - active->swept_s < ACTIVE_SERIES_S)
        return;
    active->swept_s = now_s;
    g_hash_table_foreach_remove(active->tenants, is_idle, &now_s);
}

/* False when the series is not active, and would be one too many. */
static bool
take(Tenant *tenant, const Labels *labels, int64_t max, int64_t now_s)
{
    uint64_t hash = labels_fingerprint(labels);
    Series *series = g_hash_table_lookup(tenant->series, &hash);
    if (series != NULL) {
        g_queue_unlink(&tenant->by_age, &series->link);
    } else if (g_hash_table_size(tenant->series) >= (uint64_t)max) {
        return false;
    } else {
        series = g_new0(Series, 1);
        series->hash = hash;
        series->link.data = series;
        g_hash_table_add(tenant->series, series);
    }
    series->seen_s = now_s;
    g_queue_push_tail_link(&tenant->by_age, &series->link);
    return true;
}

static void
tell(const Tenant *tenant, const TenantLimits *limits, const Labels *first, size_t n,
     GError **error)
{
    int64_t max = tenant_limits_series_max(limits);
    g_autofree char *series = series_labels_print(first->labels, first->n_labels);
    g_autofree char *more = n > 1 ? g_strdup_printf(" and %zu more", n - 1) : g_strdup("");
    error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
              "Maximum active series limit exceeded (%u/%" PRId64
              "): the series '%s'%s would be too many; a series is active for %d minutes (%s)",
              g_hash_table_size(tenant->series), max, series, more, ACTIVE_SERIES_S / 60,
              max == limits->global_series_max ? "max_global_series_per_tenant"
                                               : "max_local_series_per_tenant");
}

/* Takes away the rows whose series are too many. */
static void
admit(Tenant *tenant, const TenantLimits *limits, int64_t now_s, PreparedProfile *prepared,
      GError **error)
{
    int64_t max = tenant_limits_series_max(limits);
    g_autoptr(Labels) first = NULL;
    size_t n_kept = 0;
    for (size_t i = 0; i < prepared->n_rows; i++) {
        StoreRow row = prepared->rows[i];
        if (take(tenant, row.labels, max, now_s)) {
            prepared->rows[n_kept++] = row;
            continue;
        }
        prepared->n_samples -= row.n_samples;
        if (first == NULL)
            first = labels_ref(row.labels);
        labels_unref((Labels *)row.labels);
    }
    prepared->n_refused = prepared->n_rows - n_kept;
    prepared->n_rows = n_kept;
    if (first != NULL)
        tell(tenant, limits, first, prepared->n_refused, error);
}

void
active_series_admit(ActiveSeries *active, const char *tenant, const TenantLimits *limits,
                    int64_t now_s, PreparedProfile *prepared, GError **error)
{
    g_mutex_lock(&active->lock);
    sweep(active, now_s);
    if (tenant_limits_series_max(limits) == 0) {
        g_hash_table_remove(active->tenants, tenant);
    } else {
        Tenant *own = tenant_of(active, tenant);
        expire(own, now_s);
        admit(own, limits, now_s, prepared, error);
    }
    g_mutex_unlock(&active->lock);
}

void
active_series_write_metrics(ActiveSeries *active, int64_t now_s, GString *out)
{
    static const char NAME[] = "cresset_ingest_active_series";
    g_mutex_lock(&active->lock);
    g_hash_table_foreach_remove(active->tenants, is_idle, &now_s);
    GList *names = g_list_sort(g_hash_table_get_keys(active->tenants), (GCompareFunc)strcmp);
    if (names != NULL)
        g_string_append_printf(out,
                               "# HELP %s Series that a tenant with a limit of them has pushed "
                               "within %d minutes.\n# TYPE %s gauge\n",
                               NAME, ACTIVE_SERIES_S / 60, NAME);
    size_t n_shown = 0;
    for (const GList *item = names; item != NULL && n_shown < ACTIVE_SERIES_TENANTS_SHOWN;
         item = item->next, n_shown++) {
        const Tenant *tenant = g_hash_table_lookup(active->tenants, item->data);
        g_string_append_printf(out, "%s{tenant=\"", NAME);
        metrics_append_label_value(out, item->data);
        g_string_append_printf(out, "\"} %u\n", g_hash_table_size(tenant->series));
    }
    g_list_free(names);
    g_mutex_unlock(&active->lock);
}
