#include "lib/k8s/credentials.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/k8s/exec_plugin.h"

enum {
    TOKEN_BYTES_MAX = 64 * 1024, /* those of service accounts have about 1 KiB */
    EXPIRY_MARGIN_US = 10 * G_USEC_PER_SEC,
};

struct CredentialSource {
    const K8sConfig *config;
    GMutex lock;         /* guards what follows; held while the plug-in runs, which is run once */
    ExecCredential last; /* of the plug-in */
    bool has_last;
};

CredentialSource *
credential_source_new(const K8sConfig *config)
{
    CredentialSource *source = g_new0(CredentialSource, 1);
    source->config = config;
    g_mutex_init(&source->lock);
    return source;
}

void
credential_source_free(CredentialSource *source)
{
    if (source == NULL)
        return;
    exec_credential_clear(&source->last);
    g_mutex_clear(&source->lock);
    g_free(source);
}

void
credentials_clear(Credentials *credentials)
{
    g_free(credentials->authorization);
    g_clear_pointer(&credentials->certificate_pem, g_bytes_unref);
    g_clear_pointer(&credentials->key_pem, g_bytes_unref);
    *credentials = (Credentials){0};
}

static char *
bearer(const char *token)
{
    return g_strconcat("Authorization: Bearer ", token, NULL);
}

/* The header for the token in the file, or NULL with *error. */
static char *
bearer_of_file(const char *path, GError **error)
{
    g_autofree char *token = k8s_read_file(path, TOKEN_BYTES_MAX, NULL, error);
    if (token == NULL)
        return NULL;
    if (k8s_token_check(g_strstrip(token)))
        return bearer(token);
    error_set(error, CRESSET_ERROR_UNAUTHENTICATED, "%s holds no token", path);
    return NULL;
}

static char *
basic(const char *username, const char *password)
{
    g_autofree char *both = g_strconcat(username, ":", password != NULL ? password : "", NULL);
    g_autofree char *encoded = g_base64_encode((const guchar *)both, strlen(both));
    return g_strconcat("Authorization: Basic ", encoded, NULL);
}

static bool
is_fresh(const CredentialSource *source)
{
    int64_t expires_us = source->last.expires_us;
    return source->has_last &&
           (expires_us == 0 || g_get_real_time() < expires_us - EXPIRY_MARGIN_US);
}

static GBytes *
ref_bytes(GBytes *bytes)
{
    return bytes != NULL ? g_bytes_ref(bytes) : NULL;
}

static bool
get_of_plugin_locked(CredentialSource *source, int64_t end_us, GCancellable *cancel,
                     Credentials *ret_credentials, GError **error)
{
    if (!is_fresh(source)) {
        ExecCredential credential;
        int64_t timeout_ms = EXEC_PLUGIN_TIMEOUT_MS;
        if (end_us > 0) /* another may have held the lock until now */
            timeout_ms = MIN(timeout_ms, (end_us - g_get_monotonic_time()) / 1000);
        if (timeout_ms <= 0)
            return error_set(error, CRESSET_ERROR_DEADLINE_EXCEEDED, "no time was left to run '%s'",
                             source->config->exec->command);
        if (!exec_plugin_run(source->config, timeout_ms, cancel, &credential, error))
            return false;
        exec_credential_clear(&source->last);
        source->last = credential;
        source->has_last = true;
    }
    *ret_credentials = (Credentials){
        .authorization = source->last.token != NULL ? bearer(source->last.token) : NULL,
        .certificate_pem = ref_bytes(source->last.certificate_pem),
        .key_pem = ref_bytes(source->last.key_pem),
    };
    return true;
}

static bool
get_of_plugin(CredentialSource *source, int64_t end_us, GCancellable *cancel,
              Credentials *ret_credentials, GError **error)
{
    g_mutex_lock(&source->lock);
    bool got = get_of_plugin_locked(source, end_us, cancel, ret_credentials, error);
    g_mutex_unlock(&source->lock);
    return got;
}

bool
credential_source_get(CredentialSource *source, int64_t end_us, GCancellable *cancel,
                      Credentials *ret_credentials, GError **error)
{
    const K8sConfig *config = source->config;
    char *authorization = NULL;
    if (config->token_file != NULL) {
        authorization = bearer_of_file(config->token_file, error);
        if (authorization == NULL)
            return false;
    } else if (config->token != NULL) {
        authorization = bearer(config->token);
    } else if (config->username != NULL) {
        authorization = basic(config->username, config->password);
    } else if (config->exec != NULL) {
        return get_of_plugin(source, end_us, cancel, ret_credentials, error);
    }
    *ret_credentials = (Credentials){
        .authorization = authorization,
        .certificate_pem = ref_bytes(config->certificate_pem),
        .key_pem = ref_bytes(config->key_pem),
    };
    return true;
}

static void
forget_last(CredentialSource *source, const Credentials *refused)
{
    g_mutex_lock(&source->lock);
    g_autofree char *last = source->last.token != NULL ? bearer(source->last.token) : NULL;
    /* Another thread may have run the plug-in again. */
    if (g_strcmp0(last, refused->authorization) == 0 &&
        source->last.certificate_pem == refused->certificate_pem)
        source->has_last = false;
    g_mutex_unlock(&source->lock);
}

bool
credential_source_refuse(CredentialSource *source, const Credentials *refused)
{
    const K8sConfig *config = source->config;
    if (config->token_file != NULL) {
        g_autofree char *now = bearer_of_file(config->token_file, NULL);
        return now != NULL && g_strcmp0(now, refused->authorization) != 0;
    }
    if (config->token != NULL || config->username != NULL || config->exec == NULL)
        return false;
    forget_last(source, refused);
    return true;
}
