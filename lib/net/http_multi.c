#include "lib/net/http_multi.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/net/http_exchange.h"

enum {
    EVENTS_MAX = 64, /* taken from epoll at a time */
    BUFFER_BYTES =
        8 * 1024,           /* libcurl holds one for each exchange that waits; 16 KiB if not told */
    CONNECTIONS_MAX = 1024, /* kept for reuse */
};

struct HttpMulti {
    CURLM *multi;
    int epoll, wake;
    int64_t due_us;        /* when libcurl wants to be called, g_get_monotonic_time; -1: not */
    GHashTable *transfers; /* HttpTransfer, under way */
    size_t body_bytes, body_bytes_max;
    bool has_evicted; /* some of them are to be ended */
};

struct HttpTransfer {
    HttpMulti *multi;
    HttpExchange *exchange;
    HttpDoneFunc done;
    void *user;
    size_t body_bytes; /* of the multi's, that are its own */
    bool is_evicted;
};

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket)
{
    (void)easy;
    HttpMulti *multi = user;
    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(multi->epoll, EPOLL_CTL_DEL, fd, NULL);
        (void)curl_multi_assign(multi->multi, fd, NULL);
        return 0;
    }
    uint32_t events = 0;
    if (what != CURL_POLL_OUT)
        events |= EPOLLIN;
    if (what != CURL_POLL_IN)
        events |= EPOLLOUT;
    struct epoll_event event = {.events = events, .data.fd = fd};
    int operation = socket != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    /* A descriptor that was closed untold may have come again. */
    if (epoll_ctl(multi->epoll, operation, fd, &event) != 0)
        (void)epoll_ctl(multi->epoll, errno == ENOENT ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
    (void)curl_multi_assign(multi->multi, fd, multi);
    return 0;
}

static int
on_timer(CURLM *handle, long timeout_ms, void *user)
{
    (void)handle;
    HttpMulti *multi = user;
    multi->due_us = timeout_ms >= 0 ? g_get_monotonic_time() + timeout_ms * 1000 : -1;
    return 0;
}

HttpMulti *
http_multi_new(size_t body_bytes_max)
{
    HttpMulti *multi = g_new0(HttpMulti, 1);
    multi->body_bytes_max = body_bytes_max;
    multi->due_us = -1;
    multi->transfers = g_hash_table_new(NULL, NULL);
    multi->epoll = epoll_create1(EPOLL_CLOEXEC);
    multi->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    multi->multi = curl_multi_init();
    if (multi->epoll < 0 || multi->wake < 0 || multi->multi == NULL)
        g_error("no descriptor or memory for HTTP exchanges: %s", g_strerror(errno));
    struct epoll_event event = {.events = EPOLLIN, .data.fd = multi->wake};
    (void)epoll_ctl(multi->epoll, EPOLL_CTL_ADD, multi->wake, &event);
    (void)curl_multi_setopt(multi->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(multi->multi, CURLMOPT_SOCKETDATA, multi);
    (void)curl_multi_setopt(multi->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    (void)curl_multi_setopt(multi->multi, CURLMOPT_TIMERDATA, multi);
    (void)curl_multi_setopt(multi->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
    return multi;
}

/* Takes it out of what is under way; the exchange stays for the caller. */
static HttpExchange *
take_out(HttpTransfer *transfer)
{
    HttpMulti *multi = transfer->multi;
    HttpExchange *exchange = transfer->exchange;
    (void)curl_multi_remove_handle(multi->multi, exchange->easy);
    g_hash_table_remove(multi->transfers, transfer);
    multi->body_bytes -= transfer->body_bytes;
    g_free(transfer);
    return exchange;
}

void
http_multi_cancel(HttpMulti *multi, HttpTransfer *transfer)
{
    (void)multi;
    http_exchange_free(take_out(transfer));
}

void
http_multi_free(HttpMulti *multi)
{
    if (multi == NULL)
        return;
    g_autoptr(GList) left = g_hash_table_get_keys(multi->transfers);
    for (GList *link = left; link != NULL; link = link->next)
        http_multi_cancel(multi, link->data);
    (void)curl_multi_cleanup(multi->multi);
    g_hash_table_unref(multi->transfers);
    (void)close(multi->epoll);
    (void)close(multi->wake);
    g_free(multi);
}

static HttpTransfer *
largest(HttpMulti *multi)
{
    GHashTableIter iter;
    void *key;
    HttpTransfer *found = NULL;
    g_hash_table_iter_init(&iter, multi->transfers);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        HttpTransfer *transfer = key;
        if (found == NULL || transfer->body_bytes > found->body_bytes)
            found = transfer;
    }
    return found;
}

/* Gives up the body of another one; it is ended later, as libcurl is in the middle of this one. */
static void
evict(HttpTransfer *transfer)
{
    HttpExchange *exchange = transfer->exchange;
    g_byte_array_unref(exchange->body);
    exchange->body = g_byte_array_new();
    exchange->body_max = 0;
    exchange->too_large = true;
    transfer->multi->body_bytes -= transfer->body_bytes;
    transfer->body_bytes = 0;
    transfer->is_evicted = true;
    transfer->multi->has_evicted = true;
}

static bool
has_room(HttpExchange *exchange, size_t size, void *user)
{
    (void)exchange;
    HttpTransfer *transfer = user;
    HttpMulti *multi = transfer->multi;
    transfer->body_bytes += size;
    multi->body_bytes += size;
    while (multi->body_bytes > multi->body_bytes_max) {
        HttpTransfer *found = largest(multi);
        if (found == transfer)
            return false;
        evict(found);
    }
    return true;
}

HttpTransfer *
http_multi_start(HttpMulti *multi, const HttpClient *client, const HttpClientRequest *request,
                 HttpDoneFunc done, void *user, GError **error)
{
    HttpExchange *exchange = http_exchange_new(client, request, error);
    if (exchange == NULL)
        return NULL;
    HttpTransfer *transfer = g_new0(HttpTransfer, 1);
    *transfer = (HttpTransfer){.multi = multi, .exchange = exchange, .done = done, .user = user};
    exchange->has_room = has_room;
    exchange->room_user = transfer;
    (void)curl_easy_setopt(exchange->easy, CURLOPT_PRIVATE, transfer);
    (void)curl_easy_setopt(exchange->easy, CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES);
    g_hash_table_add(multi->transfers, transfer);
    (void)curl_multi_add_handle(multi->multi, exchange->easy);
    return transfer;
}

size_t
http_multi_size(const HttpMulti *multi)
{
    return g_hash_table_size(multi->transfers);
}

size_t
http_multi_body_bytes(const HttpMulti *multi)
{
    return multi->body_bytes;
}

static void
finish(HttpTransfer *transfer, CURLcode code)
{
    HttpDoneFunc done = transfer->done;
    void *user = transfer->user;
    g_autoptr(HttpExchange) exchange = take_out(transfer);
    g_auto(HttpClientReply) reply = {0};
    g_autoptr(GError) error = NULL;
    code = http_exchange_result(exchange, code);
    HttpOutcome outcome = {.failure = http_exchange_failure(exchange, code)};
    if (outcome.failure == HTTP_FAILURE_NONE) {
        http_exchange_take_reply(exchange, &reply);
        outcome.reply = &reply;
    } else {
        http_exchange_fail(exchange, code, &error);
        outcome.error = error;
    }
    done(&outcome, user);
}

static void
finish_ended(HttpMulti *multi)
{
    int left;
    for (const CURLMsg *message; (message = curl_multi_info_read(multi->multi, &left)) != NULL;) {
        char *transfer = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        finish((HttpTransfer *)(void *)transfer, code);
    }
}

static HttpTransfer *
find_evicted(HttpMulti *multi)
{
    GHashTableIter iter;
    void *key;
    g_hash_table_iter_init(&iter, multi->transfers);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        if (((HttpTransfer *)key)->is_evicted)
            return key;
    return NULL;
}

static void
finish_evicted(HttpMulti *multi)
{
    HttpTransfer *transfer;
    if (!multi->has_evicted)
        return;
    while ((transfer = find_evicted(multi)) != NULL)
        finish(transfer, CURLE_WRITE_ERROR);
    multi->has_evicted = false;
}

static int
wait_ms(const HttpMulti *multi, int64_t timeout_ms)
{
    int64_t wait = MIN(MAX(timeout_ms, 0), G_MAXINT);
    if (multi->due_us >= 0)
        wait = MIN(wait, MAX((multi->due_us - g_get_monotonic_time() + 999) / 1000, 0));
    return (int)wait;
}

static void
act(HttpMulti *multi, const struct epoll_event *event)
{
    int flags = 0, running;
    if (event->data.fd == multi->wake) {
        uint64_t count;
        (void)!read(multi->wake, &count, sizeof count);
        return;
    }
    if (event->events & EPOLLIN)
        flags |= CURL_CSELECT_IN;
    if (event->events & EPOLLOUT)
        flags |= CURL_CSELECT_OUT;
    if (event->events & (EPOLLERR | EPOLLHUP))
        flags |= CURL_CSELECT_ERR;
    (void)curl_multi_socket_action(multi->multi, event->data.fd, flags, &running);
}

void
http_multi_run(HttpMulti *multi, int64_t timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int running, n = epoll_wait(multi->epoll, events, EVENTS_MAX, wait_ms(multi, timeout_ms));
    for (int i = 0; i < n; i++)
        act(multi, &events[i]);
    if (multi->due_us >= 0 && multi->due_us <= g_get_monotonic_time()) {
        multi->due_us = -1;
        (void)curl_multi_socket_action(multi->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    finish_ended(multi);
    finish_evicted(multi);
}

void
http_multi_wake(HttpMulti *multi)
{
    uint64_t one = 1;
    (void)!write(multi->wake, &one, sizeof one);
}
