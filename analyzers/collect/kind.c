#include "analyzers/collect/kind.h"

#include <glib.h>
#include <string.h>

static const KindRow rows[KIND_COUNT] = {[KIND_NONE] = {"Backend", "", "backends", false},
#define KIND_ROW(name, kind, group, resource, namespaced)                                          \
    [KIND_##name] = {kind, group, resource, namespaced},
                                         KINDS(KIND_ROW)
#undef KIND_ROW
};

const KindRow *
kind_row(Kind kind)
{
    return &rows[kind];
}

bool
kind_is_custom(Kind kind)
{
    /* Groups with a dot that the API server has of itself (k8s.io/api). */
    static const char *const own[] = {"networking.k8s.io",      "discovery.k8s.io",
                                      "storage.k8s.io",         "rbac.authorization.k8s.io",
                                      "apiextensions.k8s.io",   "admissionregistration.k8s.io",
                                      "apiregistration.k8s.io", "coordination.k8s.io",
                                      "scheduling.k8s.io",      "node.k8s.io",
                                      "certificates.k8s.io",    "resource.k8s.io",
                                      "events.k8s.io",          NULL};
    return strchr(rows[kind].group, '.') != NULL && !g_strv_contains(own, rows[kind].group);
}

Kind
kind_of(const char *group, const char *kind)
{
    for (int i = KIND_NONE + 1; i < KIND_COUNT; i++) {
        if (strcmp(rows[i].kind, kind) == 0 && strcmp(rows[i].group, group) == 0)
            return (Kind)i;
    }
    return KIND_NONE;
}

Kind
kind_of_resource(const char *group, const char *resource)
{
    for (int i = KIND_NONE + 1; i < KIND_COUNT; i++) {
        if (strcmp(rows[i].resource, resource) == 0 && strcmp(rows[i].group, group) == 0)
            return (Kind)i;
    }
    return KIND_NONE;
}

char *
kind_group(const char *api_version)
{
    const char *slash = strchr(api_version, '/');
    return slash != NULL ? g_strndup(api_version, (gsize)(slash - api_version)) : g_strdup("");
}
