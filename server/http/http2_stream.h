/* One request and its response on an HTTP/2 connection. Internal to server/http. */
#pragma once
#include <nghttp2/nghttp2.h>

#include "server/http/server_internal.h"

typedef struct Http2Stream {
    int32_t id;
    struct Http2Connection *connection;
    nghttp2_session *session;
    HttpExchange *exchange; /* a reference */
    GList link;             /* in the connection's list */
    size_t header_bytes;
    char *method, *path; /* pseudo headers as they came */
    size_t unread;       /* bytes of the body that the client may not replace by new ones yet */
    size_t sent;         /* bytes of prefix and body handed over */
    int64_t sent_us;     /* when the last of them were */
    int64_t answered_us; /* when the first of the answer went */
    bool has_head, has_body, is_refused, is_answered;
} Http2Stream;

Http2Stream *http2_stream_new(HttpServer *server, struct Http2Connection *connection,
                              nghttp2_session *session, int32_t id);
/* The stream is over. An exchange that a handler still has lives until the reply. */
void http2_stream_free(Http2Stream *stream);

/* Takes a header field. False when the head has become too large: the stream is refused. */
bool http2_stream_header(Http2Stream *stream, const char *name, size_t name_size, const char *value,
                         size_t value_size);
/* The head is complete: checks it and answers at once when it is refused. */
void http2_stream_head_done(Http2Stream *stream);
void http2_stream_data(Http2Stream *stream, const uint8_t *data, size_t size);
/* Lets the client send as much as it has sent. */
void http2_stream_consume(Http2Stream *stream);
/* The request is complete. */
void http2_stream_end(Http2Stream *stream);
/* Submits the exchange's response. */
void http2_stream_respond(Http2Stream *stream);
