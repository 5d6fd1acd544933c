#include "server/tenant/limits.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/nearest.h"
#include "lib/base/option_value.h"
#include "lib/base/option_yaml.h"
#include "lib/base/yaml_tree.h"
#include "server/tenant/tenant.h"
#include "server/tenant/unused_limits.h"

#define ROW(name, type, default_text, min, max, argument, field, help)                             \
    {name, type, default_text, min, max, argument, help, offsetof(TenantLimits, field)},
static const OptionRow rows[] = {TENANT_LIMITS(ROW)};

struct TenantOverrides {
    TenantLimits defaults;
    TenantOverridesUnused unused;
    ReloadedFile *file; /* NULL: there is none */
};

/* What the file says. */
typedef struct {
    GHashTable *limits;  /* tenant -> TenantLimits */
    GHashTable *relabel; /* tenant -> TenantRelabel; only of those that have rules */
    GHashTable *groups;  /* tenant -> UsageGroups; only of those that have some */
    GHashTable *ingest;  /* tenant -> IngestLimit; only of those that have one */
    YamlTree *tree;
    GHashTable *nodes; /* tenant -> YamlNode of the tree: its limits as they were written */
} Content;

typedef struct {
    Content *content;
    const TenantLimits *defaults;
    const char *tenant;   /* that is being read */
    TenantLimits *limits; /* of it */
    GPtrArray *unused;    /* names, each once */
} Reading;

/* The name in the file: as the option, with underscores. */
static char *
limit_name(const OptionRow *row)
{
    return g_strdelimit(g_strdup(row->name), "-", '_');
}

static const OptionRow *
find_row(const char *name)
{
    g_autofree char *wanted = g_strdelimit(g_strdup(name), "_", '-');
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strcmp(rows[i].name, wanted) == 0)
            return &rows[i];
    }
    return NULL;
}

static bool
fail_unknown(const char *name, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        g_ptr_array_add(names, limit_name(&rows[i]));
    for (size_t i = 0; tenant_relabel_keys[i] != NULL; i++)
        g_ptr_array_add(names, g_strdup(tenant_relabel_keys[i]));
    for (size_t i = 0; usage_group_keys[i] != NULL; i++)
        g_ptr_array_add(names, g_strdup(usage_group_keys[i]));
    g_ptr_array_add(names, g_strdup(INGEST_LIMIT_KEY));
    int nearest = nearest_name(name, (const char *const *)names->pdata, names->len);
    const char *meant = nearest >= 0 ? names->pdata[nearest] : NULL;
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "there is no limit '%s'%s%s%s", name,
                     meant != NULL ? ", did you mean " : "", meant != NULL ? meant : "",
                     meant != NULL ? "?" : "");
}

static void
free_relabel(void *relabel)
{
    tenant_relabel_clear(relabel);
    g_free(relabel);
}

/* That of the tenant which is being read. */
static TenantRelabel *
relabel_of(const Reading *reading)
{
    TenantRelabel *relabel = g_hash_table_lookup(reading->content->relabel, reading->tenant);
    if (relabel == NULL) {
        relabel = g_new0(TenantRelabel, 1);
        g_hash_table_insert(reading->content->relabel, g_strdup(reading->tenant), relabel);
    }
    return relabel;
}

static void
free_groups(void *groups)
{
    usage_groups_unref(groups);
}

/* Those of the tenant which is being read. */
static UsageGroups *
groups_of(const Reading *reading)
{
    UsageGroups *groups = g_hash_table_lookup(reading->content->groups, reading->tenant);
    if (groups == NULL) {
        groups = usage_groups_new();
        g_hash_table_insert(reading->content->groups, g_strdup(reading->tenant), groups);
    }
    return groups;
}

static void
free_ingest_limit(void *limit)
{
    ingest_limit_unref(limit);
}

static bool
read_ingest_limit(const Reading *reading, YamlTree *tree, const YamlNode *value, GError **error)
{
    IngestLimit *limit = ingest_limit_read(tree, value, error);
    if (limit == NULL)
        return false;
    g_hash_table_insert(reading->content->ingest, g_strdup(reading->tenant), limit);
    return true;
}

static void
add_unused(const Reading *reading, const char *text)
{
    if (!g_ptr_array_find_with_equal_func(reading->unused, text, g_str_equal, NULL))
        g_ptr_array_add(reading->unused, g_strdup(text));
}

static void
add_unknown_group(const Reading *reading, const char *key, const char *name)
{
    g_autofree char *text =
        g_strdup_printf("%s of the usage group '%s' (there is none)", key, name);
    add_unused(reading, text);
}

/* What is said of usage groups that the tenant has not. */
static void
find_unknown_groups(const Reading *reading)
{
    const UsageGroups *groups = g_hash_table_lookup(reading->content->groups, reading->tenant);
    const IngestLimit *limit = g_hash_table_lookup(reading->content->ingest, reading->tenant);
    g_autoptr(GPtrArray) unknown = groups != NULL ? usage_groups_unknown(groups) : NULL;
    for (guint i = 0; unknown != NULL && i < unknown->len; i++)
        add_unknown_group(reading, "distributor_sampling", unknown->pdata[i]);
    GHashTableIter iter;
    gpointer name;
    if (limit == NULL)
        return;
    g_hash_table_iter_init(&iter, limit->groups);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        if (groups == NULL || !usage_groups_may_have(groups, name))
            add_unknown_group(reading, INGEST_LIMIT_KEY, name);
    }
}

static bool
read_limit(YamlTree *tree, const char *key, const YamlNode *value, void *data, GError **error)
{
    Reading *reading = data;
    if (g_strv_contains(tenant_relabel_keys, key))
        return tenant_relabel_read(tree, key, value, relabel_of(reading), error);
    if (g_strv_contains(usage_group_keys, key))
        return usage_groups_read(tree, key, value, groups_of(reading), error);
    if (strcmp(key, INGEST_LIMIT_KEY) == 0)
        return read_ingest_limit(reading, tree, value, error);
    const OptionRow *row = find_row(key);
    if (row == NULL && g_strv_contains(unused_limits, key)) {
        add_unused(reading, key);
        return true;
    }
    if (row == NULL)
        return fail_unknown(key, error);
    const char *text = yaml_text(tree, value, key, error);
    if (text == NULL)
        return false;
    GError *cause = NULL;
    if (option_value_set(row, reading->limits, &text, 1, &cause))
        return true;
    g_propagate_prefixed_error(error, cause, "%s: ", key);
    return false;
}

static bool
read_tenant(YamlTree *tree, const char *key, const YamlNode *value, void *data, GError **error)
{
    Reading *reading = data;
    if (!tenant_validate(key, error))
        return false;
    reading->tenant = key;
    reading->limits = g_memdup2(reading->defaults, sizeof *reading->defaults);
    g_hash_table_insert(reading->content->limits, g_strdup(key), reading->limits);
    g_hash_table_insert(reading->content->nodes, g_strdup(key), (gpointer)value);
    if (!yaml_each_pair(tree, value, "the limits of a tenant", read_limit, reading, error))
        return false;
    find_unknown_groups(reading);
    return true;
}

static bool
read_top(YamlTree *tree, const char *key, const YamlNode *value, void *data, GError **error)
{
    if (strcmp(key, "overrides") != 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "'%s' is not known here: the file has one key, overrides", key);
    return yaml_each_pair(tree, value, "overrides", read_tenant, data, error);
}

static void
content_clear(gpointer content)
{
    g_hash_table_unref(((Content *)content)->limits);
    g_hash_table_unref(((Content *)content)->relabel);
    g_hash_table_unref(((Content *)content)->groups);
    g_hash_table_unref(((Content *)content)->ingest);
    g_hash_table_unref(((Content *)content)->nodes);
    yaml_tree_free(((Content *)content)->tree);
}

static void
tell_unused(const TenantOverrides *overrides, const char *path, GPtrArray *names)
{
    if (names->len == 0 || overrides->unused == NULL)
        return;
    g_ptr_array_add(names, NULL);
    g_autofree char *text = g_strjoinv(", ", (char **)names->pdata);
    overrides->unused(path, text);
}

static void *
parse(const char *path, void *data, GError **error)
{
    YamlTree *tree = yaml_tree_load(path, error);
    if (tree == NULL)
        return NULL;
    Content *content = g_atomic_rc_box_new0(Content);
    content->tree = tree;
    content->nodes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    content->limits = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    content->relabel = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_relabel);
    content->groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_groups);
    content->ingest = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_ingest_limit);
    const TenantOverrides *overrides = data;
    g_autoptr(GPtrArray) unused = g_ptr_array_new_with_free_func(g_free);
    Reading reading = {.content = content, .defaults = &overrides->defaults, .unused = unused};
    if (yaml_each_pair(tree, yaml_tree_root(tree), "the file", read_top, &reading, error)) {
        tell_unused(overrides, path, unused);
        return content;
    }
    g_atomic_rc_box_release_full(content, content_clear);
    return NULL;
}

/* The smaller of two maxima; 0 is none. */
static int64_t
stricter(int64_t a, int64_t b)
{
    if (a == 0 || b == 0)
        return MAX(a, b);
    return MIN(a, b);
}

int64_t
tenant_limits_series_max(const TenantLimits *limits)
{
    return stricter(limits->global_series_max, limits->local_series_max);
}

void
tenant_limits_init(TenantLimits *limits)
{
    *limits = (TenantLimits){0};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        bool ok = option_value_set(&rows[i], limits, &rows[i].default_text, 1, NULL);
        g_assert(ok); /* the table's own */
    }
}

void
tenant_limits_write_json(const TenantLimits *limits, JsonWriter *json)
{
    jsonw_object_begin(json);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const void *field = (const char *)limits + rows[i].offset;
        g_autofree char *name = limit_name(&rows[i]);
        jsonw_key(json, name);
        if (rows[i].type == OPTION_BOOL) {
            jsonw_bool(json, *(const bool *)field);
        } else if (rows[i].type == OPTION_DOUBLE) {
            jsonw_double(json, *(const double *)field);
        } else if (rows[i].type == OPTION_DURATION) {
            g_autofree char *text = option_duration_text(*(const int64_t *)field);
            jsonw_string(json, text);
        } else {
            jsonw_int(json, *(const int64_t *)field);
        }
    }
    jsonw_object_end(json);
}

TenantOverrides *
tenant_overrides_new(const char *path, const TenantLimits *defaults, ReloadedFileNotice notice,
                     TenantOverridesUnused unused, GError **error)
{
    TenantOverrides *overrides = g_new0(TenantOverrides, 1);
    overrides->defaults = *defaults;
    overrides->unused = unused;
    if (path == NULL || path[0] == '\0')
        return overrides;
    ReloadedFileConfig config = {
        .parse = parse, .clear = content_clear, .data = overrides, .notice = notice};
    overrides->file = reloaded_file_new(path, &config, error);
    if (overrides->file == NULL)
        g_clear_pointer(&overrides, tenant_overrides_free);
    return overrides;
}

void
tenant_overrides_free(TenantOverrides *overrides)
{
    if (overrides == NULL)
        return;
    reloaded_file_free(overrides->file);
    g_free(overrides);
}

typedef struct {
    TenantOverrides *overrides;
    bool only_different;
    YamlWriter *writer;
} Writing;

/* Writes what has a structure of its own as the file has it. */
static bool
write_structure(YamlTree *tree, const char *key, const YamlNode *value, void *data, GError **error)
{
    const Writing *writing = data;
    (void)error;
    if (g_strv_contains(tenant_relabel_keys, key) || g_strv_contains(usage_group_keys, key) ||
        strcmp(key, INGEST_LIMIT_KEY) == 0) {
        yaml_writer_plain(writing->writer, key);
        yaml_writer_node(writing->writer, tree, value);
    }
    return true;
}

static void
write_limits(Writing *writing, const Content *content, const char *tenant)
{
    const TenantLimits *limits = g_hash_table_lookup(content->limits, tenant);
    yaml_writer_plain(writing->writer, tenant);
    yaml_writer_mapping_begin(writing->writer);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (writing->only_different &&
            option_value_equal(&rows[i], limits, &writing->overrides->defaults))
            continue;
        g_autofree char *name = limit_name(&rows[i]);
        yaml_writer_plain(writing->writer, name);
        option_yaml_write_value(&rows[i], limits, writing->writer);
    }
    yaml_each_pair(content->tree, g_hash_table_lookup(content->nodes, tenant), "the limits",
                   write_structure, writing, NULL);
    yaml_writer_mapping_end(writing->writer);
}

static void
write_tenants(Writing *writing, TenantFilter filter, void *data)
{
    ReloadedFile *file = writing->overrides->file;
    if (file == NULL)
        return;
    Content *content = reloaded_file_acquire(file);
    GList *tenants = g_list_sort(g_hash_table_get_keys(content->limits), (GCompareFunc)strcmp);
    for (const GList *item = tenants; item != NULL; item = item->next) {
        if (filter == NULL || filter(item->data, data))
            write_limits(writing, content, item->data);
    }
    g_list_free(tenants);
    reloaded_file_release(file, content);
}

GBytes *
tenant_overrides_yaml(TenantOverrides *overrides, bool only_different, TenantFilter filter,
                      void *data)
{
    Writing writing = {overrides, only_different, yaml_writer_new()};
    yaml_writer_mapping_begin(writing.writer);
    yaml_writer_plain(writing.writer, "overrides");
    yaml_writer_mapping_begin(writing.writer);
    write_tenants(&writing, filter, data);
    yaml_writer_mapping_end(writing.writer);
    yaml_writer_mapping_end(writing.writer);
    return yaml_writer_finish(writing.writer);
}

/* What reads have: writes are of one tenant. */
static void
restrict_reads(TenantLimits *limits, const TenantLimits *other)
{
    limits->query_lookback_ns = stricter(limits->query_lookback_ns, other->query_lookback_ns);
    limits->query_length_ns = stricter(limits->query_length_ns, other->query_length_ns);
    limits->nodes_max = stricter(limits->nodes_max, other->nodes_max);
    limits->nodes_default = MIN(limits->nodes_default, other->nodes_default);
    limits->async_queries_max = MIN(limits->async_queries_max, other->async_queries_max);
    limits->include_stripped &= other->include_stripped;
}

void
tenant_overrides_get(TenantOverrides *overrides, const char *tenant, TenantLimits *ret_limits)
{
    *ret_limits = overrides->defaults;
    if (overrides->file == NULL)
        return;
    Content *content = reloaded_file_acquire(overrides->file);
    g_auto(GStrv) ids = g_strsplit(tenant, "|", -1);
    for (size_t i = 0; ids[i] != NULL; i++) {
        const TenantLimits *limits = g_hash_table_lookup(content->limits, ids[i]);
        if (limits == NULL)
            limits = &overrides->defaults;
        if (i == 0)
            *ret_limits = *limits;
        else
            restrict_reads(ret_limits, limits);
    }
    reloaded_file_release(overrides->file, content);
}

void
tenant_overrides_get_relabel(TenantOverrides *overrides, const char *tenant,
                             TenantRelabel *ret_relabel)
{
    *ret_relabel = (TenantRelabel){0};
    if (overrides->file == NULL)
        return;
    Content *content = reloaded_file_acquire(overrides->file);
    tenant_relabel_copy(g_hash_table_lookup(content->relabel, tenant), ret_relabel);
    reloaded_file_release(overrides->file, content);
}

UsageGroups *
tenant_overrides_get_usage_groups(TenantOverrides *overrides, const char *tenant)
{
    if (overrides->file == NULL)
        return NULL;
    Content *content = reloaded_file_acquire(overrides->file);
    UsageGroups *groups = g_hash_table_lookup(content->groups, tenant);
    if (groups != NULL)
        usage_groups_ref(groups);
    reloaded_file_release(overrides->file, content);
    return groups;
}

IngestLimit *
tenant_overrides_get_ingest_limit(TenantOverrides *overrides, const char *tenant)
{
    if (overrides->file == NULL)
        return NULL;
    Content *content = reloaded_file_acquire(overrides->file);
    IngestLimit *limit = g_hash_table_lookup(content->ingest, tenant);
    if (limit != NULL)
        ingest_limit_ref(limit);
    reloaded_file_release(overrides->file, content);
    return limit;
}

int64_t
tenant_overrides_profile_bytes_max(TenantOverrides *overrides)
{
    int64_t max = overrides->defaults.profile_bytes_max;
    if (overrides->file == NULL)
        return max;
    Content *content = reloaded_file_acquire(overrides->file);
    GHashTableIter iter;
    gpointer limits;
    g_hash_table_iter_init(&iter, content->limits);
    while (g_hash_table_iter_next(&iter, NULL, &limits))
        max = MAX(max, ((const TenantLimits *)limits)->profile_bytes_max);
    reloaded_file_release(overrides->file, content);
    return max;
}

void
tenant_overrides_write_metrics(TenantOverrides *overrides, GString *out)
{
    if (overrides->file != NULL)
        reloaded_file_write_metrics(overrides->file, "cresset_server_overrides", out);
}
