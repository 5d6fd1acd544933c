#include "server/tenant/quota.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/jsonw.h"
#include "lib/base/metrics.h"
#include "lib/base/text.h"
#include "server/store/document.h"

/* The document of each tenant: {"start": 1700000000, "bytes": 123, "groups": {"web": 45}}. */
static const char KIND[] = "ingestion limit", NAME[] = "used";

enum {
    SAVE_S = 60,
    GROUPS_MAX = 100, /* counted by name; further ones of a pattern together */
};

/* What was taken beyond a limit since a time. */
typedef struct {
    int64_t start_ns, n;
} Sampled;

typedef struct {
    uint64_t bytes;
    Sampled sampled;
} GroupUsed;

typedef struct {
    int64_t start_s; /* of the period */
    uint64_t bytes;
    GHashTable *groups; /* name -> GroupUsed */
    Sampled sampled;
    int64_t saved_s;
} Used;

struct TenantQuotas {
    GMutex lock;
    Store *store;
    GHashTable *tenants; /* tenant -> Used */
};

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

static void
free_used(void *data)
{
    Used *used = data;
    g_hash_table_unref(used->groups);
    g_free(used);
}

TenantQuotas *
tenant_quotas_new(Store *store)
{
    TenantQuotas *quotas = g_new0(TenantQuotas, 1);
    g_mutex_init(&quotas->lock);
    quotas->store = store;
    quotas->tenants = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_used);
    return quotas;
}

void
tenant_quotas_free(TenantQuotas *quotas)
{
    if (quotas == NULL)
        return;
    g_hash_table_unref(quotas->tenants);
    g_mutex_clear(&quotas->lock);
    g_free(quotas);
}

static GroupUsed *
group_of(Used *used, const char *name)
{
    GroupUsed *group = g_hash_table_lookup(used->groups, name);
    if (group == NULL) {
        group = g_new0(GroupUsed, 1);
        g_hash_table_insert(used->groups, g_strdup(name), group);
    }
    return group;
}

/* ---- What is kept. ---- */

static void
load(const TenantQuotas *quotas, const char *tenant, Used *used)
{
    const DocumentKey key = {tenant, KIND, NAME};
    g_autoptr(Document) document =
        quotas->store != NULL ? store_document_get(quotas->store, &key, NULL) : NULL;
    if (document == NULL)
        return;
    g_autoptr(json_t) object =
        json_loadb(g_bytes_get_data(document->content, NULL), document->size, 0, NULL);
    const char *name;
    json_t *value;
    used->start_s = json_integer_value(json_object_get(object, "start"));
    used->bytes = (uint64_t)json_integer_value(json_object_get(object, "bytes"));
    json_object_foreach(json_object_get(object, "groups"), name, value) group_of(used, name)
        ->bytes = (uint64_t)json_integer_value(value);
}

static GBytes *
encode(const Used *used)
{
    JsonWriter json;
    GHashTableIter iter;
    gpointer name, group;
    jsonw_init(&json, 256);
    jsonw_object_begin(&json);
    jsonw_key(&json, "start");
    jsonw_int(&json, used->start_s);
    jsonw_key(&json, "bytes");
    jsonw_uint(&json, used->bytes);
    jsonw_key(&json, "groups");
    jsonw_object_begin(&json);
    g_hash_table_iter_init(&iter, used->groups);
    while (g_hash_table_iter_next(&iter, &name, &group)) {
        jsonw_key(&json, name);
        jsonw_uint(&json, ((const GroupUsed *)group)->bytes);
    }
    jsonw_object_end(&json);
    jsonw_object_end(&json);
    return jsonw_finish(&json);
}

static bool
put(const Document *old, const DocumentOthers *others, Document *ret_new, void *data,
    GError **error)
{
    (void)old;
    (void)others;
    (void)error;
    ret_new->content = g_bytes_ref(data);
    return true;
}

/* What cannot be kept counts on in memory, and is tried again. */
static void
save(const TenantQuotas *quotas, const char *tenant, GBytes *content)
{
    const DocumentKey key = {tenant, KIND, NAME};
    g_autoptr(GError) error = NULL;
    if (quotas->store != NULL && !store_document_change(quotas->store, &key, put, content, &error))
        g_debug("what tenant %s has used of its ingestion_limit is not kept: %s", tenant,
                error->message);
}

void
tenant_quotas_save(TenantQuotas *quotas)
{
    GHashTableIter iter;
    gpointer tenant, used;
    g_mutex_lock(&quotas->lock);
    g_hash_table_iter_init(&iter, quotas->tenants);
    while (g_hash_table_iter_next(&iter, &tenant, &used)) {
        g_autoptr(GBytes) content = encode(used);
        save(quotas, tenant, content);
    }
    g_mutex_unlock(&quotas->lock);
}

/* ---- Counting. ---- */

/* That of the tenant, in the present period. A clock that goes back begins no period. */
static Used *
used_of(TenantQuotas *quotas, const char *tenant, const IngestLimit *limit, int64_t now_s)
{
    Used *used = g_hash_table_lookup(quotas->tenants, tenant);
    if (used == NULL) {
        used = g_new0(Used, 1);
        used->groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        used->saved_s = now_s;
        load(quotas, tenant, used);
        g_hash_table_insert(quotas->tenants, g_strdup(tenant), used);
    }
    int64_t start_s = ingest_period_start(limit->period, now_s);
    if (start_s > used->start_s) {
        used->start_s = start_s;
        used->bytes = 0;
        g_hash_table_remove_all(used->groups);
    }
    return used;
}

/* Whether a quota is used up, by our count or by who says so; *ret_reset_s is until when, 0 for as
 * long as it says so. */
static bool
is_used_up(const IngestLimit *limit, const IngestQuota *quota, uint64_t bytes, int64_t now_s,
           int64_t *ret_reset_s)
{
    *ret_reset_s = limit->reset_s;
    if (quota->is_reached && (limit->reset_s == 0 || limit->reset_s > now_s))
        return true;
    *ret_reset_s = ingest_period_end(limit->period, now_s);
    return quota->limit_mb > 0 && bytes >= (uint64_t)quota->limit_mb << 20;
}

/* `of` says whose limit it is. */
static bool
refuse(const IngestLimit *limit, const IngestQuota *quota, const char *of, int64_t reset_s,
       GError **error)
{
    g_autofree char *reset = reset_s != 0 ? rfc3339_text(reset_s) : g_strdup("");
    return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                     "limit of %" PRId64 " MiB/%s%s reached%s%s (limit " INGEST_LIMIT_KEY ")",
                     quota->limit_mb, ingest_period_name(limit->period), of,
                     *reset != '\0' ? ", next reset at " : "", reset);
}

/* Some of it is taken beyond the limit, so that not all is dark. */
static bool
take_sample(Sampled *sampled, const IngestThrottle *throttle, int64_t now_s, GArray *throttles)
{
    const IngestLimit *limit = throttle->limit;
    const int64_t now_ns = now_s * 1000000000;
    if (now_ns < sampled->start_ns || now_ns - sampled->start_ns >= limit->sampling_period_ns)
        *sampled = (Sampled){.start_ns = now_ns};
    if (sampled->n >= limit->sampling_requests)
        return false;
    sampled->n++;
    if (throttles != NULL)
        g_array_append_vals(throttles, throttle, 1);
    return true;
}

bool
tenant_quotas_check(TenantQuotas *quotas, const char *tenant, const IngestLimit *limit,
                    int64_t now_s, GArray *throttles, GError **error)
{
    IngestThrottle throttle = {limit, limit->all.limit_mb, 0, ""};
    g_mutex_lock(&quotas->lock);
    Used *used = used_of(quotas, tenant, limit, now_s);
    bool is_taken = !is_used_up(limit, &limit->all, used->bytes, now_s, &throttle.reset_s) ||
                    take_sample(&used->sampled, &throttle, now_s, throttles);
    g_mutex_unlock(&quotas->lock);
    return is_taken || refuse(limit, &limit->all, "", throttle.reset_s, error);
}

/* What the limit says of the group `i` of a match, by its name or by its pattern; *ret_counted is
 * the name that it is counted by. NULL: nothing. */
static const IngestQuota *
quota_of(const IngestLimit *limit, const UsageMatch *match, unsigned i, const Used *used,
         const char **ret_counted)
{
    const char *name = match->names->pdata[i], *pattern = match->patterns->pdata[i];
    const IngestQuota *quota = g_hash_table_lookup(limit->groups, name);
    if (quota == NULL)
        quota = g_hash_table_lookup(limit->groups, pattern);
    bool is_new = !g_hash_table_contains(used->groups, name);
    *ret_counted = is_new && g_hash_table_size(used->groups) >= GROUPS_MAX ? pattern : name;
    return quota;
}

bool
tenant_quotas_check_groups(TenantQuotas *quotas, const char *tenant, const IngestLimit *limit,
                           const UsageMatch *match, int64_t now_s, GArray *throttles,
                           GError **error)
{
    bool is_taken = true;
    g_mutex_lock(&quotas->lock);
    Used *used = used_of(quotas, tenant, limit, now_s);
    for (unsigned i = 0; match->names != NULL && i < match->names->len && is_taken; i++) {
        const char *counted;
        const IngestQuota *quota = quota_of(limit, match, i, used, &counted);
        if (quota == NULL)
            continue;
        IngestThrottle throttle = {limit, quota->limit_mb, 0, match->names->pdata[i]};
        GroupUsed *group = group_of(used, counted);
        if (!is_used_up(limit, quota, group->bytes, now_s, &throttle.reset_s) ||
            take_sample(&group->sampled, &throttle, now_s, throttles))
            continue;
        g_autofree char *of = g_strdup_printf(" of usage group '%s'", throttle.usage_group);
        is_taken = refuse(limit, quota, of, throttle.reset_s, error);
    }
    g_mutex_unlock(&quotas->lock);
    return is_taken;
}

static void
add_groups(Used *used, const IngestLimit *limit, const UsageMatch *match, uint64_t bytes)
{
    for (unsigned i = 0; match->names != NULL && i < match->names->len; i++) {
        const char *counted;
        if (quota_of(limit, match, i, used, &counted) != NULL)
            group_of(used, counted)->bytes += bytes;
    }
}

void
tenant_quotas_add(TenantQuotas *quotas, const char *tenant, const IngestLimit *limit,
                  const UsageMatch *match, uint64_t bytes, int64_t now_s)
{
    g_autoptr(GBytes) content = NULL;
    g_mutex_lock(&quotas->lock);
    Used *used = used_of(quotas, tenant, limit, now_s);
    used->bytes += bytes;
    add_groups(used, limit, match, bytes);
    if (now_s - used->saved_s >= SAVE_S || now_s < used->saved_s) {
        used->saved_s = now_s;
        content = encode(used);
    }
    g_mutex_unlock(&quotas->lock);
    if (content != NULL)
        save(quotas, tenant, content);
}

void
tenant_quotas_write_metrics(TenantQuotas *quotas, GString *out)
{
    static const char NAME_OF_METRIC[] = "cresset_ingest_limit_used_bytes";
    GHashTableIter iter;
    gpointer tenant, used;
    g_mutex_lock(&quotas->lock);
    if (g_hash_table_size(quotas->tenants) > 0)
        g_string_append_printf(out,
                               "# HELP %s Bytes that a tenant has pushed of its ingestion_limit, "
                               "in the present period.\n# TYPE %s gauge\n",
                               NAME_OF_METRIC, NAME_OF_METRIC);
    g_hash_table_iter_init(&iter, quotas->tenants);
    while (g_hash_table_iter_next(&iter, &tenant, &used)) {
        g_string_append_printf(out, "%s{tenant=\"", NAME_OF_METRIC);
        metrics_append_label_value(out, tenant);
        g_string_append_printf(out, "\"} %" PRIu64 "\n", ((const Used *)used)->bytes);
    }
    g_mutex_unlock(&quotas->lock);
}
