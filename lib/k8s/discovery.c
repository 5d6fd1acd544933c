#include "lib/k8s/discovery.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/k8s/json_scan.h"

/* A dead backend answers 503 for as long as it is dead. */
enum { GROUP_TRIES_MAX = 2 };

#define MANAGED_CATEGORY "managed"

struct Discovery {
    GStringChunk *texts;
    GArray *versions;  /* of DiscoveredVersion, in the order of preference */
    GArray *resources; /* of DiscoveredResource */
};

/* A document on its way into a discovery. What is said of a resource and of the things around it
 * may come in any order, so that each is filled in at its end. */
typedef struct {
    Discovery *discovery;
    const char *kind;    /* of the document */
    const char *group;   /* of the item that is read; NULL: not named */
    const char *version; /* of the version that is read */
    const char *preferred;
    bool is_stale, too_many;
    guint group_versions, group_resources; /* how many there were before the item */
    guint version_resources;               /* before the version */
    DiscoveredResource resource;           /* that is read */
    bool is_subresource;
} Reading;

Discovery *
discovery_new(void)
{
    Discovery *discovery = g_new0(Discovery, 1);
    discovery->texts = g_string_chunk_new(16 * 1024);
    discovery->versions = g_array_new(FALSE, TRUE, sizeof(DiscoveredVersion));
    discovery->resources = g_array_new(FALSE, TRUE, sizeof(DiscoveredResource));
    return discovery;
}

void
discovery_free(Discovery *discovery)
{
    if (discovery == NULL)
        return;
    g_string_chunk_free(discovery->texts);
    g_array_unref(discovery->versions);
    g_array_unref(discovery->resources);
    g_free(discovery);
}

static const char *
keep_text(Reading *reading, const char *text, size_t length)
{
    g_autofree char *copy = g_strndup(text, length);
    return g_string_chunk_insert_const(reading->discovery->texts, copy);
}

static void
add_version(Reading *reading)
{
    GArray *versions = reading->discovery->versions;
    DiscoveredVersion version = {reading->group, reading->version, reading->is_stale};
    reading->too_many = reading->too_many || versions->len >= DISCOVERY_VERSIONS_MAX;
    if (version.version != NULL && !reading->too_many)
        g_array_append_val(versions, version);
}

static void
add_resource(Reading *reading)
{
    GArray *resources = reading->discovery->resources;
    reading->too_many = reading->too_many || resources->len >= DISCOVERY_RESOURCES_MAX;
    if (reading->resource.resource != NULL && !reading->is_subresource && !reading->too_many)
        g_array_append_val(resources, reading->resource);
    reading->resource = (DiscoveredResource){0};
    reading->is_subresource = false;
}

static bool
text_is(const char *text, size_t length, const char *word)
{
    return length == strlen(word) && memcmp(text, word, length) == 0;
}

/* --- aggregated: APIGroupDiscoveryList -------------------------------------------------------- */

static void
aggregated_scalar(Reading *reading, const char *path, const char *text, size_t length)
{
    if (strcmp(path, "items[].metadata.name") == 0)
        reading->group = keep_text(reading, text, length);
    else if (strcmp(path, "items[].versions[].version") == 0)
        reading->version = keep_text(reading, text, length);
    else if (strcmp(path, "items[].versions[].freshness") == 0)
        reading->is_stale = text_is(text, length, "Stale");
    else if (strcmp(path, "items[].versions[].resources[].resource") == 0)
        reading->resource.resource = keep_text(reading, text, length);
    else if (strcmp(path, "items[].versions[].resources[].categories[]") == 0)
        reading->resource.is_managed |= text_is(text, length, MANAGED_CATEGORY);
}

/* Says the version of the resources that were read in it. */
static void
end_version(Reading *reading)
{
    GArray *resources = reading->discovery->resources;
    for (guint i = reading->version_resources; i < resources->len; i++)
        g_array_index(resources, DiscoveredResource, i).version = reading->version;
    if (reading->version == NULL)
        g_array_set_size(resources, reading->version_resources);
    add_version(reading);
    reading->version_resources = resources->len;
    reading->version = NULL;
    reading->is_stale = false;
}

/* Says the group of what was read in it. */
static void
end_group(Reading *reading)
{
    GArray *versions = reading->discovery->versions, *resources = reading->discovery->resources;
    const char *group = reading->group != NULL ? reading->group : "";
    for (guint i = reading->group_versions; i < versions->len; i++)
        g_array_index(versions, DiscoveredVersion, i).group = group;
    for (guint i = reading->group_resources; i < resources->len; i++)
        g_array_index(resources, DiscoveredResource, i).group = group;
    reading->group_versions = versions->len;
    reading->group_resources = resources->len;
    reading->group = NULL;
}

/* --- plain: APIVersions, APIGroupList, APIResourceList ---------------------------------------- */

static void
plain_scalar(Reading *reading, const char *path, const char *text, size_t length)
{
    if (strcmp(path, "groups[].name") == 0)
        reading->group = keep_text(reading, text, length);
    else if (strcmp(path, "groups[].preferredVersion.version") == 0)
        reading->preferred = keep_text(reading, text, length);
    else if (strcmp(path, "groups[].versions[].version") == 0)
        reading->version = keep_text(reading, text, length);
    if (strcmp(path, "versions[]") != 0)
        return;
    reading->version = keep_text(reading, text, length);
    end_version(reading);
    end_group(reading);
}

/* The preferred version of a group comes first. */
static void
end_plain_group(Reading *reading)
{
    GArray *versions = reading->discovery->versions;
    for (guint i = reading->group_versions; i < versions->len; i++) {
        DiscoveredVersion version = g_array_index(versions, DiscoveredVersion, i);
        if (g_strcmp0(version.version, reading->preferred) == 0 && i > reading->group_versions) {
            g_array_remove_index(versions, i);
            g_array_insert_val(versions, reading->group_versions, version);
            break;
        }
    }
    reading->preferred = NULL;
    end_group(reading);
}

static void
resource_scalar(void *user, const char *path, const char *text, size_t length)
{
    Reading *reading = user;
    if (strcmp(path, "kind") == 0) {
        reading->kind = keep_text(reading, text, length);
    } else if (strcmp(path, "resources[].name") == 0) {
        reading->is_subresource = memchr(text, '/', length) != NULL;
        reading->resource.resource = keep_text(reading, text, length);
    } else if (strcmp(path, "resources[].categories[]") == 0) {
        reading->resource.is_managed |= text_is(text, length, MANAGED_CATEGORY);
    }
}

static bool
resource_end(void *user, const char *path)
{
    Reading *reading = user;
    if (strcmp(path, "resources[]") == 0)
        add_resource(reading);
    return !reading->too_many;
}

/* --- documents -------------------------------------------------------------------------------- */

static void
group_scalar(void *user, const char *path, const char *text, size_t length)
{
    Reading *reading = user;
    if (strcmp(path, "kind") == 0)
        reading->kind = keep_text(reading, text, length);
    aggregated_scalar(reading, path, text, length);
    plain_scalar(reading, path, text, length);
}

static bool
group_end(void *user, const char *path)
{
    Reading *reading = user;
    if (strcmp(path, "items[].versions[].resources[]") == 0)
        add_resource(reading);
    else if (strcmp(path, "items[].versions[]") == 0 || strcmp(path, "groups[].versions[]") == 0)
        end_version(reading);
    else if (strcmp(path, "items[]") == 0)
        end_group(reading);
    else if (strcmp(path, "groups[]") == 0)
        end_plain_group(reading);
    return !reading->too_many;
}

/* Forgets what a document that is refused has added. */
static bool
read_document(Discovery *discovery, GBytes *body, const JsonScanEvents *events, Reading *reading,
              GError **error)
{
    guint n_versions = discovery->versions->len, n_resources = discovery->resources->len;
    reading->discovery = discovery;
    reading->group_versions = n_versions;
    reading->group_resources = reading->version_resources = n_resources;
    gsize size;
    const void *data = g_bytes_get_data(body, &size);
    bool is_read = json_scan(data, size, events, reading, error);
    if (is_read && reading->too_many)
        is_read = error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                            "discovery has more than %d versions or %d resources",
                            DISCOVERY_VERSIONS_MAX, DISCOVERY_RESOURCES_MAX);
    if (!is_read) {
        g_array_set_size(discovery->versions, n_versions);
        g_array_set_size(discovery->resources, n_resources);
    }
    return is_read;
}

bool
discovery_add_groups(Discovery *discovery, GBytes *body, bool *ret_is_complete, GError **error)
{
    static const JsonScanEvents events = {group_scalar, group_end};
    Reading reading = {0};
    guint n_versions = discovery->versions->len, n_resources = discovery->resources->len;
    if (!read_document(discovery, body, &events, &reading, error))
        return false;
    bool is_complete = g_strcmp0(reading.kind, "APIGroupDiscoveryList") == 0;
    if (is_complete || g_strcmp0(reading.kind, "APIGroupList") == 0 ||
        g_strcmp0(reading.kind, "APIVersions") == 0) {
        *ret_is_complete = is_complete;
        return true;
    }
    g_array_set_size(discovery->versions, n_versions);
    g_array_set_size(discovery->resources, n_resources);
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "the field kind of the answer does not name a list of groups");
}

bool
discovery_add_resources(Discovery *discovery, const char *group, const char *version, GBytes *body,
                        GError **error)
{
    static const JsonScanEvents events = {resource_scalar, resource_end};
    Reading reading = {0};
    guint n_resources = discovery->resources->len;
    if (!read_document(discovery, body, &events, &reading, error))
        return false;
    if (g_strcmp0(reading.kind, "APIResourceList") != 0) {
        g_array_set_size(discovery->resources, n_resources);
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "the field kind of the answer does not name a list of resources");
    }
    reading.group = keep_text(&reading, group, strlen(group));
    const char *kept_version = keep_text(&reading, version, strlen(version));
    for (guint i = n_resources; i < discovery->resources->len; i++) {
        DiscoveredResource *added = &g_array_index(discovery->resources, DiscoveredResource, i);
        added->group = reading.group;
        added->version = kept_version;
    }
    return true;
}

/* --- asking the server ------------------------------------------------------------------------ */

/* Asks for the resources of one version; when that fails the version is stale. */
static void
load_version(Discovery *discovery, guint index, K8sClient *client, const K8sCall *call)
{
    DiscoveredVersion *version = &g_array_index(discovery->versions, DiscoveredVersion, index);
    bool is_core = *version->group == '\0';
    g_autofree char *path = is_core
                                ? g_strdup_printf("/api/%s", version->version)
                                : g_strdup_printf("/apis/%s/%s", version->group, version->version);
    g_auto(K8sOutcome) outcome = {0};
    g_autoptr(GBytes) body = NULL;
    version->is_stale =
        !k8s_client_get(client, path, K8S_OBJECTS, call, &body, &outcome) ||
        !discovery_add_resources(discovery, version->group, version->version, body, NULL);
}

/* Reads /api or /apis and, when it was plain, what it names. */
static bool
load_groups(Discovery *discovery, const char *path, K8sClient *client, const K8sCall *call,
            K8sOutcome *outcome)
{
    g_autoptr(GBytes) body = NULL;
    g_autoptr(GError) error = NULL;
    bool is_complete = false;
    guint n_versions = discovery->versions->len;
    k8s_outcome_clear(outcome);
    if (!k8s_client_get(client, path, K8S_DISCOVERY, call, &body, outcome))
        return false;
    if (!discovery_add_groups(discovery, body, &is_complete, &error)) {
        outcome->result = K8S_FAILED;
        g_free(outcome->message);
        outcome->message = g_strdup(error->message);
        return false;
    }
    K8sCall short_call = *call;
    short_call.tries_max = short_call.tries_max > 0 ? short_call.tries_max : GROUP_TRIES_MAX;
    for (guint i = n_versions; !is_complete && i < discovery->versions->len; i++)
        load_version(discovery, i, client, &short_call);
    /* Otherwise everything would look stale. */
    if (!g_cancellable_is_cancelled(call->cancel))
        return true;
    outcome->result = K8S_CANCELLED;
    return false;
}

Discovery *
discovery_load(K8sClient *client, const K8sCall *call, K8sOutcome *ret_outcome)
{
    g_autoptr(Discovery) discovery = discovery_new();
    K8sCall bounded = call != NULL ? *call : (K8sCall){0};
    if (bounded.body_bytes_max == 0)
        bounded.body_bytes_max = DISCOVERY_BODY_BYTES_MAX;
    *ret_outcome = (K8sOutcome){0};
    if (!load_groups(discovery, "/api", client, &bounded, ret_outcome) ||
        !load_groups(discovery, "/apis", client, &bounded, ret_outcome))
        return NULL;
    return g_steal_pointer(&discovery);
}

/* --- questions -------------------------------------------------------------------------------- */

static const DiscoveredResource *
find_in(const Discovery *discovery, const char *group, const char *version, const char *resource)
{
    for (guint i = 0; i < discovery->resources->len; i++) {
        const DiscoveredResource *known =
            &g_array_index(discovery->resources, DiscoveredResource, i);
        if (strcmp(known->group, group) == 0 && strcmp(known->version, version) == 0 &&
            strcmp(known->resource, resource) == 0)
            return known;
    }
    return NULL;
}

const DiscoveredResource *
discovery_find(const Discovery *discovery, const char *group, const char *resource,
               const char *version)
{
    const DiscoveredResource *found =
        version != NULL ? find_in(discovery, group, version, resource) : NULL;
    for (guint i = 0; found == NULL && i < discovery->versions->len; i++) {
        const DiscoveredVersion *known = &g_array_index(discovery->versions, DiscoveredVersion, i);
        if (strcmp(known->group, group) == 0)
            found = find_in(discovery, group, known->version, resource);
    }
    return found;
}

bool
discovery_is_stale(const Discovery *discovery, const char *group)
{
    for (guint i = 0; i < discovery->versions->len; i++) {
        const DiscoveredVersion *known = &g_array_index(discovery->versions, DiscoveredVersion, i);
        if (known->is_stale && strcmp(known->group, group) == 0)
            return true;
    }
    return false;
}

const DiscoveredVersion *
discovery_versions(const Discovery *discovery, size_t *ret_n)
{
    *ret_n = discovery->versions->len;
    return (const DiscoveredVersion *)(const void *)discovery->versions->data;
}

const DiscoveredResource *
discovery_resources(const Discovery *discovery, size_t *ret_n)
{
    *ret_n = discovery->resources->len;
    return (const DiscoveredResource *)(const void *)discovery->resources->data;
}
