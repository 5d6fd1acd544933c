#include "server/api/api_metrics.h"

#include "lib/base/memory.h"

enum {
    ROW_REQUESTS,
    ROW_SECONDS,
    ROW_RECEIVED,
    ROW_SENT,
    ROW_CONNECTIONS,
    ROW_FLIGHT,
    ROW_BODIES,
    ROW_MEMORY,
    ROW_MEMORY_MAX,
    ROW_REFUSED
};

static const char *const status_classes[] = {"2xx", "3xx", "4xx", "5xx", NULL};
static const char *const scopes[] = {"public", "read", "write", "none", NULL};
#define SCOPE_NONE 3

static const char *const refusals[] = {[HTTP_REFUSED_RESETS] = "resets",
                                       [HTTP_REFUSED_FLOOD] = "flood",
                                       [HTTP_REFUSED_HEADER] = "header",
                                       [HTTP_REFUSED_STALL] = "stall",
                                       [HTTP_REFUSED_PROTOCOL] = "protocol",
                                       [HTTP_REFUSED_MEMORY] = "memory",
                                       NULL};

static const double duration_buckets[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                          0.25,  0.5,    1,     2.5,  5,     10,   0};

static const MetricRow rows[] = {
    [ROW_REQUESTS] = {"cresset_http_requests_total", METRIC_COUNTER,
                      "Requests answered, by class of status.", "status", status_classes, NULL},
    [ROW_SECONDS] = {"cresset_http_request_duration_seconds", METRIC_HISTOGRAM,
                     "Time from the head of a request to its answer, by kind of route.", "kind",
                     scopes, duration_buckets},
    [ROW_RECEIVED] = {"cresset_http_received_bytes_total", METRIC_COUNTER,
                      "Bytes of request bodies as they travelled.", NULL, NULL, NULL},
    [ROW_SENT] = {"cresset_http_sent_bytes_total", METRIC_COUNTER,
                  "Bytes of response bodies as they travelled.", NULL, NULL, NULL},
    [ROW_CONNECTIONS] = {"cresset_http_connections", METRIC_GAUGE, "Open connections.", NULL, NULL,
                         NULL},
    [ROW_FLIGHT] = {"cresset_http_requests_in_flight", METRIC_GAUGE,
                    "Requests begun and not answered yet.", NULL, NULL, NULL},
    [ROW_BODIES] =
        {"cresset_http_body_bytes", METRIC_GAUGE,
         "Bytes of request bodies, and of heads of HTTP/2, in memory (limit http-body-memory).",
         NULL, NULL, NULL},
    [ROW_MEMORY] = {"cresset_memory_bytes", METRIC_GAUGE,
                    "Memory that counts for the limit memory-max.", NULL, NULL, NULL},
    [ROW_MEMORY_MAX] = {"cresset_memory_max_bytes", METRIC_GAUGE,
                        "Beyond this, requests are refused (limit memory-max).", NULL, NULL, NULL},
    [ROW_REFUSED] = {"cresset_http_refused", METRIC_GAUGE,
                     "Clients refused or cut off since the start, by why.", "reason", refusals,
                     NULL},
};

Metrics *
api_metrics_new(void)
{
    return metrics_new(rows, G_N_ELEMENTS(rows));
}

void
api_metrics_count(Metrics *metrics, const HttpDone *done)
{
    size_t status = CLAMP(done->response->status / 100, 2, 5) - 2;
    size_t scope = done->request->route != NULL ? done->request->route->scope : SCOPE_NONE;
    metrics_add(metrics, ROW_REQUESTS, status, 1);
    metrics_observe(metrics, ROW_SECONDS, scope, (double)done->duration_us / G_USEC_PER_SEC);
    metrics_add(metrics, ROW_RECEIVED, 0, (double)done->received_bytes);
    metrics_add(metrics, ROW_SENT, 0, (double)done->sent_bytes);
}

void
api_metrics_write(Api *api, GString *out)
{
    if (api->http != NULL) {
        metrics_set(api->metrics, ROW_CONNECTIONS, 0, http_server_connections(api->http));
        metrics_set(api->metrics, ROW_FLIGHT, 0, http_server_in_flight(api->http));
        metrics_set(api->metrics, ROW_MEMORY, 0, (double)memory_used());
        metrics_set(api->metrics, ROW_MEMORY_MAX, 0, (double)memory_ceiling());
        metrics_set(api->metrics, ROW_BODIES, 0, (double)http_server_body_bytes(api->http));
        for (size_t i = 0; i < HTTP_REFUSALS; i++)
            metrics_set(api->metrics, ROW_REFUSED, i,
                        (double)http_server_refused(api->http, (HttpRefusal)i));
    }
    metrics_write(api->metrics, out);
}
