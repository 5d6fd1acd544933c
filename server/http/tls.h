/* TLS on the server's port, by GnuTLS: certificate and key from files that are read again when they
 * change, the handshake, and sockets read and written through it. ALPN (RFC 7301) says h2 or
 * http/1.1. Internal to server/http; loop thread only, but for tls_files_new and tls_files_free. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/reloaded_file.h"

typedef struct TlsFiles TlsFiles;

/* Reads both PEM files. INVALID_ARGUMENT names them when they are not good together. */
TlsFiles *
tls_files_new(const char *certificate, const char *key, ReloadedFileNotice notice, GError **error);
void tls_files_free(TlsFiles *files);

typedef struct TlsSession TlsSession;

/* For a non-blocking socket, which stays the caller's. NULL when there is no memory. */
TlsSession *tls_session_new(TlsFiles *files, int fd);
/* Tells the other side, as far as the socket takes it, and forgets; NULL is allowed. */
void tls_session_free(TlsSession *session);

typedef enum {
    TLS_DONE,
    TLS_WAITING, /* call again when the socket is ready */
    TLS_FAILED,
} TlsState;
TlsState tls_handshake(TlsSession *session);
/* What the handshake agreed upon. */
bool tls_is_http2(const TlsSession *session);

/* As recv(2) and send(2) of a non-blocking socket; without a session they are just that. A send
 * that gave EAGAIN must be repeated with the same bytes. */
ssize_t tls_recv(TlsSession *session, int fd, void *data, size_t size);
ssize_t tls_send(TlsSession *session, int fd, const void *data, size_t size);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TlsFiles, tls_files_free)
