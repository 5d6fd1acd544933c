/* Which Services pods say that they use: in environment, arguments and ConfigMaps for them. */
#pragma once
#include "analyzers/collect/relations.h"

typedef struct {
    const Object *service;
    const Value *port; /* one of its spec.ports; NULL when it is not said */
    char *where;       /* "REDIS_ADDR", "arguments": never a value */
} Dependency;

/* Dependency of a template ({metadata, spec}) of a namespace, each port of a Service once, without
 * Services that select the template itself; free with g_ptr_array_unref. Values are looked at as
 * host names: "web", "web.shop.svc:80", "http://web", "user@db:5432". */
GPtrArray *dependencies_of(const Snapshot *snapshot, const char *ns, const Value *template);
/* Whether the template names any host by name, also one outside of the cluster. */
bool names_hosts(const Snapshot *snapshot, const char *ns, const Value *template);
