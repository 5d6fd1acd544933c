#include "server/rules/remote_write.h"

#include "lib/base/error.h"
#include "lib/base/text.h"
#include "lib/net/retry.h"
#include "lib/remote_write/write_request.h"
#include "server/tenant/tenant.h"

enum { REPLY_BYTES_MAX = 64 * 1024, REPLY_SHOWN = 300 };

static GBytes *
encode(const RemoteSample *samples, size_t n)
{
    g_autoptr(WriteRequest) request = write_request_new();
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < samples[i].n_labels; j++)
            write_request_label(request, samples[i].labels[j].name, samples[i].labels[j].value);
        write_request_sample(request, samples[i].value, samples[i].time_ms);
    }
    return write_request_encode(request);
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
    g_strv_builder_add(builder, WRITE_REQUEST_TYPE);
    g_strv_builder_add(builder, WRITE_REQUEST_ENCODING);
    g_strv_builder_add(builder, WRITE_REQUEST_VERSION);
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
    g_autoptr(GBytes) body = encode(samples, n);
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
