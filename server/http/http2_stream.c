#include "server/http/http2_stream.h"

#include <string.h>

#include "server/http/receive.h"
#include "server/http/spool.h"

/* Bounds the head of a request, by the count of RFC 9113, 6.5.2. */
#define HEADER_BYTES_MAX (64 * 1024)
/* RFC 9113, 6.5.2: what a field counts beside its text. */
#define FIELD_OVERHEAD 32

Http2Stream *
http2_stream_new(HttpServer *server, struct Http2Connection *connection, nghttp2_session *session,
                 int32_t id)
{
    Http2Stream *stream = g_new0(Http2Stream, 1);
    stream->id = id;
    stream->connection = connection;
    stream->session = session;
    stream->link.data = stream;
    stream->sent_us = g_get_monotonic_time();
    stream->exchange = exchange_new(server, 2);
    stream->exchange->stream = stream;
    g_atomic_int_inc(&server->in_flight);
    return stream;
}

void
http2_stream_free(Http2Stream *stream)
{
    HttpExchange *exchange = stream->exchange;
    exchange->stream = NULL;
    if (!exchange->suspended) {
        g_atomic_int_add(&exchange->server->in_flight, -1);
        exchange_unref(exchange);
    }
    g_free(stream->method);
    g_free(stream->path);
    g_free(stream);
}

bool
http2_stream_header(Http2Stream *stream, const char *name, size_t name_size, const char *value,
                    size_t value_size)
{
    HttpExchange *exchange = stream->exchange;
    stream->header_bytes += name_size + value_size + FIELD_OVERHEAD;
    if (stream->header_bytes > HEADER_BYTES_MAX)
        return false;
    if (strcmp(name, ":method") == 0) {
        g_free(stream->method);
        stream->method = g_strndup(value, value_size);
    } else if (strcmp(name, ":path") == 0) {
        g_free(stream->path);
        stream->path = g_strndup(value, value_size);
    } else if (strcmp(name, ":authority") == 0) {
        exchange_add_pair(exchange, exchange->headers, "host", strlen("host"), value, value_size);
    } else if (name[0] != ':') {
        exchange_add_pair(exchange, exchange->headers, name, name_size, value, value_size);
    }
    return true;
}

/* Splits the path at the query and decodes both. */
static void
set_line(Http2Stream *stream)
{
    HttpExchange *exchange = stream->exchange;
    const char *path = stream->path != NULL ? stream->path : "";
    const char *query = strchr(path, '?'), *end = query != NULL ? query : path + strlen(path);
    g_autofree char *raw = g_strndup(path, (gsize)(end - path));
    g_autofree char *plain = g_uri_unescape_string(raw, NULL);
    exchange_set_line(exchange, stream->method != NULL ? stream->method : "",
                      plain != NULL ? plain : raw);
    if (query == NULL)
        return;
    g_autoptr(GError) error = NULL;
    GUriParamsIter iter;
    char *name, *value;
    g_uri_params_iter_init(&iter, query + 1, -1, "&", G_URI_PARAMS_WWW_FORM);
    while (g_uri_params_iter_next(&iter, &name, &value, &error)) {
        exchange_add_pair(exchange, exchange->params, name, strlen(name), value, strlen(value));
        g_free(name);
        g_free(value);
    }
    if (error != NULL) /* refused as what it is: not UTF-8 */
        exchange_add_pair(exchange, exchange->params, "\xff", 1, "", 0);
}

/* A refusal does not wait for the rest of the body, which is read and thrown away. */
static void
respond_to_refusal(Http2Stream *stream)
{
    if (stream->is_answered || g_atomic_int_get(&stream->exchange->state) != EXCHANGE_DISCARDING)
        return;
    receive_done(stream->exchange);
    http2_stream_respond(stream);
}

void
http2_stream_head_done(Http2Stream *stream)
{
    set_line(stream);
    stream->has_head = true;
    receive_head(stream->exchange);
    respond_to_refusal(stream);
}

void
http2_stream_data(Http2Stream *stream, const uint8_t *data, size_t size)
{
    stream->unread += size;
    if (!stream->has_head)
        return;
    if (!receive_body(stream->exchange, (const char *)data, size)) {
        stream->is_refused = true;
        nghttp2_submit_rst_stream(stream->session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_NO_ERROR);
        return;
    }
    respond_to_refusal(stream);
    if (!spool_is_writing(stream->exchange->spool))
        http2_stream_consume(stream);
}

void
http2_stream_consume(Http2Stream *stream)
{
    nghttp2_session_consume_stream(stream->session, stream->id, stream->unread);
    stream->unread = 0;
}

void
http2_stream_end(Http2Stream *stream)
{
    stream->has_body = true;
    if (stream->has_head && g_atomic_int_get(&stream->exchange->state) == EXCHANGE_READING)
        receive_end(stream->exchange);
}

static size_t
copy_part(uint8_t *to, size_t room, const void *from, size_t size, size_t offset)
{
    size_t n = offset < size ? MIN(room, size - offset) : 0;
    if (n > 0)
        memcpy(to, (const uint8_t *)from + offset, n);
    return n;
}

/* Names and values in turn, which it borrows. */
static nghttp2_nv *
fields_of(const GPtrArray *pairs)
{
    nghttp2_nv *fields = g_new0(nghttp2_nv, pairs->len / 2 + 1);
    for (guint i = 0; i < pairs->len / 2; i++) {
        char *name = pairs->pdata[2 * i], *value = pairs->pdata[2 * i + 1];
        fields[i] = (nghttp2_nv){.name = (uint8_t *)name,
                                 .namelen = strlen(name),
                                 .value = (uint8_t *)value,
                                 .valuelen = strlen(value)};
    }
    return fields;
}

static void
submit_trailers(const Http2Stream *stream, const GPtrArray *pairs)
{
    g_autofree nghttp2_nv *fields = fields_of(pairs);
    nghttp2_submit_trailer(stream->session, stream->id, fields, pairs->len / 2);
}

static ssize_t
read_response(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t room, uint32_t *flags,
              nghttp2_data_source *source, void *data)
{
    (void)session;
    (void)id;
    (void)data;
    Http2Stream *stream = source->ptr;
    const HttpResponse *response = stream->exchange->response;
    gsize size = 0;
    const void *body = response->body != NULL ? g_bytes_get_data(response->body, &size) : NULL;
    size_t prefix = response->prefix_size;
    size_t n = copy_part(buffer, room, response->prefix, prefix, stream->sent);
    if (stream->sent + n >= prefix)
        n += copy_part(buffer + n, room - n, body, size, stream->sent + n - prefix);
    stream->sent += n;
    stream->sent_us = g_get_monotonic_time();
    if (stream->sent == prefix + size) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (response->trailers != NULL) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            submit_trailers(stream, response->trailers);
        }
    }
    return (ssize_t)n;
}

/* The header fields of the response, with the status first. Names are lower case in HTTP/2. */
static GPtrArray *
response_fields(const HttpExchange *exchange, const HttpResponse *response, size_t size)
{
    GPtrArray *fields = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(fields, g_strdup(":status"));
    g_ptr_array_add(fields, g_strdup_printf("%u", http_response_status(response)));
    for (guint i = 0; i + 1 < response->headers->len; i += 2) {
        g_ptr_array_add(fields, g_ascii_strdown(response->headers->pdata[i], -1));
        g_ptr_array_add(fields, g_strdup(response->headers->pdata[i + 1]));
    }
    g_ptr_array_add(fields, g_strdup("x-request-id"));
    g_ptr_array_add(fields, g_strdup(exchange->request.id));
    g_ptr_array_add(fields, g_strdup("x-content-type-options"));
    g_ptr_array_add(fields, g_strdup("nosniff"));
    if (response->trailers == NULL) {
        g_ptr_array_add(fields, g_strdup("content-length"));
        g_ptr_array_add(fields, g_strdup_printf("%zu", size));
    }
    return fields;
}

void
http2_stream_respond(Http2Stream *stream)
{
    const HttpExchange *exchange = stream->exchange;
    const HttpResponse *response = exchange->response;
    size_t size =
        response->prefix_size + (response->body != NULL ? g_bytes_get_size(response->body) : 0);
    g_autoptr(GPtrArray) pairs = response_fields(exchange, response, size);
    g_autofree nghttp2_nv *fields = fields_of(pairs);
    bool is_head = stream->method != NULL && strcmp(stream->method, "HEAD") == 0;
    nghttp2_data_provider body = {.source.ptr = stream, .read_callback = read_response};
    stream->is_answered = true;
    stream->sent_us = stream->answered_us = g_get_monotonic_time();
    nghttp2_submit_response(stream->session, stream->id, fields, pairs->len / 2,
                            size > 0 && !is_head ? &body : NULL);
}
