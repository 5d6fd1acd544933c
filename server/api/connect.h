/* Connect unary calls: binary and JSON on the same path, one error shape
 * (https://connectrpc.com/docs/protocol/). */
#pragma once
#include <glib.h>
#include <protobuf-c/protobuf-c.h>

#include "lib/base/arena.h"
#include "server/api/api.h"
#include "server/api/codec.h"
#include "server/http/message.h"

typedef struct RpcCall RpcCall;

/* A method: what a route's `detail` points to. */
typedef struct {
    const ProtobufCMessageDescriptor *request;
    bool raw_proto;  /* a binary request is not decoded: the method reads http->body itself */
    bool one_tenant; /* of reads: several tenants are refused */
    void (*call)(RpcCall *call);
} RpcMethod;

/* A call under way; one of the three rpc_ functions ends it, on any thread. */
struct RpcCall {
    HttpRequest *http;
    Api *api;
    Codec codec;
    Arena *arena;                    /* the request's */
    const ProtobufCMessage *message; /* NULL with raw_proto */
    GPtrArray *scratch;              /* freed with the call */
};

/* The HTTP handler of every method. */
void rpc_handle(HttpRequest *request, void *api);
/* A call that no request waits for, with this body; `tenant` and `body` must outlive it. Its answer
 * is for the caller, who frees it: no function that replies may be called. NULL when the body
 * cannot be decoded. */
RpcCall *rpc_call_new(Api *api, const char *tenant, Codec codec, GBytes *body,
                      const RpcMethod *method, GError **error);
void rpc_call_free(RpcCall *call);

/* Answers 501 unimplemented: for methods of known services that are not there. */
void rpc_handle_unknown(HttpRequest *request, void *api);

/* Zeroed memory that lives as long as the call. */
void *rpc_alloc(RpcCall *call, size_t count, size_t size);
/* The same for `count` pointers of any type. */
void *rpc_alloc_pointers(RpcCall *call, size_t count);

void rpc_reply(RpcCall *call, const ProtobufCMessage *message);
/* Takes `body`, which is in the call's codec already. */
void rpc_reply_bytes(RpcCall *call, GBytes *body);
void rpc_fail(RpcCall *call, const GError *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(RpcCall, rpc_call_free)
