/* The API server, its webhooks and etcd, as they measure themselves. */
#include <string.h>

#include "analyzers/checks/metric.h"
#include "analyzers/checks/table.h"

static void run_control_plane(CheckRun *run);

#define ERRORS(span)                                                                               \
    "sum(rate(apiserver_request_total{code=~\"5..\",$S}[" span                                     \
    "])) / sum(rate(apiserver_request_total{$S}[" span "]))"
#define WEBHOOKS "apiserver_admission_webhook_"

/* ---- What is asked. ---- */

/* The budget of 99 % good answers burns so fast that it is gone within two days, or within five
 * (https://sre.google/workbook/alerting-on-slos/, table 5-8). */
static const TelemetryQuery errors_fast = {
    .name = "apiserver-errors-fast",
    .families = "apiserver_request_total",
    .text = ERRORS("1h") " > 14.4 * 0.01 and " ERRORS("5m") " > 14.4 * 0.01",
};
static const TelemetryQuery errors_slow = {
    .name = "apiserver-errors-slow",
    .families = "apiserver_request_total",
    .text = ERRORS("6h") " > 6 * 0.01 and " ERRORS("30m") " > 6 * 0.01",
};
static const TelemetryQuery latency = {
    .name = "apiserver-latency",
    .families = "apiserver_request_duration_seconds_bucket",
    .text = "topk(3, min_over_time((histogram_quantile(0.99, sum by (le, resource, verb) "
            "(rate(apiserver_request_duration_seconds_bucket{verb!~\"LIST|WATCH|WATCHLIST|CONNECT"
            "\",subresource!~\"proxy|exec|attach|log|portforward\",$S}[5m]))))[10m:1m]) > 1)",
};
static const TelemetryQuery rejected = {
    .name = "apiserver-rejected",
    .families = "apiserver_flowcontrol_rejected_requests_total",
    .text = "sum by (flow_schema, priority_level) "
            "(rate(apiserver_flowcontrol_rejected_requests_total{$S}[10m])) > 0",
};
static const TelemetryQuery webhook_failures = {
    .name = "webhook-failures",
    .families = WEBHOOKS "rejection_count",
    .text = "sum by (name) (rate(" WEBHOOKS
            "rejection_count{error_type=~\"calling_webhook_error|apiserver_internal_error\","
            "$S}[10m])) > 0",
};
static const TelemetryQuery webhook_skipped = {
    .name = "webhook-skipped",
    .families = WEBHOOKS "fail_open_count",
    .text = "sum by (name) (rate(" WEBHOOKS "fail_open_count{$S}[10m])) > 0",
};
static const TelemetryQuery webhook_duration = {
    .name = "webhook-duration",
    .families = WEBHOOKS "admission_duration_seconds_bucket",
    .text = "histogram_quantile(0.99, sum by (name, le) (rate(" WEBHOOKS
            "admission_duration_seconds_bucket{$S}[15m]))) > 5",
};
static const TelemetryQuery deprecated = {
    .name = "apiserver-deprecated",
    .families = "apiserver_requested_deprecated_apis",
    .text = "max by (group, version, resource, removed_release) "
            "(apiserver_requested_deprecated_apis{removed_release!=\"\",$S}) == 1",
};
static const TelemetryQuery no_leader = {
    .name = "etcd-leader",
    .families = "etcd_server_has_leader",
    .text = "max_over_time(etcd_server_has_leader{$S}[1m]) == 0",
};
static const TelemetryQuery peer_failures = {
    .name = "etcd-peer-failures",
    .families = "etcd_network_peer_sent_failures_total",
    .text = "max by (To) (min_over_time(rate(etcd_network_peer_sent_failures_total{$S}"
            "[5m])[20m:5m])) > 0.01",
};
static const TelemetryQuery database = {
    .name = "etcd-database",
    .families = "etcd_mvcc_db_total_size_in_bytes etcd_server_quota_backend_bytes",
    .text = "max(etcd_mvcc_db_total_size_in_bytes{$S} / etcd_server_quota_backend_bytes{$S}) "
            "> 0.95",
};
static const TelemetryQuery log_writes = {
    .name = "etcd-fsync",
    .families = "etcd_disk_wal_fsync_duration_seconds_bucket",
    .text = "histogram_quantile(0.99, sum by (instance, le) "
            "(rate(etcd_disk_wal_fsync_duration_seconds_bucket{$S}[10m]))) > 0.5",
};
static const TelemetryQuery commits = {
    .name = "etcd-commit",
    .families = "etcd_disk_backend_commit_duration_seconds_bucket",
    .text = "histogram_quantile(0.99, sum by (instance, le) "
            "(rate(etcd_disk_backend_commit_duration_seconds_bucket{$S}[10m]))) > 0.25",
};

/* ---- The checks. ---- */

enum {
    ROW_ERRORS,
    ROW_LATENCY,
    ROW_REJECTED,
    ROW_WEBHOOK_FAILURES,
    ROW_WEBHOOK_SLOW,
    ROW_DEPRECATED,
    ROW_LEADER,
    ROW_MEMBERS,
    ROW_DATABASE,
    ROW_DISK,
};

#define CONTROL_ROW(name, about, level, order, hold, seen, told_by, step, ...)                     \
    {                                                                                              \
        .id = name, .kind = about, .severity = level, .stage = order, .tier = 2, .hold_s = hold,   \
        .symptom = seen, .meaning = told_by, .fix = step, .run = run_control_plane, .asks = {      \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static const CheckRow rows[] = {
    [ROW_ERRORS] = CONTROL_ROW(
        "apiserver-errors", "API server", SEVERITY_HIGH, STAGE_BACKEND, 0,
        "The Kubernetes API fails too often.",
        "So many of its answers are errors of its own (5xx) that a budget of 1 % would be used up "
        "within five days; critical when within two.",
        "Look at etcd and at the webhooks that the API server calls, then at its log.",
        &errors_fast, &errors_slow),
    [ROW_LATENCY] = CONTROL_ROW(
        "apiserver-latency", "API server", SEVERITY_MEDIUM, STAGE_BACKEND, 10 * 60,
        "The Kubernetes API is slow.",
        "For ten minutes one of a hundred requests took more than a second; lists and watches are "
        "left out.",
        "Look for clients that list very much, and at the disk of etcd.", &latency),
    [ROW_REJECTED] =
        CONTROL_ROW("apiserver-throttling", "API server", SEVERITY_MEDIUM, STAGE_BACKEND, 10 * 60,
                    "The Kubernetes API turns requests away.",
                    "API Priority and Fairness has rejected requests within ten minutes.",
                    "Find the client that sends so many: kubectl get --raw "
                    "/debug/api_priority_and_fairness/dump_priority_levels",
                    &rejected),
    [ROW_WEBHOOK_FAILURES] = CONTROL_ROW(
        "webhook-rejections", "WebhookConfiguration", SEVERITY_HIGH, STAGE_ADMISSION, 10 * 60,
        "An admission webhook cannot be called.",
        "Within ten minutes calls to it failed, so that changes were refused, or let through "
        "without it.",
        "Look at the Service and the pods of the webhook.", &webhook_failures, &webhook_skipped),
    [ROW_WEBHOOK_SLOW] =
        CONTROL_ROW("webhook-slow", "WebhookConfiguration", SEVERITY_MEDIUM, STAGE_ADMISSION,
                    15 * 60, "An admission webhook slows down every change.",
                    "Within 15 minutes one of a hundred calls to it took more than five seconds.",
                    "Scale the webhook, or narrow down what it is called for.", &webhook_duration),
    [ROW_DEPRECATED] = CONTROL_ROW(
        "deprecated-api-used", "API server", SEVERITY_LOW, STAGE_ADVICE, 86400,
        "Somebody uses an API that is about to be removed.",
        "The API server has served a version of an API that the next minor release does not have.",
        "Find the client in the audit log (annotation k8s.io/deprecated), and upgrade it before "
        "the cluster.",
        &deprecated),
    [ROW_LEADER] = CONTROL_ROW(
        "etcd-no-leader", "etcd", SEVERITY_CRITICAL, STAGE_BACKEND, 60,
        "The cluster can change nothing: etcd has no leader.",
        "For a minute a member of etcd knew no leader.",
        "See which members run, and whether they reach each other; then look at their disks.",
        &no_leader),
    [ROW_MEMBERS] = CONTROL_ROW("etcd-members-down", "etcd", SEVERITY_HIGH, STAGE_BACKEND, 20 * 60,
                                "A member of etcd is away; one more may stop the cluster.",
                                "For 20 minutes the others could not send to it.",
                                "Bring the member back, or replace it.", &peer_failures),
    [ROW_DATABASE] = CONTROL_ROW(
        "etcd-db-near-quota", "etcd", SEVERITY_CRITICAL, STAGE_BACKEND, 0,
        "etcd is about to refuse every change.",
        "Its database has more than 95 % of the size that it may have.",
        "Compact and defragment etcd, member by member; then find what fills it.", &database),
    [ROW_DISK] = CONTROL_ROW(
        "etcd-slow-disk", "etcd", SEVERITY_HIGH, STAGE_BACKEND, 10 * 60,
        "The disk of etcd is too slow, and with it the whole API.",
        "Within ten minutes one of a hundred writes to its log took more than 500 ms, or to its "
        "database more than 250 ms.",
        "Give etcd a faster disk, or one that it does not share.", &log_writes, &commits),
};

const CheckTopic check_topic_control_plane_metric = {rows, G_N_ELEMENTS(rows)};

static const Object api_server = {.kind = KIND_NONE, .ns = "", .name = "API server", .uid = ""};
static const Object etcd = {.kind = KIND_NONE, .ns = "", .name = "etcd", .uid = ""};

/* The minor release of the newest kubelet: that of the API server, or one before. */
static int64_t
minor_release(const CheckRun *run)
{
    int64_t newest = 0;
    const GPtrArray *nodes = snapshot_objects(run->snapshot, KIND_NODE);
    for (guint i = 0; i < nodes->len; i++) {
        const Object *node = nodes->pdata[i];
        const char *dot = strchr(value_text(node->value, "status.nodeInfo.kubeletVersion"), '.');
        newest = dot != NULL ? MAX(newest, g_ascii_strtoll(dot + 1, NULL, 10)) : newest;
    }
    return newest;
}

static bool
is_removed_next(const CheckRun *run, const Object *object, const MetricSeries *series)
{
    const char *dot = strchr(series_label(series, "removed_release"), '.');
    (void)object;
    return dot != NULL && minor_release(run) > 0 &&
           g_ascii_strtoll(dot + 1, NULL, 10) <= minor_release(run) + 1;
}

#define CONTROL_RULE(asked, which, whom, measure, head, text, ...)                                 \
    {                                                                                              \
        .query = &(asked), .row = &rows[which], .place = PLACE_CLUSTER, .subject = &(whom),        \
        .unit = measure, .title = head, .cause = text, ##__VA_ARGS__                               \
    }

static const MetricRule rules[] = {
    CONTROL_RULE(errors_fast, ROW_ERRORS, api_server, UNIT_SHARE,
                 "The API server fails {value} of its requests",
                 "Over the last hour, and still in the last minutes, {value} of the answers of the "
                 "API server were errors of its own.",
                 .worse = SEVERITY_CRITICAL, .worse_above = 0.001),
    CONTROL_RULE(errors_slow, ROW_ERRORS, api_server, UNIT_SHARE,
                 "The API server fails {value} of its requests",
                 "Over the last six hours, and still in the last half hour, {value} of the answers "
                 "of the API server were errors of its own."),
    CONTROL_RULE(latency, ROW_LATENCY, api_server, UNIT_SHORT,
                 "The API server takes {value} for {verb} of {resource}",
                 "One of a hundred requests ({verb} of {resource}) takes {value} or more.",
                 .part = "resource"),
    CONTROL_RULE(rejected, ROW_REJECTED, api_server, UNIT_NUMBER,
                 "The API server turns away requests of {flow_schema}",
                 "It rejects {value} requests a second of the flow {flow_schema} (priority level "
                 "{priority_level}), as too many of them come at once.",
                 .part = "flow_schema"),
    CONTROL_RULE(webhook_failures, ROW_WEBHOOK_FAILURES, api_server, UNIT_NUMBER,
                 "Webhook {name} cannot be called",
                 "{value} calls a second to the admission webhook {name} fail, and the changes "
                 "that they are about are refused.",
                 .part = "name"),
    CONTROL_RULE(webhook_skipped, ROW_WEBHOOK_FAILURES, api_server, UNIT_NUMBER,
                 "Webhook {name} cannot be called, and is skipped",
                 "{value} calls a second to the admission webhook {name} fail, and the changes "
                 "that they are about are let through without it.",
                 .part = "name"),
    CONTROL_RULE(webhook_duration, ROW_WEBHOOK_SLOW, api_server, UNIT_SHORT,
                 "Webhook {name} takes {value}",
                 "One of a hundred calls to the admission webhook {name} takes {value} or more, "
                 "and every change that it is called for waits.",
                 .part = "name"),
    CONTROL_RULE(deprecated, ROW_DEPRECATED, api_server, UNIT_NUMBER,
                 "Somebody uses {resource} of {group}/{version}, which release {removed_release} "
                 "removes",
                 "The API {group}/{version} of {resource} has been asked for; it is gone in "
                 "release {removed_release}.",
                 .part = "resource", .is_told = is_removed_next),
    CONTROL_RULE(no_leader, ROW_LEADER, etcd, UNIT_NUMBER, "etcd has no leader",
                 "The member {instance} of etcd knows no leader: the API can be read at most."),
    CONTROL_RULE(peer_failures, ROW_MEMBERS, etcd, UNIT_NUMBER, "A member of etcd is away",
                 "The other members have not reached member {To} for 20 minutes; etcd goes on "
                 "while more than half of its members do.",
                 .part = "To"),
    CONTROL_RULE(database, ROW_DATABASE, etcd, UNIT_SHARE,
                 "The database of etcd has {value} of its size limit",
                 "The database of etcd has {value} of the size that it may have; at the limit "
                 "every change is refused."),
    CONTROL_RULE(log_writes, ROW_DISK, etcd, UNIT_SHORT,
                 "The disk of etcd takes {value} for a write",
                 "One of a hundred writes to the log of etcd on {instance} takes {value} or more.",
                 .part = "instance"),
    CONTROL_RULE(commits, ROW_DISK, etcd, UNIT_SHORT, "The disk of etcd takes {value} for a commit",
                 "One of a hundred commits of the database of etcd on {instance} takes {value} or "
                 "more.",
                 .part = "instance"),
};

static void
run_control_plane(CheckRun *run)
{
    metric_run(run, rules, G_N_ELEMENTS(rules));
}
