#include "server/tenant/auth.h"

#include <stdint.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/yaml_tree.h"

enum { DIGEST_BYTES = 32, TOKEN_BYTES_MAX = 4096 };

typedef enum { ACCESS_READ = 1, ACCESS_WRITE = 2 } Access;

typedef struct {
    char *name;
    uint8_t digest[DIGEST_BYTES];
    bool has_digest;
    GStrv tenants;
    unsigned access; /* Access */
} Token;

typedef struct {
    GPtrArray *tokens; /* Token */
} Content;

struct TenantAuth {
    ReloadedFile *file;
};

static void
token_free(gpointer pointer)
{
    Token *token = pointer;
    g_free(token->name);
    g_strfreev(token->tenants);
    g_free(token);
}

static bool
read_digest(Token *token, const char *text, GError **error)
{
    bool is_hex = strlen(text) == 2 * (size_t)DIGEST_BYTES;
    for (size_t i = 0; is_hex && i < DIGEST_BYTES; i++) {
        int high = g_ascii_xdigit_value(text[2 * i]), low = g_ascii_xdigit_value(text[2 * i + 1]);
        is_hex = high >= 0 && low >= 0;
        if (is_hex)
            token->digest[i] = (uint8_t)(high << 4 | low);
    }
    token->has_digest = is_hex;
    return is_hex || error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                               "sha256 must be 64 hexadecimal digits: the SHA-256 of the token");
}

static bool
read_tenants(Token *token, GStrv tenants, GError **error)
{
    token->tenants = tenants;
    for (size_t i = 0; tenants != NULL && tenants[i] != NULL; i++) {
        if (strcmp(tenants[i], "*") != 0 && !tenant_validate(tenants[i], error))
            return false;
    }
    return tenants != NULL;
}

static bool
read_access(Token *token, GStrv words, GError **error)
{
    token->access = 0;
    for (size_t i = 0; words != NULL && words[i] != NULL; i++) {
        bool is_read = strcmp(words[i], "read") == 0;
        if (!is_read && strcmp(words[i], "write") != 0)
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "access '%s' is none of read, write", words[i]);
        token->access |= is_read ? ACCESS_READ : ACCESS_WRITE;
    }
    return words != NULL;
}

static bool
read_field(YamlTree *tree, const char *key, const YamlNode *value, void *data, GError **error)
{
    Token *token = data;
    if (strcmp(key, "tenants") == 0)
        return read_tenants(token, yaml_texts(tree, value, key, error), error);
    if (strcmp(key, "access") == 0) {
        g_auto(GStrv) words = yaml_texts(tree, value, key, error);
        return read_access(token, words, error);
    }
    const char *text = yaml_text(tree, value, key, error);
    if (text == NULL)
        return false;
    if (strcmp(key, "sha256") == 0)
        return read_digest(token, text, error);
    if (strcmp(key, "name") != 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "'%s' is none of name, sha256, tenants, access", key);
    token->name = g_strdup(text);
    return true;
}

static bool
read_token(YamlTree *tree, const YamlNode *item, void *data, GError **error)
{
    Content *content = data;
    Token *token = g_new0(Token, 1);
    token->access = ACCESS_READ | ACCESS_WRITE;
    g_ptr_array_add(content->tokens, token);
    if (!yaml_each_pair(tree, item, "a token", read_field, token, error))
        return false;
    if (!token->has_digest)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "a token without sha256");
    if (token->tenants == NULL || token->tenants[0] == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "a token without tenants");
    return true;
}

static bool
read_top(YamlTree *tree, const char *key, const YamlNode *value, void *data, GError **error)
{
    if (strcmp(key, "tokens") != 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "'%s' is not known here: the file has one key, tokens", key);
    return yaml_each_item(tree, value, "tokens", read_token, data, error);
}

static void
content_clear(gpointer content)
{
    g_ptr_array_unref(((Content *)content)->tokens);
}

static void *
parse(const char *path, void *data, GError **error)
{
    (void)data;
    g_autoptr(YamlTree) tree = yaml_tree_load(path, error);
    if (tree == NULL)
        return NULL;
    Content *content = g_atomic_rc_box_new0(Content);
    content->tokens = g_ptr_array_new_with_free_func(token_free);
    if (yaml_each_pair(tree, yaml_tree_root(tree), "the file", read_top, content, error))
        return content;
    g_atomic_rc_box_release_full(content, content_clear);
    return NULL;
}

TenantAuth *
tenant_auth_new(const char *path, ReloadedFileNotice notice, GError **error)
{
    ReloadedFileConfig config = {.parse = parse, .clear = content_clear, .notice = notice};
    ReloadedFile *file = reloaded_file_new(path, &config, error);
    if (file == NULL)
        return NULL;
    TenantAuth *auth = g_new0(TenantAuth, 1);
    auth->file = file;
    return auth;
}

void
tenant_auth_free(TenantAuth *auth)
{
    if (auth == NULL)
        return;
    reloaded_file_free(auth->file);
    g_free(auth);
}

/* Takes as long wherever the first difference is. */
static bool
is_equal_digest(const uint8_t *a, const uint8_t *b)
{
    volatile uint8_t difference = 0;
    for (size_t i = 0; i < DIGEST_BYTES; i++)
        difference = difference | (uint8_t)(a[i] ^ b[i]);
    return difference == 0;
}

/* Looks at every token, so that the time says nothing of which one it was. */
static const Token *
find_token(const Content *content, const char *secret)
{
    uint8_t digest[DIGEST_BYTES];
    gsize size = sizeof digest;
    const Token *found = NULL;
    if (secret == NULL || secret[0] == '\0' || strlen(secret) > TOKEN_BYTES_MAX)
        return NULL;
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(checksum, (const guchar *)secret, -1);
    g_checksum_get_digest(checksum, digest, &size);
    for (guint i = 0; i < content->tokens->len; i++) {
        const Token *token = content->tokens->pdata[i];
        if (is_equal_digest(token->digest, digest))
            found = token;
    }
    return found;
}

/* What follows the scheme in the header, or NULL. */
static const char *
after_scheme(const char *header, const char *scheme)
{
    size_t length = strlen(scheme);
    if (header == NULL || g_ascii_strncasecmp(header, scheme, length) != 0 || header[length] != ' ')
        return NULL;
    return header + length + strspn(header + length, " ");
}

/* The secret of the header, to be freed; *ret_user is the user of basic authentication or NULL. */
static char *
read_secret(const char *header, char **ret_user)
{
    *ret_user = NULL;
    const char *bearer = after_scheme(header, "Bearer"), *basic = after_scheme(header, "Basic");
    if (bearer != NULL)
        return g_strdup(bearer);
    if (basic == NULL || strlen(basic) > 2 * (size_t)TOKEN_BYTES_MAX)
        return NULL;
    gsize size;
    g_autofree guchar *plain = g_base64_decode(basic, &size);
    g_autofree char *text = g_strndup((const char *)plain, size);
    char *colon = strchr(text, ':');
    if (colon == NULL)
        return NULL;
    *ret_user = g_strndup(text, (gsize)(colon - text));
    return g_strdup(colon + 1);
}

static bool
names_tenant(const Token *token, const char *tenant)
{
    return g_strv_contains((const char *const *)token->tenants, "*") ||
           g_strv_contains((const char *const *)token->tenants, tenant);
}

/* The tenant of a claim that does not say it; NULL: there is no single one. */
static const char *
implied_tenant(const Token *token, const char *user)
{
    if (user != NULL && tenant_validate(user, NULL) && names_tenant(token, user))
        return user;
    bool is_single = token->tenants[1] == NULL && strcmp(token->tenants[0], "*") != 0;
    return is_single ? token->tenants[0] : NULL;
}

static bool
check_access(const Token *token, const char *tenants, bool writing, GError **error)
{
    const char *name = token->name != NULL ? token->name : "";
    if ((token->access & (writing ? ACCESS_WRITE : ACCESS_READ)) == 0)
        return error_set(error, CRESSET_ERROR_PERMISSION_DENIED, "the token %s may not %s", name,
                         writing ? "write" : "read");
    g_auto(GStrv) ids = g_strsplit(tenants, "|", -1);
    for (size_t i = 0; ids[i] != NULL; i++) {
        if (!names_tenant(token, ids[i]))
            return error_set(error, CRESSET_ERROR_PERMISSION_DENIED,
                             "the token %s is not for tenant %s", name, ids[i]);
    }
    return true;
}

static char *
resolve_with(const Token *token, const char *user, TenantMode mode, const TenantClaim *claim,
             GError **error)
{
    const char *org_id = claim->org_id;
    if (mode != TENANT_OFF && (org_id == NULL || org_id[0] == '\0'))
        org_id = implied_tenant(token, user);
    g_autofree char *tenant = tenant_resolve(mode, org_id, claim->writing, error);
    if (tenant == NULL || !check_access(token, tenant, claim->writing, error))
        return NULL;
    return g_steal_pointer(&tenant);
}

char *
tenant_auth_resolve(TenantAuth *auth, TenantMode mode, const TenantClaim *claim, GError **error)
{
    g_autofree char *user = NULL;
    g_autofree char *secret = read_secret(claim->authorization, &user);
    char *tenant = NULL;
    Content *content = reloaded_file_acquire(auth->file);
    const Token *token = find_token(content, secret);
    if (token != NULL)
        tenant = resolve_with(token, user, mode, claim, error);
    else
        error_set(error, CRESSET_ERROR_UNAUTHENTICATED,
                  secret == NULL ? "no token: send Authorization: Bearer TOKEN, or basic with the "
                                   "tenant as user and the token as password"
                                 : "the token is not known");
    reloaded_file_release(auth->file, content);
    return tenant;
}

bool
tenant_auth_may_read(TenantAuth *auth, const char *authorization, const char *tenant)
{
    g_autofree char *user = NULL;
    g_autofree char *secret = read_secret(authorization, &user);
    Content *content = reloaded_file_acquire(auth->file);
    const Token *token = find_token(content, secret);
    bool may = token != NULL && (token->access & ACCESS_READ) != 0 && names_tenant(token, tenant);
    reloaded_file_release(auth->file, content);
    return may;
}

void
tenant_auth_write_metrics(TenantAuth *auth, GString *out)
{
    reloaded_file_write_metrics(auth->file, "cresset_server_tokens", out);
}
