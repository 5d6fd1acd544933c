/* One push under way: counts the profiles that are not yet durable, joins what went wrong with
 * which, and tells the caller once, when the last one is settled. Any thread. */
#pragma once
#include <glib.h>
#include <stddef.h>

#include "server/ingest/ingest.h"

typedef struct IngestBatch IngestBatch;

/* A batch of `tenant`, with one reference, which the caller drops when every profile has been
 * taken.
 */
IngestBatch *batch_new(const char *tenant, IngestDone done, void *data);
const char *batch_tenant(const IngestBatch *batch);
void batch_ref(IngestBatch *batch);
/* Adds the failure of profile `index`; `id` may be NULL. */
void batch_fail(IngestBatch *batch, size_t index, const char *id, const GError *error);
/* Drops a reference; the last one calls `done` and frees the batch. */
void batch_unref(IngestBatch *batch);
