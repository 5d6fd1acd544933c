/* The API over the store: what every endpoint shares, and the route table.
 *
 * Endpoints render; server/query computes and server/ingest takes in. Each handler answers in the
 * protocol of its path: Connect unary under /<package>.<Service>/<Method>, the legacy paths of
 * Pyroscope, and our own under /api/v1. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/metrics.h"
#include "lib/base/option.h"
#include "server/api/async_queries.h"
#include "server/debuginfo/debug_files.h"
#include "server/findings/findings.h"
#include "server/http/server.h"
#include "server/ingest/ingest.h"
#include "server/query/query.h"
#include "server/store/store.h"
#include "server/tenant/auth.h"
#include "server/tenant/limits.h"

typedef struct Api {
    Store *store;
    Ingest *ingest;
    TenantOverrides *overrides;
    TenantAuth *auth;              /* or NULL */
    const QueryResolver *resolver; /* or NULL */
    struct Rules *rules;           /* or NULL */
    AsyncQueries *async_queries;
    DebugFiles *debug_files;
    Findings *findings;
    const OptionTable *option_table; /* of the program; or NULL */
    const void *options;             /* what it runs with, of options_size bytes */
    size_t options_size;
    HttpServer *http; /* set once it exists; for its gauges */
    Metrics *metrics;
    void (*write_metrics)(GString *out, void *data); /* further ones, or NULL */
    void *write_metrics_data;
} Api;

/* Borrows all of them. */
Api *api_new(Store *store, Ingest *ingest, TenantOverrides *overrides);
void api_free(Api *api);

/* Every path of the server. */
const HttpRoute *api_routes(size_t *ret_n);

/* For HttpConfig.on_done: counts the request and logs what went wrong on our side. */
void api_request_done(const HttpDone *done, void *api);

/* Answers one of our own queries, which no cache may keep: with `body`, which it takes, or, when
 * that is NULL, with the error. */
void api_reply(HttpRequest *request, const char *media_type, GBytes *body, const GError *error);

/* Stands for every tenant in a file of tokens. */
#define API_EVERY_TENANT "*"
/* Whether the request may see what is said of all tenants at once: where tokens are asked for, with
 * one that may read every tenant. */
bool api_may_read_all(const Api *api, const HttpRequest *request);

/* Wall clock in nanoseconds. */
int64_t api_now_ns(void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Api, api_free)
