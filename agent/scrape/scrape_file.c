#include "agent/scrape/scrape_file.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/option.h"
#include "lib/base/yaml_field.h"

#define PROFILE_PREFIX "profile."
#define NS_PER_US      1000

/* --- values ----------------------------------------------------------------------------------- */

/* int64_t, microseconds. */
static bool
read_duration(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    const char *text = yaml_text(tree, node, key, error);
    g_autoptr(GError) failure = NULL;
    int64_t ns = 0;
    if (text == NULL)
        return false;
    if (!option_parse_duration(text, &ns, &failure))
        return yaml_fail(tree, node, error, "%s: %s", key, failure->message);
    *(int64_t *)place = ns / NS_PER_US;
    return ns >= NS_PER_US || yaml_fail(tree, node, error, "%s is 0", key);
}

/* int64_t, whole seconds. */
static bool
read_seconds(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    int64_t us = 0;
    if (!read_duration(tree, node, key, &us, error))
        return false;
    *(int64_t *)place = us / G_USEC_PER_SEC;
    return us % G_USEC_PER_SEC == 0 || yaml_fail(tree, node, error, "%s: whole seconds only", key);
}

/* int64_t, bytes. */
static bool
read_bytes(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    enum { BYTES_MAX = 1024 * 1024 * 1024 };
    const char *text = yaml_text(tree, node, key, error);
    g_autoptr(GError) failure = NULL;
    int64_t *bytes = place;
    if (text == NULL)
        return false;
    if (!option_parse_bytes(text, bytes, &failure))
        return yaml_fail(tree, node, error, "%s: %s", key, failure->message);
    return (*bytes >= 1 && *bytes <= BYTES_MAX) ||
           yaml_fail(tree, node, error, "%s is to be from 1 byte to 1 GiB", key);
}

/* A path of a URL, or the start of one. */
static bool
read_path(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    char **path = place;
    return yaml_read_text(tree, node, key, place, error) &&
           (**path == '/' ||
            yaml_fail(tree, node, error, "%s: '%s' does not begin with /", key, *path));
}

/* --- parts of a job --------------------------------------------------------------------------- */

static bool
read_param(YamlTree *tree, const char *key, const YamlNode *value, void *data, GError **error)
{
    ScrapeJob *job = data;
    GStrv texts = yaml_texts(tree, value, key, error);
    if (texts == NULL)
        return false;
    if (job->params == NULL)
        job->params =
            g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_strfreev);
    g_hash_table_replace(job->params, g_strdup(key), texts);
    return true;
}

static bool
read_params(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    return yaml_each_pair(tree, node, key, read_param, place, error);
}

static bool
is_header_text(const char *text, bool is_name)
{
    for (const char *at = text; *at != '\0'; at++)
        if (is_name ? !g_ascii_isalnum(*at) && strchr("!#$%&'*+-.^_`|~", *at) == NULL
                    : g_ascii_iscntrl(*at))
            return false;
    return !is_name || *text != '\0';
}

static bool
read_header(YamlTree *tree, const char *key, const YamlNode *value, void *data, GError **error)
{
    g_auto(GStrv) texts = yaml_texts(tree, value, key, error);
    if (texts == NULL)
        return false;
    if (!is_header_text(key, true))
        return yaml_fail(tree, value, error, "http_headers: '%s' is no name of a header", key);
    for (size_t i = 0; texts[i] != NULL; i++) {
        if (!is_header_text(texts[i], false))
            return yaml_fail(tree, value, error, "http_headers: %s has a control character", key);
        g_autofree char *line = g_strconcat(key, ": ", texts[i], NULL);
        g_strv_builder_add(data, line);
    }
    return true;
}

static bool
read_headers(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    ScrapeJob *job = place;
    g_autoptr(GStrvBuilder) lines = g_strv_builder_new();
    if (!yaml_each_pair(tree, node, key, read_header, lines, error))
        return false;
    g_strfreev(job->headers);
    job->headers = g_strv_builder_end(lines);
    return true;
}

static const YamlField tls_fields[] = {
    {"ca_file", yaml_read_text, offsetof(ScrapeJob, ca_file)},
    {"cert_file", yaml_read_text, offsetof(ScrapeJob, certificate_file)},
    {"key_file", yaml_read_text, offsetof(ScrapeJob, key_file)},
    {"server_name", yaml_read_text, offsetof(ScrapeJob, tls_server_name)},
    {"insecure_skip_verify", yaml_read_bool, offsetof(ScrapeJob, tls_unchecked)},
};

static bool
read_tls(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    return yaml_read_fields(tree, node, key, tls_fields, G_N_ELEMENTS(tls_fields), place, error);
}

/* --- profiles --------------------------------------------------------------------------------- */

static const YamlField profile_fields[] = {
    {"enabled", yaml_read_bool, offsetof(ScrapeProfile, is_on)},
    {"path", read_path, offsetof(ScrapeProfile, path)},
    {"delta", yaml_read_bool, offsetof(ScrapeProfile, takes_seconds)},
};

static bool
read_profile(YamlTree *tree, const YamlNode *node, const char *key, ScrapeProfile *profile,
             GError **error)
{
    return yaml_read_fields(tree, node, key, profile_fields, G_N_ELEMENTS(profile_fields), profile,
                            error);
}

static bool
read_custom(YamlTree *tree, const char *key, const YamlNode *value, void *data, GError **error)
{
    enum { CUSTOM_MAX = 32 };
    ScrapeJob *job = data;
    if (*key == '\0' || !g_utf8_validate(key, -1, NULL) || scrape_job_profile(job, key) != NULL)
        return yaml_fail(tree, value, error, "profile.custom: '%s' is the name of another profile",
                         key);
    if (job->profiles->len >= profile_types_count + CUSTOM_MAX)
        return yaml_fail(tree, value, error, "profile.custom: there are more than %d", CUSTOM_MAX);
    const ScrapeProfile added = {.name = g_strdup(key), .is_on = true};
    g_array_append_val(job->profiles, added);
    ScrapeProfile *profile = scrape_job_profile(job, key);
    return read_profile(tree, value, key, profile, error) &&
           (profile->path != NULL ||
            yaml_fail(tree, value, error, "profile.custom: %s needs a path", key));
}

static bool
read_profiles_pair(YamlTree *tree, const char *key, const YamlNode *value, void *data,
                   GError **error)
{
    ScrapeJob *job = data;
    if (strcmp(key, "path_prefix") == 0)
        return read_path(tree, value, key, &job->path_prefix, error);
    if (strcmp(key, PROFILE_PREFIX "custom") == 0)
        return yaml_each_pair(tree, value, key, read_custom, job, error);
    const ProfileType *type = g_str_has_prefix(key, PROFILE_PREFIX)
                                  ? profile_type_find(key + strlen(PROFILE_PREFIX))
                                  : NULL;
    if (type != NULL)
        return read_profile(tree, value, key, scrape_job_profile(job, type->name), error);
    g_autoptr(GString) names = g_string_new("path_prefix, profile.custom");
    for (size_t i = 0; i < profile_types_count; i++)
        g_string_append_printf(names, ", " PROFILE_PREFIX "%s", profile_types[i].name);
    return yaml_fail(tree, value, error, "profiling_config: there is no key '%s', it is none of %s",
                     key, names->str);
}

static bool
read_profiles(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    return yaml_each_pair(tree, node, key, read_profiles_pair, place, error);
}

/* --- targets ---------------------------------------------------------------------------------- */

static bool
read_label(YamlTree *tree, const char *key, const YamlNode *value, void *data, GError **error)
{
    LabelSet *set = data;
    const char *text = yaml_text(tree, value, key, error);
    if (text == NULL)
        return false;
    if (*key == '\0' || !g_utf8_validate(key, -1, NULL) || !g_utf8_validate(text, -1, NULL))
        return yaml_fail(tree, value, error, "targets: a label is not valid UTF-8");
    if (label_set_size(set) >= SCRAPE_TARGET_LABELS_MAX)
        return yaml_fail(tree, value, error, "targets: a target has more than %d labels",
                         SCRAPE_TARGET_LABELS_MAX);
    label_set_set(set, key, text);
    return true;
}

static bool
read_target(YamlTree *tree, const YamlNode *item, void *data, GError **error)
{
    ScrapeJob *job = data;
    g_autoptr(LabelSet) set = label_set_new();
    if (job->targets->len >= SCRAPE_TARGETS_MAX)
        return yaml_fail(tree, item, error, "targets: there are more than %d", SCRAPE_TARGETS_MAX);
    if (!yaml_each_pair(tree, item, "a target", read_label, set, error))
        return false;
    if (*label_set_get(set, "__address__") == '\0')
        return yaml_fail(tree, item, error, "targets: a target needs an __address__");
    g_ptr_array_add(job->targets, g_steal_pointer(&set));
    return true;
}

static bool
read_targets(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    return yaml_each_item(tree, node, key, read_target, place, error);
}

static bool
read_role(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    static const char *const names[] = {
        [SCRAPE_ROLE_POD] = "pod",
        [SCRAPE_ROLE_ANNOTATIONS] = "annotations",
    };
    const char *text = yaml_text(tree, node, key, error);
    if (text == NULL)
        return false;
    for (size_t i = SCRAPE_ROLE_POD; i < G_N_ELEMENTS(names); i++)
        if (strcmp(text, names[i]) == 0) {
            *(ScrapeRole *)place = (ScrapeRole)i;
            return true;
        }
    return yaml_fail(tree, node, error, "kubernetes: role: '%s' is neither pod nor annotations",
                     text);
}

static const YamlField kubernetes_fields[] = {{"role", read_role, offsetof(ScrapeJob, role)}};

static bool
read_kubernetes(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    const ScrapeJob *job = place;
    return yaml_read_fields(tree, node, key, kubernetes_fields, G_N_ELEMENTS(kubernetes_fields),
                            place, error) &&
           (job->role != SCRAPE_ROLE_NONE ||
            yaml_fail(tree, node, error, "kubernetes needs a role: pod or annotations"));
}

static bool
read_rules(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    RelabelRules **rules = place;
    relabel_rules_unref(*rules);
    *rules = relabel_rules_read(tree, node, key, error);
    return *rules != NULL;
}

/* --- jobs ------------------------------------------------------------------------------------- */

static const YamlField job_fields[] = {
    {"job_name", yaml_read_text, offsetof(ScrapeJob, name)},
    {"targets", read_targets, 0},
    {"kubernetes", read_kubernetes, 0},
    {"relabel_configs", read_rules, offsetof(ScrapeJob, rules)},
    {"scrape_interval", read_duration, offsetof(ScrapeJob, interval_us)},
    {"scrape_timeout", read_duration, offsetof(ScrapeJob, timeout_us)},
    {"delta_profiling_duration", read_seconds, offsetof(ScrapeJob, seconds)},
    {"scheme", yaml_read_text, offsetof(ScrapeJob, scheme)},
    {"params", read_params, 0},
    {"profiling_config", read_profiles, 0},
    {"bearer_token", yaml_read_text, offsetof(ScrapeJob, auth.token)},
    {"bearer_token_file", yaml_read_text, offsetof(ScrapeJob, auth.token_file)},
    {"authorization", scrape_auth_read_authorization, offsetof(ScrapeJob, auth)},
    {"basic_auth", scrape_auth_read_basic, offsetof(ScrapeJob, auth)},
    {"oauth2", scrape_auth_read_oauth2, offsetof(ScrapeJob, auth)},
    {"tls_config", read_tls, 0},
    {"http_headers", read_headers, 0},
    {"proxy_url", yaml_read_text, offsetof(ScrapeJob, proxy_url)},
    {"follow_redirects", yaml_read_bool, offsetof(ScrapeJob, follows_redirects)},
    {"enable_http2", yaml_read_bool, offsetof(ScrapeJob, uses_http2)},
    {"body_size_limit", read_bytes, offsetof(ScrapeJob, body_bytes_max)},
    {"profile_size_limit", read_bytes, offsetof(ScrapeJob, profile_bytes_max)},
};

static bool
has_job(const GPtrArray *jobs, const char *name)
{
    for (guint i = 0; i < jobs->len; i++)
        if (strcmp(((const ScrapeJob *)jobs->pdata[i])->name, name) == 0)
            return true;
    return false;
}

static bool
read_job(YamlTree *tree, const YamlNode *item, void *data, GError **error)
{
    GPtrArray *jobs = data;
    g_autoptr(ScrapeJob) job = scrape_job_new();
    g_autoptr(GError) failure = NULL;
    if (jobs->len >= SCRAPE_JOBS_MAX)
        return yaml_fail(tree, item, error, "scrape_configs: there are more than %d jobs",
                         SCRAPE_JOBS_MAX);
    if (!yaml_read_fields(tree, item, "a scrape job", job_fields, G_N_ELEMENTS(job_fields), job,
                          error))
        return false;
    if (!scrape_job_finish(job, &failure))
        return yaml_fail(tree, item, error, "%s", failure->message);
    if (has_job(jobs, job->name))
        return yaml_fail(tree, item, error, "job_name: there are two jobs %s", job->name);
    g_ptr_array_add(jobs, g_steal_pointer(&job));
    return true;
}

static bool
read_jobs(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    return yaml_each_item(tree, node, key, read_job, *(GPtrArray **)place, error);
}

static const YamlField file_fields[] = {{"scrape_configs", read_jobs, 0}};

static GPtrArray *
read_file(YamlTree *tree, GError **error)
{
    g_autoptr(GPtrArray) jobs = g_ptr_array_new_with_free_func((GDestroyNotify)scrape_job_unref);
    if (!yaml_read_fields(tree, yaml_tree_root(tree), "the file", file_fields,
                          G_N_ELEMENTS(file_fields), &jobs, error))
        return NULL;
    return g_steal_pointer(&jobs);
}

GPtrArray *
scrape_file_load(const char *path, GError **error)
{
    g_autoptr(YamlTree) tree = yaml_tree_load(path, error);
    return tree != NULL ? read_file(tree, error) : NULL;
}

GPtrArray *
scrape_file_parse(const char *text, size_t size, const char *path, GError **error)
{
    g_autoptr(YamlTree) tree = yaml_tree_parse(text, size, path, error);
    return tree != NULL ? read_file(tree, error) : NULL;
}
