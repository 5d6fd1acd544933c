/* What a server serves: groups, versions and resources, from its aggregated discovery (v2, v2beta1;
 * two requests) or from the plain documents of older servers (one request for each version).
 *
 * A group whose backend is dead does not break the rest: it is stale, and what of it is known may
 * be old or missing. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "lib/k8s/client.h"

enum {
    DISCOVERY_BODY_BYTES_MAX = 32 * 1024 * 1024, /* 20,000 resources */
    DISCOVERY_VERSIONS_MAX = 10 * 1000,
    DISCOVERY_RESOURCES_MAX = 100 * 1000,
};

/* A resource in one version; lives as long as the discovery. */
typedef struct {
    const char *group, *version; /* "" is the core group */
    const char *resource;        /* "deployments" */
    bool is_managed;             /* of the category "managed": outside things of Crossplane */
} DiscoveredResource;

/* A version of a group, in the order of the server's preference. */
typedef struct {
    const char *group, *version;
    bool is_stale; /* its backend does not answer */
} DiscoveredVersion;

typedef struct Discovery Discovery;

/* Asks the server. NULL with the outcome set when it does not say what groups there are. Groups
 * that do not answer alone are stale. The caller clears the outcome. */
Discovery *discovery_load(K8sClient *client, const K8sCall *call, K8sOutcome *ret_outcome);
void discovery_free(Discovery *discovery);

/* The resource in `version` when that is served, else (or when NULL) in the version that the server
 * prefers among those that have it. NULL: not served. Subresources are not known. */
const DiscoveredResource *discovery_find(const Discovery *discovery, const char *group,
                                         const char *resource, const char *version);
/* Whether a version of the group is stale, so that its resources may be there unseen. */
bool discovery_is_stale(const Discovery *discovery, const char *group);
/* All versions; *ret_n of them. */
const DiscoveredVersion *discovery_versions(const Discovery *discovery, size_t *ret_n);
const DiscoveredResource *discovery_resources(const Discovery *discovery, size_t *ret_n);

/* For one that is put together from documents: an empty one, and what a document adds to it. */
Discovery *discovery_new(void);
/* The answer to /api or /apis. *ret_is_complete: it was the aggregated one, which has the resources
 * too. INVALID_ARGUMENT when it is neither, RESOURCE_EXHAUSTED when it is too much. */
bool
discovery_add_groups(Discovery *discovery, GBytes *body, bool *ret_is_complete, GError **error);
/* The answer to /api/VERSION or /apis/GROUP/VERSION (APIResourceList). */
bool discovery_add_resources(Discovery *discovery, const char *group, const char *version,
                             GBytes *body, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Discovery, discovery_free)
