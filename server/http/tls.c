#include "server/http/tls.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/base/error.h"

/* What certificate and key make together, in a g_atomic_rc_box: sessions keep what they began with.
 */
typedef struct {
    gnutls_certificate_credentials_t credentials;
    uint64_t number; /* the higher, the later read */
} Pair;

/* Each of the two files is looked at, and whichever has changed, both are read: one that has been
 * replaced before the other does not fit it, and the other's change then makes it good. */
struct TlsFiles {
    char *certificate, *key;
    ReloadedFile *by_certificate, *by_key; /* Pair */
    uint64_t n_read;
};

struct TlsSession {
    gnutls_session_t session;
    Pair *pair;
    TlsFiles *files;
    int fd;
    bool is_open; /* the handshake is done */
};

static void
pair_clear(void *data)
{
    Pair *pair = data;
    gnutls_certificate_free_credentials(pair->credentials);
}

static void *
read_pair(const char *path, void *data, GError **error)
{
    (void)path;
    TlsFiles *files = data;
    gnutls_certificate_credentials_t credentials;
    int failed = gnutls_certificate_allocate_credentials(&credentials);
    if (failed == 0) {
        failed = gnutls_certificate_set_x509_key_file(credentials, files->certificate, files->key,
                                                      GNUTLS_X509_FMT_PEM);
        if (failed < 0)
            gnutls_certificate_free_credentials(credentials);
    }
    if (failed < 0) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "tls-cert %s and tls-key %s are not a certificate with its key in PEM: %s",
                  files->certificate, files->key, gnutls_strerror(failed));
        return NULL;
    }
    Pair *pair = g_atomic_rc_box_new(Pair);
    *pair = (Pair){credentials, ++files->n_read};
    return pair;
}

TlsFiles *
tls_files_new(const char *certificate, const char *key, ReloadedFileNotice notice, GError **error)
{
    g_autoptr(TlsFiles) files = g_new0(TlsFiles, 1);
    files->certificate = g_strdup(certificate);
    files->key = g_strdup(key);
    const ReloadedFileConfig config = {
        .parse = read_pair, .clear = pair_clear, .data = files, .notice = notice};
    files->by_certificate = reloaded_file_new(certificate, &config, error);
    if (files->by_certificate == NULL)
        return NULL;
    files->by_key = reloaded_file_new(key, &config, error);
    return files->by_key != NULL ? g_steal_pointer(&files) : NULL;
}

void
tls_files_free(TlsFiles *files)
{
    if (files == NULL)
        return;
    reloaded_file_free(files->by_certificate);
    reloaded_file_free(files->by_key);
    g_free(files->certificate);
    g_free(files->key);
    g_free(files);
}

/* The pair that was read last. */
static Pair *
acquire_pair(TlsFiles *files)
{
    Pair *a = reloaded_file_acquire(files->by_certificate);
    Pair *b = reloaded_file_acquire(files->by_key);
    Pair *newer = a->number > b->number ? a : b;
    reloaded_file_release(files->by_key, newer == a ? b : a);
    return newer;
}

TlsSession *
tls_session_new(TlsFiles *files, int fd)
{
    static const char *const protocols[] = {"h2", "http/1.1"};
    gnutls_datum_t names[G_N_ELEMENTS(protocols)];
    gnutls_session_t session;
    if (gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) != 0)
        return NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(protocols); i++)
        names[i] = (gnutls_datum_t){(unsigned char *)protocols[i], (unsigned)strlen(protocols[i])};
    Pair *pair = acquire_pair(files);
    if (gnutls_set_default_priority(session) != 0 ||
        gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, pair->credentials) != 0 ||
        gnutls_alpn_set_protocols(session, names, G_N_ELEMENTS(names),
                                  GNUTLS_ALPN_SERVER_PRECEDENCE) != 0) {
        gnutls_deinit(session);
        reloaded_file_release(files->by_key, pair);
        return NULL;
    }
    gnutls_transport_set_int(session, fd);
    TlsSession *own = g_new0(TlsSession, 1);
    *own = (TlsSession){.session = session, .pair = pair, .files = files, .fd = fd};
    return own;
}

void
tls_session_free(TlsSession *session)
{
    if (session == NULL)
        return;
    if (session->is_open)
        (void)gnutls_bye(session->session, GNUTLS_SHUT_WR);
    gnutls_deinit(session->session);
    reloaded_file_release(session->files->by_key, session->pair);
    g_free(session);
}

/* Whether a result says to try again. GnuTLS may say so once it has read a part of a record,
 * without having seen that nothing more is there: a caller that waits for the next edge would miss
 * what has come since. That is looked at here. */
static bool
may_go_on(const TlsSession *session, ssize_t *result)
{
    char byte;
    if (*result == GNUTLS_E_INTERRUPTED || *result == GNUTLS_E_WARNING_ALERT_RECEIVED)
        return true;
    if (*result != GNUTLS_E_AGAIN || gnutls_record_get_direction(session->session) != 0)
        return false;
    ssize_t more = recv(session->fd, &byte, sizeof byte, MSG_PEEK);
    if (more == 0)
        *result = GNUTLS_E_PREMATURE_TERMINATION;
    return more > 0;
}

TlsState
tls_handshake(TlsSession *session)
{
    ssize_t result;
    do {
        result = gnutls_handshake(session->session);
    } while (may_go_on(session, &result));
    session->is_open = result == 0;
    if (result == GNUTLS_E_AGAIN)
        return TLS_WAITING;
    if (result != 0)
        g_debug("a TLS handshake failed: %s", gnutls_strerror((int)result));
    return result == 0 ? TLS_DONE : TLS_FAILED;
}

bool
tls_is_http2(const TlsSession *session)
{
    gnutls_datum_t name;
    return gnutls_alpn_get_selected_protocol(session->session, &name) == 0 && name.size == 2 &&
           memcmp(name.data, "h2", 2) == 0;
}

/* The result of a record's way as recv and send give it. A client that wants to shake hands anew is
 * refused: HTTP/2 forbids it (RFC 9113, 9.2.1), and nobody needs it. */
static ssize_t
result_of(ssize_t result)
{
    if (result >= 0)
        return result;
    errno = result == GNUTLS_E_AGAIN ? EAGAIN : ECONNRESET;
    return result == GNUTLS_E_PREMATURE_TERMINATION ? 0 : -1;
}

ssize_t
tls_recv(TlsSession *session, int fd, void *data, size_t size)
{
    ssize_t result;
    if (session == NULL)
        return recv(fd, data, size, 0);
    do {
        result = gnutls_record_recv(session->session, data, size);
    } while (may_go_on(session, &result));
    return result_of(result);
}

ssize_t
tls_send(TlsSession *session, int fd, const void *data, size_t size)
{
    ssize_t result;
    if (session == NULL)
        return send(fd, data, size, MSG_NOSIGNAL);
    do {
        result = gnutls_record_send(session->session, data, size);
    } while (result == GNUTLS_E_INTERRUPTED);
    return result_of(result);
}
