/* Monitors of the Prometheus operator that find nothing to scrape. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"
#include "lib/k8s/selector.h"

static void run_monitors(CheckRun *run);

static const CheckRow rows[] = {
    {
        .id = "servicemonitor-selects-nothing",
        .kind = "ServiceMonitor",
        .severity = SEVERITY_LOW,
        .stage = STAGE_ADVICE,
        .tier = 2,
        .hold_s = 3600,
        .symptom = "Metrics of a program are never collected.",
        .meaning = "The selector of the ServiceMonitor matches no Service of the namespaces that "
                   "it names, or the Services that it matches have no port of that name.",
        .fix = "Correct the selector, the namespaces or the name of the port.",
        .run = run_monitors,
        .needs = {KIND_SERVICE_MONITOR, KIND_SERVICE},
    },
};

const CheckTopic check_topic_monitor = {rows, G_N_ELEMENTS(rows)};

static bool
means_namespace(const Object *monitor, const char *ns)
{
    const Value *selector = value_at(monitor->value, "spec.namespaceSelector");
    if (value_is_true(selector, "any"))
        return true;
    if (value_count(selector, "matchNames") == 0)
        return strcmp(ns, monitor->ns) == 0;
    for (const Value *name = value_first(selector, "matchNames"); name != NULL; name = name->next) {
        if (value_is(name, "", ns))
            return true;
    }
    return false;
}

/* Service that may be meant: also those of which nobody can say. Free with g_ptr_array_unref. */
static GPtrArray *
select_services(const CheckRun *run, const Object *monitor)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_SERVICE);
    const Value *selector = value_at(monitor->value, "spec.selector");
    GPtrArray *services = g_ptr_array_new();
    for (guint i = 0; i < all->len; i++) {
        const Object *service = all->pdata[i];
        if (means_namespace(monitor, service->ns) &&
            selector_match(selector, value_at(service->value, "metadata.labels")) != MATCH_NO)
            g_ptr_array_add(services, all->pdata[i]);
    }
    return services;
}

/* The first named port of its endpoints that none of the Services has; NULL: none is missing. */
static const char *
missing_port(const Object *monitor, const GPtrArray *services)
{
    for (const Value *end = value_first(monitor->value, "spec.endpoints"); end != NULL;
         end = end->next) {
        const char *port = value_text(end, "port");
        bool is_there = port[0] == '\0';
        for (guint i = 0; i < services->len && !is_there; i++)
            is_there = value_find(((const Object *)services->pdata[i])->value, "spec.ports", "name",
                                  port) != NULL;
        if (!is_there)
            return port;
    }
    return NULL;
}

static void
look_at_monitor(CheckRun *run, const Object *monitor)
{
    g_autoptr(GPtrArray) services = select_services(run, monitor);
    const char *port = services->len > 0 ? missing_port(monitor, services) : NULL;
    if ((services->len > 0 && port == NULL) ||
        !check_held(run, &rows[0], object_changed_s(monitor, NULL)))
        return;
    Finding *finding = check_report(run, &rows[0], monitor);
    g_autofree char *selector = selector_text(value_at(monitor->value, "spec.selector"));
    if (port == NULL) {
        finding_title(finding, "ServiceMonitor %s matches no Service", monitor->name);
        finding_cause(finding, "No Service of the namespaces that it looks at has the labels %s.",
                      selector);
    } else {
        finding_title(finding, "ServiceMonitor %s names port %s, which no Service has",
                      monitor->name, port);
        finding_cause(finding, "It matches %u Services (%s), and none has a port called %s.",
                      services->len, selector, port);
    }
    check_advise(finding, monitor);
}

static void
run_monitors(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_SERVICE_MONITOR);
    if (!check_knows(run, &rows[0]))
        return;
    for (guint i = 0; i < all->len; i++)
        look_at_monitor(run, all->pdata[i]);
}
