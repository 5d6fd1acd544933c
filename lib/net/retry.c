#include "lib/net/retry.h"

#include <poll.h>

#include "lib/base/error.h"

enum {
    TRIES_DEFAULT = 5,
    PAUSE_MIN_DEFAULT_MS = 500,
    PAUSE_MAX_DEFAULT_MS = 30 * 1000,
};

bool
http_status_is_retryable(int status)
{
    if (status == 501 || status == 505)
        return false;
    return status == 408 || status == 429 || (status >= 500 && status <= 599);
}

bool
http_error_is_retryable(const GError *error)
{
    return g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_UNAVAILABLE) ||
           g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_DEADLINE_EXCEEDED);
}

int64_t
http_retry_pause_ms(const HttpRetry *retry, unsigned tries, int64_t retry_after_ms)
{
    int64_t ceiling = retry->pause_min_ms > 0 ? retry->pause_min_ms : PAUSE_MIN_DEFAULT_MS;
    int64_t highest = retry->pause_max_ms > 0 ? retry->pause_max_ms : PAUSE_MAX_DEFAULT_MS;
    for (unsigned i = 1; i < tries && ceiling < highest; i++)
        ceiling *= 2;
    double spread = retry->spread_percent / 100.0;
    double share = spread > 0 ? 1 - spread + 2 * spread * g_random_double() : g_random_double();
    int64_t pause_ms = (int64_t)(share * (double)MIN(ceiling, highest));
    return MAX(pause_ms, retry_after_ms);
}

bool
http_retry_wait(int64_t pause_ms, GCancellable *cancel)
{
    int64_t end_us = g_get_monotonic_time() + pause_ms * 1000;
    struct pollfd wake = {.fd = g_cancellable_get_fd(cancel), .events = POLLIN};
    for (;;) {
        int64_t left_ms = (end_us - g_get_monotonic_time() + 999) / 1000;
        if (left_ms <= 0 || g_cancellable_is_cancelled(cancel))
            break;
        (void)poll(&wake, wake.fd >= 0 ? 1 : 0, (int)MIN(left_ms, G_MAXINT));
    }
    if (wake.fd >= 0)
        g_cancellable_release_fd(cancel);
    return !g_cancellable_is_cancelled(cancel);
}

/* Whether there is time for a pause and another try before the deadline. */
static bool
time_is_left(const HttpRetry *retry, int64_t start_us, int64_t pause_ms)
{
    if (retry->deadline_ms <= 0)
        return true;
    int64_t spent_ms = (g_get_monotonic_time() - start_us) / 1000;
    return pause_ms < retry->deadline_ms - spent_ms;
}

/* The request of the next try: its timeout ends at the deadline. */
static HttpClientRequest
bounded_request(const HttpClientRequest *request, const HttpRetry *retry, int64_t start_us)
{
    HttpClientRequest bounded = *request;
    if (retry->deadline_ms > 0) {
        int64_t left_ms = retry->deadline_ms - (g_get_monotonic_time() - start_us) / 1000;
        int64_t own_ms = request->timeout_ms > 0 ? request->timeout_ms : HTTP_TIMEOUT_DEFAULT_MS;
        bounded.timeout_ms = CLAMP(left_ms, 1, own_ms);
    }
    return bounded;
}

bool
http_retry_send(HttpClient *client, const HttpClientRequest *request, const HttpRetry *retry,
                HttpClientReply *ret_reply, unsigned *ret_tries, GError **error)
{
    unsigned tries_max = retry->tries_max > 0 ? retry->tries_max : TRIES_DEFAULT;
    int64_t start_us = g_get_monotonic_time();
    for (unsigned tries = 1;; tries++) {
        g_autoptr(GError) cause = NULL;
        g_auto(HttpClientReply) reply = {0};
        HttpClientRequest bounded = bounded_request(request, retry, start_us);
        bool sent = http_client_send(client, &bounded, &reply, &cause);
        bool again = sent ? http_status_is_retryable(reply.status) : http_error_is_retryable(cause);
        int64_t pause_ms = http_retry_pause_ms(retry, tries, reply.retry_after_ms);
        if (ret_tries != NULL)
            *ret_tries = tries;
        if (again && tries < tries_max && time_is_left(retry, start_us, pause_ms)) {
            if (http_retry_wait(pause_ms, request->cancel))
                continue;
            return error_set(error, CRESSET_ERROR_CANCELLED, "cancelled between two tries");
        }
        if (sent) {
            *ret_reply = reply;
            reply = (HttpClientReply){0};
            return true;
        }
        if (tries > 1)
            g_prefix_error(&cause, "after %u tries: ", tries);
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
}
