/* Retries of HTTP requests: exponential backoff with jitter, a limit of tries and a deadline.
 *
 * What is worth another try: a host that cannot be reached or cuts the connection, a timeout, and
 * the statuses 408, 429 and 5xx (but not 501 and 505, which no repetition cures). Retry-After
 * lengthens a pause and never shortens it. */
#pragma once
#include "lib/net/http_client.h"

typedef struct {
    unsigned tries_max;      /* first try included; 0: 5 */
    int64_t deadline_ms;     /* of all tries and pauses together; 0: none */
    int64_t pause_min_ms;    /* ceiling of the first pause, doubled each time; 0: 500 */
    int64_t pause_max_ms;    /* ceiling of every pause; 0: 30000 */
    unsigned spread_percent; /* 0: any pause up to the ceiling; else within ± so much of it */
} HttpRetry;

/* Whether a reply of this status may succeed when sent again. */
bool http_status_is_retryable(int status);
/* Whether a failed send may succeed when sent again. */
bool http_error_is_retryable(const GError *error);

/* How long to wait after try number `tries` (from 1): a random time up to the ceiling of that try
 * (or around it, see spread_percent), but at least `retry_after_ms`. */
int64_t http_retry_pause_ms(const HttpRetry *retry, unsigned tries, int64_t retry_after_ms);

/* Waits; false at once when `cancel` (NULL allowed) is or becomes cancelled. */
bool http_retry_wait(int64_t pause_ms, GCancellable *cancel);

/* http_client_send with retries. A reply is handed over when its status is final or the tries are
 * used up, so the caller checks the status in any case. *ret_tries (NULL allowed) counts the tries,
 * also on failure. */
bool http_retry_send(HttpClient *client, const HttpClientRequest *request, const HttpRetry *retry,
                     HttpClientReply *ret_reply, unsigned *ret_tries, GError **error);
