#include "lib/net/oauth2.h"

#include <jansson.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/secret_file.h"
#include "lib/net/http_auth.h"

enum { ERROR_CODE_MAX = 64 };

void
oauth2_request_clear(OAuth2Request *request)
{
    g_clear_pointer(&request->authorization, g_free);
    g_clear_pointer(&request->body, g_bytes_unref);
}

/* ---- The request. ---- */

static void
add_field(GString *form, const char *name, const char *value)
{
    if (form->len > 0)
        g_string_append_c(form, '&');
    g_string_append_uri_escaped(form, name, NULL, FALSE);
    g_string_append_c(form, '=');
    g_string_append_uri_escaped(form, value, NULL, FALSE);
}

static char *
load_secret(const OAuth2Client *client, GError **error)
{
    if (client->client_secret_file != NULL && client->client_secret == NULL)
        return secret_file_read(client->client_secret_file, error);
    return g_strdup(client->client_secret != NULL ? client->client_secret : "");
}

/* Both parts are encoded as in a form before (section 2.3.1). */
static bool
make_authorization(const char *id, const char *secret, char **ret_line, GError **error)
{
    g_autofree char *user = g_uri_escape_string(id, NULL, FALSE);
    g_autofree char *password = g_uri_escape_string(secret, NULL, FALSE);
    const HttpAuth auth = {.user = user, .password = password};
    return http_auth_line(&auth, ret_line, error);
}

bool
oauth2_request_make(const OAuth2Client *client, OAuth2Style style, OAuth2Request *ret_request,
                    GError **error)
{
    g_autofree char *secret = load_secret(client, error);
    g_autoptr(GString) form = g_string_new(NULL);
    *ret_request = (OAuth2Request){0};
    if (secret == NULL)
        return false;
    add_field(form, "grant_type", "client_credentials");
    if (client->scopes != NULL && client->scopes[0] != NULL) {
        g_autofree char *scope = g_strjoinv(" ", (GStrv)client->scopes);
        add_field(form, "scope", scope);
    }
    if (client->endpoint_params != NULL) {
        GHashTableIter each;
        gpointer name, value;
        g_hash_table_iter_init(&each, client->endpoint_params);
        while (g_hash_table_iter_next(&each, &name, &value))
            add_field(form, name, value);
    }
    if (style == OAUTH2_IN_BODY) {
        add_field(form, "client_id", client->client_id);
        add_field(form, "client_secret", secret);
    } else if (!make_authorization(client->client_id, secret, &ret_request->authorization, error)) {
        return false;
    }
    gsize size = form->len;
    ret_request->body = g_bytes_new_take(g_string_free(g_steal_pointer(&form), FALSE), size);
    return true;
}

/* ---- The answer. ---- */

/* The error code of an answer (section 5.2), or "" when there is none that may be said. */
static const char *
error_code(const json_t *root)
{
    const char *code = json_string_value(json_object_get(root, "error"));
    if (code == NULL || strlen(code) > ERROR_CODE_MAX)
        return "";
    for (const char *at = code; *at != '\0'; at++)
        if (!g_ascii_isalnum(*at) && strchr("_-.", *at) == NULL)
            return "";
    return code;
}

static bool
is_token(const char *text)
{
    bool is_graph = text != NULL && *text != '\0';
    for (const char *at = text; is_graph && *at != '\0'; at++)
        is_graph = g_ascii_isgraph(*at);
    return is_graph;
}

/* Seconds, which some servers write as a text; 0 when they are none. */
static int64_t
read_lifetime(const json_t *value)
{
    double seconds = json_number_value(value);
    if (json_is_string(value))
        seconds = g_ascii_strtod(json_string_value(value), NULL);
    return seconds > 0 ? (int64_t)MIN(seconds, OAUTH2_LIFETIME_MAX_S) : 0;
}

static char *
read_token(const json_t *root, int64_t *ret_lifetime_s, GError **error)
{
    const char *token = json_string_value(json_object_get(root, "access_token"));
    const char *type = json_string_value(json_object_get(root, "token_type"));
    if (!is_token(token)) {
        (void)error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                        "the answer of the token server has no access_token");
        return NULL;
    }
    if (type != NULL && g_ascii_strcasecmp(type, "bearer") != 0) {
        (void)error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                        "the token server gives tokens of another token_type than Bearer");
        return NULL;
    }
    *ret_lifetime_s = read_lifetime(json_object_get(root, "expires_in"));
    return g_strdup(token);
}

char *
oauth2_read_token(const HttpClientReply *reply, int64_t *ret_lifetime_s, GError **error)
{
    gsize size;
    const char *bytes = g_bytes_get_data(reply->body, &size);
    json_t *root = size > 0 ? json_loadb(bytes, size, 0, NULL) : NULL;
    const char *code = error_code(root);
    char *token = NULL;
    *ret_lifetime_s = 0;
    if (reply->status / 100 == 2)
        token = read_token(root, ret_lifetime_s, error);
    else
        (void)error_set(error, CRESSET_ERROR_UNAUTHENTICATED, "the token server answers %d%s%s",
                        reply->status, *code != '\0' ? " " : "", code);
    json_decref(root);
    return token;
}
