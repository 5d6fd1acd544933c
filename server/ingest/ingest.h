/* The ingest pipeline: from raw pprof bytes to durable series rows.
 *
 * Per profile: decompress under a cap, decode, validate, normalise (merge equal stacks, drop zero
 * and negative samples, string sample labels become series labels), split into one series per
 * sample type and label set, append. Limits and error texts use the Pyroscope names. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "server/store/store.h"
#include "server/tenant/limits.h"

typedef struct Ingest Ingest;

/* Borrows both. Learns from the store which profiles of the last minutes it holds, so that what a
 * client sends again after a restart is not stored twice. */
Ingest *ingest_new(Store *store, TenantOverrides *overrides);
/* What is to be written down before the store is closed. NULL is allowed. */
void ingest_stop(Ingest *ingest);
/* Free it behind the store: appends under way report here. */
void ingest_free(Ingest *ingest);

/* One profile with its labels as a client sent them; borrowed during the call. */
typedef struct {
    const Label *labels; /* any order */
    size_t n_labels;
    const uint8_t *profile; /* pprof, gzip or plain */
    size_t profile_size;
    /* The client's id of this profile, or NULL. The same id with the same labels and bytes, sent
     * again while it is recent, is acknowledged and not stored again. */
    const char *id;
    /* Set to true when this profile, or a series of it, is refused, before `done` is called; or
     * NULL. */
    bool *ret_refused;
} IngestProfile;

/* `error` is NULL when everything is durable; otherwise it joins what was wrong with which series,
 * and the good ones of the batch are durable all the same. INVALID_ARGUMENT: the bad ones stay bad
 * and must not be sent again; any other code: sending the batch again may help. */
typedef void (*IngestDone)(void *data, const GError *error);

/* Takes a batch; `done` is called exactly once, from any thread (also before this returns). */
void ingest_push(Ingest *ingest, const char *tenant, const IngestProfile *profiles, size_t n,
                 IngestDone done, void *data);

/* Decodes a push.v1.PushRequest message (proto/push.proto) and pushes it. */
void ingest_push_request(Ingest *ingest, const char *tenant, const uint8_t *message, size_t size,
                         IngestDone done, void *data);

/* Appends the pipeline's metrics as Prometheus text. Only with `with_tenants` they name tenants:
 * what each has lost, its usage groups, and what it has used of its limits. */
void ingest_write_metrics(Ingest *ingest, bool with_tenants, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ingest, ingest_free)
