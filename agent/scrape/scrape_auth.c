#include "agent/scrape/scrape_auth.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/text.h"

static void
free_oauth2(ScrapeOAuth2 *oauth2)
{
    if (oauth2 == NULL)
        return;
    char *const texts[] = {oauth2->client_id, oauth2->client_secret, oauth2->client_secret_file,
                           oauth2->token_url, oauth2->ca_file,       oauth2->tls_server_name,
                           oauth2->proxy_url};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    g_strfreev(oauth2->scopes);
    g_clear_pointer(&oauth2->endpoint_params, g_hash_table_unref);
    g_free(oauth2);
}

void
scrape_auth_clear(ScrapeAuth *auth)
{
    char *const texts[] = {auth->token,       auth->token_file,       auth->type,
                           auth->credentials, auth->credentials_file, auth->user,
                           auth->password,    auth->password_file};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    free_oauth2(auth->oauth2);
}

/* --- keys ------------------------------------------------------------------------------------- */

static const YamlField authorization_fields[] = {
    {"type", yaml_read_text, offsetof(ScrapeAuth, type)},
    {"credentials", yaml_read_text, offsetof(ScrapeAuth, credentials)},
    {"credentials_file", yaml_read_text, offsetof(ScrapeAuth, credentials_file)},
};

bool
scrape_auth_read_authorization(YamlTree *tree, const YamlNode *node, const char *key, void *place,
                               GError **error)
{
    const ScrapeAuth *auth = place;
    return yaml_read_fields(tree, node, key, authorization_fields,
                            G_N_ELEMENTS(authorization_fields), place, error) &&
           (auth->credentials != NULL || auth->credentials_file != NULL ||
            yaml_fail(tree, node, error, "authorization needs credentials or credentials_file"));
}

static const YamlField basic_fields[] = {
    {"username", yaml_read_text, offsetof(ScrapeAuth, user)},
    {"password", yaml_read_text, offsetof(ScrapeAuth, password)},
    {"password_file", yaml_read_text, offsetof(ScrapeAuth, password_file)},
};

bool
scrape_auth_read_basic(YamlTree *tree, const YamlNode *node, const char *key, void *place,
                       GError **error)
{
    return yaml_read_fields(tree, node, key, basic_fields, G_N_ELEMENTS(basic_fields), place,
                            error);
}

static const YamlField tls_fields[] = {
    {"ca_file", yaml_read_text, offsetof(ScrapeOAuth2, ca_file)},
    {"server_name", yaml_read_text, offsetof(ScrapeOAuth2, tls_server_name)},
    {"insecure_skip_verify", yaml_read_bool, offsetof(ScrapeOAuth2, tls_unchecked)},
};

static bool
read_tls(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    return yaml_read_fields(tree, node, key, tls_fields, G_N_ELEMENTS(tls_fields), place, error);
}

static const YamlField oauth2_fields[] = {
    {"client_id", yaml_read_text, offsetof(ScrapeOAuth2, client_id)},
    {"client_secret", yaml_read_text, offsetof(ScrapeOAuth2, client_secret)},
    {"client_secret_file", yaml_read_text, offsetof(ScrapeOAuth2, client_secret_file)},
    {"token_url", yaml_read_text, offsetof(ScrapeOAuth2, token_url)},
    {"scopes", yaml_read_texts, offsetof(ScrapeOAuth2, scopes)},
    {"endpoint_params", yaml_read_texts_by_key, offsetof(ScrapeOAuth2, endpoint_params)},
    {"tls_config", read_tls, 0},
    {"proxy_url", yaml_read_text, offsetof(ScrapeOAuth2, proxy_url)},
};

bool
scrape_auth_read_oauth2(YamlTree *tree, const YamlNode *node, const char *key, void *place,
                        GError **error)
{
    ScrapeAuth *auth = place;
    free_oauth2(auth->oauth2);
    auth->oauth2 = g_new0(ScrapeOAuth2, 1);
    return yaml_read_fields(tree, node, key, oauth2_fields, G_N_ELEMENTS(oauth2_fields),
                            auth->oauth2, error);
}

/* --- checks ----------------------------------------------------------------------------------- */

/* A secret that is given, and the file that it could come from instead. */
typedef struct {
    const char *of, *key, *file_key; /* `of`: the key that has both, or "" */
    const char *secret, *file;
    bool has_blanks; /* it may have some */
} Secret;

static bool
check_secret(const Secret *secret, GError **error)
{
    if (secret->secret == NULL)
        return true;
    if (secret->file != NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s%s and %s exclude each other",
                         secret->of, secret->key, secret->file_key);
    for (const char *at = secret->secret; *at != '\0'; at++)
        if (secret->has_blanks ? g_ascii_iscntrl(*at) : !g_ascii_isgraph(*at))
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "%s%s is not one line of text%s", secret->of, secret->key,
                             secret->has_blanks ? "" : " without blanks");
    return true;
}

/* A job logs in one way. */
static bool
check_ways(const ScrapeAuth *auth, GError **error)
{
    const struct {
        bool is_given;
        const char *key;
    } ways[] = {{auth->token != NULL, "bearer_token"},
                {auth->token == NULL && auth->token_file != NULL, "bearer_token_file"},
                {auth->credentials != NULL || auth->credentials_file != NULL, "authorization"},
                {auth->user != NULL, "basic_auth"},
                {auth->oauth2 != NULL, "oauth2"}};
    const char *first = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
        if (!ways[i].is_given)
            continue;
        if (first != NULL)
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s and %s exclude each other",
                             first, ways[i].key);
        first = ways[i].key;
    }
    return true;
}

static bool
check_type(const char *type, GError **error)
{
    for (const char *at = type; at != NULL && *at != '\0'; at++)
        if (!g_ascii_isalnum(*at) && strchr("-_.", *at) == NULL)
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "authorization: type is no name of a scheme");
    if (type != NULL && g_ascii_strcasecmp(type, "basic") == 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "authorization: type: basic is what basic_auth is for");
    return true;
}

static bool
check_oauth2(const ScrapeOAuth2 *oauth2, GError **error)
{
    if (oauth2 == NULL)
        return true;
    if (oauth2->client_id == NULL || oauth2->token_url == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "oauth2 needs a client_id and a token_url");
    g_autoptr(GUri) url = http_url_parse(oauth2->token_url);
    if (url == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "oauth2: token_url is not an address like https://host/token");
    if (g_uri_get_userinfo(url) != NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "oauth2: token_url names a user: client_id is for that");
    return true;
}

bool
scrape_auth_check(const ScrapeAuth *auth, GError **error)
{
    static const ScrapeOAuth2 none = {0};
    const ScrapeOAuth2 *oauth2 = auth->oauth2 != NULL ? auth->oauth2 : &none;
    const Secret secrets[] = {
        {"", "bearer_token", "bearer_token_file", auth->token, auth->token_file, false},
        {"authorization: ", "credentials", "credentials_file", auth->credentials,
         auth->credentials_file, false},
        {"basic_auth: ", "password", "password_file", auth->password, auth->password_file, true},
        {"oauth2: ", "client_secret", "client_secret_file", oauth2->client_secret,
         oauth2->client_secret_file, true}};
    for (size_t i = 0; i < G_N_ELEMENTS(secrets); i++)
        if (!check_secret(&secrets[i], error))
            return false;
    if ((auth->password != NULL || auth->password_file != NULL) && auth->user == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "basic_auth needs a username");
    return check_ways(auth, error) && check_type(auth->type, error) &&
           check_oauth2(auth->oauth2, error);
}

HttpAuth
scrape_auth_http(const ScrapeAuth *auth)
{
    return (HttpAuth){
        .token = auth->credentials != NULL ? auth->credentials : auth->token,
        .token_file = auth->credentials_file != NULL ? auth->credentials_file : auth->token_file,
        .type = auth->type,
        .user = auth->user,
        .password = auth->password,
        .password_file = auth->password_file,
    };
}
