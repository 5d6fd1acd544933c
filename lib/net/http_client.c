#include "lib/net/http_client.h"

#include <curl/curl.h>
#include <string.h>

#include "cresset/version.h"
#include "lib/base/error.h"
#include "lib/base/text.h"

enum {
    IDLE_MULTIS_MAX = 16,
    REPLY_START_BYTES = 4096,
};

static const GUriFlags URL_FLAGS = G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED;

struct HttpClient {
    char *user_agent, *ca_file, *tls_server_name, *proxy_url;
    GBytes *ca_pem;
    bool tls_unchecked, uncompressed;
    GMutex lock;  /* guards idle */
    GQueue *idle; /* of CURLM, each with the connections that it keeps; the warmest first */
};

/* One running request. */
typedef struct {
    const HttpClientRequest *request;
    const char *host;            /* "example.org:4040", for messages */
    const char *tls_server_name; /* NULL: that of the host */
    char why[CURL_ERROR_SIZE];
    GByteArray *body;
    GHashTable *headers;
    CURL *easy;
    GError *refused;  /* by the caller's on_data */
    int64_t heard_us; /* when the last byte came, g_get_monotonic_time */
    size_t body_max, header_bytes;
    bool too_large, is_silent, is_begun;
} Exchange;

static CURLM *
take_multi(HttpClient *client)
{
    g_mutex_lock(&client->lock);
    CURLM *multi = g_queue_pop_head(client->idle);
    g_mutex_unlock(&client->lock);
    return multi != NULL ? multi : curl_multi_init();
}

static void
free_multi(void *multi)
{
    (void)curl_multi_cleanup(multi);
}

static void
give_multi(HttpClient *client, CURLM *multi)
{
    g_mutex_lock(&client->lock);
    bool kept = g_queue_get_length(client->idle) < IDLE_MULTIS_MAX;
    if (kept)
        g_queue_push_head(client->idle, multi);
    g_mutex_unlock(&client->lock);
    if (!kept)
        free_multi(multi);
}

HttpClient *
http_client_new(const HttpClientConfig *config)
{
    static gsize initialised;
    if (g_once_init_enter(&initialised)) {
        (void)curl_global_init(CURL_GLOBAL_DEFAULT);
        g_once_init_leave(&initialised, 1);
    }
    HttpClient *client = g_new0(HttpClient, 1);
    static const HttpClientConfig defaults = {0};
    if (config == NULL)
        config = &defaults;
    const char *user_agent = config->user_agent;
    client->user_agent = g_strdup(user_agent != NULL ? user_agent : "cresset/" CRESSET_VERSION);
    client->ca_file = g_strdup(config->ca_file);
    client->ca_pem = config->ca_pem != NULL ? g_bytes_ref(config->ca_pem) : NULL;
    client->tls_server_name = g_strdup(config->tls_server_name);
    client->tls_unchecked = config->tls_unchecked;
    client->proxy_url = g_strdup(config->proxy_url);
    client->uncompressed = config->uncompressed;
    client->idle = g_queue_new();
    g_mutex_init(&client->lock);
    return client;
}

void
http_client_free(HttpClient *client)
{
    if (client == NULL)
        return;
    g_queue_free_full(client->idle, free_multi);
    g_mutex_clear(&client->lock);
    g_free(client->user_agent);
    g_free(client->ca_file);
    g_free(client->tls_server_name);
    g_free(client->proxy_url);
    g_clear_pointer(&client->ca_pem, g_bytes_unref);
    g_free(client);
}

/* Whether the body goes to the caller as it comes. */
static bool
is_streamed(const Exchange *exchange)
{
    long status = 0;
    (void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    return exchange->request->on_data != NULL && status == 200;
}

/* Hands a part over; true when the exchange goes on. */
static bool
hand_over(Exchange *exchange, const void *data, size_t size)
{
    const HttpClientRequest *request = exchange->request;
    return request->on_data(data, size, request->user, &exchange->refused);
}

static size_t
on_body(char *data, size_t size, size_t count, void *user)
{
    Exchange *exchange = user;
    size_t n = size * count;
    exchange->heard_us = g_get_monotonic_time();
    if (is_streamed(exchange))
        return n == 0 || hand_over(exchange, data, n) ? n : CURL_WRITEFUNC_ERROR;
    if (n > exchange->body_max - exchange->body->len) {
        exchange->too_large = true;
        return 0;
    }
    g_byte_array_append(exchange->body, (const guint8 *)data, (guint)n);
    return n;
}

static size_t
on_header(char *data, size_t size, size_t count, void *user)
{
    Exchange *exchange = user;
    size_t n = size * count;
    exchange->header_bytes += n;
    exchange->heard_us = g_get_monotonic_time();
    if (exchange->header_bytes > HTTP_REPLY_HEADER_BYTES_MAX) {
        exchange->too_large = true;
        return 0;
    }
    /* A status line begins the headers anew: those of a 100 Continue do not count. */
    if (n >= 5 && memcmp(data, "HTTP/", 5) == 0)
        g_hash_table_remove_all(exchange->headers);
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

/* The caller frees the list after the request. */
static struct curl_slist *
header_list(const Exchange *exchange)
{
    const HttpClientRequest *request = exchange->request;
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
set_tls_server_name(CURL *easy, const Exchange *exchange)
{
    if (exchange->tls_server_name == NULL)
        return NULL;
    g_autoptr(GUri) uri = g_uri_parse(exchange->request->url, URL_FLAGS, NULL);
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
    if (client->ca_file != NULL && client->ca_pem == NULL)
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, client->ca_file);
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
set_options(HttpClient *client, CURL *easy, Exchange *exchange)
{
    const HttpClientRequest *request = exchange->request;
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
    if (client->proxy_url != NULL)
        (void)curl_easy_setopt(easy, CURLOPT_PROXY, client->proxy_url);
    set_tls(client, easy, request);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->why);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
    set_body(easy, request);
}

/* The result of the transfer once it is over; false while it runs. */
static bool
transfer_done(CURLM *multi, CURLcode *ret_code)
{
    int left;
    for (const CURLMsg *message; (message = curl_multi_info_read(multi, &left)) != NULL;) {
        if (message->msg == CURLMSG_DONE) {
            *ret_code = message->data.result;
            return true;
        }
    }
    return false;
}

/* Whether nothing came for longer than the request allows. */
static bool
has_gone_silent(Exchange *exchange)
{
    int64_t silence_ms = exchange->request->silence_ms;
    int64_t heard_ms = (g_get_monotonic_time() - exchange->heard_us) / 1000;
    exchange->is_silent = silence_ms > 0 && heard_ms >= silence_ms;
    return exchange->is_silent;
}

/* Runs the transfer to its end. CURLE_ABORTED_BY_CALLBACK stands for a cancelled request. */
static CURLcode
run_transfer(CURLM *multi, Exchange *exchange)
{
    enum { POLL_MS = 1000 };
    GCancellable *cancel = exchange->request->cancel;
    int64_t silence_ms = exchange->request->silence_ms;
    int poll_ms = silence_ms > 0 ? (int)MIN(silence_ms, POLL_MS) : POLL_MS;
    struct curl_waitfd wake = {.fd = g_cancellable_get_fd(cancel), .events = CURL_WAIT_POLLIN};
    CURLcode code = CURLE_OK;
    if (curl_multi_add_handle(multi, exchange->easy) != CURLM_OK)
        code = CURLE_OUT_OF_MEMORY;
    for (bool done = code != CURLE_OK; !done;) {
        int running;
        if (g_cancellable_is_cancelled(cancel)) {
            code = CURLE_ABORTED_BY_CALLBACK;
            break;
        }
        if (curl_multi_perform(multi, &running) != CURLM_OK) {
            code = CURLE_FAILED_INIT;
            break;
        }
        done = transfer_done(multi, &code);
        if (!done && has_gone_silent(exchange)) {
            code = CURLE_OPERATION_TIMEDOUT;
            done = true;
        }
        if (!done)
            (void)curl_multi_poll(multi, &wake, wake.fd >= 0 ? 1 : 0, poll_ms, NULL);
    }
    (void)curl_multi_remove_handle(multi, exchange->easy);
    if (wake.fd >= 0)
        g_cancellable_release_fd(cancel);
    return code;
}

static bool
fail_transfer(Exchange *exchange, CURLcode code, GError **error)
{
    const char *host = exchange->host;
    if (exchange->refused != NULL) {
        g_propagate_error(error, g_steal_pointer(&exchange->refused));
        return false;
    }
    if (exchange->is_silent)
        return error_set(error, CRESSET_ERROR_DEADLINE_EXCEEDED,
                         "nothing came from %s for %" G_GINT64_FORMAT " ms", host,
                         exchange->request->silence_ms);
    const char *why = exchange->why[0] != '\0' ? exchange->why : curl_easy_strerror(code);
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

static void
fill_reply(CURL *easy, Exchange *exchange, HttpClientReply *ret_reply)
{
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
        .certificate_pem = exchange->request->with_certificate ? certificate_of(easy) : NULL,
    };
}

/* The handle of a request is not used again: libcurl before 8.2 keeps a pointer to a header of the
 * reply before, which it follows when the next one begins with a folded line. The multi handle
 * keeps the connections, and lets a wait end when the request is cancelled. */
static CURLcode
exchange_run(HttpClient *client, CURLM *multi, Exchange *exchange)
{
    struct curl_slist *headers = header_list(exchange);
    set_options(client, exchange->easy, exchange);
    struct curl_slist *route = set_tls_server_name(exchange->easy, exchange);
    (void)curl_easy_setopt(exchange->easy, CURLOPT_HTTPHEADER, headers);
    CURLcode code = run_transfer(multi, exchange);
    curl_slist_free_all(headers);
    curl_slist_free_all(route);
    return code;
}

bool
http_client_send(HttpClient *client, const HttpClientRequest *request, HttpClientReply *ret_reply,
                 GError **error)
{
    g_autofree char *host = host_of(request->url, error);
    if (host == NULL)
        return false;
    CURLM *multi = take_multi(client);
    CURL *easy = multi != NULL ? curl_easy_init() : NULL;
    Exchange exchange = {
        .request = request,
        .host = host,
        .easy = easy,
        .heard_us = g_get_monotonic_time(),
        .body = g_byte_array_sized_new(REPLY_START_BYTES),
        .headers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
        .body_max = request->reply_bytes_max > 0 ? MIN(request->reply_bytes_max, (size_t)G_MAXINT32)
                                                 : HTTP_REPLY_BYTES_DEFAULT,
    };
    if (g_ascii_strncasecmp(request->url, "https:", strlen("https:")) == 0)
        exchange.tls_server_name = client->tls_server_name;
    CURLcode code = easy != NULL ? exchange_run(client, multi, &exchange) : CURLE_OUT_OF_MEMORY;
    if (code == CURLE_OK)
        fill_reply(easy, &exchange, ret_reply);
    else
        fail_transfer(&exchange, code, error);
    curl_easy_cleanup(easy);
    if (multi != NULL)
        give_multi(client, multi);
    g_clear_pointer(&exchange.body, g_byte_array_unref);
    g_clear_pointer(&exchange.headers, g_hash_table_unref);
    g_clear_error(&exchange.refused);
    return code == CURLE_OK;
}
