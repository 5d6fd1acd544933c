/* One HTTP request and its reply as libcurl sees them, whoever drives it: the blocking client, or
 * many at a time (http_multi.h). Private to lib/net. */
#pragma once
#include <curl/curl.h>

#include "lib/net/http_client.h"
#include "lib/net/http_multi.h"

struct HttpClient {
    char *user_agent, *ca_file, *tls_server_name, *proxy_url, *unix_socket;
    GBytes *ca_pem;
    bool tls_unchecked, uncompressed, follows_redirects, http1_only;
    GMutex lock;  /* guards idle */
    GQueue *idle; /* of CURLM, each with the connections that it keeps; the warmest first */
};

typedef struct HttpExchange HttpExchange;

/* Asked before `size` more bytes of a body are kept; false ends the exchange as too large. */
typedef bool (*HttpRoomFunc)(HttpExchange *exchange, size_t size, void *user);

struct HttpExchange {
    HttpClientRequest request;   /* what it points to is borrowed */
    char *host;                  /* "example.org:4040" */
    const char *peer;            /* the host or the socket, for messages */
    const char *tls_server_name; /* NULL: that of the host */
    char why[CURL_ERROR_SIZE];
    GByteArray *body;
    GHashTable *headers;
    struct curl_slist *header_lines, *route;
    CURL *easy;
    GError *refused;  /* by the caller's on_data */
    int64_t heard_us; /* when the last byte came, g_get_monotonic_time */
    size_t body_max, header_bytes;
    HttpRoomFunc has_room; /* NULL: there always is */
    void *room_user;
    bool too_large, is_silent, is_begun;
    bool has_head; /* of the reply, to its end */
};

/* Prepares the transfer; NULL with *error where the URL is none. The client outlives it. */
HttpExchange *
http_exchange_new(const HttpClient *client, const HttpClientRequest *request, GError **error);
void http_exchange_free(HttpExchange *exchange);

/* Whether nothing came for longer than the request allows. */
bool http_exchange_has_gone_silent(HttpExchange *exchange);
/* How a transfer ended, for libcurl takes what was cut within its head for a reply. */
CURLcode http_exchange_result(HttpExchange *exchange, CURLcode code);
/* Takes the reply of a transfer that ended well. */
void http_exchange_take_reply(HttpExchange *exchange, HttpClientReply *ret_reply);
/* What a transfer failed with. CURLE_ABORTED_BY_CALLBACK stands for a cancelled request. Always
 * false with *error. */
bool http_exchange_fail(HttpExchange *exchange, CURLcode code, GError **error);
/* The kind of that failure. */
HttpFailure http_exchange_failure(const HttpExchange *exchange, CURLcode code);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpExchange, http_exchange_free)
