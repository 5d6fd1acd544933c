/* What happens to a request from its head to the handler, whatever carries it. Internal to
 * server/http; loop thread only, but for receive_handle. */
#pragma once
#include "server/http/server_internal.h"

/* Checks everything that the head decides: route, tenant, size, deadline. Afterwards the exchange
 * is EXCHANGE_READING, or EXCHANGE_DISCARDING with a response that refuses it. */
void receive_head(HttpExchange *exchange);
/* Instead: refuses a request whose head makes no sense. */
void receive_refuse_head(HttpExchange *exchange, const char *why);
/* Takes a piece of the body. False: far more comes than was ever allowed, cut it off. */
bool receive_body(HttpExchange *exchange, const char *data, size_t size);
/* Hands the complete request to a worker; EXCHANGE_HANDLING until the reply. */
void receive_end(HttpExchange *exchange);
/* Whether a request's body, or an answer of which `size` bytes have gone since `start_us`, takes so
 * long that the other side cannot mean it: nothing at all for the idle timeout, or less than a
 * kilobyte a second beyond it. */
bool receive_is_stalled(const HttpExchange *exchange, int64_t now_us);
bool send_is_stalled(const HttpServer *server, int64_t start_us, uint64_t size, int64_t now_us);
/* Tells that the response is on its way. */
void receive_done(HttpExchange *exchange);
/* Whether a refusal may go out before the body has come: then nothing of the body is read. */
bool receive_can_answer_now(const HttpExchange *exchange);

/* Runs on a worker thread: decodes the body and calls the handler. */
void receive_handle(void *exchange, void *server);
