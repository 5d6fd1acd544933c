#include "server/ingest/ingest.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/metrics.h"
#include "server/ingest/active_series.h"
#include "server/ingest/annotations.h"
#include "server/ingest/batch.h"
#include "server/ingest/discards.h"
#include "server/ingest/prepare.h"
#include "server/ingest/profile_key.h"
#include "server/ingest/push_message.h"
#include "server/ingest/recent.h"
#include "server/ingest/usage.h"
#include "server/tenant/quota.h"
#include "server/tenant/rate.h"

enum {
    METRIC_PROFILES,
    METRIC_SAMPLES,
    METRIC_BYTES,
    METRIC_DUPLICATES,
    METRIC_STRIPPED,
};

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
    [METRIC_STRIPPED] = {.name = "cresset_ingest_stripped_profiles_total",
                         .kind = METRIC_COUNTER,
                         .help = "Profiles of which sampling dropped the stacks, and whose totals "
                                 "are durable."},
};

/* How far back stored profiles count as recent after a start: longer than clients keep trying, or
 * keep profiles of (reject-older-than is an hour by default). The newer part is learnt last, as of
 * many it is the last ones that stay known. */
static const int64_t RECENT_NS = INT64_C(4200) * 1000000000;
static const int64_t NEWEST_NS = INT64_C(600) * 1000000000;

/* Of a gzip member: 10 of its head, 2 of the shortest data, 8 of its tail (RFC 1952). */
enum { GZIP_BYTES_MIN = 20 };

struct Ingest {
    Store *store;
    TenantOverrides *overrides;
    TenantRates *rates;
    TenantQuotas *quotas;
    Recent *recent;
    ActiveSeries *active;
    Usage *usage;
    Discards *discards;
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
    bool is_sampled_out; /* of a stripped one, the stacks */
    bool is_stripped;
    bool *ret_refused; /* or NULL */
} Item;

static int64_t
now_ns(void)
{
    return g_get_real_time() * 1000;
}

static int64_t
monotonic_s(void)
{
    return g_get_monotonic_time() / G_USEC_PER_SEC;
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
        metrics_add(ingest->metrics, METRIC_STRIPPED, 0, item->is_stripped ? 1 : 0);
    } else {
        discards_count(ingest->discards, batch_tenant(item->batch), REASON_STORE, 1,
                       item->size_bytes);
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

/* ---- The pipeline. ---- */

/* Profiles of a time, to be known again. */
typedef struct {
    Recent *recent;
    int64_t from_ns, to_ns;
} Lesson;

static bool
learn_rows(const StoreDataset *dataset, void *data, GError **error)
{
    (void)error;
    const Lesson *lesson = data;
    for (uint32_t i = 0; i < dataset->n_rows; i++) {
        int64_t time_ns = dataset->rows[i].time_ns;
        if (time_ns >= lesson->from_ns && time_ns < lesson->to_ns)
            recent_add(lesson->recent, profile_key_of_uuid(dataset->rows[i].id));
    }
    return true;
}

/* A profile that was durable when the server died, but whose client was not told, comes again. */
static void
learn_recent(Ingest *ingest)
{
    g_auto(GStrv) tenants = store_tenants(ingest->store);
    int64_t now = now_ns();
    Lesson lessons[] = {{ingest->recent, now - RECENT_NS, now - NEWEST_NS},
                        {ingest->recent, now - NEWEST_NS, INT64_MAX}};
    for (size_t k = 0; k < G_N_ELEMENTS(lessons); k++)
        for (size_t i = 0; tenants[i] != NULL; i++)
            store_visit(ingest->store, tenants[i], NULL, lessons[k].from_ns, lessons[k].to_ns,
                        STORE_WITH_ROWS, learn_rows, &lessons[k], NULL, NULL);
}

Ingest *
ingest_new(Store *store, TenantOverrides *overrides)
{
    Ingest *ingest = g_new0(Ingest, 1);
    ingest->store = store;
    ingest->overrides = overrides;
    ingest->rates = tenant_rates_new();
    ingest->quotas = tenant_quotas_new(store);
    ingest->recent = recent_new(finish_waiter);
    ingest->active = active_series_new();
    ingest->usage = usage_new();
    ingest->discards = discards_new();
    ingest->metrics = metrics_new(METRICS, G_N_ELEMENTS(METRICS));
    learn_recent(ingest);
    return ingest;
}

void
ingest_stop(Ingest *ingest)
{
    if (ingest != NULL)
        tenant_quotas_save(ingest->quotas);
}

void
ingest_free(Ingest *ingest)
{
    if (ingest == NULL)
        return;
    recent_free(ingest->recent);
    tenant_rates_free(ingest->rates);
    tenant_quotas_free(ingest->quotas);
    active_series_free(ingest->active);
    usage_free(ingest->usage);
    discards_free(ingest->discards);
    metrics_free(ingest->metrics);
    g_free(ingest);
}

/* A profile of which some rows are left has its bytes with them. */
static void
count_dropped(Ingest *ingest, const char *tenant, const PreparedProfile *prepared)
{
    if (prepared->n_dropped > 0)
        discards_count(ingest->discards, tenant, REASON_RELABEL, prepared->n_dropped,
                       prepared->n_rows == 0 ? prepared->raw_size : 0);
}

/* Hands the rows over to the store; the item is finished from there, or here when it refuses. */
static void
append(Ingest *ingest, const char *tenant, PreparedProfile *prepared, Item *item)
{
    for (size_t i = 0; i < prepared->n_rows; i++)
        profile_key_to_uuid(item->key, prepared->rows[i].id);
    metrics_add(ingest->metrics, METRIC_SAMPLES, 0, (double)prepared->n_samples);
    metrics_add(ingest->metrics, METRIC_BYTES, 0, (double)prepared->raw_size);
    count_dropped(ingest, tenant, prepared);
    g_autoptr(GError) error = NULL;
    if (prepared->n_rows == 0 || !store_append(ingest->store, tenant, prepared->rows,
                                               prepared->n_rows, on_stored, item, &error))
        on_stored(item, error);
}

/* Sampling is a success for the client. */
static void
count_sampled(Ingest *ingest, const PreparedProfile *prepared, Item *item)
{
    discards_count(ingest->discards, batch_tenant(item->batch), REASON_SAMPLED, 1,
                   prepared->raw_size);
    item->is_sampled_out = true;
    item->is_stripped = prepared->is_stripped;
}

static void
refuse(Ingest *ingest, IngestReason reason, const PreparedProfile *prepared, Item *item,
       const GError *error)
{
    discards_count(ingest->discards, batch_tenant(item->batch), reason, MAX(prepared->n_refused, 1),
                   prepared->raw_size);
    fail_item(item, error);
    if (item->id != NULL)
        recent_resolve(ingest->recent, item->key, error);
    batch_unref(item->batch);
    g_free(item->id);
    g_free(item);
}

/* Tells of the series of a profile that are not stored; its bytes are with the others. */
static void
refuse_part(Ingest *ingest, const PreparedProfile *prepared, Item *item, const GError *error)
{
    discards_count(ingest->discards, batch_tenant(item->batch), REASON_SERIES, prepared->n_refused,
                   0);
    fail_item(item, error);
}

/* One batch. */
typedef struct {
    Ingest *ingest;
    const char *tenant;
    const IngestLimit *limit; /* NULL: there is none */
    GArray *throttles;        /* IngestThrottle, of the batch and of the profile; with a limit */
    guint n_throttles;        /* of the batch */
    PrepareContext context;
} Push;

/* Holds what was prepared against the limits of its usage groups and of active series, and counts
 * what is taken. What sampling or relabel rules drop counts for nothing. REASON_NONE with an error:
 * a part of it is taken. */
static IngestReason
take_limits(Push *push, PreparedProfile *prepared, GError **error)
{
    Ingest *ingest = push->ingest;
    int64_t now_s = push->context.now_ns / 1000000000;
    bool is_counted = push->limit != NULL && !prepared->is_stripped && prepared->n_rows > 0;
    if (is_counted && !tenant_quotas_check_groups(ingest->quotas, push->tenant, push->limit,
                                                  &prepared->usage, now_s, push->throttles, error))
        return REASON_LIMIT;
    active_series_admit(ingest->active, push->tenant, push->context.limits, monotonic_s(), prepared,
                        error);
    if (prepared->n_refused > 0 && prepared->n_rows == 0)
        return REASON_SERIES;
    if (is_counted)
        tenant_quotas_add(ingest->quotas, push->tenant, push->limit, &prepared->usage,
                          prepared->raw_size, now_s);
    return REASON_NONE;
}

/* Stores a profile with what is to be said of how it got here. */
static void
append_annotated(const Push *push, PreparedProfile *prepared, Item *item)
{
    g_autoptr(GArray) annotations = annotations_new(push->throttles, &prepared->usage);
    for (size_t i = 0; annotations != NULL && i < prepared->n_rows; i++) {
        prepared->rows[i].annotations = (const Label *)(const void *)annotations->data;
        prepared->rows[i].n_annotations = annotations->len;
    }
    append(push->ingest, push->tenant, prepared, item);
}

static void
push_one(Push *push, const IngestProfile *profile, Item *item)
{
    Ingest *ingest = push->ingest;
    PrepareContext *context = &push->context;
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
    if (push->throttles != NULL)
        g_array_set_size(push->throttles, push->n_throttles);
    context->lot = profile_key_lot(item->key);
    IngestReason reason = prepare_profile(context, profile, &prepared, &error);
    if (reason == REASON_NONE)
        reason = take_limits(push, &prepared, &error);
    bool is_sampled_out = reason == REASON_SAMPLED || prepared.is_stripped;
    if (prepared.usage.names != NULL)
        usage_count(ingest->usage, push->tenant, prepared.usage.names, prepared.raw_size,
                    is_sampled_out);
    if (is_sampled_out)
        count_sampled(ingest, &prepared, item);
    if (reason == REASON_NONE && error != NULL)
        refuse_part(ingest, &prepared, item, error);
    if (reason == REASON_NONE)
        append_annotated(push, &prepared, item);
    else if (reason == REASON_SAMPLED)
        on_stored(item, NULL);
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

/* False when the tenant has pushed what it may, or pushes too fast: then the batch is refused
 * whole, and may come again. */
static bool
admit(Push *push, const IngestProfile *profiles, size_t n, GError **error)
{
    Ingest *ingest = push->ingest;
    const TenantLimits *limits = push->context.limits;
    IngestReason reason = REASON_LIMIT;
    if (push->limit == NULL ||
        tenant_quotas_check(ingest->quotas, push->tenant, push->limit,
                            push->context.now_ns / 1000000000, push->throttles, error)) {
        push->n_throttles = push->throttles != NULL ? push->throttles->len : 0;
        reason = REASON_RATE;
        if (limits->ingestion_rate_mb <= 0 ||
            tenant_rates_take(ingest->rates, push->tenant, limits, batch_weight(profiles, n),
                              g_get_monotonic_time(), error))
            return true;
    }
    discards_count(ingest->discards, push->tenant, reason, n, batch_weight(profiles, n));
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
    g_auto(TenantRelabel) relabel = {0};
    tenant_overrides_get_relabel(ingest->overrides, tenant, &relabel);
    g_autoptr(Arena) arena = arena_new(prepare_memory_max(&limits));
    g_autoptr(UsageGroups) groups = tenant_overrides_get_usage_groups(ingest->overrides, tenant);
    g_autoptr(IngestLimit) limit = tenant_overrides_get_ingest_limit(ingest->overrides, tenant);
    g_autoptr(GArray) throttles =
        limit != NULL ? g_array_new(FALSE, FALSE, sizeof(IngestThrottle)) : NULL;
    Push push = {.ingest = ingest,
                 .tenant = tenant,
                 .limit = limit,
                 .throttles = throttles,
                 .context = {.limits = &limits,
                             .relabel = &relabel,
                             .usage_groups = groups,
                             .now_ns = now_ns(),
                             .arena = arena,
                             .body_left = (uint64_t)limits.body_limit_mb << 20}};
    g_autoptr(GError) refusal = NULL;
    if (!admit(&push, profiles, n, &refusal)) {
        done(data, refusal);
        return;
    }
    IngestBatch *batch = batch_new(tenant, done, data);
    for (size_t i = 0; i < n; i++) {
        Item *item = g_new0(Item, 1);
        bool has_id = profiles[i].id != NULL && *profiles[i].id != '\0';
        *item =
            (Item){.ingest = ingest,
                   .batch = batch,
                   .index = i,
                   .id = has_id ? g_strdup(profiles[i].id) : NULL,
                   .key = has_id ? profile_key_make(tenant, &profiles[i]) : profile_key_random(),
                   .size_bytes = profiles[i].profile_size,
                   .ret_refused = profiles[i].ret_refused};
        batch_ref(batch);
        push_one(&push, &profiles[i], item);
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
        discards_count(ingest->discards, tenant, REASON_MALFORMED, 1, size);
        done(data, error);
        return;
    }
    ingest_push(ingest, tenant, push.profiles, push.n, done, data);
}

void
ingest_write_metrics(Ingest *ingest, bool with_tenants, GString *out)
{
    metrics_write(ingest->metrics, out);
    discards_write_metrics(ingest->discards, with_tenants, out);
    if (!with_tenants)
        return;
    active_series_write_metrics(ingest->active, monotonic_s(), out);
    usage_write_metrics(ingest->usage, out);
    tenant_quotas_write_metrics(ingest->quotas, out);
}
