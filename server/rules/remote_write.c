#include "server/rules/remote_write.h"

#include <snappy-c.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/text.h"
#include "lib/net/retry.h"
#include "lib/pprof/wire.h"
#include "server/tenant/tenant.h"

/* Field numbers of prometheus.WriteRequest and what it holds (prompb/remote.proto, types.proto). */
enum {
    REQUEST_TIMESERIES = 1,
    SERIES_LABELS = 1,
    SERIES_SAMPLES = 2,
    LABEL_NAME = 1,
    LABEL_VALUE = 2,
    SAMPLE_VALUE = 1,
    SAMPLE_TIMESTAMP = 2,
    REPLY_BYTES_MAX = 64 * 1024,
    REPLY_SHOWN = 300,
};

static void
put_label(WireBuffer *out, const Label *label)
{
    WireBuffer inner = {0};
    wire_put_bytes(&inner, LABEL_NAME, label->name, strlen(label->name));
    wire_put_bytes(&inner, LABEL_VALUE, label->value, strlen(label->value));
    wire_put_bytes(out, SERIES_LABELS, inner.data, inner.size);
    g_free(inner.data);
}

static void
put_sample(WireBuffer *out, const RemoteSample *sample)
{
    WireBuffer inner = {0};
    uint64_t bits;
    memcpy(&bits, &sample->value, sizeof bits);
    bits = GUINT64_TO_LE(bits);
    wire_put_varint(&inner, WIRE_TAG(SAMPLE_VALUE, WIRE_FIXED64));
    wire_put_raw(&inner, &bits, sizeof bits);
    wire_put_uint(&inner, SAMPLE_TIMESTAMP, (uint64_t)sample->time_ms);
    wire_put_bytes(out, SERIES_SAMPLES, inner.data, inner.size);
    g_free(inner.data);
}

GBytes *
remote_write_encode(const RemoteSample *samples, size_t n)
{
    WireBuffer message = {0}, series = {0};
    for (size_t i = 0; i < n; i++) {
        series.size = 0;
        for (size_t j = 0; j < samples[i].n_labels; j++)
            put_label(&series, &samples[i].labels[j]);
        put_sample(&series, &samples[i]);
        wire_put_bytes(&message, REQUEST_TIMESERIES, series.data, series.size);
    }
    size_t size = snappy_max_compressed_length(message.size);
    char *compressed = g_malloc(size);
    snappy_status status =
        snappy_compress((const char *)message.data, message.size, compressed, &size);
    g_assert(status == SNAPPY_OK); /* the buffer is as large as it asks for */
    g_free(message.data);
    g_free(series.data);
    return g_bytes_new_take(compressed, size);
}

static bool
check_reply(const HttpClientReply *reply, GError **error)
{
    if (reply->status >= 200 && reply->status < 300)
        return true;
    gsize size;
    const char *body = g_bytes_get_data(reply->body, &size);
    g_autofree char *text = printable_line(body, size, REPLY_SHOWN);
    bool may_retry = http_status_is_retryable(reply->status);
    return error_set(error,
                     may_retry ? CRESSET_ERROR_UNAVAILABLE : CRESSET_ERROR_FAILED_PRECONDITION,
                     "remote write was answered with %d: %s", reply->status, text);
}

/* The header lines, NULL at the end; free with g_strfreev. */
static GStrv
header_lines(const RemoteTarget *target)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_strv_builder_add(builder, "Content-Type: application/x-protobuf");
    g_strv_builder_add(builder, "Content-Encoding: snappy");
    g_strv_builder_add(builder, "X-Prometheus-Remote-Write-Version: 0.1.0");
    if (target->tenant != NULL) {
        g_autofree char *line = g_strdup_printf("%s: %s", TENANT_HEADER, target->tenant);
        g_strv_builder_add(builder, line);
    }
    if (target->headers != NULL)
        g_strv_builder_addv(builder, (const char **)target->headers);
    return g_strv_builder_end(builder);
}

bool
remote_write_send(const RemoteTarget *target, const RemoteSample *samples, size_t n, GError **error)
{
    if (n == 0)
        return true;
    g_auto(GStrv) headers = header_lines(target);
    g_autoptr(GBytes) body = remote_write_encode(samples, n);
    const HttpClientRequest request = {.url = target->url,
                                       .headers = (const char *const *)headers,
                                       .body = body,
                                       .reply_bytes_max = REPLY_BYTES_MAX,
                                       .cancel = target->cancel};
    const HttpRetry retry = {.tries_max = 4, .deadline_ms = 30000};
    g_auto(HttpClientReply) reply = {0};
    return http_retry_send(target->client, &request, &retry, &reply, NULL, error) &&
           check_reply(&reply, error);
}
