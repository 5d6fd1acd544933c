/* Sends samples to a Prometheus-compatible receiver by remote write (lib/remote_write). */
#pragma once
#include <gio/gio.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/net/http_client.h"
#include "server/store/labels.h"

typedef struct {
    const Label *labels; /* with __name__, sorted by name, without empty values */
    size_t n_labels;
    double value;
    int64_t time_ms;
} RemoteSample;

typedef struct {
    HttpClient *client;
    const char *url;
    const char *const *headers; /* further ones, "Name: value", NULL at the end; or NULL */
    const char *tenant;         /* sent as X-Scope-OrgID; NULL: none */
    GCancellable *cancel;       /* or NULL */
} RemoteTarget;

/* Sends the samples, one series each, with retries where the receiver may take it later. False with
 * *error when it was refused (FAILED_PRECONDITION with the receiver's own words) or could not be
 * reached. */
bool remote_write_send(const RemoteTarget *target, const RemoteSample *samples, size_t n,
                       GError **error);
