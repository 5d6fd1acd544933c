#include "lib/net/http_exchange.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/text.h"

enum { REPLY_START_BYTES = 4096 };

static const GUriFlags URL_FLAGS = G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED;

/* Whether the body goes to the caller as it comes. */
static bool
is_streamed(const HttpExchange *exchange)
{
    long status = 0;
    (void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    return exchange->request.on_data != NULL && status == 200;
}

/* Hands a part over; true when the exchange goes on. */
static bool
hand_over(HttpExchange *exchange, const void *data, size_t size)
{
    const HttpClientRequest *request = &exchange->request;
    return request->on_data(data, size, request->user, &exchange->refused);
}

static size_t
on_body(char *data, size_t size, size_t count, void *user)
{
    HttpExchange *exchange = user;
    size_t n = size * count;
    exchange->heard_us = g_get_monotonic_time();
    if (is_streamed(exchange))
        return n == 0 || hand_over(exchange, data, n) ? n : CURL_WRITEFUNC_ERROR;
    bool has_room = n <= exchange->body_max - exchange->body->len;
    if (has_room && exchange->has_room != NULL)
        has_room = exchange->has_room(exchange, n, exchange->room_user);
    if (!has_room) {
        exchange->too_large = true;
        return 0;
    }
    g_byte_array_append(exchange->body, (const guint8 *)data, (guint)n);
    return n;
}

static size_t
on_header(char *data, size_t size, size_t count, void *user)
{
    HttpExchange *exchange = user;
    size_t n = size * count;
    exchange->header_bytes += n;
    exchange->heard_us = g_get_monotonic_time();
    if (exchange->header_bytes > HTTP_REPLY_HEADER_BYTES_MAX) {
        exchange->too_large = true;
        return 0;
    }
    /* A status line begins the headers anew: those of a 100 Continue do not count. */
    if (n >= 5 && memcmp(data, "HTTP/", 5) == 0) {
        g_hash_table_remove_all(exchange->headers);
        exchange->has_head = false;
    }
    exchange->has_head |= n <= 2 && (data[0] == '\r' || data[0] == '\n');
    if (n == 2 && !exchange->is_begun && is_streamed(exchange)) { /* the line behind the head */
        exchange->is_begun = true;
        return hand_over(exchange, "", 0) ? n : 0;
    }
    const char *colon = memchr(data, ':', n);
    if (colon == NULL)
        return n;
    g_autofree char *name = g_strndup(data, (gsize)(colon - data));
    char *value = g_strstrip(g_strndup(colon + 1, n - (size_t)(colon + 1 - data)));
    g_hash_table_replace(exchange->headers, g_ascii_strdown(name, -1), value);
    return n;
}

/* Checks the URL and returns its "host:port", or NULL with *error set. */
static char *
host_of(const char *url, GError **error)
{
    g_autoptr(GUri) uri = http_url_parse(url);
    if (uri == NULL) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "not a URL of the form http://HOST[:PORT]/PATH or https://…");
        return NULL;
    }
    const char *host = g_uri_get_host(uri);
    bool is_https = strcmp(g_uri_get_scheme(uri), "https") == 0;
    int port = g_uri_get_port(uri);
    return g_strdup_printf(strchr(host, ':') != NULL ? "[%s]:%d" : "%s:%d", host,
                           port > 0   ? port
                           : is_https ? 443
                                      : 80);
}

static void
set_body(CURL *easy, const HttpClientRequest *request)
{
    const char *method = request->method;
    if (request->body != NULL) {
        gsize size;
        const char *data = g_bytes_get_data(request->body, &size);
        (void)curl_easy_setopt(easy, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, size > 0 ? data : "");
    }
    if (method == NULL)
        return;
    if (strcmp(method, "HEAD") == 0)
        (void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else
        (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
}

static struct curl_slist *
header_list(const HttpExchange *exchange)
{
    const HttpClientRequest *request = &exchange->request;
    /* Without this libcurl asks for "100 Continue" and waits up to a second for it. */
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    if (exchange->tls_server_name != NULL) {
        g_autofree char *line = g_strconcat("Host: ", exchange->host, NULL);
        list = curl_slist_append(list, line);
    }
    for (const char *const *line = request->headers; line != NULL && *line != NULL; line++)
        list = curl_slist_append(list, *line);
    return list;
}

/* libcurl takes the name for TLS from the URL, so that the URL names it and the connection goes to
 * the host that was meant. The caller frees the list after the request. */
static struct curl_slist *
set_tls_server_name(CURL *easy, const HttpExchange *exchange)
{
    if (exchange->tls_server_name == NULL)
        return NULL;
    g_autoptr(GUri) uri = g_uri_parse(exchange->request.url, URL_FLAGS, NULL);
    int port = g_uri_get_port(uri) > 0 ? g_uri_get_port(uri) : 443;
    g_autofree char *named = g_uri_join_with_user(
        URL_FLAGS, g_uri_get_scheme(uri), g_uri_get_user(uri), g_uri_get_password(uri), NULL,
        exchange->tls_server_name, port, g_uri_get_path(uri), g_uri_get_query(uri), NULL);
    g_autofree char *route =
        g_strdup_printf("%s:%d:%s", exchange->tls_server_name, port, exchange->host);
    (void)curl_easy_setopt(easy, CURLOPT_URL, named);
    struct curl_slist *list = curl_slist_append(NULL, route);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECT_TO, list);
    return list;
}

static void
set_blob(CURL *easy, CURLoption option, GBytes *bytes)
{
    if (bytes == NULL)
        return;
    struct curl_blob blob = {.flags = CURL_BLOB_NOCOPY};
    blob.data = (void *)g_bytes_get_data(bytes, &blob.len);
    (void)curl_easy_setopt(easy, option, &blob);
}

static void
set_tls(const HttpClient *client, CURL *easy, const HttpClientRequest *request)
{
    if (client->ca_file != NULL && client->ca_pem == NULL) {
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, client->ca_file);
        /* libcurl keeps what it has read of a file for a day, as it takes it to be the system's. */
        (void)curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
    }
    set_blob(easy, CURLOPT_CAINFO_BLOB, client->ca_pem);
    /* libcurl adds the system's folder of authorities to those that are given. */
    if (client->ca_file != NULL || client->ca_pem != NULL)
        (void)curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    if (client->tls_unchecked) {
        (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    set_blob(easy, CURLOPT_SSLCERT_BLOB, request->certificate_pem);
    set_blob(easy, CURLOPT_SSLKEY_BLOB, request->key_pem);
    /* A connection that is there already, or begins with an old session, shows none. */
    if (request->with_certificate) {
        (void)curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    }
}

static void
set_redirects(const HttpClient *client, CURL *easy)
{
    if (!client->follows_redirects)
        return;
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)HTTP_REDIRECTS_MAX);
    (void)curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
}

static void
set_way(const HttpClient *client, CURL *easy)
{
    if (client->unix_socket != NULL) {
        (void)curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, client->unix_socket);
        (void)curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* nor that of the environment */
    } else if (client->proxy_url != NULL) {
        (void)curl_easy_setopt(easy, CURLOPT_PROXY, client->proxy_url);
    }
}

static void
set_options(const HttpClient *client, CURL *easy, HttpExchange *exchange)
{
    const HttpClientRequest *request = &exchange->request;
    int64_t timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : HTTP_TIMEOUT_DEFAULT_MS;
    int64_t connect_ms = request->connect_timeout_ms > 0 ? request->connect_timeout_ms
                                                         : HTTP_CONNECT_TIMEOUT_DEFAULT_MS;
    (void)curl_easy_setopt(easy, CURLOPT_URL, request->url);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* never wait for a name look-up */
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, client->user_agent);
    if (!client->uncompressed)
        (void)curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    if (client->http1_only)
        (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    set_way(client, easy);
    set_redirects(client, easy);
    set_tls(client, easy, request);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->why);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
    set_body(easy, request);
}

bool
http_exchange_has_gone_silent(HttpExchange *exchange)
{
    int64_t silence_ms = exchange->request.silence_ms;
    int64_t heard_ms = (g_get_monotonic_time() - exchange->heard_us) / 1000;
    exchange->is_silent = silence_ms > 0 && heard_ms >= silence_ms;
    return exchange->is_silent;
}

/* libcurl's text names the host of the URL, which nobody was asked for behind a socket. */
static const char *
why_of(const HttpExchange *exchange, CURLcode code)
{
    long os_error = 0;
    if (code == CURLE_COULDNT_CONNECT && exchange->peer != exchange->host)
        (void)curl_easy_getinfo(exchange->easy, CURLINFO_OS_ERRNO, &os_error);
    if (os_error != 0)
        return g_strerror((int)os_error);
    return exchange->why[0] != '\0' ? exchange->why : curl_easy_strerror(code);
}

bool
http_exchange_fail(HttpExchange *exchange, CURLcode code, GError **error)
{
    const char *host = exchange->peer;
    if (exchange->refused != NULL) {
        g_propagate_error(error, g_steal_pointer(&exchange->refused));
        return false;
    }
    if (exchange->is_silent)
        return error_set(error, CRESSET_ERROR_DEADLINE_EXCEEDED,
                         "nothing came from %s for %" G_GINT64_FORMAT " ms", host,
                         exchange->request.silence_ms);
    const char *why = why_of(exchange, code);
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "no memory to call %s", host);
    case CURLE_ABORTED_BY_CALLBACK:
        return error_set(error, CRESSET_ERROR_CANCELLED, "request to %s cancelled", host);
    case CURLE_WRITE_ERROR:
        if (!exchange->too_large)
            break;
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                         "reply of %s is larger than %zu bytes", host, exchange->body_max);
    case CURLE_OPERATION_TIMEDOUT:
        return error_set(error, CRESSET_ERROR_DEADLINE_EXCEEDED, "no reply from %s in time: %s",
                         host, why);
    case CURLE_UNSUPPORTED_PROTOCOL: /* the scheme was checked before */
        return error_set(error, CRESSET_ERROR_FAILED_PRECONDITION, "%s does not speak HTTP: %s",
                         host, why);
    case CURLE_URL_MALFORMAT:
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "bad URL for %s: %s", host, why);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
        return error_set(error, CRESSET_ERROR_FAILED_PRECONDITION, "no trusted TLS with %s: %s",
                         host, why);
    default:
        break;
    }
    return error_set(error, CRESSET_ERROR_UNAVAILABLE, "no reply from %s: %s", host, why);
}

/* The first of the chain that the server has shown, or NULL. */
static GBytes *
certificate_of(CURL *easy)
{
    static const char field[] = "Cert:";
    struct curl_certinfo *chain = NULL;
    if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &chain) != CURLE_OK || chain == NULL ||
        chain->num_of_certs < 1)
        return NULL;
    for (const struct curl_slist *line = chain->certinfo[0]; line != NULL; line = line->next) {
        if (strncmp(line->data, field, strlen(field)) == 0)
            return g_bytes_new(line->data + strlen(field), strlen(line->data) - strlen(field));
    }
    return NULL;
}

CURLcode
http_exchange_result(HttpExchange *exchange, CURLcode code)
{
    if (code != CURLE_OK || exchange->has_head)
        return code;
    (void)g_strlcpy(exchange->why, "the connection was closed within the head",
                    sizeof exchange->why);
    return CURLE_PARTIAL_FILE;
}

void
http_exchange_take_reply(HttpExchange *exchange, HttpClientReply *ret_reply)
{
    CURL *easy = exchange->easy;
    long status = 0;
    curl_off_t retry_after = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after);
    *ret_reply = (HttpClientReply){
        .status = (int)status,
        .body = g_byte_array_free_to_bytes(g_steal_pointer(&exchange->body)),
        .headers = g_steal_pointer(&exchange->headers),
        .retry_after_ms =
            CLAMP(retry_after, 0, G_MAXINT32) * 1000, /* below 0: a date that has passed */
        .certificate_pem = exchange->request.with_certificate ? certificate_of(easy) : NULL,
    };
}

HttpFailure
http_exchange_failure(const HttpExchange *exchange, CURLcode code)
{
    if (exchange->too_large)
        return HTTP_FAILURE_TOO_LARGE;
    switch (code) {
    case CURLE_OK:
        return HTTP_FAILURE_NONE;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return HTTP_FAILURE_RESOLVE;
    case CURLE_COULDNT_CONNECT:
        return HTTP_FAILURE_CONNECT;
    case CURLE_OPERATION_TIMEDOUT:
        return HTTP_FAILURE_TIMEOUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
        return HTTP_FAILURE_TLS;
    default:
        return HTTP_FAILURE_OTHER;
    }
}

HttpExchange *
http_exchange_new(const HttpClient *client, const HttpClientRequest *request, GError **error)
{
    g_autofree char *host = host_of(request->url, error);
    if (host == NULL)
        return NULL;
    HttpExchange *exchange = g_new0(HttpExchange, 1);
    exchange->request = *request;
    exchange->host = g_steal_pointer(&host);
    exchange->peer = client->unix_socket != NULL ? client->unix_socket : exchange->host;
    exchange->heard_us = g_get_monotonic_time();
    exchange->body = g_byte_array_sized_new(REPLY_START_BYTES);
    exchange->headers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    exchange->body_max = request->reply_bytes_max > 0
                             ? MIN(request->reply_bytes_max, (size_t)G_MAXINT32)
                             : HTTP_REPLY_BYTES_DEFAULT;
    if (g_ascii_strncasecmp(request->url, "https:", strlen("https:")) == 0)
        exchange->tls_server_name = client->tls_server_name;
    exchange->easy = curl_easy_init();
    if (exchange->easy == NULL) {
        http_exchange_fail(exchange, CURLE_OUT_OF_MEMORY, error);
        http_exchange_free(exchange);
        return NULL;
    }
    exchange->header_lines = header_list(exchange);
    set_options(client, exchange->easy, exchange);
    exchange->route = set_tls_server_name(exchange->easy, exchange);
    (void)curl_easy_setopt(exchange->easy, CURLOPT_HTTPHEADER, exchange->header_lines);
    return exchange;
}

/* The handle of a request is not used again: libcurl before 8.2 keeps a pointer to a header of the
 * reply before, which it follows when the next one begins with a folded line. */
void
http_exchange_free(HttpExchange *exchange)
{
    if (exchange == NULL)
        return;
    curl_easy_cleanup(exchange->easy);
    curl_slist_free_all(exchange->header_lines);
    curl_slist_free_all(exchange->route);
    g_clear_pointer(&exchange->body, g_byte_array_unref);
    g_clear_pointer(&exchange->headers, g_hash_table_unref);
    g_clear_error(&exchange->refused);
    g_free(exchange->host);
    g_free(exchange);
}
