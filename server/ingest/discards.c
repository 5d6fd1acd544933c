#include "server/ingest/discards.h"

#include <inttypes.h>
#include <stddef.h>

#include "lib/base/metrics.h"

/* The names are those of the Pyroscope API. */
static const char *const REASON_NAMES[] = {
    [REASON_MISSING_LABELS] = "missing_labels",
    [REASON_INVALID_LABELS] = "invalid_labels",
    [REASON_LABEL_NAMES] = "max_label_names_per_series",
    [REASON_LABEL_NAME_TOO_LONG] = "label_name_too_long",
    [REASON_LABEL_VALUE_TOO_LONG] = "label_value_too_long",
    [REASON_DUPLICATE_LABELS] = "duplicate_label_names",
    [REASON_WINDOW] = "not_in_ingestion_window",
    [REASON_PROFILE_SIZE] = "profile_size_limit",
    [REASON_SAMPLES] = "samples_limit",
    [REASON_SAMPLE_LABELS] = "sample_labels_limit",
    [REASON_MALFORMED] = "malformed_profile",
    [REASON_BODY_SIZE] = "body_size_limit_exceeded",
    [REASON_RATE] = "rate_limited",
    [REASON_LIMIT] = "ingest_limit_reached",
    [REASON_SERIES] = "series_limit",
    [REASON_STORE] = "store_failed",
    [REASON_RELABEL] = "dropped_by_relabel_rules",
    [REASON_SAMPLED] = "dropped_by_sampling_rules",
};

typedef struct {
    uint64_t profiles, bytes;
} Count;

typedef struct {
    Count of[G_N_ELEMENTS(REASON_NAMES)];
} Counts;

struct Discards {
    GMutex lock;
    GHashTable *tenants; /* tenant -> Counts */
    Counts nameless;
};

typedef struct {
    const char *name, *help;
    size_t offset; /* in Count */
} Row;

static const Row ROWS[] = {
    {"pyroscope_discarded_samples_total", "Profiles that were refused or dropped, by reason.",
     offsetof(Count, profiles)},
    {"pyroscope_discarded_bytes_total", "Bytes of those profiles, by reason.",
     offsetof(Count, bytes)},
};

Discards *
discards_new(void)
{
    Discards *discards = g_new0(Discards, 1);
    g_mutex_init(&discards->lock);
    discards->tenants = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return discards;
}

void
discards_free(Discards *discards)
{
    if (discards == NULL)
        return;
    g_hash_table_unref(discards->tenants);
    g_mutex_clear(&discards->lock);
    g_free(discards);
}

static Counts *
counts_of(Discards *discards, const char *tenant)
{
    Counts *counts = g_hash_table_lookup(discards->tenants, tenant);
    if (counts != NULL)
        return counts;
    if (g_hash_table_size(discards->tenants) >= DISCARDS_TENANTS_MAX)
        return &discards->nameless;
    counts = g_new0(Counts, 1);
    g_hash_table_insert(discards->tenants, g_strdup(tenant), counts);
    return counts;
}

void
discards_count(Discards *discards, const char *tenant, IngestReason reason, uint64_t profiles,
               uint64_t bytes)
{
    g_mutex_lock(&discards->lock);
    Count *count = &counts_of(discards, tenant)->of[reason];
    count->profiles += profiles;
    count->bytes += bytes;
    g_mutex_unlock(&discards->lock);
}

static Counts
sum_all(Discards *discards)
{
    Counts sum = discards->nameless;
    GHashTableIter iter;
    void *counts;
    g_hash_table_iter_init(&iter, discards->tenants);
    while (g_hash_table_iter_next(&iter, NULL, &counts)) {
        for (size_t i = 0; i < G_N_ELEMENTS(sum.of); i++) {
            sum.of[i].profiles += ((const Counts *)counts)->of[i].profiles;
            sum.of[i].bytes += ((const Counts *)counts)->of[i].bytes;
        }
    }
    return sum;
}

/* `tenant` NULL: without. */
static void
write_counts(const Row *row, const char *tenant, const Counts *counts, bool with_zeros,
             GString *out)
{
    for (size_t i = 0; i < G_N_ELEMENTS(counts->of); i++) {
        uint64_t value =
            *(const uint64_t *)(const void *)((const char *)&counts->of[i] + row->offset);
        if (value == 0 && !with_zeros)
            continue;
        g_string_append_printf(out, "%s{reason=\"%s\"", row->name, REASON_NAMES[i]);
        if (tenant != NULL) {
            g_string_append(out, ",tenant=\"");
            metrics_append_label_value(out, tenant);
            g_string_append_c(out, '"');
        }
        g_string_append_printf(out, "} %" PRIu64 "\n", value);
    }
}

static void
write_tenants(Discards *discards, const Row *row, GString *out)
{
    GHashTableIter iter;
    void *tenant, *counts;
    g_hash_table_iter_init(&iter, discards->tenants);
    while (g_hash_table_iter_next(&iter, &tenant, &counts))
        write_counts(row, tenant, counts, false, out);
    write_counts(row, NULL, &discards->nameless, false, out);
}

void
discards_write_metrics(Discards *discards, bool by_tenant, GString *out)
{
    g_mutex_lock(&discards->lock);
    Counts sum = sum_all(discards);
    for (size_t i = 0; i < G_N_ELEMENTS(ROWS); i++) {
        g_string_append_printf(out, "# HELP %s %s\n# TYPE %s counter\n", ROWS[i].name, ROWS[i].help,
                               ROWS[i].name);
        if (by_tenant)
            write_tenants(discards, &ROWS[i], out);
        else
            write_counts(&ROWS[i], NULL, &sum, true, out);
    }
    g_mutex_unlock(&discards->lock);
}
