#include "server/ingest/batch.h"

#include <stdbool.h>

#include "lib/base/error.h"

enum { BATCH_ERRORS_MAX = 20 /* in one message; more are counted */ };

struct IngestBatch {
    char *tenant;
    GMutex lock;
    unsigned n_refs;
    IngestDone done;
    void *data;
    GString *text;
    CressetError code;
    size_t n_errors;
};

IngestBatch *
batch_new(const char *tenant, IngestDone done, void *data)
{
    IngestBatch *batch = g_new0(IngestBatch, 1);
    batch->tenant = g_strdup(tenant);
    g_mutex_init(&batch->lock);
    batch->n_refs = 1;
    batch->done = done;
    batch->data = data;
    return batch;
}

const char *
batch_tenant(const IngestBatch *batch)
{
    return batch->tenant;
}

void
batch_ref(IngestBatch *batch)
{
    g_mutex_lock(&batch->lock);
    batch->n_refs++;
    g_mutex_unlock(&batch->lock);
}

/* A client drops a batch that is wrong and sends one again that only came at a bad time; when there
 * is one of each, it must send it again. */
static void
merge_code(IngestBatch *batch, const GError *error)
{
    CressetError code =
        error->domain == CRESSET_ERROR ? (CressetError)error->code : CRESSET_ERROR_INTERNAL;
    if (batch->n_errors == 0 || batch->code == CRESSET_ERROR_INVALID_ARGUMENT)
        batch->code = code;
}

void
batch_fail(IngestBatch *batch, size_t index, const char *id, const GError *error)
{
    g_mutex_lock(&batch->lock);
    merge_code(batch, error);
    if (batch->text == NULL)
        batch->text = g_string_new(NULL);
    if (batch->n_errors++ < BATCH_ERRORS_MAX) {
        if (batch->text->len > 0)
            g_string_append(batch->text, "; ");
        g_string_append_printf(batch->text, "push series with index %zu", index);
        if (id != NULL && *id != '\0') {
            g_autofree char *valid = g_utf8_make_valid(id, -1);
            g_string_append_printf(batch->text, " and id %.64s", valid);
        }
        g_string_append_printf(batch->text, " failed: %s", error->message);
    }
    g_mutex_unlock(&batch->lock);
}

void
batch_unref(IngestBatch *batch)
{
    g_mutex_lock(&batch->lock);
    bool is_last = --batch->n_refs == 0;
    g_mutex_unlock(&batch->lock);
    if (!is_last)
        return;
    g_autoptr(GError) error = NULL;
    if (batch->n_errors > BATCH_ERRORS_MAX)
        g_string_append_printf(batch->text, "; and %zu more", batch->n_errors - BATCH_ERRORS_MAX);
    if (batch->n_errors > 0) {
        error_set(&error, batch->code, "%s", batch->text->str);
        g_string_free(batch->text, TRUE);
    }
    batch->done(batch->data, error);
    g_mutex_clear(&batch->lock);
    g_free(batch->tenant);
    g_free(batch);
}
