#include "lib/net/http_client.h"

#include "cresset/version.h"
#include "lib/net/http_exchange.h"

enum { IDLE_MULTIS_MAX = 16 };

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
    client->unix_socket = g_strdup(config->unix_socket);
    client->uncompressed = config->uncompressed;
    client->follows_redirects = config->follows_redirects;
    client->http1_only = config->http1_only;
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
    g_free(client->unix_socket);
    g_clear_pointer(&client->ca_pem, g_bytes_unref);
    g_free(client);
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

/* Runs the transfer to its end. The multi handle keeps the connections, and lets a wait end when
 * the request is cancelled. */
static CURLcode
run_transfer(CURLM *multi, HttpExchange *exchange)
{
    enum { POLL_MS = 1000 };
    GCancellable *cancel = exchange->request.cancel;
    int64_t silence_ms = exchange->request.silence_ms;
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
        if (!done && http_exchange_has_gone_silent(exchange)) {
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

bool
http_client_send(HttpClient *client, const HttpClientRequest *request, HttpClientReply *ret_reply,
                 GError **error)
{
    g_autoptr(HttpExchange) exchange = http_exchange_new(client, request, error);
    if (exchange == NULL)
        return false;
    CURLM *multi = take_multi(client);
    CURLcode code = multi != NULL ? run_transfer(multi, exchange) : CURLE_OUT_OF_MEMORY;
    code = http_exchange_result(exchange, code);
    if (code == CURLE_OK)
        http_exchange_take_reply(exchange, ret_reply);
    else
        http_exchange_fail(exchange, code, error);
    g_clear_pointer(&exchange, http_exchange_free); /* before the handle can go */
    if (multi != NULL)
        give_multi(client, multi);
    return code == CURLE_OK;
}
