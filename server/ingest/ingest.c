#include "server/ingest/ingest.h"

#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/base/error.h"
#include "lib/base/metrics.h"
#include "server/ingest/batch.h"
#include "server/ingest/prepare.h"
#include "server/ingest/push_message.h"
#include "server/ingest/recent.h"
#include "server/ingest/usage.h"
#include "server/tenant/rate.h"

enum {
    METRIC_PROFILES,
    METRIC_SAMPLES,
    METRIC_BYTES,
    METRIC_DUPLICATES,
    METRIC_DISCARDED,
    METRIC_DISCARDED_BYTES
};

/* In the order of IngestReason; the names are those of the Pyroscope API. */
static const char *const REASON_NAMES[] = {"missing_labels",
                                           "invalid_labels",
                                           "max_label_names_per_series",
                                           "label_name_too_long",
                                           "label_value_too_long",
                                           "duplicate_label_names",
                                           "not_in_ingestion_window",
                                           "profile_size_limit",
                                           "samples_limit",
                                           "sample_labels_limit",
                                           "malformed_profile",
                                           "body_size_limit_exceeded",
                                           "rate_limited",
                                           "series_limit",
                                           "store_failed",
                                           "dropped_by_relabel_rules",
                                           "dropped_by_sampling_rules",
                                           NULL};

static const MetricRow METRICS[] = {
    [METRIC_PROFILES] = {.name = "cresset_ingest_profiles_total",
                         .kind = METRIC_COUNTER,
                         .help = "Profiles that were taken and are durable."},
    [METRIC_SAMPLES] = {.name = "cresset_ingest_samples_total",
                        .kind = METRIC_COUNTER,
                        .help = "Sample values of the profiles handed to the store."},
    [METRIC_BYTES] = {.name = "cresset_ingest_profile_bytes_total",
                      .kind = METRIC_COUNTER,
                      .help = "Uncompressed bytes of the profiles handed to the store."},
    [METRIC_DUPLICATES] = {.name = "cresset_ingest_duplicate_profiles_total",
                           .kind = METRIC_COUNTER,
                           .help = "Profiles sent again that were stored before."},
    [METRIC_DISCARDED] = {.name = "pyroscope_discarded_samples_total",
                          .kind = METRIC_COUNTER,
                          .help = "Profiles that were refused or dropped, by reason.",
                          .label = "reason",
                          .label_values = REASON_NAMES},
    [METRIC_DISCARDED_BYTES] = {.name = "pyroscope_discarded_bytes_total",
                                .kind = METRIC_COUNTER,
                                .help = "Bytes of those profiles, by reason.",
                                .label = "reason",
                                .label_values = REASON_NAMES},
};

/* How far back stored profiles count as recent after a start: longer than clients keep trying. */
static const int64_t RECENT_NS = INT64_C(600) * 1000000000;

/* Of a gzip member: 10 of its head, 2 of the shortest data, 8 of its tail (RFC 1952). */
enum { GZIP_BYTES_MIN = 20 };

struct Ingest {
    Store *store;
    TenantOverrides *overrides;
    TenantRates *rates;
    Recent *recent;
    Usage *usage;
    Metrics *metrics;
};

/* A profile of a batch on its way to the disk. */
typedef struct {
    Ingest *ingest;
    IngestBatch *batch;
    size_t index;
    char *id;      /* the client's, or NULL */
    RecentKey key; /* with an id: what tells it again */
    size_t size_bytes;
    bool is_sampled_out;
    bool *ret_refused; /* or NULL */
} Item;

static int64_t
now_ns(void)
{
    return g_get_real_time() * 1000;
}

/* Tells the batch what went wrong with an item. */
static void
fail_item(Item *item, const GError *error)
{
    if (item->ret_refused != NULL)
        *item->ret_refused = true;
    batch_fail(item->batch, item->index, item->id, error);
}

/* Ends an item with its outcome. */
static void
finish_item(Item *item, const GError *error)
{
    Ingest *ingest = item->ingest;
    if (error == NULL) {
        metrics_add(ingest->metrics, METRIC_PROFILES, 0, item->is_sampled_out ? 0 : 1);
    } else {
        metrics_add(ingest->metrics, METRIC_DISCARDED, REASON_STORE, 1);
        metrics_add(ingest->metrics, METRIC_DISCARDED_BYTES, REASON_STORE,
                    (double)item->size_bytes);
        fail_item(item, error);
    }
    batch_unref(item->batch);
    g_free(item->id);
    g_free(item);
}

/* The outcome of the first of two equal profiles is that of the second. */
static void
finish_waiter(void *waiter, const GError *error)
{
    Item *item = waiter;
    if (error == NULL)
        metrics_add(item->ingest->metrics, METRIC_DUPLICATES, 0, 1);
    finish_item(item, error);
}

static void
on_stored(void *data, const GError *error)
{
    Item *item = data;
    if (item->id != NULL)
        recent_resolve(item->ingest->recent, item->key, error);
    finish_item(item, error);
}

/* ---- What identifies a profile. ---- */

/* The stored profile's UUID (version 8 of RFC 9562: a hash) is made from the tenant, the client's
 * id, the labels and the bytes: so a restart finds the recent ones again in the store. */
static RecentKey
make_key(const char *tenant, const IngestProfile *profile)
{
    XXH3_state_t state;
    XXH3_128bits_reset(&state);
    XXH3_128bits_update(&state, tenant, strlen(tenant) + 1);
    XXH3_128bits_update(&state, profile->id, strlen(profile->id) + 1);
    for (size_t i = 0; i < profile->n_labels; i++) {
        const Label *label = &profile->labels[i];
        XXH3_128bits_update(&state, label->name, strlen(label->name) + 1);
        XXH3_128bits_update(&state, label->value, strlen(label->value) + 1);
    }
    if (profile->profile_size > 0)
        XXH3_128bits_update(&state, profile->profile, profile->profile_size);
    XXH128_hash_t hash = XXH3_128bits_digest(&state);
    return (RecentKey){(hash.high64 & ~UINT64_C(0xf000)) | UINT64_C(0x8000),
                       (hash.low64 & (UINT64_MAX >> 2)) | (UINT64_C(1) << 63)};
}

static void
key_to_uuid(RecentKey key, uint8_t uuid[16])
{
    uint64_t high = GUINT64_TO_BE(key.high), low = GUINT64_TO_BE(key.low);
    memcpy(uuid, &high, 8);
    memcpy(uuid + 8, &low, 8);
}

static RecentKey
key_of_uuid(const uint8_t *uuid)
{
    RecentKey key;
    memcpy(&key.high, uuid, 8);
    memcpy(&key.low, uuid + 8, 8);
    return (RecentKey){GUINT64_FROM_BE(key.high), GUINT64_FROM_BE(key.low)};
}

/* A random UUID (version 4) for a profile that its client gave no id. */
static RecentKey
make_random_key(void)
{
    uint64_t words[4];
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        words[i] = g_random_int();
    return (RecentKey){((words[0] << 32 | words[1]) & ~UINT64_C(0xf000)) | UINT64_C(0x4000),
                       ((words[2] << 32 | words[3]) & (UINT64_MAX >> 2)) | (UINT64_C(1) << 63)};
}

static bool
learn_rows(const StoreDataset *dataset, void *data, GError **error)
{
    (void)error;
    Ingest *ingest = data;
    int64_t since = now_ns() - RECENT_NS;
    for (uint32_t i = 0; i < dataset->n_rows; i++) {
        if (dataset->rows[i].time_ns >= since)
            recent_add(ingest->recent, key_of_uuid(dataset->rows[i].id));
    }
    return true;
}

/* A profile that was durable when the server died, but whose client was not told, comes again. */
static void
learn_recent(Ingest *ingest)
{
    g_auto(GStrv) tenants = store_tenants(ingest->store);
    for (size_t i = 0; tenants[i] != NULL; i++)
        store_visit(ingest->store, tenants[i], NULL, now_ns() - RECENT_NS, INT64_MAX,
                    STORE_WITH_ROWS, learn_rows, ingest, NULL, NULL);
}

/* ---- The pipeline. ---- */

Ingest *
ingest_new(Store *store, TenantOverrides *overrides)
{
    Ingest *ingest = g_new0(Ingest, 1);
    ingest->store = store;
    ingest->overrides = overrides;
    ingest->rates = tenant_rates_new();
    ingest->recent = recent_new(finish_waiter);
    ingest->usage = usage_new();
    ingest->metrics = metrics_new(METRICS, G_N_ELEMENTS(METRICS));
    learn_recent(ingest);
    return ingest;
}

void
ingest_free(Ingest *ingest)
{
    if (ingest == NULL)
        return;
    recent_free(ingest->recent);
    tenant_rates_free(ingest->rates);
    usage_free(ingest->usage);
    metrics_free(ingest->metrics);
    g_free(ingest);
}

/* A profile of which some rows are left has its bytes with them. */
static void
count_dropped(Ingest *ingest, const PreparedProfile *prepared)
{
    if (prepared->n_dropped == 0)
        return;
    metrics_add(ingest->metrics, METRIC_DISCARDED, REASON_RELABEL, (double)prepared->n_dropped);
    if (prepared->n_rows == 0)
        metrics_add(ingest->metrics, METRIC_DISCARDED_BYTES, REASON_RELABEL,
                    (double)prepared->raw_size);
}

/* Hands the rows over to the store; the item is finished from there, or here when it refuses. */
static void
append(Ingest *ingest, const char *tenant, PreparedProfile *prepared, Item *item)
{
    for (size_t i = 0; i < prepared->n_rows; i++)
        key_to_uuid(item->key, prepared->rows[i].id);
    metrics_add(ingest->metrics, METRIC_SAMPLES, 0, (double)prepared->n_samples);
    metrics_add(ingest->metrics, METRIC_BYTES, 0, (double)prepared->raw_size);
    count_dropped(ingest, prepared);
    g_autoptr(GError) error = NULL;
    if (prepared->n_rows == 0 || !store_append(ingest->store, tenant, prepared->rows,
                                               prepared->n_rows, on_stored, item, &error))
        on_stored(item, error);
}

/* A lot in [0, 1) that is the same when the client sends the profile again; of the bits that a UUID
 * leaves to chance. */
static double
draw_lot(RecentKey key)
{
    enum { BITS = 48 };
    return (double)(key.high >> (64 - BITS)) / (double)(UINT64_C(1) << BITS);
}

/* Sampling is a success for the client. */
static void
drop_sampled(Ingest *ingest, const PreparedProfile *prepared, Item *item)
{
    metrics_add(ingest->metrics, METRIC_DISCARDED, REASON_SAMPLED, 1);
    metrics_add(ingest->metrics, METRIC_DISCARDED_BYTES, REASON_SAMPLED,
                (double)prepared->raw_size);
    item->is_sampled_out = true;
    on_stored(item, NULL);
}

static void
refuse(Ingest *ingest, IngestReason reason, const PreparedProfile *prepared, Item *item,
       const GError *error)
{
    metrics_add(ingest->metrics, METRIC_DISCARDED, (size_t)reason, 1);
    metrics_add(ingest->metrics, METRIC_DISCARDED_BYTES, (size_t)reason,
                (double)prepared->raw_size);
    fail_item(item, error);
    if (item->id != NULL)
        recent_resolve(ingest->recent, item->key, error);
    batch_unref(item->batch);
    g_free(item->id);
    g_free(item);
}

static void
push_one(Ingest *ingest, const char *tenant, const IngestProfile *profile, PrepareContext *context,
         Item *item)
{
    switch (item->id != NULL ? recent_claim(ingest->recent, item->key, item) : RECENT_NEW) {
    case RECENT_NEW:
        break;
    case RECENT_SEEN:
        finish_waiter(item, NULL);
        return;
    case RECENT_PENDING:
        return;
    }
    g_autoptr(GError) error = NULL;
    PreparedProfile prepared;
    arena_reset(context->arena);
    context->lot = draw_lot(item->key);
    IngestReason reason = prepare_profile(context, profile, &prepared, &error);
    if (prepared.usage.names != NULL)
        usage_count(ingest->usage, tenant, prepared.usage.names, prepared.raw_size,
                    reason == REASON_SAMPLED);
    if (reason == REASON_NONE)
        append(ingest, tenant, &prepared, item);
    else if (reason == REASON_SAMPLED)
        drop_sampled(ingest, &prepared, item);
    else
        refuse(ingest, reason, &prepared, item, error);
    prepared_profile_clear(&prepared);
}

/* Bytes of the profile when uncompressed, as gzip tells in its last four bytes (RFC 1952); a lie
 * makes the profile malformed. */
static uint64_t
plain_size(const IngestProfile *profile)
{
    uint32_t size;
    if (profile->profile_size < GZIP_BYTES_MIN || profile->profile[0] != 0x1f ||
        profile->profile[1] != 0x8b)
        return profile->profile_size;
    memcpy(&size, profile->profile + profile->profile_size - sizeof size, sizeof size);
    return GUINT32_FROM_LE(size);
}

/* What a batch weighs: its labels and its uncompressed profiles. */
static uint64_t
batch_weight(const IngestProfile *profiles, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < profiles[i].n_labels; j++)
            sum += strlen(profiles[i].labels[j].name) + strlen(profiles[i].labels[j].value);
        sum += plain_size(&profiles[i]);
    }
    return sum;
}

/* False when the tenant pushes too fast: then the batch is refused whole, and may come again. */
static bool
take_rate(Ingest *ingest, const char *tenant, const TenantLimits *limits,
          const IngestProfile *profiles, size_t n, IngestDone done, void *data)
{
    g_autoptr(GError) error = NULL;
    if (limits->ingestion_rate_mb <= 0)
        return true;
    uint64_t weight = batch_weight(profiles, n);
    if (tenant_rates_take(ingest->rates, tenant, limits, weight, g_get_monotonic_time(), &error))
        return true;
    metrics_add(ingest->metrics, METRIC_DISCARDED, REASON_RATE, (double)n);
    metrics_add(ingest->metrics, METRIC_DISCARDED_BYTES, REASON_RATE, (double)weight);
    done(data, error);
    return false;
}

void
ingest_push(Ingest *ingest, const char *tenant, const IngestProfile *profiles, size_t n,
            IngestDone done, void *data)
{
    if (n == 0) {
        g_autoptr(GError) error = NULL;
        error_set(&error, CRESSET_ERROR_INVALID_ARGUMENT, "no profiles received");
        done(data, error);
        return;
    }
    TenantLimits limits;
    tenant_overrides_get(ingest->overrides, tenant, &limits);
    if (!take_rate(ingest, tenant, &limits, profiles, n, done, data))
        return;
    g_auto(TenantRelabel) relabel = {0};
    tenant_overrides_get_relabel(ingest->overrides, tenant, &relabel);
    g_autoptr(Arena) arena = arena_new(prepare_memory_max(&limits));
    g_autoptr(UsageGroups) groups = tenant_overrides_get_usage_groups(ingest->overrides, tenant);
    PrepareContext context = {.limits = &limits,
                              .relabel = &relabel,
                              .usage_groups = groups,
                              .now_ns = now_ns(),
                              .arena = arena,
                              .body_left = (uint64_t)limits.body_limit_mb << 20};
    IngestBatch *batch = batch_new(done, data);
    for (size_t i = 0; i < n; i++) {
        Item *item = g_new0(Item, 1);
        bool has_id = profiles[i].id != NULL && *profiles[i].id != '\0';
        *item = (Item){.ingest = ingest,
                       .batch = batch,
                       .index = i,
                       .id = has_id ? g_strdup(profiles[i].id) : NULL,
                       .key = has_id ? make_key(tenant, &profiles[i]) : make_random_key(),
                       .size_bytes = profiles[i].profile_size,
                       .ret_refused = profiles[i].ret_refused};
        batch_ref(batch);
        push_one(ingest, tenant, &profiles[i], &context, item);
    }
    batch_unref(batch);
}

void
ingest_push_request(Ingest *ingest, const char *tenant, const uint8_t *message, size_t size,
                    IngestDone done, void *data)
{
    g_autoptr(Arena) arena = arena_new(push_message_memory_max(size));
    g_autoptr(GError) error = NULL;
    PushMessage push;
    if (!push_message_decode(message, size, arena, &push, &error)) {
        metrics_add(ingest->metrics, METRIC_DISCARDED, REASON_MALFORMED, 1);
        metrics_add(ingest->metrics, METRIC_DISCARDED_BYTES, REASON_MALFORMED, (double)size);
        done(data, error);
        return;
    }
    ingest_push(ingest, tenant, push.profiles, push.n, done, data);
}

void
ingest_write_metrics(Ingest *ingest, GString *out)
{
    metrics_write(ingest->metrics, out);
    usage_write_metrics(ingest->usage, out);
}
