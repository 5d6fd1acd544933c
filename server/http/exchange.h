/* One request on its way through the server: body collection, the hand-over to a worker and the
 * reply. Internal to server/http.
 *
 * Owners are the connection (until libmicrohttpd says the request is over) and the handler (until
 * it replies). The first reply wins: a handler that answers after the deadline or the end of a
 * drain only gives up its share. */
#pragma once
#include <microhttpd.h>

#include "server/http/message.h"

typedef struct HttpServer HttpServer;

typedef enum {
    EXCHANGE_READING,    /* the body comes in */
    EXCHANGE_DISCARDING, /* a response is ready; the rest of the body is thrown away */
    EXCHANGE_HANDLING,   /* suspended, a handler has it */
    EXCHANGE_ANSWERED,   /* a response is there and the connection may be resumed */
} ExchangeState;

typedef struct HttpExchange {
    HttpRequest request; /* first: a handler's request is its exchange */
    gint references;
    gint state; /* ExchangeState, atomic */
    HttpServer *server;
    struct MHD_Connection *connection;
    GStringChunk *strings;
    GArray *params, *headers; /* HttpPair */
    uint8_t *body;
    size_t capacity, received; /* bytes of the body as sent */
    size_t charged;            /* bytes counted against the server's body memory */
    int64_t start_us;
    HttpResponse *response;
    bool accepts_gzip, suspended;
    char *tenant;
    GList link; /* in the server's list of suspended exchanges */
} HttpExchange;

/* Copies the head of the request. NULL with *error when it is not acceptable (not UTF-8). */
HttpExchange *exchange_new(HttpServer *server, struct MHD_Connection *connection,
                           const char *method, const char *path);
HttpExchange *exchange_ref(HttpExchange *exchange);
void exchange_unref(HttpExchange *exchange);

/* Fills params and headers from the connection; INVALID_ARGUMENT when a part is not UTF-8. */
bool exchange_read_head(HttpExchange *exchange, GError **error);

/* Sets the tenant that the request acts for; the error of tenant_resolve or tenant_auth_resolve. */
bool exchange_find_tenant(HttpExchange *exchange, GError **error);

/* Moves from `from` to EXCHANGE_ANSWERED with `response`; frees it when another answer was first.
 */
bool exchange_answer(HttpExchange *exchange, ExchangeState from, HttpResponse *response);

/* Gives the stored response to libmicrohttpd. Loop thread only. */
enum MHD_Result exchange_send(HttpExchange *exchange, bool close_connection);
