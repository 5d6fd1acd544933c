#include "server/tenant/ingest_limit.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/option_value.h"
#include "lib/base/yaml_field.h"

static const char *const period_names[] = {
    [INGEST_PERIOD_HOUR] = "hour", [INGEST_PERIOD_DAY] = "day", [INGEST_PERIOD_MONTH] = "month"};

/* Beyond what 64 bits of bytes can count. */
#define LIMIT_MB_MAX 1e12

const char *
ingest_period_name(IngestPeriod period)
{
    return period_names[period];
}

static int64_t
month_start(int64_t now_s, int ahead)
{
    g_autoptr(GDateTime) now = g_date_time_new_from_unix_utc(now_s);
    if (now == NULL)
        return 0;
    g_autoptr(GDateTime) first =
        g_date_time_new_utc(g_date_time_get_year(now), g_date_time_get_month(now), 1, 0, 0, 0);
    g_autoptr(GDateTime) start = g_date_time_add_months(first, ahead);
    return g_date_time_to_unix(start);
}

static int64_t
period_seconds(IngestPeriod period)
{
    return period == INGEST_PERIOD_HOUR ? 3600 : 86400;
}

int64_t
ingest_period_start(IngestPeriod period, int64_t now_s)
{
    return period == INGEST_PERIOD_MONTH ? month_start(now_s, 0)
                                         : now_s - now_s % period_seconds(period);
}

int64_t
ingest_period_end(IngestPeriod period, int64_t now_s)
{
    return period == INGEST_PERIOD_MONTH
               ? month_start(now_s, 1)
               : ingest_period_start(period, now_s) + period_seconds(period);
}

/* ---- The overrides. ---- */

static bool
read_period_type(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    const char *text = yaml_text(tree, node, key, error);
    if (text == NULL)
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(period_names); i++) {
        if (strcmp(text, period_names[i]) == 0) {
            *(IngestPeriod *)place = (IngestPeriod)i;
            return true;
        }
    }
    return yaml_fail(tree, node, error, "%s must be hour, day or month: got '%s'", key, text);
}

/* A field of int64_t by the rules of an option. */
static bool
read_value(const OptionRow *row, YamlTree *tree, const YamlNode *node, const char *key, void *place,
           GError **error)
{
    const char *text = yaml_text(tree, node, key, error);
    GError *cause = NULL;
    if (text == NULL)
        return false;
    if (option_value_set(row, place, &text, 1, &cause))
        return true;
    yaml_fail(tree, node, error, "%s: %s", key, cause->message);
    g_error_free(cause);
    return false;
}

static bool
read_count(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    static const OptionRow row = {.type = OPTION_INT, .min = 0, .max = LIMIT_MB_MAX};
    return read_value(&row, tree, node, key, place, error);
}

static bool
read_duration(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    static const OptionRow row = {.type = OPTION_DURATION, .min = 1e9, .max = 3.2e17};
    return read_value(&row, tree, node, key, place, error);
}

static bool
read_sampling(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    static const YamlField fields[] = {
        {"num_requests", read_count, offsetof(IngestLimit, sampling_requests)},
        {"period", read_duration, offsetof(IngestLimit, sampling_period_ns)},
    };
    return yaml_read_fields(tree, node, key, fields, G_N_ELEMENTS(fields), place, error);
}

static bool
read_group(YamlTree *tree, const char *name, const YamlNode *value, void *data, GError **error)
{
    static const YamlField fields[] = {
        {"period_limit_mb", read_count, offsetof(IngestQuota, limit_mb)},
        {"limit_reached", yaml_read_bool, offsetof(IngestQuota, is_reached)},
    };
    IngestQuota *quota = g_new0(IngestQuota, 1);
    g_hash_table_replace(data, g_strdup(name), quota);
    return yaml_read_fields(tree, value, name, fields, G_N_ELEMENTS(fields), quota, error);
}

static bool
read_groups(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    return yaml_each_pair(tree, node, key, read_group, *(GHashTable **)place, error);
}

IngestLimit *
ingest_limit_read(YamlTree *tree, const YamlNode *value, GError **error)
{
    static const YamlField fields[] = {
        {"period_type", read_period_type, offsetof(IngestLimit, period)},
        {"period_limit_mb", read_count, offsetof(IngestLimit, all.limit_mb)},
        {"limit_reached", yaml_read_bool, offsetof(IngestLimit, all.is_reached)},
        {"limit_reset_time", read_count, offsetof(IngestLimit, reset_s)},
        {"sampling", read_sampling, 0},
        {"usage_groups", read_groups, offsetof(IngestLimit, groups)},
    };
    g_autoptr(IngestLimit) limit = g_new0(IngestLimit, 1);
    g_atomic_ref_count_init(&limit->n_refs);
    limit->sampling_period_ns = INT64_C(60) * 1000000000;
    limit->groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return yaml_read_fields(tree, value, INGEST_LIMIT_KEY, fields, G_N_ELEMENTS(fields), limit,
                            error)
               ? g_steal_pointer(&limit)
               : NULL;
}

IngestLimit *
ingest_limit_ref(IngestLimit *limit)
{
    g_atomic_ref_count_inc(&limit->n_refs);
    return limit;
}

void
ingest_limit_unref(IngestLimit *limit)
{
    if (limit == NULL || !g_atomic_ref_count_dec(&limit->n_refs))
        return;
    g_hash_table_unref(limit->groups);
    g_free(limit);
}
