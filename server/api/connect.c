#include "server/api/connect.h"

#include <string.h>

#include "lib/base/error.h"
#include "server/http/header.h"

#define ACCEPT_POST                                                                                \
    "application/grpc, application/grpc+json, application/grpc+proto, application/grpc-web, "      \
    "application/grpc-web+json, application/grpc-web+proto, application/grpc-web-text, "           \
    "application/grpc-web-text+proto, application/json, application/json; charset=utf-8, "         \
    "application/proto"
/* What a decoded request may cost. */
#define ARENA_BYTES_MIN   (256 * 1024)
#define ARENA_BODY_FACTOR 8
#define ARENA_BESIDE_MAX  (64 * 1024 * 1024) /* beside one copy of what is in the body */
#define TIMEOUT_DIGITS    10

void
rpc_call_free(RpcCall *call)
{
    arena_free(call->arena);
    g_ptr_array_unref(call->scratch);
    g_free(call);
}

static void
call_end(RpcCall *call, HttpResponse *response)
{
    HttpRequest *http = call->http;
    rpc_call_free(call);
    http_reply(http, response);
}

void *
rpc_alloc(RpcCall *call, size_t count, size_t size)
{
    void *memory = g_malloc0_n(MAX(count, 1), size);
    g_ptr_array_add(call->scratch, memory);
    return memory;
}

void *
rpc_alloc_pointers(RpcCall *call, size_t count)
{
    return rpc_alloc(call, count, sizeof(void *));
}

static HttpResponse *
success(Codec codec, GBytes *body)
{
    HttpResponse *response = http_response_new(200, codec_media_type(codec), body);
    http_response_set_header(response, "Accept-Encoding", "gzip, zstd");
    return response;
}

void
rpc_reply(RpcCall *call, const ProtobufCMessage *message)
{
    rpc_reply_bytes(call, codec_encode(call->codec, message));
}

void
rpc_reply_bytes(RpcCall *call, GBytes *body)
{
    call_end(call, success(call->codec, body));
}

void
rpc_fail(RpcCall *call, const GError *error)
{
    call_end(call, http_response_from_error(error));
}

static bool
codec_of(const HttpRequest *request, Codec *ret_codec)
{
    static const struct {
        const char *type;
        Codec codec;
    } TYPES[] = {
        {"application/proto", CODEC_PROTO},
        {"application/json", CODEC_JSON},
        {"application/grpc", CODEC_PROTO},
        {"application/grpc+proto", CODEC_PROTO},
        {"application/grpc+json", CODEC_JSON},
        {"application/grpc-web", CODEC_PROTO},
        {"application/grpc-web+proto", CODEC_PROTO},
        {"application/grpc-web+json", CODEC_JSON},
        {"application/grpc-web-text", CODEC_PROTO},
        {"application/grpc-web-text+proto", CODEC_PROTO},
    };
    const char *type = http_request_header(request, "Content-Type");
    for (size_t i = 0; i < G_N_ELEMENTS(TYPES); i++) {
        if (header_is_media_type(type, TYPES[i].type)) {
            *ret_codec = TYPES[i].codec;
            return true;
        }
    }
    return false;
}

static void
reply_wrong_media_type(HttpRequest *request)
{
    const char *type = http_request_header(request, "Content-Type");
    g_autofree char *message =
        g_strdup_printf("content type '%s' is not supported: use application/proto or "
                        "application/json",
                        type != NULL ? type : "");
    HttpResponse *response = http_response_error(415, "unknown", message);
    http_response_set_header(response, "Accept-Post", ACCEPT_POST);
    http_reply(request, response);
}

/* What reads of the Pyroscope API see to. */
static bool
check_accept(const HttpRequest *request, GError **error)
{
    bool asks;
    const char *accept = http_request_header(request, "Accept");
    if (request->route->scope != HTTP_READ || header_read_accept(accept, "", "", &asks))
        return true;
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "Accept must be a list of media types: got \"%s\"", accept);
}

/* Checks the headers that belong to the protocol. */
static bool
check_headers(const HttpRequest *request, GError **error)
{
    const char *version = http_request_header(request, "Connect-Protocol-Version");
    if (version != NULL && strcmp(version, "1") != 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "Connect-Protocol-Version must be \"1\": got \"%s\"", version);
    if (!check_accept(request, error))
        return false;
    const char *timeout = http_request_header(request, "Connect-Timeout-Ms");
    if (timeout == NULL)
        return true;
    size_t digits = strspn(timeout, "0123456789");
    if (digits == 0 || digits > TIMEOUT_DIGITS || timeout[digits] != '\0')
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "Connect-Timeout-Ms must be at most %d digits: got \"%s\"", TIMEOUT_DIGITS,
                         timeout);
    if (request->deadline_us != 0 && request->deadline_us <= g_get_monotonic_time())
        return error_set(error, CRESSET_ERROR_DEADLINE_EXCEEDED,
                         "the deadline of Connect-Timeout-Ms passed");
    return true;
}

static bool
check_tenant(const HttpRequest *request, const RpcMethod *method, GError **error)
{
    if (!method->one_tenant || strchr(request->tenant, '|') == NULL)
        return true;
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "multiple org IDs present: this method needs exactly one tenant");
}

static bool
call_decode(RpcCall *call, const RpcMethod *method, GError **error)
{
    if (method->raw_proto && call->codec == CODEC_PROTO)
        return true;
    call->message = codec_decode(call->codec, method->request, call->http->body,
                                 call->http->body_size, call->arena, error);
    return call->message != NULL;
}

static RpcCall *
call_new(HttpRequest *request, Api *api, Codec codec)
{
    RpcCall *call = g_new0(RpcCall, 1);
    call->http = request;
    call->api = api;
    call->codec = codec;
    call->scratch = g_ptr_array_new_with_free_func(g_free);
    call->arena = arena_new(MIN(ARENA_BYTES_MIN + ARENA_BODY_FACTOR * request->body_size,
                                ARENA_BESIDE_MAX + request->body_size));
    return call;
}

RpcCall *
rpc_call_new(Api *api, const char *tenant, Codec codec, GBytes *body, const RpcMethod *method,
             GError **error)
{
    HttpRequest *request = g_new0(HttpRequest, 1);
    request->tenant = tenant;
    request->body = g_bytes_get_data(body, &request->body_size);
    g_autoptr(RpcCall) call = call_new(request, api, codec);
    g_ptr_array_add(call->scratch, request);
    return call_decode(call, method, error) ? g_steal_pointer(&call) : NULL;
}

void
rpc_handle(HttpRequest *request, void *data)
{
    const RpcMethod *method = request->route->detail;
    Codec codec;
    if (!codec_of(request, &codec)) {
        reply_wrong_media_type(request);
        return;
    }
    RpcCall *call = call_new(request, data, codec);
    g_autoptr(GError) error = NULL;
    if (!check_headers(request, &error) || !check_tenant(request, method, &error) ||
        !call_decode(call, method, &error))
        rpc_fail(call, error);
    else
        method->call(call);
}

void
rpc_handle_unknown(HttpRequest *request, void *data)
{
    (void)data;
    g_autofree char *message = g_strdup_printf("%s is not implemented", request->path);
    http_reply(request, http_response_error(501, "unimplemented", message));
}
