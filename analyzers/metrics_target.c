#include "analyzers/metrics_target.h"

#include <stdio.h>

#include "lib/base/error.h"
#include "lib/net/http_client.h"
#include "lib/remote_write/write_request.h"

bool
metrics_target_open(const MetricsTargetOptions *options, const char *tenant,
                    MetricsTarget *ret_target, GError **error)
{
    *ret_target = (MetricsTarget){.options = options};
    return backends_open_one(&options->remote_write, tenant, "remote write", "remote-write-url",
                             &ret_target->remote_write, error);
}

void
metrics_target_clear(MetricsTarget *target)
{
    g_clear_pointer(&target->remote_write, telemetry_api_free);
}

bool
metrics_target_is_any(const MetricsTarget *target)
{
    return target->options->file[0] != '\0' || target->options->pushgateway_url[0] != '\0' ||
           target->remote_write != NULL;
}

static bool
is_success(const HttpClientReply *reply)
{
    return reply->status >= 200 && reply->status < 300;
}

static bool
push(const GString *text, const char *url, GError **error)
{
    enum { TIMEOUT_MS = 10 * 1000 };
    static const char *const headers[] = {"Content-Type: text/plain; version=0.0.4", NULL};
    const HttpClientConfig config = {.user_agent = "cresset-analyzer"};
    g_autoptr(HttpClient) client = http_client_new(&config);
    g_autoptr(GBytes) body = g_bytes_new(text->str, text->len);
    g_auto(HttpClientReply) reply = {0};
    const HttpClientRequest request = {
        .method = "PUT", .url = url, .headers = headers, .body = body, .timeout_ms = TIMEOUT_MS};
    return http_client_send(client, &request, &reply, error) &&
           (is_success(&reply) ||
            error_set(error, CRESSET_ERROR_UNAVAILABLE, "the answer is %d", reply.status));
}

static bool
send_remote(TelemetryApi *api, const RunSamples *samples, int64_t now_s, GError **error)
{
    enum { S_MS = 1000 };
    static const char *const headers[] = {WRITE_REQUEST_ENCODING, WRITE_REQUEST_VERSION, NULL};
    g_autoptr(GBytes) message = run_samples_write_request(samples, now_s * S_MS);
    g_auto(HttpClientReply) reply = {0};
    const TelemetryCall call = {
        .path = "", .octets = message, .octets_type = WRITE_REQUEST_TYPE, .headers = headers};
    if (!telemetry_api_send(api, &call, &reply, error))
        return false;
    if (is_success(&reply))
        return true;
    g_autofree char *words = telemetry_api_words(api, &reply);
    return error_set(error, CRESSET_ERROR_UNAVAILABLE, "%s", words);
}

static void
say(const char *option, const GError *error)
{
    if (error != NULL)
        (void)fprintf(stderr, "cresset-analyzer: --%s: %s\n", option, error->message);
}

bool
metrics_target_leave(const MetricsTarget *target, const RunSamples *samples, int64_t now_s,
                     GError **error)
{
    enum { MODE = 0644 }; /* another user's collector reads it */
    g_autoptr(GError) push_error = NULL, remote_error = NULL;
    const MetricsTargetOptions *options = target->options;
    g_autoptr(GString) text = run_samples_text(samples);
    if (options->pushgateway_url[0] != '\0')
        (void)push(text, options->pushgateway_url, &push_error);
    if (target->remote_write != NULL)
        (void)send_remote(target->remote_write, samples, now_s, &remote_error);
    say("metrics-url", push_error);
    say("remote-write-url", remote_error);
    return options->file[0] == '\0' ||
           g_file_set_contents_full(options->file, text->str, (gssize)text->len,
                                    G_FILE_SET_CONTENTS_CONSISTENT, MODE, error);
}
