/* Answers that fail on their way: of the cluster's DNS, of ingress controllers, by certificates
 * that end. */
#include "analyzers/checks/metric.h"
#include "analyzers/checks/table.h"

static void run_traffic(CheckRun *run);

#define REQUESTS "nginx_ingress_controller_requests"
#define BY       "by (namespace, exported_namespace, ingress) "

static const TelemetryQuery dns = {
    .name = "dns-failures",
    .families = "coredns_dns_responses_total",
    .text = "sum(rate(coredns_dns_responses_total{rcode=\"SERVFAIL\",$S}[10m])) / "
            "sum(rate(coredns_dns_responses_total{$S}[10m])) > 0.05",
};
static const TelemetryQuery ingress = {
    .name = "ingress-failures",
    .families = REQUESTS,
    .text = "sum " BY "(rate(" REQUESTS "{status=~\"5..\",$S}[10m])) / sum " BY "(rate(" REQUESTS
            "{$S}[10m])) > 0.05 and sum " BY "(rate(" REQUESTS "{$S}[10m])) > 0.2",
};
static const TelemetryQuery nginx_certificate = {
    .name = "certificate-of-nginx",
    .families = "nginx_ingress_controller_ssl_expire_time_seconds",
    .text = "min by (host) (nginx_ingress_controller_ssl_expire_time_seconds{host!=\"_\",$S} > 0) "
            "- time() < 14 * 86400",
};
static const TelemetryQuery probed_certificate = {
    .name = "certificate-of-probe",
    .families = "probe_ssl_earliest_cert_expiry",
    .text = "min by (instance) (probe_ssl_earliest_cert_expiry{$S} > 0) - time() < 14 * 86400",
};

enum { ROW_DNS, ROW_INGRESS, ROW_CERTIFICATE };

static const CheckRow rows[] = {
    [ROW_DNS] =
        {
            .id = "dns-errors",
            .kind = "DNS",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_PLUGIN,
            .tier = 2,
            .hold_s = 10 * 60,
            .symptom = "Names are not resolved, now and then, all over the cluster.",
            .meaning = "Over ten minutes more than 5 % of the answers of CoreDNS were failures of "
                       "its own (SERVFAIL).",
            .fix = "Read the log of CoreDNS: its upstream servers, or a loop in its configuration.",
            .run = run_traffic,
            .asks = {&dns},
        },
    [ROW_INGRESS] =
        {
            .id = "ingress-5xx",
            .kind = "Ingress",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ROUTE,
            .tier = 2,
            .hold_s = 10 * 60,
            .is_umbrella = true,
            .symptom = "Users get errors from a site.",
            .meaning = "Over ten minutes more than 5 % of the requests of an Ingress were answered "
                       "with 5xx (ingress-nginx), and there was more than one in five seconds.",
            .fix = "Look at the pods behind it, and at their log.",
            .run = run_traffic,
            .needs = {KIND_INGRESS},
            .asks = {&ingress},
        },
    [ROW_CERTIFICATE] =
        {
            .id = "serving-cert-probe-free",
            .kind = "Certificate",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_ROUTE,
            .tier = 2,
            .hold_s = 3600,
            .symptom = "The certificate of a site is about to end.",
            .meaning =
                "The certificate that an ingress controller or a probed site shows ends "
                "within 14 days; high within a day. It is told by metrics, without access to "
                "Secrets.",
            .fix = "Renew it, or find out why it was not renewed.",
            .run = run_traffic,
            .asks = {&nginx_certificate, &probed_certificate},
        },
};

const CheckTopic check_topic_traffic_metric = {rows, G_N_ELEMENTS(rows)};

static const Object cluster_dns = {.kind = KIND_NONE, .ns = "", .name = "DNS", .uid = ""};
static const Object certificates = {.kind = KIND_NONE, .ns = "", .name = "certificates", .uid = ""};

static const MetricRule rules[] = {
    {
        .query = &dns,
        .row = &rows[ROW_DNS],
        .place = PLACE_CLUSTER,
        .subject = &cluster_dns,
        .unit = UNIT_SHARE,
        .title = "{value} of the DNS answers of the cluster fail",
        .cause = "CoreDNS answers {value} of the questions with SERVFAIL: it does not get an "
                 "answer itself.",
    },
    {
        .query = &ingress,
        .row = &rows[ROW_INGRESS],
        .place = PLACE_INGRESS,
        .unit = UNIT_SHARE,
        .title = "{value} of the requests to Ingress {object} fail",
        .cause = "Over ten minutes {value} of the requests to Ingress {object} were answered with "
                 "5xx.",
    },
    {
        .query = &nginx_certificate,
        .row = &rows[ROW_CERTIFICATE],
        .place = PLACE_CLUSTER,
        .subject = &certificates,
        .part = "host",
        .unit = UNIT_SECONDS,
        .worse = SEVERITY_HIGH,
        .worse_below = 86400,
        .title = "The certificate of {part} ends in {value}",
        .cause = "ingress-nginx serves {part} with a certificate that ends in {value}.",
    },
    {
        .query = &probed_certificate,
        .row = &rows[ROW_CERTIFICATE],
        .place = PLACE_CLUSTER,
        .subject = &certificates,
        .part = "instance",
        .unit = UNIT_SECONDS,
        .worse = SEVERITY_HIGH,
        .worse_below = 86400,
        .title = "The certificate of {part} ends in {value}",
        .cause = "The probe of {part} sees a certificate that ends in {value}.",
    },
};

static void
run_traffic(CheckRun *run)
{
    metric_run(run, rules, G_N_ELEMENTS(rules));
}
