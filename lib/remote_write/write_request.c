#include "lib/remote_write/write_request.h"

#include <snappy-c.h>
#include <string.h>

#include "lib/pprof/wire.h"

/* Field numbers of prometheus.WriteRequest and what it holds (prompb/remote.proto, types.proto). */
enum {
    REQUEST_TIMESERIES = 1,
    SERIES_LABELS = 1,
    SERIES_SAMPLES = 2,
    LABEL_NAME = 1,
    LABEL_VALUE = 2,
    SAMPLE_VALUE = 1,
    SAMPLE_TIMESTAMP = 2,
};

struct WriteRequest {
    WireBuffer message, series, inner;
};

WriteRequest *
write_request_new(void)
{
    return g_new0(WriteRequest, 1);
}

void
write_request_free(WriteRequest *request)
{
    if (request == NULL)
        return;
    g_free(request->message.data);
    g_free(request->series.data);
    g_free(request->inner.data);
    g_free(request);
}

void
write_request_label(WriteRequest *request, const char *name, const char *value)
{
    WireBuffer *inner = &request->inner;
    inner->size = 0;
    wire_put_bytes(inner, LABEL_NAME, name, strlen(name));
    wire_put_bytes(inner, LABEL_VALUE, value, strlen(value));
    wire_put_bytes(&request->series, SERIES_LABELS, inner->data, inner->size);
}

void
write_request_sample(WriteRequest *request, double value, int64_t time_ms)
{
    WireBuffer *inner = &request->inner;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = GUINT64_TO_LE(bits);
    inner->size = 0;
    wire_put_varint(inner, WIRE_TAG(SAMPLE_VALUE, WIRE_FIXED64));
    wire_put_raw(inner, &bits, sizeof bits);
    wire_put_uint(inner, SAMPLE_TIMESTAMP, (uint64_t)time_ms);
    wire_put_bytes(&request->series, SERIES_SAMPLES, inner->data, inner->size);
    wire_put_bytes(&request->message, REQUEST_TIMESERIES, request->series.data,
                   request->series.size);
    request->series.size = 0;
}

GBytes *
write_request_encode(const WriteRequest *request)
{
    size_t size = snappy_max_compressed_length(request->message.size);
    char *compressed = g_malloc(size);
    snappy_status status = snappy_compress((const char *)request->message.data,
                                           request->message.size, compressed, &size);
    g_assert(status == SNAPPY_OK); /* the buffer is as large as it asks for */
    return g_bytes_new_take(compressed, size);
}
