/* One request on its way through the server: body collection, the hand-over to a worker and the
 * reply. Internal to server/http.
 *
 * Owners are the transport (a connection of HTTP/1.1 or a stream of HTTP/2, until the request is
 * over there) and the handler (until it replies). The first reply wins: a handler that answers
 * after the deadline or the end of a drain only gives up its share. */
#pragma once
#include "server/http/encoding.h"
#include "server/http/message.h"

typedef struct HttpServer HttpServer;
typedef struct HttpSpool HttpSpool;

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
    struct MHD_Connection *connection; /* of HTTP/1.1, else NULL */
    struct Http2Stream *stream;        /* of HTTP/2, else NULL; NULL too once it has ended */
    GStringChunk *strings;
    GArray *params, *headers; /* HttpPair */
    uint8_t *body;
    HttpSpool *spool;              /* instead of body: HTTP_BODY_FILE */
    size_t capacity, received;     /* bytes of the body as sent */
    size_t head_size;              /* bytes of params and headers */
    size_t charged, charged_head;  /* bytes counted against the server's body memory */
    int64_t start_us, progress_us; /* when the last of its body came */
    HttpResponse *response;
    Encoding accepted; /* what its answer is compressed by */
    bool suspended;
    char *tenant;
    GDestroyNotify on_end; /* NULL: nobody wants to know */
    void *end_data;
    GList link; /* in the server's list of suspended exchanges */
} HttpExchange;

/* Without a head yet. */
HttpExchange *exchange_new(HttpServer *server, unsigned version);
HttpExchange *exchange_ref(HttpExchange *exchange);
void exchange_unref(HttpExchange *exchange);

/* `path` is percent-decoded, without the query. */
void exchange_set_line(HttpExchange *exchange, const char *method, const char *path);
/* Appends a pair to params or headers; sizes are in bytes. */
void exchange_add_pair(HttpExchange *exchange, GArray *pairs, const char *name, size_t name_size,
                       const char *value, size_t value_size);
/* Makes the collected head what the request shows. INVALID_ARGUMENT when path or params are not
 * UTF-8. */
bool exchange_finish_head(HttpExchange *exchange, GError **error);

/* Sets the tenant that the request acts for; the error of tenant_resolve or tenant_auth_resolve. */
bool exchange_find_tenant(HttpExchange *exchange, GError **error);

/* Gives an answer the form that the request's route and protocol ask for. */
void exchange_shape_response(const HttpRequest *request, HttpResponse *response);

/* Moves from `from` to EXCHANGE_ANSWERED with `response`; frees it when another answer was first.
 */
bool exchange_answer(HttpExchange *exchange, ExchangeState from, HttpResponse *response);
