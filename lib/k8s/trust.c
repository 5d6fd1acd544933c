#include "lib/k8s/trust.h"

#include <gnutls/x509.h>

#include "lib/base/error.h"
#include "lib/base/reloaded_file.h"

enum { LOOK_INTERVAL_US = 1 }; /* before every request: a look costs nothing beside one */

struct TrustSource {
    const K8sConfig *config;
    char *user_agent;
    ReloadedFile *file;     /* of TrustedClient; NULL: there is no file */
    TrustedClient *current; /* without a file ours, else borrowed of it, for who reads it */
    bool is_new, is_broken; /* of the last reading: it changed what is trusted; it was not good */
};

static void
client_clear(void *data)
{
    TrustedClient *client = data;
    http_client_free(client->http);
    g_clear_pointer(&client->ca_pem, g_bytes_unref);
}

/* Takes over `pem`. */
static TrustedClient *
client_new(const TrustSource *source, GBytes *pem)
{
    const K8sConfig *config = source->config;
    const HttpClientConfig http = {
        .user_agent = source->user_agent,
        .ca_pem = pem,
        .tls_server_name = config->tls_server_name,
        .tls_unchecked = config->tls_unchecked,
        .proxy_url = config->proxy_url,
        .uncompressed = config->uncompressed,
    };
    TrustedClient *client = g_atomic_rc_box_new0(TrustedClient);
    client->http = http_client_new(&http);
    client->ca_pem = pem;
    return client;
}

/* The bytes of a file of certificates, each of them whole: it may be read while it is written. */
static GBytes *
read_certificates(const char *path, GError **error)
{
    g_autoptr(GBytes) pem = k8s_read_pem(path, error);
    gnutls_x509_crt_t *certificates = NULL;
    unsigned n = 0;
    gsize size;
    if (pem == NULL)
        return NULL;
    const void *text = g_bytes_get_data(pem, &size);
    gnutls_datum_t data = {(unsigned char *)(uintptr_t)text, (unsigned)size};
    int failure = gnutls_x509_crt_list_import2(&certificates, &n, &data, GNUTLS_X509_FMT_PEM, 0);
    if (failure < 0) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s holds no certificates in PEM: %s",
                  path, gnutls_strerror(failure));
        return NULL;
    }
    for (unsigned i = 0; i < n; i++)
        gnutls_x509_crt_deinit(certificates[i]);
    gnutls_free(certificates);
    return g_steal_pointer(&pem);
}

/* The client for what the file says now; that which there is when it says the same, so that its
 * connections stay. Of a first reading that fails it is that of the configuration. */
static void *
read_trust(const char *path, void *data, GError **error)
{
    TrustSource *source = data;
    bool is_first = source->current == NULL;
    g_autoptr(GBytes) pem = read_certificates(path, is_first ? NULL : error);
    if (is_first && pem == NULL)
        pem = g_bytes_ref(source->config->ca_pem);
    if (pem == NULL)
        return NULL;
    source->is_new = is_first || !g_bytes_equal(pem, source->current->ca_pem);
    if (!source->is_new)
        return g_atomic_rc_box_acquire(source->current);
    source->current = client_new(source, g_steal_pointer(&pem));
    return source->current;
}

static void
on_reading(const char *path, const GError *error, void *data)
{
    TrustSource *source = data;
    if (error != NULL && !source->is_broken)
        g_warning("%s; the authorities that it held before are trusted still", error->message);
    else if (error == NULL && (source->is_new || source->is_broken))
        g_message("the authorities of %s are trusted as they are now", path);
    source->is_broken = error != NULL;
}

TrustSource *
trust_source_new(const K8sConfig *config, const char *user_agent)
{
    TrustSource *source = g_new0(TrustSource, 1);
    source->config = config;
    source->user_agent = g_strdup(user_agent);
    const ReloadedFileConfig file = {.parse = read_trust,
                                     .clear = client_clear,
                                     .data = source,
                                     .notice = on_reading,
                                     .notice_data = source,
                                     .interval_us = LOOK_INTERVAL_US};
    if (config->ca_file != NULL && !config->tls_unchecked)
        source->file = reloaded_file_new(config->ca_file, &file, NULL);
    else
        source->current =
            client_new(source, config->ca_pem != NULL ? g_bytes_ref(config->ca_pem) : NULL);
    return source;
}

void
trust_source_free(TrustSource *source)
{
    if (source == NULL)
        return;
    if (source->file == NULL)
        trust_source_release(source->current);
    reloaded_file_free(source->file);
    g_free(source->user_agent);
    g_free(source);
}

TrustedClient *
trust_source_acquire(TrustSource *source)
{
    return source->file != NULL ? reloaded_file_acquire(source->file)
                                : g_atomic_rc_box_acquire(source->current);
}

void
trust_source_release(TrustedClient *client)
{
    g_atomic_rc_box_release_full(client, client_clear);
}
