/* Recording rules: totals of profiles, or of one function in them, as Prometheus metrics.
 *
 * At the end of every interval each rule of each tenant becomes one sample for every combination of
 * its group_by labels that has profiles in the interval. They go to a receiver of remote write with
 * the tenant as X-Scope-OrgID, and the newest can be read as Prometheus text. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/query/query.h"
#include "server/store/labels.h"
#include "server/store/store.h"
#include "server/tenant/limits.h"

/* The kind of the documents that hold rules: a packed settings.v1.RecordingRule each. */
#define RECORDING_RULE_KIND "recording rule"

typedef struct Rules Rules;

typedef struct {
    Store *store;
    TenantOverrides *overrides;              /* whether a tenant's rules see stripped profiles */
    const QueryResolver *resolver;           /* of addresses without lines; or NULL */
    const char *remote_write_url;            /* NULL or "": the samples are only kept to be read */
    const char *const *remote_write_headers; /* "Name: value", NULL at the end; or NULL */
    int64_t interval_ns;
    int64_t delay_ns; /* how long after an interval its profiles may still come */
} RulesConfig;

/* Starts a thread of its own. Strings of `config` must outlive it. */
Rules *rules_start(const RulesConfig *config, GError **error);
/* Ends it, also in the midst of sending. NULL is allowed. */
void rules_stop(Rules *rules);

/* Evaluates every rule of a tenant over the interval that ends at `end_ns`: RuleSample, in the
 * order of the rules; the array frees them. A rule that cannot be evaluated is counted and left
 * out. */
GPtrArray *rules_evaluate(Rules *rules, const char *tenant, int64_t end_ns);

typedef struct {
    Labels *labels; /* __name__, group_by, external ones, pyroscope_rule_id */
    double value;
    int64_t time_ms;
} RuleSample;

/* Appends the newest samples of a tenant as Prometheus text. */
void rules_write_samples(Rules *rules, const char *tenant, GString *out);
/* Appends cresset_server_rules_… as Prometheus text. */
void rules_write_metrics(Rules *rules, GString *out);
