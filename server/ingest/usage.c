#include "server/ingest/usage.h"

#include <inttypes.h>
#include <stdint.h>

#include "lib/base/metrics.h"
#include "server/tenant/usage_groups.h"

typedef struct {
    uint64_t profiles, bytes, dropped_profiles, dropped_bytes;
} Count;

struct Usage {
    GMutex lock;
    GHashTable *tenants; /* tenant -> GHashTable of group -> Count */
};

typedef struct {
    const char *name, *help;
    size_t offset; /* in Count */
} Row;

static const Row ROWS[] = {
    {"cresset_ingest_usage_group_profiles_total",
     "Profiles received, by usage group of the tenant; one may be in several.",
     offsetof(Count, profiles)},
    {"cresset_ingest_usage_group_profile_bytes_total", "Uncompressed bytes of those profiles.",
     offsetof(Count, bytes)},
    {"cresset_ingest_usage_group_sampled_out_profiles_total",
     "Profiles of those that sampling dropped.", offsetof(Count, dropped_profiles)},
    {"cresset_ingest_usage_group_sampled_out_profile_bytes_total",
     "Uncompressed bytes of the profiles that sampling dropped.", offsetof(Count, dropped_bytes)},
};

static void
free_counts(void *counts)
{
    g_hash_table_unref(counts);
}

Usage *
usage_new(void)
{
    Usage *usage = g_new0(Usage, 1);
    g_mutex_init(&usage->lock);
    usage->tenants = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_counts);
    return usage;
}

void
usage_free(Usage *usage)
{
    if (usage == NULL)
        return;
    g_hash_table_unref(usage->tenants);
    g_mutex_clear(&usage->lock);
    g_free(usage);
}

static GHashTable *
counts_of(Usage *usage, const char *tenant)
{
    GHashTable *counts = g_hash_table_lookup(usage->tenants, tenant);
    if (counts == NULL) {
        counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        g_hash_table_insert(counts, g_strdup(USAGE_GROUP_OTHER), g_new0(Count, 1));
        g_hash_table_insert(usage->tenants, g_strdup(tenant), counts);
    }
    return counts;
}

static Count *
count_of(GHashTable *counts, const char *name)
{
    Count *count = g_hash_table_lookup(counts, name);
    if (count == NULL && g_hash_table_size(counts) > USAGE_NAMES_MAX)
        return g_hash_table_lookup(counts, USAGE_GROUP_OTHER);
    if (count == NULL) {
        count = g_new0(Count, 1);
        g_hash_table_insert(counts, g_strdup(name), count);
    }
    return count;
}

void
usage_count(Usage *usage, const char *tenant, const GPtrArray *names, size_t bytes,
            bool is_sampled_out)
{
    g_mutex_lock(&usage->lock);
    GHashTable *counts = counts_of(usage, tenant);
    for (unsigned i = 0; i < names->len; i++) {
        Count *count = count_of(counts, names->pdata[i]);
        count->profiles++;
        count->bytes += bytes;
        count->dropped_profiles += is_sampled_out;
        count->dropped_bytes += is_sampled_out ? bytes : 0;
    }
    g_mutex_unlock(&usage->lock);
}

static void
write_counts(const Row *row, const char *tenant, GHashTable *counts, GString *out)
{
    GHashTableIter iter;
    void *name, *count;
    g_hash_table_iter_init(&iter, counts);
    while (g_hash_table_iter_next(&iter, &name, &count)) {
        g_string_append_printf(out, "%s{tenant=\"", row->name);
        metrics_append_label_value(out, tenant);
        g_string_append(out, "\",usage_group=\"");
        metrics_append_label_value(out, name);
        g_string_append_printf(
            out, "\"} %" PRIu64 "\n",
            *(const uint64_t *)(const void *)((const char *)count + row->offset));
    }
}

void
usage_write_metrics(Usage *usage, GString *out)
{
    g_mutex_lock(&usage->lock);
    bool is_used = g_hash_table_size(usage->tenants) > 0;
    for (size_t i = 0; is_used && i < G_N_ELEMENTS(ROWS); i++) {
        g_string_append_printf(out, "# HELP %s %s\n# TYPE %s counter\n", ROWS[i].name, ROWS[i].help,
                               ROWS[i].name);
        GHashTableIter iter;
        void *tenant, *counts;
        g_hash_table_iter_init(&iter, usage->tenants);
        while (g_hash_table_iter_next(&iter, &tenant, &counts))
            write_counts(&ROWS[i], tenant, counts, out);
    }
    g_mutex_unlock(&usage->lock);
}
