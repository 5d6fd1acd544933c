#include "agent/export/shipper.h"
#include "agent/discovery/target.h"

#include "agent/export/shipper_private.h"
#include "lib/base/text.h"

enum { PATIENCE_DEFAULT_MS = 45 * 1000, CODINGS = SERIES_PLAIN + 1 };

Shipper *
shipper_new(const ShipperConfig *config)
{
    Shipper *shipper = g_new0(Shipper, 1);
    shipper->endpoints = g_ptr_array_ref(config->endpoints);
    shipper->queues = g_new0(PushQueue *, config->endpoints->len);
    shipper->patience_ms = config->patience_ms > 0 ? config->patience_ms : PATIENCE_DEFAULT_MS;
    for (guint i = 0; i < shipper->endpoints->len; i++) {
        const Endpoint *endpoint = shipper->endpoints->pdata[i];
        g_autofree char *dir = config->spool_dir != NULL
                                   ? g_build_filename(config->spool_dir, endpoint->name, NULL)
                                   : NULL;
        const OutboxConfig outbox = {
            .bytes_max = config->queue_bytes,
            .dir = dir,
            .spool_bytes = config->spool_bytes,
            .age_max_ms = config->age_max_ms,
        };
        shipper->queues[i] = push_queue_new(endpoint, &outbox);
    }
    return shipper;
}

void
shipper_stop(Shipper *shipper, int64_t timeout_ms)
{
    int64_t deadline_us = g_get_monotonic_time() + timeout_ms * 1000;
    shipper_flush(shipper);
    for (guint i = 0; i < shipper->endpoints->len; i++)
        push_queue_begin_stop(shipper->queues[i]);
    for (guint i = 0; i < shipper->endpoints->len; i++)
        push_queue_stop(shipper->queues[i], deadline_us);
}

void
shipper_free(Shipper *shipper)
{
    if (shipper == NULL)
        return;
    for (guint i = 0; i < shipper->endpoints->len; i++)
        push_queue_free(shipper->queues[i]);
    g_free(shipper->queues);
    g_ptr_array_unref(shipper->endpoints);
    g_free(shipper);
}

/* ---- Adding. ---- */

/* The labels of a profile for an endpoint that adds its own. */
static LabelSet *
with_external_labels(const LabelSet *labels, GHashTable *external)
{
    LabelSet *set = label_set_new();
    GHashTableIter each;
    gpointer external_name, external_value;
    g_hash_table_iter_init(&each, external);
    while (g_hash_table_iter_next(&each, &external_name, &external_value))
        label_set_set(set, external_name, external_value);
    for (size_t i = 0; i < label_set_size(labels); i++) {
        const char *name, *value;
        label_set_at(labels, i, &name, &value);
        label_set_set(set, name, value);
    }
    return set;
}

static GBytes *
encode(Shipper *shipper, const LabelSet *labels, const uint8_t *pprof, size_t size,
       SeriesCoding coding)
{
    size_t n_dropped;
    GBytes *payload = series_encode(labels, pprof, size, coding, &n_dropped);
    (void)__atomic_fetch_add(&shipper->n_labels_dropped, (gint64)n_dropped, __ATOMIC_RELAXED);
    return payload;
}

void
shipper_add(Shipper *shipper, const LabelSet *labels, const uint8_t *pprof, size_t size)
{
    GBytes *shared[CODINGS] = {NULL}; /* endpoints that want the same get the same */
    const char *named = label_set_get(labels, TARGET_TENANT_LABEL);
    OutboxTime now = outbox_time_now();
    for (guint i = 0; i < shipper->endpoints->len; i++) {
        const Endpoint *endpoint = shipper->endpoints->pdata[i];
        Outbox *outbox = push_queue_outbox(shipper->queues[i]);
        if (*named != '\0' && !endpoint_is_tenant(named)) {
            outbox_refuse(outbox, DROP_BAD_TENANT);
            continue;
        }
        g_autoptr(GBytes) payload = NULL;
        if (endpoint->external_labels != NULL) {
            g_autoptr(LabelSet) set = with_external_labels(labels, endpoint->external_labels);
            payload = encode(shipper, set, pprof, size, endpoint->coding);
        } else {
            if (shared[endpoint->coding] == NULL)
                shared[endpoint->coding] = encode(shipper, labels, pprof, size, endpoint->coding);
            payload = g_bytes_ref(shared[endpoint->coding]);
        }
        const char *fixed = endpoint->tenant != NULL ? endpoint->tenant : "";
        outbox_add(outbox, *named != '\0' ? named : fixed, payload, size, endpoint->coding, now);
    }
    for (size_t i = 0; i < CODINGS; i++)
        g_clear_pointer(&shared[i], g_bytes_unref);
}

void
shipper_flush(Shipper *shipper)
{
    OutboxTime now = outbox_time_now();
    for (guint i = 0; i < shipper->endpoints->len; i++)
        outbox_flush(push_queue_outbox(shipper->queues[i]), now);
}

/* ---- Checking. ---- */

static void
check_pushes(const Shipper *shipper, PushQueue *queue, GString *out)
{
    const Endpoint *endpoint = push_queue_endpoint(queue);
    g_auto(PushQueueState) state = {0};
    push_queue_get_state(queue, &state);
    int64_t now_ms = g_get_real_time() / 1000;
    if (state.failing_since_ms == 0 || now_ms - state.failing_since_ms < shipper->patience_ms)
        return;
    g_autofree char *since = rfc3339_text(state.failing_since_ms / 1000);
    g_string_append_printf(out, "endpoint %s: %s has taken no profiles since %s: %s\n",
                           endpoint->name, endpoint->shown_url, since, state.last_error);
}

void
shipper_check(Shipper *shipper, GString *out)
{
    for (guint i = 0; i < shipper->endpoints->len; i++) {
        PushQueue *queue = shipper->queues[i];
        check_pushes(shipper, queue, out);
        g_autofree char *problem = outbox_check(push_queue_outbox(queue));
        if (problem != NULL)
            g_string_append_printf(out,
                                   "endpoint %s: profiles wait in memory alone, the spool takes "
                                   "nothing: %s\n",
                                   push_queue_endpoint(queue)->name, problem);
    }
}
