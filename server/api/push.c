#include "server/api/push.h"

#include <push.pb-c.h>

#include "lib/base/error.h"

/* Runs on the store's commit thread once everything is durable. */
static void
push_done(void *data, const GError *error)
{
    RpcCall *call = data;
    Push__V1__PushResponse response = PUSH__V1__PUSH_RESPONSE__INIT;
    if (error != NULL)
        rpc_fail(call, error);
    else
        rpc_reply(call, &response.base);
}

static const Label *
series_labels(RpcCall *call, const Push__V1__RawProfileSeries *series)
{
    Label *labels = rpc_alloc(call, series->n_labels, sizeof(*labels));
    for (size_t i = 0; i < series->n_labels; i++)
        labels[i] = (Label){.name = series->labels[i]->name, .value = series->labels[i]->value};
    return labels;
}

/* The JSON form goes through the message; the binary one is decoded by the ingest pipeline. */
static void
push_message(RpcCall *call, const Push__V1__PushRequest *request)
{
    size_t n = 0;
    for (size_t i = 0; i < request->n_series; i++)
        n += request->series[i]->n_samples;
    if (n == 0) {
        g_autoptr(GError) error = NULL;
        error_set(&error, CRESSET_ERROR_INVALID_ARGUMENT, "no profiles received");
        rpc_fail(call, error);
        return;
    }
    IngestProfile *profiles = rpc_alloc(call, n, sizeof(*profiles));
    size_t at = 0;
    for (size_t i = 0; i < request->n_series; i++) {
        const Push__V1__RawProfileSeries *series = request->series[i];
        const Label *labels = series_labels(call, series);
        for (size_t k = 0; k < series->n_samples; k++) {
            const Push__V1__RawSample *sample = series->samples[k];
            profiles[at++] = (IngestProfile){.labels = labels,
                                             .n_labels = series->n_labels,
                                             .profile = sample->raw_profile.data,
                                             .profile_size = sample->raw_profile.len,
                                             .id = sample->id};
        }
    }
    ingest_push(call->api->ingest, call->http->tenant, profiles, n, push_done, call);
}

static void
call_push(RpcCall *call)
{
    if (call->message != NULL)
        push_message(call, (const void *)call->message);
    else
        ingest_push_request(call->api->ingest, call->http->tenant, call->http->body,
                            call->http->body_size, push_done, call);
}

const RpcMethod rpc_push = {
    .request = &push__v1__push_request__descriptor, .raw_proto = true, .call = call_push};
