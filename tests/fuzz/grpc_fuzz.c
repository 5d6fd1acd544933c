/* The frame of a gRPC request: whatever the bytes, the message lies within them. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "server/http/grpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    GrpcKind kind = (GrpcKind)(1 + data[0] % 3);
    uint8_t *body = g_memdup2(data + 1, size - 1);
    GrpcMessage message;
    if (grpc_read_message(kind, body, size - 1, &message, NULL) &&
        (message.data < body || message.data + message.size > body + size - 1))
        abort();
    g_autofree char *text = g_strndup((const char *)data, size);
    if (grpc_timeout_us(text) < -1)
        abort();
    g_free(body);
    return 0;
}
