/* Many HTTP exchanges at a time on one thread, over one libcurl multi handle and epoll: what waits
 * for its reply costs nothing but memory. Requests and replies are those of http_client.h;
 * connections are kept and reused.
 *
 * One thread owns a HttpMulti and everything that runs in it. */
#pragma once
#include "lib/net/http_client.h"

typedef struct HttpMulti HttpMulti;
typedef struct HttpTransfer HttpTransfer;

/* Why there is no reply: kind, and how it is counted. */
#define HTTP_FAILURES(X)                                                                           \
    X(HTTP_FAILURE_NONE, "none")                                                                   \
    X(HTTP_FAILURE_RESOLVE, "dns")                                                                 \
    X(HTTP_FAILURE_CONNECT, "refused")                                                             \
    X(HTTP_FAILURE_TLS, "tls")                                                                     \
    X(HTTP_FAILURE_TIMEOUT, "timeout")                                                             \
    X(HTTP_FAILURE_TOO_LARGE, "too_large")                                                         \
    X(HTTP_FAILURE_OTHER, "cut")

typedef enum {
#define X(name, text) name,
    HTTP_FAILURES(X)
#undef X
} HttpFailure;

typedef struct {
    HttpClientReply *reply; /* NULL: there is none; the body may be taken */
    HttpFailure failure;
    const GError *error; /* as http_client_send sets it; NULL where there is a reply */
} HttpOutcome;

/* Called once when a transfer has ended, within http_multi_run; it may start and cancel others.
 * What is in `outcome` ends with the call. */
typedef void (*HttpDoneFunc)(const HttpOutcome *outcome, void *user);

/* `body_bytes_max` bounds the bodies of all replies that are under way together: beyond it the
 * largest of them ends as too large. */
HttpMulti *http_multi_new(size_t body_bytes_max);
/* Ends what is under way, without telling. NULL is allowed. */
void http_multi_free(HttpMulti *multi);

/* Begins an exchange. `client`, and what `request` points to, must live until it has ended; its
 * `cancel` and `silence_ms` are not heeded. NULL with INVALID_ARGUMENT when the URL is none. */
HttpTransfer *
http_multi_start(HttpMulti *multi, const HttpClient *client, const HttpClientRequest *request,
                 HttpDoneFunc done, void *user, GError **error);
/* Ends an exchange that is under way, without telling. */
void http_multi_cancel(HttpMulti *multi, HttpTransfer *transfer);
/* Exchanges that are under way. */
size_t http_multi_size(const HttpMulti *multi);
/* Bytes of their bodies that have come. */
size_t http_multi_body_bytes(const HttpMulti *multi);

/* Moves exchanges on, once: waits for at most `timeout_ms` until there is something to do. */
void http_multi_run(HttpMulti *multi, int64_t timeout_ms);
/* Ends the wait of a http_multi_run that is going on, or of the next one. Any thread. */
void http_multi_wake(HttpMulti *multi);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpMulti, http_multi_free)
