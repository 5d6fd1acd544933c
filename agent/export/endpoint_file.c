#include "agent/export/endpoint_file.h"

#include <string.h>

#include "lib/base/option.h"
#include "lib/base/reloaded_file.h"
#include "lib/base/yaml_field.h"

enum { NS_PER_MS = 1000000, TRIES_MAX = 1000000 };

static bool
read_duration(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    g_autoptr(GError) cause = NULL;
    int64_t ns;
    const char *text = yaml_text(tree, node, key, error);
    if (text == NULL)
        return false;
    if (!option_parse_duration(text, &ns, &cause))
        return yaml_fail(tree, node, error, "%s: %s", key, cause->message);
    *(int64_t *)place = ns / NS_PER_MS;
    return true;
}

static bool
read_count(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    guint64 count;
    const char *text = yaml_text(tree, node, key, error);
    if (text == NULL)
        return false;
    if (!g_ascii_string_to_unsigned(text, 10, 0, TRIES_MAX, &count, NULL))
        return yaml_fail(tree, node, error, "%s: '%s' is no number from 0 to %d", key, text,
                         TRIES_MAX);
    *(int64_t *)place = (int64_t)count;
    return true;
}

static bool
read_coding(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    g_autoptr(GError) cause = NULL;
    const char *text = yaml_text(tree, node, key, error);
    return text != NULL && (endpoint_parse_coding(text, place, &cause) ||
                            yaml_fail(tree, node, error, "%s", cause->message));
}

static const YamlField login_fields[] = {
    {"username", yaml_read_text, offsetof(Endpoint, user)},
    {"password_file", yaml_read_text, offsetof(Endpoint, password_file)},
};

static bool
read_login(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    return yaml_read_fields(tree, node, key, login_fields, G_N_ELEMENTS(login_fields), place,
                            error);
}

static const YamlField tls_fields[] = {
    {"ca_file", yaml_read_text, offsetof(Endpoint, ca_file)},
    {"cert_file", yaml_read_text, offsetof(Endpoint, cert_file)},
    {"key_file", yaml_read_text, offsetof(Endpoint, key_file)},
    {"server_name", yaml_read_text, offsetof(Endpoint, tls_server_name)},
    {"insecure_skip_verify", yaml_read_bool, offsetof(Endpoint, is_tls_unchecked)},
};

static bool
read_tls(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    return yaml_read_fields(tree, node, key, tls_fields, G_N_ELEMENTS(tls_fields), place, error);
}

static const YamlField endpoint_fields[] = {
    {"url", yaml_read_text, offsetof(Endpoint, url)},
    {"name", yaml_read_text, offsetof(Endpoint, name)},
    {"tenant", yaml_read_text, offsetof(Endpoint, tenant)},
    {"headers", yaml_read_texts_by_key, offsetof(Endpoint, headers)},
    {"header_files", yaml_read_texts_by_key, offsetof(Endpoint, header_files)},
    {"bearer_token_file", yaml_read_text, offsetof(Endpoint, token_file)},
    {"basic_auth", read_login, 0},
    {"tls_config", read_tls, 0},
    {"remote_timeout", read_duration, offsetof(Endpoint, timeout_ms)},
    {"min_backoff_period", read_duration, offsetof(Endpoint, backoff_min_ms)},
    {"max_backoff_period", read_duration, offsetof(Endpoint, backoff_max_ms)},
    {"max_backoff_retries", read_count, offsetof(Endpoint, tries_max)},
    {"retry_on_http_429", yaml_read_bool, offsetof(Endpoint, retries_on_429)},
    {"compression", read_coding, offsetof(Endpoint, coding)},
    {"external_labels", yaml_read_texts_by_key, offsetof(Endpoint, external_labels)},
};

typedef struct {
    GPtrArray *endpoints;
    const char *tenant;
} Reading;

static bool
has_name(const GPtrArray *endpoints, const char *name)
{
    for (guint i = 0; i < endpoints->len; i++)
        if (strcmp(((const Endpoint *)endpoints->pdata[i])->name, name) == 0)
            return true;
    return false;
}

static bool
read_endpoint(YamlTree *tree, const YamlNode *item, void *data, GError **error)
{
    const Reading *reading = data;
    g_autoptr(GError) cause = NULL;
    g_autoptr(Endpoint) endpoint = endpoint_new();
    if (!yaml_read_fields(tree, item, "an endpoint", endpoint_fields, G_N_ELEMENTS(endpoint_fields),
                          endpoint, error))
        return false;
    if (endpoint->tenant == NULL)
        endpoint->tenant = g_strdup(reading->tenant);
    if (!endpoint_check(endpoint, &cause))
        return yaml_fail(tree, item, error, "%s", cause->message);
    if (has_name(reading->endpoints, endpoint->name))
        return yaml_fail(tree, item, error, "endpoints: there are two of the name %s",
                         endpoint->name);
    if (reading->endpoints->len == ENDPOINTS_MAX)
        return yaml_fail(tree, item, error, "endpoints: there are more than %d", ENDPOINTS_MAX);
    g_ptr_array_add(reading->endpoints, g_steal_pointer(&endpoint));
    return true;
}

static bool
read_endpoints(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    return yaml_each_item(tree, node, key, read_endpoint, place, error);
}

static const YamlField fields[] = {{"endpoints", read_endpoints, 0}};

GPtrArray *
endpoint_file_load(const char *path, const char *tenant, GError **error)
{
    g_autoptr(YamlTree) tree = yaml_tree_load(path, error);
    g_autoptr(GPtrArray) endpoints = g_ptr_array_new_with_free_func((GDestroyNotify)endpoint_unref);
    Reading reading = {endpoints, tenant};
    if (tree == NULL || !yaml_read_fields(tree, yaml_tree_root(tree), "the file", fields,
                                          G_N_ELEMENTS(fields), &reading, error))
        return NULL;
    if (endpoints->len == 0) {
        (void)yaml_fail(tree, yaml_tree_root(tree), error, "endpoints: there is none");
        return NULL;
    }
    return g_steal_pointer(&endpoints);
}

/* ---- Read again. ---- */

struct EndpointFile {
    ReloadedFile *file;
    char *tenant;
};

typedef struct {
    GPtrArray *endpoints;
} EndpointsBox;

static void
clear_box(void *data)
{
    g_ptr_array_unref(((EndpointsBox *)data)->endpoints);
}

static void *
parse(const char *path, void *data, GError **error)
{
    const EndpointFile *file = data;
    GPtrArray *endpoints = endpoint_file_load(path, file->tenant, error);
    if (endpoints == NULL)
        return NULL;
    EndpointsBox *box = g_atomic_rc_box_new0(EndpointsBox);
    box->endpoints = endpoints;
    return box;
}

static void
on_reloaded(const char *path, const GError *error, void *data)
{
    (void)data;
    if (error != NULL)
        g_warning("%s is not taken, the endpoints before stay in force: %s", path, error->message);
    else
        g_message("%s was read again", path);
}

EndpointFile *
endpoint_file_open(const char *path, const char *tenant, GError **error)
{
    g_autoptr(EndpointFile) file = g_new0(EndpointFile, 1);
    const ReloadedFileConfig config = {
        .parse = parse, .clear = clear_box, .data = file, .notice = on_reloaded};
    file->tenant = g_strdup(tenant);
    file->file = reloaded_file_new(path, &config, error);
    return file->file != NULL ? g_steal_pointer(&file) : NULL;
}

void
endpoint_file_close(EndpointFile *file)
{
    if (file == NULL)
        return;
    reloaded_file_free(file->file);
    g_free(file->tenant);
    g_free(file);
}

GPtrArray *
endpoint_file_endpoints(EndpointFile *file)
{
    EndpointsBox *box = reloaded_file_acquire(file->file);
    GPtrArray *endpoints = g_ptr_array_ref(box->endpoints);
    reloaded_file_release(file->file, box);
    return endpoints;
}

void
endpoint_file_write_metrics(EndpointFile *file, GString *out)
{
    reloaded_file_write_metrics(file->file, "cresset_agent_endpoints_file", out);
}
