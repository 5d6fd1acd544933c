/* MetalLB without addresses to give. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_pools(CheckRun *run);

static const CheckRow rows[] = {
    {
        .id = "metallb",
        .kind = "Service",
        .severity = SEVERITY_MEDIUM,
        .stage = STAGE_PLUGIN,
        .tier = 2,
        .hold_s = 600,
        .symptom = "Services of type LoadBalancer get no address.",
        .meaning = "The types of MetalLB are installed, there is no IPAddressPool, and a Service "
                   "of type LoadBalancer without a class of its own waits for an address.",
        .fix = "Create an IPAddressPool, and an L2Advertisement or BGPAdvertisement for it.",
        .run = run_pools,
        .needs = {KIND_SERVICE, KIND_METALLB_POOL, KIND_CRD},
    },
};

const CheckTopic check_topic_metallb = {rows, G_N_ELEMENTS(rows)};

static bool
waits_for_address(const Object *service)
{
    return value_is(service->value, "spec.type", "LoadBalancer") && !status_is_deleted(service) &&
           value_text(service->value, "spec.loadBalancerClass")[0] == '\0' &&
           value_count(service->value, "status.loadBalancer.ingress") == 0;
}

static void
run_pools(CheckRun *run)
{
    if (!check_knows(run, &rows[0]) ||
        snapshot_objects(run->snapshot, KIND_METALLB_POOL)->len > 0 ||
        snapshot_get(run->snapshot, KIND_CRD, "", "ipaddresspools.metallb.io") == NULL)
        return;
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_SERVICE);
    for (guint i = 0; i < all->len; i++) {
        const Object *service = all->pdata[i];
        if (!waits_for_address(service) ||
            !check_held(run, &rows[0], object_changed_s(service, NULL)))
            continue;
        Finding *finding = check_report(run, &rows[0], service);
        finding_title(finding, "MetalLB has no pool to give Service %s an address from",
                      service->name);
        finding_cause(finding, "MetalLB is installed and there is no IPAddressPool, so no Service "
                               "of type LoadBalancer gets an address.");
        check_advise(finding, service);
    }
}
