/* A blocking HTTP/1.1 and HTTP/2 client over libcurl for any number of threads.
 *
 * Connections are kept and reused. Only http and https are spoken; certificates are checked
 * unless the configuration says otherwise, and so it is with redirects, which are not followed; the
 * proxy variables of the environment (http_proxy, https_proxy, no_proxy) are honoured unless a
 * proxy is configured. A compressed reply is decompressed, and the cap counts the bytes after that.
 * An HTTP error status is a reply, not an error. */
#pragma once
#include <gio/gio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HTTP_TIMEOUT_DEFAULT_MS = 30 * 1000,
    HTTP_CONNECT_TIMEOUT_DEFAULT_MS = 5 * 1000,
    HTTP_REPLY_BYTES_DEFAULT = 16 * 1024 * 1024,
    HTTP_REPLY_HEADER_BYTES_MAX = 64 * 1024,
    HTTP_REDIRECTS_MAX = 10, /* as Go's client has it */
};

typedef struct HttpClient HttpClient;

typedef struct {
    const char *user_agent;      /* NULL: "cresset/VERSION" */
    const char *ca_file;         /* PEM file of trusted authorities, read for each connection; NULL:
                                    those of the system */
    GBytes *ca_pem;              /* the same as text, and preferred */
    const char *tls_server_name; /* whom the certificate must name; NULL: the host of the URL */
    bool tls_unchecked;          /* takes any certificate: whoever is in between reads along */
    const char *proxy_url;       /* http, https or socks5h; NULL: what the environment says */
    const char *unix_socket;     /* path of the socket that all requests go to, whatever host their
                                    URLs name, and without a proxy; NULL: to that host */
    bool uncompressed;           /* asks for no compressed replies */
    bool follows_redirects;      /* to http and https; Authorization stays with the first host */
    bool http1_only;             /* does not offer HTTP/2 */
} HttpClientConfig;

/* Takes a part of the body of a 200 as it comes, unpacked: with the size 0 once, when the head has
 * come. False with *error set ends the exchange with that error. */
typedef bool (*HttpDataFunc)(const void *data, size_t size, void *user, GError **error);

typedef struct {
    const char *method;         /* NULL: GET, or POST when there is a body */
    const char *url;            /* borrowed, like everything here, until the call returns */
    const char *const *headers; /* "Name: value" lines, NULL at the end; NULL: none */
    GBytes *body;               /* NULL: none */
    GBytes *certificate_pem;    /* shown to the server, with its chain behind it; NULL: none */
    GBytes *key_pem;            /* of the certificate, without a passphrase */
    int64_t timeout_ms;         /* of the whole exchange; 0: HTTP_TIMEOUT_DEFAULT_MS */
    int64_t connect_timeout_ms; /* 0: HTTP_CONNECT_TIMEOUT_DEFAULT_MS */
    size_t reply_bytes_max;     /* 0: HTTP_REPLY_BYTES_DEFAULT */
    GCancellable *cancel;       /* ends the call at once from another thread; NULL: never */
    HttpDataFunc on_data;       /* takes the body of a 200, which has no cap then; NULL: the reply
                                   holds it */
    void *user;                 /* of on_data */
    int64_t silence_ms;         /* the longest time without a byte of the reply; 0: timeout_ms */
    bool with_certificate;      /* the reply has that of the server; on a connection of its own */
} HttpClientRequest;

typedef struct {
    int status;              /* 200 */
    GBytes *body;            /* never NULL */
    GHashTable *headers;     /* lower-case name → value; of a repeated header the last value */
    int64_t retry_after_ms;  /* of a Retry-After header, in either form; 0: none */
    GBytes *certificate_pem; /* of the server, without its chain, when it was asked for and there
                                was TLS; else NULL */
} HttpClientReply;

/* Reads `config` once; NULL means all defaults. */
HttpClient *http_client_new(const HttpClientConfig *config);
/* No call may be running. NULL is allowed. */
void http_client_free(HttpClient *client);

/* Sends the request and waits for the whole reply. Fills *ret_reply, to be cleared by the caller.
 * Errors name the host, or the socket that stands for it, and the reason, never credentials of the
 * URL:
 *   UNAVAILABLE         not resolved, not connected, or cut in the middle
 *   DEADLINE_EXCEEDED   no whole reply within timeout_ms, or nothing for silence_ms
 *   RESOURCE_EXHAUSTED  reply larger than reply_bytes_max
 *   INVALID_ARGUMENT    URL malformed or neither http nor https
 *   FAILED_PRECONDITION certificate not trusted, own certificate not usable, no TLS agreed on, or
 *                       not HTTP at all
 *   CANCELLED           by `cancel` */
bool http_client_send(HttpClient *client, const HttpClientRequest *request,
                      HttpClientReply *ret_reply, GError **error);

/* The value of a header by its lower-case name, or NULL. */
const char *http_client_reply_header(const HttpClientReply *reply, const char *name);
/* Seconds since 1970 of its Date; 0 when it has none that is understood. */
int64_t http_client_reply_date(const HttpClientReply *reply);
/* Frees what the reply holds and zeroes it; a zeroed reply is allowed. */
void http_client_reply_clear(HttpClientReply *reply);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpClient, http_client_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(HttpClientReply, http_client_reply_clear)
