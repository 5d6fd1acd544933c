#include "tests/unit/agent/export/shipper_fixture.h"

#include <string.h>

#include "agent/discovery/target.h"
#include "tests/harness/check.h"

/* ---- Shippers. ---- */

Endpoint *
fixture_endpoint(const char *name, const char *url)
{
    Endpoint *endpoint = endpoint_new();
    endpoint->name = g_strdup(name);
    endpoint->url = g_strdup(url);
    endpoint->backoff_min_ms = 2;
    endpoint->backoff_max_ms = 20;
    return endpoint;
}

static char *
url_of(uint16_t port)
{
    return g_strdup_printf("http://127.0.0.1:%u/", port);
}

Endpoint *
fixture_endpoint_at(const char *name, uint16_t port)
{
    g_autofree char *url = url_of(port);
    return fixture_endpoint(name, url);
}

static GPtrArray *
checked(Endpoint *first, Endpoint *second)
{
    GPtrArray *endpoints = g_ptr_array_new_with_free_func((GDestroyNotify)endpoint_unref);
    Endpoint *all[] = {first, second};
    for (size_t i = 0; i < G_N_ELEMENTS(all) && all[i] != NULL; i++) {
        g_autoptr(GError) error = NULL;
        assert_true(endpoint_check(all[i], &error));
        g_ptr_array_add(endpoints, all[i]);
    }
    return endpoints;
}

Shipper *
fixture_shipper(Endpoint *first, Endpoint *second, const char *spool_dir)
{
    g_autoptr(GPtrArray) endpoints = checked(first, second);
    const ShipperConfig config = {
        .endpoints = endpoints, .spool_dir = spool_dir, .spool_bytes = 16 << 20, .patience_ms = 1};
    return shipper_new(&config);
}

void
fixture_set_endpoints(Shipper *shipper, Endpoint *first, Endpoint *second)
{
    g_autoptr(GPtrArray) endpoints = checked(first, second);
    shipper_set_endpoints(shipper, endpoints);
}

/* A profile is any text here. */
void
fixture_add_as(Shipper *shipper, const char *service, const char *tenant, const char *text,
               size_t size)
{
    g_autoptr(LabelSet) labels = label_set_new();
    label_set_set(labels, "service_name", service);
    label_set_set(labels, TARGET_TENANT_LABEL, tenant);
    shipper_add(shipper, labels, (const uint8_t *)text, size);
}

void
fixture_add(Shipper *shipper, const char *service)
{
    fixture_add_as(shipper, service, "", service, strlen(service));
}

/* ---- What is told. ---- */

uint64_t
fixture_metric(Shipper *shipper, const char *name, const char *labels)
{
    g_autoptr(GString) out = g_string_new("\n");
    g_autofree char *row = g_strdup_printf("\n%s{%s} ", name, labels);
    shipper_write_metrics(shipper, out);
    const char *at = strstr(out->str, row);
    assert_non_null(at);
    return g_ascii_strtoull(at + strlen(row), NULL, 10);
}

uint64_t
fixture_dropped(Shipper *shipper, const char *reason)
{
    g_autofree char *labels = g_strdup_printf("endpoint=\"a\",reason=\"%s\"", reason);
    return fixture_metric(shipper, "cresset_agent_profiles_dropped_total", labels);
}

uint64_t
fixture_pushed(Shipper *shipper)
{
    return fixture_metric(shipper, "cresset_agent_profiles_pushed_total", "endpoint=\"a\"");
}

uint64_t
fixture_retries(Shipper *shipper)
{
    return fixture_metric(shipper, "cresset_agent_push_retries_total", "endpoint=\"a\"");
}

/* What was handed over and found is pushed, dropped or waits. */
void
fixture_check_ledger(Shipper *shipper)
{
    static const char *const reasons[] = {
        "queue_full",   "spool_full", "too_old", "damaged", "bad_tenant", "invalid", "unauthorized",
        "rate_limited", "too_large",  "refused", "retries", "stopped",    "removed"};
    uint64_t in =
        fixture_metric(shipper, "cresset_agent_profiles_queued_total", "endpoint=\"a\"") +
        fixture_metric(shipper, "cresset_agent_profiles_recovered_total", "endpoint=\"a\"");
    uint64_t out = fixture_pushed(shipper) +
                   fixture_metric(shipper, "cresset_agent_queue_profiles", "endpoint=\"a\"");
    for (size_t i = 0; i < G_N_ELEMENTS(reasons); i++)
        out += fixture_dropped(shipper, reasons[i]);
    assert_int_equal(in, out);
}

char *
fixture_problems(Shipper *shipper)
{
    GString *out = g_string_new(NULL);
    shipper_check(shipper, out);
    return g_string_free(out, FALSE);
}
