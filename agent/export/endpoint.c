#include "agent/export/endpoint.h"

#include <string.h>

#include "cresset/limits.h"
#include "lib/base/error.h"
#include "lib/base/text.h"

/* What the agent itself says in each request, or has other keys for. */
static const char *const reserved_headers[] = {"authorization",
                                               "connect-protocol-version",
                                               "connection",
                                               "content-encoding",
                                               "content-length",
                                               "content-type",
                                               "host",
                                               "expect",
                                               "transfer-encoding",
                                               "x-scope-orgid",
                                               NULL};

Endpoint *
endpoint_new(void)
{
    Endpoint *endpoint = g_atomic_rc_box_new0(Endpoint);
    endpoint->timeout_ms = ENDPOINT_TIMEOUT_MS;
    endpoint->backoff_min_ms = ENDPOINT_BACKOFF_MIN_MS;
    endpoint->backoff_max_ms = ENDPOINT_BACKOFF_MAX_MS;
    endpoint->retries_on_429 = true;
    return endpoint;
}

/* Where its texts and its tables of texts are. */
static const size_t text_offsets[] = {
    offsetof(Endpoint, name),           offsetof(Endpoint, url),
    offsetof(Endpoint, shown_url),      offsetof(Endpoint, tenant),
    offsetof(Endpoint, token_file),     offsetof(Endpoint, user),
    offsetof(Endpoint, password_file),  offsetof(Endpoint, ca_file),
    offsetof(Endpoint, cert_file),      offsetof(Endpoint, key_file),
    offsetof(Endpoint, tls_server_name)};
static const size_t table_offsets[] = {offsetof(Endpoint, headers),
                                       offsetof(Endpoint, header_files),
                                       offsetof(Endpoint, external_labels)};

static char *
text_at(const Endpoint *endpoint, size_t i)
{
    return G_STRUCT_MEMBER(char *, endpoint, text_offsets[i]);
}

static GHashTable *
table_at(const Endpoint *endpoint, size_t i)
{
    return G_STRUCT_MEMBER(GHashTable *, endpoint, table_offsets[i]);
}

static void
clear_endpoint(void *data)
{
    for (size_t i = 0; i < G_N_ELEMENTS(text_offsets); i++)
        g_free(text_at(data, i));
    for (size_t i = 0; i < G_N_ELEMENTS(table_offsets); i++)
        if (table_at(data, i) != NULL)
            g_hash_table_unref(table_at(data, i));
}

Endpoint *
endpoint_ref(Endpoint *endpoint)
{
    return g_atomic_rc_box_acquire(endpoint);
}

void
endpoint_unref(Endpoint *endpoint)
{
    if (endpoint != NULL)
        g_atomic_rc_box_release_full(endpoint, clear_endpoint);
}

static bool
is_same_table(GHashTable *a, GHashTable *b)
{
    GHashTableIter each;
    gpointer name, value;
    if (a == NULL || b == NULL)
        return a == b;
    if (g_hash_table_size(a) != g_hash_table_size(b))
        return false;
    g_hash_table_iter_init(&each, a);
    while (g_hash_table_iter_next(&each, &name, &value))
        if (g_strcmp0(value, g_hash_table_lookup(b, name)) != 0)
            return false;
    return true;
}

bool
endpoint_is_same(const Endpoint *a, const Endpoint *b)
{
    for (size_t i = 0; i < G_N_ELEMENTS(text_offsets); i++)
        if (g_strcmp0(text_at(a, i), text_at(b, i)) != 0)
            return false;
    for (size_t i = 0; i < G_N_ELEMENTS(table_offsets); i++)
        if (!is_same_table(table_at(a, i), table_at(b, i)))
            return false;
    return a->is_tls_unchecked == b->is_tls_unchecked && a->timeout_ms == b->timeout_ms &&
           a->backoff_min_ms == b->backoff_min_ms && a->backoff_max_ms == b->backoff_max_ms &&
           a->tries_max == b->tries_max && a->retries_on_429 == b->retries_on_429 &&
           a->coding == b->coding;
}

bool
endpoint_is_tenant(const char *text)
{
    size_t length = strlen(text);
    for (const char *c = text; *c != '\0'; c++)
        if (!g_ascii_isalnum(*c) && strchr("!-_.*'()", *c) == NULL)
            return false;
    return length > 0 && length <= CRESSET_TENANT_LENGTH_MAX && strcmp(text, ".") != 0 &&
           strcmp(text, "..") != 0;
}

bool
endpoint_parse_coding(const char *text, SeriesCoding *ret_coding, GError **error)
{
    static const char *const names[] = {
        [SERIES_GZIP] = "gzip", [SERIES_ZSTD] = "zstd", [SERIES_PLAIN] = "none"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(text, names[i]) != 0)
            continue;
        *ret_coding = (SeriesCoding)i;
        return true;
    }
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "compression: '%s' is none of gzip, zstd and none", text);
}

/* ---- Checks. ---- */

/* A name is part of a path. */
static bool
check_name(const char *name, GError **error)
{
    bool is_name = *name != '\0' && *name != '.' && strlen(name) <= ENDPOINT_NAME_LENGTH_MAX;
    for (const char *c = name; *c != '\0'; c++)
        is_name &= g_ascii_isalnum(*c) || strchr("-_.", *c) != NULL;
    return is_name || error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                                "name: '%s' is not up to %d letters, digits, '-', '_' and '.', of "
                                "which the first is no '.'",
                                name, ENDPOINT_NAME_LENGTH_MAX);
}

static char *
name_of(const GUri *uri)
{
    int port = g_uri_get_port((GUri *)uri);
    const char *host = g_uri_get_host((GUri *)uri);
    g_autofree char *name = port > 0 ? g_strdup_printf("%s-%d", host, port) : g_strdup(host);
    for (char *c = name; *c != '\0'; c++)
        if (!g_ascii_isalnum(*c) && (c == name || strchr("-_.", *c) == NULL))
            *c = '-';
    return g_strndup(name, ENDPOINT_NAME_LENGTH_MAX);
}

static bool
check_url(Endpoint *endpoint, GError **error)
{
    g_autoptr(GUri) uri = http_url_parse(endpoint->url != NULL ? endpoint->url : "");
    if (uri == NULL || g_uri_get_query(uri) != NULL || g_uri_get_fragment(uri) != NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "url: it is not an address like http://host:4040");
    if (g_uri_get_userinfo(uri) != NULL && (endpoint->user != NULL || endpoint->token_file != NULL))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "url: it names a user although there is another way to log in");
    g_free(endpoint->shown_url);
    endpoint->shown_url = http_url_shown(endpoint->url);
    if (endpoint->name == NULL)
        endpoint->name = name_of(uri);
    return true;
}

static bool
check_header(const char *name, const char *value, GError **error)
{
    static const char marks[] = "!#$%&'*+-.^_`|~"; /* RFC 9110, section 5.6.2 */
    g_autofree char *lower = g_ascii_strdown(name, -1);
    bool is_name = *name != '\0';
    for (const char *c = name; *c != '\0'; c++)
        is_name &= g_ascii_isalnum(*c) || strchr(marks, *c) != NULL;
    if (!is_name)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "headers: '%s' is no name of a header", name);
    if (g_strv_contains(reserved_headers, lower))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "headers: %s is set by the agent itself", name);
    for (const char *c = value; *c != '\0'; c++)
        if (g_ascii_iscntrl(*c))
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "headers: the value of %s is not one line of text", name);
    return true;
}

typedef bool (*PairCheck)(const char *name, const char *value, GError **error);

static bool
check_pairs(GHashTable *pairs, PairCheck check, GError **error)
{
    GHashTableIter each;
    gpointer name, value;
    if (pairs == NULL)
        return true;
    g_hash_table_iter_init(&each, pairs);
    while (g_hash_table_iter_next(&each, &name, &value))
        if (!check(name, value, error))
            return false;
    return true;
}

static bool
check_external_label(const char *name, const char *value, GError **error)
{
    if (series_check_label(name, value, error))
        return true;
    g_prefix_error(error, "external_labels: ");
    return false;
}

static bool
check_login(const Endpoint *endpoint, GError **error)
{
    if (endpoint->token_file != NULL && endpoint->user != NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "bearer_token_file and basic_auth cannot both be given");
    if (endpoint->password_file != NULL && endpoint->user == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "basic_auth: password_file is given without username");
    if ((endpoint->cert_file == NULL) != (endpoint->key_file == NULL))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "tls_config: cert_file and key_file need each other");
    return true;
}

static bool
check_times(const Endpoint *endpoint, GError **error)
{
    if (endpoint->timeout_ms < 1 || endpoint->backoff_min_ms < 1)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "remote_timeout and min_backoff_period are at least 1ms");
    if (endpoint->backoff_max_ms < endpoint->backoff_min_ms)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "max_backoff_period is less than min_backoff_period");
    return true;
}

bool
endpoint_check(Endpoint *endpoint, GError **error)
{
    if (!check_url(endpoint, error) || !check_name(endpoint->name, error))
        return false;
    if (endpoint->tenant != NULL && !endpoint_is_tenant(endpoint->tenant))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "tenant: '%s' is not up to %d of 0-9a-zA-Z!-_.*'()", endpoint->tenant,
                         CRESSET_TENANT_LENGTH_MAX);
    return check_pairs(endpoint->headers, check_header, error) &&
           check_pairs(endpoint->header_files, check_header, error) &&
           check_pairs(endpoint->external_labels, check_external_label, error) &&
           check_login(endpoint, error) && check_times(endpoint, error);
}
