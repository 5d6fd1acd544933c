#include "server/http/grpc.h"

#include <string.h>

#include "lib/base/error.h"
#include "server/http/encoding.h"
#include "server/http/header.h"

enum {
    FRAME_HEAD = 5, /* a byte of flags and the length, big-endian */
    FLAG_COMPRESSED = 1,
    FLAG_TRAILERS = 0x80, /* gRPC-Web only */
    COMPRESS_BYTES_MIN = 1024,
    TIMEOUT_DIGITS_MAX = 8,
};

static const struct {
    const char *type;
    GrpcKind kind;
} TYPES[] = {
    {"application/grpc", GRPC_PLAIN},
    {"application/grpc+proto", GRPC_PLAIN},
    {"application/grpc+json", GRPC_PLAIN},
    {"application/grpc-web", GRPC_WEB},
    {"application/grpc-web+proto", GRPC_WEB},
    {"application/grpc-web+json", GRPC_WEB},
    {"application/grpc-web-text", GRPC_WEB_TEXT},
    {"application/grpc-web-text+proto", GRPC_WEB_TEXT},
};

/* Its row in TYPES, or -1. */
static int
type_of(const HttpRequest *request)
{
    const char *type = http_request_header(request, "Content-Type");
    for (size_t i = 0; type != NULL && i < G_N_ELEMENTS(TYPES); i++) {
        if (header_is_media_type(type, TYPES[i].type))
            return (int)i;
    }
    return -1;
}

GrpcKind
grpc_kind(const HttpRequest *request)
{
    int type = type_of(request);
    return type >= 0 ? TYPES[type].kind : GRPC_NONE;
}

int64_t
grpc_timeout_us(const char *text)
{
    static const struct {
        char unit;
        int64_t us, divisor;
    } UNITS[] = {{'H', INT64_C(3600000000), 1},
                 {'M', 60000000, 1},
                 {'S', 1000000, 1},
                 {'m', 1000, 1},
                 {'u', 1, 1},
                 {'n', 1, 1000}};
    size_t digits = text != NULL ? strspn(text, "0123456789") : 0;
    if (digits == 0 || digits > TIMEOUT_DIGITS_MAX || strlen(text) != digits + 1)
        return -1;
    int64_t value = (int64_t)g_ascii_strtoull(text, NULL, 10);
    for (size_t i = 0; i < G_N_ELEMENTS(UNITS); i++) {
        if (UNITS[i].unit == text[digits])
            return value * UNITS[i].us / UNITS[i].divisor;
    }
    return -1;
}

bool
grpc_read_message(GrpcKind kind, uint8_t *body, size_t size, GrpcMessage *ret_message,
                  GError **error)
{
    if (kind == GRPC_WEB_TEXT && size > 0) { /* there may be no body at all */
        gint state = 0;
        guint saved = 0;
        size = g_base64_decode_step((const gchar *)body, size, body, &state, &saved);
    }
    uint32_t length;
    if (size < FRAME_HEAD)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "the body holds no gRPC message: %zu bytes, a frame's head has %d", size,
                         FRAME_HEAD);
    memcpy(&length, body + 1, sizeof length);
    length = GUINT32_FROM_BE(length);
    if ((body[0] & ~FLAG_COMPRESSED) != 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "the gRPC frame has unknown flags 0x%02x", body[0]);
    if (length != size - FRAME_HEAD)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "the gRPC frame says %u bytes and has %zu: one message is expected",
                         length, size - FRAME_HEAD);
    *ret_message = (GrpcMessage){body + FRAME_HEAD, length, (body[0] & FLAG_COMPRESSED) != 0};
    return true;
}

/* grpc-status and grpc-message: name, value, name, value. */
static GPtrArray *
status_pairs(const HttpResponse *response)
{
    GPtrArray *pairs = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(pairs, g_strdup("grpc-status"));
    g_ptr_array_add(pairs, g_strdup_printf("%u", response->grpc_status));
    if (response->message != NULL) {
        g_ptr_array_add(pairs, g_strdup("grpc-message"));
        g_ptr_array_add(pairs, g_uri_escape_string(response->message,
                                                   " !\"#$&'()*+,/:;<=>?@[\\]^`{|}~", FALSE));
    }
    return pairs;
}

static void
store_head(uint8_t *head, uint8_t flags, size_t size)
{
    uint32_t length = GUINT32_TO_BE((uint32_t)size);
    head[0] = flags;
    memcpy(head + 1, &length, sizeof length);
}

/* Compresses the message when the caller takes it and it pays; returns the frame's flags. */
static uint8_t
compress_message(const HttpRequest *request, HttpResponse *response)
{
    Encoding encoding = encoding_choose(http_request_header(request, "grpc-accept-encoding"));
    if (response->body == NULL || g_bytes_get_size(response->body) < COMPRESS_BYTES_MIN)
        return 0;
    GBytes *packed = encoding_encode(encoding, response->body);
    if (packed == NULL)
        return 0;
    g_bytes_unref(response->body);
    response->body = packed;
    http_response_set_header(response, "grpc-encoding", encoding_name(encoding));
    return FLAG_COMPRESSED;
}

/* The message's frame, and the trailers as a frame of their own behind it. */
static GBytes *
web_body(GrpcKind kind, HttpResponse *response, uint8_t flags, const GPtrArray *pairs)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(GString) trailers = g_string_new(NULL);
    uint8_t head[FRAME_HEAD];
    gsize size = 0;
    const uint8_t *message =
        response->body != NULL ? g_bytes_get_data(response->body, &size) : NULL;
    if (response->grpc_status == 0) {
        store_head(head, flags, size);
        g_byte_array_append(bytes, head, sizeof head);
        g_byte_array_append(bytes, message, (guint)size);
    }
    for (guint i = 0; i + 1 < pairs->len; i += 2)
        g_string_append_printf(trailers, "%s: %s\r\n", (const char *)pairs->pdata[i],
                               (const char *)pairs->pdata[i + 1]);
    store_head(head, FLAG_TRAILERS, trailers->len);
    g_byte_array_append(bytes, head, sizeof head);
    g_byte_array_append(bytes, (const guint8 *)trailers->str, (guint)trailers->len);
    if (kind != GRPC_WEB_TEXT)
        return g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
    char *text = g_base64_encode(bytes->data, bytes->len);
    return g_bytes_new_take(text, strlen(text));
}

static void
shape_plain(HttpResponse *response, uint8_t flags, GPtrArray *pairs)
{
    if (response->grpc_status != 0) { /* no message: the headers are the trailers */
        g_clear_pointer(&response->body, g_bytes_unref);
        for (guint i = 0; i + 1 < pairs->len; i += 2)
            http_response_set_header(response, pairs->pdata[i], pairs->pdata[i + 1]);
        return;
    }
    store_head(response->prefix, flags,
               response->body != NULL ? g_bytes_get_size(response->body) : 0);
    response->prefix_size = FRAME_HEAD;
    response->trailers = g_ptr_array_ref(pairs);
}

void
grpc_shape_response(const HttpRequest *request, HttpResponse *response)
{
    int type = type_of(request);
    if (type < 0 || (TYPES[type].kind == GRPC_PLAIN && request->version < 2))
        return;
    static const char *const replaced[] = {"Content-Type", "Accept-Encoding", "Accept-Post"};
    for (size_t i = 0; i < G_N_ELEMENTS(replaced); i++)
        http_response_drop_header(response, replaced[i]);
    http_response_set_header(response, "Content-Type", TYPES[type].type);
    http_response_set_header(response, "grpc-accept-encoding", "identity,gzip,zstd");
    response->sent_status = 200;
    response->encoded = true;
    uint8_t flags = response->grpc_status == 0 ? compress_message(request, response) : 0;
    g_autoptr(GPtrArray) pairs = status_pairs(response);
    if (TYPES[type].kind == GRPC_PLAIN) {
        shape_plain(response, flags, pairs);
        return;
    }
    GBytes *body = web_body(TYPES[type].kind, response, flags, pairs);
    g_clear_pointer(&response->body, g_bytes_unref);
    response->body = body;
}
