#include "agent/export/shipper_private.h"
#include "lib/base/metrics.h"

static const char *const drop_labels[] = {
#define X(name, label) [name] = (label),
    DROP_REASONS(X)
#undef X
};

/* Everything that is told of one endpoint. */
typedef struct {
    OutboxCounts outbox;
    PushQueueState push;
} EndpointCounts;

typedef struct {
    const char *name, *kind, *help;
    size_t offset; /* of a uint64_t in EndpointCounts */
} EndpointMetric;

#define OUTBOX(field) offsetof(EndpointCounts, outbox.field)
#define PUSH(field)   offsetof(EndpointCounts, push.field)

static const EndpointMetric rows[] = {
    {"cresset_agent_profiles_queued_total", "counter", "Profiles handed to the endpoint.",
     OUTBOX(added)},
    {"cresset_agent_profiles_recovered_total", "counter",
     "Profiles of earlier runs, found in the spool.", OUTBOX(recovered)},
    {"cresset_agent_profiles_pushed_total", "counter", "Profiles that the server accepted.",
     OUTBOX(acknowledged)},
    {"cresset_agent_pushed_profile_bytes_total", "counter",
     "Bytes of accepted profiles before compression.", OUTBOX(acknowledged_raw)},
    {"cresset_agent_pushed_bytes_total", "counter", "Bytes of accepted pushes.", PUSH(sent_bytes)},
    {"cresset_agent_pushes_total", "counter", "Pushes that were answered or failed.",
     PUSH(requests)},
    {"cresset_agent_push_retries_total", "counter", "Pushes that failed and were tried again.",
     PUSH(retries)},
    {"cresset_agent_queue_profiles", "gauge",
     "Profiles that wait, in memory and on the disk, or are being sent.", OUTBOX(waiting)},
    {"cresset_agent_queue_bytes", "gauge", "Memory of the profiles that wait.",
     OUTBOX(waiting_bytes)},
    {"cresset_agent_spool_profiles", "gauge", "Profiles that wait, on the disk.", OUTBOX(spooled)},
    {"cresset_agent_spool_bytes", "gauge", "Bytes of the files of the spool.", OUTBOX(spool_bytes)},
    {"cresset_agent_spool_damaged_total", "counter",
     "Places of the spool that were found damaged at the start.", OUTBOX(spool_damaged)},
    {"cresset_agent_spool_failures_total", "counter", "Failed accesses to the spool.",
     OUTBOX(spool_failures)},
};

static void
write_head(GString *out, const char *name, const char *kind, const char *help)
{
    g_string_append_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

static void
write_value(GString *out, const char *name, const Endpoint *endpoint, const char *reason,
            uint64_t value)
{
    g_string_append_printf(out, "%s{endpoint=\"", name);
    metrics_append_label_value(out, endpoint->name);
    if (reason != NULL)
        g_string_append_printf(out, "\",reason=\"%s", reason);
    g_string_append_printf(out, "\"} %" G_GUINT64_FORMAT "\n", value);
}

static const Endpoint *
endpoint_at(const Shipper *shipper, guint i)
{
    return ((const ShipperRoute *)shipper->routes->pdata[i])->endpoint;
}

static void
write_row(const Shipper *shipper, const EndpointMetric *row, const EndpointCounts *counts,
          GString *out)
{
    write_head(out, row->name, row->kind, row->help);
    for (guint i = 0; i < shipper->routes->len; i++) {
        uint64_t value = *(const uint64_t *)(const void *)((const char *)&counts[i] + row->offset);
        write_value(out, row->name, endpoint_at(shipper, i), NULL, value);
    }
}

static void
write_drops(const Shipper *shipper, const EndpointCounts *counts, GString *out)
{
    static const char name[] = "cresset_agent_profiles_dropped_total";
    write_head(out, name, "counter", "Profiles that never reach the server.");
    for (guint i = 0; i < shipper->routes->len; i++)
        for (size_t reason = 0; reason < DROP_REASON_COUNT; reason++)
            write_value(out, name, endpoint_at(shipper, i), drop_labels[reason],
                        counts[i].outbox.dropped[reason]);
}

static void
write_failing(const Shipper *shipper, const EndpointCounts *counts, GString *out)
{
    static const char name[] = "cresset_agent_endpoint_failing_seconds";
    int64_t now_ms = g_get_real_time() / 1000;
    write_head(out, name, "gauge", "Since when pushes have failed; 0: the last one was taken.");
    for (guint i = 0; i < shipper->routes->len; i++) {
        int64_t since_ms = counts[i].push.failing_since_ms;
        write_value(out, name, endpoint_at(shipper, i), NULL,
                    since_ms > 0 ? (uint64_t)MAX(now_ms - since_ms, 1000) / 1000 : 0);
    }
}

void
shipper_write_metrics(Shipper *shipper, GString *out)
{
    static const char labels[] = "cresset_agent_labels_dropped_total";
    g_rw_lock_reader_lock(&shipper->lock);
    g_autofree EndpointCounts *counts = g_new0(EndpointCounts, shipper->routes->len);
    for (guint i = 0; i < shipper->routes->len; i++) {
        const ShipperRoute *route = shipper->routes->pdata[i];
        outbox_get_counts(push_queue_outbox(route->queue), &counts[i].outbox);
        push_queue_get_state(route->queue, &counts[i].push);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        write_row(shipper, &rows[i], counts, out);
    write_drops(shipper, counts, out);
    write_failing(shipper, counts, out);
    write_head(out, labels, "counter", "Labels of profiles left out, as a series may have 30.");
    g_string_append_printf(out, "%s %" G_GINT64_FORMAT "\n", labels,
                           __atomic_load_n(&shipper->n_labels_dropped, __ATOMIC_RELAXED));
    for (guint i = 0; i < shipper->routes->len; i++)
        push_queue_state_clear(&counts[i].push);
    g_rw_lock_reader_unlock(&shipper->lock);
}
