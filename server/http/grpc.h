/* gRPC and gRPC-Web around the same messages that Connect carries bare: the frame of a request is
 * taken off before the handler sees it, and whatever a handler answers is put into the shape of the
 * request's protocol.
 *
 * Sources: gRPC over HTTP/2 (grpc/grpc, doc/PROTOCOL-HTTP2.md) and gRPC-Web (doc/PROTOCOL-WEB.md).
 * Unary calls only: one message each way. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "server/http/message.h"

typedef enum {
    GRPC_NONE,     /* Connect, or plain HTTP */
    GRPC_PLAIN,    /* application/grpc…: needs HTTP/2 */
    GRPC_WEB,      /* application/grpc-web…: trailers in the body */
    GRPC_WEB_TEXT, /* application/grpc-web-text…: the same in base64 */
} GrpcKind;

/* By the Content-Type of the request. */
GrpcKind grpc_kind(const HttpRequest *request);

/* When the caller stops waiting, by a grpc-timeout value ("10S", "250m"), in microseconds; -1 when
 * it is not one (or NULL). */
int64_t grpc_timeout_us(const char *text);

/* The one message of a request's body. `body` may be changed (base64 is decoded in place). */
typedef struct {
    const uint8_t *data;
    size_t size;
    bool is_compressed; /* by what the header grpc-encoding names */
} GrpcMessage;

/* INVALID_ARGUMENT when the body is not one whole frame. */
bool grpc_read_message(GrpcKind kind, uint8_t *body, size_t size, GrpcMessage *ret_message,
                       GError **error);

/* Puts the answer to a gRPC request into its shape: frame, status and message as trailers, or in
 * the body. What status it had stays for logs and metrics. Other answers stay as they are. */
void grpc_shape_response(const HttpRequest *request, HttpResponse *response);
