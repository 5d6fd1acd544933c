/* Discovery documents, aggregated or plain: everything that is taken from them is whole. */
#include <stddef.h>
#include <stdint.h>

#include "lib/k8s/discovery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const Discovery *discovery)
{
    size_t n_versions, n_resources;
    const DiscoveredVersion *versions = discovery_versions(discovery, &n_versions);
    const DiscoveredResource *resources = discovery_resources(discovery, &n_resources);
    for (size_t i = 0; i < n_versions; i++)
        if (versions[i].group == NULL || versions[i].version == NULL)
            __builtin_trap();
    for (size_t i = 0; i < n_resources; i++) {
        const DiscoveredResource *one = &resources[i];
        if (one->group == NULL || one->version == NULL || one->resource == NULL)
            __builtin_trap();
        if (i < 100 && discovery_find(discovery, one->group, one->resource, one->version) == NULL)
            __builtin_trap();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) body = g_bytes_new_static(data, size);
    g_autoptr(Discovery) discovery = discovery_new();
    bool is_complete;
    if (discovery_add_groups(discovery, body, &is_complete, NULL))
        check(discovery);
    if (discovery_add_resources(discovery, "group", "v1", body, NULL))
        check(discovery);
    return 0;
}
